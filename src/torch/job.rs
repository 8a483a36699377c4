//! One sample while it is generated: what was drawn, and when it ends. The same for every engine.

use std::time::Instant;

use super::config::ModelConfig;
use super::engine::{Output, Prompt};
use super::pick::{Scratch, pick};
use howard::types::Finish;

/// Decides by the ids so far whether a sample of a prompt ends by a stop text.
pub type StopText<'a> = &'a (dyn Fn(usize, &[u32]) -> bool + Sync);

/// When samples end.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'a> {
    /// End tokens.
    pub eos: &'a [u32],
    /// Stop texts.
    pub stop: StopText<'a>,
    /// Longest sequence of the model, prompt included.
    pub context: usize,
}

impl<'a> Ends<'a> {
    /// Of a model of some shape.
    pub fn of(config: &ModelConfig, eos: &'a [u32], stop: StopText<'a>) -> Self {
        let context = usize::try_from(config.max_position_embeddings).unwrap_or(usize::MAX);
        Self { eos, stop, context }
    }
}

/// One sample.
#[derive(Debug)]
pub(crate) struct Job {
    /// Index of its prompt.
    pub prompt: usize,
    sample: usize,
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    started: Instant,
}

impl Job {
    /// Sample `sample` of prompt `prompt`, from now on.
    pub fn new(prompt: usize, sample: usize) -> Self {
        Self { prompt, sample, ids: Vec::new(), logprobs: Vec::new(), started: Instant::now() }
    }

    /// Begins to count the seconds.
    pub fn start(&mut self) {
        self.started = Instant::now();
    }

    /// Draws the next token from its logits; returns it, and why the sample ends if it does.
    pub fn draw(
        &mut self,
        prompts: &[Prompt],
        logits: &[f32],
        ends: Ends<'_>,
        scratch: &mut Scratch,
    ) -> (u32, Option<Finish>) {
        let prompt = &prompts[self.prompt];
        let u = prompt.seeds[self.sample].uniform(self.ids.len() as u64);
        let picked = pick(logits, &prompt.params, u, scratch);
        self.ids.push(picked.id);
        self.logprobs.push(picked.logprob);
        let stopped = ends.eos.contains(&picked.id)
            || (!prompt.params.stop.is_empty() && (ends.stop)(self.prompt, &self.ids));
        let full = self.ids.len() >= prompt.params.max_tokens
            || prompt.ids.len() + self.ids.len() >= ends.context;
        let finish = if stopped { Some(Finish::Stop) } else { full.then_some(Finish::Length) };
        (picked.id, finish)
    }

    /// The finished sample.
    pub fn output(&mut self, finish: Finish) -> Output {
        Output {
            prompt: self.prompt,
            sample: self.sample,
            ids: std::mem::take(&mut self.ids),
            logprobs: std::mem::take(&mut self.logprobs),
            finish,
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }
}
