//! Are two answers the same? Case by case over their kinds; `docs/grading.md` has the table.

use super::decide::{self, Decision};
use super::equations::{equations, relations};
use super::expr::Expr;
use super::meter::Meter;
use super::quantities::based;
use super::rat::Rat;
use super::region::Region;
use super::relation;
use super::token::P;
use super::units::Unit;
use super::value::{Relation, Value};

use Decision::{Different, Equal, Undecided};

/// The switches of a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// A number may be answered by a calculation: `2+3` for 5, `2/4` for 1/2.
    pub(super) calculations: bool,
    /// A decimal of six digits may stand for a number whose decimals do not end.
    pub(super) approximations: bool,
    /// An expression must have the form of the gold answer.
    pub(super) same_form: bool,
    /// `1,22` may be the number that the other answer writes as `1.22`.
    pub(super) decimal_commas: bool,
}

/// Everything that is mathematically the same.
pub(super) const LENIENT: Rules =
    Rules { calculations: true, approximations: true, same_form: false, decimal_commas: false };

/// Whether an answer is the gold answer under the rules.
pub(super) fn grade(gold: &Value, answer: &Value, rules: Rules, meter: &Meter) -> Decision {
    Comparison { rules, meter }.values(gold, answer)
}

pub(super) struct Comparison<'a> {
    pub(super) rules: Rules,
    pub(super) meter: &'a Meter,
}

pub(super) fn of(equal: bool) -> Decision {
    if equal { Equal } else { Different }
}

/// The set of real numbers that a value is.
pub(super) fn as_region(value: &Value, meter: &Meter) -> Option<Region> {
    match value {
        Value::Region(region) => Some(region.clone()),
        Value::Set(items) => {
            let mut region = Region::empty();
            for item in items {
                let point = match item {
                    Value::Quantity(q) if !q.percent && !q.expr.has_variables() => {
                        Region::point(q.expr.clone(), meter)
                    }
                    _ => None,
                };
                region = region.union(&point?, meter)?;
            }
            Some(region)
        }
        Value::Tuple(open, close, items) => {
            let bracket = |p: &P| matches!(p, P::LParen | P::LBrack | P::RParen | P::RBrack);
            let [low, high] = items.as_slice() else { return None };
            if !(bracket(open) && bracket(close)) {
                return None;
            }
            let region = relation::interval(*open, *close, low.expr()?, high.expr()?, meter)?;
            (!region.pieces.is_empty()).then_some(region)
        }
        Value::Named(_, value, _) => as_region(value, meter),
        _ => None,
    }
}

