//! Values of an expression modulo a prime, its variables random: the identity test of rational functions.
//!
//! Exponents are computed modulo `p - 1`, so `(x+1)^{1000000}` and `2^{n-1}` cost a few multiplications. Functions
//! that are not rational (roots, sine, ...) get a pseudo-random value that depends on the values of their arguments:
//! equal values then still prove equality, different ones prove nothing, which `loose` records.

use super::exact::{self, MAX_TERMS};
use super::expr::Expr;
use super::func::Fun;
use super::meter::Meter;
use super::modular::{Prime, add, hash, mix, mul, pow};
use super::rat::Rat;

/// Largest factorial that is multiplied out.
const MAX_FACTORIAL: i64 = 100_000;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Division by zero at this point, or by zero everywhere.
    Undefined,
    /// Beyond the budget.
    Budget,
}

/// An evaluation at one point modulo one prime.
#[derive(Debug)]
pub(super) struct Field<'a> {
    prime: Prime,
    seed: u64,
    /// Variables are small whole numbers.
    small: bool,
    /// Some value was pseudo-random although the function has a meaning.
    pub(super) loose: bool,
    meter: &'a Meter,
    bound: Vec<(&'a str, Rat)>,
}

type Value = Result<u64, Stop>;

impl<'a> Field<'a> {
    /// An evaluation at the point `seed`.
    pub(super) fn new(prime: Prime, seed: u64, small: bool, meter: &'a Meter) -> Self {
        Self { prime, seed, small, loose: false, meter, bound: Vec::new() }
    }

    fn spend(&mut self, steps: u64) -> Result<(), Stop> {
        self.meter.pay(steps).ok_or(Stop::Budget)
    }

    /// The whole number that a variable stands for.
    fn variable(&self, name: &str) -> u64 {
        let value = mix(hash(name) ^ mix(self.seed));
        if self.small { 3 + value % 28 } else { value >> 5 }
    }

    /// A pseudo-random function of what it is called and of its arguments.
    fn opaque(&self, name: u64, args: &[u64]) -> u64 {
        let mut state = mix(name ^ self.prime.p);
        for &arg in args {
            state = mix(state.rotate_left(17) ^ arg);
        }
        state % self.prime.p
    }

    fn integer(&self, value: &Rat) -> Result<u64, Stop> {
        value.modulo(self.prime.p).ok_or(Stop::Undefined)
    }

