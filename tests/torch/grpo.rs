//! GRPO on the torch learner: gradients of every loss, sampler against learner, runs that are killed at any moment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use howard::jsonl;
use howard::learn::compute::ComputeConfig;
use howard::learn::grpo::GrpoRow;
use howard::learn::recipe::AdamWOptions;
use howard::loss::Objective;
use howard::rng::Seed;
use howard::types::TrainSample;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Tokenizer;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    advantage: f32,
    old: Vec<f32>,
    sampler: Vec<f32>,
    reference: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    objective: Objective,
    weights: Vec<f32>,
    denominator: f64,
    loss: f64,
}

#[derive(Deserialize)]
struct Reference {
    prompt: usize,
    rows: Vec<Row>,
    cases: Vec<Case>,
}

/// tests/golden/grpo.py: the same losses as functions of a model's weights, by transformers and autograd in fp32.
#[test]
fn gradients_of_every_loss_equal_pytorch() {
    let folder = root().join("tests/golden/grpo");
    let text = std::fs::read_to_string(folder.join("reference.json")).unwrap();
    let reference: Reference = serde_json::from_str(&text).unwrap();
    let bytes = std::fs::read(folder.join("gradients.safetensors")).unwrap();
    let expected = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(reference.cases.len(), 15);
    // One batch, and one sequence at a time.
    for microbatch_tokens in [4096, 1] {
        let model = Qwen3::load(&folder, Kind::Float, Device::Cpu).unwrap();
        let tokenizer = Tokenizer::load(&root().join("data/tiny")).unwrap();
        let compute = ComputeConfig { microbatch_tokens, ..ComputeConfig::default() };
        let sampler = LocalSampler::new(model, tokenizer, 1);
        let learner =
            TorchLearner::new(sampler, AdamWOptions::default(), compute, None, 0).unwrap();
        for (index, case) in reference.cases.iter().enumerate() {
            let prompt = reference.prompt;
            let place = |values: &[f32]| [&vec![0.0; prompt], values].concat();
            let samples: Vec<TrainSample> = reference
                .rows
                .iter()
                .zip(&case.weights)
                .map(|(row, &weight)| TrainSample {
                    ids: row.ids.clone(),
                    mask: (0..row.ids.len()).map(|t| u8::from(t >= prompt)).collect(),
                    sampler_logprobs: place(&row.sampler),
                    advantages: place(&vec![row.advantage; row.sampler.len()]),
                    old_logprobs: place(&row.old),
                    reference_logprobs: place(&row.reference),
                    weight,
                })
                .collect();
            let (gradients, stats) =
                learner.gradients(&samples, &case.objective, case.denominator).unwrap();
            let name = &case.objective;
            let apart = (stats.loss - case.loss).abs() / (1.0 + case.loss.abs());
            assert!(apart <= 1e-5, "{name:?}: {} {}", stats.loss, case.loss);
            for (tensor, got) in learner.named(gradients) {
                let view = expected.tensor(&format!("{index}/{tensor}")).unwrap();
                let expected = Tensor::from_data_size(view.data(), &got.size(), Kind::Float);
                let difference = (&got - &expected).norm().double_value(&[]);
                let relative = difference / expected.norm().double_value(&[]);
                assert!(relative <= 1e-4, "{name:?} {tensor}: {relative}");
            }
        }
    }
}

/// A small run: 6 steps of 4 x 4 completions, two optimizer steps each, a checkpoint every second step.
fn grpo(out: &Path, sets: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grpo"));
    command.current_dir(root()).args(["--config", "configs/tiny/grpo.toml", "--out"]).arg(out);
    let small = [
        "train.steps=6",
        "train.prompts_per_step=4",
        "train.group_size=4",
        "train.optimizer_steps=2",
        "train.refill_rounds=1",
        "train.sampling.max_tokens=96",
        "checkpoint_every=2",
        "evaluate.every=3",
        "evaluate.limit=4",
        "slots=8",
    ];
    for set in small.iter().chain(sets) {
        command.args(["--set", set]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn read(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap()
}

/// Everything that the clock has no part in. `timing.jsonl`, the event files (they carry times) and `manifest.json` differ.
const SAME: [&str; 5] = [
    "model/model.safetensors",
    "steps.jsonl",
    "groups.jsonl",
    "rollouts.jsonl",
    "evaluations.jsonl",
];

/// `kill -9` at ten random moments, whatever is going on then (sampling, grading, learning, saving, exporting): each time
/// the same command goes on, and the end is that of a run that nobody killed.
#[test]
fn a_run_killed_ten_times_ends_as_one_that_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let started = Instant::now();
    assert!(grpo(&whole, &[]).status().unwrap().success());
    let seconds = started.elapsed().as_secs_f64();

    let killed = dir.path().join("killed");
    let mut random = Seed(2024).stream();
    let (mut kills, mut runs) = (0, 0);
    while kills < 10 {
        runs += 1;
        assert!(runs <= 60, "{kills} kills in 60 runs: the run ends before it can be killed");
        let mut child = grpo(&killed, &[]).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(seconds * (0.1 + 0.9 * random.uniform())));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        if killed.join("DONE").exists() {
            // It was faster than its first run: once more, from the start.
            compare(&whole, &killed);
            std::fs::remove_dir_all(&killed).unwrap();
        }
    }
    assert!(grpo(&killed, &[]).status().unwrap().success());
    compare(&whole, &killed);

    let rows: Vec<GrpoRow> = jsonl::read(&killed.join("steps.jsonl")).unwrap();
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().any(|row| row.optimizer_steps == 2), "{rows:?}");
    for row in rows {
        assert!(row.gap_max <= 1e-4, "sampler and learner differ by {}", row.gap_max);
    }
}

fn compare(whole: &Path, killed: &Path) {
    for name in SAME {
        assert!(read(whole, name) == read(killed, name), "{name} differs");
    }
}

/// Rounding apart, what a run samples and learns does not depend on how its files were left: a torn line is mended.
#[test]
fn a_torn_line_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, torn) = (dir.path().join("whole"), dir.path().join("torn"));
    assert!(grpo(&whole, &["train.steps=3"]).status().unwrap().success());
    let mut child = grpo(&torn, &["train.steps=3"]).spawn().unwrap();
    let checkpoint = torn.join("checkpoints/step_000002/state.json");
    let deadline = Instant::now() + Duration::from_secs(120);
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().unwrap();
    if torn.join("DONE").exists() {
        eprintln!("skipped: the run was over before it could be killed");
        return;
    }
    for name in ["steps.jsonl", "groups.jsonl", "pending.jsonl", "events.out.tfevents.howard"] {
        let path: PathBuf = torn.join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"step\": 2, \"torn");
        std::fs::write(&path, bytes).unwrap();
    }
    assert!(grpo(&torn, &["train.steps=3"]).status().unwrap().success());
    compare(&whole, &torn);
}
