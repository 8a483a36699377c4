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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftOptions {
    /// Optimizer steps in all; 0 = what `epochs` gives.
    pub steps: u64,
    /// Passes over the data, whole batches only; 0 = what `steps` gives.
    pub epochs: u64,
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
            steps: 0,
            epochs: 0,
            learning_rate: 2e-4,
            schedule: Schedule::Linear,
            warmup_steps: 0,
            schedule_steps: 0,
            weighting: Weighting::TokenMean,
        }
    }
}

impl SftOptions {
    /// Checks ranges and that settings do not contradict each other.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        if (self.steps == 0) == (self.epochs == 0) {
            return Err(Error::config("train.steps", "give either train.steps or train.epochs"));
        }
        if !(self.learning_rate >= 0.0 && self.learning_rate.is_finite()) {
            let problem = format!("{} must be a number of at least 0", self.learning_rate);
            return Err(Error::config("train.learning_rate", problem));
        }
        let end = if self.schedule_steps == 0 { self.steps } else { self.schedule_steps };
        if end > 0 && self.warmup_steps >= end {
            let problem = format!("{} steps of warm-up leave none of {end}", self.warmup_steps);
            return Err(Error::config("train.warmup_steps", problem));
        }
        if self.schedule_steps > 0 && self.schedule_steps < self.steps {
            let problem = format!(
                "the schedule would be at its end after {} of {} steps",
                self.schedule_steps, self.steps
            );
            return Err(Error::config("train.schedule_steps", problem));
        }
        Ok(())
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
    /// The same of held-out conversations after the update, per token, where it was measured.
    #[serde(rename = "test/nll", default, skip_serializing_if = "Option::is_none")]
    pub test_nll: Option<f64>,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Mean entropy of the model's distribution at trained tokens before the update, in nats.
    pub entropy: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
    /// Examples of the batch.
    pub num_sequences: u64,
    /// Tokens of the batch.
    pub num_tokens: u64,
    /// Trained tokens of the batch.
    pub num_loss_tokens: u64,
}

/// What the loop asks and tells.
pub struct Hooks<'a, L> {
    /// The batch of a step: a pure function of its number, so that a resumed run sees what an uninterrupted one would have
    /// seen.
    pub batch: &'a mut dyn FnMut(u64) -> Result<Vec<TrainSample>>,
    /// Receives the learner and the row of each step; may measure, save, or stop by an error.
    pub after: &'a mut dyn FnMut(&mut L, SftRow) -> Result<()>,
    /// Receives the batch of a step that failed, and says where it has put it.
    pub failed: &'a mut dyn FnMut(u64, &[TrainSample]) -> Result<String>,
}

/// Runs steps `first..options.steps`.
///
/// # Errors
/// An empty batch, a step that fails (its batch is handed to [`Hooks::failed`]), or an error of a hook.
pub fn run<L: Learner>(
    learner: &mut L,
    options: &SftOptions,
    first: u64,
    hooks: &mut Hooks<'_, L>,
) -> Result<()> {
    for step in first..options.steps {
        let mut samples = (hooks.batch)(step)?;
        let denominator = weigh(&mut samples, options.weighting);
        if denominator == 0.0 {
            return Err(Error::data(format!("step {step}"), "the batch has no token to train on"));
        }
        let horizon =
            if options.schedule_steps == 0 { options.steps } else { options.schedule_steps };
        let factor = options.schedule.factor(step, options.warmup_steps, horizon);
        let lr = options.learning_rate * factor;
        match learner.step(&samples, &Objective::cross_entropy(), lr, denominator) {
            Ok(stats) => (hooks.after)(learner, row(step, options, lr, samples.len(), &stats))?,
            Err(error) => {
                let place = (hooks.failed)(step, &samples)?;
                return Err(Error::data("training", format!("{error}; the batch is in {place}")));
            }
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn row(step: u64, options: &SftOptions, lr: f64, sequences: usize, stats: &StepStats) -> SftRow {
    SftRow {
        step,
        progress: (step + 1) as f64 / options.steps as f64,
        train_mean_nll: stats.loss,
        test_nll: None,
        learning_rate: lr,
        entropy: stats.entropy / stats.num_loss_tokens.max(1) as f64,
        grad_norm: stats.grad_norm,
        num_sequences: sequences as u64,
        num_tokens: stats.num_tokens,
        num_loss_tokens: stats.num_loss_tokens,
    }
}

/// Writes each token's weight and returns the denominator of the summed loss. The first token of a sequence has nothing
/// before it and is never trained.
#[allow(clippy::cast_precision_loss)]
pub fn weigh(samples: &mut [TrainSample], weighting: Weighting) -> f64 {
    let mut denominator = 0.0;
    for sample in samples {
        let trained = sample.mask.iter().skip(1).filter(|&&m| m == 1).count();
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
        // A mask may say that the first token is wanted; it cannot be.
        let mut first = vec![sample(vec![1, 2, 3], vec![1, 0, 1])];
        assert_eq!(weigh(&mut first, Weighting::TokenMean), 1.0);
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        let refusal = |options: &SftOptions| options.check().unwrap_err().to_string();
        let good = SftOptions { steps: 10, ..SftOptions::default() };
        assert!(good.check().is_ok());
        assert!(refusal(&SftOptions::default()).starts_with("train.steps: give either"));
        assert!(refusal(&SftOptions { epochs: 1, ..good }).starts_with("train.steps: give either"));
        let warm = SftOptions { warmup_steps: 10, ..good };
        assert_eq!(refusal(&warm), "train.warmup_steps: 10 steps of warm-up leave none of 10");
        let short = SftOptions { schedule_steps: 5, ..good };
        assert!(refusal(&short).contains("at its end after 5 of 10 steps"));
        let rate = SftOptions { learning_rate: f64::NAN, ..good };
        assert!(refusal(&rate).starts_with("train.learning_rate: NaN"));
    }
}
