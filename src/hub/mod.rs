//! Files of models and data sets from the Hugging Face hub, kept in the cache that other tools use too.
//!
//! `cache` is the layout on disk, `client` the protocol, `checksum` what is compared, `files` which files are a model. The crate hf-hub is not used:
//! 0.5 compares no checksums, appends to a partial file whatever a server that ignores ranges sends, and knows no
//! offline mode; 1.0 needs an async runtime and 236 crates. The protocol is one listing, one `HEAD` and one `GET`.

mod cache;
mod checksum;
mod client;
mod files;

use std::path::{Path, PathBuf};

use serde_json::Value;

use self::cache::Folder;
use self::client::{Client, Head};
use self::files::{SMALL, lacks};
use crate::disk;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::sample::endpoint::Key;

/// The hub's address where nothing else is said.
pub const ENDPOINT: &str = "https://huggingface.co";

/// What a repository holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
}

/// A repository of the hub at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo {
    /// What it holds.
    pub kind: Kind,
    /// `owner/name`.
    pub id: String,
    /// Branch, tag or commit.
    pub revision: String,
}

impl Repo {
    /// Reads `owner/name` or `owner/name@revision`; the revision is `main` where none is named.
    ///
    /// # Errors
    /// The text is no such name.
    pub fn parse(kind: Kind, text: &str) -> Result<Self> {
        let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let part = |part: &str| {
            let ends = |c| part.starts_with(c) || part.ends_with(c);
            !part.is_empty() && part.chars().all(plain) && !ends('.') && !ends('-')
        };
        let two = id.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name));
        if !two || id.contains("--") || id.contains("..") || id.len() > 96 {
            let problem =
                format!("'{text}' is no name on the hub like Qwen/Qwen3-4B or Qwen/Qwen3-4B@main");
            return Err(Error::config("hub", problem));
        }
        if !cache::is_inside(revision) {
            let problem = format!("'{revision}' is no branch, tag or commit");
            return Err(Error::config("hub", problem));
        }
        Ok(Self { kind, id: id.into(), revision: revision.into() })
    }

    /// Whether the revision is a commit, which never changes.
    pub fn pinned(&self) -> bool {
        self.revision.len() == 40 && self.revision.bytes().all(|b| b.is_ascii_hexdigit())
    }
}

/// How the hub is reached and where its files are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the hub or of a mirror.
    pub endpoint: String,
    /// Folder of the cache (`HF_HUB_CACHE`, else `HF_HOME/hub`).
    pub cache: PathBuf,
    /// Access token, sent to the endpoint only.
    pub token: Key,
    /// Make no request at all.
    pub offline: bool,
    /// Requests in a row that may fail, or break off without having brought anything.
    pub attempts: u32,
    /// Seconds before the second attempt; doubled every time.
    pub backoff: f64,
    /// Longest wait in seconds that a server may ask for.
    pub longest_wait: f64,
    /// Seconds without a sign of life after which a connection is given up.
    pub timeout: f64,
}

impl Settings {
    /// Settings for the public hub with this cache.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: ENDPOINT.into(),
            cache: cache.into(),
            token: Key::default(),
            offline: false,
            attempts: 5,
            backoff: 1.0,
            longest_wait: 330.0,
            timeout: 30.0,
        }
    }
}

/// A file of a repository that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Path inside the repository.
    pub name: String,
    /// SHA-256 that it must have whatever the hub says.
    pub sha256: Option<String>,
}

impl Wanted {
    /// A file of which nothing is known but the name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), sha256: None }
    }
}

/// A repository at a commit, on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder with its files.
    pub dir: PathBuf,
    /// The commit, 40 hex digits.
    pub commit: String,
}

/// How much of a model is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All that is needed to run it.
    Whole,
    /// Everything but the weights: configuration, tokenizer, chat template.
    Small,
}

/// The hub with its cache.
#[derive(Debug)]
pub struct Hub {
    settings: Settings,
    client: Client,
}

impl Hub {
    /// A hub with these settings; nothing is asked yet.
    pub fn new(settings: Settings) -> Self {
        Self { client: Client::new(&settings), settings }
    }

    fn folder(&self, repo: &Repo) -> Folder {
        Folder::new(&self.settings.cache, repo)
    }

