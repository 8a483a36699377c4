//! Units of measurement, currencies and words that count.

use super::number_words::{multiplier, number_word};
use super::rat::Rat;
use super::token::{Num, P, Tok, Token};

/// What a number is a number of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unit {
    /// Powers of base units, sorted, and how many of them one of this unit is.
    Measure(Vec<(&'static str, i8)>, Rat),
    /// Something that is counted: `apples`.
    Phrase(Box<str>),
}

/// Name, base unit, numerator and denominator of the scale.
type Row = (&'static str, &'static str, i64, i64);

/// Singular names and abbreviations. The names of one quantity share a base, and scales are exact by definition
/// (international yard and pound 1959, litre 1964).
const UNITS: &[Row] = &[
    ("meter", "m", 1, 1),
    ("metre", "m", 1, 1),
    ("m", "m", 1, 1),
    ("cm", "m", 1, 100),
    ("centimeter", "m", 1, 100),
    ("centimetre", "m", 1, 100),
    ("mm", "m", 1, 1000),
    ("millimeter", "m", 1, 1000),
    ("millimetre", "m", 1, 1000),
    ("dm", "m", 1, 10),
    ("km", "m", 1000, 1),
    ("kilometer", "m", 1000, 1),
    ("kilometre", "m", 1000, 1),
    ("inch", "m", 127, 5000),
    ("inches", "m", 127, 5000),
    ("in", "m", 127, 5000),
    ("foot", "m", 381, 1250),
    ("feet", "m", 381, 1250),
    ("ft", "m", 381, 1250),
    ("yard", "m", 1143, 1250),
    ("yd", "m", 1143, 1250),
    ("mile", "m", 201_168, 125),
    ("mi", "m", 201_168, 125),
    ("gram", "g", 1, 1),
    ("gm", "g", 1, 1),
    ("g", "g", 1, 1),
    ("kg", "g", 1000, 1),
    ("kilogram", "g", 1000, 1),
    ("mg", "g", 1, 1000),
    ("milligram", "g", 1, 1000),
    ("ton", "ton", 1, 1),
    ("pound", "lb", 1, 1),
    ("lb", "lb", 1, 1),
    ("ounce", "lb", 1, 16),
    ("oz", "lb", 1, 16),
    ("second", "s", 1, 1),
    ("sec", "s", 1, 1),
    ("s", "s", 1, 1),
    ("minute", "s", 60, 1),
    ("min", "s", 60, 1),
    ("hour", "s", 3600, 1),
    ("hr", "s", 3600, 1),
    ("h", "s", 3600, 1),
    ("day", "s", 86400, 1),
    ("week", "s", 604_800, 1),
    ("month", "month", 1, 1),
    ("year", "month", 12, 1),
    ("yr", "month", 12, 1),
    ("liter", "L", 1, 1),
    ("litre", "L", 1, 1),
    ("l", "L", 1, 1),
    ("ml", "L", 1, 1000),
    ("milliliter", "L", 1, 1000),
    ("gallon", "gal", 1, 1),
    ("gal", "gal", 1, 1),
    ("quart", "gal", 1, 4),
    ("pint", "gal", 1, 8),
    ("cup", "gal", 1, 16),
    ("acre", "acre", 1, 1),
    ("hectare", "hectare", 1, 1),
    ("dollar", "dollar", 1, 1),
    ("usd", "dollar", 1, 1),
    ("buck", "dollar", 1, 1),
    ("cent", "dollar", 1, 100),
    ("euro", "euro", 1, 1),
    ("eur", "euro", 1, 1),
    ("yuan", "yuan", 1, 1),
    ("yen", "yen", 1, 1),
    ("rupee", "rupee", 1, 1),
    ("degree", "degree", 1, 1),
    ("deg", "degree", 1, 1),
    ("radian", "radian", 1, 1),
    ("rad", "radian", 1, 1),
    ("watt", "watt", 1, 1),
    ("joule", "joule", 1, 1),
    ("newton", "newton", 1, 1),
    ("volt", "volt", 1, 1),
    ("hz", "hz", 1, 1),
];

/// Abbreviations that may stand without `\text`, apart from the number or not. Single letters are variables.
const BARE: &[&str] = &[
    "cm", "mm", "dm", "km", "kg", "mg", "ft", "yd", "ml", "mL", "mph", "kph", "lb", "lbs", "oz",
    "hr", "hrs", "hz", "Hz", "gm", "USD", "usd", "am", "pm", "AM", "PM",
];

/// Words that only say that the number is a number, or how it came about.
const EMPTY: &[&str] = &[
    "unit",
    "about",
    "approximately",
    "roughly",
    "total",
    "only",
    "exactly",
    "of",
    "the",
    "a",
    "an",
];

/// Words that never belong to a unit: they would hide another claim.
const REFUSED: &[&str] = &[
    "not",
    "no",
    "non",
    "if",
    "else",
    "otherwise",
    "when",
    "where",
    "to",
    "less",
    "greater",
    "more",
    "than",
    "least",
    "most",
    "minus",
    "plus",
    "times",
    "over",
    "is",
    "are",
    "but",
    "either",
    "neither",
    "maybe",
    "possibly",
    "perhaps",
    "mod",
    "modulo",
    "none",
    "all",
    "any",
    "for",
    "with",
    "without",
    "except",
    "through",
    "between",
    "infinite",
    "infinity",
    "undefined",
    "base",
    "pi",
    "squared",
    "cubed",
    "half",
    "quarter",
    "third",
    "even",
    "odd",
    "true",
    "false",
    "yes",
    "versus",
    "vs",
    "implies",
    "because",
    "since",
    "so",
    "then",
    "by",
    "over",
];

/// Whether a word means percent.
pub(super) fn is_percent(word: &str) -> bool {
    matches!(word, "percent" | "percentage" | "pct" | "percents")
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() >= 2 && !stem.ends_with('s') => stem,
        _ => word,
    }
}

