//! An answer text with everything that was understood of it.

use super::Reason;
use super::boxed;
use super::compare::{self, Rules};
use super::decide::Decision;
use super::lex;
use super::meter::{Meter, READING, STEPS};
use super::read;
use super::render;
use super::thousands::{self, Commas};
use super::token::{Gap, Token};
use super::tolerance::Tolerance;
use super::value::Value;

/// An answer as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// The trimmed text.
    pub(super) text: Box<str>,
    tokens: Vec<Token>,
    /// What it is; `None` where it is beyond the limits.
    pub(super) value: Option<Value>,
    /// What it is if its commas separate elements and not thousands.
    list: Option<Value>,
    /// Steps that it took to read it.
    pub(super) steps: u64,
}

impl Reading {
    /// Reads an answer; `decimal_comma` says whether a comma may stand before decimals.
    pub(super) fn of(text: &str, decimal_comma: bool) -> Reading {
        let text = text.trim();
        if text.len() > lex::MAX_BYTES {
            return Reading::unread(text, 0);
        }
        let meter = Meter::new(READING);
        let read = Reading::within(text, decimal_comma, &meter);
        let steps = READING - meter.left();
        // What was read with an empty account is not what stands there.
        if meter.is_empty() { Reading::unread(text, steps) } else { Reading { steps, ..read } }
    }

    /// An answer beyond the limits: only the same text is equal to it.
    fn unread(text: &str, steps: u64) -> Reading {
        Reading { text: text.into(), tokens: Vec::new(), value: None, list: None, steps }
    }

    fn within(text: &str, decimal_comma: bool, meter: &Meter) -> Reading {
        let inner = boxed::last(text, meter).filter(|found| {
            let around = |c: char| matches!(c, '$' | '.' | ' ');
            text[..found.start].chars().all(around) && text[found.end..].chars().all(around)
        });
        let text = inner.map_or(text, |found| found.content.trim());
        // Bold type of Markdown.
        let bold = text.strip_prefix("**").and_then(|t| t.strip_suffix("**"));
        let text = bold.filter(|t| !t.contains("**")).map_or(text, str::trim);
        let Ok(raw) = lex::tokens(text, meter) else { return Reading::unread(text, 0) };
        let (mut tokens, ambiguous) =
            thousands::join(&raw, Commas::Thousands { decimals: decimal_comma });
        let value = read::answer(&tokens, meter);
        let list =
            ambiguous.then(|| read::answer(&thousands::join(&raw, Commas::Elements).0, meter));
        tokens.iter_mut().for_each(|token| token.gap = Gap::No);
        Reading { text: text.into(), tokens, value: Some(value), list, steps: 0 }
    }

    /// Gives its numbers their tolerances.
    pub(super) fn apply(&mut self, tolerance: &Tolerance) {
        self.value.iter_mut().chain(&mut self.list).for_each(|value| tolerance.apply(value));
    }

    /// Whether it has several elements, so that several boxes may hold them.
    pub(super) fn is_several(&self) -> bool {
        let several = |value: &Value| match value {
            Value::List(items) | Value::Set(items) => items.len() > 1,
            _ => false,
        };
        self.value.as_ref().is_some_and(several) || self.list.as_ref().is_some_and(several)
    }

