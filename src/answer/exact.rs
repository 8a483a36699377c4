//! Exact values: rational arithmetic on an expression, its variables given.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::One;

use super::expr::Expr;
use super::func::Fun;
use super::meter::{self, Meter};
use super::rat::Rat;

/// Largest result, in bits.
pub(super) const MAX_BITS: u64 = 8192;
/// Largest argument of an exact factorial.
const MAX_FACTORIAL: i64 = 400;
/// Most terms of a sum that is added up.
pub(super) const MAX_TERMS: i64 = 200;

/// Values of variables, innermost last.
pub(super) type Env<'a> = &'a [(&'a str, Rat)];

/// Steps that one value may take.
const LIMIT: u64 = meter::STEPS / 8;

/// The value if it is a rational that is reached by rational arithmetic within the limits.
pub(super) fn value(expr: &Expr, env: Env<'_>, meter: &Meter) -> Option<Rat> {
    meter.lend(LIMIT, |part| evaluate(expr, env, part))
}

/// Steps of a sum or product of two numbers. A fraction is brought to lowest terms in as many rounds as it has bits,
/// each over all of its words.
pub(super) fn cost(a: &Rat, b: &Rat) -> u64 {
    match (a, b) {
        (Rat::Small(_, 1), Rat::Small(_, 1)) => 2,
        (Rat::Small(..), Rat::Small(..)) => 15,
        _ => {
            let bits = a.bits() + b.bits();
            let words = bits / 64;
            if a.is_integer() && b.is_integer() {
                15 + words + words * words / 16
            } else {
                15 + 2 * bits + bits * bits / 512
            }
        }
    }
}

/// The sum, within the limits.
pub(super) fn sum(a: &Rat, b: &Rat, meter: &Meter) -> Option<Rat> {
    meter.pay(cost(a, b))?;
    Some(a.add(b)).filter(|sum| sum.bits() <= MAX_BITS)
}

/// The product, within the limits.
pub(super) fn product(a: &Rat, b: &Rat, meter: &Meter) -> Option<Rat> {
    meter.pay(cost(a, b))?;
    Some(a.mul(b)).filter(|product| product.bits() <= MAX_BITS)
}

/// The power, within the limits.
fn raised(base: &Rat, exponent: i64, meter: &Meter) -> Option<Rat> {
    let power = base.pow(exponent, MAX_BITS)?;
    meter.pay(10 + power.bits() / 16)?;
    Some(power)
}

fn evaluate(expr: &Expr, env: Env<'_>, meter: &Meter) -> Option<Rat> {
    meter.pay(1)?;
    Some(match expr {
        Expr::Num(value) => {
            meter.pay(value.bits() / 128)?;
            value.clone()
        }
        Expr::Sym(name) => env.iter().rev().find(|(n, _)| *n == &**name)?.1.clone(),
        Expr::Pi | Expr::E | Expr::I | Expr::Infinity | Expr::Call(..) => return None,
        Expr::Add(parts) => {
            let mut total = Rat::ZERO;
            for part in parts {
                total = sum(&total, &evaluate(part, env, meter)?, meter)?;
            }
            total
        }
        Expr::Mul(parts) => {
            let mut total = Rat::ONE;
            for part in parts {
                total = product(&total, &evaluate(part, env, meter)?, meter)?;
            }
            total
        }
        Expr::Pow(pair) => {
            let base = evaluate(&pair.0, env, meter)?;
            let exponent = evaluate(&pair.1, env, meter)?;
            meter.pay(16)?;
            power(&base, &exponent, meter)?
        }
        Expr::Fun(fun, args) => function(*fun, args, env, meter)?,
        Expr::Big(big) => {
            let from = evaluate(&big.from, env, meter)?.to_i64()?;
            let to = evaluate(&big.to, env, meter)?.to_i64()?;
            if to.checked_sub(from)? > MAX_TERMS {
                return None;
            }
            let mut inner = env.to_vec();
            let mut total = if big.product { Rat::ONE } else { Rat::ZERO };
            for index in from..=to {
                inner.push((&big.index, Rat::int(index)));
                let term = evaluate(&big.body, &inner, meter)?;
                inner.pop();
                let operation = if big.product { product } else { sum };
                total = operation(&total, &term, meter)?;
            }
            total
        }
    })
}

/// A power that is rational: an integer exponent, or a perfect root.
pub(super) fn power(base: &Rat, exponent: &Rat, meter: &Meter) -> Option<Rat> {
    if let Some(n) = exponent.to_i64() {
        return raised(base, n, meter);
    }
    let Rat::Small(n, d) = *exponent else { return None };
    let words = base.bits() / 64 + 1;
    meter.pay(40 + 4 * words * words)?;
    raised(&root(base, u32::try_from(d).ok()?)?, n, meter)
}

/// The real root of a perfect power.
fn root(base: &Rat, index: u32) -> Option<Rat> {
    if index > 64 || base.bits() > 2048 || (base.is_negative() && index.is_multiple_of(2)) {
        return None;
    }
    let part = |value: BigInt| {
        let root = value.nth_root(index);
        (root.pow(index) == value).then_some(root)
    };
    Some(Rat::from_big(BigRational::new_raw(part(base.numer())?, part(base.denom())?)))
}

fn function(fun: Fun, args: &[Expr], env: Env<'_>, meter: &Meter) -> Option<Rat> {
    if !matches!(
        fun,
        Fun::Abs
            | Fun::Floor
            | Fun::Ceil
            | Fun::Degree
            | Fun::Factorial
            | Fun::DoubleFactorial
            | Fun::Binomial
            | Fun::Gcd
            | Fun::Lcm
            | Fun::Max
            | Fun::Min
            | Fun::Re
    ) {
        return None;
    }
    let mut values = Vec::with_capacity(args.len());
    for arg in args {
        values.push(evaluate(arg, env, meter)?);
    }
    let first = values.first()?;
    meter.pay(4)?;
    Some(match fun {
        Fun::Abs => first.abs(),
        Fun::Floor => first.floor(),
        Fun::Ceil => first.neg().floor().neg(),
        Fun::Degree | Fun::Re => first.clone(),
        Fun::Factorial => descending(1, first.to_i64()?, 1, meter)?,
        Fun::DoubleFactorial => {
            let n = first.to_i64()?;
            descending(if n % 2 == 0 { 2 } else { 1 }, n, 2, meter)?
        }
        Fun::Binomial => binomial(first, values.get(1)?.to_i64()?, meter)?,
        Fun::Gcd | Fun::Lcm => {
            let mut result = first.to_i64()?;
            for other in &values[1..] {
                let other = other.to_i64()?;
                let gcd = result.gcd(&other);
                result = match fun {
                    Fun::Gcd => gcd,
                    _ if gcd == 0 => 0,
                    _ => result.checked_mul(other / gcd)?,
                };
            }
            Rat::int(result)
        }
        Fun::Max => values.iter().max()?.clone(),
        Fun::Min => values.iter().min()?.clone(),
        _ => return None,
    })
}

/// `from (from + step) ... to`, one if empty.
fn descending(from: i64, to: i64, step: usize, meter: &Meter) -> Option<Rat> {
    if !(0..=MAX_FACTORIAL).contains(&to) {
        return None;
    }
    meter.pay(8 * to.unsigned_abs())?;
    let product = (from..=to).step_by(step).fold(BigInt::one(), |product, k| product * k);
    Some(Rat::big_int(product))
}

/// `n (n-1) ... (n-k+1) / k!`.
fn binomial(n: &Rat, k: i64, meter: &Meter) -> Option<Rat> {
    let whole = n.to_i64();
    if k < 0 || whole.is_some_and(|n| n >= 0 && k > n) {
        return Some(Rat::ZERO);
    }
    let k = match whole {
        Some(n) if n >= 0 => k.min(n - k),
        _ => k,
    };
    if k > MAX_FACTORIAL {
        return None;
    }
    if let Some(n) = whole {
        // Each division is exact: after step j the result is a binomial coefficient.
        let mut result = BigInt::one();
        for j in 0..k {
            meter.pay(16)?;
            result = result * n.checked_sub(j)? / (j + 1);
        }
        return Some(Rat::big_int(result)).filter(|value| value.bits() <= MAX_BITS);
    }
    let mut result = Rat::ONE;
    for j in 0..k {
        let factor = n.sub(&Rat::int(j)).mul(&Rat::int(j + 1).recip()?);
        result = product(&result, &factor, meter)?;
    }
    Some(result)
}
