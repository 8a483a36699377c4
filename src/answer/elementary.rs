//! Exponential, logarithm and trigonometric functions of balls, from power series with bounded remainders.

use num_bigint::BigInt;
use num_traits::{One, ToPrimitive};

use super::ball::Ball;

/// A precision and the constants at that precision, each computed once.
#[derive(Debug)]
pub(super) struct Context {
    /// Bits.
    pub(super) prec: u64,
    pi: Option<Ball>,
    ln2: Option<Ball>,
}

impl Context {
    pub(super) fn new(prec: u64) -> Context {
        Context { prec, pi: None, ln2: None }
    }

    /// `sum_{k >= 0} (+-1)^k / ((2k+1) n^(2k+1))`: arctan or artanh of `1/n`, in units of `2^-bits`, exact to as many
    /// units as there are terms.
    fn inverse_series(n: u64, alternating: bool, bits: u64) -> (BigInt, u64) {
        let square = n * n;
        let mut power = (BigInt::one() << bits) / n;
        let mut sum = power.clone();
        let mut k = 1u64;
        while power.bits() > 0 {
            power /= square;
            let term = &power / (2 * k + 1);
            if alternating && k % 2 == 1 {
                sum -= term;
            } else {
                sum += term;
            }
            k += 1;
        }
        (sum, 2 * k + 2)
    }

    /// The circle constant, by Machin's formula: pi/4 = 4 arctan(1/5) - arctan(1/239).
    pub(super) fn pi(&mut self) -> Ball {
        let bits = self.prec + 32;
        self.pi
            .get_or_insert_with(|| {
                let (fifth, e1) = Self::inverse_series(5, true, bits);
                let (other, e2) = Self::inverse_series(239, true, bits);
                let mid = (fifth * 4 - other) * 4;
                Ball::new(mid, (16 * e1 + 4 * e2).into(), -(bits as i64))
            })
            .clone()
    }

    /// ln 2 = 2 artanh(1/3).
    fn ln2(&mut self) -> Ball {
        let bits = self.prec + 32;
        self.ln2
            .get_or_insert_with(|| {
                let (sum, error) = Self::inverse_series(3, false, bits);
                Ball::new(sum * 2, (2 * error).into(), -(bits as i64))
            })
            .clone()
    }

    /// Sum of a series whose terms shrink at least by half: `first`, then each from the one before by `next(k, term)`.
    fn series(&self, first: Ball, next: impl Fn(u64, &Ball) -> Option<Ball>) -> Option<Ball> {
        let prec = self.prec;
        let limit = -(prec as i64) - 8;
        let (mut sum, mut term) = (first.clone(), first);
        for k in 1..20_000 {
            term = next(k, &term)?;
            if term.magnitude() < limit {
                return Some(sum.widen(limit + 2));
            }
            sum = sum.add(&term, prec + 16);
        }
        None
    }

    /// e to the power of a ball.
    pub(super) fn exp(&mut self, x: &Ball) -> Option<Ball> {
        if x.magnitude() > 23 {
            return None;
        }
        let prec = self.prec;
        let ln2 = self.ln2();
        let k = x.div(&ln2, 64)?.nearest().to_i64()?;
        let rest = x.sub(&ln2.mul(&Ball::int(k), prec + 32), prec + 32);
        // The rest is below 0.35 + error; halve it eight times and square back.
        let halvings = 8;
        let small = rest.scale(-halvings);
        if small.magnitude() > -2 {
            return None;
        }
        let mut value = self
            .series(Ball::int(1), |k, term| Some(term.mul(&small, prec + 16).over(k, prec + 16)))?;
        for _ in 0..halvings {
            value = value.mul(&value, prec + 16);
        }
        Some(value.scale(k).round(prec))
    }

    /// Natural logarithm of a positive ball: `y + 2 artanh((x - e^y) / (x + e^y))` with `y` from a float.
    pub(super) fn ln(&mut self, x: &Ball) -> Option<Ball> {
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
    pub(super) fn cos_sin(&mut self, x: &Ball) -> Option<(Ball, Ball)> {
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
        let square = rest.mul(&rest, prec + 16).neg();
        let step = |from: u64| {
            let square = square.clone();
            move |k: u64, term: &Ball| {
                let divisor = (2 * k - 1 + from) * (2 * k + from);
                Some(term.mul(&square, prec + 16).over(divisor, prec + 16))
            }
        };
        let cos = self.series(Ball::int(1), step(0))?;
        let sin = self.series(rest, step(1))?;
        Some(match k.rem_euclid(4) {
            0 => (cos, sin),
            1 => (sin.neg(), cos),
            2 => (cos.neg(), sin.neg()),
            _ => (sin, cos.neg()),
        })
    }

    /// The angle of the point `(x, y)` in `(-pi, pi]`; `None` where the cut or the origin is possible. An exact zero
    /// `y` counts as lying on the cut's upper side.
    pub(super) fn atan2(&mut self, y: &Ball, x: &Ball) -> Option<Ball> {
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
        let mut c = Context::new(128);
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
        let mut c = Context::new(256);
        let scaled = c
            .pi()
            .mul(&Ball::rat(&super::super::rat::Rat::int(10).pow(60, 4096).unwrap(), 300), 300);
        assert!(scaled.floor().unwrap().to_string().ends_with("5820974944"));
    }
}
