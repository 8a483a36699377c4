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
    for (model, dir) in [("3M", small), ("tiny", tiny)] {
        let tokenizer = Tokenizer::load(dir)?;
        let prompts = prompts(&tokenizer, 32)?;
        let work = |task, sequences: &[Vec<u32>]| Work {
            task,
            model: dir.to_path_buf(),
            device: device.into(),
            dtype: if device == "cpu" { "float32" } else { "bfloat16" }.into(),
            sequences: sequences.to_vec(),
            masks: vec![],
            samples: 8,
            max_tokens: 128,
            eos: vec![],
            slots: 256,
            threads,
            microbatch_tokens: microbatch_tokens(),
        };
        let mut add = |name, peers, work| cases.push(Case { model, name, work, peers });
        let fixed = work(Task::Generate, &prompts);
        add("generate 256 x 128", &["generate.py"] as &[_], fixed.clone());
        // With random weights nearly every token is as likely as every other: seven of them end a completion after 64 on
        // average. The tiny model ends by itself.
        let eos = match model {
            "3M" => (3..10).collect(),
            _ => tokenizer.eos().to_vec(),
        };
        let ragged = Work { eos: eos.clone(), max_tokens: 256, ..fixed.clone() };
        add("generate, ragged lengths", &["generate.py"], ragged.clone());
        let few = Work { sequences: prompts[..8].to_vec(), ..ragged };
        add("generate, ragged lengths, 64 samples", &["generate.py", "continuous.py"], few);
        let one = Work { samples: 1, sequences: prompts[..1].to_vec(), ..fixed.clone() };
        add("generate, batch 1", &["generate.py"], one.clone());
        let (sequences, masks) = conversations(&tokenizer, 256)?;
        add("score 256 texts", &["score.py"], work(Task::Score, &sequences));
        add("first token", &["first.py"], Work { task: Task::First, max_tokens: 1, ..one });
        let sft = Work { masks: masks[..64].to_vec(), ..work(Task::Sft, &sequences[..64]) };
        add("SFT step, 64 texts", &["sft.py"], sft);
        let grpo = Work { task: Task::Grpo, sequences: prompts[..8].to_vec(), eos, ..fixed };
        add("GRPO step, 8 x 8 x 128", &["grpo.py"], grpo);
    }
    if device != "cpu" {
        cases.extend(large(tiny, small, device, threads)?);
    }
    Ok(cases)
}

/// What the study's model costs: the shape of Qwen3-4B with random weights, written beside the small model.
fn large(tiny: &Path, small: &Path, device: &str, threads: i32) -> Result<Vec<Case>> {
    let dir = small.with_file_name("4B");
    let shape = ModelConfig::published("Qwen3-4B")
        .ok_or_else(|| Error::data("Qwen3-4B", "is not among the published shapes"))?;
    disk::create_dir(&dir)?;
    let model = Qwen3::random(shape, 3, Kind::BFloat16, Device::Cpu);
    export::save_model(&model, Some(tiny), Tokenizer::load(tiny)?.eos(), &dir)?;
    drop(model);
    let prompt = |seed: u64, length: u64| -> Vec<u32> {
        (0..length).map(|t| (Seed(seed).uniform(t) * 150_000.0) as u32).collect()
    };
    let work = |task, sequences: Vec<Vec<u32>>, samples: usize, max_tokens: usize| Work {
        task,
        model: dir.clone(),
        device: device.into(),
        dtype: "bfloat16".into(),
        sequences,
        masks: vec![],
        samples,
        max_tokens,
        eos: vec![],
        slots: samples * 32,
        threads,
        microbatch_tokens: microbatch_tokens(),
    };
    let many = |count: u64, length| (0..count).map(|i| prompt(i, length)).collect::<Vec<_>>();
    let mut cases = Vec::new();
    let mut add = |name, work| {
        cases.push(Case { model: "Qwen3-4B", name, work, peers: &["generate.py"] as &[_] });
    };
    add("decode 256 sequences to 1.2 k", work(Task::Generate, many(32, 1024), 8, 256));
    add("decode 1 sequence to 1.2 k", work(Task::Generate, many(1, 1024), 1, 256));
    cases.push(Case {
        model: "Qwen3-4B",
        name: "prefill 16 x 2,048",
        work: work(Task::Score, many(16, 2048), 1, 1),
        peers: &["score.py"],
    });
    Ok(cases)
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
#[allow(clippy::type_complexity)]
fn conversations(tokenizer: &Tokenizer, count: u64) -> Result<(Vec<Vec<u32>>, Vec<Vec<u8>>)> {
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
