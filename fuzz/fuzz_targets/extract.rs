//! Extraction: any text has at most one answer, which stands in the text, and grading finds the same one.
#![no_main]

use howard::answer::{Grader, last_boxed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let found = last_boxed(&text);
    if let Some(answer) = found {
        assert!(text.contains(answer));
    }
    let grader = Grader { fallback: true, ..Grader::default() };
    let grade = grader.grade(&grader.gold("7"), &text);
    if !text.contains("</think>") && found.is_some() {
        assert_eq!(grade.extracted.as_deref(), found.map(str::trim));
    }
});
