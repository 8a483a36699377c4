//! The hub's client against a server on this machine that speaks the hub's protocol.

use std::path::{Path, PathBuf};

use howard::disk;
use howard::hub::{Hub, Kind, Part, Repo, Settings, Wanted};
use howard::progress::{Progress, Silent};
use howard::sample::endpoint::Key;
use serde_json::json;

use crate::fakehub::{COMMIT, FakeHub, git_sha1, large};
use crate::server::Reply;

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
    let found = hub.model(&model(), Part::Whole, &mut Silent).unwrap();
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
    assert_eq!(hub.model(&model(), Part::Whole, &mut Silent).unwrap(), found);
    assert_eq!(fake.requests(), before + 1);
    let pinned = Repo { revision: COMMIT.into(), ..model() };
    assert_eq!(hub.model(&pinned, Part::Whole, &mut Silent).unwrap(), found);
    let offline = Hub::new(Settings { offline: true, ..fake.settings(cache.path()) });
    assert_eq!(offline.model(&model(), Part::Whole, &mut Silent).unwrap(), found);
    assert_eq!(offline.model(&pinned, Part::Whole, &mut Silent).unwrap(), found);
    assert_eq!(fake.requests(), before + 1, "offline makes no request");

    std::fs::remove_file(found.dir.join("model-00002-of-00002.safetensors")).unwrap();
    let message = offline.model(&model(), Part::Whole, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("does not have model-00002-of-00002.safetensors"), "{message}");
    let other = Repo::parse(Kind::Model, "owner/other").unwrap();
    let message = offline.model(&other, Part::Whole, &mut Silent).unwrap_err().to_string();
    assert!(message.contains("does not have it, and offline mode asks nobody"), "{message}");
    assert_eq!(fake.requests(), before + 1);
    // The blob is still there: a link is all that is made.
    let far = fake.far.count();
    assert_eq!(hub.model(&model(), Part::Whole, &mut Silent).unwrap(), found);
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
        Hub::new(settings).model(&repo, Part::Whole, &mut Silent).unwrap_err().to_string()
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
    Hub::new(settings()).model(&model(), Part::Whole, &mut Silent).unwrap();
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
        let message = hub.model(&model(), Part::Whole, &mut Silent).unwrap_err().to_string();
        assert!(message.starts_with("owner/name@main: ") && message.contains(problem), "{message}");
    }
    let adapter =
        [("adapter_config.json", b"{}".to_vec()), ("adapter_model.safetensors", noise(100))];
    let fake = FakeHub::start("owner/name", &adapter);
    let cache = tempfile::tempdir().unwrap();
    let found = Hub::new(fake.settings(cache.path())).model(&model(), Part::Whole, &mut Silent);
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

/// Where a Python with huggingface_hub is: HOWARD_HUB_PYTHON, or the environment that `make test-endpoint` made.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join(".libtorch/serve/bin/python");
    let python = std::env::var_os("HOWARD_HUB_PYTHON").map_or(made, PathBuf::from);
    if python.exists() {
        return Some(python);
    }
    eprintln!("skipped: no Python with huggingface_hub (HOWARD_HUB_PYTHON)");
    None
}

/// huggingface_hub's own client understands the tests' server, finds what we have fetched, and leaves what we find.
#[test]
fn huggingface_hub_shares_server_and_cache() {
    let Some(python) = python() else { return };
    let fake = FakeHub::start("owner/name", &model_files());
    let home = tempfile::tempdir().unwrap();
    let run = |home: &Path, code: &str| {
        let output = std::process::Command::new(&python)
            .args(["-c", code])
            .env("HF_HOME", home)
            .env("HF_ENDPOINT", &fake.hub.address)
            .env("HF_HUB_DISABLE_XET", "1")
            .env_remove("HF_HUB_CACHE")
            .env_remove("HF_HUB_OFFLINE")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    };
    // What it has fetched is found here, without a request.
    let theirs = run(
        home.path(),
        "from huggingface_hub import snapshot_download as s\nprint(s('owner/name', ignore_patterns=['*.bin']))",
    );
    let offline = Settings { offline: true, ..fake.settings(&home.path().join("hub")) };
    let before = fake.requests();
    let found = Hub::new(offline).model(&model(), Part::Whole, &mut Silent).unwrap();
    assert_eq!(found.dir, Path::new(&theirs));
    assert_eq!(fake.requests(), before);

    // And the other way round.
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::new(fake.settings(&home.path().join("hub")));
    let found = hub.model(&model(), Part::Whole, &mut Silent).unwrap();
    let code = "import huggingface_hub as h\n\
        print(h.snapshot_download('owner/name', local_files_only=True))\n\
        print(h.hf_hub_download('owner/name', 'tokenizer.json', local_files_only=True))\n\
        print(h.try_to_load_from_cache('owner/name', 'generation_config.json') is h.file_download._CACHED_NO_EXIST)\n\
        cache = h.scan_cache_dir()\n\
        print(len(cache.repos), len(cache.warnings))";
    let dir = found.dir.display();
    let expected = format!("{dir}\n{dir}/tokenizer.json\nTrue\n1 0");
    assert_eq!(run(home.path(), code), expected);
}

