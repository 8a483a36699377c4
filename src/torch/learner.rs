//! The torch learner: every weight or adapters of a Qwen3 model, with explicit denominators.

use std::path::{Path, PathBuf};

use tch::Tensor;

use super::backward::{self, Trainable};
use super::batch::{self, Batch, trained};
use super::local::LocalSampler;
use super::lora::LayerAdapters;
use super::master::Master;
use super::optimizer::{AdamW, global_norm};
use super::pack;
use super::qwen3::Qwen3;
use super::{checkpoint, head};
use howard::error::{Error, Result};
use howard::learn::compute::{ComputeConfig, LoraConfig};
use howard::learn::memory::LANE_NUMBERS;
use howard::learn::recipe::AdamWOptions;
use howard::learn::{Checkpoint, Learner, StepStats};
use howard::loss::Objective;
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
    reference: Reference,
}

/// Where the reference model of a KL term comes from.
#[derive(Debug)]
enum Reference {
    /// There is none.
    None,
    /// The weights without their adapters, which are put aside meanwhile.
    WithoutAdapters(Vec<Option<LayerAdapters>>),
    /// A second model.
    Model(Box<Qwen3>),
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
        // Where models are large, memory counts for more than the time that getting it anew takes.
        if policy.model().config.num_parameters() as u64 <= LANE_NUMBERS {
            super::ext::keep_memory();
        }
        if let Some(lora) = lora {
            super::lora::attach(policy.model_mut(), lora, seed)?;
        }
        let trainable = Trainable::of(policy.model());
        let offloaded = compute.offload_optimizer;
        let master = Master::new(compute.precision(), &trainable.tensors, offloaded);
        let optimizer = AdamW::new(&trainable.tensors, options, offloaded);
        let dropout = lora.map_or(0.0, |lora| lora.dropout);
        let seed = Seed(seed).named("dropout");
        let reference = match lora {
            Some(_) => {
                Reference::WithoutAdapters(policy.model().layers.iter().map(|_| None).collect())
            }
            None => Reference::None,
        };
        Ok(Self { policy, trainable, master, optimizer, compute, dropout, seed, reference })
    }

    /// Takes the adapters of a folder for a start (not for the reference, which stays the model without any).
    ///
    /// # Errors
    /// The adapters are damaged, or of another shape or model than those that are trained.
    pub fn start_from_adapter(&mut self, dir: &Path, base: &Path) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let mut there = Qwen3::of_parameters(&self.model().config, self.model().parameters());
        super::peft::load(&mut there, dir, base)?;
        let values = super::lora::named_tensors(&there);
        let own = super::lora::named_tensors(self.model());
        let shapes = |named: &[(String, Tensor)]| -> Vec<(String, Vec<i64>)> {
            named.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect()
        };
        if shapes(&values) != shapes(&own) {
            return Err(Error::file(
                dir,
                "has other ranks or target modules than the [lora] table",
            ));
        }
        for (index, (_, value)) in values.into_iter().enumerate() {
            let value = value.to_kind(tch::Kind::Float);
            self.master.set(index, &self.trainable.tensors[index], &value);
        }
        Ok(())
    }

    /// Takes the values that the optimizer works on from the model's folder once more, where it works on more bits than the
    /// model computes with: weights that are fp32 in the file would otherwise start rounded to bf16.
    ///
    /// # Errors
    /// The folder is damaged or of another model.
    pub fn start_from_exact(&mut self, dir: &Path) -> Result<()> {
        if self.trainable.are_adapters() || matches!(self.master, Master::Same) {
            return Ok(());
        }
        let _guard = tch::no_grad_guard();
        let values: Vec<Tensor> = match &self.master {
            Master::Float32(masters) => masters.iter().map(Tensor::shallow_clone).collect(),
            _ => {
                let on_cpu = (tch::Kind::Float, tch::Device::Cpu);
                self.trainable.tensors.iter().map(|t| Tensor::zeros(t.size(), on_cpu)).collect()
            }
        };
        let named = self.named(values.iter().map(Tensor::shallow_clone).collect());
        super::weights::fill_from_folder(dir, named, self.model().config.tie_word_embeddings)?;
        for (index, value) in values.iter().enumerate() {
            self.master.set(index, &self.trainable.tensors[index], value);
        }
        Ok(())
    }

    /// Gives the KL term a reference model. A learner of adapters has one already: the model without them.
    pub fn set_reference(&mut self, model: Qwen3) {
        self.reference = Reference::Model(Box::new(model));
    }

    /// Puts the reference in the policy's place, or back.
    fn exchange_reference(&mut self) -> Result<()> {
        match &mut self.reference {
            Reference::None => {
                return Err(Error::config("kl_coefficient", "no reference model was given"));
            }
            Reference::WithoutAdapters(aside) => {
                for (layer, aside) in self.policy.model_mut().layers.iter_mut().zip(aside) {
                    std::mem::swap(&mut layer.adapters, aside);
                }
            }
            Reference::Model(model) => std::mem::swap(self.policy.model_mut(), model),
        }
        Ok(())
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

    /// Continues from the newest whole checkpoint of a run, if there is one; removes newer ones that were cut short.
    /// Returns the steps that are done, and what the user should know.
    ///
    /// # Errors
    /// As [`Self::resume`]; a damaged folder cannot be removed.
    pub fn resume_newest(&mut self, checkpoints: &Path) -> Result<(u64, Vec<String>)> {
        let (newest, damaged) = checkpoint::newest(checkpoints)?;
        let mut notes = Vec::new();
        for dir in damaged {
            std::fs::remove_dir_all(&dir).map_err(|e| Error::io(&dir, e))?;
            notes.push(format!(
                "{} was cut short: it is removed and the checkpoint before it is used",
                dir.display()
            ));
        }
        let Some(dir) = newest else { return Ok((0, notes)) };
        let step = self.resume(&dir)?.step;
        notes.push(format!("goes on after step {step}"));
        Ok((step, notes))
    }

    /// Saves the result: a whole model in Hugging Face format in `run/model`, or adapters in PEFT's in `run/adapter`.
    /// Returns the folder.
    ///
    /// # Errors
    /// The folder cannot be written or the disk is full.
    pub fn export(&self, lora: Option<&LoraConfig>, base: &Path, run: &Path) -> Result<PathBuf> {
        let dir = run.join(if lora.is_some() { "adapter" } else { "model" });
        match lora {
            Some(lora) => super::peft::save(self.named_weights(), lora, base, &dir)?,
            None => {
                let eos = self.policy.tokenizer().eos();
                super::export::save_model(self.model(), Some(base), eos, &dir)?;
            }
        }
        Ok(dir)
    }

    /// The gradient of the loss, in the order and kind of the learning tensors (summed in fp32, or bf16 for Kahan
    /// weights), and what was seen on the way. Changes nothing.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn gradients(
        &self,
        samples: &[TrainSample],
        objective: &Objective,
        denominator: f64,
    ) -> Result<(Vec<Tensor>, StepStats)> {
        let samples: Vec<&TrainSample> = samples.iter().filter(|s| trained(s) > 0).collect();
        let batch = Batch {
            model: self.model(),
            trainable: &self.trainable,
            compute: &self.compute,
            kind: self.master.gradient_kind(),
            dropout: self.dropout,
            seed: self.seed.index(self.optimizer.step),
            samples: &samples,
            objective,
            denominator,
        };
        batch.gradients()
    }

    /// Scores the trained tokens of samples in groups of the micro-batch's size; `each` receives the sample's index and
    /// its trained tokens' log-probabilities.
    fn score(&self, samples: &[&TrainSample], each: &mut dyn FnMut(usize, &[f32])) {
        let lengths: Vec<usize> = samples.iter().map(|s| s.ids.len()).collect();
        for group in self.microbatches(&lengths) {
            let chosen: Vec<&TrainSample> = group.iter().map(|&i| samples[i]).collect();
            let batch = batch::packed(&chosen, self.model().device());
            let hidden = backward::hidden(self.model(), &batch);
            let scored = head::score(self.model(), &hidden, &batch.targets, 1.0);
            let mut first = 0;
            for (index, count) in group.into_iter().zip(batch.scored) {
                each(index, &scored.logprobs[first..first + count]);
                first += count;
            }
        }
    }

    fn microbatches(&self, lengths: &[usize]) -> Vec<Vec<usize>> {
        let most = self.compute.completions_per_microbatch;
        pack::plan_at_most(lengths, self.compute.microbatch_tokens, most)
    }
}

