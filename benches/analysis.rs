//! How long a report takes on 62,500 problems with 16 samples each, and how much memory.
//!
//! `cargo test --workspace --bench analysis [-- --out ROWS.jsonl]` (the dev profile, which is optimised, and needs nothing
//! compiled anew). The frame is written first; then
//! reading, accuracy, pass@k and maj@k for k = 1 to 16 with intervals, paired tests and both pages are timed.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use howard::frame;
use howard::report::ablation::{self, spec};
use howard::report::vote::{self, Rules};
use howard::rng::Seed;
use howard::stats::Method;
use howard::types::{EvalRecord, Finish, ProblemId, Verdict};
use serde_json::json;

const PROBLEMS: u64 = 62_500;
const SAMPLES: u32 = 16;

/// A problem's records: right answers at the problem's own rate, wrong ones over a handful of classes.
fn records(run: &str, problem: u64, ease: f64) -> Vec<EvalRecord> {
    let mut stream = Seed(7).named(run).index(problem).stream();
    let rate = Seed(1).index(problem).uniform(0).powf(1.0 / ease);
    (0..SAMPLES)
        .map(|sample| {
            let right = stream.uniform() < rate;
            let answer = if right { problem } else { problem + 1 + stream.below(6) as u64 };
            EvalRecord {
                run: run.into(),
                model: run.into(),
                benchmark: "synthetic".into(),
                problem: ProblemId(format!("synthetic:{problem:012x}")),
                level: Some(1 + (problem % 5) as u8),
                subject: None,
                sample,
                seed: 0,
                verdict: if right { Verdict::Correct } else { Verdict::Wrong },
                answer: Some(answer.to_string()),
                gold: problem.to_string(),
                finish: Finish::Stop,
                prompt_tokens: 80,
                completion_tokens: 200 + stream.below(800) as u32,
                logprob_sum: Some(-90.0 * stream.uniform()),
                grader: "bench/1".into(),
                text: "so it is ".repeat(20),
            }
        })
        .collect()
}

/// Peak memory of this process in MB, where the system tells.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|a| a != name).nth(1)
}

fn main() {
    // Two processes, so that making the frames does not count into the peak of reading them.
    if let Some(dir) = option("--analyse") {
        return analyse(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for (run, ease) in [("one", 1.0), ("two", 1.1)] {
        let all: Vec<EvalRecord> = (0..PROBLEMS).flat_map(|p| records(run, p, ease)).collect();
        frame::write_records(&all, &dir.path().join(format!("{run}.parquet"))).unwrap();
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("--analyse")
        .arg(dir.path())
        .args(std::env::args_os().skip(1))
        .status()
        .unwrap();
    assert!(status.success());
}

/// What took how long, printed as it comes.
#[derive(Default)]
struct Table(Vec<serde_json::Value>);

impl Table {
    fn row(&mut self, what: &str, since: Instant) {
        let (seconds, peak) = (since.elapsed().as_secs_f64(), peak());
        println!("{seconds:>8.2} s {peak:>6.0} MB  {what}");
        let seconds = (seconds * 1000.0).round() / 1000.0;
        self.0.push(json!({ "what": what, "seconds": seconds, "peak_mb": peak.round() }));
    }
}

fn analyse(dir: &Path) {
    let files = [dir.join("one.parquet"), dir.join("two.parquet")];
    let mut table = Table::default();
    let whole = Instant::now();
    let clock = Instant::now();
    let cells = frame::read_cells(&files[0]).unwrap();
    table.row(&format!("reading {} samples", cells[0].samples()), clock);
    let clock = Instant::now();
    let curves = vote::curves(&cells[0], &Rules::default()).unwrap();
    table.row(&format!("pass@k and maj@k for k = 1 to {SAMPLES}"), clock);
    let clock = Instant::now();
    vote::page(&cells, &Rules::default(), "bench").unwrap().write(&dir.join("vote")).unwrap();
    table.row("the voting page, which works them out once more", clock);
    table.row("one frame, all of the above", whole);
    drop(cells);
    let clock = Instant::now();
    let ablation = spec::read(&files).unwrap();
    let page = ablation::page(&ablation, Method::Wilson, "bench").unwrap();
    page.write(&dir.join("ablation")).unwrap();
    table.row("an ablation of two such frames: reading, paired tests, page", clock);
    let last = curves.fates.last().unwrap();
    println!("           maj@{SAMPLES} {:.4}, pass@{SAMPLES} {:.4}", last.maj(), last.pass());
    if let Some(out) = option("--out") {
        howard::jsonl::write(Path::new(&out), &table.0).unwrap();
    }
}
