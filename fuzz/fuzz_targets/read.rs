//! Reading: any answer is read without a panic, equals itself, and its canonical text reads back as the same value.
#![no_main]

use howard::answer::{Grader, Outcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let grader = Grader::default();
    let gold = grader.gold(&text);
    let _ = gold.explain();
    if let Some(canonical) = gold.canonical() {
        let outcome = grader.grade_answer(&gold, &canonical).outcome;
        assert_ne!(outcome, Outcome::Different, "{text:?} became {canonical:?}");
    }
});
