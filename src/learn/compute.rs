//! What is trained, where and in which precision: shared by all training recipes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::shape::ModelConfig;

/// In which numbers weights are kept and computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// `float32` on the CPU, `mixed` on CUDA.
    Auto,
    /// fp32 throughout.
    Float32,
    /// bf16 weights for computing, an fp32 master copy that the optimizer works on.
    Mixed,
    /// bf16 weights, their rounding errors kept in a second bf16 number (Kahan summation), fp32 moments: 2 bytes a
    /// parameter less than `mixed`, and nearly as exact.
    Bfloat16Kahan,
}

/// Device, precision and what fits into memory at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComputeConfig {
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Numbers of weights and computation.
    pub precision: Precision,
    /// Tokens that go through the model at once; decides memory, not results beyond rounding.
    pub microbatch_tokens: usize,
    /// Tokens whose logits exist at once while learning; 0 = as many as have 16 Mi logits. Decides memory, not results
    /// beyond rounding.
    pub head_tokens: usize,
    /// Completions (sequences) that go through the model at once, at most; 0 = as many as `microbatch_tokens` allows.
    /// Decides memory, as that does, never the number of prompts or completions of a step.
    pub completions_per_microbatch: usize,
    /// Keep only each layer's input in the forward pass and compute the layer again in the backward pass: less memory,
    /// a third more work.
    pub recompute: bool,
    /// Keep AdamW's moments and the fp32 masters in the host's memory; the update takes them to the device one tensor at a
    /// time. The same numbers, less memory of a GPU, a slower update; on the CPU there is nothing to save.
    // Not written where it is off: runs that were begun before there was this setting have the same configuration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offload_optimizer: bool,
}

impl Default for ComputeConfig {
    fn default() -> Self {
        Self {
            device: "cpu".into(),
            precision: Precision::Auto,
            microbatch_tokens: 8192,
            head_tokens: 0,
            completions_per_microbatch: 0,
            recompute: false,
            offload_optimizer: false,
        }
    }
}

impl ComputeConfig {
    /// The precision, `auto` resolved.
    pub fn precision(&self) -> Precision {
        match (self.precision, self.device.as_str()) {
            (Precision::Auto, "cpu") => Precision::Float32,
            (Precision::Auto, _) => Precision::Mixed,
            (precision, _) => precision,
        }
    }

    /// The dtype that the model computes with.
    pub fn dtype(&self) -> &'static str {
        match self.precision() {
            Precision::Auto | Precision::Float32 => "float32",
            Precision::Mixed | Precision::Bfloat16Kahan => "bfloat16",
        }
    }

    /// Bytes of one number of that dtype.
    pub fn dtype_bytes(&self) -> u64 {
        if self.dtype() == "float32" { 4 } else { 2 }
    }

    /// Whether the optimizer's state is in another memory than the model.
    pub fn optimizer_is_apart(&self) -> bool {
        self.offload_optimizer && self.device != "cpu"
    }

    /// Checks ranges.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        if self.microbatch_tokens == 0 {
            return Err(Error::config("compute.microbatch_tokens", "must be at least 1"));
        }
        Ok(())
    }
}

/// Low-rank adapters instead of full weights, under PEFT's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoraConfig {
    /// Rank.
    pub rank: i64,
    /// The adapter's output is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Share of the adapter's inputs that are dropped in training.
    pub dropout: f64,
    /// Projections that get an adapter.
    pub target_modules: Vec<String>,
}

/// Projections that can have an adapter.
pub const LORA_TARGETS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 32,
            alpha: 32.0,
            dropout: 0.0,
            target_modules: LORA_TARGETS.map(String::from).to_vec(),
        }
    }
}

impl LoraConfig {
    /// Factor on the adapter's output.
    #[allow(clippy::cast_precision_loss)]
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Parameters of the adapters of a model: `rank * (inputs + outputs)` of every projection that has one.
    pub fn parameters(&self, shape: &ModelConfig) -> i64 {
        let sizes = shape.projections().into_iter();
        let adapted = sizes.filter(|(name, ..)| self.target_modules.iter().any(|t| t == name));
        let each: i64 = adapted.map(|(_, inputs, outputs)| self.rank * (inputs + outputs)).sum();
        shape.num_hidden_layers * each
    }

    /// Checks ranges and names.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        if self.rank < 1 {
            return Err(Error::config("lora.rank", format!("{} must be at least 1", self.rank)));
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(Error::config("lora.alpha", format!("{} must be above 0", self.alpha)));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let problem = format!("{} must be at least 0 and below 1", self.dropout);
            return Err(Error::config("lora.dropout", problem));
        }
        let known = |name: &&String| LORA_TARGETS.contains(&name.as_str());
        if let Some(name) = self.target_modules.iter().find(|name| !known(name)) {
            let problem = format!("'{name}' is none of {}", LORA_TARGETS.join(", "));
            return Err(Error::config("lora.target_modules", problem));
        }
        if self.target_modules.is_empty() {
            return Err(Error::config("lora.target_modules", "must name at least one projection"));
        }
        Ok(())
    }
}
