//! Does a completion answer a problem? One grader for reward and report; pure, bounded, no clock.
//!
//! Text becomes tokens (`lex`), tokens a typed answer (`read`, `parse`), and two answers are compared by kind
//! (`compare`): numbers exactly, rational functions modulo primes, everything else by balls (`decide`). What counts
//! as equal is the table of `docs/grading.md`, which is run as a test.

mod backslash;
mod ball;
mod boxed;
mod brackets;
mod classes;
mod command;
mod compare;
mod complex;
mod constants;
mod decide;
mod digits;
mod elementary;
mod equations;
mod exact;
mod expr;
mod extract;
mod field;
mod form;
mod func;
mod functions;
mod lex;
mod literal;
mod matrix;
mod meter;
mod modular;
mod names;
mod normal;
mod number;
mod number_words;
mod numeric;
mod operand;
mod parse;
mod proportional;
mod quantities;
mod rat;
mod read;
mod reading;
mod region;
mod relation;
mod render;
mod strings;
mod text;
mod thousands;
mod token;
mod tolerance;
mod unicode;
mod units;
mod value;

use serde::{Deserialize, Serialize};

pub use boxed::last_boxed;
pub use meter::STEPS;
pub use tolerance::Tolerance;

use crate::types::{Finish, Verdict};
use compare::Rules;
use decide::Decision;
use meter::Meter;
use reading::Reading;

/// How much a grader forgives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Whatever is mathematically the same.
    #[default]
    Evaluation,
    /// As a reward: a gold number must be answered by a number in lowest terms, not by a calculation that gives it.
    Training,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Values.
    #[default]
    Exact,
    /// Normalised strings only, as the study's answers were most likely graded.
    Normalized,
}

/// The grader and its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grader {
    /// How much it forgives.
    pub policy: Policy,
    /// What it compares.
    pub mode: Mode,
    /// Also take `#### x` or "the final answer is x" where there is no box; never for rewards.
    pub fallback: bool,
    /// `1,22` is a number with decimals, as in most of Europe, unless it stands beside a list.
    pub decimal_comma: bool,
    /// For problems that ask for a form - factor, expand, simplify: an expression must have the gold answer's form.
    pub same_form: bool,
}

/// A gold answer, compiled once for all samples of a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Gold {
    reading: Reading,
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
    /// It could not be told within the budget; counts as wrong.
    Undecided,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The same after cleaning.
    SameText,
    /// The same value, written differently.
    SameValue,
    /// Another value.
    OtherValue,
    /// Another kind of answer: a tuple for a number, words for a set.
    OtherKind,
    /// The right value, but a calculation where the policy wants a number.
    Calculation,
    /// The right value, in another form than the one that is asked for.
    OtherForm,
    /// No box.
    NoBox,
    /// Too long or too deeply nested to be read.
    TooLong,
    /// The budget was spent, or there is no way to tell.
    Budget,
}

/// Where an answer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// In the last complete box.
    Box,
    /// In neighbouring boxes, one element each.
    Boxes,
    /// Behind `####`.
    Mark,
    /// Behind "final answer is".
    Sentence,
    /// It was given bare.
    Bare,
}

/// A graded completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// How the answer relates to the gold answer.
    pub outcome: Outcome,
    /// The answer that was extracted.
    pub extracted: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Where the answer was found.
    pub found: Option<Found>,
    /// Steps of work that all of it took, reading the gold answer included; at most [`STEPS`].
    pub steps: u64,
}

impl Grade {
    /// The one outcome of the sample, given why it ended.
    pub fn verdict(&self, finish: Finish) -> Verdict {
        match (finish, self.outcome) {
            (Finish::Error, _) => Verdict::Failed,
            (_, Outcome::Equal) => Verdict::Correct,
            (Finish::Length, _) => Verdict::Truncated,
            (_, Outcome::Different | Outcome::Undecided) => Verdict::Wrong,
            (_, Outcome::NoAnswer) => Verdict::NoAnswer,
        }
    }
}

impl Gold {
    /// Canonical LaTeX of the answer, which reads back as the same value; `None` where there is none.
    pub fn canonical(&self) -> Option<String> {
        self.reading.canonical()
    }

    /// What the answer was read as, for people.
    pub fn explain(&self) -> String {
        self.reading.explain()
    }

    /// Whether the answer was read as words, because it is no mathematics that the grader knows.
    pub fn is_text(&self) -> bool {
        self.reading.is_text()
    }
}

impl Grader {
    /// The grader of rewards.
    pub fn training() -> Self {
        Self { policy: Policy::Training, ..Self::default() }
    }

