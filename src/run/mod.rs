//! A run on disk: one folder, resumed when the configuration is equal, refused otherwise, never overwritten.

pub mod config;
pub mod manifest;
pub mod tensorboard;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::disk;
use crate::error::{Error, Result};

pub use manifest::Manifest;

/// Written last; a folder without it is unfinished and never read as a result.
pub const DONE: &str = "DONE";
/// The resolved configuration.
pub const CONFIG: &str = "config.toml";
/// Where the run came from.
pub const MANIFEST: &str = "manifest.json";
/// Graded samples while an evaluation runs.
pub const RECORDS_JSONL: &str = "records.jsonl";
/// Graded samples of a finished evaluation.
pub const RECORDS: &str = "records.parquet";

/// One row per optimizer step of a training run.
pub const STEPS: &str = "steps.jsonl";
/// One row per group of rollouts.
pub const GROUPS: &str = "groups.jsonl";
/// Best and worst rollouts of each group, for reading.
pub const ROLLOUTS: &str = "rollouts.jsonl";
/// Completions of the open step.
pub const PENDING: &str = "pending.jsonl";
/// Seconds, tokens per second and memory of each step: what differs from machine to machine.
pub const TIMING: &str = "timing.jsonl";
/// The same numbers for TensorBoard.
pub const EVENTS: &str = "events.out.tfevents.howard";
/// Evaluations for TensorBoard; it reads every event file of a folder.
pub const EVALUATION_EVENTS: &str = "events.out.tfevents.howard.evaluations";
/// Evaluations during training.
pub const EVALUATIONS: &str = "evaluations.jsonl";
/// Checkpoints of a training run.
pub const CHECKPOINTS: &str = "checkpoints";
/// The trained model of a finished run.
pub const MODEL: &str = "model";

/// What was found where a run is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: a new run.
    Nothing,
    /// An unfinished run of the same configuration.
    Unfinished,
    /// A finished run of the same configuration.
    Finished,
}

/// Locked while a program works in the folder.
const LOCK: &str = ".lock";

/// Problems of the training set that benchmarks ask too.
pub const OVERLAP: &str = "overlap.json";
/// A model from nothing, to start from.
pub const SCRATCH: &str = "scratch";

/// What stands in a folder before its run has done anything.
const START: [&str; 5] = [LOCK, CONFIG, MANIFEST, OVERLAP, SCRATCH];

/// The folder of a run. Nobody else may open it while this (or a clone) lives.
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
    /// Let go by the system when the program ends, also when it is killed; none where files cannot be locked.
    _lock: Option<Arc<File>>,
}

impl RunFolder {
    /// Opens a run's folder: creates it with its configuration, or recognises the run that is already there. A run that has
    /// done nothing yet, because something was wrong, gives way to one of another configuration, with all that it left.
    ///
    /// # Errors
    /// The folder cannot be written, or another program works in it; it holds a run of another configuration, or files that
    /// are not a run's.
    pub fn open(dir: &Path, config: &impl Serialize) -> Result<(Self, Found)> {
        let text = toml::to_string(config).map_err(|e| {
            Error::config("configuration", format!("cannot be written as TOML: {e}"))
        })?;
        let config_path = dir.join(CONFIG);
        if !config_path.exists() && !is_empty(dir)? {
            return Err(Error::file(
                dir,
                "is not empty and holds no run (no config.toml): choose another --out",
            ));
        }
        disk::create_dir(dir)?;
        let folder = Self { dir: dir.to_path_buf(), _lock: lock(dir)? };
        if config_path.exists() {
            let there = disk::read_text(&config_path)?;
            if there == text {
                let done = folder.path(DONE).exists();
                return Ok((folder, if done { Found::Finished } else { Found::Unfinished }));
            }
            if !did_nothing(dir)? {
                return Err(Error::file(
                    dir,
                    format!(
                        "holds a run of another configuration ({}): choose another --out or remove the folder",
                        first_difference(&there, &text)
                    ),
                ));
            }
            folder.clear()?;
        }
        disk::write_atomic(&config_path, text.as_bytes())?;
        Ok((folder, Found::Nothing))
    }

    /// Removes what another run began with: its model and data are not those of this one.
    fn clear(&self) -> Result<()> {
        for name in [MANIFEST, OVERLAP].map(|name| self.path(name)) {
            if name.exists() {
                disk::remove(&name)?;
            }
        }
        let scratch = self.path(SCRATCH);
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch).map_err(|e| Error::io(&scratch, e))?;
        }
        Ok(())
    }

    /// A file of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The run's name: the folder's.
    pub fn name(&self) -> String {
        self.dir.file_name().map_or_else(|| "run".into(), |n| n.to_string_lossy().into_owned())
    }

    /// Marks the run as finished.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn finish(&self) -> Result<()> {
        disk::write_atomic(&self.path(DONE), b"")
    }
}

