//! Exact values: rational arithmetic on an expression, its variables given.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::One;

use super::expr::Expr;
use super::func::Fun;
use super::rat::Rat;

/// Largest result, in bits.
pub(super) const MAX_BITS: u64 = 8192;
/// Largest argument of an exact factorial.
const MAX_FACTORIAL: i64 = 400;
/// Most terms of a sum that is added up.
pub(super) const MAX_TERMS: i64 = 200;

/// Values of variables, innermost last.
pub(super) type Env<'a> = &'a [(&'a str, Rat)];

/// Operations on machine words that one value may take.
const BUDGET: u64 = 400_000;

/// The value if it is a rational that is reached by rational arithmetic within the limits.
pub(super) fn value(expr: &Expr, env: Env<'_>) -> Option<Rat> {
    let mut budget = BUDGET;
    evaluate(expr, env, &mut budget)
}

/// Operations on machine words that take about as long as one step of a grade.
const PER_STEP: u64 = 40;

/// As [`value`], paid for with the steps of a grade.
pub(super) fn charged(expr: &Expr, env: Env<'_>, steps: &mut u64) -> Option<Rat> {
    let all = steps.saturating_mul(PER_STEP).min(BUDGET);
    let mut budget = all;
    let value = evaluate(expr, env, &mut budget);
    *steps -= ((all - budget) / PER_STEP).min(*steps);
    value
}

/// Charges for bringing a fraction to lowest terms: the square of its words, times the bits of one.
fn limited(value: Rat, budget: &mut u64) -> Option<Rat> {
    let bits = value.bits();
    if bits > 128 {
        let words = bits / 64 + 1;
        *budget = budget.checked_sub(64 * words * words)?;
    }
    *budget = budget.checked_sub(4)?;
    (bits <= MAX_BITS).then_some(value)
}

fn evaluate(expr: &Expr, env: Env<'_>, budget: &mut u64) -> Option<Rat> {
    Some(match expr {
        Expr::Num(value) => value.clone(),
        Expr::Sym(name) => env.iter().rev().find(|(n, _)| *n == &**name)?.1.clone(),
        Expr::Pi | Expr::E | Expr::I | Expr::Infinity | Expr::Call(..) => return None,
        Expr::Add(parts) => {
            let mut sum = Rat::ZERO;
            for part in parts {
                sum = limited(sum.add(&evaluate(part, env, budget)?), budget)?;
            }
            sum
        }
        Expr::Mul(parts) => {
            let mut product = Rat::ONE;
            for part in parts {
                product = limited(product.mul(&evaluate(part, env, budget)?), budget)?;
            }
            product
        }
        Expr::Pow(pair) => {
            let base = evaluate(&pair.0, env, budget)?;
            let exponent = evaluate(&pair.1, env, budget)?;
            *budget = budget.checked_sub(16)?;
            power(&base, &exponent)?
        }
        Expr::Fun(fun, args) => function(*fun, args, env, budget)?,
        Expr::Big(big) => {
            let from = evaluate(&big.from, env, budget)?.to_i64()?;
            let to = evaluate(&big.to, env, budget)?.to_i64()?;
            if to.checked_sub(from)? > MAX_TERMS {
                return None;
            }
            let mut inner = env.to_vec();
            let mut total = if big.product { Rat::ONE } else { Rat::ZERO };
            for index in from..=to {
                inner.push((&big.index, Rat::int(index)));
                let term = evaluate(&big.body, &inner, budget)?;
                inner.pop();
                total = if big.product { total.mul(&term) } else { total.add(&term) };
                total = limited(total, budget)?;
            }
            total
        }
    })
}

/// A power that is rational: an integer exponent, or a perfect root.
pub(super) fn power(base: &Rat, exponent: &Rat) -> Option<Rat> {
    if let Some(n) = exponent.to_i64() {
        return base.pow(n, MAX_BITS);
    }
    let Rat::Small(n, d) = *exponent else { return None };
    root(base, u32::try_from(d).ok()?)?.pow(n, MAX_BITS)
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
    Some(Rat::from_big(BigRational::new(part(base.numer())?, part(base.denom())?)))
}

fn function(fun: Fun, args: &[Expr], env: Env<'_>, budget: &mut u64) -> Option<Rat> {
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
        values.push(evaluate(arg, env, budget)?);
    }
    let first = values.first()?;
    *budget = budget.checked_sub(8)?;
    Some(match fun {
        Fun::Abs => first.abs(),
        Fun::Floor => first.floor(),
        Fun::Ceil => first.neg().floor().neg(),
        Fun::Degree | Fun::Re => first.clone(),
        Fun::Factorial => {
            *budget = budget.checked_sub(20_000)?;
            product(1, first.to_i64()?, 1)?
        }
        Fun::DoubleFactorial => {
            *budget = budget.checked_sub(20_000)?;
            let n = first.to_i64()?;
            product(if n % 2 == 0 { 2 } else { 1 }, n, 2)?
        }
        Fun::Binomial => binomial(first, values.get(1)?.to_i64()?, budget)?,
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
fn product(from: i64, to: i64, step: usize) -> Option<Rat> {
    if !(0..=MAX_FACTORIAL).contains(&to) {
        return None;
    }
    let product = (from..=to).step_by(step).fold(BigInt::one(), |product, k| product * k);
    Some(Rat::from_big(BigRational::from_integer(product)))
}

/// `n (n-1) ... (n-k+1) / k!`.
fn binomial(n: &Rat, k: i64, budget: &mut u64) -> Option<Rat> {
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
            result = result * n.checked_sub(j)? / (j + 1);
        }
        *budget = budget.checked_sub(k.unsigned_abs() * 50)?;
        return limited(Rat::from_big(BigRational::from_integer(result)), budget);
    }
    let mut result = Rat::ONE;
    for j in 0..k {
        let factor = n.sub(&Rat::int(j)).mul(&Rat::int(j + 1).recip()?);
        result = limited(result.mul(&factor), budget)?;
    }
    Some(result)
}
