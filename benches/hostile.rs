//! How long the nastiest answers take, and how many steps: the families of `tests/hostile.rs`, on one thread.
//!
//! `cargo test --package howard --no-default-features --bench hostile -- [--top N] [--file FILE]` (the dev profile,
//! which is optimised). A time covers reading the gold answer and grading; it is the best of five rounds. With `--file`
//! an input of the fuzz target `grade` is timed instead, or of another one beside an answer of two elements.
#![allow(missing_docs, clippy::print_stdout)]

#[path = "../tests/hostile.rs"]
mod hostile;

use std::time::Instant;

use howard::answer::{Grader, STEPS};

const ROUNDS: usize = 5;

fn from_file(file: &str) -> hostile::Pair {
    let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (gold, pred) = text.split_once('\n').unwrap_or(("1,7", &text));
    let completion = pred.contains("box");
    hostile::Pair { name: file.into(), gold: gold.into(), pred: pred.into(), completion }
}

fn main() {
    let option = |name: &str| std::env::args().skip_while(|a| a != name).nth(1);
    let top = option("--top").and_then(|n| n.parse().ok()).unwrap_or(10);
    let grader = Grader::default();
    let mut rows = Vec::new();
    let pairs = option("--file").map_or_else(hostile::pairs, |file| vec![from_file(&file)]);
    for pair in pairs {
        let (mut best, mut steps, mut verdict) = (f64::INFINITY, 0, None);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let gold = grader.gold(&pair.gold);
            let grade = if pair.completion {
                grader.grade(&gold, &pair.pred)
            } else {
                grader.grade_answer(&gold, &pair.pred)
            };
            best = best.min(start.elapsed().as_secs_f64());
            steps = grade.steps;
            verdict = Some(grade.outcome);
        }
        rows.push((1e6 * best, steps, verdict, pair.name));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{} inputs, at most {STEPS} steps each", rows.len());
    println!("{:>9} {:>7} {:>8}  verdict, input", "us", "steps", "ns/step");
    for (time, steps, verdict, name) in rows.iter().take(top) {
        let pace = 1e3 * time / (*steps).max(1) as f64;
        println!("{time:9.1} {steps:7} {pace:8.1}  {verdict:?}, {name}");
    }
    let undecided = rows.iter().filter(|row| row.2 == Some(howard::answer::Outcome::Undecided));
    println!("undecided: {}", undecided.count());
}
