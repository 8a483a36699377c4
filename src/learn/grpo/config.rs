//! Settings of a GRPO run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::problems::ProblemsConfig;
use crate::advantage::Advantage;
use crate::bench::PromptStyle;
use crate::error::{Error, Result};
use crate::learn::compute::{ComputeConfig, LoraConfig};
use crate::learn::recipe::AdamWOptions;
use crate::loss::{Loss, Objective};
use crate::reward::RewardConfig;
use crate::schedule::Schedule;
use crate::types::SamplingParams;

/// The loop. Sizes are named by what they count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpoOptions {
    /// Steps: batches of rollouts.
    pub steps: u64,
    /// Problems of a step.
    pub prompts_per_step: usize,
    /// Completions of each problem.
    pub group_size: u32,
    /// Equal parts of a batch, each with an optimizer step of its own; all but the first are off policy.
    pub optimizer_steps: usize,
    /// Passes over a batch.
    pub inner_epochs: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// How rewards become advantages.
    pub advantage: Advantage,
    /// Leave groups whose rewards are all equal out of the batch (and of what the loss is divided by).
    pub drop_constant_groups: bool,
    /// How often to sample further problems in place of dropped groups, at most.
    pub refill_rounds: u32,
    /// Leave completions that were cut out of the loss.
    pub mask_truncated: bool,
    /// Curriculum by measured solve rate: leave out problems whose solve rate, when last sampled, was at least this;
    /// 0 = none.
    pub skip_solved: f64,
    /// Curriculum by level: from a step on only problems of these levels; before the first stage all that `data` has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<Stage>,
    /// How a problem is asked.
    pub prompt: PromptStyle,
    /// How completions are drawn; temperature 1 and no filters, so that the learner's log-probabilities are the sampler's.
    pub sampling: SamplingParams,
    /// Best and worst completions of each group to keep for reading.
    pub keep_rollouts: usize,
    /// Steps without any group to learn from after which a warning is given.
    pub patience: u64,
}

/// A stage of a curriculum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// First step of the stage.
    pub from_step: u64,
    /// Levels of its problems.
    pub levels: Vec<u8>,
}

impl GrpoOptions {
    /// Levels of a step's problems; empty = all.
    pub fn levels_at(&self, step: u64) -> &[u8] {
        let stage = self.curriculum.iter().rfind(|stage| stage.from_step <= step);
        stage.map_or(&[], |stage| stage.levels.as_slice())
    }

    fn check_curriculum(&self) -> Result<()> {
        let ordered = self.curriculum.is_sorted_by(|a, b| a.from_step < b.from_step);
        let known = |stage: &Stage| {
            !stage.levels.is_empty() && stage.levels.iter().all(|level| (1..=5).contains(level))
        };
        if !ordered || !self.curriculum.iter().all(known) {
            return Err(Error::config(
                "train.curriculum",
                "must be stages { from_step, levels } in ascending order, levels from 1 to 5",
            ));
        }
        Ok(())
    }
}

impl Default for GrpoOptions {
    fn default() -> Self {
        Self {
            steps: 100,
            prompts_per_step: 64,
            group_size: 16,
            optimizer_steps: 1,
            inner_epochs: 1,
            learning_rate: 4e-5,
            schedule: Schedule::Constant,
            warmup_steps: 0,
            advantage: Advantage::Centred,
            drop_constant_groups: true,
            refill_rounds: 0,
            mask_truncated: false,
            skip_solved: 0.0,
            curriculum: Vec::new(),
            prompt: PromptStyle::Instruction,
            sampling: SamplingParams::default(),
            keep_rollouts: 1,
            patience: 5,
        }
    }
}

