//! Exponential, logarithm and trigonometric functions of balls, from power series with bounded remainders.

use num_bigint::BigInt;
use num_traits::{One, ToPrimitive};

use super::ball::Ball;
use super::constants;

/// A precision in bits, up to 1,024.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) prec: u64,
}

/// Halvings of an argument before its series is summed, so that few terms are needed.
fn halvings(prec: u64) -> u64 {
    match prec {
        0..128 => 5,
        128..512 => 8,
        _ => 16,
    }
}

/// Terms after which `x^k / k!` stays below `2^-bits` for `|x| < 2^-small`, in steps of `stride`.
fn terms(small: u64, stride: u64, bits: u64) -> u64 {
    let (mut k, mut gained) = (0u64, 0);
    while gained <= bits {
        for _ in 0..stride {
            k += 1;
            gained += small + u64::from(k.ilog2());
        }
    }
    k
}

impl Context {
    pub(super) fn new(prec: u64) -> Context {
        Context { prec }
    }

    /// The circle constant.
    pub(super) fn pi(&self) -> Ball {
        constants::pi(self.prec + 32)
    }

    /// Euler's number.
    pub(super) fn e(&self) -> Ball {
        constants::e(self.prec)
    }

    fn ln2(&self) -> Ball {
        constants::ln2(self.prec + 32)
    }

    /// e to the power of a ball.
    pub(super) fn exp(&self, x: &Ball) -> Option<Ball> {
        if x.magnitude() > 23 {
            return None;
        }
        let prec = self.prec;
        let ln2 = self.ln2();
        let k = x.div(&ln2, 64)?.nearest().to_i64()?;
        let rest = x.sub(&ln2.mul(&Ball::int(k), prec + 32), prec + 32);
        if rest.magnitude() > -1 {
            return None;
        }
        // |rest| < 1/2, so its error is multiplied by less than 2.
        let halved = halvings(prec);
        let bits = prec + halved + 16;
        let (mid, rad) = rest.fixed(bits);
        let one = BigInt::one() << bits;
        let small = mid >> halved;
        let mut value = one.clone();
        for k in (1..=terms(halved + 1, 1, bits)).rev() {
            value = &one + ((&small * value) >> bits) / k;
        }
        for _ in 0..halved {
            value = (&value * &value) >> bits;
        }
        // The series is right to 6 units, and each squaring makes at most 2 (1 + 1/2^halved)^.. < 4 of each.
        let rad = rad * 2 + (BigInt::one() << (halved + 5));
        Some(Ball::new(value, rad, -(bits as i64)).scale(k).round(prec))
    }

    /// Natural logarithm of a positive ball: `y + 2 artanh((x - e^y) / (x + e^y))` with `y` from a float.
    pub(super) fn ln(&self, x: &Ball) -> Option<Ball> {
        if x.sign() != Some(1) {
            return None;
        }
        let prec = self.prec;
        let (_, exponent) = x.to_parts();
        let mantissa = x.scale(-exponent);
        let y = Ball::float(mantissa.to_f64().ln());
        let e = self.exp(&y)?;
        let t = mantissa.sub(&e, prec + 16).div(&mantissa.add(&e, prec + 16), prec + 16)?;
        let tail = self.odd_series(&t, false)?;
        let whole = self.ln2().mul(&Ball::int(exponent), prec + 16);
        Some(whole.add(&y, prec + 16).add(&tail.scale(1), prec))
    }

    /// `t + t^3/3 + t^5/5 ...`, or with alternating signs, of a small `t`.
    fn odd_series(&self, t: &Ball, alternating: bool) -> Option<Ball> {
        if t.magnitude() > -2 {
            return None;
        }
        let prec = self.prec + 16;
        let limit = -(prec as i64);
        let square = t.mul(t, prec);
        let square = if alternating { square.neg() } else { square };
        let (mut sum, mut power) = (t.clone(), t.clone());
        for k in 1..20_000 {
            power = power.mul(&square, prec);
            if power.magnitude() < limit {
                return Some(sum.widen(limit + 1));
            }
            sum = sum.add(&power.over(2 * k + 1, prec), prec);
        }
        None
    }

    /// Cosine and sine.
    pub(super) fn cos_sin(&self, x: &Ball) -> Option<(Ball, Ball)> {
        let prec = self.prec;
        if x.magnitude() > 24 {
            return None;
        }
        let half = self.pi().scale(-1);
        let k = x.div(&half, 64)?.nearest().to_i64()?;
        let rest = x.sub(&half.mul(&Ball::int(k), prec + 32), prec + 32);
        if rest.magnitude() > 0 {
            return None;
        }
        let (cos, sin) = self.series(&rest);
        Some(match k.rem_euclid(4) {
            0 => (cos, sin),
            1 => (sin.neg(), cos),
            2 => (cos.neg(), sin.neg()),
            _ => (sin, cos.neg()),
        })
    }

