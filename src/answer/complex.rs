//! Complex numbers whose parts are exact rationals or balls.

use super::ball::Ball;
use super::rat::Rat;

/// A real number.
#[derive(Clone, Debug)]
pub(super) enum Real {
    /// Known exactly.
    Exact(Rat),
    /// Known within bounds.
    Near(Ball),
}

use Real::{Exact, Near};

/// A complex number.
#[derive(Clone, Debug)]
pub(super) struct Complex {
    pub(super) re: Real,
    pub(super) im: Real,
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// No value at this point.
    Undefined,
    /// More precision may help.
    Precision,
    /// Beyond the budget, or a function without numeric meaning here.
    Unknown,
}

pub(super) type Value = Result<Complex, Stop>;

impl Real {
    pub(super) fn zero() -> Real {
        Exact(Rat::ZERO)
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self, Exact(value) if value.is_zero())
    }

    pub(super) fn ball(&self, prec: u64) -> Ball {
        match self {
            Exact(value) => Ball::rat(value, prec + 8),
            Near(ball) => ball.clone(),
        }
    }

    pub(super) fn sign(&self) -> Option<i8> {
        match self {
            Exact(value) => Some(value.signum()),
            Near(ball) => ball.sign(),
        }
    }

    pub(super) fn neg(&self) -> Real {
        match self {
            Exact(value) => Exact(value.neg()),
            Near(ball) => Near(ball.neg()),
        }
    }
}

/// A real complex number.
pub(super) fn real(re: Real) -> Complex {
    Complex { re, im: Real::zero() }
}

impl Complex {
    pub(super) fn is_real(&self) -> bool {
        self.im.is_zero()
    }

    pub(super) fn is_zero(&self) -> bool {
        self.re.is_zero() && self.im.is_zero()
    }

    pub(super) fn neg(&self) -> Complex {
        Complex { re: self.re.neg(), im: self.im.neg() }
    }

    pub(super) fn exact(&self) -> Option<&Rat> {
        match (&self.re, self.is_real()) {
            (Exact(value), true) => Some(value),
            _ => None,
        }
    }
}
