//! Text to tokens: dirty LaTeX, plain text and Unicode alike. Cleaning is done here, on tokens, never on substrings.

use super::command::{self, Command};
use super::meter::Meter;
use super::rat::Rat;
use super::token::{Gap, Num, P, Tok, Token, nesting};
use super::unicode;

/// Longest answer that is looked at, in bytes.
pub(super) const MAX_BYTES: usize = 16_384;
/// Most tokens.
const MAX_TOKENS: usize = 4096;
/// Deepest nesting of brackets.
const MAX_DEPTH: i32 = 64;
/// Longest number, in digits.
const MAX_DIGITS: usize = 4096;

/// Why a text has no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// Too many bytes, tokens or digits.
    Long,
    /// Too deeply nested.
    Deep,
}

/// The tokens of an answer.
///
/// # Errors
/// The text is beyond the limits.
pub(super) fn tokens(text: &str, meter: &Meter) -> Result<Vec<Token>, TooMuch> {
    if text.len() > MAX_BYTES {
        return Err(TooMuch::Long);
    }
    meter.pay(text.len() as u64 + 4).ok_or(TooMuch::Long)?;
    let ascii;
    let text = if text.is_ascii() {
        text
    } else {
        ascii = unicode::to_ascii(text);
        &ascii
    };
    let mut lexer = Lexer {
        text,
        at: 0,
        out: Vec::with_capacity(24),
        gap: Gap::No,
        text_end: None,
        environments: Vec::new(),
        fractions: Vec::new(),
        depth: 0,
        closers: None,
        meter,
    };
    while lexer.at < text.len() {
        lexer.step()?;
        if lexer.out.len() > MAX_TOKENS {
            return Err(TooMuch::Long);
        }
        if lexer.depth > MAX_DEPTH {
            return Err(TooMuch::Deep);
        }
    }
    Ok(lexer.out)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<Token>,
    gap: Gap,
    /// Where the words of an open `\text{` end.
    text_end: Option<usize>,
    /// Open environments; `true` for those with cells.
    environments: Vec<bool>,
    /// Open `\frac`s: the depth they stand at and the arguments still to come.
    fractions: Vec<(i32, u8)>,
    depth: i32,
    /// Where each opening brace is closed, once it was asked for.
    closers: Option<Vec<(usize, usize)>>,
    meter: &'a Meter,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn space(&mut self, gap: Gap) {
        // `\!` between blanks still means that what stands around belongs together.
        if gap == Gap::Negative
            || self.gap == Gap::No
            || (self.gap == Gap::Thin && gap == Gap::Blank)
        {
            self.gap = gap;
        }
    }

    fn push(&mut self, tok: Tok) {
        let nest = nesting(&tok);
        if nest < 0 {
            self.depth -= 1;
        }
        if self.fractions.last().is_some_and(|&(depth, _)| self.depth < depth) {
            self.fractions.pop();
        }
        let starts_fraction = matches!(tok, Tok::P(P::Frac | P::Binom));
        if let Some((depth, left)) = self.fractions.last_mut()
            && *depth == self.depth
            && nest <= 0
            && !starts_fraction
        {
            *left -= 1;
            if *left == 0 {
                self.fractions.pop();
            }
        }
        if nest > 0 {
            self.depth += 1;
        }
        if starts_fraction {
            self.fractions.push((self.depth, 2));
        }
        self.out.push(Token { tok, gap: std::mem::replace(&mut self.gap, Gap::No) });
    }

    fn p(&mut self, p: P, bytes: usize) {
        self.at += bytes;
        self.push(Tok::P(p));
    }

    fn step(&mut self) -> Result<(), TooMuch> {
        if let Some(end) = self.text_end {
            if self.at >= end {
                self.text_end = None;
                self.at = end + 1;
                return Ok(());
            }
            if self.words(end) {
                return Ok(());
            }
        }
        let c = self.byte(0);
        match c {
            b' ' | b'\t' | b'\n' | b'\r' | b'~' | 0x0b | 0x0c => {
                self.at += 1;
                self.space(Gap::Blank);
            }
            b'0'..=b'9' => return self.number(),
            b'.' if self.byte(1).is_ascii_digit() => return self.number(),
            b'.' if self.rest().starts_with("...") => self.p(P::Dots, 3),
            b'a'..=b'z' | b'A'..=b'Z' => self.letters(),
            b'\\' => self.backslash(),
            b'{' if self.rest().starts_with("{,}") => self.p(P::Thousands, 3),
            b'{' if self.byte(1) == b'}' => self.at += 2,
            b'{' => self.p(P::LBrace, 1),
            b'}' => self.p(P::RBrace, 1),
            b'(' => self.p(P::LParen, 1),
            b')' => self.p(P::RParen, 1),
            b'[' => self.p(P::LBrack, 1),
            b']' => self.p(P::RBrack, 1),
            b'+' if self.byte(1) == b'-' && self.byte(2) != b'-' && self.byte(2) != b'\\' => {
                self.p(P::Plus, 1);
            }
            b'+' => self.p(P::Plus, 1),
            b'-' if self.byte(1) == b'>' => self.p(P::Arrow, 2),
            b'-' => self.p(P::Minus, 1),
            b'*' if self.byte(1) == b'*' => self.p(P::Caret, 2),
            b'*' => self.p(P::Times, 1),
            b'/' => self.p(P::Slash, 1),
            b'^' => self.p(P::Caret, 1),
            b'_' => self.p(P::Under, 1),
            b'=' if self.byte(1) == b'=' => self.p(P::Eq, 2),
            b'=' => self.p(P::Eq, 1),
            b':' if self.byte(1) == b'=' => self.p(P::Eq, 2),
            b':' => self.p(P::Colon, 1),
            b'<' if self.byte(1) == b'=' => self.p(P::Le, 2),
            b'<' if self.byte(1) == b'>' => self.p(P::Ne, 2),
            b'<' => self.p(P::Lt, 1),
            b'>' if self.byte(1) == b'=' => self.p(P::Ge, 2),
            b'>' => self.p(P::Gt, 1),
            b'!' if self.byte(1) == b'=' && self.gap != Gap::No => self.p(P::Ne, 2),
            b'!' => self.p(P::Bang, 1),
            b'|' => self.p(P::Bar, 1),
            b',' => self.p(P::Comma, 1),
            b';' => self.p(P::Semi, 1),
            b'%' => self.p(P::Percent, 1),
            b'\'' => self.p(P::Prime, 1),
            b'&' => {
                if self.environments.last() == Some(&true) {
                    self.p(P::Cell, 1);
                } else {
                    self.at += 1;
                    self.space(Gap::Blank);
                }
            }
            b'$' => {
                self.at += 1;
                self.space(Gap::Blank);
            }
            0x80.. => self.foreign(),
            // Full stops, quotation marks and control characters carry no meaning.
            _ => self.at += 1,
        }
        Ok(())
    }

    /// A run of letters of another alphabet: one word.
    fn foreign(&mut self) {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_ascii() || c.is_whitespace()).unwrap_or(rest.len());
        if end == 0 {
            self.at += rest.chars().next().map_or(1, char::len_utf8);
            self.space(Gap::Blank);
            return;
        }
        let word = rest[..end].to_lowercase();
        self.at += end;
        self.push(Tok::Text(word.into()));
    }

    /// Words and numbers inside `\text{..}`; false where the usual rules apply.
    fn words(&mut self, end: usize) -> bool {
        let c = self.byte(0);
        match c {
            b'{' | b'}' => {
                self.at += 1;
                true
            }
            b'.' | b'"' | b'`' if !(c == b'.' && self.byte(1).is_ascii_digit()) => {
                self.at += 1;
                true
            }
            _ if c.is_ascii_alphabetic() || (c >= 0x80) => {
                let text = &self.text[self.at..end];
                let mut stop = text.len();
                for (i, c) in text.char_indices() {
                    let inner = matches!(c, '-' | '\'' | '.')
                        && text[i + 1..].starts_with(|c: char| c.is_alphabetic());
                    if !(c.is_alphanumeric() || inner) {
                        stop = i;
                        break;
                    }
                }
                let word = &text[..stop.max(text.chars().next().map_or(1, char::len_utf8))];
                self.at += word.len();
                let tok = match word {
                    "and" | "And" => Tok::P(P::And),
                    "or" | "Or" => Tok::P(P::Or),
                    _ => Tok::Text(word.replace('.', "").into()),
                };
                self.push(tok);
                true
            }
            _ => false,
        }
    }

    fn letters(&mut self) {
        let end = self.rest().find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.rest().len());
        let word = &self.rest()[..end];
        if matches!(word, "p" | "a" | "P" | "A")
            && self.rest()[1..].to_ascii_lowercase().starts_with(".m")
        {
            let tok = Tok::Text(format!("{}m", word.to_ascii_lowercase()).into());
            self.at += 3;
            self.push(tok);
            return;
        }
        let tok = command::word(word);
        if matches!(tok, Tok::Word(_)) {
            // `sinx`, `lnx`, `pir`: a name and one or two letters written together.
            for name in ["sqrt", "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "pi"] {
                let rest = word
                    .strip_prefix(name)
                    .filter(|r| r.len() == 1 && !matches!(*r, "k" | "e" | "g" | "n"));
                if rest.is_some() {
                    self.at += name.len();
                    self.push(command::word(name));
                    return;
                }
            }
        }
        self.at += end;
        self.push(tok);
    }

    fn number(&mut self) -> Result<(), TooMuch> {
        // The argument of `\frac12` is one digit.
        let single = self.fractions.last().is_some_and(|&(depth, _)| depth == self.depth);
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let start = self.at;
        let whole = if single { 1.min(digits(start)) } else { digits(start) };
        let mut end = start + whole;
        let mut part = None;
        if !single
            && bytes.get(end) == Some(&b'.')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
        {
            let count = digits(end + 1);
            part = Some(&self.text[end + 1..end + 1 + count]);
            end += 1 + count;
        }
        let whole = &self.text[start..start + whole];
        let count = whole.len() + part.map_or(0, str::len);
        if count > MAX_DIGITS {
            return Err(TooMuch::Long);
        }
        let mut special = false;
        let mut exponent = 0i64;
        if !single
            && matches!(bytes.get(end), Some(b'e' | b'E'))
            && let Some((value, length)) = exponent_of(&bytes[end + 1..])
        {
            exponent = value;
            end += 1 + length;
            special = true;
        }
        // Digits become words one after the other, a power of ten by squaring.
        let size = count + exponent.unsigned_abs() as usize;
        self.meter.pay((size * size / 4096) as u64 + 2).ok_or(TooMuch::Long)?;
        let mut value = Rat::decimal(whole, part.unwrap_or(""), exponent).ok_or(TooMuch::Long)?;
        let dot = if part.is_none() && bytes.get(end) == Some(&b'.') { 1 } else { 0 };
        if !special
            && (part.is_some() || dot == 1)
            && let Some((repeated, length)) = repeating(&self.text[end + dot..])
        {
            // 0.a(b) = 0.a + b / ((10^|b| - 1) 10^|a|)
            let shift = part.map_or(0, str::len) as i64;
            let nines = Rat::int(10)
                .pow(repeated.len() as i64, 4096)
                .and_then(|t| t.sub(&Rat::ONE).recip())
                .and_then(|r| Some(r.mul(&Rat::int(10).pow(-shift, 4096)?)));
            // Two fractions are brought to lowest terms.
            let bits = 7 * (repeated.len() + count) as u64;
            self.meter.pay(2 * (bits + bits * bits / 1024)).ok_or(TooMuch::Long)?;
            let tail = Rat::decimal(repeated, "", 0).ok_or(TooMuch::Long)?;
            value = value.add(&tail.mul(&nines.ok_or(TooMuch::Long)?));
            special = true;
            end += dot + length;
        }
        let num = Num { value, whole: whole.into(), part: part.map(Into::into), special };
        self.at = end;
        self.push(Tok::Num(num));
        Ok(())
    }

    fn backslash(&mut self) {
        let bytes = self.text.as_bytes();
        match self.byte(1) {
            b'\\' => {
                let end =
                    self.text[self.at + 2..].bytes().take_while(u8::is_ascii_alphabetic).count();
                let name = &self.text[self.at + 2..self.at + 2 + end];
                let cells = self.environments.last() == Some(&true);
                if !name.is_empty() && (name == "end" || (!cells && command::is_known(name))) {
                    self.at += 1;
                } else if cells {
                    self.p(P::Row, 2);
                } else {
                    self.at += 2;
                    self.space(Gap::Blank);
                }
                return;
            }
            b'{' => return self.p(P::LSet, 2),
            b'}' => return self.p(P::RSet, 2),
            b'%' => return self.p(P::Percent, 2),
            b'$' => return self.p(P::Dollar, 2),
            b'|' => return self.p(P::Bar, 2),
            b'_' => return self.p(P::Under, 2),
            b'!' => {
                self.at += 2;
                self.space(Gap::Negative);
                return;
            }
            _ => {}
        }
        let length = bytes[self.at + 1..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let length = if length == 0 {
            self.text[self.at + 1..].chars().next().map_or(0, char::len_utf8)
        } else {
            length
        };
        let name = &self.text[self.at + 1..self.at + 1 + length];
        // An escaped character without a meaning is that character.
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !letter && matches!(command::command(name), Command::Token(Tok::Id(_))) {
            self.at += 1;
            return;
        }
        let command = command::command(name);
        self.at += 1 + length;
        match command {
            Command::Token(tok) => {
                if length > 0 {
                    self.push(tok);
                }
            }
            Command::Skip => {}
            Command::Space(thin) => self.space(if thin { Gap::Thin } else { Gap::Blank }),
            Command::TextArgument => {
                if let Some((open, close)) = self.argument().filter(|_| self.text_end.is_none()) {
                    self.at = open;
                    self.text_end = Some(close);
                }
            }
            Command::FontArgument => self.font(),
            Command::Operator => {
                if let Some((open, close)) = self.argument() {
                    let inner: String =
                        self.text[open..close].chars().filter(char::is_ascii_alphabetic).collect();
                    self.at = close + 1;
                    if !inner.is_empty() {
                        self.push(command::word(&inner));
                    }
                }
            }
            Command::Blackboard => {
                let (letter, end) = match self.argument() {
                    Some((open, close)) => (self.text[open..close].trim(), close + 1),
                    None => {
                        let at = self.at + self.rest().len() - self.rest().trim_start().len();
                        let length = self.text[at..].chars().next().map_or(0, char::len_utf8);
                        (&self.text[at..at + length], at + length)
                    }
                };
                let tok = match letter {
                    "R" => Tok::P(P::Reals),
                    other => Tok::Id(format!("blackboard {other}").into()),
                };
                self.at = end;
                self.push(tok);
            }
            Command::Delimiter(left) => self.delimiter(left),
            Command::Begin => self.begin(),
            Command::End => {
                if let Some((_, close)) = self.argument() {
                    self.at = close + 1;
                }
                if self.environments.pop() == Some(true) {
                    self.push(Tok::P(P::End));
                }
            }
            Command::SkipArgument => {
                let skip_spaces = self.rest().len() - self.rest().trim_start().len();
                match self.argument() {
                    Some((_, close)) => self.at = close + 1,
                    // `\phantom -1`: one sign.
                    None => {
                        let next =
                            self.rest()[skip_spaces..].chars().next().map_or(0, char::len_utf8);
                        self.at += skip_spaces + next;
                    }
                }
            }
            Command::Mark => {
                // Over several letters it marks a segment or digits, and is dropped.
                if let Some((open, close)) = self.argument()
                    && let letter = self.text[open..close].trim()
                    && letter.len() == 1
                    && letter.bytes().all(|b| b.is_ascii_alphabetic())
                {
                    let letter = letter.into();
                    self.at = close + 1;
                    self.push(Tok::Id(letter));
                    self.push(Tok::P(P::Under));
                    self.push(Tok::Text("bar".into()));
                }
            }
            Command::Degree => self.raised(P::Degree),
            Command::Prime => self.raised(P::Prime),
        }
    }

    /// A sign that is written raised: `^\circ`, `^{\circ}`, or alone.
    fn raised(&mut self, p: P) {
        if self.out.last().is_some_and(|t| t.is(P::Caret)) {
            self.out.pop();
        } else if let [.., caret, brace] = self.out.as_slice()
            && caret.is(P::Caret)
            && brace.is(P::LBrace)
        {
            let spaces = self.rest().len() - self.rest().trim_start().len();
            if self.rest()[spaces..].starts_with('}') {
                self.out.truncate(self.out.len() - 2);
                self.depth -= 1;
                self.at += spaces + 1;
            }
        }
        self.push(Tok::P(p));
    }

    /// Start and end of the braces that follow, without them.
    fn argument(&mut self) -> Option<(usize, usize)> {
        let rest = self.rest();
        let start = self.at + (rest.len() - rest.trim_start().len());
        if self.text.as_bytes().get(start) != Some(&b'{') {
            return None;
        }
        let closers = self.closers.get_or_insert_with(|| matching(self.text));
        let at = closers.binary_search_by_key(&start, |&(open, _)| open).ok()?;
        Some((start + 1, closers[at].1))
    }

    fn font(&mut self) {
        let Some((open, close)) = self.argument() else { return };
        let inner = self.text[open..close].trim();
        let letters = inner.len() >= 2
            && inner.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b' ' | b'.' | b'~'))
            && super::func::named(inner).is_none();
        if letters && self.text_end.is_none() {
            self.at = open;
            self.text_end = Some(close);
        } else if inner == "e" || inner == "i" {
            self.at = close + 1;
            self.push(Tok::P(if inner == "e" { P::Euler } else { P::ImagUnit }));
        }
    }

    fn delimiter(&mut self, left: bool) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let p = match (self.byte(0), left) {
            (b'.', _) => {
                self.at += 1;
                return;
            }
            (b'|', true) => P::LAbs,
            (b'|', false) => P::RAbs,
            (b'{', true) => P::LSet,
            (b'}', false) => P::RSet,
            (b'<', true) => P::LAngle,
            (b'>', false) => P::RAngle,
            _ => {
                if self.rest().starts_with("\\vert")
                    && !self.rest()[5..].starts_with(char::is_alphabetic)
                {
                    self.p(if left { P::LAbs } else { P::RAbs }, 5);
                }
                return;
            }
        };
        self.p(p, 1);
    }

    fn begin(&mut self) {
        let Some((open, close)) = self.argument() else { return };
        let name = self.text[open..close].trim().trim_end_matches('*');
        let (cells, p) = match name {
            "pmatrix" | "bmatrix" | "Bmatrix" | "matrix" | "smallmatrix" | "array" => {
                (true, P::Begin)
            }
            "vmatrix" => (true, P::BeginDet),
            "cases" | "dcases" | "rcases" => (true, P::BeginCases),
            _ => (false, P::Begin),
        };
        let array = name == "array";
        self.at = close + 1;
        if array && let Some((_, close)) = self.argument() {
            self.at = close + 1;
        }
        self.environments.push(cells);
        if cells {
            self.push(Tok::P(p));
        }
    }
}

