//! The cache on disk, in the layout of huggingface_hub, so that every tool finds what another one has fetched:
//!
//! ```text
//! models--OWNER--NAME/refs/main                 the newest commit that was seen of a branch
//!                    /blobs/ETAG                a file under its checksum; ETAG.incomplete while it arrives
//!                    /snapshots/COMMIT/FILE     a link into blobs
//!                    /.no_exist/COMMIT/FILE     the commit has no such file
//! .locks/models--OWNER--NAME/ETAG.lock          held while ETAG is fetched
//! ```

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use super::{Kind, Repo};
use crate::disk;
use crate::error::{Error, Result};

/// A repository's part of the cache.
#[derive(Clone, Debug)]
pub struct Folder {
    dir: PathBuf,
    locks: PathBuf,
}

/// Whether a relative path stays inside the folder it is joined to.
pub fn is_inside(path: &str) -> bool {
    let plain = |c| matches!(c, Component::Normal(_));
    !path.is_empty() && !path.contains('\\') && Path::new(path).components().all(plain)
}

impl Folder {
    /// The folder of a repository.
    pub fn new(cache: &Path, repo: &Repo) -> Self {
        let kind = match repo.kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        let name = format!("{kind}--{}", repo.id.replace('/', "--"));
        Self { dir: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The folder of a commit's files.
    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit)
    }

    /// A file's bytes.
    pub fn blob(&self, etag: &str) -> PathBuf {
        self.dir.join("blobs").join(etag)
    }

    /// Where a file's bytes are collected.
    pub fn part(&self, etag: &str) -> Result<PathBuf> {
        disk::create_dir(&self.dir.join("blobs"))?;
        Ok(self.dir.join("blobs").join(format!("{etag}.incomplete")))
    }

    /// The commit of a revision as far as the cache knows.
    pub fn commit(&self, revision: &str) -> Option<String> {
        if self.snapshot(revision).is_dir() {
            return Some(revision.into());
        }
        let text = std::fs::read_to_string(self.dir.join("refs").join(revision)).ok()?;
        Some(text.trim().to_string()).filter(|commit| is_inside(commit))
    }

    /// Remembers the commit of a branch or tag.
    pub fn note_commit(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        write(&self.dir.join("refs").join(revision), commit)
    }

    /// Remembers which files a commit does not have.
    pub fn note_absent(&self, commit: &str, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| write(&self.absent(commit, name), ""))
    }

    /// Whether a file is at hand or known not to exist.
    pub fn is_known(&self, commit: &str, name: &str) -> bool {
        self.snapshot(commit).join(name).exists() || self.absent(commit, name).exists()
    }

    fn absent(&self, commit: &str, name: &str) -> PathBuf {
        self.dir.join(".no_exist").join(commit).join(name)
    }

    /// Makes a blob appear as a file of a commit.
    pub fn link(&self, commit: &str, name: &str, etag: &str) -> Result<()> {
        let path = self.snapshot(commit).join(name);
        let depth = Path::new(name).components().count() + 1;
        let target = PathBuf::from("../".repeat(depth)).join("blobs").join(etag);
        if let Some(parent) = path.parent() {
            disk::create_dir(parent)?;
        }
        let temporary = path.with_extension("link.tmp");
        let _ = std::fs::remove_file(&temporary);
        std::os::unix::fs::symlink(target, &temporary)
            .and_then(|()| std::fs::rename(&temporary, &path))
            .map_err(|e| Error::io(&path, e))
    }

    /// Waits until no other process fetches a blob. Released when dropped.
    pub fn lock(&self, etag: &str) -> Result<File> {
        disk::create_dir(&self.locks)?;
        let path = self.locks.join(format!("{etag}.lock"));
        let file = File::create(&path).map_err(|e| Error::io(&path, e))?;
        // File systems without locks exist; two processes then fetch the same file twice, which only costs time.
        let _ = file.lock();
        Ok(file)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        disk::create_dir(parent)?;
    }
    disk::write_atomic(path, text.as_bytes())
}
