//! The process that does the work on our side. It speaks the protocol of the peers: one JSON line when it is ready, one for
//! each line `go` on its standard input, one at the end.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use howard::advantage::Advantage;
use howard::error::Result;
use howard::learn::Learner;
use howard::learn::compute::ComputeConfig;
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft;
use howard::loss::{Loss, Objective};
use howard::rng::Seed;
use howard::types::{SamplingParams, TrainSample};
use howard_torch::config::ModelConfig;
use howard_torch::engine::{Model, Output, Prompt};
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::prepared::Prepared;
use howard_torch::qwen3::Qwen3;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::work::{Task, Work};

/// What one run did.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// Seconds.
    pub seconds: f64,
    /// Tokens: generated, scored or trained.
    pub tokens: u64,
    /// Floating-point operations of products with weights.
    #[serde(default)]
    pub flops: f64,
    /// Bytes of weights, keys and values that have to be read; of large models that generate.
    #[serde(default)]
    pub bytes: f64,
}

/// Peak memory of this process in MB, where the system tells.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Does a work as often as it is told to.
///
/// # Errors
/// The model cannot be loaded, or the work fails.
pub fn serve(path: &Path) -> Result<()> {
    let work = Work::read(path)?;
    tch::set_num_threads(work.threads);
    let mut ours = Ours::load(work)?;
    say(&serde_json::json!({ "ready": true }));
    for line in std::io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("go") => say(&ours.go()?),
            _ => break,
        }
    }
    let device = howard_torch::device(&ours.work.device)?;
    let peak = howard_torch::ext::device_peak_bytes(device)?.map(|bytes| bytes as f64 / 1048576.0);
    say(&serde_json::json!({ "peak_mb": peak.unwrap_or_else(peak_mb) }));
    Ok(())
}

fn say(value: &impl Serialize) {
    let line = serde_json::to_string(value).unwrap_or_default();
    println!("{line}");
    let _ = std::io::stdout().flush();
}

enum State {
    Model(Prepared),
    Learner(Box<TorchLearner>),
    Nothing,
}

struct Ours {
    work: Work,
    state: State,
    runs: u64,
}

impl Ours {
    fn load(work: Work) -> Result<Self> {
        let state = match work.task {
            Task::Generate | Task::Score => {
                let kind = howard_torch::dtype(&work.dtype)?;
                let model = Qwen3::load(&work.model, kind, howard_torch::device(&work.device)?)?;
                State::Model(Prepared::new(model))
            }
            Task::Sft | Task::Grpo => {
                let sampler =
                    LocalSampler::load(&work.model, &work.device, &work.dtype, work.slots)?;
                let compute = ComputeConfig {
                    device: work.device.clone(),
                    microbatch_tokens: work.microbatch_tokens,
                    ..ComputeConfig::default()
                };
                let options = AdamWOptions::default();
                State::Learner(Box::new(TorchLearner::new(sampler, options, compute, None, 1)?))
            }
            Task::First | Task::Matrix => State::Nothing,
        };
        Ok(Self { work, state, runs: 0 })
    }

    fn go(&mut self) -> Result<Done> {
        self.runs += 1;
        let started = Instant::now();
        let work = &self.work;
        let mut bytes = 0.0;
        let (tokens, flops) = match (&mut self.state, work.task) {
            (State::Nothing, Task::Matrix) => return matrix_rate(work),
            (State::Nothing, _) => {
                let kind = howard_torch::dtype(&work.dtype)?;
                let model = Qwen3::load(&work.model, kind, howard_torch::device(&work.device)?)?;
                let model = Prepared::new(model);
                generated(model.config(), work, &sample(&model, work, self.runs)?)
            }
            (State::Model(model), Task::Score) => {
                let scores = model.score(&work.sequences);
                let tokens = scores.iter().map(Vec::len).sum::<usize>() as u64;
                (tokens, tokens as f64 * per_token(model.config(), true))
            }
            (State::Model(model), _) => {
                let outputs = sample(model, work, self.runs)?;
                if work.large {
                    bytes = read(model.config(), work, &outputs)?;
                }
                generated(model.config(), work, &outputs)
            }
            (State::Learner(learner), Task::Sft) => {
                let samples = texts(&work.sequences, &work.masks);
                let count: usize = samples.iter().map(trained_tokens).sum();
                learner.step(&samples, &Objective::cross_entropy(), 2e-4, count as f64)?;
                trained(&learner.model().config, &samples)
            }
            (State::Learner(learner), _) => grpo(learner, work, self.runs)?,
        };
        Ok(Done { seconds: started.elapsed().as_secs_f64(), tokens, flops, bytes })
    }
}

