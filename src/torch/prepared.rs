//! A model that only answers: generates and scores. Chooses between the engines.

use super::config::ModelConfig;
use super::cpu::number::Pair;
use super::cpu::weights::Weights;
use super::cpu::{self, score};
use super::engine::{Model, Output, Prompt, StopText};
use super::job::Ends;
use super::logprob;
use super::plain;
use super::qwen3::Qwen3;
use howard::error::Result;

/// On the CPU, weights in the order in which loops of our own read them, in place of the tensors; otherwise the tensors, with
/// which libtorch's operators compute.
#[derive(Debug)]
pub struct Prepared(Held);

#[derive(Debug)]
enum Held {
    /// In fp32.
    Full(Box<Weights<f32>>),
    /// In bf16.
    Half(Box<Weights<Pair>>),
    /// As it was.
    Tensors(Box<Qwen3>),
}

impl Prepared {
    /// What suits a model. Each of its tensors is given back as soon as it is copied, so that the weights are hardly ever in
    /// memory twice.
    pub fn new(model: Qwen3) -> Self {
        let full = Weights::take(model).map(|weights| Held::Full(Box::new(weights)));
        let half = |model: Box<Qwen3>| Weights::take(*model).map(|w| Held::Half(Box::new(w)));
        Self(full.or_else(half).unwrap_or_else(Held::Tensors))
    }

    /// A copy of a model's weights as they are now; none where libtorch's operators suit it better.
    fn copy_of(model: &Qwen3) -> Option<Self> {
        let full = || Some(Held::Full(Box::new(Weights::of(model)?)));
        let half = || Some(Held::Half(Box::new(Weights::of(model)?)));
        Some(Self(full().or_else(half)?))
    }

    /// Whether loops of our own compute, not libtorch's operators.
    pub fn has_loops(&self) -> bool {
        !matches!(self.0, Held::Tensors(_))
    }
}

impl Model for Prepared {
    fn config(&self) -> &ModelConfig {
        match &self.0 {
            Held::Full(weights) => weights.config(),
            Held::Half(weights) => weights.config(),
            Held::Tensors(model) => &model.config,
        }
    }

    fn generate(
        &self,
        prompts: &[Prompt],
        eos: &[u32],
        stop: StopText<'_>,
        slots: usize,
        sink: &mut dyn FnMut(Output) -> Result<()>,
    ) -> Result<()> {
        let ends = Ends::of(self.config(), eos, stop);
        let threads = super::threads();
        match &self.0 {
            Held::Full(weights) => {
                cpu::engine::generate(weights, prompts, ends, slots, threads, sink)
            }
            Held::Half(weights) => {
                cpu::engine::generate(weights, prompts, ends, slots, threads, sink)
            }
            Held::Tensors(model) => plain::generate(model, prompts, eos, stop, slots, sink),
        }
    }

    fn score(&self, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
        match &self.0 {
            Held::Full(weights) => score::score(weights, sequences, super::threads()),
            Held::Half(weights) => score::score(weights, sequences, super::threads()),
            Held::Tensors(model) => logprob::score_plain(model, sequences),
        }
    }
}

/// With the weights as they are now: a model that learns answers from a new copy each time.
impl Model for Qwen3 {
    fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn generate(
        &self,
        prompts: &[Prompt],
        eos: &[u32],
        stop: StopText<'_>,
        slots: usize,
        sink: &mut dyn FnMut(Output) -> Result<()>,
    ) -> Result<()> {
        match Prepared::copy_of(self) {
            Some(copy) => copy.generate(prompts, eos, stop, slots, sink),
            None => plain::generate(self, prompts, eos, stop, slots, sink),
        }
    }

    fn score(&self, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
        match Prepared::copy_of(self) {
            Some(copy) => copy.score(sequences),
            None => logprob::score_plain(self, sequences),
        }
    }
}
