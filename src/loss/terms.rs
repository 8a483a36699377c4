//! What surrounds a surrogate: denominators, KL estimators, corrections for the sampler.

use serde::{Deserialize, Serialize};

/// What the summed loss of a step is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// As the loss's paper has it.
    Default,
    /// Nothing: the sum over all tokens (tinker-cookbook). With Adam the same as a constant.
    Sum,
    /// The number of trained tokens of the step.
    Tokens,
    /// Mean over completions of each completion's mean over tokens.
    Completions,
    /// `completions * max_tokens`.
    Constant,
}

/// Estimators of KL(policy || reference) from one sample (Schulman 2020, "Approximating KL divergence"), d = l - f.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `d`: unbiased as a value; as a loss its expected gradient is zero, so it only adds noise.
    K1,
    /// `d^2 / 2`: biased as a value, the right gradient on policy.
    K2,
    /// `exp(-d) + d - 1`: unbiased and never negative.
    K3,
}

impl KlEstimator {
    /// Value and derivative with respect to l, of d = l - f.
    pub(super) fn of(self, d: f64) -> (f64, f64) {
        match self {
            Self::K1 => (d, 1.0),
            Self::K2 => (0.5 * d * d, d),
            Self::K3 => ((-d).exp() + d - 1.0, 1.0 - (-d).exp()),
        }
    }
}

/// How the ratio `w = exp(o - q)` of learner to sampler corrects the surrogate: token by token or as the product over the
/// sequence, cut at the cap or set to 0 above it. Names and meaning as TRL's `vllm_importance_sampling_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// `min(w, cap)` (Yao et al. 2025, truncated importance sampling).
    TokenTruncate,
    /// `w`, 0 above the cap (icepop).
    TokenMask,
    /// `min(product of w, cap)`.
    SequenceTruncate,
    /// Product of w, 0 above the cap: TRL's default, with cap 3.
    SequenceMask,
}

impl Correction {
    /// Whether it takes the product over the sequence.
    pub(super) fn needs_whole_sequences(self) -> bool {
        matches!(self, Self::SequenceTruncate | Self::SequenceMask)
    }

    /// The factor on the surrogate, from `w` of the token or the sequence.
    pub(super) fn factor(self, w: f64, cap: f64) -> f64 {
        match self {
            Self::TokenTruncate | Self::SequenceTruncate => w.min(cap),
            Self::TokenMask | Self::SequenceMask => {
                if w > cap {
                    0.0
                } else {
                    w
                }
            }
        }
    }
}
