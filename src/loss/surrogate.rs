//! The surrogates: what a token adds to the loss, and its slope.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The surrogate of one token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// `-A l`, A the token's weight: the SFT loss.
    CrossEntropy,
    /// `-exp(l - q) A`: the policy gradient with importance weights (tinker-cookbook, the study's remote runs).
    ImportanceSampling,
    /// `-min(r A, clip(r, 1 - clip_low, 1 + clip_high) A)`, for A < 0 not above `-dual_clip A` (0 = no such bound).
    /// Schulman et al. 2017, arXiv:1707.06347; dual clip: Ye et al. 2020, arXiv:1912.09729. Mean over completions of the
    /// mean over tokens, as GRPO (arXiv:2402.03300).
    Ppo {
        /// Lower bound.
        clip_low: f64,
        /// Upper bound.
        clip_high: f64,
        /// Bound for negative advantages, above 1.
        dual_clip: f64,
    },
    /// As `ppo` without dual clip, divided by a constant, `completions * max_tokens`: no length bias (Liu et al. 2025,
    /// arXiv:2503.20783; meant with centred advantages).
    DrGrpo {
        /// Lower bound.
        clip_low: f64,
        /// Upper bound.
        clip_high: f64,
    },
    /// As `ppo` with a higher upper bound, mean over all tokens of the step (Yu et al. 2025, arXiv:2503.14476).
    Dapo {
        /// Lower bound.
        clip_low: f64,
        /// Upper bound.
        clip_high: f64,
    },
    /// As `ppo` with the sequence's ratio `exp(mean(l - o))`, mean over completions (Zheng et al. 2025,
    /// arXiv:2507.18071).
    Gspo {
        /// Lower bound; small, since the ratio is a geometric mean.
        clip_low: f64,
        /// Upper bound.
        clip_high: f64,
    },
    /// `-sg(min(r, max_ratio)) A l`: clips the weight, never the gradient (MiniMax-M1, arXiv:2506.13585). Mean over all
    /// tokens.
    Cispo {
        /// Largest weight.
        max_ratio: f64,
    },
}

impl Loss {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(super) fn check(&self) -> Result<()> {
        let bounds = match *self {
            Self::CrossEntropy | Self::ImportanceSampling => vec![],
            Self::Ppo { clip_low, clip_high, dual_clip } => {
                if dual_clip != 0.0 && dual_clip <= 1.0 {
                    let problem = format!("{dual_clip} must be above 1, or 0 for none");
                    return Err(Error::config("loss.dual_clip", problem));
                }
                vec![("loss.clip_low", clip_low), ("loss.clip_high", clip_high)]
            }
            Self::DrGrpo { clip_low, clip_high }
            | Self::Dapo { clip_low, clip_high }
            | Self::Gspo { clip_low, clip_high } => {
                vec![("loss.clip_low", clip_low), ("loss.clip_high", clip_high)]
            }
            Self::Cispo { max_ratio } => vec![("loss.max_ratio", max_ratio)],
        };
        match bounds.iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            Some((name, value)) => {
                Err(Error::config(*name, format!("{value} must be a number of 0 or more")))
            }
            None => Ok(()),
        }
    }

    /// Whether the tokens of a sequence must be looked at together.
    pub(super) fn needs_whole_sequences(&self) -> bool {
        matches!(self, Self::Gspo { .. })
    }

    /// Whether the ratio is taken to the sampler, so that nothing is left to correct.
    pub(super) fn looks_at_sampler(&self) -> bool {
        matches!(self, Self::CrossEntropy | Self::ImportanceSampling)
    }

    /// A token's share; `sequence_ratio` stands in for the token's own where the loss looks at whole sequences.
    pub(super) fn token(
        &self,
        l: f64,
        q: f64,
        o: f64,
        a: f64,
        sequence_ratio: Option<f64>,
    ) -> Token {
        let ratio = sequence_ratio.unwrap_or_else(|| (l - o).exp());
        match *self {
            Self::CrossEntropy => Token { loss: -a * l, slope: -a, ratio: 1.0, clipped: 0 },
            Self::ImportanceSampling => {
                let ratio = (l - q).exp();
                Token { loss: -ratio * a, slope: -ratio * a, ratio, clipped: 0 }
            }
            Self::Ppo { clip_low, clip_high, dual_clip } => {
                Token::clipped(ratio, a, clip_low, clip_high, dual_clip)
            }
            Self::DrGrpo { clip_low, clip_high }
            | Self::Dapo { clip_low, clip_high }
            | Self::Gspo { clip_low, clip_high } => {
                Token::clipped(ratio, a, clip_low, clip_high, 0.0)
            }
            Self::Cispo { max_ratio } => {
                let weight = ratio.min(max_ratio);
                let clipped = i8::from(ratio > max_ratio && a > 0.0);
                Token { loss: -weight * a * l, slope: -weight * a, ratio, clipped }
            }
        }
    }
}

/// A token's share of the loss.
pub(super) struct Token {
    /// Value.
    pub loss: f64,
    /// Derivative with respect to l.
    pub slope: f64,
    /// The ratio that the loss looked at.
    pub ratio: f64,
    /// -1 cut from below, 1 cut from above.
    pub clipped: i8,
}

impl Token {
    fn clipped(ratio: f64, a: f64, low: f64, high: f64, dual: f64) -> Self {
        let bounded = ratio.clamp(1.0 - low, 1.0 + high);
        let (plain, cut) = (-ratio * a, -bounded * a);
        let clipped = match () {
            () if ratio < 1.0 - low && a < 0.0 => -1,
            () if ratio > 1.0 + high && a > 0.0 => 1,
            () => 0,
        };
        let (mut loss, mut slope) = if cut > plain { (cut, 0.0) } else { (plain, plain) };
        if dual > 0.0 && a < 0.0 && loss > -dual * a {
            (loss, slope) = (-dual * a, 0.0);
        }
        Self { loss, slope, ratio, clipped }
    }
}