impl Learner for TorchLearner {
    type Policy = LocalSampler;

    fn step(
        &mut self,
        samples: &[TrainSample],
        objective: &Objective,
        lr: f64,
        denominator: f64,
    ) -> Result<StepStats> {
        let (gradients, mut stats) = self.gradients(samples, objective, denominator)?;
        let _guard = tch::no_grad_guard();
        stats.grad_norm = global_norm(&gradients);
        if !stats.loss.is_finite() || !stats.grad_norm.is_finite() {
            let what = format!("step {}", self.optimizer.step + 1);
            let problem = format!(
                "loss {} and gradient norm {} are not finite (weights and checkpoints are as before): look at the batch, or lower the learning rate",
                stats.loss, stats.grad_norm
            );
            return Err(Error::data(what, problem));
        }
        let factor = self.optimizer.clip_factor(stats.grad_norm);
        self.optimizer.begin();
        for (index, gradient) in gradients.into_iter().enumerate() {
            let tensor = &self.trainable.tensors[index];
            let mut gradient = gradient.to_kind(tch::Kind::Float);
            if factor < 1.0 {
                let _ = gradient.g_mul_scalar_(factor);
            }
            let offloaded = self.compute.offload_optimizer;
            let mut value = self.master.on_device(index, tensor, offloaded);
            self.optimizer.update(index, &mut value, &gradient, lr)?;
            self.master.set(index, tensor, &value);
        }
        self.policy.set_version(self.optimizer.step);
        Ok(stats)
    }

