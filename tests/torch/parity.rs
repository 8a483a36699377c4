//! Supervised training against PyTorch: tests/golden/sft.py made the numbers (versions in sft/reference.json).

use std::path::{Path, PathBuf};

use howard::learn::Learner;
use howard::learn::compute::{ComputeConfig, Precision};
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft::{self, Weighting};
use howard::loss::Objective;
use howard::schedule::Schedule;
use howard::types::TrainSample;
use howard_torch::engine::Model;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Tokenizer;
use howard_torch::{lora, peft};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

const MODELS: [&str; 2] = ["tied_one_kv_head", "untied_two_kv_heads"];

fn golden(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden")).join(name)
}

fn reference() -> Value {
    let text = std::fs::read_to_string(golden("sft/reference.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn rows(reference: &Value) -> Vec<TrainSample> {
    let get = |row: &Value, key: &str| row[key].clone();
    let rows = reference["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let ids = serde_json::from_value(get(row, "ids")).unwrap();
            sft::sample(ids, serde_json::from_value(get(row, "mask")).unwrap())
        })
        .collect()
}

fn learner(name: &str, lora: bool, compute: ComputeConfig) -> TorchLearner {
    let base = golden("qwen3").join(name);
    let kind = howard_torch::dtype(compute.dtype()).unwrap();
    let model = Qwen3::load(&base, kind, Device::Cpu).unwrap();
    let tokenizer = Tokenizer::load(&golden("../../data/tiny")).unwrap();
    let sampler = LocalSampler::new(model, tokenizer, 1);
    let options = AdamWOptions { max_grad_norm: 1.0, ..AdamWOptions::default() };
    let adapter = golden("sft").join(format!("{name}.adapter"));
    let config = lora.then(|| peft::load_config(&adapter).unwrap());
    let mut learner = TorchLearner::new(sampler, options, compute, config.as_ref(), 0).unwrap();
    learner.start_from_exact(&base).unwrap();
    if lora {
        learner.start_from_adapter(&adapter, &base).unwrap();
    }
    learner
}

/// One packed batch with plain layers and one chunk of logits; and everything that saves memory, alone and together: a
/// sequence at a time (not packed, accumulated), small micro-batches, recomputed layers, logits three tokens at a time.
fn ways() -> Vec<(&'static str, ComputeConfig)> {
    let way = |microbatch_tokens, recompute, head_tokens| ComputeConfig {
        microbatch_tokens,
        recompute,
        head_tokens,
        ..ComputeConfig::default()
    };
    vec![
        ("packed", way(1 << 20, false, 1 << 20)),
        ("one at a time", way(1, false, 1 << 20)),
        ("accumulated", way(40, false, 1 << 20)),
        ("recomputed", way(1 << 20, true, 1 << 20)),
        ("chunked", way(1 << 20, false, 3)),
        ("all", way(40, true, 3)),
    ]
}

/// Every tensor's gradient, full and adapters, both weightings, every way to compute it: within 1e-4 of float64.
#[test]
fn gradients_of_supervised_training_equal_torch() {
    let reference = reference();
    let mut worst = 0f64;
    for name in MODELS {
        for lora in [false, true] {
            for (weighting, word) in
                [(Weighting::TokenMean, "token_mean"), (Weighting::ExampleMean, "example_mean")]
            {
                let case = format!("{name}.{}.{word}", if lora { "lora" } else { "full" });
                let bytes =
                    std::fs::read(golden("sft").join(format!("{case}.safetensors"))).unwrap();
                let expected = safetensors::SafeTensors::deserialize(&bytes).unwrap();
                let mut samples = rows(&reference);
                let denominator = sft::weigh(&mut samples, weighting);
                for (way, compute) in ways() {
                    let learner = learner(name, lora, compute);
                    let (gradients, stats) = learner
                        .gradients(&samples, &Objective::cross_entropy(), denominator)
                        .unwrap();
                    let loss = reference["losses"][&case].as_f64().unwrap();
                    assert!((stats.loss - loss).abs() < 1e-5, "{case} {way}: {}", stats.loss);
                    let named = learner.named(gradients);
                    assert_eq!(named.len(), expected.len(), "{case}");
                    for (tensor, got) in named {
                        let view = expected.tensor(&tensor).unwrap();
                        assert_eq!(view.shape().len(), got.size().len());
                        let expected =
                            Tensor::from_data_size(view.data(), &got.size(), Kind::Float);
                        let apart = (&got - &expected).norm().double_value(&[])
                            / expected.norm().double_value(&[]);
                        assert!(apart <= 1e-4, "{case} {way} {tensor}: {apart}");
                        worst = worst.max(apart);
                    }
                }
            }
        }
    }
    println!("largest relative error of any tensor: {worst:.1e}");
}

/// 20 steps, bf16 computing on fp32 masters, learning rate to 0, clipped at 1: losses as torch's to bf16 rounding (2^-8 of
/// the value); in fp32 to 1e-4.
#[test]
fn twenty_steps_of_mixed_precision_follow_torch() {
    let reference = reference();
    for (precision, dtype, bound) in
        [(Precision::Float32, "float32", 1e-4), (Precision::Mixed, "bfloat16", 1.0 / 256.0)]
    {
        let compute = ComputeConfig { precision, ..ComputeConfig::default() };
        let mut learner = learner("untied_two_kv_heads", false, compute);
        let mut samples = rows(&reference);
        let denominator = sft::weigh(&mut samples, Weighting::TokenMean);
        let expected = reference["steps"][dtype].as_array().unwrap();
        let mut worst = 0f64;
        assert_eq!(expected.len(), 20);
        for (step, expected) in expected.iter().enumerate() {
            let lr = 1e-3 * Schedule::Linear.factor(step as u64, 0, 20);
            let stats =
                learner.step(&samples, &Objective::cross_entropy(), lr, denominator).unwrap();
            let loss = expected["loss"].as_f64().unwrap();
            let apart = (stats.loss - loss).abs() / loss;
            assert!(apart <= bound, "{dtype} step {step}: {} {loss}", stats.loss);
            let norm = expected["grad_norm"].as_f64().unwrap();
            let norm_apart = (stats.grad_norm - norm).abs() / norm;
            assert!(norm_apart <= 8.0 * bound, "{dtype} step {step}: {norm_apart}");
            worst = worst.max(apart);
        }
        println!(
            "{dtype}: losses of 20 steps differ from torch's by at most {worst:.1e} of their value"
        );
    }
}

#[test]
fn schedules_equal_transformers() {
    let reference = reference();
    for (name, schedule) in [
        ("constant", Schedule::Constant),
        ("linear", Schedule::Linear),
        ("cosine", Schedule::Cosine),
    ] {
        for warmup in [0, 5] {
            let expected: Vec<f64> =
                serde_json::from_value(reference["rates"][format!("{name}.{warmup}")].clone())
                    .unwrap();
            assert_eq!(expected.len(), 20);
            for (step, expected) in expected.into_iter().enumerate() {
                let got = schedule.factor(step as u64, warmup, 20);
                assert!((got - expected).abs() < 1e-12, "{name} {warmup} {step}: {got} {expected}");
            }
        }
    }
}

/// An adapter that PEFT made: the same log-probabilities here, applied and folded in.
#[test]
fn adapters_of_peft_compute_the_same_here() {
    let reference = reference();
    for name in MODELS {
        let base = golden("qwen3").join(name);
        let mut model = Qwen3::load(&base, Kind::Float, Device::Cpu).unwrap();
        let sequences: Vec<Vec<u32>> = rows(&reference).into_iter().map(|s| s.ids).collect();
        let plain = model.score(&sequences);
        peft::load(&mut model, &golden("sft").join(format!("{name}.adapter")), &base).unwrap();
        let applied = model.score(&sequences);
        lora::fold(&mut model).unwrap();
        let folded = model.score(&sequences);
        for (got, key) in [(&applied, "logprobs"), (&folded, "merged")] {
            let expected: Vec<Vec<f32>> =
                serde_json::from_value(reference["adapters"][name][key].clone()).unwrap();
            let pairs = || got.iter().flatten().zip(expected.iter().flatten());
            assert_eq!(pairs().count(), 2 + 7 + 7 + 16 + 23 + 31 + 40 - 7);
            let worst = pairs().map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            assert!(worst <= 1e-4, "{name} {key}: {worst}");
        }
        // The adapter changes something, or the comparison would prove nothing.
        let pairs = plain.iter().flatten().zip(applied.iter().flatten());
        assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) > 0.01);
    }
}