    /// The files of a model in Hugging Face format (or of a PEFT adapter), fetched where the cache lacks them. A commit
    /// that the cache has is not asked about again; a branch is asked for its newest commit.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, the repository is no such model, a checksum is wrong, the disk is full,
    /// or the cache lacks something while offline.
    pub fn model(&self, repo: &Repo, part: Part, progress: &mut dyn Progress) -> Result<Snapshot> {
        let folder = self.folder(repo);
        let lacks = |dir: &Path| if part == Part::Whole { lacks(dir) } else { None };
        if self.settings.offline {
            let commit = folder.commit(&repo.revision).ok_or_else(|| self.offline(repo, ""))?;
            let dir = folder.snapshot(&commit);
            return match lacks(&dir) {
                None => Ok(Snapshot { dir, commit }),
                Some(name) => Err(self.offline(repo, &name)),
            };
        }
        let small = SMALL.iter().map(|s| (*s).to_string()).collect::<Vec<_>>();
        let whole = |commit: &str| {
            lacks(&folder.snapshot(commit)).is_none()
                && small.iter().all(|name| folder.is_known(commit, name))
        };
        if repo.pinned() && whole(&repo.revision) {
            let commit = repo.revision.clone();
            return Ok(Snapshot { dir: folder.snapshot(&commit), commit });
        }
        let (commit, names) = self.list(repo)?;
        let dir = folder.snapshot(&commit);
        if !whole(&commit) {
            let (there, absent): (Vec<_>, Vec<_>) =
                small.into_iter().partition(|name| names.contains(name));
            self.fetch_at(repo, &commit, &wanted(there), progress)?;
            if part == Part::Whole {
                let weights = files::weights(repo, &dir, &names)?;
                self.fetch_at(repo, &commit, &wanted(weights), progress)?;
            }
            folder.note_absent(&commit, &absent)?;
        }
        folder.note_commit(&repo.revision, &commit)?;
        Ok(Snapshot { dir, commit })
    }

    /// Some files of a repository, in order; the whole repository where none is named.
    ///
    /// # Errors
    /// As [`Hub::model`], and a file that the repository does not have.
    pub fn files(
        &self,
        repo: &Repo,
        files: &[Wanted],
        progress: &mut dyn Progress,
    ) -> Result<Vec<PathBuf>> {
        let folder = self.folder(repo);
        let known = if repo.pinned() || self.settings.offline {
            folder.commit(&repo.revision)
        } else {
            None
        };
        let paths = |commit: &str| {
            let dir = folder.snapshot(commit);
            files.iter().map(|file| dir.join(&file.name)).collect::<Vec<_>>()
        };
        if let Some(commit) = &known
            && !files.is_empty()
            && paths(commit).iter().all(|path| path.exists())
        {
            return Ok(paths(commit));
        }
        if self.settings.offline {
            let missing = known.and_then(|commit| {
                let dir = folder.snapshot(&commit);
                files.iter().find(|file| !dir.join(&file.name).exists())
            });
            return Err(self.offline(repo, missing.map_or("", |file| file.name.as_str())));
        }
        // Named files of a commit need no listing.
        let commit = match (repo.pinned(), files) {
            (true, [_, ..]) => repo.revision.clone(),
            (_, []) => {
                let (commit, names) = self.list(repo)?;
                let all = wanted(names);
                folder.note_commit(&repo.revision, &commit)?;
                self.fetch_at(repo, &commit, &all, progress)?;
                let dir = folder.snapshot(&commit);
                return Ok(all.iter().map(|file| dir.join(&file.name)).collect());
            }
            _ => self.list(repo)?.0,
        };
        self.fetch_at(repo, &commit, files, progress)?;
        folder.note_commit(&repo.revision, &commit)?;
        Ok(paths(&commit))
    }

    /// The files of a repository that are at hand already, or `None`; asks nobody.
    pub fn at_hand(&self, repo: &Repo, files: &[Wanted]) -> Option<Vec<PathBuf>> {
        let folder = self.folder(repo);
        let dir = folder.snapshot(&folder.commit(&repo.revision)?);
        let paths: Vec<PathBuf> = files.iter().map(|file| dir.join(&file.name)).collect();
        paths.iter().all(|path| path.exists()).then_some(paths)
    }

    fn offline(&self, repo: &Repo, missing: &str) -> Error {
        let what = if missing.is_empty() { "it" } else { missing };
        let problem = format!(
            "the cache {} does not have {what}, and offline mode asks nobody: unset HF_HUB_OFFLINE once to fetch it",
            self.settings.cache.display()
        );
        Error::data(format!("{}@{}", repo.id, repo.revision), problem)
    }

