//! The torch learner: micro-batches add up, it refuses what is not finite, and a killed run resumes bit for bit.

use std::path::Path;
use std::process::{Command, Stdio};

use howard::learn::Learner;
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft;
use howard::loss::Loss;
use howard::types::TrainSample;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use tch::Tensor;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn learner(microbatch_tokens: usize) -> TorchLearner {
    let sampler = LocalSampler::load(&root().join("data/tiny"), "cpu", "float32", 8).unwrap();
    TorchLearner::new(sampler, AdamWOptions::default(), microbatch_tokens)
}

/// Samples of 3 to 30 tokens, the second half of each trained.
fn samples() -> Vec<TrainSample> {
    (0..12u32)
        .map(|i| {
            let length = 3 + (i * 7) % 28;
            let ids = (0..length).map(|t| 3 + (i * 31 + t * 17) % 400).collect();
            let mask = (0..length).map(|t| u8::from(t >= length / 2)).collect();
            let mut sample = sft::sample(ids, mask);
            sample.advantages = sample.mask.iter().map(|&m| f32::from(m)).collect();
            sample
        })
        .collect()
}

fn weights(learner: &TorchLearner) -> Vec<Tensor> {
    learner.model().parameters().iter().map(|p| p.detach().copy()).collect()
}

#[test]
fn micro_batches_add_up_to_one_batch() {
    let denominator: f64 = samples().iter().flat_map(|s| &s.mask).map(|&m| f64::from(m)).sum();
    let (mut one, mut many) = (learner(1 << 20), learner(32));
    let a = one.step(&samples(), &Loss::CrossEntropy, 0.0, denominator).unwrap();
    let b = many.step(&samples(), &Loss::CrossEntropy, 0.0, denominator).unwrap();
    assert!((a.loss - b.loss).abs() < 1e-6, "{} {}", a.loss, b.loss);
    assert!(
        (a.grad_norm - b.grad_norm).abs() < 1e-4 * a.grad_norm,
        "{} {}",
        a.grad_norm,
        b.grad_norm
    );
    assert_eq!(a.num_loss_tokens, b.num_loss_tokens);
    // Every gradient, not only their norm.
    for (p, q) in one.model().parameters().iter().zip(many.model().parameters()) {
        let difference = (p.grad() - q.grad()).norm().double_value(&[]);
        assert!(difference <= 1e-4 * p.grad().norm().double_value(&[]), "{difference}");
    }
    // The loss is the mean over trained tokens, which `nll` computes without gradients.
    assert!((one.nll(&samples()).unwrap() - a.loss).abs() < 1e-5);
}

#[test]
fn learning_lowers_the_loss_and_a_loss_that_is_not_finite_changes_nothing() {
    let denominator: f64 = samples().iter().flat_map(|s| &s.mask).map(|&m| f64::from(m)).sum();
    let mut learner = learner(4096);
    let first = learner.step(&samples(), &Loss::CrossEntropy, 1e-3, denominator).unwrap().loss;
    let mut last = first;
    for _ in 0..10 {
        last = learner.step(&samples(), &Loss::CrossEntropy, 1e-3, denominator).unwrap().loss;
    }
    assert!(last < 0.8 * first, "{first} -> {last}");

    let before = weights(&learner);
    let mut poisoned = samples();
    poisoned[3].advantages[2..].fill(f32::NAN);
    let error =
        learner.step(&poisoned, &Loss::CrossEntropy, 1e-3, denominator).unwrap_err().to_string();
    assert!(error.contains("not finite"), "{error}");
    for (a, b) in before.iter().zip(weights(&learner)) {
        assert!(a.equal(&b));
    }
}

/// A small run, killed twice, ends with the weights of one that was not.
#[test]
fn a_killed_run_resumes_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let sft = |out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sft"));
        command.current_dir(root()).args(["--config", "configs/tiny/sft.toml", "--out"]).arg(out);
        for set in
            ["train.steps=10", "batch_size=4", "checkpoint_every=2", "scratch.num_hidden_layers=2"]
        {
            command.args(["--set", set]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let whole = dir.path().join("whole");
    assert!(sft(&whole).status().unwrap().success());
    let killed = dir.path().join("killed");
    let mut kills = 0;
    for step in ["step_000002", "step_000006"] {
        let mut child = sft(&killed).spawn().unwrap();
        let wanted = killed.join("checkpoints").join(step);
        while !wanted.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills > 0, "the run was over before it could be killed");
    assert!(sft(&killed).status().unwrap().success());
    let read = |run: &Path, name: &str| std::fs::read(run.join(name)).unwrap();
    assert!(read(&whole, "model/model.safetensors") == read(&killed, "model/model.safetensors"));
    assert_eq!(read(&whole, "steps.jsonl"), read(&killed, "steps.jsonl"));
}
