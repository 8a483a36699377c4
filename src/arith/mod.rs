//! The arithmetic world: problems in five levels with exact answers and solutions, no download needed.
//!
//! A problem is a chain of steps on a running value. The level is the number of steps (1, 2, 4, 6, 9), so a model that
//! makes each step right with probability p solves a problem with about p^steps, and writing the steps down helps.

mod text;
mod world;

pub use world::{BENCHMARKS, Example, Train, benchmark};

use crate::rng::Stream;

/// Number of steps of each level, level 1 first.
pub const STEPS: [usize; 5] = [1, 2, 4, 6, 9];
/// Largest value of the running number in each level.
const LARGEST: [i64; 5] = [99, 149, 199, 199, 199];

/// One step on the running value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Plus 1 to 99.
    Add(i64),
    /// Minus 1 to 99; the value stays at 0 or above.
    Sub(i64),
    /// Times 2 to 9.
    Mul(i64),
    /// Divided by 2 to 9, exactly.
    Div(i64),
}

impl Op {
    /// The value after this step.
    pub fn apply(self, value: i64) -> i64 {
        match self {
            Self::Add(n) => value + n,
            Self::Sub(n) => value - n,
            Self::Mul(n) => value * n,
            Self::Div(n) => value / n,
        }
    }

    /// Its sign and operand, as in `12+5`.
    fn sign(self) -> (char, i64) {
        match self {
            Self::Add(n) => ('+', n),
            Self::Sub(n) => ('-', n),
            Self::Mul(n) => ('*', n),
            Self::Div(n) => ('/', n),
        }
    }
}

/// A start value and the steps on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The value before the first step.
    pub start: i64,
    /// The steps.
    pub ops: Vec<Op>,
}

impl Chain {
    /// Draws a chain of `level` (1 to 5).
    fn draw(level: u8, rng: &mut Stream) -> Self {
        let index = usize::from(level - 1);
        let largest = LARGEST[index];
        let start = rng.between(2, largest.min(99));
        let mut value = start;
        let ops = (0..STEPS[index])
            .map(|_| {
                let op = draw_op(value, largest, rng);
                value = op.apply(value);
                op
            })
            .collect();
        Self { start, ops }
    }

    /// The value after all steps.
    pub fn answer(&self) -> i64 {
        self.ops.iter().fold(self.start, |value, op| op.apply(value))
    }

    /// The steps written down, one a line, and the boxed answer.
    pub fn solution(&self) -> String {
        let mut value = self.start;
        let mut text = String::new();
        for op in &self.ops {
            let (sign, operand) = op.sign();
            let next = op.apply(value);
            text.push_str(&format!("{value}{sign}{operand}={next}\n"));
            value = next;
        }
        text + &format!("\\boxed{{{value}}}")
    }
}

/// Draws a step that keeps the value in `0..=largest`.
fn draw_op(value: i64, largest: i64, rng: &mut Stream) -> Op {
    loop {
        let op = match rng.between(0, 9) {
            0..=3 => Op::Add(rng.between(1, 99.min(largest))),
            4..=6 => Op::Sub(rng.between(1, 99)),
            7..=8 => Op::Mul(rng.between(2, 9)),
            _ => Op::Div(rng.between(2, 9)),
        };
        let exact = !matches!(op, Op::Div(n) if value % n != 0 || value == 0);
        let moves = !matches!(op, Op::Mul(_) if value == 0);
        if exact && moves && (0..=largest).contains(&op.apply(value)) {
            return op;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn a_solution_by_hand() {
        let chain = Chain { start: 12, ops: vec![Op::Add(5), Op::Mul(3), Op::Sub(1), Op::Div(2)] };
        assert_eq!(chain.answer(), 25);
        assert_eq!(chain.solution(), "12+5=17\n17*3=51\n51-1=50\n50/2=25\n\\boxed{25}");
    }

    #[test]
    fn values_stay_in_range_and_levels_have_their_steps() {
        for level in 1..=5u8 {
            for i in 0..500 {
                let chain = Chain::draw(level, &mut Seed(9).index(i).stream());
                assert_eq!(chain.ops.len(), STEPS[usize::from(level - 1)]);
                let mut value = chain.start;
                for op in &chain.ops {
                    if let Op::Div(n) = op {
                        assert_eq!(value % n, 0);
                    }
                    value = op.apply(value);
                    assert!((0..=LARGEST[usize::from(level - 1)]).contains(&value));
                }
            }
        }
    }
}
