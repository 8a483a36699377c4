//! Numbers and expressions side by side: units, percent signs, decimals for endless numbers, other bases.

use super::ball::Ball;
use super::compare::{Comparison, of};
use super::decide::{self, Decision};
use super::exact;
use super::expr::Expr;
use super::form;
use super::meter::Meter;
use super::number::{plain_digits, unit_factor};
use super::rat::Rat;
use super::tolerance;
use super::units::Unit;
use super::value::{Based, Literal, Quantity};

use Decision::{Different, Equal, Undecided};

impl Comparison<'_> {
    pub(super) fn quantities(&mut self, gold: &Quantity, answer: &Quantity) -> Decision {
        if (gold.is_word || answer.is_word)
            && let (Some(x), Some(y)) = (&gold.word, &answer.word)
        {
            return of(x == y);
        }
        let strict = !self.rules.calculations || self.rules.same_form;
        if strict && gold.literal != Literal::No {
            let fine = match answer.literal {
                Literal::No => false,
                Literal::Fraction(lowest) => lowest || gold.literal == Literal::Fraction(false),
                _ => true,
            };
            if !fine {
                return Different;
            }
        }
        let Some(factor) = unit_factor(gold.unit.as_ref(), answer.unit.as_ref()) else {
            return Different;
        };
        if gold.percent == answer.percent {
            let decision = self.numbers(gold, answer, &factor);
            if decision == Equal
                && self.rules.same_form
                && gold.literal == Literal::No
                && !form::same(&gold.expr, &answer.expr, self.meter)
            {
                return Different;
            }
            return decision;
        }
        let (percent, other) = if gold.percent { (gold, answer) } else { (answer, gold) };
        // A share has no measure: 75 % is not 75 degrees.
        if matches!(other.unit, Some(Unit::Measure(..))) {
            return Different;
        }
        let direct = self.numbers(percent, other, &factor);
        // 60 % is 0.6, but 6000 % is not 60: there the sign is a slip.
        let share = match &other.exact {
            Some(value) => !value.is_integer() || value.abs() <= Rat::ONE,
            None => true,
        };
        if direct == Equal || !share {
            return direct;
        }
        self.numbers(percent, other, &Rat::Small(1, 100))
    }

    /// Whether `a factor = b`, or nearly so where there is a tolerance.
    fn numbers(&mut self, a: &Quantity, b: &Quantity, factor: &Rat) -> Decision {
        let decision = self.same_number(a, b, factor);
        match a.tolerance.as_ref().or(b.tolerance.as_ref()) {
            Some(tolerance) if decision == Different => {
                let left = Expr::Num(factor.clone()).times(a.expr.clone());
                of(tolerance::within(&left, &b.expr, tolerance, self.meter))
            }
            _ => decision,
        }
    }

    fn same_number(&mut self, a: &Quantity, b: &Quantity, factor: &Rat) -> Decision {
        if let (Some(x), Some(y)) = (&a.exact, &b.exact) {
            let same = if factor.is_one() {
                x == y
            } else {
                match exact::product(x, factor, self.meter) {
                    Some(product) => product == *y,
                    None => return Undecided,
                }
            };
            if same || !(self.rules.approximations && (rounds(a, b) || rounds(b, a))) {
                return of(same);
            }
        }
        let scaled;
        let left = if factor.is_one() {
            &a.expr
        } else {
            scaled = Expr::Num(factor.clone()).times(a.expr.clone());
            &scaled
        };
        let decision = decide::equal(left, &b.expr, self.meter);
        if decision == Different && self.rules.approximations && (rounds(a, b) || rounds(b, a)) {
            return of(near(left, &b.expr, self.meter));
        }
        decision
    }
}

/// Whether `a` is a decimal of at least six digits and `b` a number without one.
fn rounds(a: &Quantity, b: &Quantity) -> bool {
    let decimal =
        matches!(a.literal, Literal::Decimal { point: true, significant } if significant >= 6);
    let endless = || match &b.exact {
        Some(value) => !value.terminates(),
        None => !b.expr.has_variables(),
    };
    decimal && endless()
}

/// Whether two constants differ by less than a millionth.
fn near(a: &Expr, b: &Expr, meter: &Meter) -> bool {
    let (Some(a), Some(b)) = (decide::constant(a, meter), decide::constant(b, meter)) else {
        return false;
    };
    let difference = a.sub(&b, 300).abs();
    let larger = if a.abs().sub(&b.abs(), 300).sign() == Some(1) { &a } else { &b };
    let limit = larger.abs().mul(&Ball::rat(&Rat::Small(1, 1_000_000), 300), 300);
    limit.sub(&difference, 300).sign() != Some(-1)
}

/// A number in a base against one without: the same digits.
pub(super) fn based(based: &Based, q: &Quantity) -> Decision {
    let digits = match (&q.expr, q.literal) {
        (Expr::Num(value), Literal::Decimal { .. }) if q.unit.is_none() && !q.percent => {
            decimal_digits(value)
        }
        _ => q.word.as_deref().map(str::to_ascii_uppercase),
    };
    of(digits.is_some_and(|digits| plain_digits(&digits) == *based.digits))
}

/// The decimal digits of a number whose decimals end.
fn decimal_digits(value: &Rat) -> Option<String> {
    if value.is_integer() {
        return Some(value.to_string());
    }
    // At most 64 decimals: the denominator divides 10^64.
    if value.denom().bits() > 213 || !value.terminates() {
        return None;
    }
    let mut places = 0;
    let mut scaled = value.clone();
    while !scaled.is_integer() {
        scaled = scaled.mul(&Rat::int(10));
        places += 1;
        if places > 64 || scaled.bits() > 1024 {
            return None;
        }
    }
    let digits = format!("{:0>width$}", scaled.abs().to_string(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    Some(format!("{}{whole}.{part}", if value.is_negative() { "-" } else { "" }))
}
