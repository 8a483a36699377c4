//! What a supervised run will do, before it does it: steps, tokens, memory.

use super::batches::{self, Counts};
use super::memory::{self, Demand, GIB};
use super::recipe::SftConfig;
use crate::error::{Error, Result};
use crate::shape::ModelConfig;

/// The plan of a run; what is not known yet is absent.
#[derive(Clone, Debug)]
pub struct Preview {
    /// What was read of the data.
    pub counts: Option<Counts>,
    /// Optimizer steps.
    pub steps: Option<u64>,
    /// What the run asks of the memory.
    pub demand: Demand,
}

/// The shape of the model a recipe starts from, where no folder has to be read for it: made from nothing, or published.
///
/// # Errors
/// The model is neither.
pub fn known_shape(config: &SftConfig) -> Result<ModelConfig> {
    if let Some(scratch) = &config.scratch {
        return Ok(scratch.shape());
    }
    let name = config.model.to_string_lossy();
    ModelConfig::published(&name).ok_or_else(|| {
        Error::file(
            &config.model,
            "there is no such model folder, and no published shape of that name",
        )
    })
}

impl Preview {
    /// The plan of a recipe for a model of a shape; `counts` is what its data hold, where they could be read.
    ///
    /// # Errors
    /// The data are there, but broken.
    pub fn new(config: &SftConfig, shape: ModelConfig, counts: Option<Counts>) -> Result<Self> {
        let examples = match (&counts, config.data.path()) {
            (Some(counts), Some(_)) => Some(counts.examples),
            // Without a tokenizer conversations can be counted, but not measured.
            (None, Some(path)) if path.exists() => Some(batches::read_chat(path)?.len() as u64),
            _ => None,
        };
        let steps = match (config.train.steps, examples) {
            (0, Some(examples)) => {
                let examples = usize::try_from(examples).unwrap_or(usize::MAX);
                Some(config.train.epochs * batches::per_epoch(examples, config.batch_size))
            }
            (0, None) => None,
            (steps, _) => Some(steps),
        };
        let longest = match &counts {
            Some(counts) if counts.longest > 0 => {
                usize::try_from(counts.longest).unwrap_or(usize::MAX)
            }
            _ => config.max_length,
        };
        let demand = Demand {
            shape,
            compute: config.compute.clone(),
            lora: config.lora.clone(),
            longest,
            step_tokens: config.batch_size * longest,
            generation: None,
            reference: false,
            threads: 1,
        };
        Ok(Self { counts, steps, demand })
    }

    /// Refuses a run that cannot fit into `available` bytes (no limit is known: none).
    ///
    /// # Errors
    /// It does not fit; the message names what to change.
    pub fn check(&self, available: Option<u64>) -> Result<()> {
        available.map_or(Ok(()), |available| memory::check(&self.demand, available))
    }

    /// A few sentences and the table of memory, each line after `# `, so that they can follow a TOML.
    pub fn text(&self, config: &SftConfig, available: Option<u64>) -> String {
        let mut lines = Vec::new();
        let whose =
            config.data.path().map_or("the arithmetic world".into(), |p| p.display().to_string());
        lines.push(match (&self.counts, config.data.path()) {
            (Some(counts), Some(_)) => format!(
                "data: {whose}: {} examples, {} tokens an epoch, {} of them trained, the longest {}",
                counts.examples, counts.tokens, counts.loss_tokens, counts.longest
            ),
            (None, Some(path)) if !path.exists() => format!("data: {whose} is not there yet"),
            (None, Some(_)) => {
                format!("data: {whose}, not measured without the model's tokenizer")
            }
            (_, None) => format!("data: {whose}, without end"),
        });
        if let Some(counts) = &self.counts
            && !counts.note(config.max_length).is_empty()
        {
            lines.push(format!("data: {}", counts.note(config.max_length)));
        }
        lines.push(match self.steps {
            Some(steps) => format!("steps: {steps}, {} conversations each", config.batch_size),
            None => format!("steps: {} epochs of data that are not there yet", config.train.epochs),
        });
        let tokens = self.demand.tokens_at_once();
        let trained = self.demand.trained_parameters();
        lines.push(format!(
            "model: {} parameters, {trained} of them trained, {tokens} tokens at once",
            self.demand.shape.num_parameters()
        ));
        let plan = self.demand.plan();
        lines.push(format!(
            "memory: {:.2} GiB at most{}",
            plan.peak() as f64 / GIB,
            match available {
                Some(bytes) =>
                    format!(", of {:.2} on {}", bytes as f64 / GIB, config.compute.device),
                None => format!("; give --memory-gib to compare with {}", config.compute.device),
            }
        ));
        lines.extend(plan.table().lines().map(String::from));
        lines.iter().map(|line| format!("# {line}\n")).collect()
    }
}
