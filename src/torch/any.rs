//! Whoever answers, by configuration: a model on this machine, a server, or a file of completions.

use std::path::Path;

use super::local::LocalSampler;
use howard::chat::ChatTemplate;
use howard::error::Result;
use howard::sample::Sampler;
use howard::sample::endpoint::{Api, Endpoint, Key};
use howard::sample::openai::{OpenAi, Spent};
use howard::sample::recorded::Recorded;
use howard::types::{Completion, PolicyVersion, Request};

/// One of the samplers.
#[derive(Debug)]
pub enum AnySampler {
    /// A model on this machine.
    Local(Box<LocalSampler>),
    /// An OpenAI-compatible server.
    Endpoint(Box<OpenAi>),
    /// Completions that something else produced.
    Recorded(Box<Recorded>),
}

impl AnySampler {
    /// A server; `templates` is the folder of a model whose chat template renders conversations for completions.
    ///
    /// # Errors
    /// A setting is out of range, or the template is missing.
    pub fn endpoint(endpoint: &Endpoint, key: Key, templates: Option<&Path>) -> Result<Self> {
        let template = match (endpoint.api, templates) {
            (Api::Completions, Some(dir)) => Some(ChatTemplate::load(dir)?),
            _ => None,
        };
        Ok(Self::Endpoint(Box::new(OpenAi::new(endpoint.clone(), key, template)?)))
    }

    /// What a server was asked so far.
    pub fn spent(&self) -> Option<Spent> {
        match self {
            Self::Endpoint(sampler) => Some(sampler.spent()),
            _ => None,
        }
    }
}

impl Sampler for AnySampler {
    fn version(&self) -> PolicyVersion {
        match self {
            Self::Local(sampler) => sampler.version(),
            Self::Endpoint(sampler) => sampler.version(),
            Self::Recorded(sampler) => sampler.version(),
        }
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Local(sampler) => sampler.sample(requests, sink),
            Self::Endpoint(sampler) => sampler.sample(requests, sink),
            Self::Recorded(sampler) => sampler.sample(requests, sink),
        }
    }
}
