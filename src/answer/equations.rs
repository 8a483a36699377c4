//! Equations, inequalities and chains of them: the same up to a factor.

use super::decide::{self, Decision};
use super::expr::Expr;
use super::meter::Meter;
use super::proportional::proportional;
use super::relation;
use super::token::P;
use super::value::Relation;

use Decision::{Different, Equal, Undecided};

/// One side minus the other.
fn difference(a: &Expr, b: &Expr) -> Expr {
    a.clone().plus(b.clone().neg())
}

/// Whether two equations say the same up to a factor.
pub(super) fn equations(r: &Relation, s: &Relation, meter: &Meter) -> Decision {
    if !decide::charge(r.sides.iter().chain(&s.sides), meter) {
        return Undecided;
    }
    match (r.sides.as_slice(), r.signs.as_slice(), s.sides.as_slice(), s.signs.as_slice()) {
        ([a, b], [P::Eq], [c, d], [P::Eq]) => {
            match proportional(&difference(a, b), &difference(c, d), false, meter) {
                Undecided if same_link(r, s, 0, meter) => Equal,
                decision => decision,
            }
        }
        _ => Different,
    }
}

pub(super) fn relations(r: &Relation, s: &Relation, meter: &Meter) -> Decision {
    if r.sides.len() != s.sides.len() {
        return Different;
    }
    if r.signs.iter().all(|&p| p == P::Eq) || s.signs.iter().all(|&p| p == P::Eq) {
        return equations(r, s, meter);
    }
    // The sides are copied below.
    if !decide::charge(r.sides.iter().chain(&s.sides), meter) {
        return Undecided;
    }
    let mut flipped = s.clone();
    flipped.sides.reverse();
    flipped.signs.reverse();
    flipped.signs.iter_mut().for_each(|p| *p = relation::mirrored(*p));
    let direct = chain(r, s, meter);
    if direct == Equal {
        return Equal;
    }
    match (direct, chain(r, &flipped, meter)) {
        (_, Equal) => Equal,
        (Different, Different) => Different,
        _ => Undecided,
    }
}

/// Link by link: the same sign, and differences that are proportional, positively unless the sign is `\ne`.
fn chain(r: &Relation, s: &Relation, meter: &Meter) -> Decision {
    let mut result = Equal;
    for (k, (&p, &q)) in r.signs.iter().zip(&s.signs).enumerate() {
        if p != q {
            return Different;
        }
        // Most are written with the same sides.
        if same_link(r, s, k, meter) {
            continue;
        }
        let (f, g) =
            (difference(&r.sides[k], &r.sides[k + 1]), difference(&s.sides[k], &s.sides[k + 1]));
        match proportional(&f, &g, p != P::Ne && p != P::Eq, meter) {
            Equal => {}
            Different => return Different,
            Undecided => result = Undecided,
        }
    }
    result
}

/// Whether both sides of a link are the same: what remains to be seen where the differences of the sides have no real
/// values, or none but zero.
fn same_link(r: &Relation, s: &Relation, k: usize, meter: &Meter) -> bool {
    (k..=k + 1).all(|side| decide::equal(&r.sides[side], &s.sides[side], meter) == Equal)
}
