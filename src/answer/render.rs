//! Canonical LaTeX of an answer: it reads back as the same value, and equal answers mostly have equal text.

use std::fmt::Write as _;

use super::expr::Expr;
use super::func::{self, Fun};
use super::meter::Meter;
use super::normal::{self, Atom, Monomial, Normal};
use super::number_words;
use super::rat::Rat;
use super::region::{End, Region};
use super::relation;
use super::token::P;
use super::units::Unit;
use super::value::{Quantity, Value};

/// Largest coefficient, in bits: about a thousand digits.
const MAX_BITS: u64 = 4096;

/// The canonical text; `None` where there is none within the limits.
pub(super) fn value(v: &Value, meter: &Meter) -> Option<String> {
    meter.pay(4)?;
    Some(match v {
        Value::Quantity(q) => quantity(q, meter)?,
        Value::Based(b) => format!("\\text{{{}}}_{{{}}}", b.digits, b.base),
        Value::Text(key) => {
            // Read back, it has to be one word again.
            let plain = key.starts_with(char::is_alphabetic)
                && key.chars().all(char::is_alphanumeric)
                && number_words::number_word(key).is_none();
            plain.then(|| format!("\\text{{{key}}}"))?
        }
        Value::Choice(letter, _) => letter.to_string(),
        Value::Tuple(P::LBrace, _, items) => format!("({})", several(items, meter)?.join(", ")),
        Value::Tuple(open, close, items) => {
            let open = if *open == P::LBrack { "[" } else { "(" };
            let close = if *close == P::RBrack { "]" } else { ")" };
            format!("{open}{}{close}", several(items, meter)?.join(", "))
        }
        Value::Set(items) => {
            let mut items = several(items, meter)?;
            items.sort_unstable();
            items.dedup();
            if items.is_empty() {
                "\\emptyset".into()
            } else {
                format!("\\{{{}\\}}", items.join(", "))
            }
        }
        // A list in a list would be read as one.
        Value::List(items) if items.len() < 2 || items.iter().any(is_list) => return None,
        Value::List(items) => {
            let mut items = several(items, meter)?;
            items.sort_unstable();
            items.join(", ")
        }
        Value::Region(r) => region(r, meter)?,
        Value::Union(items) => {
            let part = |item: &Value| match item {
                Value::Tuple(open, ..) => *open != P::LBrace,
                Value::Set(_) | Value::Quantity(_) => true,
                Value::Region(region) => region.pieces.len() == 1,
                _ => false,
            };
            if !items.iter().all(part) {
                return None;
            }
            let mut items = several(items, meter)?;
            items.sort_unstable();
            items.join(" \\cup ")
        }
        Value::Matrix(rows) => {
            let rows: Option<Vec<String>> =
                rows.iter().map(|row| several(row, meter).map(|cells| cells.join(" & "))).collect();
            format!("\\begin{{pmatrix}} {} \\end{{pmatrix}}", rows?.join(" \\\\ "))
        }
        Value::Named(_, inner, _) => value(inner, meter)?,
        Value::Relation(r) => {
            if let ([a, b], [P::Eq]) = (r.sides.as_slice(), r.signs.as_slice()) {
                let difference = a.clone().plus(b.clone().neg());
                return zero(&normal::normal(&difference, meter)?);
            }
            // With one variable it would be read as a set of numbers, which it is not.
            let forms: Option<Vec<Normal>> =
                r.sides.iter().map(|side| normal::normal(side, meter)).collect();
            if forms?.iter().any(|form| form.as_constant().is_some()) {
                return None;
            }
            let mut text = expression(&r.sides[0], meter)?;
            for (sign, side) in r.signs.iter().zip(&r.sides[1..]) {
                let _ = write!(text, " {} {}", relation::symbol(*sign), expression(side, meter)?);
            }
            text
        }
        Value::Ratio(parts) => {
            let parts: Option<Vec<String>> = parts
                .iter()
                .map(|part| match super::decide::infinity(part) {
                    Some(_) => None,
                    None => expression(part, meter),
                })
                .collect();
            parts?.join(" : ")
        }
        Value::Time(parts, half) => {
            let mut text = parts[0].to_string();
            for part in &parts[1..] {
                let _ = write!(text, ":{:0>2}", part.to_string());
            }
            if let Some(half) = half {
                let _ = write!(text, " \\text{{ {half}}}");
            }
            text
        }
    })
}

fn several(items: &[Value], meter: &Meter) -> Option<Vec<String>> {
    items.iter().map(|item| value(item, meter)).collect()
}

