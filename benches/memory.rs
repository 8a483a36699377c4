//! Peak memory of a training step on the CPU, beside what the plan says: `cargo bench --bench memory`.
//!
//! A model of random weights, 4 sequences of 512 tokens, every token trained, two steps (the second with moments and
//! gradients that are there already). Each way to compute runs in a process of its own: what is measured is the largest
//! resident set (VmHWM) between the moment before the first step and the end. `benches/peers/memory.py` does the same work in
//! PyTorch, transformers and PEFT.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)] // a program that prints

use std::process::Command;

use howard::learn::Learner;
use howard::learn::compute::{ComputeConfig, LoraConfig, Precision};
use howard::learn::memory::{Demand, GIB};
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft::{self, Weighting};
use howard::loss::Objective;
use howard::shape::ModelConfig;
use howard::types::TrainSample;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Tokenizer;
use tch::Device;

const SEQUENCES: usize = 4;
const LENGTH: usize = 512;

/// 42 M parameters, 17 M of them the tied embedding.
fn shape() -> ModelConfig {
    ModelConfig {
        vocab_size: 32_768,
        hidden_size: 512,
        intermediate_size: 1536,
        num_hidden_layers: 8,
        num_attention_heads: 8,
        num_key_value_heads: 4,
        head_dim: 64,
        rope_theta: 1e6,
        rms_norm_eps: 1e-6,
        tie_word_embeddings: true,
        max_position_embeddings: 4096,
    }
}

/// Name, precision, recomputed, chunked, adapters.
const WAYS: [(&str, Precision, bool, bool, bool); 9] = [
    ("plain", Precision::Float32, false, false, false),
    ("chunked head", Precision::Float32, false, true, false),
    ("recomputed", Precision::Float32, true, false, false),
    ("recomputed, chunked head", Precision::Float32, true, true, false),
    ("the same, bf16 with fp32 master", Precision::Mixed, true, true, false),
    ("the same, bf16 with Kahan sums", Precision::Bfloat16Kahan, true, true, false),
    ("adapters, plain", Precision::Float32, false, false, true),
    ("adapters, recomputed, chunked head", Precision::Float32, true, true, true),
    ("adapters, the same, bf16", Precision::Mixed, true, true, true),
];

/// Threads that a way is measured with: with two, adapters learn in two lanes (every weight has one lane, being too many).
fn threads(index: usize) -> &'static [usize] {
    if WAYS[index].4 { &[1, 2] } else { &[1] }
}

fn demand(index: usize, threads: usize) -> Demand {
    let (_, precision, recompute, chunked, lora) = WAYS[index];
    Demand {
        shape: shape(),
        compute: ComputeConfig {
            precision,
            recompute,
            microbatch_tokens: SEQUENCES * LENGTH,
            head_tokens: if chunked { 128 } else { SEQUENCES * LENGTH },
            ..ComputeConfig::default()
        },
        lora: lora.then(|| LoraConfig { rank: 16, ..LoraConfig::default() }),
        longest: LENGTH,
        step_tokens: SEQUENCES * LENGTH,
        generation: None,
        reference: false,
        threads,
    }
}

/// kB of a line of /proc/self/status.
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn measure(index: usize) -> u64 {
    let demand = demand(index, howard_torch::threads());
    let kind = howard_torch::dtype(demand.compute.dtype()).unwrap();
    let model = Qwen3::random(demand.shape.clone(), 1, kind, Device::Cpu);
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let tokenizer = Tokenizer::load(&root.join("data/tiny")).unwrap();
    let sampler = LocalSampler::new(model, tokenizer, 1);
    let options = AdamWOptions::default();
    let mut learner =
        TorchLearner::new(sampler, options, demand.compute.clone(), demand.lora.as_ref(), 1)
            .unwrap();
    let mut samples: Vec<TrainSample> = (0..SEQUENCES)
        .map(|i| {
            let ids = (0..LENGTH).map(|t| ((i * 7919 + t * 104_729) % 32_768) as u32).collect();
            sft::sample(ids, vec![1; LENGTH])
        })
        .collect();
    let denominator = sft::weigh(&mut samples, Weighting::TokenMean);
    // The largest so far is forgotten: building the model is not what is measured.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    for _ in 0..2 {
        learner.step(&samples, &Objective::cross_entropy(), 1e-4, denominator).unwrap();
    }
    status("VmHWM:") << 10
}

fn main() {
    if let Ok(way) = std::env::var("HOWARD_MEMORY_WAY") {
        println!("{}", measure(way.parse().unwrap()));
        return;
    }
    println!("{} parameters, {SEQUENCES} sequences of {LENGTH} tokens", shape().num_parameters());
    println!("libtorch alone: {} MiB resident", status("VmRSS:") >> 10);
    println!("| way | threads | measured, MiB | plan, MiB | measured / plan |");
    println!("|---|---:|---:|---:|---:|");
    let runs = (0..WAYS.len()).flat_map(|index| threads(index).iter().map(move |&n| (index, n)));
    for (index, threads) in runs {
        let way = WAYS[index].0;
        let output = Command::new(std::env::current_exe().unwrap())
            .env("HOWARD_MEMORY_WAY", index.to_string())
            .env("OMP_NUM_THREADS", threads.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let Ok(measured) = text.trim().parse::<u64>() else {
            println!(
                "| {way} | {threads} | {} | | |",
                String::from_utf8_lossy(&output.stderr).trim()
            );
            continue;
        };
        let planned = demand(index, threads).plan().peak();
        let mib = |bytes: u64| bytes as f64 * 1024.0 / GIB;
        println!(
            "| {way} | {threads} | {:.0} | {:.0} | {:.2} |",
            mib(measured),
            mib(planned),
            measured as f64 / planned as f64
        );
    }
}