fn sample(model: &impl Model, work: &Work, run: u64) -> Result<Vec<Output>> {
    let params = SamplingParams { max_tokens: work.max_tokens, ..SamplingParams::default() };
    let prompts: Vec<Prompt> = work
        .sequences
        .iter()
        .enumerate()
        .map(|(index, ids)| {
            let seed = Seed(run).index(index as u64);
            let seeds = (0..work.samples as u64).map(|sample| seed.index(sample)).collect();
            Prompt { ids: ids.clone(), params: params.clone(), seeds }
        })
        .collect();
    let mut outputs = Vec::new();
    let (eos, slots) = (&work.eos, work.slots);
    model.generate(&prompts, eos, &|_, _| false, slots, &mut |output| {
        outputs.push(output);
        Ok(())
    })?;
    outputs.sort_by_key(|output| (output.prompt, output.sample));
    Ok(outputs)
}

/// Operations of a token's products with the weights: two per weight.
fn per_token(config: &ModelConfig, head: bool) -> f64 {
    let heads = if config.tie_word_embeddings { 1 } else { 2 } * config.vocab_size;
    let layers = config.num_parameters() - heads * config.hidden_size;
    2.0 * (layers + if head { config.vocab_size * config.hidden_size } else { 0 }) as f64
}

/// Tokens and operations of generation: prompts go through the layers once.
fn generated(config: &ModelConfig, work: &Work, outputs: &[Output]) -> (u64, f64) {
    let tokens = outputs.iter().map(|output| output.ids.len()).sum::<usize>() as u64;
    let prompts = work.sequences.iter().map(Vec::len).sum::<usize>() as f64;
    (tokens, prompts * per_token(config, false) + tokens as f64 * per_token(config, true))
}

/// Bytes that decoding has to read: all weights for each step of all sequences together, and for each token keys and values
/// of the positions before it.
fn read(config: &ModelConfig, work: &Work, outputs: &[Output]) -> Result<f64> {
    let size = howard_torch::dtype(&work.dtype)?.elt_size_in_bytes() as f64;
    let tokens: usize = outputs.iter().map(|output| output.ids.len()).sum();
    let longest = outputs.iter().map(|output| output.ids.len()).max().unwrap_or(0);
    let steps = longest.max(tokens.div_ceil(work.slots)) as f64;
    let position =
        2.0 * (config.num_hidden_layers * config.num_key_value_heads * config.head_dim) as f64;
    let positions = outputs.iter().map(|output| {
        let (before, count) = (work.sequences[output.prompt].len() as f64, output.ids.len() as f64);
        count * (before + (count - 1.0) / 2.0)
    });
    Ok(size * (steps * config.num_parameters() as f64 + position * positions.sum::<f64>()))
}

/// The texts of a supervised step: every trained token counts the same.
pub fn texts(sequences: &[Vec<u32>], masks: &[Vec<u8>]) -> Vec<TrainSample> {
    let rows = sequences.iter().zip(masks);
    rows.map(|(ids, mask)| TrainSample {
        advantages: mask.iter().map(|&m| f32::from(m)).collect(),
        ..sft::sample(ids.clone(), mask.clone())
    })
    .collect()
}

/// Tokens that a sample is trained on.
pub fn trained_tokens(sample: &TrainSample) -> usize {
    sample.mask.iter().filter(|&&mask| mask == 1).count()
}

