//! The hub's client against a server on this machine that speaks the hub's protocol: listing, HEAD with tags and sizes,
//! redirects within the hub and to a content network on another address, ranges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use howard::disk;
use howard::hub::{Hub, Kind, Repo, Settings, Wanted};
use howard::progress::{Progress, Silent};
use howard::sample::endpoint::Key;
use serde_json::json;

use crate::server::{Asked, Reply, Server};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository on two servers: the hub, and the content network that holds large files.
pub struct FakeHub {
    pub hub: Server,
    pub far: Server,
    faults: Faults,
}

/// What the servers do wrong, in order; an empty list does nothing wrong.
#[derive(Clone, Default)]
struct Faults {
    /// Replies that come instead of the hub's.
    hub: Arc<Mutex<Vec<Reply>>>,
    /// After how many bytes the content network hangs up.
    cuts: Arc<Mutex<Vec<usize>>>,
    /// The content network sends other bytes of the same number, so many times.
    wrong: Arc<Mutex<usize>>,
    /// The content network ignores ranges.
    no_ranges: Arc<Mutex<bool>>,
}

/// git's name of a file's contents.
fn git_sha1(bytes: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    let whole = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
    Sha1::digest(whole).iter().map(|b| format!("{b:02x}")).collect()
}

fn large(name: &str) -> bool {
    ["safetensors", "parquet", "tokenizer.json", "jsonl"].iter().any(|end| name.ends_with(end))
}

impl FakeHub {
    /// Serves `files` as the repository `id` (a data set's begins with `datasets/`).
    pub fn start(id: &str, files: &[(&str, Vec<u8>)]) -> Self {
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
            answer(asked, &id, &files, &address)
        });
        Self { hub, far, faults }
    }

    fn settings(&self, cache: &Path) -> Settings {
        Settings {
            endpoint: self.hub.address.clone(),
            backoff: 0.001,
            timeout: 2.0,
            token: Key::new(Some("hf_secret".into())),
            ..Settings::new(cache)
        }
    }

    fn requests(&self) -> usize {
        self.hub.count() + self.far.count()
    }
}

