//! The torch learner: every weight or adapters of a Qwen3 model, with explicit denominators.

use std::path::Path;

use tch::Tensor;

use super::backward::{self, Options, Trainable};
use super::local::LocalSampler;
use super::master::Master;
use super::optimizer::{AdamW, global_norm};
use super::pack::{self, Packed};
use super::qwen3::Qwen3;
use super::{checkpoint, head};
use howard::error::{Error, Result};
use howard::learn::compute::{ComputeConfig, LoraConfig};
use howard::learn::recipe::AdamWOptions;
use howard::learn::{Checkpoint, Learner, StepStats};
use howard::loss::Loss;
use howard::rng::Seed;
use howard::types::TrainSample;

/// A Qwen3 model that learns; its policy samples from the same tensors.
#[derive(Debug)]
pub struct TorchLearner {
    policy: LocalSampler,
    trainable: Trainable,
    master: Master,
    optimizer: AdamW,
    compute: ComputeConfig,
    dropout: f64,
    seed: Seed,
}

impl TorchLearner {
    /// A learner on the sampler's own weights, or on new adapters on them. `seed` decides the adapters' first values and
    /// what dropout drops.
    ///
    /// # Errors
    /// A setting of the adapters is wrong.
    pub fn new(
        mut policy: LocalSampler,
        options: AdamWOptions,
        compute: ComputeConfig,
        lora: Option<&LoraConfig>,
        seed: u64,
    ) -> Result<Self> {
        if let Some(lora) = lora {
            super::lora::attach(policy.model_mut(), lora, seed)?;
        }
        let trainable = Trainable::of(policy.model());
        let master = Master::new(compute.precision(), &trainable.tensors);
        let optimizer = AdamW::new(&trainable.tensors, options);
        let dropout = lora.map_or(0.0, |lora| lora.dropout);
        let seed = Seed(seed).named("dropout");
        Ok(Self { policy, trainable, master, optimizer, compute, dropout, seed })
    }

    /// The model.
    pub fn model(&self) -> &Qwen3 {
        self.policy.model()
    }

    /// What is learned, under the names of the file format it is saved in, in fp32.
    pub fn named_weights(&self) -> Vec<(String, Tensor)> {
        let values = self
            .trainable
            .tensors
            .iter()
            .enumerate()
            .map(|(i, t)| self.master.value(i, t))
            .collect();
        self.named(values)
    }

    /// Tensors shaped and ordered as the learning ones (gradients), under the same names as [`Self::named_weights`].
    pub fn named(&self, values: Vec<Tensor>) -> Vec<(String, Tensor)> {
        self.trainable.named(self.model(), values)
    }

    /// Continues from a checkpoint folder: weights, moments and step.
    ///
    /// # Errors
    /// The folder is damaged or of another model.
    pub fn resume(&mut self, dir: &Path) -> Result<Checkpoint> {
        let _guard = tch::no_grad_guard();
        let values: Vec<Tensor> = self
            .trainable
            .tensors
            .iter()
            .map(|t| Tensor::zeros(t.size(), (tch::Kind::Float, t.device())))
            .collect();
        let named =
            self.trainable.named(self.model(), values.iter().map(Tensor::shallow_clone).collect());
        let checkpoint = checkpoint::load(dir, named, &mut self.optimizer)?;
        for (index, value) in values.iter().enumerate() {
            self.master.set(index, &self.trainable.tensors[index], value);
        }
        self.policy.set_version(checkpoint.step);
        Ok(checkpoint)
    }