/// Whether a folder holds nothing, or is not there.
fn is_empty(dir: &Path) -> Result<bool> {
    if !dir.exists() {
        return Ok(true);
    }
    let mut entries = dir.read_dir().map_err(|e| Error::io(dir, e))?;
    Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK)))
}

/// Whether a run's folder holds nothing but what every run begins with, and what is empty. `DONE` is empty and says something all
/// the same.
fn did_nothing(dir: &Path) -> Result<bool> {
    for entry in dir.read_dir().map_err(|e| Error::io(dir, e))? {
        let (path, name) =
            entry.map(|e| (e.path(), e.file_name())).map_err(|e| Error::io(dir, e))?;
        let empty = path.metadata().is_ok_and(|found| match found.is_dir() {
            true => path.read_dir().is_ok_and(|mut entries| entries.next().is_none()),
            false => found.len() == 0,
        });
        if name == DONE || !(empty || START.iter().any(|start| name == *start)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// None also where nothing can be written: whoever wants to write will say so.
fn lock(dir: &Path) -> Result<Option<Arc<File>>> {
    let Ok(file) = File::create(dir.join(LOCK)) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(Arc::new(file))),
        Err(TryLockError::WouldBlock) => Err(Error::file(
            dir,
            "another program is at work in this folder: wait until it has ended, or choose another --out",
        )),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn first_difference(there: &str, here: &str) -> String {
    let mut pairs = there.lines().zip(here.lines());
    match pairs.find(|(a, b)| a != b) {
        Some((a, b)) => format!("it says `{a}`, now `{b}`"),
        None => "one has more settings than the other".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Config {
        seed: u64,
    }

    #[test]
    fn equal_configurations_resume_and_others_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a");
        let found = |seed| RunFolder::open(&dir, &Config { seed }).map(|(_, found)| found);
        assert_eq!(found(1).unwrap(), Found::Nothing);
        assert_eq!(found(1).unwrap(), Found::Unfinished);
        std::fs::write(dir.join(RECORDS_JSONL), "{}\n").unwrap();
        let message = found(2).unwrap_err().to_string();
        assert!(message.contains("it says `seed = 1`, now `seed = 2`"), "{message}");
        RunFolder::open(&dir, &Config { seed: 1 }).unwrap().0.finish().unwrap();
        assert_eq!(found(1).unwrap(), Found::Finished);
        assert!(found(2).is_err());
    }

    /// With its manifest and its model, which the next run would take for its own.
    #[test]
    fn a_run_that_did_nothing_gives_way() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a");
        let found = |seed| RunFolder::open(&dir, &Config { seed }).map(|(_, found)| found);
        assert_eq!(found(1).unwrap(), Found::Nothing);
        std::fs::write(dir.join(RECORDS_JSONL), "").unwrap();
        std::fs::create_dir(dir.join(CHECKPOINTS)).unwrap();
        std::fs::create_dir(dir.join(SCRATCH)).unwrap();
        for name in ["scratch/config.json", MANIFEST, OVERLAP] {
            std::fs::write(dir.join(name), "{}").unwrap();
        }
        assert_eq!(found(2).unwrap(), Found::Nothing);
        assert_eq!(disk::read_text(&dir.join(CONFIG)).unwrap(), "seed = 2\n");
        assert!(![SCRATCH, MANIFEST, OVERLAP].iter().any(|name| dir.join(name).exists()));
    }

    #[test]
    fn nothing_that_was_done_or_added_gives_way() {
        for name in [DONE, STEPS, EVALUATIONS, "notes.txt", "model/model.safetensors"] {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("a");
            RunFolder::open(&dir, &Config { seed: 1 }).unwrap();
            std::fs::create_dir(dir.join(MODEL)).unwrap();
            std::fs::write(dir.join(name), if name == DONE { "" } else { "x" }).unwrap();
            assert!(RunFolder::open(&dir, &Config { seed: 2 }).is_err(), "{name}");
            assert!(dir.join(name).exists() && dir.join(CONFIG).exists());
        }
    }

    #[test]
    fn two_programs_do_not_work_in_one_folder() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a");
        let (first, _) = RunFolder::open(&dir, &Config { seed: 1 }).unwrap();
        let message = RunFolder::open(&dir, &Config { seed: 1 }).unwrap_err().to_string();
        assert!(message.contains("another program is at work"), "{message}");
        let clone = first.clone();
        drop(first);
        assert!(RunFolder::open(&dir, &Config { seed: 1 }).is_err());
        drop(clone);
        assert!(RunFolder::open(&dir, &Config { seed: 1 }).is_ok());
    }

    #[test]
    fn a_folder_of_something_else_is_not_touched() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("thesis.tex"), "x").unwrap();
        let message = RunFolder::open(root.path(), &Config { seed: 1 }).unwrap_err().to_string();
        assert!(message.contains("holds no run"), "{message}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
