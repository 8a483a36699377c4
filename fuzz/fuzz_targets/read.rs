//! Reading: any answer is read without a panic, and the canonical text of a number reads back as the same number.
#![no_main]

use howard::answer::{Grader, Outcome};
use libfuzzer_sys::fuzz_target;
use timely::timely;

mod timely;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let grader = Grader::default();
    let read = timely(|| {
        let gold = grader.gold(&text);
        let (explained, canonical) = (gold.explain(), gold.canonical());
        (gold, explained, canonical)
    });
    let (gold, explained, canonical) = read.expect("reading took too long");
    if let Some(canonical) = canonical {
        let outcome = grader.grade_answer(&gold, &canonical).outcome;
        if explained.starts_with("number:") {
            assert_ne!(outcome, Outcome::Different, "{text:?} became {canonical:?}");
        }
    }
});
