//! Reading: any answer is read without a panic, and the canonical text of a number reads back as the same number.
#![no_main]

use howard::answer::{Grader, Outcome};
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

/// The longest that a verdict may take with sanitizers on a busy machine; without them it takes half a millisecond.
const LIMIT: Duration = Duration::from_millis(50);

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let grader = Grader::default();
    let start = Instant::now();
    let gold = grader.gold(&text);
    let explained = gold.explain();
    let canonical = gold.canonical();
    assert!(start.elapsed() < LIMIT, "{text:?}");
    if let Some(canonical) = canonical {
        let outcome = grader.grade_answer(&gold, &canonical).outcome;
        if explained.starts_with("number:") {
            assert_ne!(outcome, Outcome::Different, "{text:?} became {canonical:?}");
        }
    }
});
