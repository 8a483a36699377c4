//! Expressions: what the parser makes and the evaluators read.

use super::func::Fun;
use super::rat::Rat;

/// An expression tree. Its depth is bounded by the parser's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expr {
    /// A number.
    Num(Rat),
    /// A variable, with its subscript and primes in the name.
    Sym(Box<str>),
    /// The circle constant.
    Pi,
    /// Euler's number.
    E,
    /// The imaginary unit.
    I,
    /// Infinity, positive.
    Infinity,
    /// A sum.
    Add(Vec<Expr>),
    /// A product.
    Mul(Vec<Expr>),
    /// A power: base and exponent.
    Pow(Box<(Expr, Expr)>),
    /// A known function.
    Fun(Fun, Vec<Expr>),
    /// An unknown function: `f(x)`.
    Call(Box<str>, Vec<Expr>),
    /// A sum or product over an index.
    Big(Box<Big>),
}

/// `\sum_{index=from}^{to} body`, or a product.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Big {
    pub(super) product: bool,
    pub(super) index: Box<str>,
    pub(super) from: Expr,
    pub(super) to: Expr,
    pub(super) body: Expr,
}

impl Expr {
    /// An integer.
    pub(super) fn int(value: i64) -> Expr {
        Expr::Num(Rat::int(value))
    }

    /// The negative.
    pub(super) fn neg(self) -> Expr {
        match self {
            Expr::Num(value) => Expr::Num(value.neg()),
            other => Expr::int(-1).times(other),
        }
    }

    /// The sum.
    pub(super) fn plus(self, other: Expr) -> Expr {
        match self {
            Expr::Add(mut terms) => {
                terms.push(other);
                Expr::Add(terms)
            }
            first => Expr::Add(vec![first, other]),
        }
    }

    /// The product.
    pub(super) fn times(self, other: Expr) -> Expr {
        match self {
            Expr::Mul(mut factors) => {
                factors.push(other);
                Expr::Mul(factors)
            }
            first => Expr::Mul(vec![first, other]),
        }
    }

    /// The power.
    pub(super) fn pow(self, exponent: Expr) -> Expr {
        Expr::Pow(Box::new((self, exponent)))
    }

    /// The quotient.
    pub(super) fn over(self, other: Expr) -> Expr {
        if let (Expr::Num(a), Expr::Num(b)) = (&self, &other)
            && let Some(inverse) = b.recip()
        {
            return Expr::Num(a.mul(&inverse));
        }
        self.times(other.pow(Expr::int(-1)))
    }

    /// Calls `visit` on the expression and everything in it.
    pub(super) fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match self {
            Expr::Add(parts) | Expr::Mul(parts) | Expr::Fun(_, parts) | Expr::Call(_, parts) => {
                parts.iter().for_each(|part| part.each(visit));
            }
            Expr::Pow(pair) => {
                pair.0.each(visit);
                pair.1.each(visit);
            }
            Expr::Big(big) => {
                big.from.each(visit);
                big.to.each(visit);
                big.body.each(visit);
            }
            _ => {}
        }
    }

    /// Whether some part satisfies a condition.
    pub(super) fn any(&self, mut condition: impl FnMut(&Expr) -> bool) -> bool {
        let mut found = false;
        self.each(&mut |part| found = found || condition(part));
        found
    }

    /// The expression with every part replaced, innermost first.
    pub(super) fn map(self, change: &impl Fn(Expr) -> Expr) -> Expr {
        let all = |parts: Vec<Expr>| parts.into_iter().map(|part| part.map(change)).collect();
        change(match self {
            Expr::Add(parts) => Expr::Add(all(parts)),
            Expr::Mul(parts) => Expr::Mul(all(parts)),
            Expr::Fun(fun, parts) => Expr::Fun(fun, all(parts)),
            Expr::Call(name, parts) => Expr::Call(name, all(parts)),
            Expr::Pow(pair) => {
                let (base, exponent) = *pair;
                base.map(change).pow(exponent.map(change))
            }
            Expr::Big(big) => {
                let Big { product, index, from, to, body } = *big;
                let (from, to, body) = (from.map(change), to.map(change), body.map(change));
                Expr::Big(Box::new(Big { product, index, from, to, body }))
            }
            other => other,
        })
    }

    /// Whether it has a variable or an unknown function.
    pub(super) fn has_variables(&self) -> bool {
        self.any(|part| matches!(part, Expr::Sym(_) | Expr::Call(..)))
    }

    /// Its variables, each once, sorted.
    pub(super) fn variables(&self) -> Vec<Box<str>> {
        let mut names: Vec<&Box<str>> = Vec::new();
        self.each(&mut |part| {
            if let Expr::Sym(name) = part {
                names.push(name);
            }
        });
        names.sort_unstable();
        names.dedup();
        names.into_iter().cloned().collect()
    }

    /// Degrees as radians inside of trigonometric functions, as plain numbers elsewhere.
    pub(super) fn without_degrees(self) -> Expr {
        let has = self.any(|part| matches!(part, Expr::Fun(Fun::Degree, _)));
        if !has {
            return self;
        }
        self.map(&|part| match part {
            Expr::Fun(fun, args) if fun.of_angle() => {
                let radians = args.into_iter().map(|arg| {
                    arg.map(&|inner| match inner {
                        Expr::Fun(Fun::Degree, mut x) if x.len() == 1 => {
                            let x = x.remove(0);
                            x.times(Expr::Pi).over(Expr::int(180))
                        }
                        other => other,
                    })
                });
                Expr::Fun(fun, radians.collect())
            }
            other => other,
        })
        .map(&|part| match part {
            Expr::Fun(Fun::Degree, mut x) if x.len() == 1 => x.remove(0),
            other => other,
        })
    }
}