/// Inputs that dropout drops are the same when a layer is computed again; and some are dropped.
#[test]
fn dropout_is_the_same_when_a_layer_is_computed_again() {
    let mut samples = rows(&reference());
    let denominator = sft::weigh(&mut samples, Weighting::TokenMean);
    let name = MODELS[0];
    let gradients = |recompute, dropout| {
        let compute = ComputeConfig { recompute, ..ComputeConfig::default() };
        let base = golden("qwen3").join(name);
        let model = Qwen3::load(&base, Kind::Float, Device::Cpu).unwrap();
        let tokenizer = Tokenizer::load(&golden("../../data/tiny")).unwrap();
        let adapter = golden("sft").join(format!("{name}.adapter"));
        let mut config = peft::load_config(&adapter).unwrap();
        config.dropout = dropout;
        let sampler = LocalSampler::new(model, tokenizer, 1);
        let mut learner =
            TorchLearner::new(sampler, AdamWOptions::default(), compute, Some(&config), 0).unwrap();
        learner.start_from_adapter(&adapter, &base).unwrap();
        learner.gradients(&samples, &Objective::cross_entropy(), denominator).unwrap().0
    };
    let apart = |a: &[Tensor], b: &[Tensor]| {
        let pairs = a.iter().zip(b);
        pairs
            .map(|(a, b)| (a - b).norm().double_value(&[]) / a.norm().double_value(&[]))
            .fold(0.0, f64::max)
    };
    let plain = gradients(false, 0.3);
    assert!(apart(&plain, &gradients(true, 0.3)) <= 1e-5);
    assert!(apart(&plain, &gradients(false, 0.0)) > 0.05);
}