/// Tokens and operations of a training step: forward, and twice as much backward.
fn trained(config: &ModelConfig, samples: &[TrainSample]) -> (u64, f64) {
    let tokens: usize = samples.iter().map(|sample| sample.ids.len()).sum();
    let scored: usize = samples.iter().map(trained_tokens).sum();
    let head = per_token(config, true) - per_token(config, false);
    let flops = 3.0 * (tokens as f64 * per_token(config, false) + scored as f64 * head);
    (tokens as u64, flops)
}

/// One step with a reward that needs no answer: whether the sum of the completion's ids is even.
fn grpo(learner: &mut TorchLearner, work: &Work, run: u64) -> Result<(u64, f64)> {
    let config = learner.model().config.clone();
    let outputs = sample(learner.model(), work, run)?;
    let (_, sampling) = generated(&config, work, &outputs);
    let mut samples = Vec::new();
    for group in outputs.chunks(work.samples) {
        let even = |output: &Output| output.ids.iter().sum::<u32>().is_multiple_of(2);
        let rewards: Vec<f64> = group.iter().map(|o| f64::from(u8::from(even(o)))).collect();
        for (output, advantage) in group.iter().zip(Advantage::Standardised.of(&rewards)) {
            let prompt = &work.sequences[output.prompt];
            let (before, count) = (prompt.len(), output.ids.len());
            let place = |value: f32| [vec![0.0; before], vec![value; count]].concat();
            samples.push(TrainSample {
                ids: [prompt.as_slice(), &output.ids].concat(),
                mask: [vec![0; before], vec![1; count]].concat(),
                sampler_logprobs: [vec![0.0; before], output.logprobs.clone()].concat(),
                advantages: place(advantage as f32),
                old_logprobs: vec![],
                reference_logprobs: vec![],
                weight: 1.0 / count as f32,
            });
        }
    }
    let loss = Loss::Ppo { clip_low: 0.2, clip_high: 0.2, dual_clip: 0.0 };
    let objective = Objective { loss, ..Objective::default() };
    learner.step(&samples, &objective, 1e-6, samples.len() as f64)?;
    let (tokens, training) = trained(&config, &samples);
    Ok((tokens, sampling + training))
}

/// The greatest rate of libtorch's products `[m, i] x [i, o]` over the shapes of the 3 M model and large squares, in
/// operations per second.
fn matrix_rate(work: &Work) -> Result<Done> {
    let _guard = tch::no_grad_guard();
    let (device, kind) = (howard_torch::device(&work.device)?, howard_torch::dtype(&work.dtype)?);
    let mut best = Done { seconds: 1.0, ..Done::default() };
    let large = if device == Device::Cpu { 1024 } else { 8192 };
    let shapes = [
        (256, 256, 768),
        (256, 256, 1536),
        (256, 768, 256),
        (1024, 1024, 1024),
        (large, large, large),
    ];
    for (m, inputs, outputs) in shapes {
        let x = Tensor::ones([m, inputs], (kind, device));
        let w = Tensor::ones([outputs, inputs], (kind, device));
        let (started, mut count) = (Instant::now(), 0u32);
        while started.elapsed().as_secs_f64() < 0.1 {
            for _ in 0..8 {
                drop(x.linear(&w, None::<&Tensor>));
                count += 1;
            }
            if let Device::Cuda(index) = device {
                tch::Cuda::synchronize(index as i64);
            }
        }
        let flops = 2.0 * f64::from(count) * (m * inputs * outputs) as f64;
        best.flops = best.flops.max(flops / started.elapsed().as_secs_f64());
    }
    if work.large {
        best.bytes = memory_rate(device);
    }
    Ok(best)
}

/// The greatest rate at which libtorch sums numbers that are in no cache, in bytes per second.
fn memory_rate(device: Device) -> f64 {
    let count: i64 = if device == Device::Cpu { 1 << 27 } else { 1 << 30 };
    let numbers = Tensor::ones([count], (Kind::Float, device));
    let rate = |_| {
        let started = Instant::now();
        // Reading the value waits for the device.
        let _ = numbers.sum(Kind::Float).double_value(&[]);
        4.0 * count as f64 / started.elapsed().as_secs_f64()
    };
    (0..5).map(rate).fold(0.0, f64::max)
}
