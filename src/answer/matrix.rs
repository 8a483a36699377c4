//! Matrices, vectors, determinants and cases, with a factor in front or behind.

use super::expr::Expr;
use super::meter::Meter;
use super::parse;
use super::read::{closing, list, split};
use super::relation;
use super::token::{P, Tok, Token, nesting};
use super::value::{Literal, Value};

/// A matrix, with a factor in front or behind.
pub(super) fn matrix(t: &[Token], depth: u32, meter: &Meter) -> Option<Value> {
    let begin =
        t.iter().position(|x| matches!(x.tok, Tok::P(P::Begin | P::BeginCases | P::BeginDet)))?;
    let length = closing(&t[begin..])?;
    let (before, after) = (&t[..begin], &t[begin + length + 1..]);
    let inner = &t[begin + 1..begin + length];
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for (_, row) in split(inner, |p| p == P::Row) {
        rows.push(split_cells(row).into_iter().map(|cell| list(cell, depth + 1, meter)).collect());
    }
    let width = rows.first()?.len();
    let determinant = t[begin].is(P::BeginDet)
        || (matches!(before, [.., bar] if bar.is(P::LAbs) || bar.is(P::Bar)) && !after.is_empty());
    if determinant {
        let size = |e: &Expr| {
            let mut size = 0;
            e.each(&mut |_| size += 1);
            size
        };
        let sizes = rows.iter().flatten().filter_map(Value::expr).map(size).sum::<u64>();
        // Each cell is copied up to eight times.
        meter.pay(100 * sizes)?;
        return determinant_of(&rows)
            .map(|e| Value::plain(e, meter))
            .filter(|_| before.len() == after.len());
    }
    if t[begin].is(P::BeginCases) {
        if width == 1 {
            let rows = rows.into_iter().flatten().map(|value| (Some(P::And), value)).collect();
            return Some(relation::combine(rows, meter));
        }
        return before.is_empty().then_some(Value::Matrix(rows));
    }
    if rows.iter().any(|row| row.len() != width) {
        return None;
    }
    let (before, after) = match (before, after) {
        ([rest @ .., open], [close, tail @ ..])
            if matches!(
                (&open.tok, &close.tok),
                (Tok::P(P::LParen), Tok::P(P::RParen)) | (Tok::P(P::LBrack), Tok::P(P::RBrack))
            ) =>
        {
            (rest, tail)
        }
        ([open], [close]) if open.is(P::LSet) && close.is(P::RSet) => {
            return Some(Value::Set(vec![Value::Matrix(rows)]));
        }
        other => other,
    };
    let factor = match (before, after) {
        ([], []) => return Some(Value::Matrix(rows)),
        ([minus], []) if minus.is(P::Minus) => Expr::int(-1),
        ([rest @ .., times], []) if times.is(P::Times) => parse::expression(rest, meter)?,
        (rest, []) => parse::expression(rest, meter)?,
        ([], [slash, rest @ ..]) if slash.is(P::Slash) => {
            Expr::int(1).over(parse::expression(rest, meter)?)
        }
        _ => return None,
    };
    let mut size = 0;
    factor.each(&mut |_| size += 1);
    meter.pay((80 + 10 * size) * (rows.len() * width) as u64)?;
    let scaled = rows.into_iter().map(|row| {
        row.into_iter().map(|cell| Some(multiple(&factor, cell.expr()?, meter))).collect()
    });
    Some(Value::Matrix(scaled.collect::<Option<_>>()?))
}

/// A cell times the factor of its matrix. A common factor is a way to write numbers, not a calculation.
fn multiple(factor: &Expr, cell: &Expr, meter: &Meter) -> Value {
    match Value::plain(factor.clone().times(cell.clone()), meter) {
        Value::Quantity(mut q) if q.exact.is_some() => {
            q.literal = Literal::Special;
            Value::Quantity(q)
        }
        other => other,
    }
}

/// Cells of a row, empty ones included.
fn split_cells(row: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut start) = (0, 0);
    let mut cells = Vec::new();
    for (i, token) in row.iter().enumerate() {
        depth += nesting(&token.tok);
        if depth == 0 && token.is(P::Cell) {
            cells.push(&row[start..i]);
            start = i + 1;
        }
    }
    cells.push(&row[start..]);
    cells
}

/// The determinant of up to three rows.
fn determinant_of(rows: &[Vec<Value>]) -> Option<Expr> {
    let cell = |i: usize, j: usize| rows.get(i)?.get(j)?.expr().cloned();
    let square = rows.iter().all(|row| row.len() == rows.len());
    if !square {
        return None;
    }
    let two = |a: (usize, usize), b: (usize, usize), c: (usize, usize), d: (usize, usize)| {
        let first = cell(a.0, a.1)?.times(cell(d.0, d.1)?);
        Some(first.plus(cell(b.0, b.1)?.times(cell(c.0, c.1)?).neg()))
    };
    match rows.len() {
        1 => cell(0, 0),
        2 => two((0, 0), (0, 1), (1, 0), (1, 1)),
        3 => {
            let minor = |a: usize, b: usize| two((1, a), (1, b), (2, a), (2, b));
            let sum = cell(0, 0)?.times(minor(1, 2)?);
            let sum = sum.plus(cell(0, 1)?.times(minor(0, 2)?).neg());
            Some(sum.plus(cell(0, 2)?.times(minor(0, 1)?)))
        }
        _ => None,
    }
}
