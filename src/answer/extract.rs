//! Where the answer stands in a completion.

use memchr::memrchr;

use super::Found;
use super::boxed::floor_boundary;
use super::meter::Meter;

/// Bytes at the end of a completion in which an answer without a box is looked for.
const TAIL: usize = 1 << 16;

/// What stands behind the last `</think>`.
pub(super) fn after_thinking<'a>(text: &'a str, meter: &Meter) -> &'a str {
    let mut end = text.len();
    while let Some(start) = memrchr(b'<', &text.as_bytes()[..end]) {
        if text[start..].starts_with("</think>") {
            return &text[start + "</think>".len()..];
        }
        if meter.pay(1 + (end - start) as u64 / 256).is_none() {
            break;
        }
        end = start;
    }
    // The rest of the text has none.
    let _ = meter.pay(end as u64 / 256);
    text
}

/// The answer behind the last `####`, or behind the last "answer is", up to the end of its line or sentence.
pub(super) fn fallback(text: &str) -> Option<(&str, Found)> {
    let text = &text[tail_start(text)..];
    if let Some(at) = text.rfind("####") {
        let line = text[at + 4..].lines().next().unwrap_or("").trim();
        if !line.is_empty() {
            return Some((line, Found::Mark));
        }
    }
    let at = ["answer is", "Answer is", "answer:", "Answer:", "ANSWER:"]
        .iter()
        .filter_map(|mark| text.rfind(mark).map(|at| at + mark.len()))
        .max()?;
    let line = text[at..].trim_start_matches([':', ' ', '*', '\n']).lines().next().unwrap_or("");
    let line = match line.find(". ") {
        Some(end) => &line[..end],
        None => line,
    };
    let answer = line.trim().trim_end_matches(['.', '*']).trim();
    (!answer.is_empty()).then_some((answer, Found::Sentence))
}

/// Where the last bytes that are searched begin.
fn tail_start(text: &str) -> usize {
    if text.len() <= TAIL { 0 } else { floor_boundary(text, text.len() - TAIL) }
}

/// The content's end: the position of the brace that closes what the text begins inside of. `\{`, `\}` and `\\` do
/// not count.
pub(super) fn closing(inner: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let (mut depth, mut at) = (1usize, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}
