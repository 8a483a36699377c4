//! Numbers as answers: with units, percent signs, currencies, in other bases, as ratios, times and choices.

use super::exact;
use super::expr::Expr;
use super::func::Fun;
use super::literal;
use super::meter::Meter;
use super::number_words;
use super::parse;
use super::rat::Rat;
use super::text;
use super::token::{Gap, Num, P, Tok, Token, nesting};
use super::units::{self, Unit};
use super::value::{Based, Literal, Quantity, Value};

/// A number or expression and its unit.
pub(super) fn quantity(t: &[Token], meter: &Meter) -> Option<Quantity> {
    meter.pay(t.len() as u64)?;
    let (t, dollars) = without_dollar(t);
    let t: &[Token] = &t;
    // `\text{euro} 5` as `5 euros`; `72^\circ F` as 72 degrees.
    let mut turned;
    let t = match t {
        [Token { tok: Tok::Text(word), .. }, number, ..]
            if units::is_currency(word) && matches!(number.tok, Tok::Num(_)) =>
        {
            turned = t.to_vec();
            turned.rotate_left(1);
            &turned
        }
        [rest @ .., degree, Token { tok: Tok::Id(scale), .. }]
            if degree.is(P::Degree) && matches!(&**scale, "F" | "C") && !rest.is_empty() =>
        {
            &t[..t.len() - 1]
        }
        _ => t,
    };
    let cut = unit_start(t);
    let (body, rest) = t.split_at(cut);
    if body.is_empty() {
        return word_number(rest);
    }
    let tail = units::tail(rest)?;
    let mut expr = parse::expression(body, meter)?;
    let degrees = matches!(&expr, Expr::Fun(Fun::Degree, _))
        || matches!(&expr, Expr::Mul(parts) if matches!(parts.last(), Some(Expr::Fun(Fun::Degree, _))));
    expr = expr.without_degrees();
    let mut literal = literal::of(body);
    if degrees {
        literal = literal::of(&body[..body.len() - 1]);
    }
    if tail.factor != 1 {
        expr = Expr::int(tail.factor).times(expr);
        literal = if literal == Literal::No { Literal::No } else { Literal::Special };
    }
    let mut unit = tail.unit;
    if dollars && unit.is_none() {
        unit = Some(units::dollar());
    }
    if degrees && unit.is_none() {
        unit = Some(units::degree());
    }
    let exact = exact::value(&expr, &[], meter);
    let word = if cut == t.len() { text::letters(t) } else { None };
    let is_word = match t {
        [Token { tok: Tok::Word(word), .. }] => {
            word.len() >= 4 || word.chars().all(|c| c.is_ascii_uppercase())
        }
        _ => false,
    };
    Some(Quantity {
        expr,
        exact,
        unit,
        percent: tail.percent,
        tolerance: None,
        literal,
        word: word.map(Into::into),
        is_word,
    })
}

/// A number that stands alone.
pub(super) fn plain(num: &Num, literal: Literal) -> Quantity {
    Quantity {
        expr: Expr::Num(num.value.clone()),
        exact: Some(num.value.clone()),
        unit: None,
        percent: false,
        tolerance: None,
        literal,
        word: None,
        is_word: false,
    }
}

/// `\text{four}`, `seven`.
fn word_number(t: &[Token]) -> Option<Quantity> {
    let word = |token: &Token| match &token.tok {
        Tok::Text(word) | Tok::Word(word) => Some(word.to_ascii_lowercase()),
        _ => None,
    };
    let (word, rest) = match t {
        // `twenty-one`.
        [tens, minus, ones, rest @ ..] if minus.is(P::Minus) && minus.gap == Gap::No => {
            (format!("{}-{}", word(tens)?, word(ones)?), rest)
        }
        [first, rest @ ..] => (word(first)?, rest),
        [] => return None,
    };
    let n = number_words::number_word(&word)?;
    let tail = units::tail(rest)?;
    let value = Rat::int(n.checked_mul(tail.factor)?);
    Some(Quantity {
        expr: Expr::Num(value.clone()),
        exact: Some(value),
        unit: tail.unit,
        percent: tail.percent,
        tolerance: None,
        literal: Literal::Decimal { point: false, significant: 1 },
        word: rest.is_empty().then(|| word.replace('-', "").into()),
        is_word: false,
    })
}

