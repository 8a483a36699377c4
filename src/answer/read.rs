//! Tokens to a typed answer: lists, tuples, sets, relations, matrices, numbers with units, words.

use super::brackets;
use super::literal;
use super::matrix::matrix;
use super::meter::Meter;
use super::number;
use super::region::Region;
use super::relation;
use super::text;
use super::token::{P, Tok, Token, nesting};
use super::value::{Quantity, Value};

/// Most values that `\pm` may expand to.
const MAX_SIGNS: u32 = 6;
/// Deepest nesting of tuples and sets.
const MAX_DEPTH: u32 = 12;

/// The answer that the tokens spell.
pub(super) fn answer(tokens: &[Token], meter: &Meter) -> Value {
    match brackets::english(tokens) {
        Some(turned) => list(&turned, 0, meter),
        None => list(tokens, 0, meter),
    }
}

fn words(tokens: &[Token]) -> Value {
    Value::Text(text::key(tokens).into())
}

/// Where the bracket that the tokens begin with is closed.
pub(super) fn closing(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().position(|t| {
        depth += nesting(&t.tok);
        depth == 0
    })
}

/// Without what surrounds an answer: punctuation, a leading `=` or `\approx`, braces around everything.
fn trimmed<'a>(mut t: &'a [Token], meter: &Meter) -> &'a [Token] {
    while meter.pay(10 + t.len() as u64).is_some() {
        t = match t {
            [first, rest @ ..]
                if matches!(
                    first.tok,
                    Tok::P(
                        P::Comma
                            | P::Semi
                            | P::Colon
                            | P::Eq
                            | P::Approx
                            | P::Dots
                            | P::Row
                            | P::Arrow
                    )
                ) =>
            {
                rest
            }
            [rest @ .., last]
                if matches!(last.tok, Tok::P(P::Comma | P::Semi | P::Colon | P::Dots | P::Row)) =>
            {
                rest
            }
            [open, inner @ .., _]
                if open.is(P::LBrace)
                    && closing(t) == Some(t.len() - 1)
                    && !inner
                        .iter()
                        .any(|x| matches!(x.tok, Tok::P(P::Comma | P::Over | P::Choose))) =>
            {
                inner
            }
            _ => return t,
        };
    }
    &[]
}

/// Pieces between separators outside of brackets, and the separator before each.
pub(super) fn split(
    tokens: &[Token],
    is_separator: impl Fn(P) -> bool,
) -> Vec<(Option<P>, &[Token])> {
    let (mut depth, mut start, mut before) = (0, 0, None);
    let mut parts = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        depth += nesting(&token.tok);
        if depth == 0
            && let Some(p) = token.p()
            && is_separator(p)
        {
            if i > start {
                parts.push((before, &tokens[start..i]));
            }
            // `, and`: the word says more than the comma.
            before = if i == start && before.is_some() && p == P::Comma { before } else { Some(p) };
            start = i + 1;
        }
    }
    if start < tokens.len() {
        parts.push((before, &tokens[start..]));
    }
    parts
}

pub(super) fn list(tokens: &[Token], depth: u32, meter: &Meter) -> Value {
    let t = trimmed(tokens, meter);
    if t.is_empty() || depth > MAX_DEPTH {
        return words(tokens);
    }
    let mut parts = split(t, |p| matches!(p, P::Comma | P::Semi | P::And | P::Or));
    if parts.len() <= 1 {
        return match parts.pop() {
            Some((_, part)) => element(part, depth, meter),
            None => words(tokens),
        };
    }
    // `p=5, q=2; p=7, q=2`: groups of assignments.
    let groups = split(t, |p| matches!(p, P::Semi | P::Or));
    if groups.len() > 1 {
        let values: Vec<Value> =
            groups.iter().map(|(_, group)| list(group, depth + 1, meter)).collect();
        if values.iter().all(|value| matches!(value, Value::Tuple(P::LBrace, ..))) {
            return Value::List(values);
        }
    }
    // A separator inside of words: `\text{Softball, Kickball}` is a list, `f(x) = x, where ..` is not mathematics.
    let mut values = Vec::with_capacity(parts.len());
    for (separator, part) in &parts {
        match element(part, depth + 1, meter) {
            Value::List(inner) if part.iter().any(|t| t.is(P::PlusMinus) || t.is(P::MinusPlus)) => {
                values.extend(inner.into_iter().map(|value| (*separator, value)));
            }
            value => values.push((*separator, value)),
        }
    }
    relation::combine(values, meter)
}

