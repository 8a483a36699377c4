//! Where a run came from: enough to do it again and to know what is different when it comes out otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::error::{Error, Result};

/// Provenance of a run. Collected by the programs, written beside the results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The command line, program first.
    pub argv: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Git revision of howard, with `-dirty` where files were changed; absent outside a checkout.
    pub git_commit: Option<String>,
    /// Version of howard.
    pub version: String,
    /// Versions of what computes: libtorch, tch, polars ...
    pub versions: BTreeMap<String, String>,
    /// Name of the machine.
    pub host: String,
    /// Operating system and processor.
    pub platform: String,
    /// Number of processors that the program may use.
    pub threads: usize,
    /// Device and dtype of the model, e.g. `cpu float32`.
    pub device: String,
    /// SHA-256 of every file of the model, by name.
    pub model_files: BTreeMap<String, String>,
    /// SHA-256 over the problems of each benchmark (id, text, gold, in order).
    pub data: BTreeMap<String, String>,
    /// Grader name and version.
    pub grader: String,
    /// UTC start of this process, RFC 3339; a resumed run lists every start.
    pub started: Vec<String>,
    /// UTC end.
    pub ended: Option<String>,
}

impl Manifest {
    /// Writes it, keeping the starts of earlier processes of the same run.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::file(path, format!("cannot be written as JSON: {e}")))?;
        disk::write_atomic(path, (text + "\n").as_bytes())
    }

    /// Writes the manifest of a training run that begins or goes on; one that goes on must find the model and the data it
    /// began with.
    ///
    /// # Errors
    /// They have changed, or the file cannot be read or written.
    pub fn begin(mut self, folder: &super::RunFolder) -> Result<()> {
        let path = folder.path(super::MANIFEST);
        if path.exists() {
            let before = Self::read(&path)?;
            if before.model_files != self.model_files || before.data != self.data {
                return Err(Error::file(
                    folder.dir(),
                    "the model or the data has changed since this run was begun: choose another --out",
                ));
            }
            self.started = [before.started, self.started].concat();
        }
        self.write(&path)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn read(path: &Path) -> Result<Self> {
        serde_json::from_str(&disk::read_text(path)?)
            .map_err(|e| Error::file(path, format!("is not a manifest: {e}")))
    }
}

/// SHA-256 of every plain file in a folder, by name.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn hash_folder(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    for entry in dir.read_dir().map_err(|e| Error::io(dir, e))? {
        let path = entry.map_err(|e| Error::io(dir, e))?.path();
        if path.is_file() {
            let name =
                path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            hashes.insert(name, disk::sha256_file(&path)?);
        }
    }
    Ok(hashes)
}
