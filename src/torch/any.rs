//! Whoever answers, by configuration: a model on this machine, a server, or a file of completions.

use std::path::Path;

use super::local::LocalSampler;
use howard::chat::ChatTemplate;
use howard::disk;
use howard::error::Result;
use howard::eval::config::EvalConfig;
use howard::eval::{Task, WAVE, Who};
use howard::run::manifest;
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
    /// Whoever a configuration names.
    ///
    /// # Errors
    /// The model, the server's settings or the file of completions cannot be used.
    pub fn open(config: &EvalConfig, tasks: &[Task], key: Key) -> Result<Self> {
        if let Some(endpoint) = &config.endpoint {
            return Self::endpoint(endpoint, key, None);
        }
        if let Some(import) = &config.import {
            let problems: Vec<_> = tasks.iter().flat_map(|t| t.problems.iter().cloned()).collect();
            let recorded = Recorded::load(import, &config.model.to_string_lossy(), &problems)?;
            return Ok(Self::Recorded(Box::new(recorded)));
        }
        let local = LocalSampler::load(&config.model, &config.device, &config.dtype, config.slots)?;
        Ok(Self::Local(Box::new(local)))
    }

    /// How frames and manifests name it.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn who(&self, config: &EvalConfig) -> Result<Who> {
        let model = config.model.to_string_lossy().into_owned();
        Ok(match (self, &config.endpoint, &config.import) {
            (Self::Recorded(recorded), _, Some(import)) => Who {
                model: recorded.model().to_string(),
                device: format!("completions of {}", import.path.display()),
                files: [(import.path.display().to_string(), disk::sha256_file(&import.path)?)]
                    .into(),
                wave: 0,
            },
            (_, Some(endpoint), _) => {
                let device = format!("endpoint {}", endpoint.url);
                Who { model, device, ..Who::default() }
            }
            _ => Who {
                model: config.model.file_name().map_or(model, |n| n.to_string_lossy().into_owned()),
                device: format!("{} {}", config.device, config.dtype),
                files: manifest::hash_folder(&config.model)?,
                wave: WAVE,
            },
        })
    }

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
