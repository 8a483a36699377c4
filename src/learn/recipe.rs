//! Recipes of training runs: what a TOML under `configs/` says.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::batches::TooLong;
use super::compute::{ComputeConfig, LoraConfig};
use super::sft::SftOptions;
use crate::arith::Train;
use crate::bench::PromptStyle;
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::shape::ModelConfig;
use crate::types::Message;

/// Settings of AdamW; the defaults are the study's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWOptions {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, on every parameter.
    pub weight_decay: f64,
    /// Global gradient norm above which gradients are scaled down; 0 = never.
    pub max_grad_norm: f64,
}

impl AdamWOptions {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        let shares = [("optimizer.beta1", self.beta1), ("optimizer.beta2", self.beta2)];
        if let Some((name, value)) = shares.iter().find(|(_, v)| !(0.0..1.0).contains(v)) {
            return Err(Error::config(*name, format!("{value} must be at least 0 and below 1")));
        }
        let sizes = [
            ("optimizer.eps", self.eps),
            ("optimizer.weight_decay", self.weight_decay),
            ("optimizer.max_grad_norm", self.max_grad_norm),
        ];
        match sizes.iter().find(|(_, v)| !(*v >= 0.0 && v.is_finite())) {
            Some((name, value)) => Err(Error::config(*name, format!("{value} is below 0"))),
            None => Ok(()),
        }
    }
}

impl Default for AdamWOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.0, max_grad_norm: 0.0 }
    }
}

/// The shape of a model that is made from nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScratchConfig {
    /// Seed of the weights.
    pub seed: u64,
    /// Entries of the vocabulary, the three special tokens and 256 bytes included.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: i64,
    /// Width of the feed-forward layer.
    pub intermediate_size: i64,
    /// Number of layers.
    pub num_hidden_layers: i64,
    /// Query heads.
    pub num_attention_heads: i64,
    /// Key-value heads.
    pub num_key_value_heads: i64,
    /// Width of one head.
    pub head_dim: i64,
    /// Longest sequence.
    pub max_position_embeddings: i64,
}

impl ScratchConfig {
    /// The shape of the model.
    pub fn shape(&self) -> ModelConfig {
        ModelConfig {
            vocab_size: i64::try_from(self.vocab_size).unwrap_or(i64::MAX),
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads,
            head_dim: self.head_dim,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: true,
            max_position_embeddings: self.max_position_embeddings,
        }
    }

    /// Checks that the sizes fit together.
    fn check(&self, max_length: usize) -> Result<()> {
        let shape = self.shape();
        shape.check().map_err(|problem| Error::config("scratch", problem))?;
        check_length(max_length, &shape)
    }
}

/// Refuses conversations that may be longer than the model's context.
///
/// # Errors
/// They may.
pub fn check_length(max_length: usize, shape: &ModelConfig) -> Result<()> {
    if max_length as i64 > shape.max_position_embeddings {
        let problem = format!(
            "{max_length} is more than the model's context of {} tokens (max_position_embeddings)",
            shape.max_position_embeddings
        );
        return Err(Error::config("max_length", problem));
    }
    Ok(())
}

/// Where conversations come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataConfig {
    /// The arithmetic world's train split, solutions included.
    Arith {
        /// Levels to draw from; one that stands twice is drawn twice as often.
        levels: Vec<u8>,
    },
    /// JSON lines with a field `messages` (role and content).
    Chat {
        /// The file.
        path: PathBuf,
    },
}

impl DataConfig {
    /// The file, where the data are one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Chat { path } => Some(path),
            Self::Arith { .. } => None,
        }
    }
}

/// Measuring on held-out conversations during training.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeldOut {
    /// Steps between measurements (one more after the last step); 0 = none.
    pub every: u64,
    /// JSON lines as the training data.
    pub path: PathBuf,
}

