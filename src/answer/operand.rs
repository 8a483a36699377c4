//! What operators join: numbers, symbols, brackets, fractions, roots, functions, sums.

use super::exact;
use super::expr::{Big, Expr};
use super::func::Fun;
use super::meter::Meter;
use super::parse::{MAX_DEPTH, Parser, SIGN};
use super::rat::Rat;
use super::token::{Gap, Num, P, Tok, Token, nesting};

impl Parser<'_> {
    pub(super) fn atom(&mut self, mixed: bool) -> Option<Expr> {
        let tok = self.peek()?;
        match tok {
            Tok::Num(num) => {
                let num = num.clone();
                self.at += 1;
                if mixed
                    && num.is_whole()
                    && let Some((fraction, length)) =
                        literal_fraction(&self.t[self.at..], self.meter)
                {
                    self.at += length;
                    return Some(Expr::Num(exact::sum(&num.value, &fraction, self.meter)?));
                }
                Some(Expr::Num(num.value))
            }
            Tok::Id(id) => {
                let id = id.clone();
                self.at += 1;
                self.symbol(&id)
            }
            Tok::Fun(fun) => {
                let fun = *fun;
                self.at += 1;
                self.function(fun)
            }
            Tok::P(p) => {
                let p = *p;
                self.at += 1;
                self.bracketed(p)
            }
            Tok::Word(_) | Tok::Text(_) => None,
        }
    }

    fn bracketed(&mut self, p: P) -> Option<Expr> {
        let fun = |fun, arg| Some(Expr::Fun(fun, vec![arg]));
        match p {
            P::LBrace => self.closed(P::RBrace),
            P::LParen => self.closed(P::RParen),
            P::LBrack => self.closed(P::RBrack),
            P::LFloor => fun(Fun::Floor, self.closed(P::RFloor)?),
            P::LCeil => fun(Fun::Ceil, self.closed(P::RCeil)?),
            P::LAbs => fun(Fun::Abs, self.closed(P::RAbs)?),
            P::Bar if self.bars == 0 => {
                self.bars = 1;
                let inner = self.expr(0)?;
                self.bars = 0;
                self.eat(P::Bar).then_some(Expr::Fun(Fun::Abs, vec![inner]))
            }
            P::Pi => Some(Expr::Pi),
            P::Euler => Some(Expr::E),
            P::ImagUnit => Some(Expr::I),
            P::Infinity => Some(Expr::Infinity),
            P::Frac => {
                let top = self.argument()?;
                let below = self.argument()?;
                self.quotient(top, below)
            }
            P::Binom => {
                let top = self.argument()?;
                Some(Expr::Fun(Fun::Binomial, vec![top, self.argument()?]))
            }
            P::Sqrt => {
                let index =
                    if self.eat(P::LBrack) { self.closed(P::RBrack)? } else { Expr::int(2) };
                let inner = self.argument()?;
                Some(inner.pow(self.quotient(Expr::int(1), index)?))
            }
            P::Sum | P::Product => self.big(p == P::Product),
            _ => None,
        }
    }

    /// A letter with its subscript and primes, or an unknown function of arguments.
    fn symbol(&mut self, id: &str) -> Option<Expr> {
        let mut name = id.to_string();
        loop {
            if self.eat(P::Prime) {
                name.push('\'');
            } else if self.eat(P::Under) {
                name.push('_');
                let end = self.group_end()?;
                for token in &self.t[self.at..end] {
                    write_token(&mut name, &token.tok);
                }
                self.at = end;
            } else {
                break;
            }
        }
        match name.as_str() {
            "e" => return Some(Expr::E),
            "i" if !self.index => return Some(Expr::I),
            _ => {}
        }
        if matches!(id, "f" | "g" | "h") && self.eat(P::LParen) {
            return Some(Expr::Call(name.into(), self.arguments(P::RParen)?));
        }
        Some(Expr::Sym(name.into()))
    }

    /// Where the braces or the one token that begin here end.
    fn group_end(&self) -> Option<usize> {
        if self.peek_p() != Some(P::LBrace) {
            return (self.at < self.t.len()).then_some(self.at + 1);
        }
        let mut depth = 0;
        for (i, token) in self.t[self.at..].iter().enumerate() {
            depth += nesting(&token.tok);
            if depth == 0 {
                return Some(self.at + i + 1);
            }
        }
        None
    }

    fn function(&mut self, mut fun: Fun) -> Option<Expr> {
        let mut base = None;
        let mut exponent = None;
        loop {
            if self.eat(P::Under) {
                base = Some(self.argument()?);
            } else if exponent.is_none() && self.eat(P::Caret) {
                let value = self.exponent()?;
                match (value == Expr::int(-1)).then(|| fun.inverse()).flatten() {
                    Some(inverse) => fun = inverse,
                    None => exponent = Some(value),
                }
            } else {
                break;
            }
        }
        let mut args = if self.eat(P::LParen) {
            self.arguments(P::RParen)?
        } else if self.eat(P::LBrace) {
            // `\sin{\left(x\right)}`, and `\max{a, b}`.
            self.arguments(P::RBrace)?
        } else if fun.wants_parentheses() {
            return None;
        } else {
            vec![self.bare_argument()?]
        };
        let fun = match (fun, base) {
            (Fun::Log | Fun::Ln, Some(base)) => {
                args.insert(0, base);
                Fun::LogBase
            }
            (_, Some(_)) => return None,
            (fun, None) => fun,
        };
        let many = matches!(fun, Fun::Gcd | Fun::Lcm | Fun::Max | Fun::Min);
        if args.len() != 1 + usize::from(fun == Fun::LogBase) && !many {
            return None;
        }
        let value = Expr::Fun(fun, args);
        Some(match exponent {
            Some(exponent) => value.pow(exponent),
            None => value,
        })
    }

    /// The argument of `\sin 2x`: factors up to a sign, an operator, a parenthesis after a letter, or the next function.
    fn bare_argument(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let negative = self.eat(P::Minus);
        let mut product = self.power()?;
        while self.starts_factor() {
            let stop = match self.peek() {
                Some(Tok::Fun(_)) => true,
                Some(Tok::P(P::LParen | P::LBrack)) => {
                    !matches!(self.t[self.at - 1].tok, Tok::Num(_))
                }
                _ => false,
            };
            if stop {
                break;
            }
            product = product.times(self.power()?);
        }
        self.depth -= 1;
        Some(if negative { product.neg() } else { product })
    }

    /// `_{k=1}^{n} body`.
    fn big(&mut self, product: bool) -> Option<Expr> {
        let (mut index, mut from, mut to) = (None, None, None);
        for _ in 0..2 {
            if self.eat(P::Under) {
                if !self.eat(P::LBrace) {
                    return None;
                }
                let Some(Tok::Id(id)) = self.peek() else { return None };
                index = Some(id.clone());
                self.at += 1;
                if !self.eat(P::Eq) {
                    return None;
                }
                from = Some(self.closed(P::RBrace)?);
            } else if self.eat(P::Caret) {
                to = Some(self.exponent()?);
            }
        }
        let body = self.expr(SIGN)?;
        Some(Expr::Big(Box::new(Big { product, index: index?, from: from?, to: to?, body })))
    }
}