    /// Name and version, as every record carries it.
    pub fn name(&self) -> String {
        let policy = match self.policy {
            Policy::Evaluation => "",
            Policy::Training => "-training",
        };
        let mode = match self.mode {
            Mode::Exact => "howard",
            Mode::Normalized => "howard-normalized",
        };
        let mut name = format!("{mode}{policy}");
        for (set, part) in [
            (self.fallback, "-fallback"),
            (self.decimal_comma, "-decimal-comma"),
            (self.same_form, "-same-form"),
        ] {
            name.push_str(if set { part } else { "" });
        }
        name + "/3"
    }

    fn rules(&self) -> Rules {
        match self.policy {
            Policy::Evaluation => {
                Rules { decimal_commas: true, same_form: self.same_form, ..compare::LENIENT }
            }
            Policy::Training => {
                Rules { calculations: false, same_form: self.same_form, ..compare::LENIENT }
            }
        }
    }

    /// Compiles a gold answer; one in a box is taken out of it.
    pub fn gold(&self, gold: &str) -> Gold {
        let inner = boxed::joined(gold, &Meter::new(meter::READING))
            .or_else(|| last_boxed(gold).map(str::to_string));
        Gold { reading: Reading::of(inner.as_deref().unwrap_or(gold), self.decimal_comma) }
    }

    /// Compiles a gold answer whose numbers may be missed by so much.
    pub fn gold_within(&self, gold: &str, tolerance: &Tolerance) -> Gold {
        let mut gold = self.gold(gold);
        gold.reading.apply(tolerance);
        gold
    }

    /// Grades a completion by its last complete box. For a gold answer of several elements, neighbouring boxes may
    /// hold one each.
    pub fn grade(&self, gold: &Gold, completion: &str) -> Grade {
        let meter = self.account(gold);
        let completion = extract::after_thinking(completion, &meter);
        let Some(answer) = boxed::last(completion, &meter).map(|found| found.content) else {
            if self.fallback
                && let Some((answer, found)) = extract::fallback(completion)
            {
                return Grade { found: Some(found), ..self.compared(gold, answer, &meter) };
            }
            let (outcome, reason) = match meter.is_empty() {
                true => (Outcome::Undecided, Reason::Budget),
                false => (Outcome::NoAnswer, Reason::NoBox),
            };
            let steps = STEPS - meter.left();
            return Grade { outcome, extracted: None, reason, found: None, steps };
        };
        let grade = self.compared(gold, answer, &meter);
        if grade.outcome != Outcome::Equal
            && gold.reading.is_several()
            && let Some(joined) = boxed::joined(completion, &meter)
        {
            return Grade { found: Some(Found::Boxes), ..self.compared(gold, &joined, &meter) };
        }
        Grade { found: Some(Found::Box), ..grade }
    }

    /// Grades a bare answer.
    pub fn grade_answer(&self, gold: &Gold, answer: &str) -> Grade {
        self.compared(gold, answer, &self.account(gold))
    }

    /// The account of one verdict; the gold answer has taken its part already.
    fn account(&self, gold: &Gold) -> Meter {
        Meter::new(STEPS - gold.reading.steps)
    }

    fn compared(&self, gold: &Gold, answer: &str, meter: &Meter) -> Grade {
        let extracted = Some(answer.trim().to_string());
        let found = Some(Found::Bare);
        if self.mode == Mode::Normalized {
            let (outcome, reason) = match strings::equal(&gold.reading.text, answer) {
                true => (Outcome::Equal, Reason::SameText),
                false => (Outcome::Different, Reason::OtherValue),
            };
            let steps = STEPS - meter.left();
            return Grade { outcome, extracted, reason, found, steps };
        }
        let answer = Reading::of(answer, self.decimal_comma);
        let (decision, reason) = match meter.pay(answer.steps) {
            Some(()) => gold.reading.compare_within(&answer, self.rules(), meter),
            None => (Decision::Undecided, Reason::Budget),
        };
        let outcome = match decision {
            Decision::Equal => Outcome::Equal,
            Decision::Different => Outcome::Different,
            Decision::Undecided => Outcome::Undecided,
        };
        let steps = STEPS - meter.left();
        Grade { outcome, extracted, reason, found, steps }
    }

    /// Numbers the classes of equal answers in the order in which they first occur; for voting. Answers with the same
    /// canonical text are one class without a comparison, and different exact numbers are two.
    pub fn classes(&self, answers: &[&str]) -> Vec<usize> {
        classes::of(self, answers)
    }
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