/// A supervised run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Folder of the model to start from; empty where `scratch` makes one.
    pub model: PathBuf,
    /// Folder of an adapter (PEFT format) to start from; needs `lora`.
    pub adapter: PathBuf,
    /// Makes the model from nothing instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchConfig>,
    /// Seed of the run: order of the data.
    pub seed: u64,
    /// Conversations per optimizer step.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own; else the order of the file.
    pub shuffle: bool,
    /// Longest conversation in tokens.
    pub max_length: usize,
    /// What happens to longer ones.
    pub too_long: TooLong,
    /// Steps between checkpoints; 0 = none.
    pub checkpoint_every: u64,
    /// Newest checkpoints to keep, beside the one with the best held-out loss.
    pub keep_checkpoints: usize,
    /// The loop.
    pub train: SftOptions,
    /// The optimizer.
    pub optimizer: AdamWOptions,
    /// Device, precision, memory.
    pub compute: ComputeConfig,
    /// Adapters, where not every weight is to be trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// The data.
    pub data: DataConfig,
    /// Held-out data.
    pub evaluate: HeldOut,
}

impl Default for SftConfig {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            adapter: PathBuf::new(),
            scratch: None,
            seed: 0,
            batch_size: 32,
            shuffle: true,
            max_length: 4096,
            too_long: TooLong::default(),
            checkpoint_every: 100,
            keep_checkpoints: 2,
            train: SftOptions::default(),
            optimizer: AdamWOptions::default(),
            compute: ComputeConfig::default(),
            lora: None,
            data: DataConfig::Chat { path: PathBuf::new() },
            evaluate: HeldOut::default(),
        }
    }
}

impl SftConfig {
    /// Checks what can be checked without reading anything else.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("batch_size", self.batch_size as u64),
            ("max_length", self.max_length as u64),
            ("keep_checkpoints", self.keep_checkpoints as u64),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(*name, "must be at least 1"));
        }
        if self.model.as_os_str().is_empty() == self.scratch.is_none() {
            return Err(Error::config("model", "give either a model folder or a [scratch] table"));
        }
        if !self.adapter.as_os_str().is_empty() && self.lora.is_none() {
            return Err(Error::config("adapter", "an adapter to start from needs a [lora] table"));
        }
        self.train.check()?;
        self.optimizer.check()?;
        self.compute.check()?;
        if let Some(lora) = &self.lora {
            lora.check()?;
        }
        if let Some(scratch) = &self.scratch {
            scratch.check(self.max_length)?;
        }
        if self.evaluate.every > 0 && self.evaluate.path.as_os_str().is_empty() {
            return Err(Error::config("evaluate.path", "give the file of held-out conversations"));
        }
        match &self.data {
            DataConfig::Arith { levels } => {
                if levels.is_empty() || levels.iter().any(|l| !(1..=5).contains(l)) {
                    let problem = "must be a list of levels from 1 to 5";
                    return Err(Error::config("data.levels", problem));
                }
                if self.train.steps == 0 {
                    let problem = "the arithmetic world has no end: give train.steps";
                    return Err(Error::config("train.epochs", problem));
                }
            }
            DataConfig::Chat { path } if path.as_os_str().is_empty() => {
                return Err(Error::config("data.path", "give the file of conversations"));
            }
            DataConfig::Chat { .. } => {}
        }
        Ok(())
    }
}

/// Conversations of the arithmetic world's train split, without end; those of a step are a pure function of its number.
#[derive(Debug)]
pub struct Conversations {
    train: Box<Train>,
    levels: Vec<u8>,
    seed: Seed,
}

impl Conversations {
    /// The conversations of a recipe; of every level where the recipe has other data.
    pub fn world(config: &SftConfig) -> Self {
        let levels = match &config.data {
            DataConfig::Arith { levels } => levels.clone(),
            DataConfig::Chat { .. } => (1..=5).collect(),
        };
        Self {
            train: Box::new(Train::new(config.seed)),
            levels,
            seed: Seed(config.seed).named("levels"),
        }
    }

    /// The conversations of a step.
    pub fn batch(&self, step: u64, size: usize) -> Vec<Vec<Message>> {
        let first = step * size as u64;
        (first..first + size as u64).map(|index| self.conversation(index)).collect()
    }

    fn conversation(&self, index: u64) -> Vec<Message> {
        let level = self.levels[self.seed.index(index).stream().below(self.levels.len())];
        let example = self.train.example(level, index);
        let mut messages = PromptStyle::Instruction.messages(&example.problem.text);
        messages.push(Message::assistant(example.solution));
        messages
    }
}
