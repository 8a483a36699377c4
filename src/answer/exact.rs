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

/// The value if it is a rational that is reached by rational arithmetic within the limits.
pub(super) fn value(expr: &Expr, env: Env<'_>) -> Option<Rat> {
    Some(match expr {
        Expr::Num(value) => value.clone(),
        Expr::Sym(name) => env.iter().rev().find(|(n, _)| *n == &**name)?.1.clone(),
        Expr::Pi | Expr::E | Expr::I | Expr::Infinity | Expr::Call(..) => return None,
        Expr::Add(parts) => {
            let mut sum = Rat::ZERO;
            for part in parts {
                sum = limited(sum.add(&value(part, env)?))?;
            }
            sum
        }
        Expr::Mul(parts) => {
            let mut product = Rat::ONE;
            for part in parts {
                product = limited(product.mul(&value(part, env)?))?;
            }
            product
        }
        Expr::Pow(pair) => {
            let base = value(&pair.0, env)?;
            let exponent = value(&pair.1, env)?;
            power(&base, &exponent)?
        }
        Expr::Fun(fun, args) => function(*fun, args, env)?,
        Expr::Big(big) => {
            let (from, to) = (value(&big.from, env)?.to_i64()?, value(&big.to, env)?.to_i64()?);
            if to.checked_sub(from)? > MAX_TERMS {
                return None;
            }
            let mut inner = env.to_vec();
            let mut total = if big.product { Rat::ONE } else { Rat::ZERO };
            for index in from..=to {
                inner.push((&big.index, Rat::int(index)));
                let term = value(&big.body, &inner)?;
                inner.pop();
                total = limited(if big.product { total.mul(&term) } else { total.add(&term) })?;
            }
            total
        }
    })
}

fn limited(value: Rat) -> Option<Rat> {
    (value.bits() <= MAX_BITS).then_some(value)
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

fn function(fun: Fun, args: &[Expr], env: Env<'_>) -> Option<Rat> {
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
        values.push(value(arg, env)?);
    }
    let first = values.first()?;
    Some(match fun {
        Fun::Abs => first.abs(),
        Fun::Floor => first.floor(),
        Fun::Ceil => first.neg().floor().neg(),
        Fun::Degree | Fun::Re => first.clone(),
        Fun::Factorial => product(1, first.to_i64()?, 1)?,
        Fun::DoubleFactorial => {
            let n = first.to_i64()?;
            product(if n % 2 == 0 { 2 } else { 1 }, n, 2)?
        }
        Fun::Binomial => binomial(first, values.get(1)?.to_i64()?)?,
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
fn binomial(n: &Rat, k: i64) -> Option<Rat> {
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
        return limited(Rat::from_big(BigRational::from_integer(result)));
    }
    let mut result = Rat::ONE;
    for j in 0..k {
        result = limited(result.mul(&n.sub(&Rat::int(j))).mul(&Rat::int(j + 1).recip()?))?;
    }
    Some(result)
}
