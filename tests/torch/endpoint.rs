//! `traces` and `eval` against a server that fails, killed and started again: nothing is lost, nothing stands twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use howard::frame;
use howard::rng::Seed;
use howard::trace::Trace;
use howard::types::Verdict;
use serde_json::{Value, json};

use crate::server::{Reply, Server};

/// Adds the two numbers of a question; fails in three requests of ten.
fn teacher() -> Server {
    let number = AtomicU64::new(0);
    Server::start(move |asked| {
        let random = Seed(5).index(number.fetch_add(1, Ordering::SeqCst));
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        let question = body["messages"][0]["content"].as_str().unwrap();
        let numbers: Vec<u32> =
            question.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
        let text = format!("so \\boxed{{{}}}", numbers[0] + numbers[1]);
        let answer = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4}});
        let good = Reply { wait: Duration::from_millis(3), ..Reply::new(200, answer.to_string()) };
        match random.uniform(0) {
            x if x < 0.05 => Reply::new(500, "oops"),
            x if x < 0.10 => Reply { cut: Some(10), ..good },
            x if x < 0.15 => Reply::new(200, "{\"choices\": []}"),
            x if x < 0.20 => Reply::new(429, "").with("Retry-After", "0"),
            x if x < 0.25 => Reply::new(200, "{\"choices\": [{\"mess"),
            // Longer than the client waits.
            x if x < 0.30 => Reply { wait: Duration::from_millis(700), ..good },
            _ => good,
        }
    })
}

fn command(dir: &Path, server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traces"));
    command
        .current_dir(dir)
        .args(["--model", "m", "--endpoint", &format!("{}/v1", server.address)])
        .args(["--config", "c.toml", "--samples", "3", "--out", "run"])
        .env("HOWARD_API_KEY", "sk-secret")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

#[test]
fn traces_that_are_killed_end_with_every_completion_once_and_no_key_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut problems = String::new();
    for i in 0..300 {
        // Every tenth gold answer is wrong, so that some traces stand apart.
        let gold = 2 * i + u32::from(i % 10 == 0);
        problems
            .push_str(&format!("{}\n", json!({"q": format!("What is {i} plus {i}?"), "a": gold})));
    }
    std::fs::write(dir.path().join("p.jsonl"), problems).unwrap();
    let config = "prompt = \"instruction\"\n[data]\nname = \"sums\"\npath = \"p.jsonl\"\n\
        columns = { problem = \"q\", answer = \"a\" }\n\
        [endpoint]\nconcurrency = 4\nbackoff = 0.001\nmax_backoff = 0.01\nattempts = 50\ntimeout = 0.4\n";
    std::fs::write(dir.path().join("c.toml"), config).unwrap();
    let server = teacher();
    let records = dir.path().join("run/records.jsonl");
    let mut kills = 0;
    for wanted in [100, 500] {
        let mut child = command(dir.path(), &server).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
            let bytes = std::fs::read(&records).unwrap_or_default();
            if bytes.iter().filter(|&&c| c == b'\n').count() >= wanted {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert_eq!(kills, 2, "the run was over before it could be killed");
    let before = server.count();
    let output = command(dir.path(), &server).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    // What was recorded is not asked again: 400 samples are left, each asked for 1 / 0.7 times.
    assert!(server.count() - before < 700, "{}", server.count() - before);

    let records = frame::read_records(&dir.path().join("run/records.parquet")).unwrap();
    let mut times: BTreeMap<(String, u32), u32> = BTreeMap::new();
    for r in &records {
        *times.entry((r.problem.0.clone(), r.sample)).or_default() += 1;
        assert_ne!(r.verdict, Verdict::Failed, "{}", r.text);
        assert_eq!((r.prompt_tokens, r.completion_tokens), (9, 4));
    }
    assert_eq!(times.len(), 900);
    assert!(times.values().all(|&n| n == 1));
    let read = |name: &str| -> Vec<Trace> {
        howard::jsonl::read(&dir.path().join("run").join(name)).unwrap()
    };
    assert_eq!((read("traces.jsonl").len(), read("wrong.jsonl").len()), (810, 90));

    // Selecting again asks nobody.
    let before = server.count();
    let mut again = command(dir.path(), &server);
    assert!(
        again.args(["--keep", "1", "--shortest"]).stderr(Stdio::null()).status().unwrap().success()
    );
    assert_eq!((server.count(), read("traces.jsonl").len()), (before, 270));

    for entry in std::fs::read_dir(dir.path().join("run")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|w| w == b"sk-secret"), "the key is on disk");
    }
    assert!(!stderr.contains("sk-secret"));
}
