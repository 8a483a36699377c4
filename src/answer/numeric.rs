//! Numeric values of expressions with guaranteed bounds.

use super::ball::Ball;
use super::complex::{Complex, Real, Stop, Value, real};
use super::elementary::Context;
use super::exact;
use super::expr::Expr;
use super::meter::Meter;
use super::modular::{hash, mix};
use super::rat::Rat;

use Real::{Exact, Near};

/// Exact parts that grow beyond this many bits become balls.
const MAX_BITS: u64 = 192;

/// An evaluation at one point.
#[derive(Debug)]
pub(super) struct Numeric<'a> {
    pub(super) context: Context,
    env: Vec<(&'a str, Rat)>,
    /// A part of a real expression had no real value.
    pub(super) unreal: bool,
    /// An infinite sum or the like was replaced by a stand-in.
    pub(super) loose: bool,
    pub(super) meter: &'a Meter,
    pub(super) prec: u64,
}

impl<'a> Numeric<'a> {
    /// An evaluation with `prec` bits where the variables have these values.
    pub(super) fn new(prec: u64, env: Vec<(&'a str, Rat)>, meter: &'a Meter) -> Self {
        Self { context: Context::new(prec), env, unreal: false, loose: false, meter, prec }
    }

    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Stop> {
        let scale = match self.prec {
            0..128 => 1,
            128..512 => 2,
            _ => 10,
        };
        self.meter.pay(steps * scale).ok_or(Stop::Unknown)
    }

    /// Charges for a sum or product that came to this.
    pub(super) fn operation(&self, value: &Complex) -> Result<(), Stop> {
        let part = |part: &Real| match part {
            Exact(value) => exact::cost(value, value),
            Near(_) => 20 + self.prec / 16,
        };
        let steps =
            if value.is_real() { part(&value.re) } else { 3 * (part(&value.re) + part(&value.im)) };
        self.meter.pay(steps).ok_or(Stop::Unknown)
    }

    pub(super) fn fit(&self, value: Rat) -> Real {
        if value.bits() > MAX_BITS { Near(Ball::rat(&value, self.prec)) } else { Exact(value) }
    }

    pub(super) fn add(&self, a: &Real, b: &Real) -> Real {
        match (a, b) {
            (Exact(a), Exact(b)) => self.fit(a.add(b)),
            (Exact(z), other) | (other, Exact(z)) if z.is_zero() => other.clone(),
            _ => Near(a.ball(self.prec).add(&b.ball(self.prec), self.prec)),
        }
    }

    pub(super) fn mul(&self, a: &Real, b: &Real) -> Real {
        match (a, b) {
            (Exact(a), Exact(b)) => self.fit(a.mul(b)),
            (Exact(z), _) | (_, Exact(z)) if z.is_zero() => Real::zero(),
            (Exact(one), other) | (other, Exact(one)) if one.is_one() => other.clone(),
            _ => Near(a.ball(self.prec).mul(&b.ball(self.prec), self.prec)),
        }
    }

    pub(super) fn sub(&self, a: &Real, b: &Real) -> Real {
        self.add(a, &b.neg())
    }

    pub(super) fn plus(&self, a: &Complex, b: &Complex) -> Complex {
        Complex { re: self.add(&a.re, &b.re), im: self.add(&a.im, &b.im) }
    }

    /// The product.
    pub(super) fn times(&self, a: &Complex, b: &Complex) -> Complex {
        if a.is_real() && b.is_real() {
            return real(self.mul(&a.re, &b.re));
        }
        Complex {
            re: self.sub(&self.mul(&a.re, &b.re), &self.mul(&a.im, &b.im)),
            im: self.add(&self.mul(&a.re, &b.im), &self.mul(&a.im, &b.re)),
        }
    }

    fn recip_real(&self, a: &Real) -> Result<Real, Stop> {
        match a {
            Exact(value) => value.recip().map(Exact).ok_or(Stop::Undefined),
            Near(ball) => ball.recip(self.prec).map(Near).ok_or(Stop::Precision),
        }
    }

    pub(super) fn recip(&self, a: &Complex) -> Value {
        if a.is_real() {
            return Ok(real(self.recip_real(&a.re)?));
        }
        let norm = self.add(&self.mul(&a.re, &a.re), &self.mul(&a.im, &a.im));
        let inverse = self.recip_real(&norm)?;
        Ok(Complex { re: self.mul(&a.re, &inverse), im: self.mul(&a.im.neg(), &inverse) })
    }

    pub(super) fn div(&self, a: &Complex, b: &Complex) -> Value {
        Ok(self.times(a, &self.recip(b)?))
    }

    /// The value.
    ///
    /// # Errors
    /// No value here, not enough precision, or beyond the budget.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Value {
        self.meter.pay(10).ok_or(Stop::Unknown)?;
        Ok(match expr {
            Expr::Num(value) => real(self.fit(value.clone())),
            Expr::Sym(name) => {
                let found = self.env.iter().rev().find(|(n, _)| *n == &**name);
                real(Exact(found.ok_or(Stop::Unknown)?.1.clone()))
            }
            Expr::Pi => real(Near(self.context.pi().round(self.prec + 8))),
            Expr::E => real(Near(self.context.e().round(self.prec + 8))),
            Expr::I => Complex { re: Real::zero(), im: Exact(Rat::ONE) },
            Expr::Infinity => return Err(Stop::Unknown),
            Expr::Add(parts) => {
                let mut sum = real(Real::zero());
                for part in parts {
                    let value = self.value(part)?;
                    sum = self.plus(&sum, &value);
                    self.operation(&sum)?;
                }
                self.checked(sum)?
            }
            Expr::Mul(parts) => {
                let mut product = real(Exact(Rat::ONE));
                for part in parts {
                    let value = self.value(part)?;
                    product = self.times(&product, &value);
                    self.operation(&product)?;
                }
                self.checked(product)?
            }
            Expr::Pow(pair) => {
                if pair.0 == Expr::E {
                    let exponent = self.value(&pair.1)?;
                    return self.exp(&exponent);
                }
                let base = self.value(&pair.0)?;
                let exponent = self.value(&pair.1)?;
                let power = self.power(&base, &exponent)?;
                self.checked(power)?
            }
            Expr::Fun(fun, args) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    values.push(self.value(arg)?);
                }
                self.function(*fun, &values)?
            }
            Expr::Call(name, args) => {
                let mut sum = self.stand_in(hash(name), 0);
                for (k, arg) in args.iter().enumerate() {
                    let arg = self.value(arg)?;
                    let term = self.times(&arg, &self.stand_in(hash(name), 2 * k as u64 + 1));
                    let square = self.times(&arg, &arg);
                    let square = self.times(&square, &self.stand_in(hash(name), 2 * k as u64 + 2));
                    sum = self.plus(&self.plus(&sum, &term), &square);
                    for _ in 0..6 {
                        self.operation(&sum)?;
                    }
                }
                sum
            }
            Expr::Big(big) => self.big(big)?,
        })
    }

    pub(super) fn checked(&self, value: Complex) -> Value {
        let fine = |part: &Real| match part {
            Exact(_) => true,
            Near(ball) => ball.in_range(),
        };
        if fine(&value.re) && fine(&value.im) { Ok(value) } else { Err(Stop::Unknown) }
    }

    /// A pseudo-random coefficient of an unknown function.
    fn stand_in(&self, name: u64, k: u64) -> Complex {
        let value = mix(name ^ mix(k)) % 1000;
        real(Exact(Rat::Small(value as i64 + 1, 997)))
    }

    fn big(&mut self, big: &'a super::expr::Big) -> Value {
        self.meter.pay(60 + 10 * self.env.len() as u64).ok_or(Stop::Unknown)?;
        let env = self.env.clone();
        let ends =
            (exact::value(&big.from, &env, self.meter), exact::value(&big.to, &env, self.meter));
        if let (Some(from), Some(to)) = ends
            && let (Some(from), Some(to)) = (from.to_i64(), to.to_i64())
            && to.saturating_sub(from) <= exact::MAX_TERMS
        {
            let mut total = real(Exact(if big.product { Rat::ONE } else { Rat::ZERO }));
            for index in from..=to {
                self.env.push((&big.index, Rat::int(index)));
                let term = self.value(&big.body);
                self.env.pop();
                total = if big.product {
                    self.times(&total, &term?)
                } else {
                    self.plus(&total, &term?)
                };
                self.operation(&total)?;
            }
            return Ok(total);
        }
        self.loose = true;
        Err(Stop::Unknown)
    }
}