/// Without the dollar sign in front of the number.
fn without_dollar(t: &[Token]) -> (std::borrow::Cow<'_, [Token]>, bool) {
    match t.iter().position(|x| x.is(P::Dollar)) {
        Some(at) if at <= 1 || at + 1 == t.len() => {
            let mut rest = t.to_vec();
            rest.remove(at);
            // `\$ -5` and `US \$5`.
            (rest.into(), true)
        }
        _ => (t.into(), false),
    }
}

/// Where the words after a number begin.
fn unit_start(t: &[Token]) -> usize {
    let mut depth = 0;
    for (i, token) in t.iter().enumerate() {
        let nest = nesting(&token.tok);
        depth += nest;
        if depth != 0 || nest != 0 {
            continue;
        }
        let last = i + 1 == t.len();
        let starts = match &token.tok {
            Tok::Text(_) => true,
            Tok::P(P::Percent) => true,
            // `2 ab` is a product, `12 apples` are apples, `5 cm` and `5cm` are a length.
            Tok::Word(word) if i > 0 => {
                units::is_bare_unit(word)
                    || (token.gap == Gap::Blank
                        && word.len() >= 4
                        && word.chars().all(|c| c.is_ascii_lowercase())
                        && matches!(t[i - 1].tok, Tok::Num(_) | Tok::P(P::RBrace)))
                    || (token.gap == Gap::Blank
                        && matches!(
                            &**word,
                            "in" | "mi" | "sq" | "cu" | "per" | "square" | "cubic"
                        )
                        && matches!(t[i - 1].tok, Tok::Num(_)))
            }
            Tok::Word(word) => number_words::number_word(word).is_some(),
            Tok::Fun(Fun::Min | Fun::Sec) => last && i > 0,
            _ => false,
        };
        if starts {
            // `\{..\} \text{cm}` inside of braces: the brace belongs to the words.
            return i;
        }
    }
    t.len()
}

/// A number with its base: `52_8`, `52_{8}`, `(52)_8`, `\text{A5}_{11}`, `52 \text{ base } 8`.
pub(super) fn based(t: &[Token], meter: &Meter) -> Option<Value> {
    let (negative, t) = match t {
        [minus, rest @ ..] if minus.is(P::Minus) => (true, rest),
        _ => (false, t),
    };
    let split = t.iter().position(|x| {
        x.is(P::Under) || matches!(&x.tok, Tok::Text(w) | Tok::Word(w) if &**w == "base")
    })?;
    let (mut number, base) = (&t[..split], &t[split + 1..]);
    let spelled = !t[split].is(P::Under);
    if let [open, inner @ .., close] = number
        && ((open.is(P::LParen) && close.is(P::RParen))
            || (open.is(P::LBrace) && close.is(P::RBrace)))
    {
        number = inner;
    }
    if let [rest @ .., word] = number
        && spelled
        && matches!(&word.tok, Tok::Text(w) | Tok::Word(w) if &**w == "in")
    {
        number = rest;
    }
    let base = match base {
        [open, inner @ .., close] if open.is(P::LBrace) && close.is(P::RBrace) => inner,
        other => other,
    };
    let base = match base {
        [Token { tok: Tok::Num(num), .. }] => num.value.to_i64()?,
        [Token { tok: Tok::Text(word) | Tok::Word(word), .. }] => number_words::number_word(word)?,
        _ => return None,
    };
    let base = u32::try_from(base).ok().filter(|b| (2..=36).contains(b))?;
    let mut digits = String::new();
    if negative {
        digits.push('-');
    }
    let mut any = false;
    for (k, token) in number.iter().enumerate() {
        // `142 A_{11}` is a product.
        if k > 0 && token.gap != Gap::No {
            return None;
        }
        match &token.tok {
            Tok::Num(num) if !num.special => {
                any = true;
                digits.push_str(&num.whole);
                if let Some(part) = &num.part {
                    digits.push('.');
                    digits.push_str(part);
                }
            }
            Tok::Id(text) | Tok::Word(text) | Tok::Text(text) => {
                any |= text.len() > 1 && text.contains(|c: char| c.is_ascii_digit());
                digits.push_str(&text.to_ascii_uppercase());
            }
            _ => return None,
        }
    }
    let valid = digits.trim_start_matches('-').chars().all(|c| c == '.' || c.is_digit(base));
    // `x_2` is a symbol; a number in base 16 has a digit somewhere.
    if !any || !valid || (number.len() == 1 && matches!(&number[0].tok, Tok::Id(_))) {
        return None;
    }
    if base == 10 {
        let unsigned = digits.trim_start_matches('-');
        let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let value = Rat::decimal(whole, part, 0)?;
        return Some(Value::plain(Expr::Num(if negative { value.neg() } else { value }), meter));
    }
    Some(Value::Based(Based { digits: plain_digits(&digits).into(), base }))
}

