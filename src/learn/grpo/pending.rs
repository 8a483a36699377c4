//! Rollouts of the open step on disk, so that a killed run need not sample them again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::jsonl::{self, Appender};
use crate::types::{Completion, PolicyVersion, Request};

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    step: u64,
    round: u32,
    completion: Completion,
}

/// The file of the open step's completions, in the order they arrived. A round is used again only if all of it is there and
/// the same weights sampled it: completions that had other company could differ in the last bit.
#[derive(Debug)]
pub struct Pending {
    path: Option<PathBuf>,
    appender: Option<Appender<Row>>,
    open: (u64, u32),
}

impl Pending {
    /// Keeps completions in a file.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            path: Some(path.to_path_buf()),
            appender: Some(Appender::open(path)?),
            open: (0, 0),
        })
    }

    /// Keeps nothing.
    pub fn none() -> Self {
        Self { path: None, appender: None, open: (0, 0) }
    }

    fn rows(&self) -> Result<Vec<Row>> {
        self.path.as_ref().map_or(Ok(Vec::new()), |path| jsonl::read(path))
    }

    /// All completions of a round, sorted as they were asked for, if they are all there.
    pub(super) fn complete(
        &self,
        step: u64,
        round: u32,
        version: PolicyVersion,
        requests: &[Request],
    ) -> Result<Option<Vec<Completion>>> {
        let mut found: Vec<Completion> = self
            .rows()?
            .into_iter()
            .filter(|row| (row.step, row.round, row.completion.version) == (step, round, version))
            .map(|row| row.completion)
            .collect();
        let mut sorted = Vec::new();
        for request in requests {
            for &sample in &request.samples {
                let place =
                    found.iter().position(|c| c.problem == request.problem && c.sample == sample);
                let Some(place) = place else { return Ok(None) };
                sorted.push(found.swap_remove(place));
            }
        }
        Ok(Some(sorted))
    }

    /// A round begins; what an interrupted attempt left of it is dropped.
    pub(super) fn begin(&mut self, step: u64, round: u32) -> Result<()> {
        self.open = (step, round);
        let kept: Vec<Row> =
            self.rows()?.into_iter().filter(|row| row.step == step && row.round < round).collect();
        self.rewrite(&kept)
    }

    pub(super) fn append(&mut self, completion: &Completion) -> Result<()> {
        let (step, round) = self.open;
        match &mut self.appender {
            Some(appender) => appender.append(&Row { step, round, completion: completion.clone() }),
            None => Ok(()),
        }
    }

    /// The step is done.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.rewrite(&[])
    }

    fn rewrite(&mut self, rows: &[Row]) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        jsonl::write(path, rows)?;
        self.appender = Some(Appender::open(path)?);
        Ok(())
    }
}
