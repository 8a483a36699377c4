//! A checkpoint on disk: weights, moments and step, with hashes that recognise one that was cut short.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tch::Tensor;

use super::export::save_tensors;
use super::optimizer::AdamW;
use howard::disk;
use howard::error::{Error, Result};
use howard::learn::Checkpoint;

const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const STATE: &str = "state.json";

/// Folder of the checkpoint after `step` steps.
pub fn folder(checkpoints: &Path, step: u64) -> PathBuf {
    checkpoints.join(format!("step_{step:06}"))
}

/// The number that [`folder`] gave a checkpoint.
pub fn number(dir: &Path) -> Option<u64> {
    dir.file_name()?.to_str()?.strip_prefix("step_")?.parse().ok()
}

/// Ending of a folder that is being written.
const OPEN: &str = "tmp";

/// Writes a checkpoint: into a folder with another name, which gets its own when every file in it is on the disk. So there is
/// the whole checkpoint or none, whenever the process is killed.
///
/// # Errors
/// The folder cannot be written or the disk is full; nothing is left of it then.
pub fn save(dir: &Path, weights: Vec<(String, Tensor)>, optimizer: &AdamW) -> Result<Checkpoint> {
    let open = dir.with_extension(OPEN);
    let outcome = fill(&open, weights, optimizer).and_then(|checkpoint| {
        std::fs::rename(&open, dir).map_err(|e| Error::io(dir, e))?;
        if let Some(parent) = dir.parent() {
            sync(parent)?;
        }
        Ok(checkpoint)
    });
    if outcome.is_err() {
        let _ = std::fs::remove_dir_all(&open);
    }
    outcome
}

/// The files of a checkpoint; `state.json` is written last, with the hash of every file before it.
fn fill(dir: &Path, weights: Vec<(String, Tensor)>, optimizer: &AdamW) -> Result<Checkpoint> {
    disk::create_dir(dir)?;
    save_tensors(&dir.join(WEIGHTS), weights)?;
    save_tensors(&dir.join(OPTIMIZER), moments(optimizer))?;
    let mut files = BTreeMap::new();
    for name in [WEIGHTS, OPTIMIZER] {
        files.insert(name.to_string(), disk::sha256_file(&dir.join(name))?);
    }
    let checkpoint = Checkpoint { step: optimizer.step, files };
    let text = serde_json::to_string_pretty(&checkpoint)
        .map_err(|e| Error::file(dir, format!("state.json cannot be written: {e}")))?;
    disk::write_atomic(&dir.join(STATE), (text + "\n").as_bytes())?;
    sync(dir)?;
    Ok(checkpoint)
}

/// Waits until the entries of a folder are on the disk.
fn sync(dir: &Path) -> Result<()> {
    std::fs::File::open(dir).and_then(|f| f.sync_all()).map_err(|e| Error::io(dir, e))
}

/// Reads a checkpoint's state and checks that every file is whole.
///
/// # Errors
/// A file is missing, cut short or changed.
pub fn verify(dir: &Path) -> Result<Checkpoint> {
    let path = dir.join(STATE);
    let checkpoint: Checkpoint = serde_json::from_str(&disk::read_text(&path)?)
        .map_err(|e| Error::file(&path, format!("is not a checkpoint's state: {e}")))?;
    for (name, hash) in &checkpoint.files {
        if disk::sha256_file(&dir.join(name))? != *hash {
            return Err(Error::file(
                dir.join(name),
                "is not what was saved: the checkpoint was cut short or changed",
            ));
        }
    }
    Ok(checkpoint)
}

/// The newest whole checkpoint of a run, and the folders of newer ones that are damaged.
///
/// # Errors
/// The folder of checkpoints cannot be read.
pub fn newest(checkpoints: &Path) -> Result<(Option<PathBuf>, Vec<PathBuf>)> {
    if !checkpoints.exists() {
        return Ok((None, Vec::new()));
    }
    let mut folders = Vec::new();
    for entry in checkpoints.read_dir().map_err(|e| Error::io(checkpoints, e))? {
        folders.push(entry.map_err(|e| Error::io(checkpoints, e))?.path());
    }
    folders.sort();
    let is_open = |dir: &PathBuf| dir.extension().is_some_and(|e| e == OPEN);
    let (mut damaged, mut folders): (Vec<_>, Vec<_>) = folders.into_iter().partition(is_open);
    while let Some(dir) = folders.pop() {
        if verify(&dir).is_ok() {
            return Ok((Some(dir), damaged));
        }
        damaged.push(dir);
    }
    Ok((None, damaged))
}

/// Removes all but the newest `keep` checkpoints, and the one of step `best`.
///
/// # Errors
/// The folder cannot be read or changed.
pub fn prune(checkpoints: &Path, keep: usize, best: Option<u64>) -> Result<()> {
    let mut folders = Vec::new();
    for entry in checkpoints.read_dir().map_err(|e| Error::io(checkpoints, e))? {
        folders.push(entry.map_err(|e| Error::io(checkpoints, e))?.path());
    }
    folders.sort();
    let best = best.map(|step| folder(checkpoints, step));
    let old = folders.len().saturating_sub(keep);
    for dir in folders.into_iter().take(old).filter(|dir| Some(dir) != best.as_ref()) {
        std::fs::remove_dir_all(&dir).map_err(|e| Error::io(&dir, e))?;
    }
    Ok(())
}

/// Loads weights into the given tensors, moments and step into an optimizer of the same shape.
///
/// # Errors
/// A file is damaged or of another model.
pub fn load(
    dir: &Path,
    weights: Vec<(String, Tensor)>,
    optimizer: &mut AdamW,
) -> Result<Checkpoint> {
    let checkpoint = verify(dir)?;
    super::weights::fill(&dir.join(WEIGHTS), weights)?;
    super::weights::fill(&dir.join(OPTIMIZER), moments(optimizer))?;
    optimizer.step = checkpoint.step;
    Ok(checkpoint)
}

/// The moments under names that follow the order of the parameters.
fn moments(optimizer: &AdamW) -> Vec<(String, Tensor)> {
    let mut named = Vec::new();
    for (index, (first, second)) in optimizer.first.iter().zip(&optimizer.second).enumerate() {
        named.push((format!("{index:04}.first"), first.shallow_clone()));
        named.push((format!("{index:04}.second"), second.shallow_clone()));
    }
    named
}
