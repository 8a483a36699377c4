//! Are two expressions equal? Exactly where possible, modulo two primes at random points for rational functions, and
//! by balls at fixed points, with up to 1,024 bits, for everything else.

use std::cmp::Ordering;

use super::ball::Ball;
use super::complex::{Complex, Real, Stop};
use super::exact;
use super::expr::Expr;
use super::field::{self, Field};
use super::func::Fun;
use super::meter::{Meter, STEPS};
use super::modular::{PRIMES, hash, mix};
use super::normal;
use super::numeric::Numeric;
use super::rat::Rat;

/// What is known about two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Equal.
    Equal,
    /// Different.
    Different,
    /// The budget was spent, or there is no way to tell.
    Undecided,
}

use Decision::{Different, Equal, Undecided};

/// Precisions of the numeric check, in bits.
const LADDER: [u64; 3] = [64, 256, 1024];
/// Points at which functions of variables must agree.
pub(super) const POINTS: usize = 4;

impl Decision {
    fn of(equal: bool) -> Decision {
        if equal { Equal } else { Different }
    }
}

/// Charges for looking at expressions at all, which costs time even if nothing is calculated; false where the steps do
/// not suffice.
pub(super) fn charge<'a>(parts: impl IntoIterator<Item = &'a Expr>, meter: &Meter) -> bool {
    for part in parts {
        if meter.is_empty() {
            return false;
        }
        let mut size = 0;
        part.any(|_| {
            size += 1;
            false
        });
        // Several passes look at every part: for infinity, variables, logarithms, counting functions.
        if meter.pay(4 * size).is_none() {
            return false;
        }
    }
    !meter.is_empty()
}

/// Whether two expressions have the same value, as functions of their variables, within the steps that are left.
pub(super) fn equal(a: &Expr, b: &Expr, meter: &Meter) -> Decision {
    if a == b {
        return Equal;
    }
    if !charge([a, b], meter) {
        return Undecided;
    }
    let infinite = |e: &Expr| e.any(|part| matches!(part, Expr::Infinity));
    if infinite(a) || infinite(b) {
        let (a, b) = (infinity(a), infinity(b));
        if a.is_some() || b.is_some() {
            return Decision::of(a == b);
        }
    }
    let constants = !a.has_variables() && !b.has_variables();
    if constants
        && let Some(a) = exact::value(a, &[], meter)
        && let Some(b) = exact::value(b, &[], meter)
    {
        return Decision::of(a == b);
    }
    let logs = |e: &Expr| e.any(|part| matches!(part, Expr::Fun(Fun::Log, _)));
    let natural = equal_numbers(a, b, meter);
    if natural != Equal && (logs(a) || logs(b)) {
        let decimal = |e: &Expr| {
            e.clone().map(&|part| match part {
                Expr::Fun(Fun::Log, mut args) if args.len() == 1 => {
                    args.insert(0, Expr::int(10));
                    Expr::Fun(Fun::LogBase, args)
                }
                other => other,
            })
        };
        if equal_numbers(&decimal(a), &decimal(b), meter) == Equal {
            return Equal;
        }
    }
    natural
}

/// The sign of an infinite value.
pub(super) fn infinity(e: &Expr) -> Option<i8> {
    match e {
        Expr::Infinity => Some(1),
        Expr::Mul(parts) => {
            let (mut sign, mut found) = (1, false);
            for part in parts {
                sign *= match part {
                    Expr::Num(value) if !value.is_zero() => value.signum(),
                    other => {
                        found = true;
                        infinity(other)?
                    }
                };
            }
            found.then_some(sign)
        }
        _ => None,
    }
}

fn equal_numbers(a: &Expr, b: &Expr, meter: &Meter) -> Decision {
    let counting = counts(a) || counts(b);
    // An eighth is kept for the normal forms: a factorial may take all that there is.
    let modular = meter.lend(meter.left() - meter.left() / 8, |part| modular(a, b, counting, part));
    let decision = modular.unwrap_or_else(|| numeric(a, b, meter));
    if decision == Undecided && same_normal_form(a, b, meter) { Equal } else { decision }
}

/// Whether both have one normal form, which proves that they are equal; an eighth of a verdict's steps may go into it.
fn same_normal_form(a: &Expr, b: &Expr, meter: &Meter) -> bool {
    meter.lend(STEPS / 8, |part| {
        normal::normal(a, part).is_some_and(|form| normal::normal(b, part) == Some(form))
    })
}

