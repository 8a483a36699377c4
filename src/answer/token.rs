//! Tokens: what an answer is made of once the ways of writing it are gone.

use super::func::Fun;
use super::rat::Rat;

/// A number as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Num {
    /// Its value.
    pub(super) value: Rat,
    /// Digits before the point.
    pub(super) whole: Box<str>,
    /// Digits after the point, if there is a point.
    pub(super) part: Option<Box<str>>,
    /// Written with an exponent (`1e6`) or a repeating part.
    pub(super) special: bool,
}

impl Num {
    /// A whole number without any ornament.
    pub(super) fn is_whole(&self) -> bool {
        self.part.is_none() && !self.special
    }

    /// Significant digits as written: leading zeros do not count.
    pub(super) fn significant(&self) -> usize {
        let digits = self.whole.bytes().chain(self.part.iter().flat_map(|p| p.bytes()));
        digits.skip_while(|&b| b == b'0').count()
    }
}

/// Punctuation, operators and brackets; one meaning, one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum P {
    Plus,
    Minus,
    Times,
    Slash,
    Caret,
    Under,
    Bang,
    Percent,
    Degree,
    Prime,
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    Approx,
    In,
    LParen,
    RParen,
    LBrack,
    RBrack,
    /// `{`, grouping only.
    LBrace,
    RBrace,
    /// `\{`.
    LSet,
    RSet,
    LAngle,
    RAngle,
    LFloor,
    RFloor,
    LCeil,
    RCeil,
    LAbs,
    RAbs,
    Bar,
    Comma,
    /// A comma that only separates thousands: `{,}` or `,\!`.
    Thousands,
    Semi,
    Colon,
    /// `&` of a matrix.
    Cell,
    /// `\\`.
    Row,
    PlusMinus,
    MinusPlus,
    Cup,
    Cap,
    SetMinus,
    And,
    Or,
    Frac,
    Over,
    Binom,
    Choose,
    Sqrt,
    Infinity,
    Empty,
    Reals,
    Pi,
    /// Upright or spelled imaginary unit.
    ImagUnit,
    /// Upright e.
    Euler,
    Dollar,
    Sum,
    Product,
    Begin,
    BeginCases,
    BeginDet,
    End,
    Dots,
    Arrow,
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tok {
    /// A number.
    Num(Num),
    /// A letter, a Greek letter by name, or another symbol.
    Id(Box<str>),
    /// Letters written together in mathematics: a product or a word.
    Word(Box<str>),
    /// A word in text.
    Text(Box<str>),
    /// A known function.
    Fun(Fun),
    /// Anything else.
    P(P),
}

/// White space before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// None.
    No,
    /// `\!`.
    Negative,
    /// `\,` and its like.
    Thin,
    /// A blank.
    Blank,
}

/// A token and the white space before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) tok: Tok,
    pub(super) gap: Gap,
}

impl Token {
    /// The punctuation, if it is one.
    pub(super) fn p(&self) -> Option<P> {
        match self.tok {
            Tok::P(p) => Some(p),
            _ => None,
        }
    }

    /// Whether it is this punctuation.
    pub(super) fn is(&self, p: P) -> bool {
        self.tok == Tok::P(p)
    }
}

/// `+1` for an opening bracket, `-1` for a closing one. `Bar` is neither.
pub(super) fn nesting(tok: &Tok) -> i32 {
    match tok {
        Tok::P(
            P::LParen
            | P::LBrack
            | P::LBrace
            | P::LSet
            | P::LAngle
            | P::LFloor
            | P::LCeil
            | P::LAbs
            | P::Begin
            | P::BeginCases
            | P::BeginDet,
        ) => 1,
        Tok::P(
            P::RParen
            | P::RBrack
            | P::RBrace
            | P::RSet
            | P::RAngle
            | P::RFloor
            | P::RCeil
            | P::RAbs
            | P::End,
        ) => -1,
        _ => 0,
    }
}
