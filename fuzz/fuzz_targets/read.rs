//! Reading: any answer is read without a panic, and the canonical text of a number reads back as the same number.
#![no_main]

use cpu_time::ThreadTime;
use howard::answer::{Grader, Outcome};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

/// The longest that a verdict may take, in processor time, with everything that the fuzzer counts on the way; it takes
/// half a millisecond without.
const LIMIT: Duration = Duration::from_millis(20);

/// Does it up to three times: the processor time of a thread comes in coarse ticks.
fn timely<T>(mut work: impl FnMut() -> T) -> Option<T> {
    (0..3).find_map(|_| {
        let start = ThreadTime::now();
        let result = work();
        (start.elapsed() < LIMIT).then_some(result)
    })
}

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
