//! Classes of equal answers, for majority voting.

use std::collections::HashMap;

use super::compare::LENIENT;
use super::decide::Decision;
use super::meter::{Meter, STEPS};
use super::reading::Reading;
use super::value::Value;
use super::{Grader, Mode, strings};

/// An answer, its reading, and its canonical text.
struct Member<'a> {
    text: &'a str,
    reading: Reading,
    form: Option<String>,
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
        let reading = Reading::of(text, grader.decimal_comma);
        let form = if grader.mode == Mode::Exact { reading.canonical() } else { None };
        let found = form.as_ref().and_then(|form| by_form.get(form).copied());
        let new = Member { text, reading, form: form.clone() };
        // One account for all comparisons of an answer: the classes of a hostile list cost what their answers do.
        let meter = Meter::new(4 * STEPS);
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
    if plain_number(a) && plain_number(b) {
        return false;
    }
    a.reading.compare_within(&b.reading, LENIENT, meter).0 == Decision::Equal
}

/// A rational number that is nothing else: no unit, no percent sign, no word, no list.
fn plain_number(member: &Member<'_>) -> bool {
    let number = matches!(&member.reading.value, Some(Value::Quantity(q))
        if q.exact.is_some() && q.unit.is_none() && !q.percent && q.word.is_none());
    number && !member.reading.is_ambiguous() && member.form.is_some()
}
