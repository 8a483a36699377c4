//! Tokens to an expression: precedence climbing (Pratt 1973) with a bounded depth.
//!
//! Multiplication may be left out; a whole number before a fraction of two numbers is a mixed number; `/` takes
//! one factor, as in sympy: `1/2x` is `x/2`.

use super::exact;
use super::expr::Expr;
use super::func::Fun;
use super::meter::Meter;
use super::token::{Gap, P, Tok, Token};

/// Deepest recursion.
pub(super) const MAX_DEPTH: u32 = 160;

const SUM: u8 = 10;
pub(super) const SIGN: u8 = 15;
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

pub(super) struct Parser<'a> {
    pub(super) t: &'a [Token],
    pub(super) at: usize,
    pub(super) depth: u32,
    /// Open `|`.
    pub(super) bars: u32,
    /// Letters that serve as indices occur: then `i` is one too.
    pub(super) index: bool,
    pub(super) meter: &'a Meter,
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<&Tok> {
        self.t.get(self.at).map(|t| &t.tok)
    }

    pub(super) fn peek_p(&self) -> Option<P> {
        self.t.get(self.at).and_then(Token::p)
    }

    pub(super) fn eat(&mut self, p: P) -> bool {
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

    pub(super) fn expr(&mut self, min: u8) -> Option<Expr> {
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
    pub(super) fn starts_factor(&self) -> bool {
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
    pub(super) fn power(&mut self) -> Option<Expr> {
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
    pub(super) fn quotient(&self, top: Expr, below: Expr) -> Option<Expr> {
        if let (Expr::Num(a), Expr::Num(b)) = (&top, &below) {
            self.meter.pay(2 * exact::cost(a, b))?;
        }
        Some(top.over(below))
    }

    pub(super) fn exponent(&mut self) -> Option<Expr> {
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
    pub(super) fn argument(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = if self.eat(P::Minus) { self.atom(false)?.neg() } else { self.atom(false)? };
        self.depth -= 1;
        Some(value)
    }

    pub(super) fn closed(&mut self, close: P) -> Option<Expr> {
        let bars = std::mem::replace(&mut self.bars, 0);
        self.depth += 1;
        let inner = self.over()?;
        self.depth -= 1;
        self.bars = bars;
        self.eat(close).then_some(inner)
    }

    /// Arguments up to the closing bracket.
    pub(super) fn arguments(&mut self, close: P) -> Option<Vec<Expr>> {
        let bars = std::mem::replace(&mut self.bars, 0);
        let mut found = vec![self.over()?];
        while self.eat(P::Comma) || self.eat(P::Semi) {
            found.push(self.over()?);
        }
        self.bars = bars;
        self.eat(close).then_some(found)
    }
}