/// Evaluation during training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateConfig {
    /// Steps between evaluations; 0 = none.
    pub every: u64,
    /// Benchmark or suite.
    pub benchmark: String,
    /// Only its first problems; 0 = all.
    pub limit: usize,
    /// Sampling temperature.
    pub temperature: f64,
    /// Longest completion.
    pub max_tokens: usize,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            every: 0,
            benchmark: "math-500".into(),
            limit: 0,
            temperature: 0.01,
            max_tokens: 2048,
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpoConfig {
    /// Folder of the model to start from.
    pub model: PathBuf,
    /// Folder of an adapter (PEFT format) to start from; needs `lora`.
    pub adapter: PathBuf,
    /// Reference model of the KL term; empty = `model`.
    pub reference: PathBuf,
    /// Seed of the run.
    pub seed: u64,
    /// Sequences decoded together.
    pub slots: usize,
    /// Steps between checkpoints; 0 = only at the end.
    pub checkpoint_every: u64,
    /// Newest checkpoints to keep.
    pub keep_checkpoints: usize,
    /// The loop.
    pub train: GrpoOptions,
    /// The loss and its terms.
    pub objective: Objective,
    /// The reward.
    pub reward: RewardConfig,
    /// The optimizer.
    pub optimizer: AdamWOptions,
    /// The problems.
    pub data: ProblemsConfig,
    /// Evaluation during training.
    pub evaluate: EvaluateConfig,
    /// Device, precision, memory.
    pub compute: ComputeConfig,
    /// Work that the device can do at most, in 10^12 operations per second, for the share of it that training reaches
    /// (`perf/mfu/actor`); 0 = unknown. H100 and H200, bf16 without sparsity: 989.
    pub peak_tflop_per_s: f64,
    /// Adapters, where not every weight is to be trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
}

impl Default for GrpoConfig {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            adapter: PathBuf::new(),
            reference: PathBuf::new(),
            seed: 0,
            slots: 256,
            checkpoint_every: 20,
            keep_checkpoints: 2,
            train: GrpoOptions::default(),
            objective: Objective::default(),
            reward: RewardConfig::default(),
            optimizer: AdamWOptions::default(),
            data: ProblemsConfig::Arith { levels: vec![3, 4, 5] },
            evaluate: EvaluateConfig::default(),
            compute: ComputeConfig::default(),
            peak_tflop_per_s: 0.0,
            lora: None,
        }
    }
}

impl GrpoConfig {
    /// Checks what can be checked without reading anything else.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self) -> Result<()> {
        let train = &self.train;
        let positive = [
            ("train.steps", train.steps),
            ("train.prompts_per_step", train.prompts_per_step as u64),
            ("train.optimizer_steps", train.optimizer_steps as u64),
            ("train.inner_epochs", train.inner_epochs as u64),
            ("slots", self.slots as u64),
            ("keep_checkpoints", self.keep_checkpoints as u64),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(*name, "must be at least 1"));
        }
        if train.group_size < 2 {
            let problem = format!(
                "{} completion per problem has nothing to be compared with: use at least 2",
                train.group_size
            );
            return Err(Error::config("train.group_size", problem));
        }
        let sampling = &train.sampling;
        sampling.check()?;
        let plain = sampling.temperature == 1.0
            && sampling.top_p == 1.0
            && sampling.top_k == 0
            && sampling.min_p == 0.0;
        if !plain {
            return Err(Error::config(
                "train.sampling",
                "training samples at temperature 1 without top_k, top_p and min_p: the learner's probabilities are those",
            ));
        }
        if !(0.0..=1.0).contains(&train.skip_solved) {
            return Err(Error::config("train.skip_solved", "must be a share between 0 and 1"));
        }
        train.check_curriculum()?;
        if self.model.as_os_str().is_empty() {
            return Err(Error::config("model", "give the folder of the model to start from"));
        }
        if !self.adapter.as_os_str().is_empty() && self.lora.is_none() {
            return Err(Error::config("adapter", "an adapter to start from needs a [lora] table"));
        }
        if self.objective.loss == Loss::CrossEntropy {
            let problem = "cross_entropy learns given texts, as sft does, whatever the reward: choose a loss of rewards";
            return Err(Error::config("objective.loss", problem));
        }
        self.objective.check()?;
        self.reward.check(sampling.max_tokens)?;
        self.data.check()?;
        self.compute.check()?;
        self.lora.as_ref().map_or(Ok(()), LoraConfig::check)
    }
}
