//! The gradients of a batch: micro-batches one after the other, or, on the CPU, side by side in lanes, one per thread.
//!
//! libtorch gives each operation to all threads and lets them wait for each other after it; operators of small models end
//! before that pays. In lanes each thread does whole micro-batches and waits once, at the end.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::backward::{self, Options, Trainable};
use super::head;
use super::pack::{self, Packed};
use super::qwen3::Qwen3;
use howard::error::Result;
use howard::learn::StepStats;
use howard::learn::compute::ComputeConfig;
use howard::learn::memory;
use howard::loss::{Objective, Seen, Tokens};
use howard::rng::Seed;
use howard::types::TrainSample;

/// A batch, and all that its gradients depend on.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The model.
    pub model: &'a Qwen3,
    /// What learns.
    pub trainable: &'a Trainable,
    /// What goes through the model at once.
    pub compute: &'a ComputeConfig,
    /// Kind of the gradients' sums.
    pub kind: Kind,
    /// Share of adapter inputs to drop.
    pub dropout: f64,
    /// Seed of the dropped inputs of this step.
    pub seed: Seed,
    /// Samples with something to train each.
    pub samples: &'a [&'a TrainSample],
    /// The loss.
    pub objective: &'a Objective,
    /// What the loss is divided by.
    pub denominator: f64,
}

/// Micro-batches of a lane: sums of gradients, and what each micro-batch saw, by its index.
type Lane = (Vec<Option<Tensor>>, Vec<(usize, StepStats)>);

/// Samples that are packed together, in their order.
pub fn packed(samples: &[&TrainSample], device: Device) -> Packed {
    let ids = samples.iter().map(|s| s.ids.as_slice());
    Packed::new(ids, |i, t| samples[i].mask[t] == 1, device)
}

/// Tokens of a sample that are trained; the first has nothing before it.
pub fn trained(sample: &TrainSample) -> usize {
    sample.mask.iter().skip(1).filter(|&&m| m == 1).count()
}

/// A batch that several threads look at.
struct Shared<'a>(&'a Batch<'a>);

// SAFETY: a batch holds numbers of Rust and tensors of libtorch, which nobody writes while it is borrowed. libtorch allows
// tensors to be read by several threads: counts of references are atomic, and each thread records and differentiates a graph
// of its own (gradients are returned, never accumulated in the shared tensors).
#[allow(unsafe_code)]
unsafe impl Sync for Shared<'_> {}

/// Gives libtorch its threads back.
struct Threads(i32);

impl Drop for Threads {
    fn drop(&mut self) {
        tch::set_num_threads(self.0);
    }
}

