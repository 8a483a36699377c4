//! The torch learner: full-parameter training of a Qwen3 model with explicit denominators.

use std::path::Path;

use tch::{Kind, Tensor};

use super::local::LocalSampler;
use super::optimizer::{AdamW, global_norm};
use super::qwen3::Qwen3;
use super::{checkpoint, torch_error};
use howard::error::{Error, Result};
use howard::learn::recipe::AdamWOptions;
use howard::learn::{Checkpoint, Learner, StepStats};
use howard::loss::Loss;
use howard::types::TrainSample;

/// A Qwen3 model that learns; its policy samples from the same tensors.
#[derive(Debug)]
pub struct TorchLearner {
    policy: LocalSampler,
    parameters: Vec<Tensor>,
    optimizer: AdamW,
    microbatch_tokens: usize,
}

/// Samples of one micro-batch as tensors. Axes: b samples, t tokens of the longest.
struct Batch {
    ids_bt: Tensor,
    /// Flat positions (into `b * t`) whose hidden state predicts a trained token.
    positions: Tensor,
    targets: Tensor,
    weights: Tensor,
    num_tokens: u64,
    num_loss_tokens: u64,
}

impl TorchLearner {
    /// A learner on the sampler's own weights (fp32). `microbatch_tokens` bounds the padded tokens that go through
    /// the model at once: it decides memory, not results beyond rounding.
    pub fn new(policy: LocalSampler, options: AdamWOptions, microbatch_tokens: usize) -> Self {
        let parameters: Vec<Tensor> =
            policy.model().parameters().into_iter().map(|p| p.set_requires_grad(true)).collect();
        let optimizer = AdamW::new(&parameters, options);
        Self { policy, parameters, optimizer, microbatch_tokens }
    }

    /// The model.
    pub fn model(&self) -> &Qwen3 {
        self.policy.model()
    }

    /// Continues from a checkpoint folder: weights, moments and step.
    ///
    /// # Errors
    /// The folder is damaged or of another model.
    pub fn resume(&mut self, dir: &Path) -> Result<Checkpoint> {
        checkpoint::load(dir, self.policy.model(), &mut self.optimizer)
    }

    /// Micro-batches of similar length, each at most `microbatch_tokens` padded tokens (or one sample).
    fn split<'a>(&self, samples: &'a [TrainSample]) -> Vec<Vec<&'a TrainSample>> {
        let mut order: Vec<&TrainSample> = samples.iter().collect();
        order.sort_by_key(|s| s.ids.len());
        let mut batches: Vec<Vec<&TrainSample>> = Vec::new();
        for sample in order {
            // Sorted by length, so the new sample is the longest of its batch.
            match batches.last_mut() {
                Some(batch) if (batch.len() + 1) * sample.ids.len() <= self.microbatch_tokens => {
                    batch.push(sample);
                }
                _ => batches.push(vec![sample]),
            }
        }
        batches
    }

    fn batch(&self, samples: &[&TrainSample]) -> Batch {
        let device = self.model().device();
        let longest = samples.iter().map(|s| s.ids.len()).max().unwrap_or(0);
        let mut ids = vec![0i64; samples.len() * longest];
        let (mut positions, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        let mut num_tokens = 0u64;
        for (row, sample) in samples.iter().enumerate() {
            num_tokens += sample.ids.len() as u64;
            for (t, &id) in sample.ids.iter().enumerate() {
                ids[row * longest + t] = i64::from(id);
                if t > 0 && sample.mask[t] == 1 {
                    positions.push((row * longest + t - 1) as i64);
                    targets.push(i64::from(id));
                    weights.push(sample.advantages[t]);
                }
            }
        }
        Batch {
            ids_bt: Tensor::from_slice(&ids)
                .reshape([samples.len() as i64, longest as i64])
                .to_device(device),
            num_loss_tokens: targets.len() as u64,
            positions: Tensor::from_slice(&positions).to_device(device),
            targets: Tensor::from_slice(&targets).to_device(device),
            weights: Tensor::from_slice(&weights).to_device(device),
            num_tokens,
        }
    }

    /// Log-probabilities of the trained tokens of a batch, `[trained]`, fp32.
    fn logprobs(&self, batch: &Batch) -> Tensor {
        let model = self.model();
        let hidden = model.hidden(&batch.ids_bt).flatten(0, 1).index_select(0, &batch.positions);
        model
            .logits(&hidden)
            .log_softmax(-1, Kind::Float)
            .gather(1, &batch.targets.unsqueeze(1), false)
            .squeeze_dim(1)
    }

    fn gradients(&self) -> Vec<Tensor> {
        self.parameters.iter().map(Tensor::grad).collect()
    }

    fn zero_gradients(&mut self) {
        self.parameters.iter_mut().for_each(Tensor::zero_grad);
    }
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
        self.zero_gradients();
        let mut stats = StepStats::default();
        for samples in self.split(samples) {
            let batch = self.batch(&samples);
            let logprobs = self.logprobs(&batch);
            let sum = match loss {
                Loss::CrossEntropy => -(logprobs * &batch.weights).sum(Kind::Float),
            };
            let mean = sum / denominator;
            mean.f_backward().map_err(|e| torch_error("computing gradients", &e))?;
            stats.loss += mean.double_value(&[]);
            stats.num_tokens += batch.num_tokens;
            stats.num_loss_tokens += batch.num_loss_tokens;
        }
        let _guard = tch::no_grad_guard();
        let mut gradients = self.gradients();
        stats.grad_norm = global_norm(&gradients);
        if !stats.loss.is_finite() || !stats.grad_norm.is_finite() {
            let what = format!("step {}", self.optimizer.step + 1);
            let problem = format!(
                "loss {} and gradient norm {} are not finite; the weights are as before: lower the learning rate",
                stats.loss, stats.grad_norm
            );
            return Err(Error::data(what, problem));
        }
        self.optimizer.clip(&mut gradients, stats.grad_norm);
        self.optimizer.update(&mut self.parameters, &gradients, lr);
        self.policy.set_version(self.optimizer.step);
        Ok(stats)
    }

    fn nll(&mut self, samples: &[TrainSample]) -> Result<f64> {
        let _guard = tch::no_grad_guard();
        let (mut sum, mut count) = (0.0, 0u64);
        for samples in self.split(samples) {
            let batch = self.batch(&samples);
            sum -= self.logprobs(&batch).sum(Kind::Double).double_value(&[]);
            count += batch.num_loss_tokens;
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
        checkpoint::save(dir, self.policy.model(), &self.optimizer)
    }
}
