//! Exact rationals: machine words while they fit, big integers beyond.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// A rational in lowest terms with a positive denominator; `Small` whenever both parts fit, so equality is derived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rat {
    /// Numerator and denominator.
    Small(i64, i64),
    /// Anything larger.
    Big(Box<BigRational>),
}

impl Rat {
    pub(super) const ZERO: Rat = Rat::Small(0, 1);
    pub(super) const ONE: Rat = Rat::Small(1, 1);

    /// An integer.
    pub(super) fn int(value: i64) -> Rat {
        if value == i64::MIN { Rat::reduce(i128::from(value), 1) } else { Rat::Small(value, 1) }
    }

    /// `n / d` in lowest terms; `None` for a zero denominator.
    pub(super) fn new(n: i128, d: i128) -> Option<Rat> {
        (d != 0).then(|| Rat::reduce(n, d))
    }

    fn reduce(n: i128, d: i128) -> Rat {
        let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
        let g = n.gcd(&d).max(1);
        let (n, d) = (n / g, d / g);
        match (i64::try_from(n), i64::try_from(d)) {
            (Ok(n), Ok(d)) if n != i64::MIN => Rat::Small(n, d),
            _ => Rat::Big(Box::new(BigRational::new_raw(n.into(), d.into()))),
        }
    }

    /// From a big rational, made small where it fits.
    pub(super) fn from_big(value: BigRational) -> Rat {
        match (value.numer().to_i64(), value.denom().to_i64()) {
            (Some(n), Some(d)) if n != i64::MIN => Rat::Small(n, d),
            _ => Rat::Big(Box::new(value)),
        }
    }

    /// As a big rational.
    pub(super) fn to_big(&self) -> BigRational {
        match self {
            Rat::Small(n, d) => BigRational::new_raw((*n).into(), (*d).into()),
            Rat::Big(value) => (**value).clone(),
        }
    }

    pub(super) fn numer(&self) -> BigInt {
        match self {
            Rat::Small(n, _) => (*n).into(),
            Rat::Big(value) => value.numer().clone(),
        }
    }

    pub(super) fn denom(&self) -> BigInt {
        match self {
            Rat::Small(_, d) => (*d).into(),
            Rat::Big(value) => value.denom().clone(),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self, Rat::Small(0, _))
    }

    pub(super) fn is_one(&self) -> bool {
        matches!(self, Rat::Small(1, 1))
    }

    pub(super) fn is_integer(&self) -> bool {
        match self {
            Rat::Small(_, d) => *d == 1,
            Rat::Big(value) => value.is_integer(),
        }
    }

    pub(super) fn is_negative(&self) -> bool {
        match self {
            Rat::Small(n, _) => *n < 0,
            Rat::Big(value) => value.is_negative(),
        }
    }

    /// The value if it is an integer that fits.
    pub(super) fn to_i64(&self) -> Option<i64> {
        match self {
            Rat::Small(n, 1) => Some(*n),
            _ => None,
        }
    }

    /// Bits of numerator and denominator together.
    pub(super) fn bits(&self) -> u64 {
        match self {
            Rat::Small(n, d) => u64::from(128 - n.leading_zeros() - d.leading_zeros()).min(128),
            Rat::Big(value) => value.numer().bits() + value.denom().bits(),
        }
    }

    pub(super) fn neg(&self) -> Rat {
        match self {
            Rat::Small(n, d) => Rat::Small(-n, *d),
            Rat::Big(value) => Rat::from_big(-(**value).clone()),
        }
    }

    pub(super) fn abs(&self) -> Rat {
        if self.is_negative() { self.neg() } else { self.clone() }
    }

    pub(super) fn add(&self, other: &Rat) -> Rat {
        if let (Rat::Small(a, b), Rat::Small(c, d)) = (self, other) {
            if *b == 1 && *d == 1 {
                return Rat::reduce_int(i128::from(*a) + i128::from(*c));
            }
            let (a, b, c, d) = (i128::from(*a), i128::from(*b), i128::from(*c), i128::from(*d));
            if let (Some(x), Some(y)) = (a.checked_mul(d), c.checked_mul(b))
                && let Some(n) = x.checked_add(y)
            {
                return Rat::reduce(n, b * d);
            }
        }
        if self.is_integer() && other.is_integer() {
            return Rat::big_int(self.numer() + other.numer());
        }
        Rat::from_big(self.to_big() + other.to_big())
    }

