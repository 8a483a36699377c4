//! Tokens to an expression: precedence climbing (Pratt 1973) with a bounded depth.
//!
//! Multiplication may be left out; a whole number before a fraction of two numbers is a mixed number; `/` takes
//! one factor, as in sympy: `1/2x` is `x/2`.

use super::exact;
use super::expr::{Big, Expr};
use super::func::Fun;
use super::meter::Meter;
use super::rat::Rat;
use super::token::{Gap, Num, P, Tok, Token, nesting};

/// Deepest recursion.
const MAX_DEPTH: u32 = 160;

const SUM: u8 = 10;
const SIGN: u8 = 15;
const PRODUCT: u8 = 20;
const FACTOR: u8 = 21;

/// The expression that all of the tokens are; `None` if they are none.
pub(super) fn expression(tokens: &[Token], meter: &Meter) -> Option<Expr> {
    meter.pay(12 * tokens.len() as u64)?;
    if let [token] = tokens
        && let Tok::Num(num) = &token.tok
    {
        return Some(Expr::Num(num.value.clone()));
    }
    let expanded;
    let tokens = if tokens.iter().any(|t| matches!(t.tok, Tok::Word(_))) {
        expanded = letters(tokens);
        &expanded
    } else {
        tokens
    };
    let index = |t: &Token| matches!(&t.tok, Tok::Id(id) if matches!(&**id, "j" | "k" | "m" | "n"));
    let sum = tokens.iter().any(|t| t.is(P::Sum) || t.is(P::Product));
    let index = sum || tokens.iter().any(index);
    let mut parser = Parser { t: tokens, at: 0, depth: 0, bars: 0, index, meter };
    let expr = parser.over()?;
    (parser.at == tokens.len()).then_some(expr)
}

/// Words as the letters they consist of.
fn letters(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len() + 8);
    for token in tokens {
        match &token.tok {
            Tok::Word(word) => {
                for (i, c) in word.chars().enumerate() {
                    let gap = if i == 0 { token.gap } else { Gap::No };
                    out.push(Token { tok: Tok::Id(c.to_string().into()), gap });
                }
            }
            _ => out.push(token.clone()),
        }
    }
    out
}