/// The hub itself.
fn answer(asked: &Asked, id: &str, files: &BTreeMap<String, Vec<u8>>, far: &str) -> Reply {
    let said = |status, code: &str, message: &str| {
        Reply::new(status, json!({"error": message}).to_string())
            .with("X-Error-Code", code)
            .with("X-Error-Message", message)
    };
    let path = asked.path.split('?').next().unwrap();
    let kind = if id.starts_with("datasets/") { "" } else { "models/" };
    if let Some(revision) = path.strip_prefix(&format!("/api/{kind}{id}/revision/")) {
        if revision != "main" && revision != COMMIT {
            return said(404, "RevisionNotFound", &format!("Invalid rev id: {revision}"));
        }
        let siblings: Vec<_> = files.keys().map(|name| json!({"rfilename": name})).collect();
        let listing = json!({"id": id, "sha": COMMIT, "siblings": siblings});
        return Reply::new(200, listing.to_string()).with("Content-Type", "application/json");
    }
    // Small files: a redirect within the hub, which then has the bytes.
    if let Some(name) = path.strip_prefix("/api/resolve-cache/") {
        let bytes = &files[name];
        return ranged(asked, bytes)
            .with("ETag", format!("\"{}\"", git_sha1(bytes)))
            .with("X-Repo-Commit", COMMIT);
    }
    let rest = path.strip_prefix(&format!("/{id}/resolve/"));
    let Some((revision, name)) = rest.and_then(|rest| rest.split_once('/')) else {
        return said(401, "RepoNotFound", "Repository not found");
    };
    if revision != "main" && revision != COMMIT {
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
        .with("X-Repo-Commit", COMMIT)
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

/// Bytes that no two places share.
fn noise(length: usize) -> Vec<u8> {
    let seed = howard::rng::Seed(5);
    (0..length as u64).map(|i| seed.word(i).to_le_bytes()[0]).collect()
}

fn model_files() -> Vec<(&'static str, Vec<u8>)> {
    let index = json!({"weight_map": {"a": "model-00001-of-00002.safetensors",
        "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}});
    vec![
        ("README.md", b"read me".to_vec()),
        ("config.json", b"{}\n".to_vec()),
        ("tokenizer.json", noise(5000)),
        ("tokenizer_config.json", b"{}".to_vec()),
        ("model.safetensors.index.json", index.to_string().into_bytes()),
        ("model-00001-of-00002.safetensors", noise(300_000)),
        ("model-00002-of-00002.safetensors", noise(70_000)),
        ("pytorch_model.bin", noise(10)),
    ]
}

fn model() -> Repo {
    Repo::parse(Kind::Model, "owner/name").unwrap()
}

fn read(dir: &Path, name: &str) -> Vec<u8> {
    std::fs::read(dir.join(name)).unwrap()
}

/// Every plain file below a folder.
fn plain_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => plain_files(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

fn incomplete(cache: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    plain_files(cache, &mut all);
    all.retain(|path| path.extension().is_some_and(|e| e == "incomplete" || e == "tmp"));
    all
}

#[test]
fn a_model_is_fetched_into_the_shared_cache_and_not_asked_for_again() {
    let files = model_files();
    let fake = FakeHub::start("owner/name", &files);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(fake.settings(cache.path()));
    let found = hub.model(&model(), &mut Silent).unwrap();
    assert_eq!(found.commit, COMMIT);
    assert_eq!(found.dir, cache.path().join("models--owner--name/snapshots").join(COMMIT));
    for (name, bytes) in &files {
        let unused = ["README.md", "pytorch_model.bin"].contains(name);
        assert_eq!(found.dir.join(name).exists(), !unused, "{name}");
        if !unused {
            assert_eq!(&read(&found.dir, name), bytes, "{name}");
            let link = std::fs::read_link(found.dir.join(name)).unwrap();
            let tag = if large(name) { disk::sha256(bytes) } else { git_sha1(bytes) };
            assert_eq!(link, Path::new("../../blobs").join(tag), "{name}");
        }
    }
    let kept = cache.path().join("models--owner--name");
    assert_eq!(std::fs::read_to_string(kept.join("refs/main")).unwrap(), COMMIT);
    assert!(kept.join(".no_exist").join(COMMIT).join("generation_config.json").exists());
    assert_eq!(incomplete(cache.path()), Vec::<PathBuf>::new());
    let keys = fake.hub.log.lock().unwrap().clone();
    assert!(keys.iter().all(|a| a.header("authorization") == Some("Bearer hf_secret")));

    // A branch is asked for its commit, and for nothing else; a commit not at all; offline nothing.
    let before = fake.requests();
    assert_eq!(hub.model(&model(), &mut Silent).unwrap(), found);
    assert_eq!(fake.requests(), before + 1);
    let pinned = Repo { revision: COMMIT.into(), ..model() };
    assert_eq!(hub.model(&pinned, &mut Silent).unwrap(), found);
    let offline = Hub::new(Settings { offline: true, ..fake.settings(cache.path()) });
    assert_eq!(offline.model(&model(), &mut Silent).unwrap(), found);
    assert_eq!(offline.model(&pinned, &mut Silent).unwrap(), found);
    assert_eq!(fake.requests(), before + 1, "offline makes no request");

    std::fs::remove_file(found.dir.join("model-00002-of-00002.safetensors")).unwrap();
    let message = offline.model(&model(), &mut Silent).unwrap_err().to_string();
    assert!(message.contains("does not have model-00002-of-00002.safetensors"), "{message}");
    let other = Repo::parse(Kind::Model, "owner/other").unwrap();
    let message = offline.model(&other, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("does not have it, and offline mode asks nobody"), "{message}");
    assert_eq!(fake.requests(), before + 1);
    // The blob is still there: a link is all that is made.
    let far = fake.far.count();
    assert_eq!(hub.model(&model(), &mut Silent).unwrap(), found);
    assert_eq!(fake.far.count(), far);
}

#[test]
fn a_cut_download_goes_on_where_it_was() {
    let bytes = noise(300_000);
    let fake = FakeHub::start("datasets/o/d", &[("data/t.parquet", bytes.clone())]);
    let cache = tempfile::tempdir().unwrap();
    let repo = Repo::parse(Kind::Dataset, &format!("o/d@{COMMIT}")).unwrap();
    let wanted = [Wanted::new("data/t.parquet")];
    // Cut for good: a call gives up, and keeps what has arrived.
    *fake.faults.cuts.lock().unwrap() = vec![100_000, 0, 0, 0];
    let settings = Settings { attempts: 3, ..fake.settings(cache.path()) };
    let hub = Hub::new(settings);
    let message = hub.files(&repo, &wanted, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("the connection broke off 3 times in a row"), "{message}");
    assert!(message.contains("what has arrived is kept"), "{message}");
    let part = incomplete(cache.path());
    assert_eq!(part.len(), 1);
    let arrived = std::fs::read(&part[0]).unwrap();
    assert!(!arrived.is_empty() && bytes.starts_with(&arrived));
    assert!(hub.at_hand(&repo, &wanted).is_none());

    // The next call asks for the rest only, through more cuts.
    *fake.faults.cuts.lock().unwrap() = vec![50_000, 1, 70_000];
    fake.far.log.lock().unwrap().clear();
    let paths = hub.files(&repo, &wanted, &mut Silent).unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), bytes);
    assert_eq!(hub.at_hand(&repo, &wanted), Some(paths));
    let ranges: Vec<String> = {
        let log = fake.far.log.lock().unwrap();
        log.iter().map(|a| a.header("range").unwrap_or("all").to_string()).collect()
    };
    assert_eq!(ranges[0], format!("bytes={}-", arrived.len()));
    assert!(ranges.len() >= 4 && !ranges.contains(&"all".to_string()), "{ranges:?}");
    assert_eq!(incomplete(cache.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_server_without_ranges_and_a_damaged_part_are_begun_again() {
    let bytes = noise(90_000);
    let fake = FakeHub::start("datasets/o/d", &[("t.parquet", bytes.clone())]);
    let repo = Repo::parse(Kind::Dataset, &format!("o/d@{COMMIT}")).unwrap();
    let wanted = [Wanted::new("t.parquet")];
    for (no_ranges, part) in [
        (true, bytes[..40_000].to_vec()),
        // Of another file, too long, and whole but wrong.
        (false, noise(50_000)[10_000..].to_vec()),
        (false, noise(100_000)),
        (false, vec![0; 90_000]),
        // Whole and right: a kill between the last byte and the name.
        (false, bytes.clone()),
    ] {
        *fake.faults.no_ranges.lock().unwrap() = no_ranges;
        let cache = tempfile::tempdir().unwrap();
        let blobs = cache.path().join("datasets--o--d/blobs");
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::write(blobs.join(format!("{}.incomplete", disk::sha256(&bytes))), &part).unwrap();
        let asked = fake.far.count();
        let hub = Hub::new(fake.settings(cache.path()));
        let paths = hub.files(&repo, &wanted, &mut Silent).unwrap();
        assert_eq!(std::fs::read(&paths[0]).unwrap(), bytes);
        assert_eq!(fake.far.count() == asked, part == bytes, "a whole part needs no bytes");
    }
}

#[test]
fn a_wrong_checksum_is_refused_and_nothing_is_left() {
    let bytes = noise(20_000);
    let fake =
        FakeHub::start("datasets/o/d", &[("t.parquet", bytes.clone()), ("s", b"x".to_vec())]);
    let cache = tempfile::tempdir().unwrap();
    let repo = Repo::parse(Kind::Dataset, &format!("o/d@{COMMIT}")).unwrap();
    let hub = Hub::new(fake.settings(cache.path()));
    *fake.faults.wrong.lock().unwrap() = 1;
    let wanted = [Wanted::new("t.parquet")];
    let message = hub.files(&repo, &wanted, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("/datasets/o/d/resolve/"), "{message}");
    let expected = format!("wrong checksum: expected {}", disk::sha256(&bytes));
    assert!(message.contains(&expected), "{message}");
    assert_eq!(incomplete(cache.path()), Vec::<PathBuf>::new());
    assert!(hub.at_hand(&repo, &wanted).is_none());
    // The table's own checksum counts too, also for a file that the hub names by another hash.
    let wanted = [Wanted { name: "s".into(), sha256: Some("0".repeat(64)) }];
    let message = hub.files(&repo, &wanted, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("wrong checksum: expected 0000"), "{message}");
    // printf x | sha256sum
    let sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    let wanted = [Wanted { name: "s".into(), sha256: Some(sha256.into()) }];
    assert!(hub.files(&repo, &wanted, &mut Silent).is_ok());
}

#[test]
fn refusals_say_what_to_do() {
    let fake = FakeHub::start("owner/name", &model_files());
    let cache = tempfile::tempdir().unwrap();
    let get = |settings: Settings, id: &str| {
        let repo = Repo::parse(Kind::Model, id).unwrap();
        Hub::new(settings).model(&repo, &mut Silent).unwrap_err().to_string()
    };
    let settings = || fake.settings(cache.path());
    let nobody = || Settings { token: Key::default(), ..settings() };
    let message = get(nobody(), "owner/nope");
    assert!(message.contains("/api/models/owner/nope/revision/main: the server answers 401"));
    assert!(
        message.contains("Repository not found): there is no such repository, or it is private")
    );
    let message = get(settings(), "owner/nope");
    assert!(
        message.contains("401 (Repository not found): the token does not open it"),
        "{message}"
    );
    assert!(!message.contains("hf_secret"));
    let message = get(settings(), "owner/name@v9");
    assert!(message.contains("404 (Invalid rev id: v9): there is no revision 'v9'"), "{message}");

    let plan = |reply: Reply| fake.faults.hub.lock().unwrap().push(reply);
    plan(Reply::new(403, "").with("X-Error-Code", "GatedRepo").with("X-Error-Message", "Access."));
    let message = get(settings(), "owner/name");
    assert!(message.contains("403 (Access): accept its terms at http://127"), "{message}");
    plan(Reply::new(200, "<html>"));
    assert!(get(settings(), "owner/name").contains("the answer is no listing of a repository"));

    // Too many requests: what the server asks for is waited for, within reason.
    let late = |wait: &str| Reply::new(429, "").with("Retry-After", wait);
    plan(late("3600"));
    let message = get(settings(), "owner/name");
    assert!(message.contains("429, it asks to wait 3600 s: try again later"), "{message}");
    for _ in 0..5 {
        plan(late("0"));
    }
    let before = fake.requests();
    assert!(get(settings(), "owner/name").contains("the server answers 429"));
    assert_eq!(fake.requests() - before, 5);
    plan(late("1"));
    plan(Reply::new(503, ""));
    plan(Reply { cut: Some(0), ..Reply::new(200, "gone") });
    let started = std::time::Instant::now();
    Hub::new(settings()).model(&model(), &mut Silent).unwrap();
    assert!(started.elapsed().as_secs_f64() >= 1.0, "Retry-After is honoured");

    let wanted = [Wanted::new("nope.json")];
    let hub = Hub::new(settings());
    let message = hub.files(&model(), &wanted, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("404 (Entry not found): there is no such file"), "{message}");
    let outside = [Wanted::new("../../x")];
    assert!(hub.files(&model(), &outside, &mut Silent).is_err());

    let deaf = Settings { endpoint: "http://127.0.0.1:9".into(), ..settings() };
    let message = get(deaf, "owner/other");
    assert!(message.starts_with("http://127.0.0.1:9/api/models/owner/other"), "{message}");
    assert!(message.contains("no answer") && message.contains("HF_HUB_OFFLINE=1"), "{message}");
}

#[test]
fn a_repository_that_is_no_model_is_named() {
    for (files, problem) in [
        (vec![("README.md", b"x".to_vec())], "it has no config.json"),
        (vec![("config.json", b"{}".to_vec()), ("pytorch_model.bin", noise(9))], "has no weights"),
    ] {
        let fake = FakeHub::start("owner/name", &files);
        let cache = tempfile::tempdir().unwrap();
        let hub = Hub::new(fake.settings(cache.path()));
        let message = hub.model(&model(), &mut Silent).unwrap_err().to_string();
        assert!(message.starts_with("owner/name@main: ") && message.contains(problem), "{message}");
    }
    let adapter =
        [("adapter_config.json", b"{}".to_vec()), ("adapter_model.safetensors", noise(100))];
    let fake = FakeHub::start("owner/name", &adapter);
    let cache = tempfile::tempdir().unwrap();
    let found = Hub::new(fake.settings(cache.path())).model(&model(), &mut Silent);
    // An adapter needs no config.json of a model.
    assert!(found.unwrap().dir.join("adapter_model.safetensors").exists());
}

/// The kernel's own full device stands for a full disk.
#[test]
fn a_full_disk_is_one_sentence() {
    let bytes = noise(500_000);
    let fake = FakeHub::start("datasets/o/d", &[("t.parquet", bytes.clone())]);
    let cache = tempfile::tempdir().unwrap();
    let blobs = cache.path().join("datasets--o--d/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let part = blobs.join(format!("{}.incomplete", disk::sha256(&bytes)));
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let repo = Repo::parse(Kind::Dataset, &format!("o/d@{COMMIT}")).unwrap();
    let hub = Hub::new(fake.settings(cache.path()));
    let wanted = [Wanted::new("t.parquet")];
    let message = hub.files(&repo, &wanted, &mut Silent).unwrap_err().to_string();
    assert_eq!(
        message,
        format!(
            "{}: the disk is full; what has arrived is kept: free some space and run it again",
            part.display()
        )
    );
    assert!(hub.at_hand(&repo, &wanted).is_none());
    assert_eq!(fake.far.count(), 1, "a full disk is not tried again");
    std::fs::remove_file(&part).unwrap();
    assert_eq!(std::fs::read(&hub.files(&repo, &wanted, &mut Silent).unwrap()[0]).unwrap(), bytes);
}

#[test]
fn progress_counts_megabytes_of_everything_that_is_missing() {
    #[derive(Default)]
    struct Noted(Vec<String>);
    impl Progress for Noted {
        fn start(&mut self, what: &str, total: u64) {
            self.0.push(format!("{what} {total}"));
        }
        fn update(&mut self, done: u64, note: &str) {
            self.0.push(format!("{done} {note}"));
        }
        fn finish(&mut self, _note: &str) {
            self.0.push("end".into());
        }
    }
    let files = [("a.parquet", noise(2_500_000)), ("b.parquet", noise(1_000_000))];
    let fake = FakeHub::start("datasets/o/d", &files);
    let cache = tempfile::tempdir().unwrap();
    let repo = Repo::parse(Kind::Dataset, "o/d").unwrap();
    let mut noted = Noted::default();
    // No file named: all of the repository.
    let hub = Hub::new(fake.settings(cache.path()));
    assert_eq!(hub.files(&repo, &[], &mut noted).unwrap().len(), 2);
    let expected = [
        "fetching o/d (MB) 4",
        "0 a.parquet",
        "1 a.parquet",
        "2 a.parquet",
        "2 b.parquet",
        "3 b.parquet",
        "end",
    ];
    assert_eq!(noted.0, expected);
    let mut again = Noted::default();
    hub.files(&repo, &[], &mut again).unwrap();
    assert_eq!(again.0, Vec::<String>::new());
}

#[test]
fn two_processes_fetch_a_file_once() {
    let fake = FakeHub::start("datasets/o/d", &[("t.parquet", noise(400_000))]);
    let cache = tempfile::tempdir().unwrap();
    let repo = Repo::parse(Kind::Dataset, &format!("o/d@{COMMIT}")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let hub = Hub::new(fake.settings(cache.path()));
                hub.files(&repo, &[Wanted::new("t.parquet")], &mut Silent).unwrap();
            });
        }
    });
    assert_eq!(fake.far.count(), 1);
}