    /// The commit of a revision and the names of its files.
    fn list(&self, repo: &Repo) -> Result<(String, Vec<String>)> {
        let (url, text) = self.client.listing(repo)?;
        let damaged = || Error::data(&url, "the answer is no listing of a repository");
        let value: Value = serde_json::from_str(&text).map_err(|_| damaged())?;
        let commit = value["sha"].as_str().ok_or_else(damaged)?.to_string();
        let names = value["siblings"].as_array().ok_or_else(damaged)?.iter();
        let names = names.filter_map(|file| file["rfilename"].as_str().map(String::from)).collect();
        if !cache::is_inside(&commit) {
            return Err(damaged());
        }
        Ok((commit, names))
    }

    /// Fetches what the cache lacks of some files of a commit.
    fn fetch_at(
        &self,
        repo: &Repo,
        commit: &str,
        files: &[Wanted],
        progress: &mut dyn Progress,
    ) -> Result<()> {
        let folder = self.folder(repo);
        let mut heads: Vec<(&Wanted, Head)> = Vec::new();
        for file in files {
            if !cache::is_inside(&file.name) {
                let problem = format!("'{}' is no name of a file", file.name);
                return Err(Error::data(&repo.id, problem));
            }
            if folder.snapshot(commit).join(&file.name).exists() {
                continue;
            }
            heads.push((file, self.client.head(repo, commit, &file.name)?));
        }
        let bytes = |head: &Head| head.size.unwrap_or(0);
        let missing = heads.iter().filter(|(_, head)| !folder.blob(&head.etag).exists());
        let total: u64 = missing.map(|(_, head)| bytes(head)).sum();
        if total > 0 {
            progress.start(&format!("fetching {} (MB)", repo.id), total.div_ceil(1_000_000));
        }
        let mut before = 0;
        for (file, head) in &heads {
            let _lock = folder.lock(&head.etag)?;
            let blob = folder.blob(&head.etag);
            if !blob.exists() {
                let mut shown = None;
                let mut report = |arrived: u64| {
                    let megabytes = (before + arrived) / 1_000_000;
                    if shown != Some(megabytes) {
                        progress.update(megabytes, &file.name);
                        shown = Some(megabytes);
                    }
                };
                self.fetch_one(&folder, file, head, &mut report)?;
                before += bytes(head);
            }
            folder.link(commit, &file.name, &head.etag)?;
        }
        if total > 0 {
            progress.finish(&folder.snapshot(commit).display().to_string());
        }
        Ok(())
    }

    /// Fetches one blob. A part that an earlier call left is continued; if the whole is wrong then, it is fetched anew,
    /// because the part may have been damaged.
    fn fetch_one(
        &self,
        folder: &Folder,
        file: &Wanted,
        head: &Head,
        report: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let part = folder.part(&head.etag)?;
        loop {
            let continued = part.metadata().is_ok_and(|m| m.len() > 0);
            self.client.download(head, &part, report)?;
            match checksum::compare(&part, &head.etag, file.sha256.as_deref())? {
                None => break,
                Some(_) if continued => disk::remove(&part)?,
                Some(problem) => {
                    disk::remove(&part)?;
                    return Err(Error::data(&head.url, problem));
                }
            }
        }
        std::fs::rename(&part, folder.blob(&head.etag)).map_err(|e| Error::io(&part, e))
    }
}

fn wanted(names: Vec<String>) -> Vec<Wanted> {
    names.into_iter().map(Wanted::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_hub_are_told_from_folders() {
        let repo = Repo::parse(Kind::Model, "Qwen/Qwen3-0.6B").unwrap();
        assert_eq!((repo.id.as_str(), repo.revision.as_str()), ("Qwen/Qwen3-0.6B", "main"));
        assert!(!repo.pinned());
        let commit = "a6ad95f611d72cf628a80b58bd0432ef6638f958";
        assert!(Repo::parse(Kind::Dataset, &format!("a/b@{commit}")).unwrap().pinned());
        for bad in ["", "a", "a/b/c", "/a/b", "./a", "../a", "a/..", "a/b@../c", "a/b@", "a--b/c"] {
            assert!(Repo::parse(Kind::Model, bad).is_err(), "{bad}");
        }
    }
}
