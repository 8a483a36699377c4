//! Supervised fine-tuning: the loop that feeds a `Learner` with conversations.

use serde::{Deserialize, Serialize};

use super::{Learner, StepStats};
use crate::error::{Error, Result};
use crate::loss::Objective;
use crate::schedule::Schedule;
use crate::types::TrainSample;

/// How tokens of a batch are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// Every trained token counts the same: the sum over the batch is divided by the number of trained tokens.
    TokenMean,
    /// Every example counts the same: the mean over its trained tokens, then the mean over examples.
    ExampleMean,
}

/// The settings of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftOptions {
    /// Optimizer steps in all.
    pub steps: u64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// Steps after which the schedule would be at its end; 0 = at the last step. More than `steps` stops early, with the
    /// rates of the longer run.
    pub schedule_steps: u64,
    /// How tokens are weighed.
    pub weighting: Weighting,
}

impl Default for SftOptions {
    fn default() -> Self {
        Self {
            steps: 100,
            learning_rate: 2e-4,
            schedule: Schedule::Linear,
            warmup_steps: 0,
            schedule_steps: 0,
            weighting: Weighting::TokenMean,
        }
    }
}

/// One row of `steps.jsonl`, under the standard metric names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SftRow {
    /// Step, from 0.
    pub step: u64,
    /// Share of the run that is done after this step.
    pub progress: f64,
    /// Mean over trained tokens (or examples, as weighed) of -log p, before the update.
    pub train_mean_nll: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
    /// Examples of the batch.
    pub num_sequences: u64,
    /// Tokens of the batch.
    pub num_tokens: u64,
    /// Trained tokens of the batch.
    pub num_loss_tokens: u64,
}

/// Runs steps `first..options.steps`. The batch of a step is a pure function of its number, so a resumed run sees what
/// an uninterrupted one would have seen. `after` receives each row and may save or stop by an error.
///
/// # Errors
/// An empty batch, a step that fails, or an error of `batch` or `after`.
pub fn run<L: Learner>(
    learner: &mut L,
    options: &SftOptions,
    first: u64,
    batch: &mut dyn FnMut(u64) -> Result<Vec<TrainSample>>,
    after: &mut dyn FnMut(&mut L, &SftRow) -> Result<()>,
) -> Result<()> {
    for step in first..options.steps {
        let mut samples = batch(step)?;
        let denominator = weigh(&mut samples, options.weighting);
        if denominator == 0.0 {
            return Err(Error::data(format!("step {step}"), "the batch has no token to train on"));
        }
        let horizon =
            if options.schedule_steps == 0 { options.steps } else { options.schedule_steps };
        let factor = options.schedule.factor(step, options.warmup_steps, horizon);
        let lr = options.learning_rate * factor;
        let stats = learner.step(&samples, &Objective::cross_entropy(), lr, denominator)?;
        after(learner, &row(step, options, lr, samples.len(), &stats))?;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn row(step: u64, options: &SftOptions, lr: f64, sequences: usize, stats: &StepStats) -> SftRow {
    SftRow {
        step,
        progress: (step + 1) as f64 / options.steps as f64,
        train_mean_nll: stats.loss,
        learning_rate: lr,
        grad_norm: stats.grad_norm,
        num_sequences: sequences as u64,
        num_tokens: stats.num_tokens,
        num_loss_tokens: stats.num_loss_tokens,
    }
}

/// Writes each token's weight and returns the denominator of the summed loss.
#[allow(clippy::cast_precision_loss)]
fn weigh(samples: &mut [TrainSample], weighting: Weighting) -> f64 {
    let mut denominator = 0.0;
    for sample in samples {
        let trained = sample.mask.iter().filter(|&&m| m == 1).count();
        if trained == 0 {
            continue;
        }
        let weight = match weighting {
            Weighting::TokenMean => 1.0,
            Weighting::ExampleMean => 1.0 / trained as f32,
        };
        sample.advantages = sample.mask.iter().map(|&m| f32::from(m) * weight).collect();
        denominator += match weighting {
            Weighting::TokenMean => trained as f64,
            Weighting::ExampleMean => 1.0,
        };
    }
    denominator
}

/// A sample of supervised training: ids and a mask that is 1 on trained tokens.
pub fn sample(ids: Vec<u32>, mask: Vec<u8>) -> TrainSample {
    let zeros = vec![0.0; ids.len()];
    TrainSample {
        advantages: zeros.clone(),
        sampler_logprobs: zeros,
        ids,
        mask,
        old_logprobs: Vec::new(),
        reference_logprobs: Vec::new(),
        weight: 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_denominators_by_hand() {
        let batch = || vec![sample(vec![1, 2, 3], vec![0, 1, 1]), sample(vec![4, 5], vec![0, 1])];
        let mut tokens = batch();
        assert_eq!(weigh(&mut tokens, Weighting::TokenMean), 3.0);
        assert_eq!(tokens[0].advantages, [0.0, 1.0, 1.0]);
        let mut examples = batch();
        assert_eq!(weigh(&mut examples, Weighting::ExampleMean), 2.0);
        assert_eq!(examples[0].advantages, [0.0, 0.5, 0.5]);
        assert_eq!(examples[1].advantages, [0.0, 1.0]);
    }
}
