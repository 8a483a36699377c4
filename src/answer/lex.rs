//! Text to tokens: dirty LaTeX, plain text and Unicode alike. Cleaning is done here, on tokens, never on substrings.

use super::command;
use super::meter::Meter;
use super::token::{Gap, P, Tok, Token, nesting};
use super::unicode;

/// Longest answer that is looked at, in bytes.
pub(super) const MAX_BYTES: usize = 16_384;
/// Most tokens.
const MAX_TOKENS: usize = 4096;
/// Deepest nesting of brackets.
const MAX_DEPTH: i32 = 64;
/// Longest number, in digits.
pub(super) const MAX_DIGITS: usize = 4096;

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

pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) out: Vec<Token>,
    pub(super) gap: Gap,
    /// Where the words of an open `\text{` end.
    pub(super) text_end: Option<usize>,
    /// Open environments; `true` for those with cells.
    pub(super) environments: Vec<bool>,
    /// Open `\frac`s: the depth they stand at and the arguments still to come.
    pub(super) fractions: Vec<(i32, u8)>,
    pub(super) depth: i32,
    /// Where each opening brace is closed, once it was asked for.
    pub(super) closers: Option<Vec<(usize, usize)>>,
    pub(super) meter: &'a Meter,
}

impl Lexer<'_> {
    pub(super) fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub(super) fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn space(&mut self, gap: Gap) {
        // `\!` between blanks still means that what stands around belongs together.
        if gap == Gap::Negative
            || self.gap == Gap::No
            || (self.gap == Gap::Thin && gap == Gap::Blank)
        {
            self.gap = gap;
        }
    }

    pub(super) fn push(&mut self, tok: Tok) {
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

    pub(super) fn p(&mut self, p: P, bytes: usize) {
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
}
