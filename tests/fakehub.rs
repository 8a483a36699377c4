//! A hub on this machine that speaks the hub's protocol: listing, HEAD with tags and sizes, redirects within the hub and
//! to a content network on another address, ranges. `tests/hub.rs` has huggingface_hub's own client try it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use howard::disk;
use howard::hub::Settings;
use howard::sample::endpoint::Key;
use serde_json::json;

use crate::server::{Asked, Reply, Server};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository on two servers: the hub, and the content network that holds large files.
pub struct FakeHub {
    pub hub: Server,
    pub far: Server,
    pub faults: Faults,
}

/// What the servers do wrong, in order; an empty list does nothing wrong.
#[derive(Clone, Default)]
pub struct Faults {
    /// Replies that come instead of the hub's.
    pub hub: Arc<Mutex<Vec<Reply>>>,
    /// After how many bytes the content network hangs up.
    pub cuts: Arc<Mutex<Vec<usize>>>,
    /// The content network sends other bytes of the same number, so many times.
    pub wrong: Arc<Mutex<usize>>,
    /// The content network ignores ranges.
    pub no_ranges: Arc<Mutex<bool>>,
}

/// git's name of a file's contents.
pub fn git_sha1(bytes: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    let whole = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    Sha1::digest(whole).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn large(name: &str) -> bool {
    ["safetensors", "parquet", "tokenizer.json", "jsonl"].iter().any(|end| name.ends_with(end))
}

impl FakeHub {
    /// Serves `files` as the repository `id` (a data set's begins with `datasets/`).
    pub fn start(id: &str, files: &[(&str, Vec<u8>)]) -> Self {
        Self::start_at(id, COMMIT, files)
    }

    /// The same at a commit of its own.
    pub fn start_at(id: &str, commit: &'static str, files: &[(&str, Vec<u8>)]) -> Self {
        let faults = Faults::default();
        let files: Arc<BTreeMap<String, Vec<u8>>> = Arc::new(
            files.iter().map(|(name, bytes)| ((*name).to_string(), bytes.clone())).collect(),
        );
        let (held, does) = (Arc::clone(&files), faults.clone());
        let far = Server::start(move |asked| content(asked, &held, &does));
        let (address, id, does) = (far.address.clone(), id.to_string(), faults.clone());
        let hub = Server::start(move |asked| {
            let mut planned = does.hub.lock().unwrap();
            if !planned.is_empty() {
                return planned.remove(0);
            }
            drop(planned);
            answer(asked, &id, commit, &files, &address)
        });
        Self { hub, far, faults }
    }

    pub fn settings(&self, cache: &Path) -> Settings {
        Settings {
            endpoint: self.hub.address.clone(),
            backoff: 0.001,
            timeout: 2.0,
            token: Key::new(Some("hf_secret".into())),
            ..Settings::new(cache)
        }
    }

    pub fn requests(&self) -> usize {
        self.hub.count() + self.far.count()
    }
}

/// The hub itself.
fn answer(
    asked: &Asked,
    id: &str,
    commit: &str,
    files: &BTreeMap<String, Vec<u8>>,
    far: &str,
) -> Reply {
    let said = |status, code: &str, message: &str| {
        Reply::new(status, json!({"error": message}).to_string())
            .with("X-Error-Code", code)
            .with("X-Error-Message", message)
    };
    let path = asked.path.split('?').next().unwrap();
    let kind = if id.starts_with("datasets/") { "" } else { "models/" };
    if let Some(revision) = path.strip_prefix(&format!("/api/{kind}{id}/revision/")) {
        if revision != "main" && revision != commit {
            return said(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
        }
        let siblings: Vec<_> = files.keys().map(|name| json!({"rfilename": name})).collect();
        let listing = json!({"id": id, "sha": commit, "siblings": siblings});
        return Reply::new(200, listing.to_string()).with("Content-Type", "application/json");
    }
    // What huggingface_hub asks for instead of the listing.
    if path == format!("/api/{kind}{id}/tree/{commit}") {
        let tree: Vec<_> = files
            .iter()
            .map(|(name, bytes)| {
                let mut entry = json!({"type": "file", "path": name, "size": bytes.len(), "oid": git_sha1(bytes)});
                if large(name) {
                    let (oid, size) = (disk::sha256(bytes), bytes.len());
                    entry["lfs"] = json!({"oid": oid, "size": size, "pointerSize": 130});
                }
                entry
            })
            .collect();
        return Reply::new(200, json!(tree).to_string()).with("Content-Type", "application/json");
    }
    // Small files: a redirect within the hub, which then has the bytes.
    if let Some(name) = path.strip_prefix("/api/resolve-cache/") {
        let bytes = &files[name];
        return ranged(asked, bytes)
            .with("ETag", format!("\"{}\"", git_sha1(bytes)))
            .with("X-Repo-Commit", commit);
    }
    let rest = path.strip_prefix(&format!("/{id}/resolve/"));
    let Some((revision, name)) = rest.and_then(|rest| rest.split_once('/')) else {
        return said(401, "RepoNotFound", "Repository not found");
    };
    if revision != "main" && revision != commit {
        return said(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
    }
    let Some(bytes) = files.get(name) else {
        return said(404, "EntryNotFound", "Entry not found");
    };
    let (tag, status, to) = match large(name) {
        true => (disk::sha256(bytes), 302, format!("{far}/cdn/{name}?Signature=x")),
        false => (git_sha1(bytes), 307, format!("/api/resolve-cache/{name}?etag=x")),
    };
    Reply::new(status, "")
        .with("Location", to)
        .with("X-Repo-Commit", commit)
        .with("X-Linked-Size", bytes.len().to_string())
        .with("X-Linked-ETag", format!("\"{tag}\""))
        .with("ETag", "\"of-the-pointer\"")
}

/// The content network.
fn content(asked: &Asked, files: &BTreeMap<String, Vec<u8>>, does: &Faults) -> Reply {
    assert_eq!(asked.header("authorization"), None, "the token is for the hub alone");
    let name = asked.path.split('?').next().unwrap().strip_prefix("/cdn/").unwrap();
    let mut bytes = files[name].clone();
    let mut wrong = does.wrong.lock().unwrap();
    if *wrong > 0 {
        *wrong -= 1;
        bytes.iter_mut().for_each(|b| *b ^= 1);
    }
    let blind = Asked { headers: Vec::new(), ..asked.clone() };
    let asked = if *does.no_ranges.lock().unwrap() { &blind } else { asked };
    let mut cuts = does.cuts.lock().unwrap();
    let cut = if cuts.is_empty() { None } else { Some(cuts.remove(0)) };
    Reply { cut, ..ranged(asked, &bytes) }.with("ETag", "\"of-the-network\"")
}

fn ranged(asked: &Asked, bytes: &[u8]) -> Reply {
    let range = asked.header("range").and_then(|r| r.strip_prefix("bytes="));
    let Some(begin) = range.and_then(|r| r.trim_end_matches('-').parse::<usize>().ok()) else {
        return Reply::new(200, bytes).with("Accept-Ranges", "bytes");
    };
    if begin >= bytes.len() {
        return Reply::new(416, "").with("Content-Range", format!("bytes */{}", bytes.len()));
    }
    let place = format!("bytes {begin}-{}/{}", bytes.len() - 1, bytes.len());
    Reply::new(206, &bytes[begin..]).with("Content-Range", place)
}
