//! A sampler that answers from a function: tests and dry runs of every loop without a model.

use super::Sampler;
use crate::error::Result;
use crate::types::{Completion, Finish, PolicyVersion, ProblemId, Request};

/// What a script says for one sample: the text and why it ended.
pub type Script = Box<dyn FnMut(&ProblemId, u32) -> (String, Finish)>;

/// Answers every sample with what its script says, one token per word.
pub struct Scripted {
    script: Script,
}

impl Scripted {
    /// A sampler that asks `script(problem, sample)`.
    pub fn new(script: impl FnMut(&ProblemId, u32) -> (String, Finish) + 'static) -> Self {
        Self { script: Box::new(script) }
    }
}

impl Sampler for Scripted {
    fn version(&self) -> PolicyVersion {
        PolicyVersion(0)
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        for request in requests {
            for &sample in &request.samples {
                let (text, finish) = (self.script)(&request.problem, sample);
                let words = text.split_whitespace().count();
                sink(Completion {
                    problem: request.problem.clone(),
                    sample,
                    prompt_ids: vec![0; request.messages.len()],
                    ids: vec![0; words],
                    logprobs: Some(vec![0.0; words]),
                    usage: None,
                    text,
                    finish,
                    version: self.version(),
                    seconds: 0.0,
                })?;
            }
        }
        Ok(())
    }
}
