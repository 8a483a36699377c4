//! Left-hand sides that only name what is asked for: `x =`, `f(3) =`, `\text{Area} =`, `AB =`, `(x, y) =`.

use super::text;
use super::token::{P, Tok, Token, nesting};

/// The name, or `None` if the tokens are an expression that has to be taken seriously.
pub(super) fn name(tokens: &[Token]) -> Option<Box<str>> {
    let tokens = match tokens {
        [open, inner @ .., close] if open.is(P::LBrace) && close.is(P::RBrace) => inner,
        other => other,
    };
    let found = symbol(tokens)
        || call(tokens)
        || change(tokens)
        || derivative(tokens)
        || words(tokens)
        || labelled(tokens)
        || ratio(tokens)
        || measure(tokens);
    found.then(|| text::key(tokens).into())
}

/// The names of `(x, y)`.
pub(super) fn tuple(tokens: &[Token]) -> Option<usize> {
    let [open, inner @ .., close] = tokens else { return None };
    if !(open.is(P::LParen) && close.is(P::RParen)) {
        return None;
    }
    let parts: Vec<&[Token]> = inner.split(|t| t.is(P::Comma)).collect();
    (parts.len() > 1 && parts.iter().all(|part| symbol(part))).then_some(parts.len())
}

/// One letter with subscript and primes.
fn symbol(tokens: &[Token]) -> bool {
    let [first, rest @ ..] = tokens else { return false };
    if !matches!(&first.tok, Tok::Id(_))
        && !matches!(&first.tok, Tok::Text(word) if word.len() == 1)
    {
        return false;
    }
    decorations(rest)
}

/// `\Delta p`: a change of something.
fn change(tokens: &[Token]) -> bool {
    matches!(tokens, [first, rest @ ..] if matches!(&first.tok, Tok::Id(id) if matches!(&**id, "Delta" | "delta")) && symbol(rest))
}

/// Subscripts and primes, up to the end.
fn decorations(mut t: &[Token]) -> bool {
    loop {
        t = match t {
            [] => return true,
            [prime, rest @ ..] if prime.is(P::Prime) => rest,
            [under, open, rest @ ..] if under.is(P::Under) && open.is(P::LBrace) => {
                let mut depth = 1;
                let end = rest.iter().position(|token| {
                    depth += nesting(&token.tok);
                    depth == 0
                });
                match end {
                    Some(end) => &rest[end + 1..],
                    None => return false,
                }
            }
            [under, _, rest @ ..] if under.is(P::Under) => rest,
            _ => return false,
        };
    }
}

/// `f(x)`, `p_n(x, y)`: a letter and one pair of parentheses up to the end.
fn call(tokens: &[Token]) -> bool {
    let Some(open) = tokens.iter().position(|t| t.is(P::LParen)) else { return false };
    let (head, args) = tokens.split_at(open);
    let head = without_inverse(head);
    let head_fits = symbol(head) || matches!(head, [Token { tok: Tok::Text(_), .. }]);
    let mut depth = 0;
    let close = args.iter().position(|t| {
        depth += nesting(&t.tok);
        depth == 0
    });
    head_fits && args.len() > 2 && close == Some(args.len() - 1)
}

/// `f` of `f^{-1}`.
fn without_inverse(head: &[Token]) -> &[Token] {
    let one = |t: &Token| matches!(&t.tok, Tok::Num(num) if num.value.is_one());
    match head {
        [f @ .., caret, open, minus, num, close]
            if caret.is(P::Caret)
                && open.is(P::LBrace)
                && minus.is(P::Minus)
                && one(num)
                && close.is(P::RBrace) =>
        {
            f
        }
        _ => head,
    }
}

/// `\frac{dy}{dx}`, `dy/dx`.
fn derivative(tokens: &[Token]) -> bool {
    let differential = |t: &[Token]| match text::letters(t).as_deref().map(str::as_bytes) {
        Some([b'd', letter]) => letter.is_ascii_alphabetic(),
        _ => false,
    };
    match tokens {
        [frac, rest @ ..] if frac.is(P::Frac) => {
            let at = rest.iter().position(|t| t.is(P::RBrace)).map_or(0, |at| at + 1);
            differential(&rest[..at]) && differential(&rest[at..])
        }
        _ => match tokens.iter().position(|t| t.is(P::Slash)) {
            Some(at) => differential(&tokens[..at]) && differential(&tokens[at + 1..]),
            None => false,
        },
    }
}

/// Words, or letters that are no product of variables: several capitals, or three letters and more.
fn words(tokens: &[Token]) -> bool {
    match tokens {
        [Token { tok: Tok::Word(word), .. }] => {
            word.len() >= 3 || word.chars().all(|c| c.is_ascii_uppercase())
        }
        [Token { tok: Tok::Word(word), .. }, rest @ ..]
            if word.chars().all(|c| c.is_ascii_uppercase()) =>
        {
            decorations(rest)
        }
        [] => false,
        _ => tokens.iter().all(|t| {
            matches!(t.tok, Tok::Text(_) | Tok::Word(_)) || t.is(P::LParen) || t.is(P::RParen)
        }),
    }
}

/// `\angle BAC`, `\triangle ABC`, `m\angle A`: an angle or the like, and letters.
fn labelled(tokens: &[Token]) -> bool {
    let label = |t: &Token| matches!(&t.tok, Tok::Id(id) if matches!(&**id, "angle" | "triangle" | "measuredangle" | "overarc"));
    tokens.iter().take(2).any(label)
        && tokens.iter().all(|t| match &t.tok {
            Tok::Id(_) | Tok::Word(_) | Tok::Text(_) | Tok::Num(_) => true,
            Tok::P(p) => matches!(p, P::Under | P::LBrace | P::RBrace | P::Prime),
            Tok::Fun(_) => false,
        })
}

/// `V_1 : V_2`.
fn ratio(tokens: &[Token]) -> bool {
    let parts: Vec<&[Token]> = tokens.split(|t| t.is(P::Colon)).collect();
    parts.len() > 1 && parts.iter().all(|part| symbol(part) || words(part))
}

/// `|AB|`: the length of a segment.
fn measure(tokens: &[Token]) -> bool {
    match tokens {
        [open, Token { tok: Tok::Word(word), .. }, close] => {
            (open.is(P::Bar) || open.is(P::LAbs))
                && (close.is(P::Bar) || close.is(P::RAbs))
                && word.chars().all(|c| c.is_ascii_uppercase())
        }
        _ => false,
    }
}
