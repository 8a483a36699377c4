//! Whether a device computes what the CPU computes in fp32, to be read before any speed of that device.

use std::path::Path;

use howard::error::Result;
use howard::learn::Learner;
use howard::learn::compute::{ComputeConfig, Precision};
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft;
use howard::loss::Objective;
use howard::rng::Seed;
use howard::types::{SamplingParams, TrainSample};
use howard_torch::engine::{Model, Prompt};
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::measure::Row;
use super::{work, worker};

/// One line of the frame: how far a device is from the CPU.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// Name of the model.
    pub model: String,
    /// What is compared.
    pub what: String,
    /// Device and dtype, which are compared with fp32 on the CPU.
    pub device: String,
    /// Largest difference.
    pub largest: f64,
    /// Mean difference.
    pub mean: f64,
    /// What the largest may be; none: only reported.
    pub limit: Option<f64>,
    /// Operating system and processor.
    pub platform: String,
    /// Revision of howard.
    pub commit: Option<String>,
    /// When, UTC.
    pub started: String,
}

impl Agreement {
    /// Whether it is within its limit. What is not a number is not.
    pub fn holds(&self) -> bool {
        !self.largest.is_nan() && self.limit.is_none_or(|limit| self.largest <= limit)
    }
}

/// Compares log-probabilities of given texts, gradients of the cross-entropy on them, and the log-probabilities that the
/// engine says of its own samples with those that training works out for the same ids, in both dtypes. The CPU has the same
/// weights: in bf16, the rounded ones.
///
/// # Errors
/// A model cannot be loaded, or the device fails.
pub fn compare(models: &[(&str, &Path)], device: &str, template: &Row) -> Result<Vec<Agreement>> {
    let mut rows = Vec::new();
    for &(model, dir) in models {
        for (dtype, limit) in [("float32", 1e-3), ("bfloat16", 2e-2)] {
            let mut add = |what: &str, differences: Vec<f64>, limit| {
                let row = Agreement {
                    model: model.into(),
                    what: what.into(),
                    device: format!("{device} {dtype}"),
                    largest: differences.iter().copied().fold(0.0, worse),
                    mean: differences.iter().sum::<f64>() / differences.len() as f64,
                    limit,
                    platform: template.platform.clone(),
                    commit: template.commit.clone(),
                    started: template.started.clone(),
                };
                println!("{}", line(&row));
                rows.push(row);
            };
            // Trained weights give logits of size 10 and more, which rounding to bf16 moves by more than any limit that
            // would tell a fault.
            let limit = (dtype == "float32" || model == "3M").then_some(limit);
            let mut sides = Sides::load(dir, device, dtype)?;
            if (device, dtype) != ("cpu", "float32") {
                add("log-probabilities", sides.logprobs(), limit);
                add("gradients", sides.gradients()?, limit);
            }
            add("sampler against trainer", sides.gap()?, None);
        }
    }
    Ok(rows)
}

