//! Exact numbers: integers, decimals, fractions, thousands separators.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

/// More digits than any answer has; longer texts are compared as texts.
const MAX_DIGITS: usize = 200;

/// The value of a number as it is written in an answer, or `None`.
pub fn parse(text: &str) -> Option<BigRational> {
    if text.len() > 3 * MAX_DIGITS {
        return None;
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = fraction(text).or_else(|| decimal(text))?;
    Some(if negative { -value } else { value })
}

fn fraction(text: &str) -> Option<BigRational> {
    let (top, bottom) = match text.strip_prefix("\\frac") {
        Some(rest) => {
            let (top, rest) = argument(rest)?;
            let (bottom, rest) = argument(rest)?;
            rest.is_empty().then_some((top, bottom))?
        }
        None => text.split_once('/')?,
    };
    let bottom = decimal(bottom)?;
    if bottom.is_zero() { None } else { Some(decimal(top)? / bottom) }
}

/// One argument of `\frac`: braces or a single digit.
fn argument(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('{') {
        Some(inner) => inner.split_once('}'),
        None => text.chars().next().filter(char::is_ascii_digit).map(|_| text.split_at(1)),
    }
}

fn decimal(text: &str) -> Option<BigRational> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = without_separators(whole)?;
    let digits = format!("{whole}{part}");
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let scale = BigInt::from(10u8).pow(u32::try_from(part.len()).ok()?);
    Some(BigRational::new(digits.parse().ok()?, scale))
}

/// `1,234,567` without its commas, where every group after the first has three digits.
fn without_separators(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let mut digits = first.to_string();
    for group in groups {
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_numbers() {
        let half = BigRational::new(1.into(), 2.into());
        for text in ["0.5", ".5", "1/2", "\\frac{1}{2}", "\\frac12", "0.50"] {
            assert_eq!(parse(text), Some(half.clone()), "{text}");
        }
        assert_eq!(parse("-1,234"), Some(BigRational::from_integer((-1234).into())));
        for text in ["", "-", ".", "1,23", "1/0", "x", "1e5", "\\frac{1}", "12,34,567"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