impl Comparison<'_> {
    fn values(&mut self, a: &Value, b: &Value) -> Decision {
        if self.meter.pay(10).is_none() {
            return Undecided;
        }
        use Value::{
            Based, Choice, List, Matrix, Named, Quantity, Ratio, Region, Relation, Set, Text, Time,
            Tuple, Union,
        };
        match (a, b) {
            (Named(n, v, r), Named(m, w, s)) => {
                self.named((n, v, r.as_deref()), (m, w, s.as_deref()))
            }
            (Named(_, _, Some(r)), Relation(s)) | (Relation(s), Named(_, _, Some(r))) => {
                equations(r, s, self.meter)
            }
            (Named(_, v, _), _) => self.values(v, b),
            (_, Named(_, w, _)) => self.values(a, w),
            (Text(x), Text(y)) => of(x == y && !x.is_empty()),
            (Text(x), other) | (other, Text(x)) => match other {
                Quantity(q) => of(q.word.as_deref() == Some(&**x)),
                Choice(letter, _) => of(is_letter(x, *letter)),
                _ => Different,
            },
            (Choice(x, s), Choice(y, t)) => of(x == y && (s == t || s.is_empty() || t.is_empty())),
            (Choice(x, _), Quantity(q)) | (Quantity(q), Choice(x, _)) => {
                of(q.word.as_deref().is_some_and(|word| is_letter(word, *x)))
            }
            (Quantity(q), Quantity(r)) => self.quantities(q, r),
            (Based(x), Based(y)) => of(x == y),
            (Based(x), Quantity(q)) | (Quantity(q), Based(x)) => based(x, q),
            (Ratio(x), Ratio(y)) => ratios(x, y, self.meter),
            (Time(x, s), Time(y, t)) => of(x == y && (s == t || s.is_none() || t.is_none())),
            (Time(x, _), Ratio(y)) | (Ratio(y), Time(x, _)) => {
                of(x.len() == y.len() && x.iter().zip(y).all(|(x, y)| *y == Expr::Num(x.clone())))
            }
            // `9 a.m.` is 9:00 a.m.
            (Time(x, Some(half)), Quantity(q)) | (Quantity(q), Time(x, Some(half))) => {
                let same = matches!(&q.unit, Some(Unit::Phrase(phrase)) if phrase == half);
                of(same && q.exact.as_ref() == x.first() && x[1..].iter().all(Rat::is_zero))
            }
            (Relation(r), Relation(s)) => relations(r, s, self.meter),
            (Matrix(x), Matrix(y)) => self.matrices(x, y),
            (Matrix(rows), Tuple(open, _, items)) | (Tuple(open, _, items), Matrix(rows)) => {
                self.vector(rows, items, *open, matches!(a, Matrix(_)))
            }
            (Matrix(rows), other) | (other, Matrix(rows))
                if rows.len() == 1 && rows[0].len() == 1 =>
            {
                self.values(&rows[0][0], other)
            }
            (Set(x), Set(y)) => {
                let direct = self.unordered(x, y);
                if direct == Equal { Equal } else { self.collapsed(x, y) }
            }
            (Set(x), List(y)) | (List(y), Set(x)) => {
                let direct = self.unordered(x, y);
                if direct == Equal {
                    return Equal;
                }
                let distinct = self.distinct(x);
                self.unordered(&distinct, y)
            }
            (List(x), List(y)) => self.unordered(x, y),
            (Tuple(P::LBrace, _, x), List(y)) | (Tuple(P::LParen, P::RParen, x), List(y)) => {
                self.ordered(x, y)
            }
            (List(x), Tuple(P::LBrace, _, y)) | (List(x), Tuple(P::LParen, P::RParen, y)) => {
                self.ordered(x, y)
            }
            (Tuple(o, c, x), Tuple(p, d, y)) => self.tuples((*o, *c, x), (*p, *d, y)),
            (Set(x) | List(x), other) if x.len() == 1 && !matches!(other, Region(_) | Union(_)) => {
                self.values(&x[0], other)
            }
            (other, Set(y) | List(y)) if y.len() == 1 && !matches!(other, Region(_) | Union(_)) => {
                self.values(other, &y[0])
            }
            (Union(x), Union(y)) => self.unordered(x, y),
            (Region(r), List(y)) | (List(y), Region(r)) => match r.points() {
                Some(points) => {
                    let points: Vec<Value> =
                        points.into_iter().cloned().map(|e| Value::plain(e, self.meter)).collect();
                    self.unordered(&points, y)
                }
                None => Different,
            },
            (Region(r), Quantity(q)) | (Quantity(q), Region(r)) => match r.points().as_deref() {
                Some([point]) => decide::equal(point, &q.expr, self.meter),
                _ => Different,
            },
            (Region(_), _) | (_, Region(_)) => {
                let meter = self.meter;
                match (as_region(a, meter), as_region(b, meter)) {
                    (Some(a), Some(b)) => a.equal(&b, meter),
                    _ => Different,
                }
            }
            _ => Different,
        }
    }

    fn named(
        &mut self,
        (n, v, r): (&str, &Value, Option<&Relation>),
        (m, w, s): (&str, &Value, Option<&Relation>),
    ) -> Decision {
        let values = self.values(v, w);
        if values == Equal {
            return Equal;
        }
        // `y = 2x` and `x = y/2` are the same equation.
        match (r, s) {
            (Some(r), Some(s)) if n != m => match equations(r, s, self.meter) {
                Equal => Equal,
                _ => values,
            },
            _ => values,
        }
    }

    /// Element by element.
    fn ordered(&mut self, x: &[Value], y: &[Value]) -> Decision {
        if x.len() != y.len() {
            return Different;
        }
        let mut result = Equal;
        for (a, b) in x.iter().zip(y) {
            match self.values(a, b) {
                Equal => {}
                Different => return Different,
                Undecided => result = Undecided,
            }
        }
        result
    }

    /// Each element of one with one of the other.
    fn unordered(&mut self, x: &[Value], y: &[Value]) -> Decision {
        if x.len() != y.len() {
            return Different;
        }
        let mut used = vec![false; y.len()];
        let mut result = Equal;
        for (i, a) in x.iter().enumerate() {
            // Most lists are in the same order.
            let candidates = std::iter::once(i).chain((0..y.len()).filter(|&j| j != i));
            let mut found = Different;
            for j in candidates {
                if used[j] {
                    continue;
                }
                match self.values(a, &y[j]) {
                    Equal => {
                        used[j] = true;
                        found = Equal;
                        break;
                    }
                    Undecided => found = Undecided,
                    Different => {}
                }
            }
            match found {
                Equal => {}
                Different => return Different,
                Undecided => result = Undecided,
            }
        }
        result
    }

    fn distinct(&mut self, x: &[Value]) -> Vec<Value> {
        let mut out: Vec<Value> = Vec::new();
        for value in x {
            if !out.iter().any(|seen| self.values(seen, value) == Equal) {
                out.push(value.clone());
            }
        }
        out
    }

    fn collapsed(&mut self, x: &[Value], y: &[Value]) -> Decision {
        let (x, y) = (self.distinct(x), self.distinct(y));
        self.unordered(&x, &y)
    }

    fn tuples(&mut self, (o, c, x): (P, P, &[Value]), (p, d, y): (P, P, &[Value])) -> Decision {
        if x.len() != y.len() {
            return Different;
        }
        if self.meter.pay(10 + (x.len() * y.len().min(8)) as u64).is_none() {
            return Undecided;
        }
        let names = |values: &[Value]| -> Option<Vec<Box<str>>> {
            values
                .iter()
                .map(|v| if let Value::Named(n, ..) = v { Some(n.clone()) } else { None })
                .collect()
        };
        if let (Some(n), Some(m)) = (names(x), names(y)) {
            // Both name their entries: by name, in any order.
            let mut reordered = Vec::with_capacity(y.len());
            for name in &n {
                match m.iter().position(|other| other == name) {
                    Some(at) => reordered.push(y[at].clone()),
                    None => return Different,
                }
            }
            return self.ordered(x, &reordered);
        }
        let square = |p: P| matches!(p, P::LBrack | P::RBrack);
        if x.len() == 2 && (square(o) != square(p) || square(c) != square(d)) {
            return Different;
        }
        self.ordered(x, y)
    }

    fn matrices(&mut self, x: &[Vec<Value>], y: &[Vec<Value>]) -> Decision {
        if x.len() != y.len() {
            return Different;
        }
        let mut result = Equal;
        for (a, b) in x.iter().zip(y) {
            match self.ordered(a, b) {
                Equal => {}
                Different => return Different,
                Undecided => result = Undecided,
            }
        }
        result
    }

    /// A row or column against a tuple, or rows against a tuple of tuples.
    fn vector(
        &mut self,
        rows: &[Vec<Value>],
        items: &[Value],
        open: P,
        matrix_first: bool,
    ) -> Decision {
        let flat: Vec<Value> = if rows.len() == 1 {
            rows[0].clone()
        } else if rows.iter().all(|row| row.len() == 1) {
            rows.iter().map(|row| row[0].clone()).collect()
        } else {
            rows.iter().map(|row| Value::Tuple(P::LBrack, P::RBrack, row.clone())).collect()
        };
        if open == P::LBrace {
            return Different;
        }
        if matrix_first { self.ordered(&flat, items) } else { self.ordered(items, &flat) }
    }
}

fn ratios(x: &[Expr], y: &[Expr], meter: &Meter) -> Decision {
    if x.len() != y.len() {
        return Different;
    }
    if !decide::charge(x.iter().chain(y), meter) {
        return Undecided;
    }
    let mut result = Equal;
    for (a, b) in x[1..].iter().zip(&y[1..]) {
        let left = a.clone().times(y[0].clone());
        let right = b.clone().times(x[0].clone());
        match decide::equal(&left, &right, meter) {
            Equal => {}
            other => result = if result == Different { Different } else { other },
        }
    }
    result
}

fn is_letter(word: &str, letter: char) -> bool {
    word.len() == 1 && word.eq_ignore_ascii_case(letter.encode_utf8(&mut [0; 4]))
}