impl Batch<'_> {
    /// The gradient of the loss, in the order of the learning tensors, and what was seen on the way. The same on every
    /// call with the same number of threads.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn gradients(&self) -> Result<(Vec<Tensor>, StepStats)> {
        let lengths: Vec<usize> = self.samples.iter().map(|s| s.ids.len()).collect();
        let (tokens, most) =
            (self.compute.microbatch_tokens, self.compute.completions_per_microbatch);
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let numbers = self.trainable.tensors.iter().map(Tensor::numel).sum::<usize>() as u64;
        let wanted = super::threads().min(lengths.len());
        let lanes = memory::lanes(self.compute, wanted, longest, numbers, self.dropout);
        let (sums, mut stats) = if lanes <= 1 {
            let groups = pack::plan_at_most(&lengths, tokens, most);
            self.lane(&groups.into_iter().enumerate().collect::<Vec<_>>(), 1)?
        } else {
            self.side_by_side(lanes, pack::balanced(&lengths, tokens / lanes, most, lanes))?
        };
        stats.sort_by_key(|&(index, _)| index);
        let mut total = StepStats::default();
        for (_, part) in stats {
            total.loss += part.loss;
            total.seen.add(&part.seen);
            total.entropy += part.entropy;
            total.num_tokens += part.num_tokens;
            total.num_loss_tokens += part.num_loss_tokens;
        }
        let zero = |t: &Tensor| Tensor::zeros(t.size(), (self.kind, t.device()));
        let gradients = sums
            .into_iter()
            .zip(&self.trainable.tensors)
            .map(|(sum, tensor)| sum.unwrap_or_else(|| zero(tensor)))
            .collect();
        Ok((gradients, total))
    }

    fn side_by_side(&self, lanes: usize, groups: Vec<Vec<usize>>) -> Result<Lane> {
        let mut parts: Vec<Vec<(usize, Vec<usize>)>> = (0..lanes).map(|_| Vec::new()).collect();
        for (index, group) in groups.into_iter().enumerate() {
            parts[index % lanes].push((index, group));
        }
        let _threads = Threads(tch::get_num_threads());
        // New threads begin with this number.
        tch::set_num_threads(1);
        let shared = &Shared(self);
        let (own, others) = std::thread::scope(|scope| {
            let others: Vec<_> = parts[1..]
                .iter()
                .map(|part| {
                    scope.spawn(move || {
                        let Shared(batch) = shared;
                        batch.lane(part, lanes)
                    })
                })
                .collect();
            let own = self.lane(&parts[0], lanes);
            let others = others.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
            });
            (own, others.collect::<Vec<Result<Lane>>>())
        });
        let (mut sums, mut stats) = own?;
        for lane in others {
            let (others, seen) = lane?;
            for (sum, other) in sums.iter_mut().zip(others) {
                match (sum, other) {
                    (Some(sum), Some(other)) => drop(sum.g_add_(&other)),
                    (place, other @ Some(_)) => *place = other,
                    (_, None) => {}
                }
            }
            stats.extend(seen);
        }
        Ok((sums, stats))
    }

    /// Some micro-batches, given with their indices, one after the other, in one of `lanes` lanes.
    fn lane(&self, groups: &[(usize, Vec<usize>)], lanes: usize) -> Result<Lane> {
        let mut sums: Vec<Option<Tensor>> = self.trainable.tensors.iter().map(|_| None).collect();
        let mut stats = Vec::new();
        for (index, group) in groups {
            let chosen: Vec<&TrainSample> = group.iter().map(|&i| self.samples[i]).collect();
            stats.push((*index, self.microbatch(*index, &chosen, lanes, &mut sums)?));
        }
        Ok((sums, stats))
    }

    fn microbatch(
        &self,
        index: usize,
        chosen: &[&TrainSample],
        lanes: usize,
        sums: &mut [Option<Tensor>],
    ) -> Result<StepStats> {
        let batch = packed(chosen, self.model.device());
        let columns = Columns::of(chosen);
        let options = Options {
            recompute: self.compute.recompute,
            temperature: 1.0,
            head_tokens: match self.compute.head_tokens {
                0 => head::chunk_rows(self.model).div_ceil(lanes),
                tokens => tokens.div_ceil(lanes),
            },
            dropout: self.dropout,
            seed: self.seed.index(index as u64),
        };
        let mut seen = Seen::default();
        let whole = self
            .objective
            .needs_whole_sequences()
            .then(|| self.slopes_of_sequences(&batch, &columns, &mut seen));
        let mut slopes = |range: Range<usize>, logprobs: &[f32]| {
            let slopes = match &whole {
                Some(slopes) => slopes[range].to_vec(),
                None => {
                    let (part, slopes) = self.objective.evaluate(&columns.tokens(range, logprobs));
                    seen.add(&part);
                    slopes
                }
            };
            #[allow(clippy::cast_possible_truncation)]
            Ok(slopes.into_iter().map(|slope| (slope / self.denominator) as f32).collect())
        };
        let mut sink = |index: usize, gradient: Tensor| {
            let _guard = tch::no_grad_guard();
            match &mut sums[index] {
                Some(sum) => drop(sum.g_add_(&gradient)),
                place => *place = Some(gradient.detach().to_kind(self.kind)),
            }
        };
        let scored =
            backward::run(self.model, self.trainable, &batch, options, &mut slopes, &mut sink)?;
        Ok(StepStats {
            loss: seen.loss / self.denominator,
            entropy: scored.entropies.iter().map(|&e| f64::from(e)).sum::<f64>(),
            seen,
            num_tokens: chosen.iter().map(|s| s.ids.len() as u64).sum(),
            num_loss_tokens: batch.scored.iter().sum::<usize>() as u64,
            ..StepStats::default()
        })
    }

    /// Slopes for losses that look at whole sequences: the head runs once more, before.
    fn slopes_of_sequences(&self, batch: &Packed, columns: &Columns, seen: &mut Seen) -> Vec<f64> {
        let hidden = backward::hidden(self.model, batch);
        let scored = head::score(self.model, &hidden, &batch.targets, 1.0);
        let (mut slopes, mut first) = (Vec::new(), 0);
        for &count in &batch.scored {
            let range = first..first + count;
            let tokens = columns.tokens(range.clone(), &scored.logprobs[range]);
            let (part, found) = self.objective.evaluate(&tokens);
            seen.add(&part);
            slopes.extend(found);
            first += count;
        }
        slopes
    }
}

/// What the loss needs to know of the trained tokens of a batch, in the order they are scored.
struct Columns {
    sampler: Vec<f32>,
    old: Vec<f32>,
    reference: Vec<f32>,
    advantages: Vec<f32>,
    weights: Vec<f32>,
}

impl Columns {
    fn of(samples: &[&TrainSample]) -> Self {
        let pick = |column: &dyn Fn(&TrainSample, usize) -> Option<f32>| -> Vec<f32> {
            samples
                .iter()
                .flat_map(|s| (1..s.ids.len()).filter(|&t| s.mask[t] == 1).map(move |t| (s, t)))
                .filter_map(|(s, t)| column(s, t))
                .collect()
        };
        Self {
            sampler: pick(&|s, t| Some(s.sampler_logprobs[t])),
            old: pick(&|s, t| Some(*s.old_logprobs.get(t).unwrap_or(&s.sampler_logprobs[t]))),
            reference: pick(&|s, t| s.reference_logprobs.get(t).copied()),
            advantages: pick(&|s, t| Some(s.advantages[t])),
            weights: pick(&|s, _| Some(s.weight)),
        }
    }

    fn tokens<'a>(&'a self, range: Range<usize>, logprobs: &'a [f32]) -> Tokens<'a> {
        Tokens {
            logprobs,
            sampler: &self.sampler[range.clone()],
            old: &self.old[range.clone()],
            reference: self.reference.get(range.clone()).unwrap_or_default(),
            advantages: &self.advantages[range.clone()],
            weights: &self.weights[range],
        }
    }
}
