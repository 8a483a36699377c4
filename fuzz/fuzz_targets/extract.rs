//! Extraction: any text has at most one answer, which stands in the text, and grading finds the same one.
#![no_main]

use howard::answer::{Found, Grader, STEPS, last_boxed};
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

/// The longest that a verdict may take with sanitizers on a busy machine; without them it takes half a millisecond.
const LIMIT: Duration = Duration::from_millis(50);

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let found = last_boxed(&text);
    if let Some(answer) = found {
        assert!(text.contains(answer));
    }
    let grader = Grader { fallback: true, ..Grader::default() };
    let start = Instant::now();
    let grade = grader.grade(&grader.gold("1,7"), &text);
    assert!(grade.steps <= STEPS && start.elapsed() < LIMIT, "{grade:?}");
    if !text.contains("</think>") && found.is_some() && grade.found != Some(Found::Boxes) {
        assert_eq!(grade.extracted.as_deref(), found.map(str::trim));
    }
});