fn is_list(value: &Value) -> bool {
    match value {
        Value::List(_) => true,
        Value::Named(_, inner, _) => is_list(inner),
        _ => false,
    }
}

/// An equation, made unique up to its factor: the first coefficient is 1.
fn zero(n: &Normal) -> Option<String> {
    let (_, first) = n.terms.first_key_value()?;
    if n.as_constant().is_some() {
        // A contradiction.
        return None;
    }
    let inverse = first.recip()?;
    let terms = n.terms.iter().map(|(m, c)| (m.clone(), c.mul(&inverse))).collect();
    let left = whole(&Normal { terms })?;
    // `z = 0` would give zero a name; an equation is what `-z = 0` is.
    let named = match n.terms.first_key_value() {
        Some((monomial, _)) if n.terms.len() == 1 => {
            matches!(monomial.as_slice(), [(Atom::Sym(_) | Atom::Call(..), power)] if power.is_one())
        }
        _ => false,
    };
    Some(format!("{}{left} = 0", if named { "-" } else { "" }))
}

fn quantity(q: &Quantity, meter: &Meter) -> Option<String> {
    if q.is_word {
        return q.word.as_ref().map(|word| format!("\\text{{{word}}}"));
    }
    let mut text = match &q.unit {
        Some(Unit::Measure(_, scale)) if !scale.is_one() => {
            expression(&Expr::Num(scale.clone()).times(q.expr.clone()), meter)?
        }
        _ => expression(&q.expr, meter)?,
    };
    let simple = text.len() == 1 || text.bytes().all(|b| b.is_ascii_digit());
    if !simple && (q.percent || q.unit.is_some()) {
        text = format!("({text})");
    }
    if q.percent {
        text.push_str("\\%");
    }
    match &q.unit {
        None => {}
        Some(Unit::Phrase(phrase)) => {
            if !phrase.bytes().all(|b| b.is_ascii_lowercase() || b == b' ') {
                return None;
            }
            let _ = write!(text, " \\text{{ {phrase}}}");
        }
        Some(Unit::Measure(dims, _)) => {
            for (base, power) in dims {
                let _ = write!(text, " \\text{{ {base}}}");
                if *power != 1 {
                    let _ = write!(text, "^{{{power}}}");
                }
            }
        }
    }
    Some(text)
}

fn region(r: &Region, meter: &Meter) -> Option<String> {
    if r.pieces.is_empty() {
        return Some("\\emptyset".into());
    }
    let mut parts = Vec::new();
    for piece in &r.pieces {
        if piece.low.closed && piece.high.closed && piece.low.at == piece.high.at {
            parts.push(format!("\\{{{}\\}}", expression(&piece.low.at, meter)?));
            continue;
        }
        let end = |e: &End, closed, open| if e.closed { closed } else { open };
        parts.push(format!(
            "{}{}, {}{}",
            end(&piece.low, "[", "("),
            expression(&piece.low.at, meter)?,
            expression(&piece.high.at, meter)?,
            end(&piece.high, "]", ")")
        ));
    }
    Some(parts.join(" \\cup "))
}

/// Canonical LaTeX of an expression.
pub(super) fn expression(e: &Expr, meter: &Meter) -> Option<String> {
    match super::decide::infinity(e) {
        Some(1) => return Some("\\infty".into()),
        Some(_) => return Some("-\\infty".into()),
        None => {}
    }
    whole(&normal::normal(e, meter)?)
}

/// All of an expression. The imaginary unit is upright where it might be taken for an index.
fn whole(n: &Normal) -> Option<String> {
    let text = sum(n)?;
    Some(if n.terms.keys().any(normal::has_variables) {
        text
    } else {
        text.replace("\\mathrm{i}", "i")
    })
}

fn sum(n: &Normal) -> Option<String> {
    if n.terms.is_empty() {
        return Some("0".into());
    }
    let mut text = String::new();
    // Numbers last, as one writes: the empty monomial sorts first.
    for (k, (monomial, coefficient)) in n.terms.iter().rev().enumerate() {
        let negative = coefficient.is_negative();
        match (k, negative) {
            (0, true) => text.push('-'),
            (0, false) => {}
            (_, true) => text.push_str(" - "),
            (_, false) => text.push_str(" + "),
        }
        term(&mut text, monomial, &coefficient.abs())?;
    }
    Some(text)
}

fn number(value: &Rat) -> String {
    if value.is_integer() {
        value.to_string()
    } else {
        format!("\\frac{{{}}}{{{}}}", value.numer(), value.denom())
    }
}

