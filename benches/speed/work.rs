//! What is measured: each work is a file that both sides read, so that they do the same.

use std::path::{Path, PathBuf};

use howard::arith::Train;
use howard::bench::PromptStyle;
use howard::disk;
use howard::error::{Error, Result};
use howard::rng::Seed;
use howard::types::Message;
use howard_torch::config::{self, ModelConfig};
use howard_torch::tokenizer::Tokenizer;
use howard_torch::{export, qwen3::Qwen3};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

/// What one measured run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Samples completions.
    Generate,
    /// Log-probabilities of given sequences.
    Score,
    /// Load, and generate one token.
    First,
    /// One step of supervised fine-tuning.
    Sft,
    /// One step of GRPO: sample, reward, update.
    Grpo,
    /// Products of matrices of the model's shapes.
    Matrix,
}

/// A work, complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    /// What is done.
    pub task: Task,
    /// Model folder.
    pub model: PathBuf,
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// `float32` or `bfloat16`.
    pub dtype: String,
    /// Token ids of prompts, or of whole sequences.
    pub sequences: Vec<Vec<u32>>,
    /// 1 on trained tokens of each sequence, for training.
    pub masks: Vec<Vec<u8>>,
    /// Samples of each prompt.
    pub samples: usize,
    /// Most tokens of a completion.
    pub max_tokens: usize,
    /// Tokens that end a completion; none: all reach `max_tokens`.
    pub eos: Vec<u32>,
    /// Sequences decoded together.
    pub slots: usize,
    /// Threads of libtorch.
    pub threads: i32,
    /// Tokens that training puts through the model at once.
    #[serde(default = "microbatch_tokens")]
    pub microbatch_tokens: usize,
    /// Weights are beyond any cache: the time to read them counts, and programs are measured one after the other, not in
    /// turn, so that not all of them are in memory at once.
    #[serde(default)]
    pub large: bool,
}

/// Few enough for the activations of a layer to stay near the processor.
fn microbatch_tokens() -> usize {
    2048
}

/// A named line of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of the model.
    pub model: &'static str,
    /// Name of the case.
    pub name: &'static str,
    /// What is done.
    pub work: Work,
    /// Programs of `benches/peers` that do the same.
    pub peers: &'static [&'static str],
}

/// The model of 3 million parameters: hidden 256, four layers, random weights, the tiny model's tokenizer.
///
/// # Errors
/// The folder cannot be written.
pub fn checkpoint(tiny: &Path, dir: &Path) -> Result<()> {
    disk::create_dir(dir)?;
    let vocab_size = config::load(tiny)?.vocab_size;
    let shape = ModelConfig {
        vocab_size,
        hidden_size: 256,
        intermediate_size: 768,
        num_hidden_layers: 4,
        num_attention_heads: 8,
        num_key_value_heads: 2,
        head_dim: 32,
        rope_theta: 10_000.0,
        rms_norm_eps: 1e-6,
        tie_word_embeddings: true,
        max_position_embeddings: 16_384,
    };
    write_model(shape, tiny, dir)
}

/// A model of some shape with random weights, beside the tokenizer of another.
///
/// # Errors
/// The folder cannot be written.
pub fn write_model(shape: ModelConfig, tokenizer: &Path, dir: &Path) -> Result<()> {
    disk::create_dir(dir)?;
    let model = Qwen3::random(shape, 3, Kind::Float, Device::Cpu);
    export::save_model(&model, Some(tokenizer), Tokenizer::load(tokenizer)?.eos(), dir)
}

/// All cases, in the order of the table.
///
/// # Errors
/// A model folder cannot be read.
pub fn cases(tiny: &Path, small: &Path, device: &str, threads: i32) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    // What generates has loops of its own for bf16 on the CPU; on other devices everything is in bf16.
    let bf16 = ("3M, bf16", small, "bfloat16");
    let usual = if device == "cpu" { "float32" } else { "bfloat16" };
    let generate = generators(device);
    let models = [("3M", small, usual), bf16, ("tiny", tiny, usual)];
    for (model, dir, dtype) in models.into_iter().filter(|m| device == "cpu" || *m != bf16) {
        let tokenizer = Tokenizer::load(dir)?;
        let prompts = prompts(&tokenizer, 32)?;
        let work = |task, sequences: &[Vec<u32>]| Work {
            task,
            model: dir.to_path_buf(),
            device: device.into(),
            dtype: dtype.into(),
            sequences: sequences.to_vec(),
            masks: vec![],
            samples: 8,
            max_tokens: 128,
            eos: vec![],
            slots: 256,
            threads,
            microbatch_tokens: microbatch_tokens(),
            large: false,
        };
        let mut add = |name, peers, work| cases.push(Case { model, name, work, peers });
        let fixed = work(Task::Generate, &prompts);
        add("generate 256 x 128", generate, fixed.clone());
        let one = Work { samples: 1, sequences: prompts[..1].to_vec(), ..fixed.clone() };
        let (sequences, masks) = conversations(&tokenizer, 256)?;
        let score = work(Task::Score, &sequences);
        if model == bf16.0 {
            add("generate, batch 1", generate, one);
            add("score 256 texts", &["score.py"], score);
            continue;
        }
        // With random weights nearly every token is as likely as every other: seven of them end a completion after 64 on
        // average. The tiny model ends by itself.
        let eos = match model {
            "3M" => (3..10).collect(),
            _ => tokenizer.eos().to_vec(),
        };
        let ragged = Work { eos: eos.clone(), max_tokens: 256, ..fixed.clone() };
        add("generate, ragged lengths", generate, ragged.clone());
        let few = Work { sequences: prompts[..8].to_vec(), ..ragged };
        add("generate, ragged lengths, 64 samples", &["generate.py", "continuous.py"], few);
        add("generate, batch 1", generate, one.clone());
        add("score 256 texts", &["score.py"], score);
        add("first token", &["first.py"], Work { task: Task::First, max_tokens: 1, ..one });
        let sft = Work { masks: masks[..64].to_vec(), ..work(Task::Sft, &sequences[..64]) };
        add("SFT step, 64 texts", &["sft.py"], sft);
        let grpo = Work { task: Task::Grpo, sequences: prompts[..8].to_vec(), eos, ..fixed };
        add("GRPO step, 8 x 8 x 128", &["grpo.py"], grpo);
    }
    cases.extend(large(small, device, threads)?);
    Ok(cases)
}

