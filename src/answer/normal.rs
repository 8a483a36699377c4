//! A normal form of expressions: a sum of rational multiples of products of powers. Two expressions with the same
//! normal form are equal; the converse holds for polynomials, and for sums of square roots with rational coefficients.

use std::collections::BTreeMap;

use num_traits::ToPrimitive;

use super::exact;
use super::expr::Expr;
use super::func::Fun;
use super::meter::Meter;
use super::rat::Rat;

/// Most terms of a sum.
const MAX_TERMS: usize = 160;
/// Largest power of a sum that is multiplied out.
const MAX_POWER: i64 = 24;
/// Largest coefficient, in bits.
const MAX_BITS: u64 = 2048;
/// Largest coefficient of a sum of several terms, in bits.
const MAX_SUM_BITS: u64 = 512;

/// What is raised to a power.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Atom {
    /// A prime number, or a number without small factors, to a power between 0 and 1.
    Root(u64),
    Pi,
    E,
    /// The imaginary unit, to the first power.
    I,
    Sym(Box<str>),
    Fun(Fun, Vec<Normal>),
    Call(Box<str>, Vec<Normal>),
    /// A base that is no product, to a power that is not expanded.
    Sum(Box<Normal>),
    /// A power with a variable exponent.
    Power(Box<(Normal, Normal)>),
}

/// A product of powers, sorted.
pub(super) type Monomial = Vec<(Atom, Rat)>;

/// A sum of multiples of monomials; no coefficient is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Normal {
    pub(super) terms: BTreeMap<Monomial, Rat>,
}

impl Normal {
    fn constant(value: Rat) -> Normal {
        Normal::term(Vec::new(), value)
    }

    fn term(monomial: Monomial, coefficient: Rat) -> Normal {
        let mut terms = BTreeMap::new();
        if !coefficient.is_zero() {
            terms.insert(monomial, coefficient);
        }
        Normal { terms }
    }

    fn atom(atom: Atom) -> Normal {
        Normal::term(vec![(atom, Rat::ONE)], Rat::ONE)
    }

    /// The rational that it is.
    pub(super) fn as_constant(&self) -> Option<Rat> {
        match (self.terms.len(), self.terms.first_key_value()) {
            (0, _) => Some(Rat::ZERO),
            (1, Some((monomial, value))) if monomial.is_empty() => Some(value.clone()),
            _ => None,
        }
    }

    /// Atoms in it, at every level: what a copy or a comparison costs.
    fn weight(&self) -> u64 {
        let atom = |atom: &Atom| match atom {
            Atom::Fun(_, args) | Atom::Call(_, args) => args.iter().map(Normal::weight).sum(),
            Atom::Sum(inner) => inner.weight(),
            Atom::Power(pair) => pair.0.weight() + pair.1.weight(),
            _ => 0,
        };
        let monomial = |monomial: &Monomial| monomial.iter().map(|(a, _)| 1 + atom(a)).sum::<u64>();
        self.terms.keys().map(|m| 1 + monomial(m)).sum()
    }

    fn single(&self) -> Option<(&Monomial, &Rat)> {
        if self.terms.len() == 1 { self.terms.first_key_value() } else { None }
    }

    fn add(&mut self, other: &Normal) -> Option<()> {
        for (monomial, value) in &other.terms {
            let sum = self.terms.get(monomial).map_or_else(|| value.clone(), |old| old.add(value));
            if sum.is_zero() {
                self.terms.remove(monomial);
            } else if sum.bits() > if self.terms.is_empty() { MAX_BITS } else { MAX_SUM_BITS } {
                return None;
            } else {
                self.terms.insert(monomial.clone(), sum);
            }
        }
        (self.terms.len() <= MAX_TERMS).then_some(())
    }

    fn scaled(&self, factor: &Rat) -> Normal {
        if factor.is_zero() {
            return Normal::default();
        }
        Normal { terms: self.terms.iter().map(|(m, c)| (m.clone(), c.mul(factor))).collect() }
    }

    fn mul(&self, other: &Normal, meter: &Meter) -> Option<Normal> {
        let pairs = (self.terms.len() * other.terms.len()) as u64;
        let copied =
            self.weight() * other.terms.len() as u64 + other.weight() * self.terms.len() as u64;
        meter.pay(8 * pairs + 8 * copied)?;
        let mut product = Normal::default();
        for (m, a) in &self.terms {
            for (n, b) in &other.terms {
                meter.pay(exact::cost(a, b))?;
                let (monomial, factor) = multiply(m, n)?;
                let term = expanded(monomial, a.mul(b).mul(&factor), meter)?;
                product.add(&term)?;
            }
        }
        Some(product)
    }
}

/// The product of two monomials and the rational that comes off.
fn multiply(m: &Monomial, n: &Monomial) -> Option<(Monomial, Rat)> {
    let mut powers: BTreeMap<Atom, Rat> = BTreeMap::new();
    for (atom, power) in m.iter().chain(n) {
        let sum = powers.get(atom).map_or_else(|| power.clone(), |old| old.add(power));
        powers.insert(atom.clone(), sum);
    }
    reduce(powers)
}