/// Without leading zeros, and trailing ones behind the point.
pub(super) fn plain_digits(digits: &str) -> String {
    let (sign, unsigned) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, part) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// `3:5`, `1:2:3`, and times: two digits with a leading zero, or `am`, `pm`.
pub(super) fn ratio(t: &[Token], meter: &Meter) -> Option<Value> {
    // `3 to 1`.
    if let [a, Token { tok: Tok::Text(word) | Tok::Word(word), .. }, b] = t
        && let (Tok::Num(a), Tok::Num(b)) = (&a.tok, &b.tok)
        && &**word == "to"
    {
        return Some(Value::Ratio(vec![Expr::Num(a.value.clone()), Expr::Num(b.value.clone())]));
    }
    if !t.iter().any(|x| x.is(P::Colon)) {
        return None;
    }
    let (t, half) = match t {
        [rest @ .., Token { tok: Tok::Text(word) | Tok::Word(word), .. }]
            if matches!(&*word.to_ascii_lowercase(), "am" | "pm") =>
        {
            (rest, Some(word.to_ascii_lowercase().into()))
        }
        _ => (t, None),
    };
    let parts: Vec<&[Token]> = t.split(|x| x.is(P::Colon)).collect();
    let padded = |part: &[Token]| matches!(part, [Token { tok: Tok::Num(num), .. }] if num.whole.len() == 2 && num.whole.starts_with('0'));
    if half.is_some() || parts[1..].iter().any(|part| padded(part)) {
        let numbers: Option<Vec<Rat>> = parts
            .iter()
            .map(|part| match part {
                [Token { tok: Tok::Num(num), .. }] if num.is_whole() => Some(num.value.clone()),
                _ => None,
            })
            .collect();
        return Some(Value::Time(numbers?, half));
    }
    let parts: Option<Vec<Expr>> =
        parts.iter().map(|part| parse::expression(part, meter)).collect();
    Some(Value::Ratio(parts?))
}

/// `(C) 12`, `C) 12`: a choice letter and the text of the option.
pub(super) fn choice(t: &[Token]) -> Option<Value> {
    let capital = |token: &Token| match &token.tok {
        Tok::Id(word) | Tok::Text(word) | Tok::Word(word) => {
            let mut chars = word.chars();
            match (chars.next(), chars.next()) {
                (Some(c @ 'A'..='J'), None) => Some(c),
                _ => None,
            }
        }
        _ => None,
    };
    let (letter, rest) = match t {
        [open, letter, close, rest @ ..] if open.is(P::LParen) && close.is(P::RParen) => {
            (capital(letter)?, rest)
        }
        [letter, close, rest @ ..] if close.is(P::RParen) => (capital(letter)?, rest),
        // `A Peter`: words behind a letter; `A dog` is a dog.
        [letter, Token { tok: Tok::Word(word), .. }, ..]
            if t[1..].iter().all(|t| matches!(&t.tok, Tok::Word(w) if w.len() >= 3))
                && matches!(&letter.tok, Tok::Id(_))
                && (capital(letter)? != 'A'
                    || word.starts_with(|c: char| c.is_ascii_uppercase())) =>
        {
            (capital(letter)?, &t[1..])
        }
        [letter, colon, rest @ ..] if colon.is(P::Colon) && matches!(letter.tok, Tok::Text(_)) => {
            (capital(letter)?, rest)
        }
        _ => return None,
    };
    let first = rest.first()?;
    let product = matches!(
        first.tok,
        Tok::P(
            P::LParen
                | P::Percent
                | P::Degree
                | P::Plus
                | P::Minus
                | P::Times
                | P::Caret
                | P::Slash
                | P::Under
                | P::Eq
                | P::Bang
                | P::Cup
        )
    );
    let product = product && !(first.is(P::Minus) && first.gap == Gap::Blank && rest.len() == 2);
    (!product).then(|| Value::Choice(letter, text::key(rest).into()))
}

/// Whether two units of a quantity agree, and the factor between them.
pub(super) fn unit_factor(a: Option<&Unit>, b: Option<&Unit>) -> Option<Rat> {
    match (a, b) {
        (Some(a), Some(b)) => units::factor(a, b),
        _ => Some(Rat::ONE),
    }
}
