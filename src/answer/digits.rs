//! Numbers as they are written: digits, a point, a power of ten, repeating decimals.

use super::lex::{Lexer, MAX_DIGITS, TooMuch};
use super::rat::Rat;
use super::token::{Num, Tok};

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Result<(), TooMuch> {
        // The argument of `\frac12` is one digit.
        let single = self.fractions.last().is_some_and(|&(depth, _)| depth == self.depth);
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let start = self.at;
        let whole = if single { 1.min(digits(start)) } else { digits(start) };
        let mut end = start + whole;
        let mut part = None;
        if !single
            && bytes.get(end) == Some(&b'.')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
        {
            let count = digits(end + 1);
            part = Some(&self.text[end + 1..end + 1 + count]);
            end += 1 + count;
        }
        let whole = &self.text[start..start + whole];
        let count = whole.len() + part.map_or(0, str::len);
        if count > MAX_DIGITS {
            return Err(TooMuch::Long);
        }
        let mut special = false;
        let mut exponent = 0i64;
        if !single
            && matches!(bytes.get(end), Some(b'e' | b'E'))
            && let Some((value, length)) = exponent_of(&bytes[end + 1..])
        {
            exponent = value;
            end += 1 + length;
            special = true;
        }
        // Digits become words one after the other, a power of ten by squaring.
        let size = count + exponent.unsigned_abs() as usize;
        self.meter.pay((size * size / 4096) as u64 + 2).ok_or(TooMuch::Long)?;
        let mut value = Rat::decimal(whole, part.unwrap_or(""), exponent).ok_or(TooMuch::Long)?;
        let dot = if part.is_none() && bytes.get(end) == Some(&b'.') { 1 } else { 0 };
        if !special
            && (part.is_some() || dot == 1)
            && let Some((repeated, length)) = repeating(&self.text[end + dot..])
        {
            // 0.a(b) = 0.a + b / ((10^|b| - 1) 10^|a|)
            let shift = part.map_or(0, str::len) as i64;
            let nines = Rat::int(10)
                .pow(repeated.len() as i64, 4096)
                .and_then(|t| t.sub(&Rat::ONE).recip())
                .and_then(|r| Some(r.mul(&Rat::int(10).pow(-shift, 4096)?)));
            // Two fractions are brought to lowest terms.
            let bits = 7 * (repeated.len() + count) as u64;
            self.meter.pay(2 * (bits + bits * bits / 1024)).ok_or(TooMuch::Long)?;
            let tail = Rat::decimal(repeated, "", 0).ok_or(TooMuch::Long)?;
            value = value.add(&tail.mul(&nines.ok_or(TooMuch::Long)?));
            special = true;
            end += dot + length;
        }
        let num = Num { value, whole: whole.into(), part: part.map(Into::into), special };
        self.at = end;
        self.push(Tok::Num(num));
        Ok(())
    }
}

/// Digits after `e`, with a sign, and their length; not where letters follow (`2e3x` is no number).
fn exponent_of(bytes: &[u8]) -> Option<(i64, usize)> {
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = bytes[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=5).contains(&digits) || bytes.get(sign + digits).is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let value = std::str::from_utf8(&bytes[sign..sign + digits]).ok()?.parse::<i64>().ok()?;
    Some((if bytes[0] == b'-' { -value } else { value }, sign + digits))
}

/// The digits of `\overline{142857}` and the length of all of it.
fn repeating(text: &str) -> Option<(&str, usize)> {
    for command in ["\\overline{", "\\bar{", "\\dot{"] {
        if let Some(inner) = text.strip_prefix(command) {
            let digits = &inner[..inner.bytes().take(201).position(|b| b == b'}')?];
            let fits = !digits.is_empty()
                && digits.len() <= 200
                && digits.bytes().all(|b| b.is_ascii_digit());
            return fits.then_some((digits, command.len() + digits.len() + 1));
        }
    }
    None
}