/// A term, with whole powers of sums multiplied out: `\sqrt{x+1}^2` is a sum again.
fn expanded(mut monomial: Monomial, coefficient: Rat, meter: &Meter) -> Option<Normal> {
    let whole = |(atom, power): &(Atom, Rat)| {
        matches!(atom, Atom::Sum(_)) && power.to_i64().is_some_and(|n| (1..=MAX_POWER).contains(&n))
    };
    let Some(at) = monomial.iter().position(whole) else {
        return Some(Normal::term(monomial, coefficient));
    };
    let (Atom::Sum(base), exponent) = monomial.remove(at) else { return None };
    expanded(monomial, coefficient, meter)?.mul(&power(&base, &exponent, meter)?, meter)
}

/// Whether a term has variables, or unknown functions, at any level.
pub(super) fn has_variables(term: &Monomial) -> bool {
    let any = |sum: &Normal| sum.terms.keys().any(has_variables);
    term.iter().any(|(atom, _)| match atom {
        Atom::Sym(_) | Atom::Call(..) => true,
        Atom::Fun(_, args) => args.iter().any(any),
        Atom::Sum(inner) => any(inner),
        Atom::Power(pair) => any(&pair.0) || any(&pair.1),
        _ => false,
    })
}

/// Whole powers of numbers go to the coefficient, and `i^2 = -1`.
fn reduce(powers: BTreeMap<Atom, Rat>) -> Option<(Monomial, Rat)> {
    let mut factor = Rat::ONE;
    let mut monomial = Vec::with_capacity(powers.len());
    for (atom, power) in powers {
        let rest = match &atom {
            Atom::Root(base) => {
                let whole = power.floor();
                factor = factor
                    .mul(&Rat::int(i64::try_from(*base).ok()?).pow(whole.to_i64()?, MAX_BITS)?);
                power.sub(&whole)
            }
            Atom::I => {
                let turns = power.to_i64()?.rem_euclid(4);
                if turns >= 2 {
                    factor = factor.neg();
                }
                Rat::int(turns % 2)
            }
            _ => power,
        };
        if !rest.is_zero() {
            monomial.push((atom, rest));
        }
    }
    Some((monomial, factor))
}

/// The normal form; `None` beyond the limits.
pub(super) fn normal(expr: &Expr, meter: &Meter) -> Option<Normal> {
    of(expr, meter)
}

fn of(expr: &Expr, meter: &Meter) -> Option<Normal> {
    meter.pay(1)?;
    Some(match expr {
        Expr::Num(value) => Normal::constant(value.clone()),
        Expr::Sym(name) => Normal::atom(Atom::Sym(name.clone())),
        Expr::Pi => Normal::atom(Atom::Pi),
        Expr::E => Normal::atom(Atom::E),
        Expr::I => Normal::atom(Atom::I),
        Expr::Infinity | Expr::Big(_) => return None,
        Expr::Add(parts) => {
            let mut sum = Normal::default();
            for part in parts {
                sum.add(&of(part, meter)?)?;
            }
            sum
        }
        Expr::Mul(parts) => {
            let mut product = Normal::constant(Rat::ONE);
            for part in parts {
                product = product.mul(&of(part, meter)?, meter)?;
            }
            product
        }
        Expr::Pow(pair) => {
            let base = of(&pair.0, meter)?;
            let exponent = of(&pair.1, meter)?;
            match exponent.as_constant() {
                Some(exponent) => power(&base, &exponent, meter)?,
                None => Normal::atom(Atom::Power(Box::new((base, exponent)))),
            }
        }
        Expr::Fun(fun, args) => {
            if let Some(value) = exact::value(expr, &[], meter) {
                return Some(Normal::constant(value));
            }
            let args = args.iter().map(|arg| of(arg, meter)).collect::<Option<Vec<_>>>()?;
            Normal::atom(Atom::Fun(*fun, args))
        }
        Expr::Call(name, args) => {
            let args = args.iter().map(|arg| of(arg, meter)).collect::<Option<Vec<_>>>()?;
            Normal::atom(Atom::Call(name.clone(), args))
        }
    })
}

fn power(base: &Normal, exponent: &Rat, meter: &Meter) -> Option<Normal> {
    if let Some(n) = exponent.to_i64() {
        if let Some((monomial, coefficient)) = base.single() {
            let powers =
                monomial.iter().map(|(atom, power)| (atom.clone(), power.mul(exponent))).collect();
            let (monomial, factor) = reduce(powers)?;
            return expanded(monomial, coefficient.pow(n, MAX_BITS)?.mul(&factor), meter);
        }
        if base.terms.is_empty() {
            return (n > 0).then(Normal::default);
        }
        if (0..=MAX_POWER).contains(&n) {
            let mut result = Normal::constant(Rat::ONE);
            for _ in 0..n {
                result = result.mul(base, meter)?;
            }
            return Some(result);
        }
        if n == -1
            && let Some(inverse) = conjugate(base, meter)
        {
            return Some(inverse);
        }
        return unexpanded(base, exponent, meter);
    }
    match base.single() {
        Some((monomial, coefficient)) if monomial.is_empty() => root(coefficient, exponent, meter),
        None if base.terms.is_empty() => (!exponent.is_negative()).then(Normal::default),
        _ => unexpanded(base, exponent, meter),
    }
}