    /// An integer; no common factor is looked for.
    pub(super) fn big_int(n: BigInt) -> Rat {
        Rat::from_big(BigRational::from_integer(n))
    }

    fn reduce_int(n: i128) -> Rat {
        match i64::try_from(n) {
            Ok(n) if n != i64::MIN => Rat::Small(n, 1),
            _ => Rat::Big(Box::new(BigRational::from_integer(n.into()))),
        }
    }

    pub(super) fn sub(&self, other: &Rat) -> Rat {
        self.add(&other.neg())
    }

    pub(super) fn mul(&self, other: &Rat) -> Rat {
        if let (Rat::Small(a, b), Rat::Small(c, d)) = (self, other) {
            let n = i128::from(*a) * i128::from(*c);
            return if *b == 1 && *d == 1 {
                Rat::reduce_int(n)
            } else {
                Rat::reduce(n, i128::from(*b) * i128::from(*d))
            };
        }
        if self.is_integer() && other.is_integer() {
            return Rat::big_int(self.numer() * other.numer());
        }
        Rat::from_big(self.to_big() * other.to_big())
    }

    /// `1 / self`; `None` for zero.
    pub(super) fn recip(&self) -> Option<Rat> {
        match self {
            Rat::Small(0, _) => None,
            Rat::Small(n, d) => Some(Rat::reduce(i128::from(*d), i128::from(*n))),
            Rat::Big(value) => Some(Rat::from_big(value.recip())),
        }
    }

    /// An integer power; `None` for 0 to a power below 1, and beyond `max_bits`.
    pub(super) fn pow(&self, exponent: i64, max_bits: u64) -> Option<Rat> {
        if self.is_one() {
            return Some(Rat::ONE);
        }
        if self.is_zero() {
            return (exponent > 0).then_some(Rat::ZERO);
        }
        let count = exponent.unsigned_abs();
        if *self == Rat::Small(-1, 1) {
            return Some(if count.is_multiple_of(2) { Rat::ONE } else { Rat::Small(-1, 1) });
        }
        if self.bits().saturating_sub(1).max(1).checked_mul(count)? > max_bits {
            return None;
        }
        let count = u32::try_from(count).ok()?;
        let base = self.to_big();
        let power = BigRational::new_raw(base.numer().pow(count), base.denom().pow(count));
        let power = Rat::from_big(power);
        if exponent < 0 { power.recip() } else { Some(power) }
    }

    /// The largest integer that is not above.
    pub(super) fn floor(&self) -> Rat {
        match self {
            Rat::Small(n, d) => Rat::int(n.div_euclid(*d)),
            Rat::Big(value) => Rat::from_big(value.floor()),
        }
    }

    /// The residue modulo a prime; `None` where the denominator vanishes.
    pub(super) fn modulo(&self, prime: u64) -> Option<u64> {
        let residue = |value: &BigInt| {
            let modulus = BigInt::from(prime);
            value.mod_floor(&modulus).to_u64().unwrap_or(0)
        };
        let (n, d) = match self {
            Rat::Small(n, d) => {
                let p = i128::from(prime);
                let fit = |v: i64| u64::try_from(i128::from(v).rem_euclid(p)).unwrap_or(0);
                if *d == 1 {
                    return Some(fit(*n));
                }
                (fit(*n), fit(*d))
            }
            Rat::Big(value) => (residue(value.numer()), residue(value.denom())),
        };
        if d == 0 {
            return None;
        }
        Some(super::modular::mul(n, super::modular::pow(d, prime - 2, prime), prime))
    }

    /// Whether its decimal expansion ends.
    pub(super) fn terminates(&self) -> bool {
        let d = self.denom();
        let odd = &d >> d.trailing_zeros().unwrap_or(0);
        let count = odd.bits();
        if count > 16_384 {
            return false;
        }
        without_fives(odd, u32::try_from(count).unwrap_or(0)).0.is_one()
    }

