//! What a run leaves on disk, step by step.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{GroupRow, GrpoConfig, GrpoRow, Seconds, StepLog};
use crate::answer::Grader;
use crate::bench::{self, Shelf};
use crate::error::Result;
use crate::eval::{self, EvalOptions, Task, WAVE};
use crate::jsonl::{self, Appender};
use crate::progress::Progress;
use crate::reward::Reward;
use crate::rollout::{Group, Rollout};
use crate::run::tensorboard::Events;
use crate::run::{self, RunFolder};
use crate::sample::Sampler;
use crate::stats::interval;
use crate::types::{Finish, SamplingParams, Verdict};

/// What a run needs to know of its machine, which a library does not ask for itself.
#[derive(Clone, Copy)]
pub struct Meter {
    /// Seconds since 1970, for the event file.
    pub clock: fn() -> f64,
    /// Bytes of memory that the process needed at most so far (of the GPU where there is one).
    pub peak_memory: fn() -> u64,
    /// Work of forward and backward pass per trained token, attention apart.
    pub flop_per_token: f64,
    /// Work of forward and backward pass per pair of a token and one that it sees.
    pub flop_per_pair: f64,
    /// Work that the device can do in a second; 0 = unknown.
    pub peak_flop_per_second: f64,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter")
            .field("flop_per_token", &self.flop_per_token)
            .finish_non_exhaustive()
    }
}

/// One row of `timing.jsonl`: what depends on the machine and the moment, kept apart from what does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// Step.
    pub step: u64,
    /// Seconds of the whole step: sampling, grading, training.
    pub step_time: f64,
    /// Seconds of the phases.
    #[serde(flatten)]
    pub seconds: Seconds,
    /// Generated tokens per second of sampling.
    #[serde(rename = "perf/sampled_tokens_per_s")]
    pub sampled_tokens_per_second: f64,
    /// Tokens through the learner per second of training.
    #[serde(rename = "perf/trained_tokens_per_s")]
    pub trained_tokens_per_second: f64,
    /// Model work of training per second, in 10^12 operations (recomputation not counted).
    #[serde(rename = "perf/trained_tflop_per_s")]
    pub trained_tflop_per_second: f64,
    /// The same as a share of what the device can do; 0 where that is unknown.
    #[serde(rename = "perf/mfu/actor")]
    pub mfu: f64,
    /// GiB of memory that the process needed at most so far.
    #[serde(rename = "perf/peak_memory")]
    pub peak_memory_gib: f64,
}

