//! Boxes of a completion.

use memchr::memrchr;

use super::extract::closing;
use super::meter::{Meter, STEPS};

/// One complete box: where its command starts, its content, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boxed<'a> {
    pub(super) start: usize,
    pub(super) content: &'a str,
    pub(super) end: usize,
}

/// What stands in the last complete `\boxed{}` or `\fbox{}`; also after a blank, and without braces if the box holds
/// one number, letter or fraction. Unmatched braces elsewhere do not matter.
pub fn last_boxed(text: &str) -> Option<&str> {
    last(text, &Meter::new(STEPS)).map(|found| found.content)
}

/// The last complete box, searched from the end within the account.
pub(super) fn last<'a>(text: &'a str, meter: &Meter) -> Option<Boxed<'a>> {
    let mut end = text.len();
    // The braces of a box that is not closed are not closed for the boxes around it either: a box before it has to
    // end before it starts.
    let mut limit = text.len();
    loop {
        let start = memrchr(b'\\', &text.as_bytes()[..end]);
        meter.pay(1 + (end - start.unwrap_or(0)) as u64 / 256)?;
        end = start?;
        let command = text[end..].starts_with("\\boxed") || text[end..].starts_with("\\fbox");
        if !command {
            continue;
        }
        if let Some(found) = at(&text[..limit], end, meter) {
            return Some(found);
        }
        limit = end;
    }
}

/// The box whose command starts here.
fn at<'a>(text: &'a str, start: usize, meter: &Meter) -> Option<Boxed<'a>> {
    let name = if text[start..].starts_with("\\boxed") { 6 } else { 5 };
    let after = &text[start + name..];
    let trimmed = after.trim_start();
    let begin = start + name + (after.len() - trimmed.len());
    if trimmed.starts_with('{') {
        // A box of more than this is no answer.
        let inner = &text[begin + 1..];
        let window = floor_boundary(inner, 1 << 16);
        let closed = closing(&inner[..window]);
        meter.pay(1 + closed.unwrap_or(window) as u64 / 8)?;
        let length = closed?;
        let content = &inner[..length];
        return Some(Boxed { start, content, end: begin + 1 + length + 1 });
    }
    // A command of a longer name, `\boxedtext`, is none.
    if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let length = unbraced(trimmed)?;
    Some(Boxed { start, content: &trimmed[..length], end: begin + length })
}

/// The largest character boundary that is not above `limit`.
pub(super) fn floor_boundary(text: &str, limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Length of the number, letter or command with its arguments that a box without braces holds.
fn unbraced(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let rest = &text[sign..];
    let digits =
        rest.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')).count();
    if digits > 0 {
        let number = rest[..digits].trim_end_matches(['.', ',']);
        return (!number.is_empty()).then_some(sign + number.len());
    }
    if let Some(name) = rest.strip_prefix('\\') {
        let mut at = 1 + name.bytes().take_while(u8::is_ascii_alphabetic).count();
        let fraction = rest[1..at].ends_with("frac");
        for _ in 0..if fraction { 2 } else { 1 } {
            let inner = rest.get(at..)?;
            if let Some(inner) = inner.strip_prefix('{') {
                at += closing(&inner[..floor_boundary(inner, 4096)])? + 2;
            } else if fraction && inner.starts_with(|c: char| c.is_ascii_digit()) {
                at += 1;
            }
        }
        return (at > 1).then_some(sign + at);
    }
    let letter = rest.chars().next().filter(char::is_ascii_alphabetic)?;
    Some(sign + letter.len_utf8())
}

/// The last boxes that only separators stand between, joined by commas, if there are several.
pub(super) fn joined(text: &str, meter: &Meter) -> Option<String> {
    let mut boxes = vec![last(text, meter)?];
    while boxes.len() < 32 {
        let first = boxes[boxes.len() - 1];
        let Some(previous) = last(&text[..first.start], meter) else { break };
        if !only_separators(&text[previous.end..first.start]) {
            break;
        }
        boxes.push(previous);
    }
    if boxes.len() < 2 {
        return None;
    }
    boxes.reverse();
    Some(boxes.iter().map(|found| found.content).collect::<Vec<_>>().join(", "))
}

/// Whether a text only separates elements of a list.
fn only_separators(text: &str) -> bool {
    if text.len() > 64 {
        return false;
    }
    let mut rest = text.trim_start();
    'next: while !rest.is_empty() {
        for word in [
            "\\text{", "\\quad", "\\qquad", "\\(", "\\)", "\\[", "\\]", "\\,", "\\;", "\\ ", "and",
            "or",
        ] {
            if let Some(after) = rest.strip_prefix(word) {
                rest = after.trim_start();
                continue 'next;
            }
        }
        match rest.strip_prefix([',', ';', '$', '}', '&']) {
            Some(after) => rest = after.trim_start(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined_in(text: &str) -> Option<String> {
        joined(text, &Meter::new(STEPS))
    }

    #[test]
    fn the_last_complete_box_wins() {
        assert_eq!(last_boxed("\\boxed{1} or \\boxed{\\frac{1}{2}} done}"), Some("\\frac{1}{2}"));
        assert_eq!(last_boxed("\\boxed{1} then \\boxed{2"), Some("1"));
        assert_eq!(last_boxed("\\fbox {7}"), Some("7"));
        assert_eq!(last_boxed("\\boxed{\\{1,2\\}}"), Some("\\{1,2\\}"));
        assert_eq!(last_boxed("no box {3}"), None);
        assert_eq!(last_boxed("is $\\boxed 5$."), Some("5"));
        assert_eq!(last_boxed("is $\\boxed\\frac12$."), Some("\\frac12"));
        assert_eq!(last_boxed("is $\\boxed{-3}$ } {"), Some("-3"));
        assert_eq!(last_boxed("\\boxed{a \\boxed{b}}"), Some("b"));
    }

    #[test]
    fn neighbouring_boxes_are_joined() {
        assert_eq!(joined_in("so $\\boxed{1}$ and $\\boxed{2}$.").as_deref(), Some("1, 2"));
        assert_eq!(joined_in("\\boxed{1} \\text{ or } \\boxed{2}").as_deref(), Some("1, 2"));
        assert_eq!(joined_in("\\boxed{1} so that \\boxed{2}"), None);
        assert_eq!(joined_in("\\boxed{1}"), None);
    }

    #[test]
    fn a_text_of_openings_is_no_box() {
        assert_eq!(last_boxed(&"\\boxed{".repeat(10_000)), None);
    }
}
