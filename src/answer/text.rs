//! Answers that are words, and everything that could not be read as mathematics.

use std::fmt::Write as _;

use super::number::plain_digits;
use super::rat::Rat;
use super::token::{P, Tok, Token};

/// The text that two answers must share to be the same words: lower case, without articles, punctuation and, where
/// nothing is calculated, brackets. Where operators occur, the whole sequence of tokens.
pub(super) fn key(tokens: &[Token]) -> String {
    let numbers = tokens.iter().any(|t| matches!(t.tok, Tok::Num(_)));
    let operators = tokens.iter().any(|t| match t.tok {
        Tok::P(
            P::Comma | P::Semi | P::LBrace | P::RBrace | P::And | P::Or | P::Dots | P::Thousands,
        ) => false,
        // Punctuation of sentences; beside numbers it may mean something.
        Tok::P(
            P::Colon
            | P::LParen
            | P::RParen
            | P::Prime
            | P::Minus
            | P::Bang
            | P::LBrack
            | P::RBrack
            | P::Slash,
        ) => numbers,
        Tok::P(_) => true,
        _ => false,
    });
    let mut out = String::new();
    let mut after_number = false;
    for token in tokens {
        let number = matches!(token.tok, Tok::Num(_));
        match &token.tok {
            Tok::Num(num) => {
                if after_number {
                    out.push(' ');
                }
                match &num.value {
                    // As they were written: long numbers take long to be spelled.
                    Rat::Big(_) if !num.special => {
                        let part = num.part.as_deref().unwrap_or("");
                        out.push_str(&plain_digits(&format!("{}.{part}", num.whole)));
                    }
                    value => {
                        let _ = write!(out, "{value}");
                    }
                }
            }
            Tok::Text(word) | Tok::Word(word)
                if matches!(&**word, "a" | "an" | "the" | "A" | "The") && tokens.len() > 1 => {}
            Tok::Text(word) | Tok::Word(word) => {
                out.extend(
                    word.chars().filter(|c| !matches!(c, '-' | '\'')).flat_map(char::to_lowercase),
                );
            }
            // Mathematical letters keep their case where something is calculated.
            Tok::Id(word) if operators => out.push_str(word),
            Tok::Id(word) => out.extend(word.chars().flat_map(char::to_lowercase)),
            Tok::Fun(fun) => {
                let _ = write!(out, "{}", super::func::name(*fun).to_lowercase());
            }
            Tok::P(P::And) => out.push_str("and"),
            Tok::P(P::Or) => out.push_str("or"),
            Tok::P(P::LBrace | P::RBrace) => {}
            Tok::P(p) if operators => {
                let _ = write!(out, "<{p:?}>");
            }
            Tok::P(_) => {}
        }
        after_number = number;
    }
    canonical(out)
}

/// One spelling for each group of words that say the same.
const SAME: &[(&str, &[&str])] = &[
    (
        "none",
        &[
            "nosolution",
            "nosolutions",
            "nosolutionexists",
            "nosolutionsexist",
            "noneexist",
            "emptyset",
            "empty",
            "nosuchnumber",
            "nosuchnumbers",
            "norealsolution",
            "norealsolutions",
            "nullset",
            "therearenosolutions",
        ],
    ),
    ("undefined", &["dne", "doesnotexist", "notdefined", "isundefined"]),
    ("yes", &["true"]),
    ("no", &["false"]),
    ("infinitelymany", &["infinitelymanysolutions", "infinite", "infinitesolutions"]),
    ("allrealnumbers", &["allreals", "allreal", "realnumbers", "allrealx"]),
];

fn canonical(key: String) -> String {
    for (word, others) in SAME {
        if others.contains(&key.as_str()) && key.len() > 1 {
            return (*word).to_string();
        }
    }
    key
}

/// The letters of tokens that are letters only, lower case; behind a word of four letters and more also numbers, as in
/// `July 4`.
pub(super) fn letters(tokens: &[Token]) -> Option<String> {
    let long = matches!(tokens, [Token { tok: Tok::Word(word), .. }, ..] if word.len() >= 4);
    let mut out = String::new();
    for token in tokens {
        match &token.tok {
            Tok::Id(word) | Tok::Word(word) | Tok::Text(word) => {
                out.extend(word.chars().flat_map(char::to_lowercase));
            }
            Tok::P(P::LBrace | P::RBrace | P::LParen | P::RParen) => {}
            Tok::P(P::Euler) => out.push('e'),
            Tok::P(P::ImagUnit) => out.push('i'),
            Tok::Num(num) if long && num.is_whole() => out.push_str(&num.whole),
            _ => return None,
        }
    }
    (!out.is_empty()).then(|| canonical(out))
}
