//! Grading: two answers, split at the first line break, get the same verdict both ways round.
#![no_main]

use howard::answer::{Grader, Outcome, STEPS};
use libfuzzer_sys::fuzz_target;
use timely::timely;

mod timely;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
    let grader = Grader::default();
    let grade = |gold: &str, answer: &str| {
        // More time than the steps stand for is an escape from the account.
        let grade = timely(|| grader.grade_answer(&grader.gold(gold), answer));
        let grade = grade.expect("a verdict took too long");
        assert!(grade.steps <= STEPS, "{gold:?} and {answer:?}: {grade:?}");
        grade.outcome
    };
    let (forth, back) = (grade(a, b), grade(b, a));
    // A gold answer may stand in a box inside of a text; then it is not the answer that is given back.
    if !text.contains("box") {
        let equal = |outcome| outcome == Outcome::Equal;
        assert_eq!(equal(forth), equal(back), "{a:?} and {b:?}");
    }
    let training = Grader::training();
    if training.grade_answer(&training.gold(a), b).outcome == Outcome::Equal {
        assert_eq!(forth, Outcome::Equal);
    }
});
