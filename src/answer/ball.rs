//! Real numbers with an error bound: a midpoint and a radius in units of a power of two (ball arithmetic, as in
//! van der Hoeven 2009 and Johansson's Arb). Every operation returns a ball that contains the exact result for all
//! numbers in its arguments.

use num_bigint::{BigInt, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::rat::Rat;

/// Largest binary exponent of a midpoint; beyond it an evaluation gives up.
const MAX_EXPONENT: i64 = 1 << 24;

/// The numbers from `(mid - rad) 2^exp` to `(mid + rad) 2^exp`.
#[derive(Clone, Debug)]
pub(super) struct Ball {
    mid: BigInt,
    rad: BigInt,
    exp: i64,
}

/// `value` shifted right by `bits`, rounded towards minus infinity; left where `bits` is negative.
fn shr(value: &BigInt, bits: i64) -> BigInt {
    if bits >= 0 { value >> (bits as u64) } else { value << (bits.unsigned_abs()) }
}

impl Ball {
    /// An integer, exactly.
    pub(super) fn int(value: i64) -> Ball {
        Ball { mid: value.into(), rad: BigInt::zero(), exp: 0 }
    }

    /// A rational at a precision of `prec` bits.
    pub(super) fn rat(value: &Rat, prec: u64) -> Ball {
        let (n, d) = (value.numer(), value.denom());
        if d.is_one() {
            return Ball { mid: n, rad: BigInt::zero(), exp: 0 }.round(prec);
        }
        let shift = (prec as i64 + d.bits() as i64 - n.bits() as i64).max(0);
        let mid = shr(&n, -shift) / d;
        Ball { mid, rad: BigInt::one(), exp: -shift }.round(prec)
    }

    /// `mid 2^exp` with an error of at most `rad 2^exp`.
    pub(super) fn new(mid: BigInt, rad: BigInt, exp: i64) -> Ball {
        Ball { mid, rad, exp }
    }

    /// Cuts the midpoint to `prec` bits; the radius grows by what is lost.
    pub(super) fn round(mut self, prec: u64) -> Ball {
        let excess = self.mid.bits().max(self.rad.bits()) as i64 - prec as i64;
        if excess > 0 {
            self.mid = shr(&self.mid, excess);
            self.rad = if self.rad.is_zero() { BigInt::one() } else { shr(&self.rad, excess) + 2 };
            self.exp += excess;
        }
        self
    }

    /// Whether the exponent is still in range.
    pub(super) fn in_range(&self) -> bool {
        self.exp.abs() <= MAX_EXPONENT
    }

    /// Whether zero is one of the numbers.
    pub(super) fn has_zero(&self) -> bool {
        self.mid.abs() <= self.rad
    }

    /// `1` or `-1` if all numbers have this sign.
    pub(super) fn sign(&self) -> Option<i8> {
        (!self.has_zero()).then(|| if self.mid.is_positive() { 1 } else { -1 })
    }

    /// Whether all numbers equal one exactly known value.
    pub(super) fn is_exact(&self) -> bool {
        self.rad.is_zero()
    }

    /// The position of the leading bit: the magnitude is below `2^this`.
    pub(super) fn magnitude(&self) -> i64 {
        (self.mid.abs() + &self.rad).bits() as i64 + self.exp
    }

    /// How many leading bits are certain; negative or small where zero is possible.
    #[cfg(test)]
    pub(super) fn certain_bits(&self) -> i64 {
        self.mid.bits() as i64 - self.rad.bits() as i64
    }

    fn aligned(&self, exp: i64) -> (BigInt, BigInt) {
        // `exp` is at most the own exponent.
        (shr(&self.mid, exp - self.exp), shr(&self.rad, exp - self.exp))
    }

    pub(super) fn neg(&self) -> Ball {
        Ball { mid: -&self.mid, rad: self.rad.clone(), exp: self.exp }
    }

    pub(super) fn abs(&self) -> Ball {
        if self.mid.is_negative() { self.neg() } else { self.clone() }
    }

    pub(super) fn add(&self, other: &Ball, prec: u64) -> Ball {
        // A number far below the other's last bit only widens the radius.
        let (high, low) = if self.exp >= other.exp { (self, other) } else { (other, self) };
        if high.exp - low.exp > 4 * prec as i64 + 64 && !high.mid.is_zero() {
            if low.magnitude() < high.exp {
                return Ball { mid: high.mid.clone(), rad: &high.rad + 1, exp: high.exp }
                    .round(prec);
            }
            if low.magnitude() > high.magnitude() + 4 * prec as i64 {
                let low = low.clone().round(prec);
                return Ball { rad: &low.rad + 1, ..low };
            }
        }
        let exp = low.exp;
        let (mid, rad) = high.aligned(exp);
        Ball { mid: mid + &low.mid, rad: rad + &low.rad, exp }.round(prec)
    }

    pub(super) fn sub(&self, other: &Ball, prec: u64) -> Ball {
        self.add(&other.neg(), prec)
    }

    pub(super) fn mul(&self, other: &Ball, prec: u64) -> Ball {
        let mut rad = BigInt::zero();
        if !(self.rad.is_zero() && other.rad.is_zero()) {
            rad =
                self.mid.abs() * &other.rad + other.mid.abs() * &self.rad + &self.rad * &other.rad;
        }
        Ball { mid: &self.mid * &other.mid, rad, exp: self.exp + other.exp }.round(prec)
    }

    /// `1 / self`; `None` if zero is possible.
    pub(super) fn recip(&self, prec: u64) -> Option<Ball> {
        if self.has_zero() {
            return None;
        }
        let bits = self.mid.bits() as i64;
        let shift = prec as i64 + bits + 2;
        let one = BigInt::one() << shift.unsigned_abs();
        // |1/m - 1/(m+e)| <= r / (|m| (|m| - r))
        let magnitude = self.mid.abs();
        let low = &magnitude - &self.rad;
        let rad = (&one * &self.rad) / (&magnitude * low) + 2;
        Some(Ball { mid: one / &self.mid, rad, exp: -shift - self.exp }.round(prec))
    }

    pub(super) fn div(&self, other: &Ball, prec: u64) -> Option<Ball> {
        Some(self.mul(&other.recip(prec)?, prec))
    }

    /// Divided by a small whole number.
    pub(super) fn over(&self, divisor: u64, prec: u64) -> Ball {
        // Keep `prec` bits after the division.
        let shift = (prec as i64 - self.mid.bits() as i64).max(0) + 64;
        let mid = shr(&self.mid, -shift) / divisor;
        let rad = shr(&self.rad, -shift) / divisor + 1;
        Ball { mid, rad, exp: self.exp - shift }.round(prec)
    }

    /// The square root of a ball that is not negative; one that straddles zero is cut at zero.
    pub(super) fn sqrt(&self, prec: u64) -> Option<Ball> {
        if self.sign() == Some(-1) {
            return None;
        }
        let high = &self.mid + &self.rad;
        let low = (&self.mid - &self.rad).max(BigInt::zero());
        let mut shift = (2 * prec as i64 - high.bits() as i64).max(0);
        if (self.exp - shift) % 2 != 0 {
            shift += 1;
        }
        let low = shr(&low, -shift).sqrt();
        let high = shr(&high, -shift).sqrt() + 1;
        let mid: BigInt = (&low + &high) >> 1u32;
        Some(Ball { rad: high - &mid + 1, mid, exp: (self.exp - shift) / 2 }.round(prec))
    }

    /// Widens by `2^exp`.
    pub(super) fn widen(&self, exp: i64) -> Ball {
        if exp <= self.exp {
            let down = (self.exp - exp).min(1 << 13);
            let (mid, rad) = self.aligned(self.exp - down);
            return Ball { mid, rad: rad + 1, exp: self.exp - down };
        }
        let shift = (exp - self.exp).unsigned_abs();
        if shift > 1 << 16 {
            return Ball {
                mid: BigInt::zero(),
                rad: BigInt::one(),
                exp: exp.max(self.magnitude()) + 1,
            };
        }
        Ball { rad: &self.rad + (BigInt::one() << shift), ..self.clone() }
    }

    /// Midpoint and radius in units of `2^-bits`.
    pub(super) fn fixed(&self, bits: u64) -> (BigInt, BigInt) {
        let shift = -(bits as i64) - self.exp;
        let rad = if self.rad.is_zero() { BigInt::zero() } else { shr(&self.rad, shift) + 1 };
        (shr(&self.mid, shift), rad + if shift > 0 { 1 } else { 0 })
    }

    /// `self 2^exp`.
    pub(super) fn scale(&self, exp: i64) -> Ball {
        Ball { exp: self.exp + exp, ..self.clone() }
    }

    /// The midpoint as a float; infinite or zero beyond its range.
    pub(super) fn to_f64(&self) -> f64 {
        let bits = self.mid.bits() as i64;
        let cut = (bits - 60).max(0);
        let mantissa = shr(&self.mid, cut).to_f64().unwrap_or(0.0);
        let exp = (self.exp + cut).clamp(-2000, 2000);
        mantissa * 2f64.powi((exp / 2) as i32) * 2f64.powi((exp - exp / 2) as i32)
    }

    /// Mantissa in `[0.5, 1)` as a float and the exponent that goes with it.
    pub(super) fn to_parts(&self) -> (f64, i64) {
        let bits = self.mid.bits() as i64;
        let cut = bits - 60;
        let mantissa = shr(&self.mid, cut).to_f64().unwrap_or(0.0);
        (mantissa / (60f64).exp2(), bits + self.exp)
    }

    /// A float, exactly.
    pub(super) fn float(value: f64) -> Ball {
        if value == 0.0 || !value.is_finite() {
            return Ball::int(0);
        }
        let bits = value.to_bits();
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        let biased = ((bits >> 52) & 0x7ff) as i64;
        let (mantissa, exp) =
            if biased == 0 { (fraction, -1074) } else { (fraction | (1 << 52), biased - 1075) };
        let sign = if value < 0.0 { Sign::Minus } else { Sign::Plus };
        Ball {
            mid: BigInt::from_biguint(sign, mantissa.unsigned_abs().into()),
            rad: BigInt::zero(),
            exp,
        }
    }

    /// The only integer among the numbers' floors; `None` if there are two.
    pub(super) fn floor(&self) -> Option<BigInt> {
        if self.magnitude() > 4096 {
            return None;
        }
        let low = shr(&(&self.mid - &self.rad), -self.exp);
        let high = shr(&(&self.mid + &self.rad), -self.exp);
        (low == high).then_some(low)
    }

    /// The integer nearest to the midpoint.
    pub(super) fn nearest(&self) -> BigInt {
        shr(&(shr(&self.mid, -self.exp - 1) + 1), 1)
    }

    /// Whether the two have no number in common.
    pub(super) fn disjoint(&self, other: &Ball) -> bool {
        !self.sub(other, 4096).has_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(ball: &Ball, value: f64) -> bool {
        let error = (ball.to_f64() - value).abs();
        error <= 1e-12 * value.abs().max(1.0)
    }

    #[test]
    fn arithmetic_contains_the_exact_result() {
        let third = Ball::rat(&Rat::Small(1, 3), 64);
        let one = third.mul(&Ball::int(3), 64);
        assert!(!one.disjoint(&Ball::int(1)) && one.certain_bits() > 50);
        assert!(contains(&Ball::int(2).sqrt(128).unwrap(), 2f64.sqrt()));
        assert!(contains(&Ball::int(-7).recip(64).unwrap(), -1.0 / 7.0));
        assert!(Ball::int(0).recip(64).is_none());
        assert!(Ball::int(-4).sqrt(64).is_none());
        assert!(contains(&Ball::float(-0.1), -0.1));
        assert_eq!(Ball::float(2.75).nearest(), BigInt::from(3));
        assert_eq!(Ball::float(-2.75).floor(), Some(BigInt::from(-3)));
        let tiny = Ball::int(1).scale(-5000);
        assert!(!Ball::int(1).add(&tiny, 64).is_exact());
        assert!(contains(&tiny.add(&Ball::int(1), 64), 1.0));
    }
}
