//! Classes of equal answers, for majority voting.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::compare::LENIENT;
use super::decide::Decision;
use super::meter::{Meter, STEPS};
use super::reading::Reading;
use super::{Grader, Mode, strings};

/// An answer, its reading, and its canonical text.
struct Member<'a> {
    text: &'a str,
    /// Made when it is asked for: most answers of a large frame are whole numbers, which need none.
    reading: OnceCell<Reading>,
    form: Option<String>,
    /// A whole number in plain notation.
    whole: bool,
}

impl Member<'_> {
    fn reading(&self, grader: &Grader) -> &Reading {
        self.reading.get_or_init(|| Reading::of(self.text, grader.decimal_comma))
    }
}

/// The class of each answer, numbered by first occurrence.
pub(super) fn of(grader: &Grader, answers: &[&str]) -> Vec<usize> {
    let mut by_text: HashMap<&str, usize> = HashMap::new();
    let mut by_form: HashMap<String, usize> = HashMap::new();
    let mut members: Vec<Member<'_>> = Vec::new();
    let mut classes = Vec::with_capacity(answers.len());
    for &answer in answers {
        let text = answer.trim();
        if let Some(&class) = by_text.get(text) {
            classes.push(class);
            continue;
        }
        let whole = grader.mode == Mode::Exact && is_plain_integer(text);
        let mut new = Member { text, reading: OnceCell::new(), form: None, whole };
        new.form = match grader.mode {
            // Its canonical text is itself.
            Mode::Exact if whole => Some(text.to_string()),
            Mode::Exact => new.reading(grader).canonical(),
            Mode::Normalized => None,
        };
        let form = new.form.clone();
        // One account for all comparisons of an answer: the classes of a hostile list cost what their answers do.
        let meter = Meter::new(4 * STEPS);
        // Canonical texts leave out names and what stands behind a choice letter.
        let found = form.as_ref().and_then(|form| by_form.get(form).copied()).filter(|&class| {
            new.whole || same_kind_of_number(grader, &members[class], &new, &meter)
        });
        let found =
            found.or_else(|| members.iter().position(|seen| same(grader, seen, &new, &meter)));
        let class = found.unwrap_or_else(|| {
            members.push(new);
            members.len() - 1
        });
        by_text.insert(text, class);
        if let Some(form) = form {
            by_form.entry(form).or_insert(class);
        }
        classes.push(class);
    }
    classes
}

fn same(grader: &Grader, a: &Member<'_>, b: &Member<'_>, meter: &Meter) -> bool {
    if grader.mode == Mode::Normalized {
        return strings::equal(a.text, b.text);
    }
    // The canonical texts of two plain numbers tell them apart.
    if (a.whole && b.whole) || (plain_number(grader, a) && plain_number(grader, b)) {
        return false;
    }
    a.reading(grader).compare_within(b.reading(grader), LENIENT, meter).0 == Decision::Equal
}

/// Whether answers with one canonical text are equal: always where one of them is a plain number.
fn same_kind_of_number(grader: &Grader, a: &Member<'_>, b: &Member<'_>, meter: &Meter) -> bool {
    plain_number(grader, a) || plain_number(grader, b) || same(grader, a, b, meter)
}

/// Whether the text is a whole number without a plus sign, leading zeros or separators, of a length that is read.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits == "0" && !text.starts_with('-') || !digits.starts_with('0');
    (1..=300).contains(&digits.len()) && canonical && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A rational number that is nothing else: no unit, no percent sign, no word, no list.
fn plain_number(grader: &Grader, member: &Member<'_>) -> bool {
    if member.whole {
        return true;
    }
    let reading = member.reading(grader);
    reading.is_plain_number() && !reading.is_ambiguous() && member.form.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_their_own_canonical_text() {
        for (text, plain) in [
            ("12", true),
            ("-3", true),
            ("0", true),
            ("-0", false),
            ("007", false),
            ("1,000", false),
            ("", false),
        ] {
            assert_eq!(is_plain_integer(text), plain, "{text}");
            if plain {
                assert_eq!(Reading::of(text, false).canonical().as_deref(), Some(text));
            }
        }
    }
}
