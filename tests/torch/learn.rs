//! The torch learner: micro-batches add up, it refuses what is not finite, and a killed run resumes bit for bit.

use std::path::Path;

use howard::learn::Learner;
use howard::learn::compute::{ComputeConfig, LoraConfig, Precision};
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft;
use howard::loss::Objective;
use howard::types::TrainSample;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use tch::Tensor;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn learner(compute: ComputeConfig, lora: Option<&LoraConfig>) -> TorchLearner {
    let sampler = LocalSampler::load(&root().join("data/tiny"), "cpu", compute.dtype(), 8).unwrap();
    TorchLearner::new(sampler, AdamWOptions::default(), compute, lora, 3).unwrap()
}

fn plain(microbatch_tokens: usize) -> TorchLearner {
    learner(ComputeConfig { microbatch_tokens, ..ComputeConfig::default() }, None)
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

fn trained_tokens(samples: &[TrainSample]) -> f64 {
    samples.iter().flat_map(|s| &s.mask).map(|&m| f64::from(m)).sum()
}

/// Largest relative difference of the gradients of any tensor.
fn apart(one: &TorchLearner, other: &TorchLearner) -> f64 {
    let gradients = |learner: &TorchLearner| {
        let denominator = trained_tokens(&samples());
        learner.gradients(&samples(), &Objective::cross_entropy(), denominator).unwrap().0
    };
    let pairs = gradients(one).into_iter().zip(gradients(other));
    pairs
        .map(|(a, b)| (&a - b).norm().double_value(&[]) / a.norm().double_value(&[]).max(1e-12))
        .fold(0.0, f64::max)
}

/// One packed batch against a sequence at a time, plain against recomputed layers, whole weights and adapters.
#[test]
fn gradients_do_not_depend_on_how_they_are_computed() {
    let lora = LoraConfig { rank: 4, ..LoraConfig::default() };
    for lora in [None, Some(lora)] {
        let make = |microbatch_tokens, recompute| {
            let compute =
                ComputeConfig { microbatch_tokens, recompute, ..ComputeConfig::default() };
            let mut learner = learner(compute, lora.as_ref());
            // A step, since the gradient of A is zero while B is.
            let denominator = trained_tokens(&samples());
            learner.step(&samples(), &Objective::cross_entropy(), 1e-2, denominator).unwrap();
            learner
        };
        // Adam's first step is a sign: the learners themselves must be the same one, so compare at equal weights.
        let whole = make(1 << 20, false);
        let values =
            || whole.named_weights().into_iter().map(|(_, t)| t.copy()).collect::<Vec<_>>();
        for (microbatch_tokens, recompute) in [(1, false), (64, false), (1 << 20, true), (64, true)]
        {
            let other = make(microbatch_tokens, recompute);
            let _guard = tch::no_grad_guard();
            for ((_, mut to), from) in other.named_weights().into_iter().zip(values()) {
                to.copy_(&from);
            }
            drop(_guard);
            let apart = apart(&whole, &other);
            assert!(apart <= 1e-4, "{microbatch_tokens} {recompute}: {apart}");
        }
    }
}

#[test]
fn the_loss_is_the_mean_that_nll_computes() {
    let mut learner = plain(64);
    let stats = learner
        .step(&samples(), &Objective::cross_entropy(), 0.0, trained_tokens(&samples()))
        .unwrap();
    assert!((learner.nll(&samples()).unwrap() - stats.loss).abs() < 1e-5);
}

/// bf16 computing with an fp32 master follows fp32 to rounding (8 bits: 0.4 %), and so do Kahan weights.
#[test]
fn low_precision_follows_fp32() {
    let run = |precision| {
        let mut learner = learner(ComputeConfig { precision, ..ComputeConfig::default() }, None);
        let denominator = trained_tokens(&samples());
        (0..10)
            .map(|_| {
                let stats =
                    learner.step(&samples(), &Objective::cross_entropy(), 1e-4, denominator);
                stats.unwrap().loss
            })
            .collect::<Vec<f64>>()
    };
    let exact = run(Precision::Float32);
    assert!(exact[9] < 0.95 * exact[0], "{exact:?}");
    for precision in [Precision::Mixed, Precision::Bfloat16Kahan] {
        let losses = run(precision);
        for (a, b) in exact.iter().zip(&losses) {
            // Adam's first steps are signs: where a gradient is near 0, rounding turns them.
            assert!((a - b).abs() < 0.06 * a, "{precision:?}: {exact:?} {losses:?}");
        }
        let ends = (exact[0] - losses[0], exact[9] - losses[9]);
        assert!(ends.0.abs().max(ends.1.abs()) < 0.01 * exact[9], "{exact:?} {losses:?}");
    }
}

/// Moments and masters in the host's memory are copied for each update: the same bits, in the weights and what is saved.
#[test]
fn an_offloaded_optimizer_gives_the_same_bits() {
    for precision in [Precision::Float32, Precision::Mixed, Precision::Bfloat16Kahan] {
        let dir = tempfile::tempdir().unwrap();
        let run = |offload_optimizer| {
            let compute =
                ComputeConfig { precision, offload_optimizer, ..ComputeConfig::default() };
            let mut learner = learner(compute, None);
            let denominator = trained_tokens(&samples());
            let step = |learner: &mut TorchLearner| {
                learner.step(&samples(), &Objective::cross_entropy(), 1e-3, denominator).unwrap();
            };
            step(&mut learner);
            step(&mut learner);
            let folder = dir.path().join(format!("offloaded_{offload_optimizer}"));
            let saved = learner.save(&folder).unwrap();
            learner.resume(&folder).unwrap();
            step(&mut learner);
            (weights(&learner), saved.files, learner.named_weights())
        };
        let ((plain, files, masters), (offloaded, their_files, theirs)) = (run(false), run(true));
        assert_eq!(files, their_files, "{precision:?}");
        assert!(plain.iter().zip(&offloaded).all(|(a, b)| a.equal(b)), "{precision:?}");
        assert!(masters.iter().zip(&theirs).all(|(a, b)| a.1.equal(&b.1)), "{precision:?}");
        let start = learner(ComputeConfig { precision, ..ComputeConfig::default() }, None);
        assert!(!plain[0].equal(&weights(&start)[0]), "nothing was learned");
    }
}

/// Frozen weights cost no gradient and do not move; the adapters do.
#[test]
fn adapters_leave_frozen_weights_alone() {
    let mut learner = learner(ComputeConfig::default(), Some(&LoraConfig::default()));
    let before = weights(&learner);
    for parameter in learner.model().parameters() {
        assert!(!parameter.requires_grad() && !parameter.grad().defined());
    }
    let denominator = trained_tokens(&samples());
    let first =
        learner.step(&samples(), &Objective::cross_entropy(), 1e-2, denominator).unwrap().loss;
    for _ in 0..5 {
        learner.step(&samples(), &Objective::cross_entropy(), 1e-2, denominator).unwrap();
    }
    let last = learner.nll(&samples()).unwrap();
    assert!(last < 0.9 * first, "{first} -> {last}");
    for (a, parameter) in before.iter().zip(learner.model().parameters()) {
        assert!(a.equal(&parameter) && !parameter.grad().defined());
    }
}

#[test]
fn learning_lowers_the_loss_and_a_loss_that_is_not_finite_changes_nothing() {
    let denominator = trained_tokens(&samples());
    let mut learner = plain(4096);
    let first =
        learner.step(&samples(), &Objective::cross_entropy(), 1e-3, denominator).unwrap().loss;
    let mut last = first;
    for _ in 0..10 {
        last =
            learner.step(&samples(), &Objective::cross_entropy(), 1e-3, denominator).unwrap().loss;
    }
    assert!(last < 0.8 * first, "{first} -> {last}");

    let before = weights(&learner);
    let mut poisoned = samples();
    poisoned[3].advantages[2..].fill(f32::NAN);
    let error = learner
        .step(&poisoned, &Objective::cross_entropy(), 1e-3, denominator)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not finite"), "{error}");
    for (a, b) in before.iter().zip(weights(&learner)) {
        assert!(a.equal(&b));
    }
}
