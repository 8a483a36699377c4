//! Whoever answers, by configuration: a model on this machine, a server, or a file of completions.

use std::collections::BTreeMap;
use std::path::Path;

use super::local::LocalSampler;
use super::prepared::Prepared;
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
    Local(Box<LocalSampler<Prepared>>),
    /// An OpenAI-compatible server.
    Endpoint(Box<OpenAi>),
    /// Completions that something else produced.
    Recorded(Box<Recorded>),
}

impl AnySampler {
    /// Whoever a configuration names; `dir` has the files of its model (with an endpoint: its chat template, if any).
    ///
    /// # Errors
    /// The model, the server's settings or the file of completions cannot be used.
    pub fn open(config: &EvalConfig, dir: &Path, tasks: &[Task], key: Key) -> Result<Self> {
        if let Some(endpoint) = &config.endpoint {
            return Self::endpoint(endpoint, key, endpoint.template.as_ref().map(|_| dir));
        }
        if let Some(import) = &config.import {
            let problems: Vec<_> = tasks.iter().flat_map(|t| t.problems.iter().cloned()).collect();
            let recorded = Recorded::load(import, &config.model.to_string_lossy(), &problems)?;
            return Ok(Self::Recorded(Box::new(recorded)));
        }
        let local = LocalSampler::load(dir, &config.device, &config.dtype, config.slots)?;
        Ok(Self::Local(Box::new(local.prepare())))
    }

    /// How frames and manifests name it.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub fn who(&self, config: &EvalConfig, dir: &Path) -> Result<Who> {
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
                let files = match &endpoint.template {
                    Some(_) => template_files(dir)?,
                    None => BTreeMap::new(),
                };
                Who { model, device, files, wave: 0 }
            }
            _ => Who {
                model: short_name(&config.model),
                device: format!("{} {}", config.device, config.dtype),
                files: manifest::hash_folder(dir)?,
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

/// The name of a folder, or of a model on the hub without owner and commit.
fn short_name(model: &Path) -> String {
    let name = model.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    name.split('@').next().unwrap_or_default().to_string()
}

/// SHA-256 of the files that a chat template comes from.
fn template_files(dir: &Path) -> Result<BTreeMap<String, String>> {
    let names = ["chat_template.jinja", "tokenizer_config.json"];
    let there = names.into_iter().filter(|name| dir.join(name).exists());
    there.map(|name| Ok((name.to_string(), disk::sha256_file(&dir.join(name))?))).collect()
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
