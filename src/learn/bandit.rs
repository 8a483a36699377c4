//! The smallest learner: a table of logits, one row per previous token. The loops are tested with it, in milliseconds and
//! without libtorch, and one can see them learn.

use std::path::Path;

use super::{Checkpoint, Learner, StepStats};
use crate::disk;
use crate::error::{Error, Result};
use crate::loss::{Objective, Tokens};
use crate::sample::Sampler;
use crate::types::{Completion, Finish, PolicyVersion, Request, TrainSample};

/// A softmax table over `vocab` tokens: `p(next | previous) = softmax(logits[previous])[next]`. Token 0 ends a
/// completion and also stands before the first one.
#[derive(Clone, Debug)]
pub struct Bandit {
    policy: Table,
}

/// The bandit's policy. A prompt is one token, written as a number in the last message; texts are
/// numbers in a box.
#[derive(Clone, Debug)]
pub struct Table {
    vocab: usize,
    logits: Vec<f64>,
    version: u64,
}

impl Bandit {
    /// A bandit that knows nothing: all tokens are equally probable.
    pub fn new(vocab: usize) -> Self {
        Self { policy: Table { vocab, logits: vec![0.0; vocab * vocab], version: 0 } }
    }

    /// Continues from what `save` wrote after `step` steps.
    ///
    /// # Errors
    /// The file is missing or of another size.
    pub fn resume(&mut self, dir: &Path, step: u64) -> Result<()> {
        let path = dir.join("table.bin");
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
        if bytes.len() != 8 * self.policy.logits.len() {
            return Err(Error::file(&path, "is not this bandit's table"));
        }
        for (logit, chunk) in self.policy.logits.iter_mut().zip(bytes.chunks_exact(8)) {
            *logit = f64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes"));
        }
        self.policy.version = step;
        Ok(())
    }
}

impl Table {
    /// Probabilities of the next token, `[vocab]`.
    pub fn probabilities(&self, previous: u32) -> Vec<f64> {
        let row = previous as usize * self.vocab;
        let logits = &self.logits[row..row + self.vocab];
        let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|l| (l - max).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / total).collect()
    }
}

/// Places of the trained tokens.
fn trained(sample: &TrainSample) -> Vec<usize> {
    (1..sample.ids.len()).filter(|&t| sample.mask[t] == 1).collect()
}

impl Table {
    #[allow(clippy::cast_possible_truncation)]
    fn logprobs(&self, sample: &TrainSample, places: &[usize]) -> Vec<f32> {
        let one =
            |&t: &usize| self.probabilities(sample.ids[t - 1])[sample.ids[t] as usize].ln() as f32;
        places.iter().map(one).collect()
    }
}

impl Learner for Bandit {
    type Policy = Table;

    /// One step of plain gradient descent; the gradient of `logp(token)` is one-hot minus probabilities.
    fn step(
        &mut self,
        samples: &[TrainSample],
        objective: &Objective,
        lr: f64,
        denominator: f64,
    ) -> Result<StepStats> {
        let vocab = self.policy.vocab;
        let mut gradient = vec![0.0; vocab * vocab];
        let mut stats = StepStats::default();
        for sample in samples {
            stats.num_tokens += sample.ids.len() as u64;
            let places = trained(sample);
            let logprobs = self.policy.logprobs(sample, &places);
            let pick = |values: &[f32]| -> Vec<f32> { places.iter().map(|&t| values[t]).collect() };
            let sampler = pick(&sample.sampler_logprobs);
            let chosen = |values: &[f32]| if values.is_empty() { None } else { Some(pick(values)) };
            let (seen, slopes) = objective.evaluate(&Tokens {
                logprobs: &logprobs,
                sampler: &sampler,
                old: &chosen(&sample.old_logprobs).unwrap_or_else(|| sampler.clone()),
                reference: &chosen(&sample.reference_logprobs).unwrap_or_default(),
                advantages: &pick(&sample.advantages),
                weights: &vec![sample.weight; places.len()],
            });
            stats.loss += seen.loss / denominator;
            stats.num_loss_tokens += places.len() as u64;
            stats.seen.add(&seen);
            for (&t, slope) in places.iter().zip(slopes) {
                let (previous, token) = (sample.ids[t - 1], sample.ids[t]);
                let probabilities = self.policy.probabilities(previous);
                for (next, p) in probabilities.iter().enumerate() {
                    let hit = if next == token as usize { 1.0 } else { 0.0 };
                    gradient[previous as usize * vocab + next] += slope * (hit - p) / denominator;
                    stats.entropy -= p * p.ln();
                }
            }
        }
        stats.grad_norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        if !stats.loss.is_finite() {
            return Err(Error::data("step", "the loss is not finite; the table is as before"));
        }
        self.policy.logits.iter_mut().zip(&gradient).for_each(|(l, g)| *l -= lr * g);
        self.policy.version += 1;
        Ok(stats)
    }

