//! From a batch to the numbers that its summed loss is weighed with and divided by.

use crate::loss::{Normalisation, Objective};
use crate::types::TrainSample;

/// Writes each sample's weight and returns what the sum is divided by. `max_tokens` is the longest completion allowed.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(super) fn weigh(samples: &mut [TrainSample], objective: &Objective, max_tokens: usize) -> f64 {
    let trained = |sample: &TrainSample| sample.mask.iter().filter(|&&m| m == 1).count();
    let tokens: usize = samples.iter().map(trained).sum();
    let normalisation = objective.normalisation();
    for sample in samples.iter_mut() {
        sample.weight = match normalisation {
            Normalisation::Completions => 1.0 / trained(sample).max(1) as f32,
            _ => 1.0,
        };
    }
    match normalisation {
        Normalisation::Default | Normalisation::Sum => 1.0,
        Normalisation::Tokens => tokens.max(1) as f64,
        Normalisation::Completions => samples.len() as f64,
        Normalisation::Constant => samples.len() as f64 * max_tokens as f64,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::advantage::Advantage;
    use crate::loss::Tokens;

    #[derive(Deserialize)]
    struct Row {
        logprobs: Vec<f32>,
        sampler: Vec<f32>,
        old: Vec<f32>,
        reference: Vec<f32>,
        advantage: f32,
    }

    #[derive(Deserialize)]
    struct Case {
        trl: serde_json::Value,
        objective: Objective,
        loss: f64,
        slopes: Vec<Vec<f64>>,
    }

    #[derive(Deserialize)]
    struct Group {
        rewards: Vec<f64>,
        advantages: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Golden {
        trl: String,
        max_completion_length: usize,
        rows: Vec<Row>,
        cases: Vec<Case>,
        standardised: Vec<Group>,
        centred: Vec<Group>,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../../tests/golden/trl_losses.json")).unwrap()
    }

    fn sample(row: &Row) -> TrainSample {
        let with_prompt = |values: &[f32]| [&[0.0], values].concat();
        let n = row.logprobs.len();
        TrainSample {
            ids: vec![0; n + 1],
            mask: [vec![0], vec![1; n]].concat(),
            sampler_logprobs: with_prompt(&row.sampler),
            advantages: with_prompt(&vec![row.advantage; n]),
            old_logprobs: with_prompt(&row.old),
            reference_logprobs: with_prompt(&row.reference),
            weight: 1.0,
        }
    }

    /// tests/golden/trl_losses.py: the loss that TRL's own `GRPOTrainer` computes on the same completions, log-probabilities
    /// and advantages, and its derivative by autograd.
    #[test]
    fn losses_equal_trl() {
        let golden = golden();
        assert_eq!((golden.trl.as_str(), golden.cases.len()), ("1.16.0", 13));
        for case in &golden.cases {
            let mut samples: Vec<TrainSample> = golden.rows.iter().map(sample).collect();
            let denominator = weigh(&mut samples, &case.objective, golden.max_completion_length);
            let (mut loss, mut worst) = (0.0, 0.0f64);
            for ((sample, row), expected) in samples.iter().zip(&golden.rows).zip(&case.slopes) {
                let (seen, slopes) = case.objective.evaluate(&Tokens {
                    logprobs: &row.logprobs,
                    sampler: &sample.sampler_logprobs[1..],
                    old: &sample.old_logprobs[1..],
                    reference: &sample.reference_logprobs[1..],
                    advantages: &sample.advantages[1..],
                    weights: &vec![sample.weight; row.logprobs.len()],
                });
                loss += seen.loss / denominator;
                for (slope, expected) in slopes.iter().zip(expected) {
                    worst = worst.max((slope / denominator - expected).abs());
                }
            }
            let largest = case.slopes.iter().flatten().fold(0.0f64, |m, s| m.max(s.abs()));
            // TRL computes in fp32.
            assert!((loss - case.loss).abs() <= 2e-6 * (1.0 + case.loss.abs()), "{}", case.trl);
            assert!(worst <= 1e-5 * largest, "{}: {worst} of {largest}", case.trl);
        }
    }

    /// The same script: advantages as TRL computes them from rewards.
    #[test]
    fn advantages_equal_trl() {
        let golden = golden();
        let both =
            [(Advantage::Standardised, golden.standardised), (Advantage::Centred, golden.centred)];
        for (kind, groups) in both {
            for group in groups {
                for (a, b) in kind.of(&group.rewards).iter().zip(&group.advantages) {
                    assert!((a - b).abs() < 1e-6, "{kind:?}: {a} {b}");
                }
            }
        }
    }
}
