//! Generation: token ids in, token ids out; no text, no grading.
//!
//! Two engines answer in the same way, `cpu` on the CPU, and [`super::plain`] with libtorch's operators everywhere
//! else and for learning models whose copy would be too large; [`super::prepared`] chooses.

use super::config::ModelConfig;
use howard::error::Result;
use howard::rng::Seed;
use howard::types::{Finish, SamplingParams};

pub use super::job::StopText;

/// A prompt and the samples wanted of it.
#[derive(Debug)]
pub struct Prompt {
    /// Its token ids, at least one.
    pub ids: Vec<u32>,
    /// How to draw.
    pub params: SamplingParams,
    /// The random stream of each sample.
    pub seeds: Vec<Seed>,
}

/// A finished sample.
#[derive(Debug)]
pub struct Output {
    /// Index of the prompt.
    pub prompt: usize,
    /// Index of the sample within the prompt.
    pub sample: usize,
    /// Generated ids, the end token included.
    pub ids: Vec<u32>,
    /// Log-probability of each id under the distribution it was drawn from.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish: Finish,
    /// Seconds from admission to end.
    pub seconds: f64,
}

/// A model that generates.
pub trait Model {
    /// Its shape.
    fn config(&self) -> &ModelConfig;

    /// Generates every sample of every prompt, `slots` sequences at a time, handing each to `sink` when it is finished.
    /// A prompt must leave room for at least one token in the model's context.
    ///
    /// # Errors
    /// An error of `sink`.
    fn generate(
        &self,
        prompts: &[Prompt],
        eos: &[u32],
        stop: StopText<'_>,
        slots: usize,
        sink: &mut dyn FnMut(Output) -> Result<()>,
    ) -> Result<()>;

    /// Natural log-probability of each id given the ids before it: `logprobs[i][t] = ln p(ids[i][t + 1] | ids[i][..=t])`, fp32
    /// log-softmax. The first id has nothing before it and is not scored: row `i` has length `ids[i].len() - 1`.
    fn score(&self, sequences: &[Vec<u32>]) -> Vec<Vec<f32>>;
}
