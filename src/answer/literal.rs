//! How a number is written: the difference between an answer and a calculation.

use num_integer::Integer;

use super::rat::Rat;
use super::token::{Num, P, Tok, Token};
use super::value::Literal;

/// How the tokens, without unit and percent sign, spell a number.
pub(super) fn of(tokens: &[Token]) -> Literal {
    let mut t = tokens;
    while let [first, rest @ ..] = t
        && (first.is(P::Minus) || first.is(P::Plus))
    {
        t = rest;
    }
    if let [first, inner @ .., last] = t
        && ((first.is(P::LParen) && last.is(P::RParen))
            || (first.is(P::LBrace) && last.is(P::RBrace)))
    {
        return of(inner);
    }
    let num = |token: &Token| match &token.tok {
        Tok::Num(num) => Some(num.clone()),
        _ => None,
    };
    match t {
        [one] => match &one.tok {
            Tok::Num(n) if n.special => Literal::Special,
            Tok::Num(n) => {
                Literal::Decimal { point: n.part.is_some(), significant: n.significant() }
            }
            _ => Literal::No,
        },
        [a, slash, b] if slash.is(P::Slash) => match (num(a), num(b)) {
            (Some(a), Some(b)) => Literal::Fraction(lowest(&a, &b)),
            _ => Literal::No,
        },
        [a, over, b] if over.is(P::Over) => match (num(a), num(b)) {
            (Some(a), Some(b)) => Literal::Fraction(lowest(&a, &b)),
            _ => Literal::No,
        },
        [first, ..] if first.is(P::Frac) => fraction(&t[1..]),
        [whole, rest @ ..] if num(whole).is_some_and(|n| n.is_whole()) => match rest {
            [first, ..] if first.is(P::Frac) => fraction(&rest[1..]),
            [a, slash, b] if slash.is(P::Slash) => match (num(a), num(b)) {
                (Some(a), Some(b)) => Literal::Fraction(lowest(&a, &b)),
                _ => Literal::No,
            },
            _ => scientific(t),
        },
        _ => scientific(t),
    }
}

/// `{a}{b}` with an optional sign in front of each.
fn fraction(t: &[Token]) -> Literal {
    let mut at = 0;
    let mut part = || -> Option<Num> {
        let braces = t.get(at)?.is(P::LBrace);
        at += usize::from(braces);
        at += usize::from(t.get(at)?.is(P::Minus));
        let Tok::Num(num) = &t.get(at)?.tok else { return None };
        at += 1;
        if braces {
            t.get(at)?.is(P::RBrace).then_some(())?;
            at += 1;
        }
        Some(num.clone())
    };
    match (part(), part()) {
        (Some(a), Some(b)) if at == t.len() => Literal::Fraction(lowest(&a, &b)),
        _ => Literal::No,
    }
}

fn lowest(a: &Num, b: &Num) -> bool {
    match (&a.value, &b.value) {
        (Rat::Small(n, 1), Rat::Small(d, 1)) => {
            n.gcd(d) == 1 && *d != 1 && a.is_whole() && b.is_whole()
        }
        (n, d) => n.is_integer() && d.is_integer() && n.numer().gcd(&d.numer()) == 1.into(),
    }
}

/// `a \times 10^{n}` or `10^{n}` after a number.
fn scientific(t: &[Token]) -> Literal {
    let ten = |token: &Token| matches!(&token.tok, Tok::Num(n) if n.is_whole() && n.value == Rat::int(10));
    let rest = match t {
        [a, times, rest @ ..] if matches!(a.tok, Tok::Num(_)) && times.is(P::Times) => rest,
        _ => return Literal::No,
    };
    let exponent = match rest {
        [base, caret, exponent @ ..] if ten(base) && caret.is(P::Caret) => exponent,
        _ => return Literal::No,
    };
    let inner = match exponent {
        [open, inner @ .., close] if open.is(P::LBrace) && close.is(P::RBrace) => inner,
        other => other,
    };
    let digits = match inner {
        [sign, digits] if sign.is(P::Minus) || sign.is(P::Plus) => digits,
        [digits] => digits,
        _ => return Literal::No,
    };
    if matches!(&digits.tok, Tok::Num(n) if n.is_whole()) { Literal::Special } else { Literal::No }
}
