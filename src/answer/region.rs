//! Sets of real numbers with constant ends: intervals, points and their unions.

use std::cmp::Ordering;

use super::decide::{self, Decision};
use super::expr::Expr;
use super::meter::Meter;

/// One end of an interval.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    /// The number; infinite ones included.
    pub(super) at: Expr,
    /// Whether it belongs to the set.
    pub(super) closed: bool,
}

/// An interval, or a point where both ends are the same and closed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) low: End,
    pub(super) high: End,
}

/// Disjoint pieces in ascending order, none touching the next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Region {
    pub(super) pieces: Vec<Piece>,
}

/// Most pieces.
const MAX_PIECES: usize = 24;

fn minus_infinity() -> Expr {
    Expr::Infinity.neg()
}

fn open(at: Expr) -> End {
    End { at, closed: false }
}

impl Region {
    /// No number.
    pub(super) fn empty() -> Region {
        Region { pieces: Vec::new() }
    }

    /// All real numbers.
    pub(super) fn all() -> Region {
        Region { pieces: vec![Piece { low: open(minus_infinity()), high: open(Expr::Infinity) }] }
    }

    /// From `low` to `high`; empty where they are the wrong way round; `None` where that cannot be told.
    pub(super) fn interval(low: End, high: End, meter: &Meter) -> Option<Region> {
        let infinite = |e: &End| decide::infinity(&e.at).is_some();
        let low = if infinite(&low) { End { closed: false, ..low } } else { low };
        let high = if infinite(&high) { End { closed: false, ..high } } else { high };
        Some(match decide::order(&low.at, &high.at, meter)? {
            Ordering::Less => Region { pieces: vec![Piece { low, high }] },
            Ordering::Equal if low.closed && high.closed => {
                Region { pieces: vec![Piece { low, high }] }
            }
            _ => Region::empty(),
        })
    }

    /// One number.
    pub(super) fn point(at: Expr, meter: &Meter) -> Option<Region> {
        let end = End { at, closed: true };
        Region::interval(end.clone(), end, meter)
    }

    /// Numbers below (or from) `at`.
    pub(super) fn below(at: Expr, closed: bool, meter: &Meter) -> Option<Region> {
        Region::interval(open(minus_infinity()), End { at, closed }, meter)
    }

    /// Numbers above (or from) `at`.
    pub(super) fn above(at: Expr, closed: bool, meter: &Meter) -> Option<Region> {
        Region::interval(End { at, closed }, open(Expr::Infinity), meter)
    }

    /// Everything in either.
    pub(super) fn union(&self, other: &Region, meter: &Meter) -> Option<Region> {
        let mut pieces: Vec<Piece> = self.pieces.iter().chain(&other.pieces).cloned().collect();
        if pieces.len() > MAX_PIECES {
            return None;
        }
        // Insertion sort: the order of two ends may be unknown.
        for i in 1..pieces.len() {
            let mut j = i;
            while j > 0 && starts_before(&pieces[j], &pieces[j - 1], meter)? {
                pieces.swap(j, j - 1);
                j -= 1;
            }
        }
        let mut merged: Vec<Piece> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if let Some(last) = merged.last_mut() {
                let touch = decide::order(&piece.low.at, &last.high.at, meter)?;
                let joined = match touch {
                    Ordering::Less => true,
                    Ordering::Equal => piece.low.closed || last.high.closed,
                    Ordering::Greater => false,
                };
                if joined {
                    match decide::order(&piece.high.at, &last.high.at, meter)? {
                        Ordering::Greater => last.high = piece.high,
                        Ordering::Equal => last.high.closed |= piece.high.closed,
                        Ordering::Less => {}
                    }
                    continue;
                }
            }
            merged.push(piece);
        }
        Some(Region { pieces: merged })
    }

    /// Everything that is not in it.
    pub(super) fn complement(&self, meter: &Meter) -> Option<Region> {
        let mut rest = Vec::with_capacity(self.pieces.len() + 1);
        let mut low = open(minus_infinity());
        for piece in &self.pieces {
            let high = End { at: piece.low.at.clone(), closed: !piece.low.closed };
            rest.extend(Region::interval(low, high, meter)?.pieces);
            low = End { at: piece.high.at.clone(), closed: !piece.high.closed };
        }
        rest.extend(Region::interval(low, open(Expr::Infinity), meter)?.pieces);
        Some(Region { pieces: rest })
    }

    /// Everything in both.
    pub(super) fn intersection(&self, other: &Region, meter: &Meter) -> Option<Region> {
        let outside = self.complement(meter)?;
        outside.union(&other.complement(meter)?, meter)?.complement(meter)
    }

    /// Everything in the first only.
    pub(super) fn difference(&self, other: &Region, meter: &Meter) -> Option<Region> {
        self.intersection(&other.complement(meter)?, meter)
    }

    /// The points, if there is nothing else.
    pub(super) fn points(&self) -> Option<Vec<&Expr>> {
        self.pieces
            .iter()
            .map(|piece| {
                let point = piece.low.closed && piece.high.closed && piece.low.at == piece.high.at;
                point.then_some(&piece.low.at)
            })
            .collect()
    }

    /// Whether both are the same set.
    pub(super) fn equal(&self, other: &Region, meter: &Meter) -> Decision {
        if self.pieces.len() != other.pieces.len() {
            return Decision::Different;
        }
        let mut result = Decision::Equal;
        for (a, b) in self.pieces.iter().zip(&other.pieces) {
            for (a, b) in [(&a.low, &b.low), (&a.high, &b.high)] {
                if a.closed != b.closed {
                    return Decision::Different;
                }
                match decide::equal(&a.at, &b.at, meter) {
                    Decision::Equal => {}
                    Decision::Different => return Decision::Different,
                    Decision::Undecided => result = Decision::Undecided,
                }
            }
        }
        result
    }
}

fn starts_before(a: &Piece, b: &Piece, meter: &Meter) -> Option<bool> {
    Some(match decide::order(&a.low.at, &b.low.at, meter)? {
        Ordering::Less => true,
        Ordering::Equal => a.low.closed && !b.low.closed,
        Ordering::Greater => false,
    })
}