/// Programs that generate on a device.
fn generators(device: &str) -> &'static [&'static str] {
    if device == "cpu" { &["generate.py"] } else { &["generate.py", "vllm_generate.py"] }
}

/// Published shapes with random weights in bf16, written beside the small model: on the CPU Qwen3-0.6B, elsewhere the study's
/// model, Qwen3-4B.
fn large(small: &Path, device: &str, threads: i32) -> Result<Vec<Case>> {
    let name = if device == "cpu" { "Qwen3-0.6B" } else { "Qwen3-4B" };
    let dir = small.with_file_name(name);
    let work = |task, prompts: u64, length: u64, samples: usize, max_tokens: usize| Work {
        task,
        model: dir.clone(),
        device: device.into(),
        dtype: "bfloat16".into(),
        sequences: (0..prompts).map(|seed| random_ids(seed, length)).collect(),
        masks: vec![],
        samples,
        max_tokens,
        eos: vec![],
        slots: samples * prompts as usize,
        threads,
        microbatch_tokens: microbatch_tokens(),
        large: true,
    };
    let mut cases = Vec::new();
    let mut add = |case, peers, work| cases.push(Case { model: name, name: case, work, peers });
    let generate = generators(device);
    if device == "cpu" {
        add("decode 16 sequences of 128 to 160", generate, work(Task::Generate, 2, 128, 8, 32));
        add("decode 1 sequence of 128 to 160", generate, work(Task::Generate, 1, 128, 1, 32));
        add("prefill 4 x 256", &["score.py"], work(Task::Score, 4, 256, 1, 1));
    } else {
        add("decode 256 sequences to 1.2 k", generate, work(Task::Generate, 32, 1024, 8, 256));
        add("decode 1 sequence to 1.2 k", generate, work(Task::Generate, 1, 1024, 1, 256));
        add("prefill 16 x 2,048", &["score.py"], work(Task::Score, 16, 2048, 1, 1));
        add("GRPO step, 8 x 8 x 2,048", &["grpo.py"], work(Task::Grpo, 8, 128, 8, 2048));
        add("GRPO step, 2 x 8 x 4,096", &["grpo.py"], work(Task::Grpo, 2, 128, 8, 4096));
    }
    Ok(cases)
}

/// Writes the model of a large case where it is to be: only when the case is measured, since it takes a minute.
///
/// # Errors
/// The folder cannot be written.
pub fn prepare(case: &Case, tiny: &Path) -> Result<()> {
    if !case.work.large || case.work.model.exists() {
        return Ok(());
    }
    let shape = ModelConfig::published(case.model)
        .ok_or_else(|| Error::data(case.model, "is not among the published shapes"))?;
    disk::create_dir(&case.work.model)?;
    let model = Qwen3::random(shape, 3, Kind::BFloat16, Device::Cpu);
    export::save_model(&model, Some(tiny), Tokenizer::load(tiny)?.eos(), &case.work.model)
}

/// Ids that the tiny model's tokenizer has too, so that every program can make them text and back.
fn random_ids(seed: u64, length: u64) -> Vec<u32> {
    (0..length).map(|t| 3 + (Seed(seed).uniform(t) * 90.0) as u32).collect()
}

/// Prompts of the arithmetic world's train split, of all levels.
fn prompts(tokenizer: &Tokenizer, count: u64) -> Result<Vec<Vec<u32>>> {
    let train = Train::new(7);
    (0..count)
        .map(|i| {
            let example = train.example(1 + (i % 5) as u8, i);
            tokenizer.prompt(&PromptStyle::Instruction.messages(&example.problem.text))
        })
        .collect()
}

/// Conversations with their solutions: ids and masks.
///
/// # Errors
/// The tokenizer has no chat template.
#[allow(clippy::type_complexity)]
pub fn conversations(tokenizer: &Tokenizer, count: u64) -> Result<(Vec<Vec<u32>>, Vec<Vec<u8>>)> {
    let train = Train::new(9);
    let (mut ids, mut masks) = (Vec::new(), Vec::new());
    for i in 0..count {
        let level = 1 + Seed(9).index(i).stream().below(5) as u8;
        let example = train.example(level, i);
        let mut messages = PromptStyle::Instruction.messages(&example.problem.text);
        messages.push(Message::assistant(example.solution));
        let (sequence, mask) = tokenizer.conversation(&messages)?;
        ids.push(sequence);
        masks.push(mask);
    }
    Ok((ids, masks))
}

impl Work {
    /// Reads a work that the orchestrator wrote.
    ///
    /// # Errors
    /// The file is missing or broken.
    pub fn read(path: &Path) -> Result<Self> {
        serde_json::from_str(&disk::read_text(path)?)
            .map_err(|e| Error::file(path, format!("is not a work: {e}")))
    }
}