    fn nll(&mut self, samples: &[TrainSample]) -> Result<f64> {
        let (mut sum, mut count) = (0.0, 0.0);
        for sample in samples {
            for t in (1..sample.ids.len()).filter(|&t| sample.mask[t] == 1) {
                sum -= self.policy.probabilities(sample.ids[t - 1])[sample.ids[t] as usize].ln();
                count += 1.0;
            }
        }
        Ok(sum / count)
    }

    fn logprobs(&mut self, samples: &[TrainSample], reference: bool) -> Result<Vec<Vec<f32>>> {
        // The reference is the table as it was made: uniform.
        let table = if reference { &Self::new(self.policy.vocab).policy } else { &self.policy };
        let row = |sample: &TrainSample| {
            let places = trained(sample);
            let mut row = vec![0.0; sample.ids.len()];
            for (&t, l) in places.iter().zip(table.logprobs(sample, &places)) {
                row[t] = l;
            }
            row
        };
        Ok(samples.iter().map(row).collect())
    }

    fn policy(&mut self) -> &mut Table {
        &mut self.policy
    }

    fn save(&self, dir: &Path) -> Result<Checkpoint> {
        disk::create_dir(dir)?;
        let bytes: Vec<u8> = self.policy.logits.iter().flat_map(|l| l.to_le_bytes()).collect();
        disk::write_atomic(&dir.join("table.bin"), &bytes)?;
        Ok(Checkpoint { step: self.policy.version, files: std::collections::BTreeMap::new() })
    }
}

impl Sampler for Table {
    fn version(&self) -> PolicyVersion {
        PolicyVersion(self.version)
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        for request in requests {
            let prompt = request
                .messages
                .last()
                .and_then(|message| message.content.trim().parse::<u32>().ok())
                .filter(|&token| (token as usize) < self.vocab)
                .ok_or_else(|| {
                    Error::data(request.problem.to_string(), "is not a token of the bandit")
                })?;
            for &sample in &request.samples {
                let seed = request.sample_seed(sample);
                let (mut ids, mut logprobs, mut previous) = (Vec::new(), Vec::new(), prompt);
                while ids.len() < request.params.max_tokens && ids.last() != Some(&0) {
                    let probabilities = self.probabilities(previous);
                    let mut rest = seed.uniform(ids.len() as u64);
                    let drawn = probabilities.iter().position(|p| {
                        rest -= p;
                        rest < 0.0
                    });
                    previous = u32::try_from(drawn.unwrap_or(self.vocab - 1)).unwrap_or(0);
                    ids.push(previous);
                    #[allow(clippy::cast_possible_truncation)]
                    logprobs.push(probabilities[previous as usize].ln() as f32);
                }
                let finish = if ids.last() == Some(&0) { Finish::Stop } else { Finish::Length };
                let words: Vec<String> =
                    ids.iter().filter(|&&id| id != 0).map(u32::to_string).collect();
                sink(Completion {
                    problem: request.problem.clone(),
                    sample,
                    prompt_ids: vec![prompt],
                    ids,
                    logprobs: Some(logprobs),
                    usage: None,
                    text: format!("\\boxed{{{}}}", words.join(" ")),
                    finish,
                    version: self.version(),
                    seconds: 0.0,
                })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::sft::{self, SftOptions};
    use crate::schedule::Schedule;
    use crate::types::{Message, ProblemId, SamplingParams};

    /// After `n` comes `n + 1` and then the end.
    fn batch() -> Vec<TrainSample> {
        (1..6).map(|n| sft::sample(vec![n, n + 1, 0], vec![0, 1, 0])).collect()
    }

    #[test]
    fn supervised_training_teaches_the_table_what_comes_next() {
        let mut bandit = Bandit::new(8);
        let before = bandit.nll(&batch()).unwrap();
        assert!((before - 8f64.ln()).abs() < 1e-12, "a table that knows nothing is uniform");
        let options = SftOptions {
            steps: 200,
            learning_rate: 5.0,
            schedule: Schedule::Constant,
            ..SftOptions::default()
        };
        let mut rows = Vec::new();
        let mut hooks = sft::Hooks {
            batch: &mut |_| Ok(batch()),
            after: &mut |_: &mut Bandit, row| {
                rows.push(row);
                Ok(())
            },
            failed: &mut |_, _| unreachable!("no step of a table fails"),
        };
        sft::run(&mut bandit, &options, 0, &mut hooks).unwrap();
        assert_eq!(rows.len(), 200);
        assert!((rows[0].train_mean_nll - before).abs() < 1e-6);
        let after = bandit.nll(&batch()).unwrap();
        assert!(after < 0.05, "{after}");

        let request = Request {
            problem: ProblemId("toy:3".into()),
            messages: vec![Message::user("3")],
            samples: (0..200).collect(),
            params: SamplingParams { max_tokens: 1, ..SamplingParams::default() },
            seed: 1,
        };
        let mut right = 0;
        bandit
            .policy()
            .sample(&[request], &mut |completion| {
                right += u32::from(completion.text == "\\boxed{4}");
                Ok(())
            })
            .unwrap();
        assert!(right > 180, "{right} of 200");
    }
}
