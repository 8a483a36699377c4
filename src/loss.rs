//! Losses: formula, source and denominator of each. The tensor versions are tested against the scalar ones here.

use serde::{Deserialize, Serialize};

/// What a step minimises. Summed over trained tokens, then divided by the denominator that the caller names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Cross-entropy: `-w_t * logp_t`, `w_t` the token's weight (`advantages` of a sample). The SFT loss.
    CrossEntropy,
}

impl Loss {
    /// One token's share of the sum: `logp` under the learner, `weight` of the token.
    pub fn token(&self, logp: f64, weight: f64) -> f64 {
        match self {
            Self::CrossEntropy => -weight * logp,
        }
    }
}