fn row(word: &str) -> Option<&'static Row> {
    let lower = word.to_ascii_lowercase();
    let find = |word: &str| UNITS.iter().find(|(name, ..)| *name == word);
    find(&lower).or_else(|| find(singular(&lower)))
}

/// Whether letters outside of `\text` are a unit: an abbreviation of the closed list, or the whole name of a unit.
pub(super) fn is_bare_unit(word: &str) -> bool {
    BARE.contains(&word)
        || is_percent(word)
        || multiplier(word).is_some()
        || (word.len() >= 4 && row(word).is_some())
}

/// Dollars.
pub(super) fn dollar() -> Unit {
    Unit::Measure(vec![("dollar", 1)], Rat::ONE)
}

/// Degrees.
pub(super) fn degree() -> Unit {
    Unit::Measure(vec![("degree", 1)], Rat::ONE)
}

/// What the words after a number mean.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tail {
    pub(super) unit: Option<Unit>,
    pub(super) percent: bool,
    /// Factors like million.
    pub(super) factor: i64,
}

/// Whether a word in front of a number may be its currency.
pub(super) fn is_currency(word: &str) -> bool {
    matches!(word, "euro" | "pounds" | "yen" | "rupee" | "rupees")
}

/// The unit that the tokens after a number spell; `None` if they say something else.
pub(super) fn tail(tokens: &[Token]) -> Option<Tail> {
    let mut tail = Tail { unit: None, percent: false, factor: 1 };
    let mut dims: Vec<(&'static str, i8)> = Vec::new();
    let mut scale = Rat::ONE;
    let mut phrase = String::new();
    let (mut sign, mut prefix) = (1i8, 0i8);
    let mut words = 0;
    let mut at = 0;
    while at < tokens.len() {
        let word = match &tokens[at].tok {
            Tok::Text(word) | Tok::Word(word) => word.to_ascii_lowercase(),
            Tok::Fun(super::func::Fun::Min) => "min".into(),
            Tok::Fun(super::func::Fun::Sec) => "sec".into(),
            Tok::P(P::Slash) if at > 0 => {
                sign = -1;
                at += 1;
                continue;
            }
            Tok::P(P::Times | P::Dollar | P::Degree | P::Comma | P::LBrace | P::RBrace) => {
                at += 1;
                continue;
            }
            Tok::P(P::Percent) => "percent".into(),
            _ => return None,
        };
        at += 1;
        words += 1;
        if words > 8
            || word.starts_with('\\')
            || REFUSED.contains(&word.as_str())
            || number_word(&word).is_some_and(|n| n < 100)
        {
            return None;
        }
        if is_percent(&word) {
            tail.percent = true;
        } else if let Some(factor) = multiplier(&word) {
            tail.factor = tail.factor.checked_mul(factor)?;
        } else if word == "per" {
            sign = -1;
        } else if word == "square" || word == "sq" {
            prefix = 2;
        } else if word == "cubic" || word == "cu" {
            prefix = 3;
        } else if EMPTY.contains(&singular(&word)) {
            let (_, used) = exponent(&tokens[at..])?;
            at += used;
        } else if word == "mph" || word == "kph" {
            dims.extend([("m", 1), ("s", -1)]);
            let miles = if word == "mph" { Rat::Small(201_168, 125) } else { Rat::int(1000) };
            scale = scale.mul(&miles).mul(&Rat::Small(1, 3600));
        } else if let Some(&(_, base, n, d)) = row(&word) {
            let (power, used) = exponent(&tokens[at..])?;
            at += used;
            let power = sign * if prefix == 0 { power } else { prefix };
            prefix = 0;
            dims.push((base, power));
            scale = scale.mul(&Rat::new(n.into(), d.into())?.pow(power.into(), 512)?);
        } else {
            if !phrase.is_empty() {
                phrase.push(' ');
            }
            phrase.push_str(singular(&word));
        }
    }
    if !phrase.is_empty() {
        tail.unit = Some(Unit::Phrase(phrase.into()));
    } else if !dims.is_empty() {
        dims.sort_unstable();
        let mut merged: Vec<(&'static str, i8)> = Vec::new();
        for (base, power) in dims {
            match merged.last_mut() {
                Some((last, sum)) if *last == base => *sum = sum.checked_add(power)?,
                _ => merged.push((base, power)),
            }
        }
        merged.retain(|&(_, power)| power != 0);
        // Units that cancel measure nothing: `dm/ft` is no unit.
        if merged.is_empty() {
            return None;
        }
        tail.unit = Some(Unit::Measure(merged, scale));
    }
    Some(tail)
}

/// `^2`, `^{2}` after a unit, and how many tokens it takes.
fn exponent(tokens: &[Token]) -> Option<(i8, usize)> {
    if !tokens.first().is_some_and(|t| t.is(P::Caret)) {
        return Some((1, 0));
    }
    let power = |num: &Num| i8::try_from(num.value.to_i64()?).ok().filter(|p| (1..=4).contains(p));
    match tokens.get(1..) {
        Some([Token { tok: Tok::Num(num), .. }, ..]) => Some((power(num)?, 2)),
        Some([open, Token { tok: Tok::Num(num), .. }, close, ..])
            if open.is(P::LBrace) && close.is(P::RBrace) =>
        {
            Some((power(num)?, 4))
        }
        Some([open, minus, Token { tok: Tok::Num(num), .. }, close, ..])
            if open.is(P::LBrace) && minus.is(P::Minus) && close.is(P::RBrace) =>
        {
            Some((-power(num)?, 5))
        }
        _ => None,
    }
}

/// How the two relate: the factor from the first to the second, or `None` if they measure different things.
/// A phrase agrees with one that ends in the same word.
pub(super) fn factor(a: &Unit, b: &Unit) -> Option<Rat> {
    match (a, b) {
        (Unit::Measure(x, s), Unit::Measure(y, t)) if x == y => Some(s.mul(&t.recip()?)),
        (Unit::Phrase(x), Unit::Phrase(y)) => {
            let last = |text: &str| text.rsplit(' ').next().unwrap_or("").to_string();
            let contained = |x: &str, y: &str| x.split(' ').all(|w| y.split(' ').any(|v| v == w));
            (x == y || (last(x) == last(y) && (contained(x, y) || contained(y, x))))
                .then_some(Rat::ONE)
        }
        _ => None,
    }
}
