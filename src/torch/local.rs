//! A model on this machine as a `Sampler`: chat template and tokenizer around the engine.

use std::path::Path;

use super::engine::{Model, Output, Prompt};
use super::prepared::Prepared;
use super::qwen3::Qwen3;
use super::tokenizer::Tokenizer;
use super::{device, dtype};
use howard::error::{Error, Result};
use howard::sample::Sampler;
use howard::types::{Completion, Finish, PolicyVersion, Request};

/// A model with its tokenizer: one that may learn ([`Qwen3`]), or one that only answers ([`Prepared`]).
#[derive(Debug)]
pub struct LocalSampler<M = Qwen3> {
    model: M,
    tokenizer: Tokenizer,
    slots: usize,
    version: u64,
}

impl LocalSampler {
    /// Loads a model folder; `slots` is the largest number of sequences decoded together.
    ///
    /// # Errors
    /// The folder is not a Qwen3 model, or the device or dtype is unknown.
    pub fn load(dir: &Path, device_name: &str, dtype_name: &str, slots: usize) -> Result<Self> {
        let (device, kind) = (device(device_name)?, dtype(dtype_name)?);
        let model = Qwen3::load(dir, kind, device)?;
        Ok(Self::new(model, Tokenizer::load(dir)?, slots))
    }

    /// The same model, to answer only: faster from call to call, and in less memory.
    pub fn prepare(self) -> LocalSampler<Prepared> {
        let Self { model, tokenizer, slots, version } = self;
        LocalSampler { model: Prepared::new(model), tokenizer, slots, version }
    }
}

impl<M: Model> LocalSampler<M> {
    /// A sampler of a model that is in memory.
    pub fn new(model: M, tokenizer: Tokenizer, slots: usize) -> Self {
        Self { model, tokenizer, slots, version: 0 }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, to attach adapters or move weights.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Says how many optimizer steps are behind the weights.
    pub fn set_version(&mut self, version: u64) {
        self.version = version;
    }

    fn completion(
        &self,
        request: &Request,
        prompt_ids: Vec<u32>,
        output: Output,
    ) -> Result<Completion> {
        let mut text = self.tokenizer.vocabulary().decode(&output.ids)?;
        let stops = request.params.stop.iter();
        if let Some(at) = stops.filter_map(|stop| text.find(stop.as_str())).min() {
            text.truncate(at);
        }
        Ok(Completion {
            problem: request.problem.clone(),
            sample: request.samples[output.sample],
            prompt_ids,
            ids: output.ids,
            logprobs: Some(output.logprobs),
            usage: None,
            text,
            finish: output.finish,
            version: self.version(),
            seconds: output.seconds,
        })
    }

    fn refusal(
        &self,
        request: &Request,
        sample: u32,
        prompt_ids: &[u32],
        reason: &str,
    ) -> Completion {
        Completion {
            problem: request.problem.clone(),
            sample,
            prompt_ids: prompt_ids.to_vec(),
            ids: Vec::new(),
            logprobs: None,
            usage: None,
            text: reason.to_string(),
            finish: Finish::Error,
            version: self.version(),
            seconds: 0.0,
        }
    }
}

impl<M: Model> Sampler for LocalSampler<M> {
    fn version(&self) -> PolicyVersion {
        PolicyVersion(self.version)
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        let context =
            usize::try_from(self.model.config().max_position_embeddings).unwrap_or(usize::MAX);
        let mut prompts = Vec::new();
        let mut asked = Vec::new();
        for request in requests {
            request.params.check()?;
            let ids = self.tokenizer.prompt(&request.messages)?;
            let size = self.model.config().vocab_size;
            if let Some(id) = ids.iter().find(|&&id| i64::from(id) >= size) {
                let problem = format!(
                    "gives id {id}, but the model's vocabulary has {size} entries: it belongs to another model"
                );
                return Err(Error::data("tokenizer", problem));
            }
            if ids.is_empty() || ids.len() >= context {
                let reason =
                    format!("the prompt has {} tokens, the model's context {context}", ids.len());
                for &sample in &request.samples {
                    sink(self.refusal(request, sample, &ids, &reason))?;
                }
                continue;
            }
            let seeds = request.samples.iter().map(|&sample| request.sample_seed(sample)).collect();
            prompts.push(Prompt { ids, params: request.params.clone(), seeds });
            asked.push(request);
        }
        let tokenizer = &self.tokenizer;
        let stopped = |prompt: usize, ids: &[u32]| {
            let stops = &asked[prompt].params.stop;
            tokenizer
                .vocabulary()
                .decode(ids)
                .is_ok_and(|text| stops.iter().any(|stop| text.contains(stop.as_str())))
        };
        self.model.generate(&prompts, tokenizer.eos(), &stopped, self.slots, &mut |output| {
            let index = output.prompt;
            sink(self.completion(asked[index], prompts[index].ids.clone(), output)?)
        })
    }
}
