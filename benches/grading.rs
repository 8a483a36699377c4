//! How fast answers are graded, on one thread: cases per second, and the slowest cases.
//!
//! `cargo test --package howard --no-default-features --bench grading -- [--cases OUT.jsonl] [--out RESULT.jsonl]`
//! (the dev profile, which is optimised). The cases are the public ones of `../shared/data/grader` with a bare or
//! boxed answer, and for every gold answer of MATH-500 that is no plain number rewritings that keep or change its
//! value. With `--cases` they are written down, with our verdicts, for `benches/peers/grading.py`, which times
//! math-verify on the same ones.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use howard::answer::{Grader, Outcome};
use serde_json::{Value, json};

/// Rounds; a case's time is its fastest, so that interruptions by the system do not count.
const ROUNDS: usize = 7;

struct Case {
    gold: String,
    pred: String,
    /// Whether the prediction should be accepted.
    expected: bool,
    /// The prediction is a bare answer.
    bare: bool,
}

fn shared(file: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    std::env::var_os("HOWARD_SHARED").map_or(beside, PathBuf::from).join("data").join(file)
}

/// Rewritings of a gold answer: a text, and whether it still is the answer.
fn rewritings(gold: &str) -> Vec<(String, bool)> {
    let mut out = vec![
        (format!("${gold}$"), true),
        (gold.replace("\\frac", "\\dfrac"), true),
        (gold.replace('-', "\u{2212}"), true),
    ];
    if !gold.contains('\\') {
        out.push((gold.replace(' ', ""), true));
    }
    let simple = !gold.contains([',', '=', '<', '(', '[', '%', '$', '_', '&'])
        && !["\\begin", "\\mbox", "^\\circ"].iter().any(|part| gold.contains(part));
    if simple {
        out.push((format!("\\frac{{2({gold})}}{{2}}"), true));
        out.push((format!("{gold}+1"), false));
        out.push((format!("-({gold})"), false));
    }
    out.retain(|(text, _)| text != gold);
    out
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let public: Vec<Value> = howard::jsonl::read(&shared("grader/public_cases.jsonl")).unwrap();
    for row in public {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_string();
        if text("extract") == "freeform" || row["policy"].is_string() {
            continue;
        }
        cases.push(Case {
            gold: text("gold"),
            pred: text("pred"),
            expected: row["expected"].as_bool().unwrap(),
            bare: text("extract") == "bare",
        });
    }
    let math: Vec<Value> = howard::jsonl::read(&shared("math500/test.jsonl")).unwrap();
    for row in math {
        let gold = row["answer"].as_str().unwrap();
        if gold.parse::<f64>().is_ok() || gold.contains("\\text") {
            continue;
        }
        for (pred, expected) in rewritings(gold) {
            cases.push(Case { gold: gold.into(), pred, expected, bare: true });
        }
    }
    cases
}

fn grade(grader: &Grader, case: &Case) -> (bool, u64) {
    let gold = grader.gold(&case.gold);
    let grade = if case.bare {
        grader.grade_answer(&gold, &case.pred)
    } else {
        grader.grade(&gold, &case.pred)
    };
    (grade.outcome == Outcome::Equal, grade.steps)
}

fn main() {
    let option = |name: &str| std::env::args().skip_while(|a| a != name).nth(1);
    if !shared("grader/public_cases.jsonl").exists() {
        println!("skipped: ../shared/data is not at hand");
        return;
    }
    let cases = cases();
    let grader = Grader::default();
    let mut times = vec![f64::INFINITY; cases.len()];
    let mut best = f64::INFINITY;
    let mut right = 0;
    for _ in 0..ROUNDS {
        right = 0;
        let round = Instant::now();
        for (case, time) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            let (equal, _) = grade(&grader, case);
            *time = time.min(start.elapsed().as_secs_f64());
            right += usize::from(equal == case.expected);
        }
        best = best.min(round.elapsed().as_secs_f64());
    }
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| 1e6 * sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let result = json!({
        "tool": grader.name(),
        "threads": 1,
        "cases": cases.len(),
        "right": right,
        "cases_per_s": (cases.len() as f64 / best).round(),
        "p50_us": (10.0 * at(0.5)).round() / 10.0,
        "p99_us": (10.0 * at(0.99)).round() / 10.0,
        "max_us": (10.0 * at(1.0)).round() / 10.0,
        "max_steps": cases.iter().map(|case| grade(&grader, case).1).max(),
        "timeouts": 0,
    });
    println!("{result}");
    let mut costly: Vec<(u64, &Case)> =
        cases.iter().map(|case| (grade(&grader, case).1, case)).collect();
    costly.sort_by_key(|(steps, _)| std::cmp::Reverse(*steps));
    for (steps, case) in costly.iter().take(5) {
        println!("{steps} steps: {} | {}", case.gold, case.pred);
    }
    let slowest = times.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    println!("slowest: {} | {}", cases[slowest].gold, cases[slowest].pred);
    if let Some(path) = option("--out") {
        let path = Path::new(&path);
        let mut rows: Vec<Value> =
            if path.exists() { howard::jsonl::read(path).unwrap() } else { vec![] };
        // Ours are replaced, whatever version; the peer's line stays.
        rows.retain(|row| !row["tool"].as_str().unwrap_or_default().starts_with("howard"));
        rows.insert(0, result);
        howard::jsonl::write(path, &rows).unwrap();
    }
    if let Some(path) = option("--cases") {
        let lines: Vec<Value> = cases
            .iter()
            .map(|c| {
                json!({"gold": c.gold, "pred": c.pred, "expected": c.expected, "bare": c.bare, "ours": grade(&grader, c).0})
            })
            .collect();
        howard::jsonl::write(Path::new(&path), &lines).unwrap();
    }
}