impl TimingRow {
    #[allow(clippy::cast_precision_loss)]
    fn of(log: &StepLog, meter: &Meter) -> Self {
        let rollouts = log.groups.iter().flat_map(|group| &group.rollouts);
        let sampled: usize = rollouts.map(|r| r.completion.ids.len()).sum();
        let seconds = log.seconds;
        let (tokens, training) = (log.row.num_tokens as f64, seconds.training.max(1e-9));
        let flop = tokens * meter.flop_per_token + log.attended * meter.flop_per_pair;
        let known = meter.peak_flop_per_second > 0.0;
        Self {
            step: log.row.step,
            step_time: seconds.sampling + seconds.grading + seconds.training,
            seconds,
            sampled_tokens_per_second: sampled as f64 / seconds.sampling.max(1e-9),
            trained_tokens_per_second: tokens / training,
            trained_tflop_per_second: flop / training / 1e12,
            mfu: if known { flop / training / meter.peak_flop_per_second } else { 0.0 },
            peak_memory_gib: (meter.peak_memory)() as f64 / (1u64 << 30) as f64,
        }
    }
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

impl EvaluationRow {
    /// What a person wants to see of it.
    pub fn headline(&self) -> String {
        format!(
            "after {} steps: {} {:.1} % correct ({:.1} to {:.1}), {:.1} % cut",
            self.step,
            self.benchmark,
            100.0 * self.accuracy,
            100.0 * self.interval.0,
            100.0 * self.interval.1,
            100.0 * self.truncated
        )
    }
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
    /// The answer that was extracted.
    pub answer: Option<String>,
    /// Its reward, term by term.
    pub reward: Reward,
    /// Why it ended.
    pub finish: Finish,
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
    events: Events,
    evaluation_events: Events,
    meter: Meter,
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
        meter: Meter,
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
            events: Events::open(&folder.path(run::EVENTS), first, (meter.clock)())?,
            // What was evaluated before step `first` is not evaluated again.
            evaluation_events: Events::open(
                &folder.path(run::EVALUATION_EVENTS),
                if first > 0 { first + 1 } else { 0 },
                (meter.clock)(),
            )?,
            meter,
            tasks,
            config: config.clone(),
            scratch: folder.path("evaluation.jsonl.tmp"),
        })
    }

    /// Writes a step. Its row comes last: what it needs stands already when it is there.
    ///
    /// # Errors
    /// The disk is full.
    pub fn append(&mut self, log: &StepLog) -> Result<()> {
        let step = log.row.step;
        for group in &log.groups {
            self.groups.append(&GroupRow::of(step, group))?;
            for rollout in extremes(group, self.config.train.keep_rollouts) {
                self.rollouts.append(&RolloutRow {
                    step,
                    problem: group.problem.text.clone(),
                    gold: group.problem.gold.clone(),
                    sample: rollout.completion.sample,
                    verdict: rollout.verdict,
                    answer: rollout.answer.clone(),
                    reward: rollout.reward,
                    finish: rollout.completion.finish,
                    tokens: rollout.completion.ids.len(),
                    text: rollout.completion.text.clone(),
                })?;
            }
        }
        let timing = TimingRow::of(log, &self.meter);
        self.events.scalars((self.meter.clock)(), step, &numbers(&log.row, &timing))?;
        self.timings.append(&timing)?;
        self.rows.append(&log.row)
    }

    /// Evaluates the policy after `step` steps, where the recipe asks for it; returns what was found, by benchmark.
    ///
    /// # Errors
    /// The sampler fails or the disk is full.
    #[allow(clippy::cast_precision_loss)]
    pub fn evaluate(
        &mut self,
        policy: &mut impl Sampler,
        step: u64,
        progress: &mut dyn Progress,
    ) -> Result<Vec<EvaluationRow>> {
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
        let mut rows = Vec::new();
        for task in &self.tasks {
            let _ = std::fs::remove_file(&self.scratch);
            let records = eval::run(
                policy,
                std::slice::from_ref(task),
                &options,
                &self.scratch,
                &mut Within { outer: progress, step, what: &task.benchmark },
            )?;
            let _ = std::fs::remove_file(&self.scratch);
            let count = |verdict| records.iter().filter(|r| r.verdict == verdict).count() as u64;
            let (problems, correct) = (records.len() as u64, count(Verdict::Correct));
            let estimate = interval::wilson(correct, problems, 0.95);
            let row = EvaluationRow {
                step,
                benchmark: task.benchmark.clone(),
                problems,
                correct,
                accuracy: estimate.value,
                interval: (estimate.lo, estimate.hi),
                truncated: count(Verdict::Truncated) as f64 / problems.max(1) as f64,
            };
            let name = |what: &str| format!("test/env/{}/{what}", row.benchmark);
            let values = [
                (name("correct"), row.accuracy),
                (name("correct_lo"), row.interval.0),
                (name("correct_hi"), row.interval.1),
                (name("truncated"), row.truncated),
            ];
            self.evaluation_events.scalars((self.meter.clock)(), step, &values)?;
            self.evaluations.append(&row)?;
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Shows an evaluation in the progress of the run around it.
struct Within<'a> {
    outer: &'a mut dyn Progress,
    step: u64,
    what: &'a str,
}

impl Progress for Within<'_> {
    fn update(&mut self, done: u64, note: &str) {
        self.outer.update(self.step, &format!("evaluating {}: {done} done, {note}", self.what));
    }
}

/// The numbers of a step under the names they have in the files.
fn numbers(row: &impl Serialize, timing: &impl Serialize) -> Vec<(String, f64)> {
    let of = |value: serde_json::Result<Value>| match value {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let both = [of(serde_json::to_value(row)), of(serde_json::to_value(timing))];
    let fields = both.into_iter().flatten().filter(|(name, _)| name != "step");
    fields.filter_map(|(name, value)| Some((name, value.as_f64()?))).collect()
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
