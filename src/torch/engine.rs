//! Generation: token ids in, token ids out; no text, no grading.
//!
//! Two engines answer in the same way: [`super::cpu`] for models on the CPU, and `plain.rs` with libtorch's operators for every
//! other device and size.

use super::cpu;
use super::cpu::number::Pair;
use super::cpu::weights::Weights;
use super::job::Ends;
use super::plain;
use super::qwen3::Qwen3;
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

/// Generates every sample of every prompt, `slots` sequences at a time, handing each to `sink` when it is finished.
/// A prompt must leave room for at least one token in the model's context.
///
/// # Errors
/// An error of `sink`.
pub fn generate(
    model: &Qwen3,
    prompts: &[Prompt],
    eos: &[u32],
    stop: StopText<'_>,
    slots: usize,
    sink: &mut dyn FnMut(Output) -> Result<()>,
) -> Result<()> {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
    let ends = ends(model, eos, stop);
    if let Some(weights) = Weights::<f32>::of(model) {
        cpu::engine::generate(&weights, prompts, ends, slots, threads, sink)
    } else if let Some(weights) = Weights::<Pair>::of(model) {
        cpu::engine::generate(&weights, prompts, ends, slots, threads, sink)
    } else {
        plain::generate(model, prompts, ends, slots, sink)
    }
}

/// As [`generate`], but with libtorch's operators in any case.
///
/// # Errors
/// An error of `sink`.
pub fn generate_plain(
    model: &Qwen3,
    prompts: &[Prompt],
    eos: &[u32],
    stop: StopText<'_>,
    slots: usize,
    sink: &mut dyn FnMut(Output) -> Result<()>,
) -> Result<()> {
    plain::generate(model, prompts, ends(model, eos, stop), slots, sink)
}

fn ends<'a>(model: &Qwen3, eos: &'a [u32], stop: StopText<'a>) -> Ends<'a> {
    let context = usize::try_from(model.config.max_position_embeddings).unwrap_or(usize::MAX);
    Ends { eos, stop, context }
}