/// One element: no separators outside of brackets.
fn element(tokens: &[Token], depth: u32, meter: &Meter) -> Value {
    let t = trimmed(tokens, meter);
    if let [only] = t
        && let Tok::Num(num) = &only.tok
        && meter.pay(30).is_some()
    {
        return Value::Quantity(Box::new(number::plain(num, literal::of(t))));
    }
    if t.is_empty() || depth > MAX_DEPTH || meter.pay(120).is_none() {
        return words(tokens);
    }
    if let [only] = t {
        match only.tok {
            Tok::P(P::Empty) => return Value::Set(Vec::new()),
            Tok::P(P::Reals) => return Value::Region(Region::all()),
            _ => {}
        }
    }
    if t.iter().any(|x| x.is(P::PlusMinus) || x.is(P::MinusPlus)) {
        return signs(t, depth, meter);
    }
    if let Some(value) = number::choice(t) {
        return value;
    }
    if let Some(value) = relation::read(t, depth, &|t, depth| list(t, depth, meter), meter) {
        return value;
    }
    if let Some(value) = union(t, depth, meter) {
        return value;
    }
    if let Some(value) = bracketed(t, depth, meter) {
        return value;
    }
    if let Some(value) = matrix(t, depth, meter) {
        return value;
    }
    if let Some(value) = number::based(t, meter).or_else(|| number::ratio(t, meter)) {
        return value;
    }
    match number::quantity(t, meter) {
        Some(quantity) if matches!(quantity.word.as_deref(), Some("none" | "allrealnumbers")) => {
            phrase(t)
        }
        Some(quantity) => Value::Quantity(Box::new(quantity)),
        None => phrase(t),
    }
}

/// Words, or a number as a word.
fn phrase(t: &[Token]) -> Value {
    let key = text::key(t);
    match key.as_str() {
        "none" => Value::Set(Vec::new()),
        "allrealnumbers" => Value::Region(Region::all()),
        _ => Value::Text(key.into()),
    }
}

/// Every choice of the signs. One `\mp` ties all signs together; without it they are independent.
fn signs(t: &[Token], depth: u32, meter: &Meter) -> Value {
    let at: Vec<usize> =
        (0..t.len()).filter(|&i| t[i].is(P::PlusMinus) || t[i].is(P::MinusPlus)).collect();
    let tied = t.iter().any(|x| x.is(P::MinusPlus));
    let bits = if tied { 1 } else { at.len() as u32 };
    if bits > MAX_SIGNS {
        return words(t);
    }
    let mut values = Vec::new();
    let mut variant = t.to_vec();
    for choice in 0..1u32 << bits {
        if meter.pay(2 * t.len() as u64).is_none() {
            break;
        }
        for (k, &i) in at.iter().enumerate() {
            let minus = choice >> (if tied { 0 } else { k }) & 1 == 1;
            let minus = minus != t[i].is(P::MinusPlus);
            variant[i].tok = Tok::P(if minus { P::Minus } else { P::Plus });
        }
        // `x = \pm 3` names each of its values.
        match element(&variant, depth + 1, meter) {
            Value::Named(_, value, _) => values.push(*value),
            Value::List(inner) => values.extend(inner),
            Value::Set(inner) => values.extend(inner),
            value => values.push(value),
        }
    }
    // `x \ne \pm 3` is neither.
    if t.iter().any(|x| x.is(P::Ne))
        && let Some(all) = relation::intersection(&values, meter)
    {
        return Value::Region(all);
    }
    if t.first().is_some_and(|x| x.is(P::LSet)) {
        Value::Set(distinct(values))
    } else {
        Value::List(values)
    }
}