    /// Whether its commas may separate elements as well as thousands.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.list.is_some()
    }

    /// Whether an answer is this one, and why; one account pays for all that is tried.
    pub(super) fn compare_within(
        &self,
        answer: &Reading,
        rules: Rules,
        meter: &Meter,
    ) -> (Decision, Reason) {
        let (Some(a), Some(b)) = (&self.value, &answer.value) else {
            // Beyond the limits only the same text is the same answer.
            return if self.value.is_none() && answer.value.is_none() && self.text == answer.text {
                (Decision::Equal, Reason::SameText)
            } else {
                (Decision::Different, Reason::TooLong)
            };
        };
        if !self.tokens.is_empty() && self.tokens == answer.tokens {
            return (Decision::Equal, Reason::SameText);
        }
        let is_list =
            |value: &Value| matches!(value, Value::List(_) | Value::Tuple(..) | Value::Set(_));
        let mut decision = compare::grade(a, b, rules, meter);
        // `1,234` is a number, but a list beside a list.
        for (x, y) in [(self.list.as_ref(), Some(b)), (Some(a), answer.list.as_ref())] {
            if decision != Decision::Equal
                && let (Some(x), Some(y)) = (x, y)
                && is_list(x)
                && is_list(y)
            {
                decision = compare::grade(x, y, rules, meter);
            }
        }
        if decision == Decision::Different
            && rules.decimal_commas
            && thousands::same_decimals(&self.text, &answer.text)
        {
            decision = Decision::Equal;
        }
        let reason = match decision {
            Decision::Equal => Reason::SameValue,
            Decision::Undecided => Reason::Budget,
            Decision::Different
                if (!rules.calculations || rules.same_form)
                    && compare::grade(a, b, compare::LENIENT, meter) == Decision::Equal =>
            {
                if rules.same_form { Reason::OtherForm } else { Reason::Calculation }
            }
            Decision::Different if std::mem::discriminant(a) != std::mem::discriminant(b) => {
                Reason::OtherKind
            }
            Decision::Different => Reason::OtherValue,
        };
        (decision, reason)
    }

    /// Canonical LaTeX of the value. It is read back: what would be read as another value, or be written differently
    /// then, is no canonical text.
    pub(super) fn canonical(&self) -> Option<String> {
        let mut text = self.rendered()?;
        if text.len() <= 64 && self.is_plain_number() {
            return Some(text);
        }
        for _ in 0..3 {
            let again = Reading::of(&text, false);
            let form = again.rendered()?;
            if form == text {
                let same = |a: &Reading, b: &Reading| {
                    let meter = Meter::new(STEPS - a.steps - b.steps);
                    a.compare_within(b, compare::LENIENT, &meter).0 == Decision::Equal
                };
                return (same(self, &again) && same(&again, self)).then_some(text);
            }
            text = form;
        }
        None
    }

    /// Whether it is a rational number and nothing else: no unit, no percent sign, no word.
    pub(super) fn is_plain_number(&self) -> bool {
        matches!(&self.value, Some(Value::Quantity(q))
            if q.exact.is_some() && q.unit.is_none() && !q.percent && q.word.is_none())
    }

    /// LaTeX of the value, as it may be canonical.
    fn rendered(&self) -> Option<String> {
        let meter = Meter::new(STEPS);
        let text = self.value.as_ref().and_then(|value| render::value(value, &meter));
        // A longer one might be beyond the limits when it is read again.
        text.filter(|text| text.len() <= 1024)
    }

    /// Whether it was read as words.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, Some(Value::Text(_)) | None)
    }

    /// What it was read as.
    pub(super) fn explain(&self) -> String {
        let Some(value) = &self.value else { return "beyond the limits".into() };
        let kind = match value {
            Value::Quantity(q) if q.exact.is_some() => "number",
            Value::Quantity(_) => "expression",
            Value::Based(_) => "number in a base",
            Value::Text(_) => "words",
            Value::Choice(..) => "choice",
            Value::Tuple(..) => "tuple or interval",
            Value::Set(_) => "set",
            Value::List(_) => "list",
            Value::Region(_) => "set of real numbers",
            Value::Union(_) => "union",
            Value::Matrix(_) => "matrix",
            Value::Named(..) => "named value",
            Value::Relation(_) => "equation or inequality",
            Value::Ratio(_) => "ratio",
            Value::Time(..) => "time",
        };
        match self.canonical() {
            Some(text) => format!("{kind}: {text}"),
            None => format!("{kind}: {}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graded(gold: &str, answer: &str, meter: &Meter) -> Decision {
        Reading::of(gold, false)
            .compare_within(&Reading::of(answer, false), compare::LENIENT, meter)
            .0
    }

    /// Two signs make four inequalities a side, none of which has a value at a real point: every pair is undecided, so
    /// that nothing but the account ends the search.
    #[test]
    fn all_pairs_of_two_lists_of_inequalities_share_one_budget() {
        let list = |term: &dyn Fn(&str) -> String, right: &str| {
            let terms: Vec<String> = ["x", "y"].map(term).to_vec();
            format!("\\pm {} < {right}", terms.join(" \\pm "))
        };
        let terms: [&dyn Fn(&str) -> String; 3] = [
            &|v| format!("\\ln(-2-{v}^2)"),
            &|v| format!("\\sum_{{n=1}}^{{\\infty}} n^{v}"),
            &|v| format!("\\gcd({v}^{{800}}, 3^{{800}})"),
        ];
        for term in terms {
            let (gold, answer) = (list(term, "1"), list(term, "2"));
            assert!(Reading::of(&gold, false).is_several(), "{gold}");
            let meter = Meter::new(STEPS);
            assert_eq!(graded(&gold, &answer, &meter), Decision::Undecided, "{gold}");
            // The account is empty, and an empty account pays for nothing more.
            assert_eq!(meter.left(), 0, "{gold}");
            assert_eq!(graded("x+y<1", "2x+2y<2", &meter), Decision::Undecided);
        }
    }

    #[test]
    fn every_kind_of_comparison_is_paid_for_and_ordinary_ones_cost_little() {
        let cases = [
            ("x+y<1", "2>2x+2y", Decision::Equal),
            ("x+y<1", "x+y<2", Decision::Different),
            ("x^2+y^2=1", "2x^2+2y^2=2", Decision::Equal),
            ("1:\\sqrt{2}", "\\sqrt{2}:2", Decision::Equal),
            ("[\\sqrt{8},3]", "[2\\sqrt{2},3]", Decision::Equal),
            ("(\\sin 1,\\infty)", "x>\\cos 1", Decision::Different),
            ("\\sqrt{8}", "2\\sqrt{2}", Decision::Equal),
            ("\\{\\sqrt{8},1\\}", "\\{1,2\\sqrt{2}\\}", Decision::Equal),
            ("\\frac{\\pi}{4}", "0.785398", Decision::Equal),
        ];
        let all = STEPS;
        for (gold, answer, expected) in cases {
            let meter = Meter::new(STEPS);
            assert_eq!(graded(gold, answer, &meter), expected, "{gold} and {answer}");
            let spent = all - meter.left();
            assert!((1..=all / 5).contains(&spent), "{gold} and {answer} took {spent} steps");
        }
    }
}