#[cfg(all(feature = "frame", feature = "cli"))]
mod program {
    use super::*;
    use std::process::Command;

    fn data(fake: &FakeHub, home: &Path, args: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_data"))
            .args(args)
            .env("HF_HOME", home)
            .env("HF_ENDPOINT", &fake.hub.address)
            .env("HF_TOKEN", "hf_secret")
            .env_remove("HF_HUB_CACHE")
            .env_remove("HOWARD_DATA")
            .env("HF_HUB_OFFLINE", if args[0] == "fetch" { "0" } else { "1" })
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The file of `../shared/data` is the one on the hub, to the byte.
    #[test]
    fn math_500_is_fetched_checked_and_then_read_without_network() {
        let Some(path) = crate::data::shared("math500/test.jsonl") else { return };
        let bytes = std::fs::read(path).unwrap();
        let hub = howard::bench::find("math-500").unwrap().source.unwrap().hub;
        let id = format!("datasets/{}", hub.repo);
        let fake = FakeHub::start_at(&id, hub.revision, &[("test.jsonl", bytes.clone())]);
        let home = tempfile::tempdir().unwrap();

        let (code, _, stderr) = data(&fake, home.path(), &["verify", "math-500"]);
        assert_eq!(code, 2);
        assert!(stderr.contains("does not have it, and offline mode asks nobody"), "{stderr}");
        assert_eq!(fake.requests(), 0);
        *fake.faults.wrong.lock().unwrap() = 1;
        let (code, _, stderr) = data(&fake, home.path(), &["fetch", "math-500"]);
        assert!(code == 2 && stderr.contains("wrong checksum: expected 35dc41080a"), "{stderr}");
        let (code, stdout, stderr) = data(&fake, home.path(), &["fetch", "math-500"]);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains("500 problems") && stdout.contains("(identical)"), "{stdout}");
        assert!(stderr.contains("fetching HuggingFaceH4/MATH-500 (MB) 1 in "), "{stderr}");

        let before = fake.requests();
        let (code, stdout, _) = data(&fake, home.path(), &["show", "math-500", "1"]);
        // The first problem of the file.
        assert!(code == 0 && stdout.contains("Convert the point $(0,3)$"), "{stdout}");
        assert!(stdout.contains("=> \\left( 3, \\frac{\\pi}{2} \\right)"), "{stdout}");
        assert_eq!(data(&fake, home.path(), &["verify", "math-500"]).0, 0);
        assert_eq!(fake.requests(), before);
        // A folder in the hub's layout does instead of the hub.
        let root = tempfile::tempdir().unwrap();
        let clone = root.path().join(hub.repo);
        std::fs::create_dir_all(&clone).unwrap();
        std::fs::write(clone.join("test.jsonl"), bytes).unwrap();
        let args = ["verify", "math-500", "--data-root", root.path().to_str().unwrap()];
        assert_eq!(data(&fake, tempfile::tempdir().unwrap().path(), &args).0, 0);
    }

    #[test]
    fn any_file_and_any_model_can_be_fetched_by_name() {
        let fake = FakeHub::start("owner/name", &model_files());
        let home = tempfile::tempdir().unwrap();
        let (code, stdout, stderr) = data(&fake, home.path(), &["fetch", "--model", "owner/name"]);
        let expected = home.path().join("hub/models--owner--name/snapshots").join(COMMIT);
        assert_eq!((code, stdout.trim()), (0, expected.to_str().unwrap()), "{stderr}");
        let (code, _, stderr) = data(&fake, home.path(), &["fetch", "--model", "owner"]);
        assert!(code == 2 && stderr.contains("'owner' is no name on the hub"), "{stderr}");
        let (code, _, stderr) = data(&fake, home.path(), &["fetch", "--dataset", "o/d", "x.jsonl"]);
        assert!(code == 2 && stderr.contains("the server answers 401"), "{stderr}");
        assert!(!stderr.contains("hf_secret"));
    }
}
