//! What begins with a backslash: commands, their arguments, environments.

use super::command::{self, Command};
use super::lex::Lexer;
use super::token::{Gap, P, Tok};

impl Lexer<'_> {
    pub(super) fn backslash(&mut self) {
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
                if let Some((open, close)) = self.argument()
                    && is_environment(&self.text[open..close])
                {
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
        // What is no name is left to be read.
        if !is_environment(&self.text[open..close]) {
            return;
        }
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

/// Whether the argument of `\begin` or `\end` may be the name of an environment.
fn is_environment(name: &str) -> bool {
    let letters = name.trim().trim_end_matches('*');
    !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_alphabetic())
}
