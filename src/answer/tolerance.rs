//! How far a number may be off, where a problem says so: the `error` of OlympiadBench.

use super::decide;
use super::exact;
use super::expr::Expr;
use super::meter::Meter;
use super::rat::Rat;
use super::value::Value;

/// Absolute tolerances of the elements of an answer, in their order; one alone is for all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerance(Vec<Rat>);

impl std::str::FromStr for Tolerance {
    type Err = String;

    /// Reads `0.1`, `1e-1`, or several with commas between them: `1e34, 0.001`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |part: &str| format!("tolerance `{part}` is not a positive number like 0.1 or 1e-3");
        let one = |part: &str| {
            let part = part.trim();
            positive(part).ok_or_else(|| wrong(part))
        };
        text.split(',').map(one).collect::<Result<_, _>>().map(Tolerance)
    }
}

/// A decimal number above zero, with or without an exponent.
fn positive(text: &str) -> Option<Rat> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, part].concat();
    if !(1..=40).contains(&all.len()) || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.parse().ok().filter(|e: &i64| e.abs() <= 400)?;
    Rat::decimal(whole, part, exponent).filter(|value| !value.is_zero())
}

impl Tolerance {
    /// Gives the numbers of an answer their tolerances.
    pub(super) fn apply(&self, value: &mut Value) {
        self.walk(value, &mut 0);
    }

    fn walk(&self, value: &mut Value, at: &mut usize) {
        match value {
            Value::Quantity(q) => {
                q.tolerance = self.0.get(*at).or(self.0.last()).cloned();
                *at += 1;
            }
            Value::Tuple(_, _, items)
            | Value::Set(items)
            | Value::List(items)
            | Value::Union(items) => {
                items.iter_mut().for_each(|item| self.walk(item, at));
            }
            Value::Matrix(rows) => {
                rows.iter_mut().flatten().for_each(|cell| self.walk(cell, at));
            }
            Value::Named(_, inner, _) => self.walk(inner, at),
            _ => {}
        }
    }
}

/// Whether two constants differ by no more than this.
pub(super) fn within(a: &Expr, b: &Expr, tolerance: &Rat, meter: &Meter) -> bool {
    if let Some(a) = exact::value(a, &[], meter)
        && let Some(b) = exact::value(b, &[], meter)
    {
        return exact::sum(&a, &b.neg(), meter)
            .is_some_and(|difference| difference.abs() <= *tolerance);
    }
    let (Some(a), Some(b)) = (decide::constant(a, meter), decide::constant(b, meter)) else {
        return false;
    };
    let limit = super::ball::Ball::rat(tolerance, 300);
    limit.sub(&a.sub(&b, 300).abs(), 300).sign() != Some(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_are_positive_numbers() {
        let read = |text: &str| text.parse::<Tolerance>();
        assert_eq!(read("1e-1"), Ok(Tolerance(vec![Rat::Small(1, 10)])));
        assert_eq!(read("1e3, 0.5"), Ok(Tolerance(vec![Rat::int(1000), Rat::Small(1, 2)])));
        for wrong in ["", "0", "-1", "1e-99999", "x", "1,,2", "."] {
            assert!(read(wrong).unwrap_err().contains("is not a positive number"), "{wrong}");
        }
    }
}
