//! A run on disk: one folder, resumed when the configuration is equal, refused otherwise, never overwritten.

pub mod config;
pub mod manifest;
pub mod tensorboard;

use std::path::{Path, PathBuf};

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

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
}

impl RunFolder {
    /// Opens a run's folder: creates it with its configuration, or recognises the run that is already there.
    ///
    /// # Errors
    /// The folder cannot be written; it holds a run of another configuration, or files that are not a run's.
    pub fn open(dir: &Path, config: &impl Serialize) -> Result<(Self, Found)> {
        let text = toml::to_string(config).map_err(|e| {
            Error::config("configuration", format!("cannot be written as TOML: {e}"))
        })?;
        let folder = Self { dir: dir.to_path_buf() };
        let config_path = folder.path(CONFIG);
        if config_path.exists() {
            let there = disk::read_text(&config_path)?;
            if there != text {
                return Err(Error::file(
                    dir,
                    format!(
                        "holds a run of another configuration ({}): choose another --out or remove the folder",
                        first_difference(&there, &text)
                    ),
                ));
            }
            let found =
                if folder.path(DONE).exists() { Found::Finished } else { Found::Unfinished };
            return Ok((folder, found));
        }
        if dir.exists() && dir.read_dir().map_err(|e| Error::io(dir, e))?.next().is_some() {
            return Err(Error::file(
                dir,
                "is not empty and holds no run (no config.toml): choose another --out",
            ));
        }
        disk::create_dir(dir)?;
        disk::write_atomic(&config_path, text.as_bytes())?;
        Ok((folder, Found::Nothing))
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
        let (folder, found) = RunFolder::open(&dir, &Config { seed: 1 }).unwrap();
        assert_eq!(found, Found::Nothing);
        assert_eq!(RunFolder::open(&dir, &Config { seed: 1 }).unwrap().1, Found::Unfinished);
        folder.finish().unwrap();
        assert_eq!(RunFolder::open(&dir, &Config { seed: 1 }).unwrap().1, Found::Finished);
        let message = RunFolder::open(&dir, &Config { seed: 2 }).unwrap_err().to_string();
        assert!(message.contains("it says `seed = 1`, now `seed = 2`"), "{message}");
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