/// `1 / (u + v) = (u - v) / (u^2 - v^2)` where the denominator becomes a number.
fn conjugate(base: &Normal, meter: &Meter) -> Option<Normal> {
    if base.terms.len() != 2 {
        return None;
    }
    let mut other = base.clone();
    let last = other.terms.last_entry().map(|mut entry| {
        let value = entry.get().neg();
        entry.insert(value)
    });
    last?;
    let denominator = base.mul(&other, meter)?.as_constant()?;
    Some(other.scaled(&denominator.recip()?))
}

/// `(c s)^r = c^r s^r` with `s` a sum whose first coefficient is 1, or -1 where the root of a sign would be wrong.
fn unexpanded(base: &Normal, exponent: &Rat, meter: &Meter) -> Option<Normal> {
    let (_, first) = base.terms.first_key_value()?;
    let content = if exponent.is_integer() { first.clone() } else { first.abs() };
    let primitive = base.scaled(&content.recip()?);
    let factor = match exponent.to_i64() {
        Some(n) => Normal::constant(content.pow(n, MAX_BITS)?),
        None => root(&content, exponent, meter)?,
    };
    let atom = Normal::term(vec![(Atom::Sum(Box::new(primitive)), exponent.clone())], Rat::ONE);
    factor.mul(&atom, meter)
}

/// A rational to a rational power, as powers of primes.
fn root(value: &Rat, exponent: &Rat, meter: &Meter) -> Option<Normal> {
    let Rat::Small(n, d) = *exponent else { return None };
    let mut sign = Normal::constant(Rat::ONE);
    if value.is_negative() {
        sign = if d % 2 == 1 {
            Normal::constant(Rat::int(if n % 2 == 0 { 1 } else { -1 }))
        } else if d == 2 {
            let (monomial, factor) = reduce(BTreeMap::from([(Atom::I, Rat::int(n))]))?;
            Normal::term(monomial, factor)
        } else {
            let base = Normal::constant(value.clone());
            return Some(Normal::term(
                vec![(Atom::Sum(Box::new(base)), exponent.clone())],
                Rat::ONE,
            ));
        };
    }
    let magnitude = value.abs();
    if magnitude.is_zero() {
        return (n > 0).then(Normal::default);
    }
    let mut powers: BTreeMap<Atom, Rat> = BTreeMap::new();
    for (part, direction) in [(magnitude.numer(), 1), (magnitude.denom(), -1)] {
        // Trial division by numbers below 1,000.
        meter.pay(200)?;
        for (prime, count) in factors(part.to_u64()?) {
            let power = exponent.mul(&Rat::int(direction * count));
            let sum = powers.get(&Atom::Root(prime)).map_or(power.clone(), |old| old.add(&power));
            powers.insert(Atom::Root(prime), sum);
        }
    }
    let (monomial, factor) = reduce(powers)?;
    sign.mul(&Normal::term(monomial, factor), meter)
}

/// Prime factors with their counts; a cofactor without factors below 1,000 stays whole, unless it is a square.
fn factors(mut n: u64) -> Vec<(u64, i64)> {
    let mut found = Vec::new();
    let mut take = |n: &mut u64, p: u64| {
        let mut count = 0;
        while n.is_multiple_of(p) {
            *n /= p;
            count += 1;
        }
        if count > 0 {
            found.push((p, count));
        }
    };
    take(&mut n, 2);
    let mut p = 3;
    while p < 1000 && p * p <= n {
        take(&mut n, p);
        p += 2;
    }
    if n > 1 {
        let square = n.isqrt();
        if square * square == n {
            found.push((square, 2));
        } else {
            found.push((n, 1));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{lex, parse};
    use super::*;

    fn form(text: &str) -> Normal {
        let meter = Meter::new(50_000);
        let tokens = lex::tokens(text, &meter).unwrap();
        normal(&parse::expression(&tokens, &meter).unwrap(), &meter).unwrap()
    }

    #[test]
    fn equal_expressions_have_one_form() {
        for (a, b) in [
            ("(x+1)^2", "x^2+2x+1"),
            ("\\sqrt{12}", "2\\sqrt3"),
            ("\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"),
            ("\\frac{1}{2+i}", "\\frac{2-i}{5}"),
            ("\\sqrt{-4}", "2i"),
            ("\\sqrt{2}\\sqrt{3}", "\\sqrt6"),
            ("\\frac{1}{\\sqrt2}", "\\frac{\\sqrt2}{2}"),
            ("\\sqrt[3]{-8}", "-2"),
            ("\\sin(2x)", "\\sin{x+x}"),
        ] {
            assert_eq!(form(a), form(b), "{a} {b}");
        }
        // The root of a square is not taken: it would be wrong for negative numbers.
        assert_ne!(form("\\sqrt{x^2}"), form("x"));
    }
}
