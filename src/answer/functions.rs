//! Powers, logarithms, trigonometric and other functions of numeric values.

use super::ball::Ball;
use super::complex::{Complex, Real, Stop, Value, real};
use super::exact;
use super::expr::Expr;
use super::func::Fun;
use super::numeric::Numeric;
use super::rat::Rat;

use Real::{Exact, Near};

impl Numeric<'_> {
    /// e to the power of a number.
    pub(super) fn exp(&mut self, z: &Complex) -> Value {
        if z.is_zero() {
            return Ok(real(Exact(Rat::ONE)));
        }
        self.spend(if z.is_real() { 400 } else { 1000 })?;
        let scale = match &z.re {
            re if re.is_zero() => None,
            re => Some(Near(self.context.exp(&re.ball(self.prec)).ok_or(Stop::Unknown)?)),
        };
        if z.is_real() {
            return Ok(real(scale.unwrap_or(Exact(Rat::ONE))));
        }
        let (cos, sin) = self.context.cos_sin(&z.im.ball(self.prec)).ok_or(Stop::Unknown)?;
        let turn = Complex { re: Near(cos), im: Near(sin) };
        Ok(match scale {
            Some(scale) => self.times(&real(scale), &turn),
            None => turn,
        })
    }

    /// Principal logarithm.
    fn log(&mut self, z: &Complex) -> Value {
        self.spend(if z.is_real() { 700 } else { 1800 })?;
        if z.is_zero() {
            return Err(Stop::Undefined);
        }
        if z.exact().is_some_and(Rat::is_one) {
            return Ok(real(Real::zero()));
        }
        let prec = self.prec;
        if z.is_real() {
            let negative = z.re.sign().ok_or(Stop::Precision)? < 0;
            let ln = self.context.ln(&z.re.ball(prec).abs()).ok_or(Stop::Precision)?;
            self.unreal |= negative;
            let im = if negative { Near(self.context.pi()) } else { Real::zero() };
            return Ok(Complex { re: Near(ln), im });
        }
        let norm = self.add(&self.mul(&z.re, &z.re), &self.mul(&z.im, &z.im));
        let ln = self.context.ln(&norm.ball(prec)).ok_or(Stop::Precision)?.scale(-1);
        let angle =
            self.context.atan2(&z.im.ball(prec), &z.re.ball(prec)).ok_or(Stop::Precision)?;
        Ok(Complex { re: Near(ln), im: Near(angle) })
    }

    pub(super) fn power(&mut self, base: &Complex, exponent: &Complex) -> Value {
        if let Some(exponent) = exponent.exact() {
            if let Some(base) = base.exact()
                && let Some(value) = exact::power(base, exponent, self.meter)
            {
                return Ok(real(self.fit(value)));
            }
            if let Some(n) = exponent.to_i64() {
                return self.whole_power(base, n);
            }
            if base.is_zero() {
                return if exponent.is_negative() {
                    Err(Stop::Undefined)
                } else {
                    Ok(base.clone())
                };
            }
            if let (Rat::Small(n, d), true) = (exponent, base.is_real()) {
                return self.root_power(&base.re, *n, *d);
            }
        }
        if base.is_zero() {
            return match (exponent.is_real(), exponent.re.sign()) {
                (true, Some(1)) => Ok(base.clone()),
                _ => Err(Stop::Undefined),
            };
        }
        let log = self.log(base)?;
        let product = self.times(exponent, &log);
        self.exp(&product)
    }

    /// `base^n` by squaring.
    fn whole_power(&mut self, base: &Complex, n: i64) -> Value {
        let mut count = n.unsigned_abs();
        let (mut result, mut square) = (real(Exact(Rat::ONE)), base.clone());
        while count > 0 {
            if count & 1 == 1 {
                result = self.times(&result, &square);
                self.operation(&result)?;
            }
            count >>= 1;
            if count > 0 {
                square = self.times(&square, &square);
                self.operation(&square)?;
                square = self.checked(square)?;
            }
        }
        self.meter.pay(20).ok_or(Stop::Unknown)?;
        if n < 0 { self.recip(&result) } else { Ok(result) }
    }

    /// `base^(n/d)` of a real number, real where the root is odd.
    fn root_power(&mut self, base: &Real, n: i64, d: i64) -> Value {
        let sign = base.sign().ok_or(Stop::Precision)?;
        let magnitude = base.ball(self.prec).abs();
        self.spend(150)?;
        let root = if d == 2 {
            Near(magnitude.sqrt(self.prec + 8).ok_or(Stop::Precision)?)
        } else {
            self.spend(1100)?;
            let ln = self.context.ln(&magnitude).ok_or(Stop::Precision)?;
            let part = ln.mul(&Ball::rat(&Rat::Small(1, d), self.prec + 8), self.prec + 8);
            Near(self.context.exp(&part).ok_or(Stop::Unknown)?)
        };
        let root = if sign >= 0 {
            real(root)
        } else if d % 2 == 1 {
            real(root.neg())
        } else {
            self.unreal = true;
            if d == 2 {
                Complex { re: Real::zero(), im: root }
            } else {
                self.spend(450)?;
                let angle = self
                    .context
                    .pi()
                    .mul(&Ball::rat(&Rat::Small(1, d), self.prec + 8), self.prec + 8);
                let (cos, sin) = self.context.cos_sin(&angle).ok_or(Stop::Unknown)?;
                self.times(&real(root), &Complex { re: Near(cos), im: Near(sin) })
            }
        };
        self.whole_power(&root, n)
    }

    /// Cosine and sine of a complex number.
    fn cos_sin(&mut self, z: &Complex) -> Result<(Complex, Complex), Stop> {
        self.spend(600)?;
        let (cos, sin) = if z.re.is_zero() {
            (Exact(Rat::ONE), Real::zero())
        } else {
            let (cos, sin) = self.context.cos_sin(&z.re.ball(self.prec)).ok_or(Stop::Unknown)?;
            (Near(cos), Near(sin))
        };
        if z.is_real() {
            return Ok((real(cos), real(sin)));
        }
        let (cosh, sinh) = self.cosh_sinh(&real(z.im.clone()))?;
        let (cosh, sinh) = (cosh.re, sinh.re);
        Ok((
            Complex { re: self.mul(&cos, &cosh), im: self.mul(&sin, &sinh).neg() },
            Complex { re: self.mul(&sin, &cosh), im: self.mul(&cos, &sinh) },
        ))
    }

    fn cosh_sinh(&mut self, z: &Complex) -> Result<(Complex, Complex), Stop> {
        let (up, down) = (self.exp(z)?, self.exp(&z.neg())?);
        let half = real(Exact(Rat::Small(1, 2)));
        let cosh = self.times(&half, &self.plus(&up, &down));
        let sinh = self.times(&half, &self.plus(&up, &down.neg()));
        Ok((cosh, sinh))
    }

    pub(super) fn function(&mut self, fun: Fun, args: &[Complex]) -> Value {
        let first = args.first().ok_or(Stop::Unknown)?;
        let one = real(Exact(Rat::ONE));
        let half = Exact(Rat::Small(1, 2));
        match fun {
            Fun::Sin => Ok(self.cos_sin(first)?.1),
            Fun::Cos => Ok(self.cos_sin(first)?.0),
            Fun::Tan | Fun::Cot | Fun::Sec | Fun::Csc => {
                let (cos, sin) = self.cos_sin(first)?;
                match fun {
                    Fun::Tan => self.div(&sin, &cos),
                    Fun::Cot => self.div(&cos, &sin),
                    Fun::Sec => self.recip(&cos),
                    _ => self.recip(&sin),
                }
            }
            Fun::Sinh => Ok(self.cosh_sinh(first)?.1),
            Fun::Cosh => Ok(self.cosh_sinh(first)?.0),
            Fun::Tanh | Fun::Coth | Fun::Sech | Fun::Csch => {
                let (cosh, sinh) = self.cosh_sinh(first)?;
                match fun {
                    Fun::Tanh => self.div(&sinh, &cosh),
                    Fun::Coth => self.div(&cosh, &sinh),
                    Fun::Sech => self.recip(&cosh),
                    _ => self.recip(&sinh),
                }
            }
            Fun::Asin | Fun::Acos | Fun::Atan => self.inverse(fun, first),
            Fun::Acot | Fun::Asec | Fun::Acsc => {
                let inverse = self.recip(first)?;
                let fun = match fun {
                    Fun::Acot => Fun::Atan,
                    Fun::Asec => Fun::Acos,
                    _ => Fun::Asin,
                };
                self.inverse(fun, &inverse)
            }
            Fun::Asinh | Fun::Acosh => {
                let one = if fun == Fun::Asinh { one } else { one.neg() };
                let inner = self.plus(&self.times(first, first), &one);
                let root = self.power(&inner, &real(half))?;
                let sum = self.plus(first, &root);
                self.log(&sum)
            }
            Fun::Atanh => {
                let quotient = self.div(&self.plus(&one, first), &self.plus(&one, &first.neg()))?;
                let log = self.log(&quotient)?;
                Ok(self.times(&real(half), &log))
            }
            Fun::Exp => self.exp(first),
            Fun::Ln | Fun::Log => self.log(first),
            Fun::LogBase => {
                let argument = args.get(1).ok_or(Stop::Unknown)?;
                let (top, bottom) = (self.log(argument)?, self.log(first)?);
                self.div(&top, &bottom)
            }
            Fun::Abs => {
                if first.is_real() {
                    return match first.re.sign() {
                        Some(sign) if sign < 0 => Ok(first.neg()),
                        Some(_) => Ok(first.clone()),
                        None => Ok(real(Near(first.re.ball(self.prec).abs()))),
                    };
                }
                let norm =
                    self.add(&self.mul(&first.re, &first.re), &self.mul(&first.im, &first.im));
                self.power(&real(norm), &real(half))
            }
            Fun::Floor | Fun::Ceil => {
                if !first.is_real() {
                    return Err(Stop::Undefined);
                }
                let value = if fun == Fun::Ceil { first.re.neg() } else { first.re.clone() };
                let floor = match value {
                    Exact(value) => value.floor(),
                    Near(ball) => {
                        let floor = ball.floor().ok_or(Stop::Precision)?;
                        Rat::from_big(num_rational::BigRational::from_integer(floor))
                    }
                };
                Ok(real(Exact(if fun == Fun::Ceil { floor.neg() } else { floor })))
            }
            Fun::Re => Ok(real(first.re.clone())),
            Fun::Im => Ok(real(first.im.clone())),
            Fun::Arg => Ok(real(self.log(first)?.im)),
            Fun::Degree => Ok(first.clone()),
            Fun::Max | Fun::Min => {
                let mut best = first.clone();
                for other in &args[1..] {
                    self.meter.pay(30).ok_or(Stop::Unknown)?;
                    let difference = self.sub(&other.re, &best.re);
                    let larger = difference.sign().ok_or(Stop::Precision)? > 0;
                    if larger == (fun == Fun::Max) {
                        best = other.clone();
                    }
                }
                Ok(best)
            }
            Fun::Factorial
            | Fun::DoubleFactorial
            | Fun::Binomial
            | Fun::Gcd
            | Fun::Lcm
            | Fun::Det => {
                let mut exprs = Vec::with_capacity(args.len());
                for arg in args {
                    exprs.push(Expr::Num(arg.exact().ok_or(Stop::Unknown)?.clone()));
                }
                let value =
                    exact::value(&Expr::Fun(fun, exprs), &[], self.meter).ok_or(Stop::Unknown)?;
                Ok(real(self.fit(value)))
            }
        }
    }

    /// Inverse trigonometric functions of a real number in their domain.
    fn inverse(&mut self, fun: Fun, x: &Complex) -> Value {
        self.spend(1100)?;
        if !x.is_real() {
            return Err(Stop::Unknown);
        }
        let prec = self.prec;
        let angle = if fun == Fun::Atan {
            self.context.atan2(&x.re.ball(prec), &Ball::int(1))
        } else {
            let rest = self.sub(&Exact(Rat::ONE), &self.mul(&x.re, &x.re));
            if rest.sign() == Some(-1) {
                self.unreal = true;
                return Err(Stop::Unknown);
            }
            let root = if rest.is_zero() {
                Ball::int(0)
            } else {
                rest.ball(prec).sqrt(prec).ok_or(Stop::Precision)?
            };
            let x = if x.re.is_zero() { Ball::int(0) } else { x.re.ball(prec) };
            if fun == Fun::Asin {
                self.context.atan2(&x, &root)
            } else {
                self.context.atan2(&root, &x)
            }
        };
        Ok(real(Near(angle.ok_or(Stop::Precision)?)))
    }
}
