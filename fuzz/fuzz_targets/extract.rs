//! Extraction: any text has at most one answer, which stands in the text, and grading finds the same one.
#![no_main]

use howard::answer::{Found, Grader, STEPS, last_boxed};
use libfuzzer_sys::fuzz_target;
use timely::timely;

mod timely;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let found = last_boxed(&text);
    if let Some(answer) = found {
        assert!(text.contains(answer));
    }
    let grader = Grader { fallback: true, ..Grader::default() };
    // More time than the steps stand for is an escape from the account.
    let grade = timely(|| grader.grade(&grader.gold("1,7"), &text));
    let grade = grade.expect("a verdict took too long");
    assert!(grade.steps <= STEPS, "{grade:?}");
    if !text.contains("</think>") && found.is_some() && grade.found != Some(Found::Boxes) {
        assert_eq!(grade.extracted.as_deref(), found.map(str::trim));
    }
});