/// Whether variables occur where only whole numbers make sense.
pub(super) fn counts(e: &Expr) -> bool {
    e.any(|part| match part {
        Expr::Fun(
            Fun::Factorial | Fun::Binomial | Fun::DoubleFactorial | Fun::Gcd | Fun::Lcm,
            args,
        ) => args.iter().any(Expr::has_variables),
        _ => false,
    })
}

/// The identity test modulo primes; `None` where it proves nothing.
fn modular(a: &Expr, b: &Expr, small: bool, meter: &Meter) -> Option<Decision> {
    let mut seen = 0;
    let mut loose = false;
    let wanted = if small { 8 } else { 2 };
    for seed in 0..24 {
        let prime = PRIMES[seed % 2];
        let mut field = Field::new(prime, seed as u64, small, meter);
        let x = field.value(a);
        let y = field.value(b);
        loose |= field.loose;
        match (x, y) {
            (Ok(x), Ok(y)) if x == y => seen += 1,
            (Ok(_), Ok(_)) => return (!loose).then_some(Different),
            (Err(field::Stop::Budget), _) | (_, Err(field::Stop::Budget)) => {
                return Some(Undecided);
            }
            // Undefined at this point; everywhere if there is no point.
            _ if !a.has_variables() && !b.has_variables() => return (!loose).then_some(Different),
            _ => {}
        }
        if seen == wanted {
            return Some(Equal);
        }
    }
    None
}

/// Values of the variables at the `k`-th point: beyond 1, between 0 and 1, larger, or negative, in turn.
pub(super) fn point(names: &[Box<str>], k: usize, whole: bool) -> Vec<(&str, Rat)> {
    let value = |name: &str| {
        let random = mix(hash(name) ^ mix(1000 + k as u64));
        if whole {
            return Rat::int(2 + (random % 40) as i64);
        }
        let d = [7i64, 11, 13][(random % 3) as usize];
        let step = ((random >> 8) % (d as u64 - 1)) as i64 + 1;
        let n = match k % 4 {
            0 => d + step + d * ((random >> 20) % 2) as i64,
            1 => step,
            2 => d * (3 + ((random >> 20) % 5) as i64) + step,
            _ => -(step + d * ((random >> 20) % 2) as i64),
        };
        Rat::Small(n, d)
    };
    names.iter().map(|name| (&**name, value(name))).collect()
}

