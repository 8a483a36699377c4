//! What a run leaves on disk, step by step.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{GroupRow, GrpoConfig, GrpoRow, Seconds, StepLog};
use crate::answer::Grader;
use crate::bench::{self, Shelf};
use crate::error::Result;
use crate::eval::{self, EvalOptions, Task, WAVE};
use crate::jsonl::{self, Appender};
use crate::progress::Silent;
use crate::rollout::{Group, Rollout};
use crate::run::{self, RunFolder};
use crate::sample::Sampler;
use crate::stats::interval;
use crate::types::{SamplingParams, Verdict};

/// One row of `timing.jsonl`: what depends on the machine and the moment, kept apart from what does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// Step.
    pub step: u64,
    /// Seconds of the phases.
    pub seconds: Seconds,
    /// Generated tokens per second of sampling.
    pub sampled_tokens_per_second: f64,
    /// Tokens through the learner per second of training.
    pub trained_tokens_per_second: f64,
}

/// One row of `evaluations.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRow {
    /// Optimizer batches behind the weights.
    pub step: u64,
    /// Benchmark.
    pub benchmark: String,
    /// Problems.
    pub problems: u64,
    /// Correct ones.
    pub correct: u64,
    /// Share of correct ones.
    #[serde(rename = "test/env/all/correct")]
    pub accuracy: f64,
    /// Wilson's 95 % interval.
    pub interval: (f64, f64),
    /// Share of completions that were cut.
    pub truncated: f64,
}

/// One row of `rollouts.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutRow {
    /// Step.
    pub step: u64,
    /// The problem.
    pub problem: String,
    /// Its answer.
    pub gold: String,
    /// Which sample of the group.
    pub sample: u32,
    /// Its outcome.
    pub verdict: Verdict,
    /// Its reward.
    pub reward: f64,
    /// Tokens.
    pub tokens: usize,
    /// The completion.
    pub text: String,
}

/// The open files of a run.
#[derive(Debug)]
pub struct Log {
    rows: Appender<GrpoRow>,
    groups: Appender<GroupRow>,
    timings: Appender<TimingRow>,
    rollouts: Appender<RolloutRow>,
    evaluations: Appender<EvaluationRow>,
    tasks: Vec<Task>,
    config: GrpoConfig,
    scratch: std::path::PathBuf,
}

/// Appends to a file after dropping what belongs to steps that will be done again.
fn reopen<T: Serialize + for<'a> Deserialize<'a>>(
    path: &Path,
    keep: impl Fn(&T) -> bool,
) -> Result<Appender<T>> {
    jsonl::retain(path, keep)?;
    Appender::open(path)
}

impl Log {
    /// Opens the files of a run that goes on at step `first`.
    ///
    /// # Errors
    /// A file cannot be opened, or the benchmark of the evaluation is unknown.
    pub fn open(
        folder: &RunFolder,
        config: &GrpoConfig,
        first: u64,
        shelf: &dyn Shelf,
    ) -> Result<Self> {
        let tasks = match config.evaluate.every {
            0 => Vec::new(),
            _ => tasks(config, shelf)?,
        };
        Ok(Self {
            rows: reopen(&folder.path(run::STEPS), |r: &GrpoRow| r.step < first)?,
            groups: reopen(&folder.path(run::GROUPS), |r: &GroupRow| r.step < first)?,
            timings: reopen(&folder.path(run::TIMING), |r: &TimingRow| r.step < first)?,
            rollouts: reopen(&folder.path(run::ROLLOUTS), |r: &RolloutRow| r.step < first)?,
            evaluations: reopen(&folder.path(run::EVALUATIONS), |r: &EvaluationRow| {
                first > 0 && r.step <= first
            })?,
            tasks,
            config: config.clone(),
            scratch: folder.path("evaluation.jsonl.tmp"),
        })
    }

