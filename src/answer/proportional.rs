//! Is one expression a constant times another? Modulo two primes for rational functions, by balls for the rest.

use super::ball::Ball;
use super::decide::{Decision, POINTS, all_variables, charge, counts, point, whole_numbers};
use super::expr::Expr;
use super::field::{self, Field};
use super::meter::Meter;
use super::modular::{PRIMES, mul};
use super::numeric::Numeric;

use Decision::{Different, Equal, Undecided};

/// Whether `f = c g` for one constant `c` that is not zero; with `positive`, above zero.
pub(super) fn proportional(f: &Expr, g: &Expr, positive: bool, meter: &Meter) -> Decision {
    if f == g {
        return Equal;
    }
    if !charge([f, g], meter) {
        return Undecided;
    }
    if !positive && let Some(decision) = proportional_modular(f, g, meter) {
        return decision;
    }
    let names = all_variables(&[f, g]);
    let whole = whole_numbers(&[f, g], &names);
    let prec = 256;
    let mut first: Option<(Ball, Ball)> = None;
    let mut agreed = 0;
    for k in 0..12 {
        if meter.pay(10 + 10 * names.len() as u64).is_none() {
            break;
        }
        let env = point(&names, k, whole);
        let mut numeric = Numeric::new(prec, env, meter);
        let (Ok(x), Ok(y)) = (numeric.value(f), numeric.value(g)) else { continue };
        if !(x.im.is_zero() && y.im.is_zero()) {
            continue;
        }
        let (x, y) = (x.re.ball(prec), y.re.ball(prec));
        match (x.has_zero(), y.has_zero()) {
            (true, true) => continue,
            (true, false) | (false, true) => return Different,
            _ => {}
        }
        if positive && x.sign() != y.sign() {
            return Different;
        }
        match &first {
            None => first = Some((x, y)),
            Some((x0, y0)) => {
                let (left, right) = (x.mul(y0, prec + 64), y.mul(x0, prec + 64));
                if left.disjoint(&right) {
                    return Different;
                }
                agreed += 1;
            }
        }
        if agreed >= POINTS || (names.is_empty() && first.is_some()) {
            return Equal;
        }
    }
    Undecided
}

fn proportional_modular(f: &Expr, g: &Expr, meter: &Meter) -> Option<Decision> {
    let small = counts(f) || counts(g);
    let mut first: [Option<(u64, u64)>; 2] = [None, None];
    let (mut agreed, mut loose) = (0, false);
    for seed in 0..24usize {
        let prime = PRIMES[seed % 2];
        let mut field = Field::new(prime, seed as u64, small, meter);
        let (x, y) = (field.value(f), field.value(g));
        loose |= field.loose;
        let (x, y) = match (x, y) {
            (Ok(x), Ok(y)) => (x, y),
            (Err(field::Stop::Budget), _) | (_, Err(field::Stop::Budget)) => {
                return Some(Undecided);
            }
            _ => continue,
        };
        if (x == 0) != (y == 0) {
            return (!loose).then_some(Different);
        }
        if x == 0 {
            continue;
        }
        match first[seed % 2] {
            None => first[seed % 2] = Some((x, y)),
            Some((x0, y0)) => {
                if mul(x, y0, prime.p) != mul(y, x0, prime.p) {
                    return (!loose).then_some(Different);
                }
                agreed += 1;
            }
        }
        if agreed >= 4 {
            return Some(Equal);
        }
    }
    None
}
