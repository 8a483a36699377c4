//! What an answer is, once read.

use super::expr::Expr;
use super::meter::Meter;
use super::rat::Rat;
use super::region::Region;
use super::token::P;
use super::units::Unit;

/// How a number was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// Not as a number: something that has to be computed.
    No,
    /// Digits, with a decimal point or not, of so many significant ones.
    Decimal { point: bool, significant: usize },
    /// A fraction or a mixed number; `true` in lowest terms.
    Fraction(bool),
    /// A number times a power of ten, or with a repeating part.
    Special,
}

/// A number or an expression, of something.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) expr: Expr,
    /// Its exact value, where it is a rational reached by rational arithmetic.
    pub(super) exact: Option<Rat>,
    pub(super) unit: Option<Unit>,
    pub(super) percent: bool,
    pub(super) literal: Literal,
    /// How far an answer may be off.
    pub(super) tolerance: Option<Rat>,
    /// Its letters, lower case, if it consists of letters only.
    pub(super) word: Option<Box<str>>,
    /// It is one word of several letters, and no product.
    pub(super) is_word: bool,
}

/// A number in another base, as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Based {
    pub(super) digits: Box<str>,
    pub(super) base: u32,
}

/// Sides of a relation and the signs between them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relation {
    pub(super) sides: Vec<Expr>,
    pub(super) signs: Vec<P>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A number or an expression.
    Quantity(Box<Quantity>),
    /// A number in another base.
    Based(Based),
    /// Words: normalised, and the exact tokens.
    Text(Box<str>),
    /// A choice letter and what else was said.
    Choice(char, Box<str>),
    /// Ordered, with its brackets.
    Tuple(P, P, Vec<Value>),
    /// In braces.
    Set(Vec<Value>),
    /// Bare; unordered.
    List(Vec<Value>),
    /// A set of real numbers.
    Region(Region),
    /// A union that could not be computed.
    Union(Vec<Value>),
    /// Rows of cells.
    Matrix(Vec<Vec<Value>>),
    /// `x = 5`, `f(x) = 2x`, `(x, y) = (1, 2)`: name, value, and the equation where both sides are expressions.
    Named(Box<str>, Box<Value>, Option<Box<Relation>>),
    /// An equation or inequality.
    Relation(Box<Relation>),
    /// `3:5`.
    Ratio(Vec<Expr>),
    /// `12:30`, with `am` or `pm`.
    Time(Vec<Rat>, Option<Box<str>>),
}

impl Value {
    /// A quantity without a unit.
    pub(super) fn plain(expr: Expr, meter: &Meter) -> Value {
        let exact = super::exact::value(&expr, &[], meter);
        Value::Quantity(Box::new(Quantity {
            expr,
            exact,
            unit: None,
            percent: false,
            tolerance: None,
            literal: Literal::No,
            word: None,
            is_word: false,
        }))
    }

    /// The expression of a quantity without percent sign.
    pub(super) fn expr(&self) -> Option<&Expr> {
        match self {
            Value::Quantity(q) if !q.percent => Some(&q.expr),
            _ => None,
        }
    }
}
