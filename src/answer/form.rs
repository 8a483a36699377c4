//! The form of an expression: what is left of it when terms and factors may change places, and fractions and signs
//! their spelling. `(x+1)^2` and `x^2+2x+1` have one value and two forms.

use super::exact;
use super::expr::Expr;
use super::meter::Meter;
use super::rat::Rat;

/// Whether two expressions have the same form; false also where the steps do not suffice.
pub(super) fn same(a: &Expr, b: &Expr, meter: &Meter) -> bool {
    match (form(a, meter), form(b, meter)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The form, with sorted terms and factors.
fn form(e: &Expr, meter: &Meter) -> Option<Expr> {
    meter.pay(30)?;
    let all =
        |parts: &[Expr]| parts.iter().map(|part| form(part, meter)).collect::<Option<Vec<_>>>();
    Some(match e {
        Expr::Add(parts) => {
            let mut terms = Vec::with_capacity(parts.len());
            for part in all(parts)? {
                match part {
                    Expr::Add(inner) => terms.extend(inner),
                    other => terms.push(other),
                }
            }
            meter.pay(10 * terms.len() as u64)?;
            terms.sort_unstable();
            Expr::Add(terms)
        }
        Expr::Mul(parts) => {
            let mut factors = Vec::with_capacity(parts.len());
            for part in all(parts)? {
                match part {
                    Expr::Mul(inner) => factors.extend(inner),
                    other => factors.push(other),
                }
            }
            product(factors, meter)?
        }
        Expr::Pow(pair) => {
            let (base, exponent) = (form(&pair.0, meter)?, form(&pair.1, meter)?);
            match (base, exponent) {
                (Expr::Num(value), Expr::Num(power)) if power == Rat::int(-1) => {
                    Expr::Num(value.recip()?)
                }
                // `1/(2x)` is half of `1/x`.
                (Expr::Mul(factors), Expr::Num(power)) if power.is_integer() => {
                    let raised = factors.into_iter().map(|factor| raised(factor, &power, meter));
                    product(raised.collect::<Option<_>>()?, meter)?
                }
                (base, Expr::Num(power)) => raised(base, &power, meter)?,
                (base, exponent) => base.pow(exponent),
            }
        }
        Expr::Fun(fun, args) => Expr::Fun(*fun, all(args)?),
        Expr::Call(name, args) => Expr::Call(name.clone(), all(args)?),
        other => other.clone(),
    })
}

/// A factor to a power; one that is a power already multiplies its exponent.
fn raised(base: Expr, power: &Rat, meter: &Meter) -> Option<Expr> {
    if power.is_one() {
        return Some(base);
    }
    Some(match base {
        Expr::Num(value) if *power == Rat::int(-1) => Expr::Num(value.recip()?),
        Expr::Pow(pair) => {
            let (inner, exponent) = *pair;
            match exponent {
                Expr::Num(old) if power.is_integer() => {
                    inner.pow(Expr::Num(exact::product(&old, power, meter)?))
                }
                exponent => inner.pow(exponent).pow(Expr::Num(power.clone())),
            }
        }
        base => base.pow(Expr::Num(power.clone())),
    })
}

/// A product: one number in front, equal factors as a power, and no factor that begins with a minus sign.
fn product(factors: Vec<Expr>, meter: &Meter) -> Option<Expr> {
    let mut number = Rat::ONE;
    let mut powers: Vec<(Expr, Expr)> = Vec::with_capacity(factors.len());
    for factor in factors {
        match factor {
            Expr::Num(value) => number = exact::product(&number, &value, meter)?,
            Expr::Pow(pair) => powers.push(*pair),
            other => powers.push((other, Expr::int(1))),
        }
    }
    for (base, exponent) in &mut powers {
        if let (Expr::Add(terms), Expr::Num(Rat::Small(n, 1))) = (&mut *base, &*exponent)
            && terms.iter().any(negative)
        {
            // Of the two signs of a factor, the one that sorts first.
            let mut other: Vec<Expr> =
                terms.iter().map(|term| form(&term.clone().neg(), meter)).collect::<Option<_>>()?;
            other.sort_unstable();
            if other < *terms {
                *terms = other;
                if n % 2 != 0 {
                    number = number.neg();
                }
            }
        }
    }
    meter.pay(10 * powers.len() as u64)?;
    powers.sort_unstable();
    let mut merged: Vec<(Expr, Expr)> = Vec::with_capacity(powers.len());
    for (base, exponent) in powers {
        if let Some((last, sum)) = merged.last_mut()
            && *last == base
            && let (Expr::Num(a), Expr::Num(b)) = (&*sum, &exponent)
            && a.is_negative() == b.is_negative()
        {
            *sum = Expr::Num(exact::sum(a, b, meter)?);
            continue;
        }
        merged.push((base, exponent));
    }
    let mut out = Vec::with_capacity(merged.len() + 1);
    if !number.is_one() || merged.is_empty() {
        out.push(Expr::Num(number));
    }
    for (base, exponent) in merged {
        out.push(if exponent == Expr::int(1) { base } else { base.pow(exponent) });
    }
    if out.len() == 1 { out.pop() } else { Some(Expr::Mul(out)) }
}

/// Whether a term has a minus sign.
fn negative(term: &Expr) -> bool {
    match term {
        Expr::Num(value) => value.is_negative(),
        Expr::Mul(factors) => {
            matches!(factors.first(), Some(Expr::Num(value)) if value.is_negative())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{lex, parse};
    use super::*;

    fn agree(a: &str, b: &str) -> bool {
        let meter = Meter::new(50_000);
        let read =
            |text: &str| parse::expression(&lex::tokens(text, &meter).unwrap(), &meter).unwrap();
        same(&read(a), &read(b), &meter)
    }

    #[test]
    fn order_and_spelling_do_not_change_the_form() {
        for (a, b) in [
            ("(x+1)^2", "(1+x)(x+1)"),
            ("(x-1)(x+2)", "(2+x)(x-1)"),
            ("(x-1)(2-x)", "-(x-1)(x-2)"),
            ("\\frac{x}{2}", "\\frac12 x"),
            ("\\frac{1}{2x}", "\\frac{1}{2}x^{-1}"),
            ("\\frac{x+1}{x-1}", "(1+x)/(x-1)"),
            ("2\\sqrt3", "\\sqrt{3}\\cdot 2"),
            ("x^2+2x+1", "1+2x+x^2"),
            ("3x-2y", "-2y+3x"),
        ] {
            assert!(agree(a, b), "{a} {b}");
        }
    }

    #[test]
    fn another_form_is_not_the_same() {
        for (a, b) in [
            ("(x+1)^2", "x^2+2x+1"),
            ("2(x+1)", "2x+2"),
            ("\\frac{1}{x-1}+\\frac{1}{x+1}", "\\frac{2x}{x^2-1}"),
            ("2\\sqrt3", "\\sqrt{12}"),
            ("x+3", "x+1+2"),
            ("\\frac{\\sqrt2}{2}", "\\frac{1}{\\sqrt2}"),
        ] {
            assert!(!agree(a, b), "{a} {b}");
        }
    }
}
