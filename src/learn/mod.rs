//! Anything that can learn from samples, and the loops that feed it.

pub mod bandit;
pub mod batches;
pub mod compute;
pub mod grpo;
pub mod memory;
pub mod preview;
pub mod recipe;
pub mod sft;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::loss::{Objective, Seen};
use crate::sample::Sampler;
use crate::types::TrainSample;

/// What one optimizer step did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepStats {
    /// The loss that was minimised: summed over tokens, divided by the step's denominator.
    pub loss: f64,
    /// Global L2 norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Tokens that went through the model.
    pub num_tokens: u64,
    /// Tokens that were trained (mask 1).
    pub num_loss_tokens: u64,
    /// Sum over trained tokens of the entropy of the learner's distribution, in nats.
    pub entropy: f64,
    /// Ratios, clipping, KL and the gap to the sampler, summed over trained tokens.
    pub seen: Seen,
}

/// What a checkpoint folder holds besides tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Optimizer steps behind these weights.
    pub step: u64,
    /// SHA-256 of every file beside `state.json`, by name.
    pub files: std::collections::BTreeMap<String, String>,
}

/// Anything that can learn from samples: the torch learner, and the table-softmax bandit of the tests.
pub trait Learner {
    /// The sampler that shares this learner's weights.
    type Policy: Sampler;

    /// One optimizer step; `denominator` is what the summed loss is divided by, so that micro-batches add up to
    /// one big batch exactly.
    ///
    /// # Errors
    /// A loss or gradient that is not finite (weights stay as they were), or a failure of the device.
    fn step(
        &mut self,
        samples: &[TrainSample],
        objective: &Objective,
        lr: f64,
        denominator: f64,
    ) -> Result<StepStats>;

    /// Mean over trained tokens of -log p, without learning.
    ///
    /// # Errors
    /// A failure of the device.
    fn nll(&mut self, samples: &[TrainSample]) -> Result<f64>;

    /// Log-probability of each trained token of each sample (0 elsewhere), under the weights as they are, or under the
    /// reference model.
    ///
    /// # Errors
    /// A failure of the device; no reference model was given.
    fn logprobs(&mut self, samples: &[TrainSample], reference: bool) -> Result<Vec<Vec<f32>>>;

    /// The sampler that reads the weights just written.
    fn policy(&mut self) -> &mut Self::Policy;

    /// Writes weights, moments and step to an empty or absent folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    fn save(&self, dir: &Path) -> Result<Checkpoint>;
}