pub(super) fn all_variables(parts: &[&Expr]) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = parts.iter().flat_map(|part| part.variables()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Letters that stand for whole numbers where rounding or parity is involved.
pub(super) fn whole_numbers(parts: &[&Expr], names: &[Box<str>]) -> bool {
    let index = |name: &str| name.starts_with(['n', 'm', 'k', 'j', 'i', 'N', 'M', 'K']);
    let rounds = |e: &&Expr| {
        e.any(|part| match part {
            Expr::Fun(Fun::Floor | Fun::Ceil, _) => true,
            Expr::Pow(pair) => matches!(&pair.0, Expr::Num(value) if value.is_negative()),
            Expr::Fun(Fun::Sin | Fun::Cos | Fun::Tan, args) => {
                args.iter().any(|a| a.any(|p| *p == Expr::Pi))
            }
            _ => false,
        })
    };
    counts_any(parts)
        || (!names.is_empty() && names.iter().all(|n| index(n)) && parts.iter().any(rounds))
}

fn counts_any(parts: &[&Expr]) -> bool {
    parts.iter().any(|part| counts(part))
}

enum Local {
    Same,
    Other,
    /// Agreement, or difference, where a real expression has no real value.
    Unreal(bool),
    Nothing(Stop),
}

/// Compares at one point with growing precision. The last precision is left out where it would take more than half
/// of the steps that are left: an overlap with 256 bits then counts as equal.
fn local(a: &Expr, b: &Expr, env: &[(&str, Rat)], ladder: &[u64], meter: &Meter) -> Local {
    let complex = |e: &Expr| e.any(|part| matches!(part, Expr::I));
    let complex = complex(a) || complex(b);
    let mut last = Stop::Precision;
    for (k, &prec) in ladder.iter().enumerate() {
        let before = meter.left();
        let mut numeric = Numeric::new(prec, env.to_vec(), meter);
        let x = numeric.value(a);
        let y = numeric.value(b);
        let unreal = numeric.unreal && !complex;
        let (x, y) = match (x, y) {
            (Ok(x), Ok(y)) => (x, y),
            (Err(Stop::Unknown), _) | (_, Err(Stop::Unknown)) => {
                return Local::Nothing(Stop::Unknown);
            }
            (Err(stop), _) | (_, Err(stop)) => {
                last = stop;
                continue;
            }
        };
        let spent = before - meter.left();
        let finest = k + 1 == ladder.len() || (prec >= 256 && 6 * spent > meter.left() / 2);
        match compare(&x, &y, prec, finest) {
            Some(same) if unreal => return Local::Unreal(same),
            Some(true) => return Local::Same,
            Some(false) => return Local::Other,
            None => last = Stop::Precision,
        }
    }
    Local::Nothing(last)
}

/// Equal for all that can be known at this precision, different for certain, or neither.
fn compare(x: &Complex, y: &Complex, prec: u64, finest: bool) -> Option<bool> {
    let part = |a: &Real, b: &Real| -> Option<bool> {
        if let (Real::Exact(a), Real::Exact(b)) = (a, b) {
            return Some(a == b);
        }
        let (a, b) = (a.ball(prec), b.ball(prec));
        if a.disjoint(&b) {
            return Some(false);
        }
        finest.then(|| tight(&a, &b, prec))?.then_some(true)
    };
    match (part(&x.re, &y.re), part(&x.im, &y.im)) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Whether an overlap means something: the difference is far smaller than the values, or than one.
fn tight(a: &Ball, b: &Ball, prec: u64) -> bool {
    let difference = a.sub(b, prec + 64);
    if difference.is_exact() && difference.has_zero() {
        return true;
    }
    let difference = difference.magnitude();
    let size = a.magnitude().max(b.magnitude());
    difference < size - prec as i64 / 2 || difference < -(prec as i64) / 2
}

fn numeric(a: &Expr, b: &Expr, meter: &Meter) -> Decision {
    let names = all_variables(&[a, b]);
    if names.is_empty() {
        return match local(a, b, &[], &LADDER, meter) {
            Local::Same | Local::Unreal(true) => Equal,
            Local::Other | Local::Unreal(false) => Different,
            Local::Nothing(Stop::Undefined) => Different,
            Local::Nothing(_) => Undecided,
        };
    }
    let whole = whole_numbers(&[a, b], &names);
    let (mut same, mut unreal) = (0, None);
    for k in 0..12 {
        if meter.pay(10 + 10 * names.len() as u64).is_none() {
            break;
        }
        let env = point(&names, k, whole);
        // Where one point agreed the next one will most likely, too.
        let ladder = if same == 0 { &LADDER[..2] } else { &LADDER[1..2] };
        match local(a, b, &env, ladder, meter) {
            Local::Same => same += 1,
            Local::Other => return Different,
            Local::Unreal(agree) => unreal = Some(unreal.unwrap_or(true) && agree),
            Local::Nothing(_) => {}
        }
        if same >= POINTS {
            return Equal;
        }
        // No value at half of the points: there is none to be found.
        if k >= 5 && same == 0 && unreal.is_none() {
            break;
        }
    }
    match (same, unreal) {
        (2.., _) | (1, Some(true)) => Equal,
        (0, Some(agree)) => Decision::of(agree),
        _ => Undecided,
    }
}

/// Which of two real constants is larger; `None` where it cannot be told.
pub(super) fn order(a: &Expr, b: &Expr, meter: &Meter) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    if !charge([a, b], meter) || a.has_variables() || b.has_variables() {
        return None;
    }
    match (infinity(a), infinity(b)) {
        (None, None) => {}
        (x, y) => return Some(x.unwrap_or(0).cmp(&y.unwrap_or(0))),
    }
    if let Some(a) = exact::value(a, &[], meter)
        && let Some(b) = exact::value(b, &[], meter)
    {
        return Some(a.cmp(&b));
    }
    for prec in LADDER {
        let mut numeric = Numeric::new(prec, Vec::new(), meter);
        let (x, y) = (numeric.value(a).ok()?, numeric.value(b).ok()?);
        if !(x.im.is_zero() && y.im.is_zero()) {
            return None;
        }
        let (x, y) = (x.re.ball(prec), y.re.ball(prec));
        if let Some(sign) = x.sub(&y, prec + 64).sign() {
            return Some(sign.cmp(&0));
        }
        if prec == LADDER[LADDER.len() - 1] && tight(&x, &y, prec) {
            return Some(Ordering::Equal);
        }
    }
    None
}

/// A real constant within bounds, at 256 bits.
pub(super) fn constant(e: &Expr, meter: &Meter) -> Option<Ball> {
    if !charge([e], meter) || e.has_variables() {
        return None;
    }
    let mut numeric = Numeric::new(256, Vec::new(), meter);
    let value = numeric.value(e).ok()?;
    value.im.is_zero().then(|| value.re.ball(256))
}