/// Positions of braces and of those that close them, in the order of the first. `\{`, `\}` and `\\` do not count.
fn matching(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'{' => open.push(at),
            b'}' => found.extend(open.pop().map(|start| (start, at))),
            _ => {}
        }
        at += 1;
    }
    found.sort_unstable();
    found
}

/// Digits after `e`, with a sign, and their length; not where letters follow (`2e3x` is no number).
fn exponent_of(bytes: &[u8]) -> Option<(i64, usize)> {
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = bytes[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=5).contains(&digits) || bytes.get(sign + digits).is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let value = std::str::from_utf8(&bytes[sign..sign + digits]).ok()?.parse::<i64>().ok()?;
    Some((if bytes[0] == b'-' { -value } else { value }, sign + digits))
}

/// The digits of `\overline{142857}` and the length of all of it.
fn repeating(text: &str) -> Option<(&str, usize)> {
    for command in ["\\overline{", "\\bar{", "\\dot{"] {
        if let Some(inner) = text.strip_prefix(command) {
            let digits = &inner[..inner.bytes().take(201).position(|b| b == b'}')?];
            let fits = !digits.is_empty()
                && digits.len() <= 200
                && digits.bytes().all(|b| b.is_ascii_digit());
            return fits.then_some((digits, command.len() + digits.len() + 1));
        }
    }
    None
}
