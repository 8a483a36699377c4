//! Does a completion answer a problem? One grader for reward and report; pure, bounded, no clock.

mod boxed;
mod number;

use serde::{Deserialize, Serialize};

pub use boxed::last_boxed;

use crate::types::{Finish, Verdict};

/// The grader and its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grader {}

/// A gold answer, compiled once for all samples of a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Gold {
    text: String,
    value: Option<num_rational::BigRational>,
}

/// How an answer relates to the gold answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The same value or the same text.
    Equal,
    /// Another one.
    Different,
    /// No boxed answer.
    NoAnswer,
}

/// A graded completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// How the answer relates to the gold answer.
    pub outcome: Outcome,
    /// The answer that was extracted.
    pub extracted: Option<String>,
}

impl Grade {
    /// The one outcome of the sample, given why it ended.
    pub fn verdict(&self, finish: Finish) -> Verdict {
        match (finish, self.outcome) {
            (Finish::Error, _) => Verdict::Failed,
            (_, Outcome::Equal) => Verdict::Correct,
            (Finish::Length, _) => Verdict::Truncated,
            (_, Outcome::Different) => Verdict::Wrong,
            (_, Outcome::NoAnswer) => Verdict::NoAnswer,
        }
    }
}

impl Grader {
    /// Name and version, as every record carries it.
    pub fn name(&self) -> String {
        "howard-basic/1".into()
    }

    /// Compiles a gold answer.
    pub fn gold(&self, gold: &str) -> Gold {
        let text = normalized(gold);
        Gold { value: number::parse(&text), text }
    }

    /// Grades a completion by its last balanced box.
    pub fn grade(&self, gold: &Gold, completion: &str) -> Grade {
        match last_boxed(completion) {
            Some(answer) => self.grade_answer(gold, answer),
            None => Grade { outcome: Outcome::NoAnswer, extracted: None },
        }
    }

    /// Grades a bare answer: equal numbers, exactly, or else equal normalised texts.
    pub fn grade_answer(&self, gold: &Gold, answer: &str) -> Grade {
        let text = normalized(answer);
        let equal = match (&gold.value, number::parse(&text)) {
            (Some(gold), Some(answer)) => *gold == answer,
            _ => !text.is_empty() && gold.text == text,
        };
        let outcome = if equal { Outcome::Equal } else { Outcome::Different };
        Grade { outcome, extracted: Some(answer.trim().to_string()) }
    }
}

/// Without spaces, dollar signs, `\left`, `\right` and a final full stop; `\dfrac`, `\tfrac` as `\frac`.
fn normalized(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_whitespace() && *c != '$').collect();
    for (from, to) in [
        ("\\!", ""),
        ("\\,", ""),
        ("\\left", ""),
        ("\\right", ""),
        ("dfrac", "frac"),
        ("tfrac", "frac"),
    ] {
        text = text.replace(from, to);
    }
    text.trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly_and_texts_as_texts() {
        let grader = Grader::default();
        let cases = [
            ("\\frac{1}{2}", "0.5", true),
            ("\\dfrac12", "2/4", true),
            ("1,234", "1234", true),
            ("9007199254740993", "9007199254740992", false),
            ("0.9999999999999999999999", "1", false),
            ("-3", "3", false),
            ("(1, 2)", "(1,2)", true),
            ("x+1", "x+2", false),
            ("12", "", false),
        ];
        for (gold, answer, equal) in cases {
            let grade = grader.grade(&grader.gold(gold), &format!("so \\boxed{{{answer}}}"));
            assert_eq!(grade.outcome == Outcome::Equal, equal, "{gold} against {answer}");
        }
    }

    #[test]
    fn a_cut_completion_is_truncated_unless_it_is_right() {
        let grader = Grader::default();
        let gold = grader.gold("7");
        let verdict = |text: &str, finish| grader.grade(&gold, text).verdict(finish);
        assert_eq!(verdict("\\boxed{7} and", Finish::Length), Verdict::Correct);
        assert_eq!(verdict("\\boxed{8} and", Finish::Length), Verdict::Truncated);
        assert_eq!(verdict("3+4", Finish::Stop), Verdict::NoAnswer);
        assert_eq!(verdict("\\boxed{7}", Finish::Error), Verdict::Failed);
    }
}
