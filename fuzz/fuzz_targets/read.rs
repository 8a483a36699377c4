//! Reading: any answer is read without a panic, and its canonical text reads back as the same answer, written the same.
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
        let again = grader.gold(&canonical);
        assert_eq!(again.canonical().as_ref(), Some(&canonical), "{text:?}");
        let outcome = grader.grade_answer(&gold, &canonical).outcome;
        // What is another value is never allowed; to tell so much of a number, the steps always suffice.
        assert_ne!(outcome, Outcome::Different, "{text:?} became {canonical:?}");
        assert!(!explained.starts_with("number:") || outcome == Outcome::Equal, "{text:?}");
    }
});