struct Parser<'a> {
    t: &'a [Token],
    at: usize,
    depth: u32,
    /// Open `|`.
    bars: u32,
    /// Letters that serve as indices occur: then `i` is one too.
    index: bool,
    meter: &'a Meter,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Tok> {
        self.t.get(self.at).map(|t| &t.tok)
    }

    fn peek_p(&self) -> Option<P> {
        self.t.get(self.at).and_then(Token::p)
    }

    fn eat(&mut self, p: P) -> bool {
        let found = self.peek_p() == Some(p);
        self.at += usize::from(found);
        found
    }

    /// An expression, and what stands below it where `\over` or `\choose` follows.
    fn over(&mut self) -> Option<Expr> {
        let top = self.expr(0)?;
        if self.eat(P::Over) {
            let below = self.expr(0)?;
            return self.quotient(top, below);
        }
        if self.eat(P::Choose) {
            return Some(Expr::Fun(Fun::Binomial, vec![top, self.expr(0)?]));
        }
        Some(top)
    }

    fn expr(&mut self, min: u8) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let result = self.climb(min);
        self.depth -= 1;
        result
    }

    fn climb(&mut self, min: u8) -> Option<Expr> {
        let mut left = if self.eat(P::Minus) {
            self.expr(SIGN.max(min))?.neg()
        } else if self.eat(P::Plus) {
            self.expr(SIGN.max(min))?
        } else {
            self.power()?
        };
        while let Some(tok) = self.peek() {
            match tok {
                Tok::P(P::Plus) if min <= SUM => {
                    self.at += 1;
                    left = left.plus(self.expr(SUM + 1)?);
                }
                Tok::P(P::Minus) if min <= SUM => {
                    self.at += 1;
                    left = left.plus(self.expr(SUM + 1)?.neg());
                }
                Tok::P(P::Times) if min <= PRODUCT => {
                    self.at += 1;
                    left = left.times(self.expr(FACTOR)?);
                }
                Tok::P(P::Slash) if min <= PRODUCT => {
                    self.at += 1;
                    let below = self.expr(FACTOR)?;
                    left = self.quotient(left, below)?;
                }
                _ if min <= PRODUCT && self.starts_factor() => left = left.times(self.power()?),
                _ => break,
            }
        }
        Some(left)
    }

    /// Whether a factor begins here, so that a multiplication sign was left out.
    fn starts_factor(&self) -> bool {
        match self.peek() {
            Some(Tok::Num(_)) => {
                // Two numbers beside each other are no product.
                self.at > 0 && !matches!(self.t[self.at - 1].tok, Tok::Num(_))
            }
            Some(Tok::Id(_) | Tok::Fun(_)) => true,
            Some(Tok::P(P::Bar)) => self.bars == 0,
            Some(Tok::P(p)) => matches!(
                p,
                P::LParen
                    | P::LBrack
                    | P::LBrace
                    | P::LAbs
                    | P::LFloor
                    | P::LCeil
                    | P::Frac
                    | P::Binom
                    | P::Sqrt
                    | P::Pi
                    | P::Euler
                    | P::ImagUnit
                    | P::Infinity
                    | P::Sum
                    | P::Product
            ),
            _ => false,
        }
    }

    /// A factor with its factorials, degree signs and exponent.
    fn power(&mut self) -> Option<Expr> {
        let mut base = self.atom(true)?;
        for _ in 0..8 {
            base = match self.peek_p() {
                Some(P::Bang) => {
                    self.at += 1;
                    if self.eat(P::Bang) {
                        Expr::Fun(Fun::DoubleFactorial, vec![base])
                    } else {
                        Expr::Fun(Fun::Factorial, vec![base])
                    }
                }
                Some(P::Degree) => {
                    self.at += 1;
                    Expr::Fun(Fun::Degree, vec![base])
                }
                Some(P::Caret) => {
                    self.at += 1;
                    base.pow(self.exponent()?)
                }
                _ => return Some(base),
            };
        }
        None
    }

    /// A quotient; one of numbers is brought to lowest terms, here and when its spelling is looked at.
    fn quotient(&self, top: Expr, below: Expr) -> Option<Expr> {
        if let (Expr::Num(a), Expr::Num(b)) = (&top, &below) {
            self.meter.pay(2 * exact::cost(a, b))?;
        }
        Some(top.over(below))
    }

    fn exponent(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = if self.eat(P::Minus) {
            self.exponent()?.neg()
        } else if self.eat(P::Plus) {
            self.exponent()?
        } else {
            let base = self.atom(false)?;
            if self.eat(P::Caret) { base.pow(self.exponent()?) } else { base }
        };
        self.depth -= 1;
        Some(value)
    }

    /// The braces, or the one atom, that a command takes as its argument.
    fn argument(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = if self.eat(P::Minus) { self.atom(false)?.neg() } else { self.atom(false)? };
        self.depth -= 1;
        Some(value)
    }

    fn closed(&mut self, close: P) -> Option<Expr> {
        let bars = std::mem::replace(&mut self.bars, 0);
        self.depth += 1;
        let inner = self.over()?;
        self.depth -= 1;
        self.bars = bars;
        self.eat(close).then_some(inner)
    }

    /// Arguments up to the closing bracket.
    fn arguments(&mut self, close: P) -> Option<Vec<Expr>> {
        let bars = std::mem::replace(&mut self.bars, 0);
        let mut found = vec![self.over()?];
        while self.eat(P::Comma) || self.eat(P::Semi) {
            found.push(self.over()?);
        }
        self.bars = bars;
        self.eat(close).then_some(found)
    }

    fn atom(&mut self, mixed: bool) -> Option<Expr> {
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
