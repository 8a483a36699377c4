//! What the grader makes of some texts.

use crate::answer::{Grader, Outcome, Reason};
use crate::report::Table;

/// Characters of a text that are shown: its end, where the answer stands.
const END: usize = 48;

/// A row per completion: the end of it, what was extracted, how that relates to the gold answer, and why.
///
/// # Example
/// ```
/// let table = howard::notebook::graded("1/2", &["so it is \\boxed{0.5}", "it is one half"]);
/// assert_eq!(table.rows[0][2..], ["equal", "the same value, written differently"]);
/// assert_eq!(table.rows[1][1..3], ["", "no answer"]);
/// ```
pub fn graded(gold: &str, texts: &[&str]) -> Table {
    let grader = Grader::default();
    let gold = grader.gold(gold);
    let mut table = Table::new(4, &["end of the text", "extracted", "outcome", "why"]);
    for text in texts {
        let grade = grader.grade(&gold, text);
        let outcome = match grade.outcome {
            Outcome::Equal => "equal",
            Outcome::Different => "different",
            Outcome::NoAnswer => "no answer",
            Outcome::Undecided => "undecided",
        };
        let why = match grade.reason {
            Reason::SameText => "the same text",
            Reason::SameValue => "the same value, written differently",
            Reason::OtherValue => "another value",
            Reason::OtherKind => "another kind of answer",
            Reason::Calculation => "a calculation instead of a number",
            Reason::OtherForm => "right, but in another form than the gold answer",
            Reason::NoBox => "no box",
            Reason::TooLong => "too long",
            Reason::Budget => "the budget was spent",
        };
        let extracted = grade.extracted.unwrap_or_default();
        table.rows.push(vec![end(text), extracted, outcome.into(), why.into()]);
    }
    table
}

fn end(text: &str) -> String {
    let text = text.replace('\n', " ");
    let total = text.chars().count();
    if total <= END {
        return text;
    }
    let end: String = text.chars().skip(total - END).collect();
    format!("...{end}")
}