/// What we save of an adapter is what PEFT saved: the same tensors under the same names, the same computation asked for.
#[test]
fn adapters_are_saved_as_peft_saves_them() {
    for name in MODELS {
        let base = golden("qwen3").join(name);
        let theirs = golden("sft").join(format!("{name}.adapter"));
        let learner = learner(name, true, ComputeConfig::default());
        let dir = tempfile::tempdir().unwrap();
        let config = peft::load_config(&theirs).unwrap();
        peft::save(learner.named_weights(), &config, &base, dir.path()).unwrap();
        let tensors = |folder: &Path| -> Vec<(String, Tensor)> {
            let mut all =
                Tensor::read_safetensors(folder.join("adapter_model.safetensors")).unwrap();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        let (ours, expected) = (tensors(dir.path()), tensors(&theirs));
        assert_eq!(ours.len(), expected.len());
        for ((a, ours), (b, expected)) in ours.iter().zip(&expected) {
            assert_eq!(a, b);
            assert!(ours.equal(expected), "{name} {a}");
        }
        let json = |folder: &Path| -> Value {
            let text = std::fs::read_to_string(folder.join("adapter_config.json")).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let (ours, expected) = (json(dir.path()), json(&theirs));
        for key in
            ["peft_type", "task_type", "r", "bias", "fan_in_fan_out", "use_dora", "use_rslora"]
        {
            assert_eq!(ours[key], expected[key], "{key}");
        }
        assert_eq!(ours["lora_alpha"].as_f64(), expected["lora_alpha"].as_f64());
        assert_eq!(peft::load_config(dir.path()).unwrap(), config);
    }
}

/// An adapter of other weights (ours say which), or of another shape (PEFT's do not say).
#[test]
fn an_adapter_for_another_base_is_refused() {
    let [one, other] = MODELS.map(|name| golden("qwen3").join(name));
    let dir = tempfile::tempdir().unwrap();
    let learner = learner(MODELS[0], true, ComputeConfig::default());
    let theirs = golden("sft").join(format!("{}.adapter", MODELS[0]));
    let config = peft::load_config(&theirs).unwrap();
    peft::save(learner.named_weights(), &config, &one, dir.path()).unwrap();
    let refusal = |base: &Path, adapter: &Path| {
        let mut model = Qwen3::load(base, Kind::Float, Device::Cpu).unwrap();
        let text = peft::load(&mut model, adapter, base).unwrap_err().to_string();
        assert!(!text.contains('\n') && text.len() < 600, "{text}");
        text
    };
    let text = refusal(&other, dir.path());
    assert!(text.contains("the adapter was trained on other weights"), "{text}");
    assert!(text.contains("tied_one_kv_head") && text.contains("untied_two_kv_heads"), "{text}");
    let text = refusal(&other, &theirs);
    assert!(text.contains("self_attn.") && text.contains("expected shape"), "{text}");
    // The right one is taken.
    let mut model = Qwen3::load(&one, Kind::Float, Device::Cpu).unwrap();
    assert_eq!(peft::load(&mut model, dir.path(), &one).unwrap(), config);
}