fn term(text: &mut String, monomial: &Monomial, coefficient: &Rat) -> Option<()> {
    if coefficient.bits() > MAX_BITS {
        return None;
    }
    let mut factors: Vec<String> = Vec::new();
    if !coefficient.is_one() || monomial.is_empty() {
        factors.push(number(coefficient));
    }
    // Square roots of numbers stand under one sign.
    let mut radicand = Rat::ONE;
    for (atom, power) in monomial {
        if let (Atom::Root(p), Rat::Small(1, 2)) = (atom, power) {
            radicand = radicand.mul(&Rat::int(i64::try_from(*p).ok()?));
        }
    }
    if !radicand.is_one() {
        factors.push(format!("\\sqrt{{{radicand}}}"));
    }
    for (atom, power) in monomial {
        let exponent = |base: String| {
            if power.is_one() { base } else { format!("{base}^{{{power}}}") }
        };
        factors.push(match atom {
            Atom::Root(_) if *power == Rat::Small(1, 2) => continue,
            Atom::Root(p) => exponent(p.to_string()),
            Atom::Pi => exponent("\\pi".into()),
            Atom::E => exponent("e".into()),
            Atom::I => "\\mathrm{i}".into(),
            Atom::Sym(name) => exponent(symbol(name)?),
            Atom::Fun(fun, args) => {
                let call = function(*fun, args)?;
                if power.is_one() { call } else { format!("({call})^{{{power}}}") }
            }
            Atom::Call(name, args) => {
                let args: Option<Vec<String>> = args.iter().map(sum).collect();
                exponent(format!("{}({})", symbol(name)?, args?.join(", ")))
            }
            Atom::Sum(inner) => exponent(format!("({})", sum(inner)?)),
            Atom::Power(pair) => {
                let base = sum(&pair.0)?;
                let simple = base.len() == 1 || base.bytes().all(|b| b.is_ascii_digit());
                let base = if simple { base } else { format!("({base})") };
                let whole = format!("{base}^{{{}}}", sum(&pair.1)?);
                if power.is_one() { whole } else { format!("({whole})^{{{power}}}") }
            }
        });
    }
    for (k, factor) in factors.iter().enumerate() {
        if k > 0 {
            // A sign where digits or a parenthesis follow: beside a number or a letter they would mean something else.
            let explicit = factor.starts_with(|c: char| c.is_ascii_digit() || c == '(')
                || factor.starts_with("\\frac");
            text.push_str(if explicit { " \\cdot " } else { " " });
        }
        text.push_str(factor);
    }
    Some(())
}

/// A symbol's name as LaTeX; `None` for names that read as something else.
fn symbol(name: &str) -> Option<String> {
    if matches!(name, "i" | "e") {
        return None;
    }
    let primes = name.len() - name.trim_end_matches('\'').len();
    let (name, primes) = name.split_at(name.len() - primes);
    let (base, subscript) = match name.split_once('_') {
        Some((base, subscript)) => (base, Some(subscript)),
        None => (name, None),
    };
    let mut text = match base.strip_prefix("blackboard ") {
        Some(letter) if letter != "R" && letter.bytes().all(|b| b.is_ascii_alphabetic()) => {
            format!("\\mathbb{{{letter}}}")
        }
        Some(_) => return None,
        None if base.len() == 1 => base.to_string(),
        None if base.bytes().all(|b| b.is_ascii_alphabetic()) => format!("\\{base}"),
        None => return None,
    };
    if let Some(subscript) = subscript {
        if subscript.is_empty()
            || !subscript
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b','))
        {
            return None;
        }
        let long = subscript.len() > 1 && subscript.bytes().all(|b| b.is_ascii_alphabetic());
        let subscript = if long { format!("\\text{{{subscript}}}") } else { subscript.to_string() };
        let _ = write!(text, "_{{{subscript}}}");
    }
    text.push_str(primes);
    Some(text)
}

fn function(fun: Fun, args: &[Normal]) -> Option<String> {
    let args: Vec<String> = args.iter().map(sum).collect::<Option<_>>()?;
    let first = args.first()?;
    Some(match fun {
        Fun::Abs => format!("\\left|{first}\\right|"),
        Fun::Floor => format!("\\lfloor {first} \\rfloor"),
        Fun::Ceil => format!("\\lceil {first} \\rceil"),
        Fun::Factorial => format!("({first})!"),
        Fun::DoubleFactorial => format!("({first})!!"),
        Fun::Binomial => format!("\\binom{{{first}}}{{{}}}", args.get(1)?),
        Fun::LogBase => format!("\\log_{{{first}}}({})", args.get(1)?),
        Fun::Degree | Fun::Det => return None,
        _ => format!("\\operatorname{{{}}}({})", func::name(fun), args.join(", ")),
    })
}