    /// The gradient of the loss, in the order and kind of the learning tensors (summed in fp32, or bf16 for Kahan
    /// weights), and what was seen on the way. Changes nothing.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn gradients(
        &self,
        samples: &[TrainSample],
        loss: &Loss,
        denominator: f64,
    ) -> Result<(Vec<Tensor>, StepStats)> {
        let mut stats = StepStats::default();
        let mut sums: Vec<Option<Tensor>> = self.trainable.tensors.iter().map(|_| None).collect();
        let kind = self.master.gradient_kind();
        let samples: Vec<&TrainSample> = samples.iter().filter(|s| trained(s) > 0).collect();
        let lengths: Vec<usize> = samples.iter().map(|s| s.ids.len()).collect();
        for (index, group) in
            pack::plan(&lengths, self.compute.microbatch_tokens).into_iter().enumerate()
        {
            let chosen: Vec<&TrainSample> = group.iter().map(|&i| samples[i]).collect();
            let batch = self.packed(&chosen);
            let weights: Vec<f32> = chosen
                .iter()
                .flat_map(|s| s.advantages.iter().zip(&s.mask).skip(1))
                .filter_map(|(&weight, &mask)| (mask == 1).then_some(weight))
                .collect();
            let options = Options {
                recompute: self.compute.recompute,
                temperature: 1.0,
                dropout: self.dropout,
                seed: self.seed.index(self.optimizer.step).index(index as u64),
            };
            let mut total = 0.0;
            let Loss::CrossEntropy = loss;
            let mut slopes = |range: std::ops::Range<usize>, logprobs: &[f32]| {
                let weights = &weights[range];
                for (&logprob, &weight) in logprobs.iter().zip(weights) {
                    total += loss.token(f64::from(logprob), f64::from(weight));
                }
                #[allow(clippy::cast_possible_truncation)]
                Ok(weights.iter().map(|&w| (-f64::from(w) / denominator) as f32).collect())
            };
            let mut sink = |index: usize, gradient: Tensor| {
                let _guard = tch::no_grad_guard();
                match &mut sums[index] {
                    Some(sum) => drop(sum.g_add_(&gradient)),
                    place => *place = Some(gradient.detach().to_kind(kind)),
                }
            };
            backward::run(self.model(), &self.trainable, &batch, options, &mut slopes, &mut sink)?;
            stats.loss += total / denominator;
            stats.num_tokens += lengths_of(&chosen);
            stats.num_loss_tokens += batch.scored.iter().sum::<usize>() as u64;
        }
        let zero = |t: &Tensor| Tensor::zeros(t.size(), (kind, t.device()));
        let gradients = sums
            .into_iter()
            .zip(&self.trainable.tensors)
            .map(|(sum, tensor)| sum.unwrap_or_else(|| zero(tensor)))
            .collect();
        Ok((gradients, stats))
    }

    fn packed(&self, samples: &[&TrainSample]) -> Packed {
        let ids = samples.iter().map(|s| s.ids.as_slice());
        Packed::new(ids, |i, t| samples[i].mask[t] == 1, self.model().device())
    }
}

/// Tokens of a sample that are trained; the first has nothing before it.
fn trained(sample: &TrainSample) -> usize {
    sample.mask.iter().skip(1).filter(|&&m| m == 1).count()
}

fn lengths_of(samples: &[&TrainSample]) -> u64 {
    samples.iter().map(|s| s.ids.len() as u64).sum()
}

impl Learner for TorchLearner {
    type Policy = LocalSampler;

    fn step(
        &mut self,
        samples: &[TrainSample],
        loss: &Loss,
        lr: f64,
        denominator: f64,
    ) -> Result<StepStats> {
        let (gradients, mut stats) = self.gradients(samples, loss, denominator)?;
        let _guard = tch::no_grad_guard();
        stats.grad_norm = global_norm(&gradients);
        if !stats.loss.is_finite() || !stats.grad_norm.is_finite() {
            let what = format!("step {}", self.optimizer.step + 1);
            let problem = format!(
                "loss {} and gradient norm {} are not finite; the weights are as before: lower the learning rate",
                stats.loss, stats.grad_norm
            );
            return Err(Error::data(what, problem));
        }
        let factor = self.optimizer.clip_factor(stats.grad_norm);
        self.optimizer.begin();
        for (index, gradient) in gradients.into_iter().enumerate() {
            let tensor = &self.trainable.tensors[index];
            let gradient = gradient.to_kind(tch::Kind::Float) * factor;
            let mut value = self.master.value(index, tensor);
            self.optimizer.update(index, &mut value, &gradient, lr);
            self.master.set(index, tensor, &value);
        }
        self.policy.set_version(self.optimizer.step);
        Ok(stats)
    }

    fn nll(&mut self, samples: &[TrainSample]) -> Result<f64> {
        let (mut sum, mut count) = (0.0, 0u64);
        let samples: Vec<&TrainSample> = samples.iter().filter(|s| trained(s) > 0).collect();
        let lengths: Vec<usize> = samples.iter().map(|s| s.ids.len()).collect();
        for group in pack::plan(&lengths, self.compute.microbatch_tokens) {
            let chosen: Vec<&TrainSample> = group.iter().map(|&i| samples[i]).collect();
            let batch = self.packed(&chosen);
            let hidden = backward::hidden(self.model(), &batch);
            let scored = head::score(self.model(), &hidden, &batch.targets, 1.0);
            sum -= scored.logprobs.iter().map(|&l| f64::from(l)).sum::<f64>();
            count += scored.logprobs.len() as u64;
        }
        if count == 0 {
            return Err(Error::data("evaluation data", "has no token to score"));
        }
        #[allow(clippy::cast_precision_loss)]
        Ok(sum / count as f64)
    }

    fn policy(&mut self) -> &mut LocalSampler {
        &mut self.policy
    }

    fn save(&self, dir: &Path) -> Result<Checkpoint> {
        checkpoint::save(dir, self.named_weights(), &self.optimizer)
    }
}
