//! Where programs find data files: a folder that the user names, else the hub's cache.

use std::path::{Path, PathBuf};

use crate::bench::{Row, Shelf, Source};
use crate::error::Result;
use crate::frame::rows::{self, Files};
use crate::sample::endpoint::Key;

/// Options of every program that reads benchmarks.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LibraryArgs {
    /// Folder of benchmark files for machines without network (`data list` says which) [default: $HOWARD_DATA]
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
}

/// The [`Shelf`] of the programs.
#[derive(Clone, Debug)]
pub struct Library {
    files: Files,
}

impl Library {
    /// A library for these options and this environment.
    pub fn new(args: &LibraryArgs) -> Self {
        let root =
            args.data_root.clone().or_else(|| std::env::var_os("HOWARD_DATA").map(PathBuf::from));
        Self { files: Files { root } }
    }
}

impl Shelf for Library {
    fn files(&self, source: &Source) -> Result<Vec<PathBuf>> {
        self.files.files(source)
    }

    fn rows(&self, path: &Path, columns: &[&str]) -> Result<Vec<(usize, Row)>> {
        rows::read_rows(path, columns)
    }
}

/// The key for endpoints: `HOWARD_API_KEY`, else `OPENAI_API_KEY`.
pub fn key() -> Key {
    let names = ["HOWARD_API_KEY", "OPENAI_API_KEY"];
    Key::new(names.iter().find_map(|name| std::env::var(name).ok()))
}
