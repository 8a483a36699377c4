//! Where programs find data files: a folder that the user names, else the hub by way of its cache.

use std::path::{Path, PathBuf};

use crate::bench::{Local, Row, Shelf, Source};
use crate::error::Result;
use crate::frame::rows;
use crate::sample::endpoint::Key;

/// Options of every program that reads benchmarks.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LibraryArgs {
    /// Folder with benchmark files (`data list` says which); what it lacks comes from the hub [default: $HOWARD_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
}

/// The [`Shelf`] of the programs.
#[derive(Clone, Debug)]
pub struct Library {
    local: Local,
    /// Whether files that are not at hand are fetched.
    #[cfg_attr(not(feature = "hub"), allow(dead_code))]
    fetch: bool,
}

impl Library {
    /// A library for these options and this environment.
    pub fn new(args: &LibraryArgs) -> Self {
        let root =
            args.data_root.clone().or_else(|| std::env::var_os("HOWARD_DATA").map(PathBuf::from));
        Self { local: Local { root }, fetch: true }
    }

    /// The same, but what is not on this machine already is missing.
    #[must_use]
    pub fn at_hand(&self) -> Self {
        Self { fetch: false, ..self.clone() }
    }

    #[cfg(feature = "hub")]
    fn on_hub(&self, source: &Source) -> Result<Vec<PathBuf>> {
        use crate::hub::{Kind, Repo, Wanted};
        let hub = source.hub;
        let repo = Repo::parse(Kind::Dataset, &format!("{}@{}", hub.repo, hub.revision))?;
        let sums = hub.sha256.iter().map(|sum| Some((*sum).to_string()));
        let files: Vec<Wanted> = hub
            .files
            .iter()
            .zip(sums.chain(std::iter::repeat(None)))
            .map(|(name, sha256)| Wanted { name: (*name).to_string(), sha256 })
            .collect();
        if self.fetch {
            return super::hub::hub().files(&repo, &files, &mut super::Terminal::default());
        }
        super::hub::hub().at_hand(&repo, &files).map_or_else(|| self.local.files(source), Ok)
    }

    #[cfg(not(feature = "hub"))]
    fn on_hub(&self, source: &Source) -> Result<Vec<PathBuf>> {
        self.local.files(source)
    }
}

impl Shelf for Library {
    fn files(&self, source: &Source) -> Result<Vec<PathBuf>> {
        self.local.find(source).map_or_else(|| self.on_hub(source), Ok)
    }

    fn rows(&self, path: &Path, columns: &[&str]) -> Result<Vec<(usize, Row)>> {
        #[cfg(feature = "hub")]
        let path = &super::hub::file(path)?;
        rows::read_rows(path, columns)
    }
}

/// The key for endpoints: `HOWARD_API_KEY`, else `OPENAI_API_KEY`.
pub fn key() -> Key {
    let names = ["HOWARD_API_KEY", "OPENAI_API_KEY"];
    Key::new(names.iter().find_map(|name| std::env::var(name).ok()))
}