    /// From digits around a decimal point and a power of ten.
    pub(super) fn decimal(whole: &str, part: &str, exponent: i64) -> Option<Rat> {
        let digits = whole.len() + part.len();
        let shift = exponent.checked_sub(i64::try_from(part.len()).ok()?)?;
        if digits <= 18 && (-18..=0).contains(&shift) {
            let mut n = 0i64;
            for byte in whole.bytes().chain(part.bytes()) {
                n = n * 10 + i64::from(byte - b'0');
            }
            return Rat::new(n.into(), 10i128.pow(u32::try_from(-shift).ok()?));
        }
        if shift.unsigned_abs() > 5000 {
            return None;
        }
        let digits = format!("{whole}{part}");
        let significant = digits.trim_end_matches('0');
        let mut n: BigInt = if significant.is_empty() { "0" } else { significant }.parse().ok()?;
        if n.is_zero() {
            return Some(Rat::ZERO);
        }
        let shift = shift + i64::try_from(digits.len() - significant.len()).ok()?;
        let places = u32::try_from(shift.unsigned_abs()).ok()?;
        if shift >= 0 {
            return Some(Rat::big_int(n * BigInt::from(10u8).pow(places)));
        }
        // The last digit is no 0: twos or fives may cancel against 10^places, but not both.
        let twos = u32::try_from(n.trailing_zeros()?).ok()?.min(places);
        n >>= twos;
        let (n, fives) = without_fives(n, places);
        let scale = BigInt::from(5u8).pow(places - fives) << (places - twos);
        Some(Rat::from_big(BigRational::new_raw(n, scale)))
    }

    /// The sign of the value as `-1`, `0`, `1`.
    pub(super) fn signum(&self) -> i8 {
        match self {
            Rat::Small(n, _) => n.signum() as i8,
            Rat::Big(value) => match value.numer().sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }
}

/// The number without its factors of 5, at most so many, and how many there were.
fn without_fives(mut n: BigInt, most: u32) -> (BigInt, u32) {
    let mut count = 0;
    // The largest power in one word first.
    for step in [27, 1] {
        let power = BigInt::from(5u8).pow(step);
        while count + step <= most {
            let (quotient, rest) = n.div_rem(&power);
            if !rest.is_zero() {
                break;
            }
            n = quotient;
            count += step;
        }
    }
    (n, count)
}

impl PartialOrd for Rat {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rat {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Rat::Small(a, b), Rat::Small(c, d)) => {
                (i128::from(*a) * i128::from(*d)).cmp(&(i128::from(*c) * i128::from(*b)))
            }
            _ => (self.numer() * other.denom()).cmp(&(other.numer() * self.denom())),
        }
    }
}

impl std::fmt::Display for Rat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rat::Small(n, 1) => write!(f, "{n}"),
            Rat::Small(n, d) => write!(f, "{n}/{d}"),
            Rat::Big(value) if value.is_integer() => write!(f, "{}", value.numer()),
            Rat::Big(value) => write!(f, "{}/{}", value.numer(), value.denom()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_big_agree() {
        let huge = Rat::int(i64::MAX);
        let sum = huge.add(&Rat::ONE);
        assert!(matches!(sum, Rat::Big(_)));
        assert_eq!(sum.sub(&Rat::ONE), huge);
        assert_eq!(huge.mul(&huge).mul(&huge.recip().unwrap()), huge);
        assert_eq!(Rat::new(6, -4), Some(Rat::Small(-3, 2)));
        assert_eq!(Rat::new(1, 0), None);
        assert_eq!(Rat::Small(-3, 2).floor(), Rat::int(-2));
        assert_eq!(Rat::int(2).pow(-2, 64), Rat::new(1, 4));
        assert_eq!(Rat::int(9).pow(387_420_489, 4096), None);
        assert_eq!(Rat::ZERO.pow(0, 64), None);
        assert!(Rat::Small(1, 3) < Rat::Small(1, 2));
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(Rat::decimal("0", "35", 0), Rat::new(7, 20));
        assert_eq!(Rat::decimal("1500", "", -1), Some(Rat::int(150)));
        assert_eq!(Rat::decimal("1", "", 20).unwrap().to_string(), "100000000000000000000");
        // As num-rational reduces them: 20 digits, and a fraction of twos or fives.
        for (whole, part) in
            [("12345678901234567890", "125"), ("0", "000000000000000000000000000006250")]
        {
            let n: BigInt = format!("{whole}{part}").parse().unwrap();
            let scale = BigInt::from(10u8).pow(part.len() as u32);
            let expected = Rat::from_big(BigRational::new(n, scale));
            assert_eq!(Rat::decimal(whole, part, 0), Some(expected));
        }
        assert_eq!(Rat::decimal("1", "", 10_000_000), None);
        assert!(Rat::Small(7, 20).terminates() && !Rat::Small(1, 3).terminates());
    }
}
