//! What a step minimises: each loss with formula, source and derivative.
//!
//! A loss is a function of the trained tokens' log-probabilities, so its value and slope are computed here, in f64 and
//! without tensors; the tensor floor only needs `d loss / d logp` of each token. Notation: l = log-probability under the
//! learner, q = under the sampler when the token was drawn, o = under the learner when the batch began ("old"; q where it
//! was not computed again), f = under the reference, A = advantage, r = exp(l - o).

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

/// A surrogate with what is added to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objective {
    /// The surrogate.
    pub loss: Loss,
    /// What the sum is divided by.
    pub normalisation: Normalisation,
    /// Factor on the KL term; 0 = none, and no reference is needed.
    pub kl_coefficient: f64,
    /// How the KL is estimated.
    pub kl_estimator: KlEstimator,
    /// Multiplies the surrogate by `min(exp(o - q), cap)`, o computed by the learner before the first update: corrects a
    /// sampler that computes other probabilities than the learner (Yao et al. 2025, truncated importance sampling).
    /// 0 = off.
    pub correction_cap: f64,
}

impl Default for Objective {
    fn default() -> Self {
        Self::of(Loss::ImportanceSampling)
    }
}

/// Trained tokens, one entry each; all of one sequence where the loss looks at whole sequences.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    /// l.
    pub logprobs: &'a [f32],
    /// q.
    pub sampler: &'a [f32],
    /// o.
    pub old: &'a [f32],
    /// f; empty without a KL term.
    pub reference: &'a [f32],
    /// A.
    pub advantages: &'a [f32],
    /// Factor on everything that a token adds: the share of its completion in the step.
    pub weights: &'a [f32],
}

/// Sums over tokens that a step's row is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Weighted loss.
    pub loss: f64,
    /// KL estimates.
    pub kl: f64,
    /// Tokens whose ratio was cut from below (A < 0) and from above (A > 0).
    pub clipped_low: f64,
    /// See `clipped_low`.
    pub clipped_high: f64,
    /// Ratios.
    pub ratio: f64,
    /// Largest ratio.
    pub ratio_max: f64,
    /// `|l - q|`.
    pub gap: f64,
    /// Largest `|l - q|`.
    pub gap_max: f64,
    /// Tokens.
    pub tokens: f64,
}

impl Seen {
    /// Adds what another batch saw.
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.kl += other.kl;
        self.clipped_low += other.clipped_low;
        self.clipped_high += other.clipped_high;
        self.ratio += other.ratio;
        self.ratio_max = self.ratio_max.max(other.ratio_max);
        self.gap += other.gap;
        self.gap_max = self.gap_max.max(other.gap_max);
        self.tokens += other.tokens;
    }
}

impl Objective {
    /// A surrogate and nothing else.
    pub fn of(loss: Loss) -> Self {
        Self {
            loss,
            normalisation: Normalisation::Default,
            kl_coefficient: 0.0,
            kl_estimator: KlEstimator::K3,
            correction_cap: 0.0,
        }
    }

    /// The SFT loss.
    pub fn cross_entropy() -> Self {
        Self::of(Loss::CrossEntropy)
    }

    /// What the sum is divided by, the default resolved.
    pub fn normalisation(&self) -> Normalisation {
        match (self.normalisation, &self.loss) {
            (Normalisation::Default, Loss::CrossEntropy | Loss::ImportanceSampling) => {
                Normalisation::Sum
            }
            (Normalisation::Default, Loss::Ppo { .. } | Loss::Gspo { .. }) => {
                Normalisation::Completions
            }
            (Normalisation::Default, Loss::DrGrpo { .. }) => Normalisation::Constant,
            (Normalisation::Default, Loss::Dapo { .. } | Loss::Cispo { .. }) => {
                Normalisation::Tokens
            }
            (chosen, _) => chosen,
        }
    }

    /// Whether the tokens of a sequence must be looked at together.
    pub fn needs_whole_sequences(&self) -> bool {
        matches!(self.loss, Loss::Gspo { .. })
    }