/// The greater one, or what is not a number.
fn worse(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// A row as a line of text.
pub fn line(row: &Agreement) -> String {
    let limit = match row.limit {
        Some(limit) if row.holds() => format!("within {limit:.0e}"),
        Some(limit) => format!("NOT within {limit:.0e}"),
        None if !row.holds() => "NOT a number".into(),
        None => String::new(),
    };
    format!(
        "{}: {}, {}: largest difference {:.1e}, mean {:.1e} {limit}",
        row.model, row.what, row.device, row.largest, row.mean
    )
    .trim_end()
    .into()
}

/// The same weights on the CPU in fp32 and where they are to be compared.
struct Sides {
    here: TorchLearner,
    there: TorchLearner,
    texts: Vec<TrainSample>,
}

impl Sides {
    fn load(dir: &Path, device: &str, dtype: &str) -> Result<Self> {
        let kind = howard_torch::dtype(dtype)?;
        // Rounded on the CPU, so that both sides have the same numbers.
        let rounded = Qwen3::load(dir, kind, Device::Cpu)?.to_kind(Kind::Float);
        let there = Qwen3::load(dir, kind, howard_torch::device(device)?)?;
        let learner = |model: Qwen3, device: &str, precision| {
            let compute =
                ComputeConfig { device: device.into(), precision, ..ComputeConfig::default() };
            let sampler = LocalSampler::new(model, Tokenizer::load(dir)?, 64);
            TorchLearner::new(sampler, AdamWOptions::default(), compute, None, 1)
        };
        let precision = if kind == Kind::Float { Precision::Float32 } else { Precision::Mixed };
        let (sequences, masks) = work::conversations(&Tokenizer::load(dir)?, 64)?;
        Ok(Self {
            here: learner(rounded, "cpu", Precision::Float32)?,
            there: learner(there, device, precision)?,
            texts: worker::texts(&sequences, &masks),
        })
    }

    /// Absolute differences of log-probabilities, token by token.
    fn logprobs(&self) -> Vec<f64> {
        let ids: Vec<Vec<u32>> = self.texts.iter().map(|text| text.ids.clone()).collect();
        let of = |learner: &TorchLearner| learner.model().score(&ids).concat();
        differences(&of(&self.there), &of(&self.here))
    }

    /// For each tensor the norm of the difference of its gradients over the norm of the gradient.
    fn gradients(&self) -> Result<Vec<f64>> {
        let of = |learner: &TorchLearner| {
            let count = self.texts.iter().map(worker::trained_tokens).sum::<usize>();
            let (gradients, _) =
                learner.gradients(&self.texts, &Objective::cross_entropy(), count as f64)?;
            Ok::<_, howard::error::Error>(gradients)
        };
        let norm = |tensor: &Tensor| tensor.norm().double_value(&[]);
        let double = |tensor: &Tensor| tensor.to_device(Device::Cpu).to_kind(Kind::Double);
        let pairs = of(&self.there)?.into_iter().zip(of(&self.here)?);
        Ok(pairs
            .map(|(there, here)| {
                let (there, here) = (double(&there), double(&here));
                norm(&(there - &here)) / norm(&here)
            })
            .collect())
    }

    /// Absolute differences of the log-probabilities that sampling says and training works out, token by token.
    fn gap(&mut self) -> Result<Vec<f64>> {
        let params = SamplingParams { max_tokens: 128, ..SamplingParams::default() };
        let prompts: Vec<Prompt> = self
            .texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let prompt = text.mask.iter().take_while(|&&mask| mask == 0).count();
                let seeds = vec![Seed(11).index(index as u64)];
                Prompt { ids: text.ids[..prompt].to_vec(), params: params.clone(), seeds }
            })
            .collect();
        let mut samples = Vec::new();
        let model = self.there.model();
        model.generate(&prompts, &[], &|_, _| false, 64, &mut |output| {
            let prompt = &prompts[output.prompt].ids;
            let ids = [prompt.as_slice(), &output.ids].concat();
            let mask = [vec![0; prompt.len()], vec![1; output.ids.len()]].concat();
            samples.push(TrainSample {
                sampler_logprobs: [vec![0.0; prompt.len()], output.logprobs].concat(),
                ..sft::sample(ids, mask)
            });
            Ok(())
        })?;
        let scored = self.there.logprobs(&samples, false)?;
        let differences = samples.iter().zip(&scored).flat_map(|(sample, scored)| {
            let all = differences(&sample.sampler_logprobs, scored);
            let of_prompt = sample.mask.iter().take_while(|&&mask| mask == 0).count();
            all.into_iter().skip(of_prompt).collect::<Vec<_>>()
        });
        Ok(differences.collect())
    }
}

fn differences(a: &[f32], b: &[f32]) -> Vec<f64> {
    assert_eq!(a.len(), b.len(), "as many on both sides");
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).collect()
}
