//! Separators of thousands: `1,234`, `1{,}234`, `1,\!234`, `1\,234`, `1 234`.

use super::rat::Rat;
use super::token::{Gap, Num, P, Tok, Token, nesting};

/// What commas outside of brackets mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Commas {
    /// They separate elements.
    Elements,
    /// They separate thousands where they can, or decimals if that is allowed.
    Thousands { decimals: bool },
}

/// How the groups of a number were separated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// A bare comma: it may separate elements of a list as well.
    Comma,
    /// Anything that only separates thousands.
    Sure,
}

/// The tokens with the groups of each number joined. Bare commas inside of brackets separate elements, and
/// `commas` says what they are elsewhere. Also whether any bare comma did.
pub(super) fn join(tokens: &[Token], commas: Commas) -> (Vec<Token>, bool) {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let (mut depth, mut ambiguous) = (0, false);
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if !matches!(token.tok, Tok::P(P::LBrace | P::RBrace)) {
            depth += nesting(&token.tok);
        }
        if let Tok::Num(first) = &token.tok
            && let Some((num, end, bare)) = number(tokens, at, first, commas, depth)
        {
            ambiguous |= bare;
            out.push(Token { tok: Tok::Num(num), gap: token.gap });
            at = end;
            continue;
        }
        if !token.is(P::Thousands) {
            out.push(token.clone());
        } else {
            // `{,}` that does not separate thousands is a comma.
            out.push(Token { tok: Tok::P(P::Comma), gap: token.gap });
        }
        at += 1;
    }
    (out, ambiguous)
}

/// What begins at `at` and is one number of several tokens: its groups of three digits, or its decimals.
fn number(
    tokens: &[Token],
    at: usize,
    first: &Num,
    commas: Commas,
    depth: i32,
) -> Option<(Num, usize, bool)> {
    let outside = depth == 0 && commas != Commas::Elements;
    group(tokens, at, first, outside).or_else(|| {
        let decimals = outside && commas == Commas::Thousands { decimals: true };
        if decimals { decimals_behind_a_comma(tokens, at, first) } else { None }
    })
}

/// Whether one text is the decimal number of the other with a comma in place of the point, digit by digit: `1,22` and
/// `1.22`. What separates thousands is no such comma: `1,234`.
pub(super) fn same_decimals(a: &str, b: &str) -> bool {
    with_point(a).is_some_and(|a| a == bare(b)) || with_point(b).is_some_and(|b| b == bare(a))
}

fn bare(text: &str) -> &str {
    text.trim_matches(['$', ' '])
}

/// `1,22` and `1{,}22` as `1.22`.
fn with_point(text: &str) -> Option<String> {
    let text = bare(text);
    let (whole, part) = match text.split_once("{,}") {
        Some(parts) => parts,
        None => text.split_once(',')?,
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    let thousands = part.len() == 3 && unsigned.len() <= 3 && !unsigned.starts_with('0');
    (text.len() <= 64 && digits(unsigned) && digits(part) && !thousands)
        .then(|| format!("{whole}.{part}"))
}

/// `1,22` with no blank and no other comma around.
fn decimals_behind_a_comma(tokens: &[Token], at: usize, first: &Num) -> Option<(Num, usize, bool)> {
    let comma = tokens.get(at + 1).filter(|t| t.is(P::Comma) && t.gap == Gap::No)?;
    let Token { tok: Tok::Num(part), gap: Gap::No } = tokens.get(at + 2)? else { return None };
    let other = |at: Option<usize>| {
        at.and_then(|at| tokens.get(at)).is_some_and(|t| t.is(P::Comma) || t.is(P::Semi))
    };
    if !comma.is(P::Comma)
        || !first.is_whole()
        || !part.is_whole()
        || other(at.checked_sub(1))
        || other(Some(at + 3))
    {
        return None;
    }
    let value = Rat::decimal(&first.whole, &part.whole, 0)?;
    let part = Some(part.whole.clone());
    Some((Num { value, whole: first.whole.clone(), part, special: false }, at + 3, true))
}

/// The number that begins at `at`, where it ends, and whether all its separators are bare commas.
fn group(tokens: &[Token], at: usize, first: &Num, commas: bool) -> Option<(Num, usize, bool)> {
    if !first.is_whole() || first.whole.len() > 3 || first.whole.starts_with('0') {
        return None;
    }
    let before = at.checked_sub(1).map(|i| &tokens[i]);
    if before.is_some_and(|t| matches!(t.tok, Tok::P(P::Under | P::Caret | P::Slash))) {
        return None;
    }
    let mut digits = first.whole.to_string();
    let mut part = None;
    let mut end = at + 1;
    let mut bare = true;
    while let Some((num, next, kind)) = next_group(tokens, end) {
        if kind == Separator::Comma && !commas {
            break;
        }
        bare &= kind == Separator::Comma;
        digits.push_str(&num.whole);
        end = next;
        if num.part.is_some() {
            part = num.part.clone();
            break;
        }
    }
    if end == at + 1 {
        return None;
    }
    // A bare comma right before or behind with a number: all of it is a list.
    let list = |comma: Option<&Token>, number: Option<&Token>| {
        comma.is_some_and(|t| t.is(P::Comma))
            && number.is_some_and(|t| t.gap == Gap::No && matches!(t.tok, Tok::Num(_)))
    };
    if bare && (list(before, Some(&tokens[at])) || list(tokens.get(end), tokens.get(end + 1))) {
        return None;
    }
    // `2 100/3` is no number.
    if tokens.get(end).is_some_and(|t| t.is(P::Slash)) && !bare && tokens[at + 1].gap == Gap::Blank
    {
        return None;
    }
    let value = Rat::decimal(&digits, part.as_deref().unwrap_or(""), 0)?;
    Some((Num { value, whole: digits.into(), part, special: false }, end, bare))
}

/// Three digits that continue a number, where they end, and what separates them.
fn next_group(tokens: &[Token], at: usize) -> Option<(&Num, usize, Separator)> {
    fn three(token: Option<&Token>) -> Option<(&Num, Gap)> {
        match token {
            Some(Token { tok: Tok::Num(num), gap }) if num.whole.len() == 3 && !num.special => {
                Some((num, *gap))
            }
            _ => None,
        }
    }
    let first = tokens.get(at)?;
    if let Some((num, gap)) = three(Some(first)) {
        return (gap != Gap::No).then_some((num, at + 1, Separator::Sure));
    }
    let (num, gap) = three(tokens.get(at + 1))?;
    let separator = match first.tok {
        Tok::P(P::Thousands) => Separator::Sure,
        Tok::P(P::Comma) if gap == Gap::Negative || first.gap == Gap::Negative => Separator::Sure,
        Tok::P(P::Comma) if gap == Gap::No && first.gap == Gap::No => Separator::Comma,
        _ => return None,
    };
    Some((num, at + 2, separator))
}
