//! Recipes of training runs: what a TOML under `configs/` says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::compute::{ComputeConfig, LoraConfig};
use super::sft::SftOptions;
use crate::arith::Train;
use crate::bench::PromptStyle;
use crate::error::{Error, Result};
use crate::jsonl;
use crate::rng::Seed;
use crate::types::{Message, Role};

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

/// A supervised run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Folder of the model to start from; empty where `scratch` makes one.
    pub model: PathBuf,
    /// Makes the model from nothing instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchConfig>,
    /// Seed of the run: order of the data.
    pub seed: u64,
    /// Conversations per optimizer step.
    pub batch_size: usize,
    /// Longest conversation in tokens; longer ones are left out, and counted.
    pub max_length: usize,
    /// Steps between checkpoints; 0 = only at the end.
    pub checkpoint_every: u64,
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
}

impl Default for SftConfig {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            scratch: None,
            seed: 0,
            batch_size: 32,
            max_length: 4096,
            checkpoint_every: 100,
            train: SftOptions::default(),
            optimizer: AdamWOptions::default(),
            compute: ComputeConfig::default(),
            lora: None,
            data: DataConfig::Chat { path: PathBuf::new() },
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
            ("train.steps", self.train.steps),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(*name, "must be at least 1"));
        }
        if self.model.as_os_str().is_empty() == self.scratch.is_none() {
            return Err(Error::config("model", "give either a model folder or a [scratch] table"));
        }
        self.compute.check()?;
        if let Some(lora) = &self.lora {
            lora.check()?;
        }
        if let DataConfig::Arith { levels } = &self.data
            && (levels.is_empty() || levels.iter().any(|l| !(1..=5).contains(l)))
        {
            return Err(Error::config("data.levels", "must be a list of levels from 1 to 5"));
        }
        Ok(())
    }
}

/// Conversations of a supervised run; the batch of a step is a pure function of its number.
#[derive(Debug)]
pub enum Conversations {
    /// From the arithmetic world.
    Arith {
        /// The train split.
        train: Box<Train>,
        /// Levels to draw from.
        levels: Vec<u8>,
        /// Seed of the draw of levels.
        seed: Seed,
    },
    /// From a file, in a new order each epoch.
    Chat {
        /// All conversations.
        rows: Vec<Vec<Message>>,
        /// Seed of the orders.
        seed: Seed,
    },
}

#[derive(Deserialize)]
struct ChatRow {
    messages: Vec<Message>,
}

impl Conversations {
    /// Opens the data of a run.
    ///
    /// # Errors
    /// The file is missing, broken or empty, or a conversation has no answer (named by line).
    pub fn open(config: &DataConfig, seed: u64) -> Result<Self> {
        match config {
            DataConfig::Arith { levels } => Ok(Self::Arith {
                train: Box::new(Train::new(seed)),
                levels: levels.clone(),
                seed: Seed(seed).named("levels"),
            }),
            DataConfig::Chat { path } => {
                let rows: Vec<(usize, ChatRow)> = jsonl::read_numbered(path)?;
                if rows.is_empty() {
                    return Err(Error::file(path, "has no conversations"));
                }
                let mute = |row: &ChatRow| row.messages.iter().all(|m| m.role != Role::Assistant);
                if let Some((line, _)) = rows.iter().find(|(_, row)| mute(row)) {
                    return Err(Error::parse(path, *line, "no message has the role assistant"));
                }
                let rows = rows.into_iter().map(|(_, row)| row.messages).collect();
                Ok(Self::Chat { rows, seed: Seed(seed).named("order") })
            }
        }
    }

    /// The conversations of a step.
    pub fn batch(&self, step: u64, size: usize) -> Vec<Vec<Message>> {
        let first = step * size as u64;
        (first..first + size as u64).map(|index| self.conversation(index)).collect()
    }

    fn conversation(&self, index: u64) -> Vec<Message> {
        match self {
            Self::Arith { train, levels, seed } => {
                let level = levels[seed.index(index).stream().below(levels.len())];
                let example = train.example(level, index);
                let mut messages = PromptStyle::Instruction.messages(&example.problem.text);
                messages.push(Message::assistant(example.solution));
                messages
            }
            Self::Chat { rows, seed } => {
                let (epoch, place) = (index / rows.len() as u64, index % rows.len() as u64);
                let mut order: Vec<usize> = (0..rows.len()).collect();
                seed.index(epoch).stream().shuffle(&mut order);
                rows[order[usize::try_from(place).unwrap_or(0)]].clone()
            }
        }
    }
}