    /// Cosine and sine of a ball between -1 and 1: series of the argument halved several times, then doubled back.
    fn series(&self, rest: &Ball) -> (Ball, Ball) {
        let halved = halvings(self.prec);
        let bits = self.prec + 2 * halved + 16;
        let (mid, rad) = rest.fixed(bits);
        let one = BigInt::one() << bits;
        let small = mid >> halved;
        let square = -((&small * &small) >> bits);
        let (mut cos, mut sin) = (one.clone(), one.clone());
        for k in (1..=terms(halved, 2, bits) / 2).rev() {
            cos = &one + ((&square * cos) >> bits) / (2 * k * (2 * k - 1));
            sin = &one + ((&square * sin) >> bits) / (2 * k * (2 * k + 1));
        }
        sin = (&small * sin) >> bits;
        for _ in 0..halved {
            let square: BigInt = (&sin * &sin) >> (bits - 1);
            sin = (&sin * cos) >> (bits - 1);
            cos = &one - square;
        }
        // The series are right to 4 units; a doubling makes at most 4 of each and adds 3.
        let rad = rad + (BigInt::one() << (2 * halved + 4));
        let ball = |mid| Ball::new(mid, rad.clone(), -(bits as i64)).round(self.prec);
        (ball(cos), ball(sin))
    }

    /// The angle of the point `(x, y)` in `(-pi, pi]`; `None` where the cut or the origin is possible. An exact zero
    /// `y` counts as lying on the cut's upper side.
    pub(super) fn atan2(&self, y: &Ball, x: &Ball) -> Option<Ball> {
        let prec = self.prec;
        let on_axis = y.is_exact() && y.has_zero();
        match x.sign() {
            Some(1) if on_axis => return Some(Ball::int(0)),
            Some(-1) if on_axis => return Some(self.pi()),
            Some(1) => {}
            _ => {
                // Turn by a quarter to where the point lies to the right.
                let quarter = self.pi().scale(-1);
                return match y.sign()? {
                    1 => Some(self.atan2(&x.neg(), y)?.add(&quarter, prec)),
                    _ => Some(self.atan2(x, &y.neg())?.sub(&quarter, prec)),
                };
            }
        }
        // To the right: float angle a, then the small rest atan((y cos a - x sin a) / (x cos a + y sin a)).
        let shift = -x.magnitude().max(y.magnitude());
        let angle = y.scale(shift).to_f64().atan2(x.scale(shift).to_f64());
        let a = Ball::float(angle);
        let (cos, sin) = self.cos_sin(&a)?;
        let top = y.mul(&cos, prec + 16).sub(&x.mul(&sin, prec + 16), prec + 16);
        let bottom = x.mul(&cos, prec + 16).add(&y.mul(&sin, prec + 16), prec + 16);
        let rest = self.odd_series(&top.div(&bottom, prec + 16)?, true)?;
        Some(a.add(&rest, prec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ball: Option<Ball>, value: f64) {
        let ball = ball.unwrap();
        assert!((ball.to_f64() - value).abs() < 1e-14 * value.abs().max(1.0), "{ball:?} {value}");
        assert!(ball.certain_bits() > 100, "{ball:?}");
    }

    #[test]
    fn values_agree_with_floats_and_carry_their_precision() {
        let c = Context::new(128);
        let pi = c.pi();
        close(Some(pi), std::f64::consts::PI);
        close(c.exp(&Ball::int(1)), std::f64::consts::E);
        close(c.exp(&Ball::int(-40)), (-40f64).exp());
        close(c.ln(&Ball::int(10)), 10f64.ln());
        close(c.ln(&Ball::int(1).scale(-300)), -300.0 * 2f64.ln());
        let (cos, sin) = c.cos_sin(&Ball::int(100)).unwrap();
        close(Some(cos), 100f64.cos());
        close(Some(sin), 100f64.sin());
        close(c.atan2(&Ball::int(1), &Ball::int(-3)), 1f64.atan2(-3.0));
        close(c.atan2(&Ball::int(-1), &Ball::int(0)), -std::f64::consts::FRAC_PI_2);
    }

    /// Digits 51 to 60 of pi are 5820974944 (OEIS A000796).
    #[test]
    fn pi_is_right_far_behind_the_floats() {
        let c = Context::new(256);
        let scaled = c
            .pi()
            .mul(&Ball::rat(&super::super::rat::Rat::int(10).pow(60, 4096).unwrap(), 300), 300);
        assert!(scaled.floor().unwrap().to_string().ends_with("5820974944"));
    }
}
