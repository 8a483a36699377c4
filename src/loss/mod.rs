//! What a step minimises: each loss with formula, source and derivative.
//!
//! A loss is a function of the trained tokens' log-probabilities, so its value and slope are computed here, in f64 and
//! without tensors; the tensor floor only needs `d loss / d logp` of each token. Notation: l = log-probability under the
//! learner, q = under the sampler when the token was drawn, o = under the learner when the batch began ("old"; q where it
//! was not computed again), f = under the reference, A = advantage, r = exp(l - o).

mod surrogate;
mod terms;

use serde::{Deserialize, Serialize};

pub use surrogate::Loss;
pub use terms::{Correction, KlEstimator, Normalisation};

use crate::error::{Error, Result};

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
    /// Corrects a sampler that computes other probabilities than the learner: multiplies the surrogate by a ratio
    /// `exp(o - q)`, o computed by the learner before the first update, bounded by this. 0 = off.
    pub correction_cap: f64,
    /// Which ratio, and how it is bounded.
    pub correction: Correction,
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

/// Sum and range of a quantity over tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Sum.
    pub sum: f64,
    /// Smallest; infinite over nothing.
    pub min: f64,
    /// Largest; minus infinite over nothing.
    pub max: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self { sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Range {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
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
    /// Tokens that the correction for the sampler left out.
    pub masked: f64,
    /// Ratios as the loss looks at them.
    pub ratio: Range,
    /// `exp(l - q)`.
    pub sampler_ratio: Range,
    /// `|l - q|`.
    pub gap: Range,
    /// `q - l`: KL(sampler || learner), first estimator.
    pub kl_v1: f64,
    /// `(q - l)^2 / 2`: the second.
    pub kl_v2: f64,
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
        self.masked += other.masked;
        self.ratio.merge(&other.ratio);
        self.sampler_ratio.merge(&other.sampler_ratio);
        self.gap.merge(&other.gap);
        self.kl_v1 += other.kl_v1;
        self.kl_v2 += other.kl_v2;
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
            correction: Correction::TokenTruncate,
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
        self.loss.needs_whole_sequences()
            || (self.correction_cap > 0.0 && self.correction.needs_whole_sequences())
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
        self.loss.check()?;
        for (name, value) in
            [("kl_coefficient", self.kl_coefficient), ("correction_cap", self.correction_cap)]
        {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::config(name, format!("{value} must be a number of 0 or more")));
            }
        }
        if self.correction_cap > 0.0 && self.loss.looks_at_sampler() {
            return Err(Error::config(
                "correction_cap",
                "importance_sampling divides by the sampler's probabilities already: set it to 0",
            ));
        }
        Ok(())
    }

    /// Value and `d loss / d l` of each token, both with the tokens' weights, before the step's division.
    pub fn evaluate(&self, tokens: &Tokens<'_>) -> (Seen, Vec<f64>) {
        let count = tokens.logprobs.len();
        let mut seen = Seen::default();
        let mut slopes = Vec::with_capacity(count);
        let f = |values: &[f32], t: usize| f64::from(values[t]);
        let sum = |of: &dyn Fn(usize) -> f64| (0..count).map(of).sum::<f64>();
        #[allow(clippy::cast_precision_loss)]
        let length = count.max(1) as f64;
        // The sequence's ratio and weight, for losses that look at sequences.
        let whole = self.loss.needs_whole_sequences().then(|| {
            let mean = sum(&|t| f(tokens.logprobs, t) - f(tokens.old, t)) / length;
            (mean.exp(), sum(&|t| f(tokens.weights, t)) / length)
        });
        let product = self
            .correction
            .needs_whole_sequences()
            .then(|| sum(&|t| f(tokens.old, t) - f(tokens.sampler, t)).exp());
        for t in 0..count {
            let (l, q, o) = (f(tokens.logprobs, t), f(tokens.sampler, t), f(tokens.old, t));
            let (a, weight) = (f(tokens.advantages, t), f(tokens.weights, t));
            let token = self.loss.token(l, q, o, a, whole.map(|(ratio, _)| ratio));
            let correction = if self.correction_cap > 0.0 {
                self.correction.factor(product.unwrap_or((o - q).exp()), self.correction_cap)
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
            seen.masked += f64::from(u8::from(correction == 0.0));
            seen.ratio.add(token.ratio);
            seen.gap.add((l - q).abs());
            seen.sampler_ratio.add((l - q).exp());
            seen.kl_v1 += q - l;
            seen.kl_v2 += 0.5 * (q - l).powi(2);
            seen.tokens += 1.0;
        }
        (seen, slopes)
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
            serde_json::from_str(include_str!("../../tests/golden/losses.json")).unwrap();
        assert_eq!(golden.cases.len(), 45);
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
        let bad = Objective { correction_cap: 2.0, ..Objective::default() };
        assert!(bad.check().unwrap_err().to_string().contains("set it to 0"));
        assert!(Objective::default().check().is_ok());
    }
}
