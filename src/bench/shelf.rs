//! Where data files come from. The library knows folders; programs add the hub and its cache.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Source;
use crate::disk;
use crate::error::{Error, Result};
use crate::jsonl;

/// One row of a data file, by column.
pub type Row = serde_json::Map<String, Value>;

/// Where data files come from.
pub trait Shelf {
    /// The files of a benchmark, on this machine, in order.
    ///
    /// # Errors
    /// They are not at hand and cannot be fetched.
    fn files(&self, source: &Source) -> Result<Vec<PathBuf>>;

    /// The rows of a file, each with its place, counted from 1. Columns that are not in `columns` may be left out;
    /// none named = all.
    ///
    /// # Errors
    /// The file cannot be read or is of a form that is not known.
    fn rows(&self, path: &Path, columns: &[&str]) -> Result<Vec<(usize, Row)>>;
}

/// Files in one folder, JSON and JSON lines only: what needs neither network nor frames.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// The folder; `None` has no benchmark files at all.
    pub root: Option<PathBuf>,
}

impl Local {
    /// The files of a benchmark in the folder: the one file that the table names, or the hub's files below
    /// `OWNER/NAME` (a clone of the data set's repository); `None` where neither is there.
    pub fn find(&self, source: &Source) -> Option<Vec<PathBuf>> {
        let root = self.root.as_ref()?;
        let one = root.join(source.local);
        if one.exists() {
            return Some(vec![one]);
        }
        let clone = root.join(source.hub.repo);
        let files: Vec<PathBuf> = source.hub.files.iter().map(|file| clone.join(file)).collect();
        files.iter().all(|path| path.exists()).then_some(files)
    }
}

impl Shelf for Local {
    fn files(&self, source: &Source) -> Result<Vec<PathBuf>> {
        self.find(source).ok_or_else(|| {
            let problem = format!("is not at hand: `data fetch` brings {}", source.hub.repo);
            Error::data(source.local, problem)
        })
    }

    fn rows(&self, path: &Path, _columns: &[&str]) -> Result<Vec<(usize, Row)>> {
        read_json_rows(path)
    }
}

/// Rows of a JSON array (`.json`) or of JSON lines (any other name).
///
/// # Errors
/// The file cannot be read, or the first row that is not an object, by number.
pub fn read_json_rows(path: &Path) -> Result<Vec<(usize, Row)>> {
    if path.extension().is_some_and(|e| e == "json") {
        let text = disk::read_text(path)?;
        if text.trim_start().starts_with('[') {
            let rows: Vec<Row> = serde_json::from_str(&text).map_err(|e| {
                let problem = format!("not an array of objects: {}", jsonl::cause(&e));
                Error::parse(path, e.line(), problem)
            })?;
            return Ok((1..).zip(rows).collect());
        }
    }
    jsonl::read_numbered(path)
}