    /// The value.
    ///
    /// # Errors
    /// A division by zero, or the budget is spent.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Value {
        self.spend(2)?;
        let p = self.prime.p;
        match expr {
            Expr::Num(value) => {
                self.spend(match value {
                    Rat::Small(_, 1) => 0,
                    Rat::Small(..) => 50,
                    Rat::Big(_) => 80 + value.bits() / 64,
                })?;
                self.integer(value)
            }
            Expr::Sym(name) if self.bound.is_empty() => {
                self.spend(3 + name.len() as u64 / 4)?;
                Ok(self.variable(name) % p)
            }
            Expr::Sym(name) => match self.bound.iter().rev().find(|(n, _)| *n == &**name) {
                Some((_, value)) => self.integer(&value.clone()),
                None => Ok(self.variable(name) % p),
            },
            Expr::Pi => Ok(hash("\\pi") % p),
            Expr::E => Ok(hash("\\e") % p),
            Expr::I => Ok(self.prime.i),
            Expr::Infinity => {
                self.loose = true;
                Ok(hash("\\infty") % p)
            }
            Expr::Add(parts) => {
                let mut sum = 0;
                for part in parts {
                    sum = add(sum, self.value(part)?, p);
                }
                Ok(sum)
            }
            Expr::Mul(parts) => {
                let mut product = 1;
                for part in parts {
                    product = mul(product, self.value(part)?, p);
                }
                Ok(product)
            }
            Expr::Pow(pair) => self.power(&pair.0, &pair.1),
            Expr::Fun(fun, args) => self.function(*fun, args),
            Expr::Call(name, args) => {
                let values = self.all(args)?;
                Ok(self.opaque(hash(name), &values))
            }
            Expr::Big(big) => {
                self.spend(40)?;
                let range = match (
                    exact::value(&big.from, &[], self.meter),
                    exact::value(&big.to, &[], self.meter),
                ) {
                    (Some(from), Some(to)) => from.to_i64().zip(to.to_i64()),
                    _ => None,
                };
                if let Some((from, to)) = range
                    && to.saturating_sub(from) <= MAX_TERMS
                {
                    let mut total = u64::from(big.product);
                    for index in from..=to {
                        self.bound.push((&big.index, Rat::int(index)));
                        let term = self.value(&big.body);
                        self.bound.pop();
                        total =
                            if big.product { mul(total, term?, p) } else { add(total, term?, p) };
                    }
                    return Ok(total);
                }
                self.loose = true;
                let ends = [self.value(&big.from)?, self.value(&big.to)?];
                // The index is bound: its name does not matter.
                let random = Rat::int((mix(self.seed ^ 77) >> 20) as i64);
                self.bound.push((&big.index, random));
                let body = self.value(&big.body);
                self.bound.pop();
                Ok(self.opaque(hash("big") ^ u64::from(big.product), &[ends[0], ends[1], body?]))
            }
        }
    }

    fn all(&mut self, args: &'a [Expr]) -> Result<Vec<u64>, Stop> {
        args.iter().map(|arg| self.value(arg)).collect()
    }

    fn power(&mut self, base: &'a Expr, exponent: &'a Expr) -> Value {
        let p = self.prime.p;
        let value = self.value(base)?;
        self.spend(50)?;
        if let Expr::Num(Rat::Small(n, d)) = exponent {
            let (mut value, n) = (value, *n);
            if *d != 1 {
                // A root is a pseudo-random number, but the same one in all its powers.
                self.loose = true;
                value = self.opaque(hash("root") ^ (*d as u64), &[value]);
            }
            if n == 1 {
                return Ok(value);
            }
            if value == 0 {
                return if n > 0 { Ok(0) } else { Err(Stop::Undefined) };
            }
            let n = i128::from(n).rem_euclid(i128::from(p - 1)) as u64;
            return Ok(pow(value, n, p));
        }
        if let Some(n) = self.ring(exponent)? {
            if value != 0 {
                return Ok(pow(value, n, p));
            }
            // Powers of zero: nothing is known of an exponent modulo p - 1 but what it is itself.
            return match exact::value(exponent, &self.bound, self.meter) {
                Some(n) if n.signum() > 0 => Ok(0),
                Some(_) => Err(Stop::Undefined),
                None => {
                    self.loose = true;
                    Err(Stop::Undefined)
                }
            };
        }
        self.loose = true;
        let exponent = self.value(exponent)?;
        Ok(self.opaque(hash("power"), &[value, exponent]))
    }

    /// The value of a whole-number expression modulo `p - 1`, where exponents live.
    fn ring(&mut self, expr: &'a Expr) -> Result<Option<u64>, Stop> {
        self.spend(4)?;
        let m = self.prime.p - 1;
        let reduce = |value: &Rat| {
            if !value.is_integer() {
                return None;
            }
            let modulus = num_bigint::BigInt::from(m);
            num_traits::ToPrimitive::to_u64(&num_integer::Integer::mod_floor(
                &value.numer(),
                &modulus,
            ))
        };
        Ok(match expr {
            Expr::Num(value) => reduce(value),
            Expr::Sym(name) => match self.bound.iter().rev().find(|(n, _)| *n == &**name) {
                Some((_, value)) => reduce(value),
                None => Some(self.variable(name) % m),
            },
            Expr::Add(parts) => {
                let mut sum = 0;
                for part in parts {
                    match self.ring(part)? {
                        Some(value) => sum = add(sum, value, m),
                        None => return Ok(None),
                    }
                }
                Some(sum)
            }
            Expr::Mul(parts) => {
                let mut product = 1;
                for part in parts {
                    match self.ring(part)? {
                        Some(value) => product = mul(product, value, m),
                        None => return Ok(None),
                    }
                }
                Some(product)
            }
            Expr::Pow(pair) => {
                let exponent =
                    exact::value(&pair.1, &self.bound, self.meter).and_then(|e| e.to_i64());
                match (exponent, self.ring(&pair.0)?) {
                    (Some(n), Some(base)) if n >= 0 => {
                        self.spend(50)?;
                        Some(pow(base, n.unsigned_abs(), m))
                    }
                    _ => None,
                }
            }
            other => exact::value(other, &[], self.meter).and_then(|value| reduce(&value)),
        })
    }

    /// The exact whole number that an expression is at this point.
    fn whole(&mut self, expr: &'a Expr) -> Option<i64> {
        let mut env = Vec::new();
        if self.small {
            for name in expr.variables() {
                env.push((name.clone(), self.variable(&name)));
            }
        }
        let mut pairs: Vec<(&str, Rat)> =
            env.iter().map(|(name, value)| (&**name, Rat::int(*value as i64))).collect();
        pairs.extend(self.bound.iter().cloned());
        exact::value(expr, &pairs, self.meter)?.to_i64()
    }

    fn function(&mut self, fun: Fun, args: &'a [Expr]) -> Value {
        let p = self.prime.p;
        match fun {
            Fun::Degree | Fun::Det => return self.value(args.first().ok_or(Stop::Undefined)?),
            Fun::Factorial => {
                if let Some(n) = args.first().and_then(|arg| self.whole(arg)) {
                    if n < 0 {
                        return Err(Stop::Undefined);
                    }
                    if n <= MAX_FACTORIAL {
                        self.spend(n.unsigned_abs() / 2)?;
                        return Ok((2..=n.unsigned_abs()).fold(1, |product, k| mul(product, k, p)));
                    }
                }
            }
            Fun::Binomial => {
                if let [n, k] = args
                    && let (Some(n), Some(k)) = (self.whole(n), self.whole(k))
                    && n >= 0
                    && k <= MAX_FACTORIAL
                {
                    return self.binomial(n, k);
                }
            }
            _ => {}
        }
        if args.iter().all(|arg| !arg.has_variables())
            && let Some(value) = exact::value(&Expr::Fun(fun, args.to_vec()), &[], self.meter)
        {
            return self.integer(&value);
        }
        self.loose = true;
        let mut values = self.all(args)?;
        if matches!(fun, Fun::Max | Fun::Min | Fun::Gcd | Fun::Lcm) {
            values.sort_unstable();
        }
        if fun == Fun::Abs
            && let Some(value) = values.first_mut()
        {
            *value = (*value).min(p - *value);
        }
        Ok(self.opaque(mix(fun as u64 + 1), &values))
    }

    fn binomial(&mut self, n: i64, k: i64) -> Value {
        if k < 0 || k > n {
            return Ok(0);
        }
        let p = self.prime.p;
        let k = k.min(n - k);
        if k > MAX_FACTORIAL {
            return Err(Stop::Budget);
        }
        self.spend(2 * k.unsigned_abs() + 50)?;
        let (mut top, mut bottom) = (1, 1);
        for j in 0..k.unsigned_abs() {
            top = mul(top, (n.unsigned_abs() - j) % p, p);
            bottom = mul(bottom, j + 1, p);
        }
        Ok(mul(top, pow(bottom, p - 2, p), p))
    }
}
