//! A model on this machine as a `Sampler`: chat template and tokenizer around the engine.

use std::path::Path;

use super::engine::{self, Output, Prompt};
use super::qwen3::Qwen3;
use super::tokenizer::Tokenizer;
use super::{device, dtype};
use howard::error::{Error, Result};
use howard::sample::Sampler;
use howard::types::{Completion, Finish, PolicyVersion, Request};

/// A Qwen3 model with its tokenizer.
#[derive(Debug)]
pub struct LocalSampler {
    model: Qwen3,
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

    /// A sampler of a model that is in memory.
    pub fn new(model: Qwen3, tokenizer: Tokenizer, slots: usize) -> Self {
        Self { model, tokenizer, slots, version: 0 }
    }

    /// The model.
    pub fn model(&self) -> &Qwen3 {
        &self.model
    }

    /// The model, to attach adapters or move weights.
    pub fn model_mut(&mut self) -> &mut Qwen3 {
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

impl Sampler for LocalSampler {
    fn version(&self) -> PolicyVersion {
        PolicyVersion(self.version)
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        let context =
            usize::try_from(self.model.config.max_position_embeddings).unwrap_or(usize::MAX);
        let mut prompts = Vec::new();
        let mut asked = Vec::new();
        for request in requests {
            request.params.check()?;
            let ids = self.tokenizer.prompt(&request.messages)?;
            let size = self.model.config.vocab_size;
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
        engine::generate(
            &self.model,
            &prompts,
            tokenizer.eos(),
            &stopped,
            self.slots,
            &mut |output| {
                let index = output.prompt;
                sink(self.completion(asked[index], prompts[index].ids.clone(), output)?)
            },
        )
    }
}