    fn nll(&mut self, samples: &[TrainSample]) -> Result<f64> {
        let samples: Vec<&TrainSample> = samples.iter().filter(|s| trained(s) > 0).collect();
        let (mut sum, mut count) = (0.0, 0u64);
        self.score(&samples, &mut |_, logprobs| {
            sum -= logprobs.iter().map(|&l| f64::from(l)).sum::<f64>();
            count += logprobs.len() as u64;
        });
        if count == 0 {
            return Err(Error::data("evaluation data", "has no token to score"));
        }
        #[allow(clippy::cast_precision_loss)]
        Ok(sum / count as f64)
    }

    fn logprobs(&mut self, samples: &[TrainSample], reference: bool) -> Result<Vec<Vec<f32>>> {
        let mut rows: Vec<Vec<f32>> = samples.iter().map(|s| vec![0.0; s.ids.len()]).collect();
        let some: Vec<usize> = (0..samples.len()).filter(|&i| trained(&samples[i]) > 0).collect();
        let chosen: Vec<&TrainSample> = some.iter().map(|&i| &samples[i]).collect();
        if reference {
            self.exchange_reference()?;
        }
        self.score(&chosen, &mut |index, logprobs| {
            let sample = chosen[index];
            let places = (1..sample.ids.len()).filter(|&t| sample.mask[t] == 1);
            places.zip(logprobs).for_each(|(t, &l)| rows[some[index]][t] = l);
        });
        if reference {
            self.exchange_reference()?;
        }
        Ok(rows)
    }

    fn policy(&mut self) -> &mut LocalSampler {
        &mut self.policy
    }

    fn save(&self, dir: &Path) -> Result<Checkpoint> {
        checkpoint::save(dir, self.named_weights(), &self.optimizer)
    }
}