    /// Whether the learner must score the batch before the first update.
    pub fn needs_old(&self) -> bool {
        self.correction_cap > 0.0
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        let bounds = match self.loss {
            Loss::CrossEntropy | Loss::ImportanceSampling => vec![],
            Loss::Ppo { clip_low, clip_high, dual_clip } => {
                if dual_clip != 0.0 && dual_clip <= 1.0 {
                    let problem = format!("{dual_clip} must be above 1, or 0 for none");
                    return Err(Error::config("loss.dual_clip", problem));
                }
                vec![("loss.clip_low", clip_low), ("loss.clip_high", clip_high)]
            }
            Loss::DrGrpo { clip_low, clip_high }
            | Loss::Dapo { clip_low, clip_high }
            | Loss::Gspo { clip_low, clip_high } => {
                vec![("loss.clip_low", clip_low), ("loss.clip_high", clip_high)]
            }
            Loss::Cispo { max_ratio } => vec![("loss.max_ratio", max_ratio)],
        };
        let mut all = bounds.into_iter().chain([
            ("kl_coefficient", self.kl_coefficient),
            ("correction_cap", self.correction_cap),
        ]);
        match all.find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            Some((name, value)) => {
                Err(Error::config(name, format!("{value} must be a number of 0 or more")))
            }
            None => Ok(()),
        }
    }

    /// Value and `d loss / d l` of each token, both with the tokens' weights, before the step's division.
    pub fn evaluate(&self, tokens: &Tokens<'_>) -> (Seen, Vec<f64>) {
        let count = tokens.logprobs.len();
        let mut seen = Seen::default();
        let mut slopes = Vec::with_capacity(count);
        let f = |values: &[f32], t: usize| f64::from(values[t]);
        // The sequence's ratio and weight, for losses that look at sequences.
        let whole = self.needs_whole_sequences().then(|| {
            let sum: f64 = (0..count).map(|t| f(tokens.logprobs, t) - f(tokens.old, t)).sum();
            #[allow(clippy::cast_precision_loss)]
            let length = count.max(1) as f64;
            ((sum / length).exp(), (0..count).map(|t| f(tokens.weights, t)).sum::<f64>() / length)
        });
        for t in 0..count {
            let (l, q, o) = (f(tokens.logprobs, t), f(tokens.sampler, t), f(tokens.old, t));
            let (a, weight) = (f(tokens.advantages, t), f(tokens.weights, t));
            let token = self.token(l, q, o, a, whole.map(|(ratio, _)| ratio));
            let correction = if self.correction_cap > 0.0 {
                (o - q).exp().min(self.correction_cap)
            } else {
                1.0
            };
            let mut loss = correction * token.loss * weight;
            let mut slope = correction * token.slope * whole.map_or(weight, |(_, share)| share);
            if self.kl_coefficient > 0.0 {
                let (kl, kl_slope) = self.kl_estimator.of(l - f(tokens.reference, t));
                seen.kl += kl;
                loss += weight * self.kl_coefficient * kl;
                slope += weight * self.kl_coefficient * kl_slope;
            }
            seen.loss += loss;
            slopes.push(slope);
            seen.clipped_low += f64::from(u8::from(token.clipped < 0));
            seen.clipped_high += f64::from(u8::from(token.clipped > 0));
            seen.ratio += token.ratio;
            seen.ratio_max = seen.ratio_max.max(token.ratio);
            seen.gap += (l - q).abs();
            seen.gap_max = seen.gap_max.max((l - q).abs());
            seen.tokens += 1.0;
        }
        (seen, slopes)
    }

    fn token(&self, l: f64, q: f64, o: f64, a: f64, sequence_ratio: Option<f64>) -> Token {
        let ratio = sequence_ratio.unwrap_or_else(|| (l - o).exp());
        match self.loss {
            Loss::CrossEntropy => Token { loss: -a * l, slope: -a, ratio: 1.0, clipped: 0 },
            Loss::ImportanceSampling => {
                let ratio = (l - q).exp();
                Token { loss: -ratio * a, slope: -ratio * a, ratio, clipped: 0 }
            }
            Loss::Ppo { clip_low, clip_high, dual_clip } => {
                Token::clipped(ratio, a, clip_low, clip_high, dual_clip)
            }
            Loss::DrGrpo { clip_low, clip_high }
            | Loss::Dapo { clip_low, clip_high }
            | Loss::Gspo { clip_low, clip_high } => {
                Token::clipped(ratio, a, clip_low, clip_high, 0.0)
            }
            Loss::Cispo { max_ratio } => {
                let weight = ratio.min(max_ratio);
                let clipped = i8::from(ratio > max_ratio && a > 0.0);
                Token { loss: -weight * a * l, slope: -weight * a, ratio, clipped }
            }
        }
    }
}

struct Token {
    loss: f64,
    slope: f64,
    ratio: f64,
    /// -1 cut from below, 1 cut from above.
    clipped: i8,
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

impl KlEstimator {
    /// Value and derivative with respect to l, of d = l - f.
    fn of(self, d: f64) -> (f64, f64) {
        match self {
            Self::K1 => (d, 1.0),
            Self::K2 => (0.5 * d * d, d),
            Self::K3 => ((-d).exp() + d - 1.0, 1.0 - (-d).exp()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Row {
        logprobs: Vec<f32>,
        sampler: Vec<f32>,
        old: Vec<f32>,
        reference: Vec<f32>,
        advantage: f32,
    }

    #[derive(Deserialize)]
    struct Expected {
        loss: f64,
        slopes: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Case {
        objective: Objective,
        rows: Vec<Row>,
        weights: Vec<f32>,
        expected: Vec<Expected>,
    }

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    /// tests/golden/losses.py: the same formulas in torch, derivatives by autograd, in float64.
    #[test]
    fn values_and_slopes_equal_autograd() {
        let golden: Golden =
            serde_json::from_str(include_str!("../tests/golden/losses.json")).unwrap();
        assert_eq!(golden.cases.len(), 36);
        for case in golden.cases {
            for ((row, weight), expected) in case.rows.iter().zip(&case.weights).zip(&case.expected)
            {
                let n = row.logprobs.len();
                let (advantages, weights) = (vec![row.advantage; n], vec![*weight; n]);
                let (seen, slopes) = case.objective.evaluate(&Tokens {
                    logprobs: &row.logprobs,
                    sampler: &row.sampler,
                    old: &row.old,
                    reference: &row.reference,
                    advantages: &advantages,
                    weights: &weights,
                });
                // Inputs are f32 here and f64 there.
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1.0 + b.abs());
                let name = &case.objective;
                assert!(
                    close(seen.loss, expected.loss),
                    "{name:?}: {} {}",
                    seen.loss,
                    expected.loss
                );
                for (got, expected) in slopes.iter().zip(&expected.slopes) {
                    assert!(close(*got, *expected), "{name:?}: {got} {expected}");
                }
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let bad = Objective { kl_coefficient: -1.0, ..Objective::default() };
        assert!(bad.check().unwrap_err().to_string().contains("kl_coefficient"));
        let bad = Objective::of(Loss::Ppo { clip_low: 0.2, clip_high: 0.2, dual_clip: 0.5 });
        assert!(bad.check().unwrap_err().to_string().contains("dual_clip"));
        assert!(Objective::default().check().is_ok());
    }
}