    /// Writes a step. Its row comes last: what it needs stands already when it is there.
    ///
    /// # Errors
    /// The disk is full.
    #[allow(clippy::cast_precision_loss)]
    pub fn append(&mut self, log: &StepLog) -> Result<()> {
        let step = log.row.step;
        let mut sampled = 0;
        for group in &log.groups {
            self.groups.append(&GroupRow::of(step, group))?;
            sampled += group.rollouts.iter().map(|r| r.completion.ids.len()).sum::<usize>();
            for rollout in extremes(group, self.config.train.keep_rollouts) {
                self.rollouts.append(&RolloutRow {
                    step,
                    problem: group.problem.text.clone(),
                    gold: group.problem.gold.clone(),
                    sample: rollout.completion.sample,
                    verdict: rollout.verdict,
                    reward: rollout.reward.total,
                    tokens: rollout.completion.ids.len(),
                    text: rollout.completion.text.clone(),
                })?;
            }
        }
        self.timings.append(&TimingRow {
            step,
            seconds: log.seconds,
            sampled_tokens_per_second: sampled as f64 / log.seconds.sampling.max(1e-9),
            trained_tokens_per_second: log.row.num_tokens as f64 / log.seconds.training.max(1e-9),
        })?;
        self.rows.append(&log.row)
    }

    /// Evaluates the policy after `step` steps, where the recipe asks for it.
    ///
    /// # Errors
    /// The sampler fails or the disk is full.
    #[allow(clippy::cast_precision_loss)]
    pub fn evaluate(&mut self, policy: &mut impl Sampler, step: u64) -> Result<()> {
        let settings = &self.config.evaluate;
        let options = EvalOptions {
            run: "training".into(),
            model: String::new(),
            samples: 1,
            params: SamplingParams {
                temperature: settings.temperature,
                max_tokens: settings.max_tokens,
                ..SamplingParams::default()
            },
            seed: self.config.seed,
            wave: WAVE,
            grader: Grader::default(),
        };
        for task in &self.tasks {
            let _ = std::fs::remove_file(&self.scratch);
            let records = eval::run(
                policy,
                std::slice::from_ref(task),
                &options,
                &self.scratch,
                &mut Silent,
            )?;
            let _ = std::fs::remove_file(&self.scratch);
            let count = |verdict| records.iter().filter(|r| r.verdict == verdict).count() as u64;
            let (problems, correct) = (records.len() as u64, count(Verdict::Correct));
            let estimate = interval::wilson(correct, problems, 0.95);
            self.evaluations.append(&EvaluationRow {
                step,
                benchmark: task.benchmark.clone(),
                problems,
                correct,
                accuracy: estimate.value,
                interval: (estimate.lo, estimate.hi),
                truncated: count(Verdict::Truncated) as f64 / problems.max(1) as f64,
            })?;
        }
        Ok(())
    }
}

fn tasks(config: &GrpoConfig, shelf: &dyn Shelf) -> Result<Vec<Task>> {
    let settings = &config.evaluate;
    bench::resolve(std::slice::from_ref(&settings.benchmark))?
        .into_iter()
        .map(|benchmark| {
            let mut problems = benchmark.load(shelf)?;
            if settings.limit > 0 {
                problems.truncate(settings.limit);
            }
            Ok(Task { benchmark: benchmark.name.into(), prompt: config.train.prompt, problems })
        })
        .collect()
}

/// The `k` best and the `k` worst rollouts of a group, each once, in order of sample.
fn extremes(group: &Group, k: usize) -> Vec<&Rollout> {
    let mut order: Vec<&Rollout> = group.rollouts.iter().collect();
    order.sort_by(|a, b| b.reward.total.total_cmp(&a.reward.total));
    let n = order.len();
    let mut chosen: Vec<&Rollout> = order
        .iter()
        .enumerate()
        .filter(|(place, _)| *place < k || *place + k >= n)
        .map(|(_, rollout)| *rollout)
        .collect();
    chosen.sort_by_key(|rollout| rollout.completion.sample);
    chosen
}