/// The value and length of `\frac{a}{b}`, or of ` a/b` with a below b, of plain whole numbers.
pub(super) fn literal_fraction(t: &[Token], meter: &Meter) -> Option<(Rat, usize)> {
    let whole = |token: &Token| match &token.tok {
        Tok::Num(num) if num.is_whole() => Some(num.clone()),
        _ => None,
    };
    let quotient = |a: &Num, b: &Num| exact::product(&a.value, &b.value.recip()?, meter);
    match t.first()?.tok {
        Tok::P(P::Frac) => {
            let mut at = 1;
            let mut part = || {
                let braces = t.get(at)?.is(P::LBrace);
                let num = whole(t.get(at + usize::from(braces))?)?;
                if braces && !t.get(at + 2)?.is(P::RBrace) {
                    return None;
                }
                at += if braces { 3 } else { 1 };
                Some(num)
            };
            let (a, b) = (part()?, part()?);
            Some((quotient(&a, &b)?, at))
        }
        Tok::Num(_) if t[0].gap == Gap::Blank || t[0].gap == Gap::Thin => {
            let a = whole(&t[0])?;
            let b = whole(t.get(2)?)?;
            (t[1].is(P::Slash) && a.value < b.value).then_some(())?;
            Some((quotient(&a, &b)?, 3))
        }
        _ => None,
    }
}

/// Appends a token of a subscript; braces and white space do not matter.
pub(super) fn write_token(out: &mut String, tok: &Tok) {
    use std::fmt::Write as _;
    match tok {
        Tok::Num(num) => {
            let _ = write!(out, "{}", num.value);
        }
        Tok::Id(text) | Tok::Word(text) | Tok::Text(text) => out.push_str(text),
        Tok::Fun(fun) => out.push_str(super::func::name(*fun)),
        Tok::P(P::LBrace | P::RBrace) => {}
        Tok::P(P::Plus) => out.push('+'),
        Tok::P(P::Minus) => out.push('-'),
        Tok::P(P::Comma) => out.push(','),
        Tok::P(P::Times) => out.push('*'),
        Tok::P(P::Under) => out.push('_'),
        Tok::P(P::Pi) => out.push_str("pi"),
        Tok::P(P::Infinity) => out.push_str("inf"),
        Tok::P(other) => {
            let _ = write!(out, "<{other:?}>");
        }
    }
}
