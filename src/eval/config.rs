//! The resolved configuration of an evaluation: what is written as `config.toml` and compared on resume.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Task;
use crate::answer::Grader;
use crate::bench::{self, Columns, PromptStyle, Shelf};
use crate::error::{Error, Result};
use crate::sample::endpoint::Endpoint;
use crate::sample::recorded::Import;
use crate::types::SamplingParams;

/// A user's own problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Name of the benchmark in frames.
    pub name: String,
    /// JSON lines, a JSON array or parquet.
    pub path: PathBuf,
    /// Which fields hold what.
    pub columns: Columns,
}

/// Everything that decides the numbers of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalConfig {
    /// Folder of the model, in Hugging Face format, or its name where something else answers.
    pub model: PathBuf,
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Compute dtype: `float32` or `bfloat16`.
    pub dtype: String,
    /// Benchmarks and suites by name.
    pub benchmarks: Vec<String>,
    /// Samples per problem.
    pub samples: u32,
    /// Only the first problems of each benchmark; absent = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// How problems are asked; absent = as each benchmark says (a user's own data: the study's protocol).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptStyle>,
    /// Seed of the run.
    pub seed: u64,
    /// The largest number of sequences decoded together; it decides rounding, so it is part of the configuration.
    pub slots: usize,
    /// How tokens are drawn.
    pub sampling: SamplingParams,
    /// The grader.
    pub grader: Grader,
    /// A user's own problems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFile>,
    /// A server that answers instead of a model folder; `model` is then a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Completions of something else that are graded instead; `model` is then a name in the file, empty = the only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
}

impl Default for EvalConfig {
    /// The study's evaluation: temperature 0.01, 2,048 tokens, one sample.
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            device: "cpu".into(),
            dtype: "float32".into(),
            benchmarks: Vec::new(),
            samples: 1,
            limit: None,
            prompt: None,
            seed: 0,
            slots: 256,
            sampling: SamplingParams {
                temperature: 0.01,
                max_tokens: 2048,
                ..SamplingParams::default()
            },
            grader: Grader::default(),
            data: None,
            endpoint: None,
            import: None,
        }
    }
}

impl EvalConfig {
    /// Loads the problems of every benchmark that is asked for; `shelf` says where files come from.
    ///
    /// # Errors
    /// An unknown benchmark, a broken data file, or nothing to evaluate.
    pub fn tasks(&self, shelf: &dyn Shelf) -> Result<Vec<Task>> {
        self.sampling.check()?;
        let mut tasks = Vec::new();
        for benchmark in bench::resolve(&self.benchmarks)? {
            tasks.push(Task {
                benchmark: benchmark.name.to_string(),
                prompt: self.prompt.unwrap_or(benchmark.prompt),
                problems: benchmark.load(shelf)?,
            });
        }
        if let Some(data) = &self.data {
            if tasks.iter().any(|t| t.benchmark == data.name) {
                let problem = format!("'{}' is already the name of a benchmark", data.name);
                return Err(Error::config("name", problem));
            }
            tasks.push(Task {
                benchmark: data.name.clone(),
                prompt: self.prompt.unwrap_or(PromptStyle::Study),
                problems: bench::load_file(&data.name, &data.path, &data.columns, shelf)?,
            });
        }
        if let Some(limit) = self.limit {
            tasks.iter_mut().for_each(|task| task.problems.truncate(limit));
        }
        if tasks.iter().all(|task| task.problems.is_empty()) {
            return Err(Error::config(
                "benchmark",
                "nothing to evaluate: name a benchmark or a data file",
            ));
        }
        Ok(tasks)
    }
}
