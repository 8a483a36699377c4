//! Voting: what the samples of one problem decide together.
//!
//! A sample's vote goes to the class of its answer under the grader's equivalence; samples without an answer abstain.
//! [`count`] gives maj@k for every k exactly, by counting subsets instead of drawing them; [`draw`] handles what cannot
//! be counted (weights, ties by order), by enumeration where feasible and by seeded subsampling otherwise.

pub mod best;
pub mod count;
pub mod draw;

use serde::{Deserialize, Serialize};

/// The votes of one problem's samples, in sampling order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Votes {
    /// Class of each sample's answer, any numbers; `None` abstains.
    pub classes: Vec<Option<usize>>,
    /// The class that is right, if any sample is: the class of the samples that the grader accepts.
    pub right: Option<usize>,
}

impl Votes {
    /// Number of samples, abstentions included.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Number of right samples.
    pub fn correct(&self) -> usize {
        self.classes.iter().filter(|class| class.is_some() && **class == self.right).count()
    }
}

/// Who wins when several classes have the most votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// One of the tied classes by lot; maj@k is the expectation, so a tie of two counts one half. Equal in expectation to
    /// taking the class that was sampled first, since samples are exchangeable.
    #[default]
    Lot,
    /// A tie is not an answer: it counts as wrong (the lower bound).
    Wrong,
    /// The right class wins every tie it is in (the upper bound).
    Right,
    /// The tied class whose first vote was sampled first (what a counter with insertion order does).
    First,
}

impl Tie {
    /// The rule in words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Lot => "by lot among the tied",
            Self::Wrong => "as wrong",
            Self::Right => "for the right answer",
            Self::First => "for the answer sampled first",
        }
    }
}

/// What becomes of one vote among k samples: chances that add up to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fate {
    /// The right class has more votes than every other.
    pub won: f64,
    /// The right class is tied at the top and wins under the rule.
    pub tie_won: f64,
    /// The right class is tied at the top and loses under the rule.
    pub tie_lost: f64,
    /// A right answer was sampled and another class has more votes.
    pub outvoted: f64,
    /// No right answer among the k.
    pub never_sampled: f64,
}

impl Fate {
    /// maj@k.
    pub fn maj(&self) -> f64 {
        self.won + self.tie_won
    }

    /// pass@k: a right answer was sampled.
    pub fn pass(&self) -> f64 {
        1.0 - self.never_sampled
    }

    /// The five chances in the order of [`Fate::NAMES`].
    pub fn parts(&self) -> [f64; 5] {
        [self.won, self.tie_won, self.tie_lost, self.outvoted, self.never_sampled]
    }

    /// Names of [`Fate::parts`].
    pub const NAMES: [&'static str; 5] =
        ["won", "tied, won", "tied, lost", "sampled and outvoted", "never sampled"];
}

/// The share of a tie among `tied` classes, the right one included, that the right class wins.
fn share_of_tie(tie: Tie, tied: usize) -> f64 {
    match tie {
        Tie::Right => 1.0,
        Tie::Wrong => 0.0,
        Tie::Lot | Tie::First => 1.0 / tied as f64,
    }
}