/// Without repetitions; `\{1 \pm a, 2\}` offers 2 twice.
fn distinct(values: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for value in values {
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}

/// `A \cup B`, `A \setminus B`, `A \cap B`; computed where the ends are constants.
fn union(t: &[Token], depth: u32, meter: &Meter) -> Option<Value> {
    let set_like = |x: &Token| {
        matches!(x.tok, Tok::P(P::RParen | P::RBrack | P::RSet | P::RBrace | P::Reals | P::Empty))
    };
    // A capital U between brackets, a minus after a set.
    let mut marked = t.to_vec();
    for i in 1..t.len().saturating_sub(1) {
        let next = matches!(t[i + 1].tok, Tok::P(P::LParen | P::LBrack | P::LSet));
        if matches!(&t[i].tok, Tok::Id(id) if &**id == "U") && set_like(&t[i - 1]) && next {
            marked[i].tok = Tok::P(P::Cup);
        }
        if t[i].is(P::Minus) && t[i - 1].is(P::Reals) {
            marked[i].tok = Tok::P(P::SetMinus);
        }
    }
    let parts = split(&marked, |p| matches!(p, P::Cup | P::SetMinus | P::Cap));
    if parts.len() < 2 {
        return None;
    }
    let values: Vec<(Option<P>, Value)> =
        parts.iter().map(|(p, part)| (*p, element(part, depth + 1, meter))).collect();
    let mut total: Option<Region> = None;
    for (sign, value) in &values {
        let region = super::compare::as_region(value, meter);
        total = match (total, region, sign) {
            (None, Some(region), None | Some(P::Cup)) => Some(region),
            (Some(total), Some(region), Some(P::Cup)) => total.union(&region, meter),
            (Some(total), Some(region), Some(P::Cap)) => total.intersection(&region, meter),
            (Some(total), Some(region), Some(P::SetMinus)) => total.difference(&region, meter),
            _ => None,
        };
        if total.is_none() {
            break;
        }
    }
    if let Some(total) = total {
        return Some(Value::Region(total));
    }
    let only_unions = values.iter().all(|(sign, _)| !matches!(sign, Some(P::SetMinus | P::Cap)));
    Some(if only_unions {
        Value::Union(values.into_iter().map(|(_, value)| value).collect())
    } else {
        words(t)
    })
}

/// A tuple, interval or set: brackets around everything.
fn bracketed(t: &[Token], depth: u32, meter: &Meter) -> Option<Value> {
    let open = t.first()?.p()?;
    if !matches!(open, P::LParen | P::LBrack | P::LSet | P::LAngle | P::LBrace | P::Lt)
        || (open != P::Lt && closing(t) != Some(t.len() - 1))
    {
        return None;
    }
    let close = t.last()?.p()?;
    if open == P::Lt && close != P::Gt {
        return None;
    }
    let inner = &t[1..t.len() - 1];
    let parts = split(inner, |p| matches!(p, P::Comma | P::Semi));
    match (open, close) {
        (P::LSet, P::RSet) => {
            if inner.is_empty() {
                return Some(Value::Set(Vec::new()));
            }
            // `\{x : ..\}` and `\{x | ..\}` describe sets.
            let described = split(inner, |p| matches!(p, P::Colon | P::Bar));
            if let [(_, _), (_, condition)] = described.as_slice()
                && parts.len() == 1
            {
                return Some(list(condition, depth + 1, meter))
                    .filter(|v| matches!(v, Value::Region(_)));
            }
            let mut values = Vec::new();
            for (_, part) in split(inner, |p| matches!(p, P::Comma | P::Semi | P::And | P::Or)) {
                match element(part, depth + 1, meter) {
                    Value::List(inner) => values.extend(inner),
                    value => values.push(value),
                }
            }
            if values.iter().all(|value| matches!(value, Value::Named(..))) {
                return Some(relation::combine(
                    values.into_iter().map(|value| (Some(P::Comma), value)).collect(),
                    meter,
                ));
            }
            Some(Value::Set(values))
        }
        (P::LBrace, P::RBrace) if parts.len() > 1 => Some(Value::Set(
            parts.iter().map(|(_, part)| element(part, depth + 1, meter)).collect(),
        )),
        // `{2, 3)` is nothing.
        (P::LBrace | P::LSet, _) | (_, P::RBrace | P::RSet) => None,
        _ if parts.len() > 1 => {
            let (open, close) = if open == P::Lt { (P::LAngle, P::RAngle) } else { (open, close) };
            // `[1, 2)` has brackets of two kinds; the lexer counts them alike.
            Some(Value::Tuple(
                open,
                close,
                parts.iter().map(|(_, part)| element(part, depth + 1, meter)).collect(),
            ))
        }
        // One thing in brackets is that thing; `(x + 1)` is left to the expression.
        (P::LParen, P::RParen) | (P::LBrack, P::RBrack) => match list(inner, depth + 1, meter) {
            Value::Quantity(_) => None,
            value => Some(value),
        },
        _ => None,
    }
}

/// A quantity of tokens that are one, for the sides of relations.
pub(super) fn side(t: &[Token], meter: &Meter) -> Option<Quantity> {
    let t = trimmed(t, meter);
    let mut quantity = number::quantity(t, meter)?;
    quantity.literal = literal::of(t);
    Some(quantity)
}
