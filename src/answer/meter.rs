//! The account that all work of one verdict is paid from: steps instead of a clock, so that a verdict is the same on
//! every machine.

use std::cell::Cell;

/// Steps of one verdict: both readings, every comparison, every box. A step is about ten nanoseconds of work on a
/// processor of 2020, so that a verdict ends within half a millisecond.
pub const STEPS: u64 = 30_000;
/// Steps that one answer may take to be read; the rest is left for comparing it.
pub(super) const READING: u64 = STEPS / 3;

/// Steps that are left. What cannot be paid for is not done, and the account is empty from then on.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
}

impl Meter {
    /// An account of so many steps.
    pub(super) fn new(steps: u64) -> Meter {
        Meter { left: Cell::new(steps) }
    }

    /// Steps left.
    pub(super) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    /// Takes steps from the account; `None` where there are too few, and then none are left.
    pub(super) fn pay(&self, steps: u64) -> Option<()> {
        let rest = self.left().checked_sub(steps);
        self.left.set(rest.unwrap_or(0));
        rest.map(|_| ())
    }

    /// Lends at most `limit` steps to a part of the work, and takes back what it did not use: a part that fails for
    /// want of steps leaves the rest of the account untouched.
    pub(super) fn lend<T>(&self, limit: u64, work: impl FnOnce(&Meter) -> T) -> T {
        let part = Meter::new(self.left().min(limit));
        let lent = part.left();
        let result = work(&part);
        self.left.set(self.left() - (lent - part.left()));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_paid_for_empties_the_account() {
        let meter = Meter::new(10);
        assert_eq!((meter.pay(4), meter.left()), (Some(()), 6));
        let inner = meter.lend(5, |part| (part.pay(3), part.pay(3), part.left()));
        assert_eq!((inner, meter.left()), ((Some(()), None, 0), 1));
        assert_eq!((meter.pay(2), meter.is_empty()), (None, true));
    }
}
