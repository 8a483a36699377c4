//! Reinforcement learning from a right/wrong reward: sample groups, compare siblings, step; GRPO and its relatives.
//!
//! A step is a function of the weights and its number: its problems, seeds and batches are derived, never drawn. A killed
//! run that goes on from a checkpoint therefore repeats what it had done, bit for bit; rollouts of the open step that were
//! complete are read back instead of sampled again.

pub mod config;
pub mod log;
pub mod pending;
pub mod preview;
pub mod problems;
pub mod row;
mod weigh;

use std::collections::HashMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Learner, StepStats};
use crate::answer::Grader;
use crate::error::Result;
use crate::loss::Objective;
use crate::progress::Progress;
use crate::reward::RewardConfig;
use crate::rng::Seed;
use crate::rollout::{self, Group};
use crate::sample::Sampler;
use crate::types::{Completion, Problem, ProblemId, Request, TrainSample};

pub use config::{GrpoConfig, GrpoOptions};
pub use pending::Pending;
pub use problems::{Problems, Which};
pub use row::GrpoRow;

/// What does not change during a run.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The loop.
    pub options: &'a GrpoOptions,
    /// The loss.
    pub objective: &'a Objective,
    /// The reward.
    pub reward: &'a RewardConfig,
    /// The grader.
    pub grader: &'a Grader,
    /// The problems.
    pub problems: &'a Problems,
    /// Seed of the run.
    pub seed: u64,
}

/// Where a run stands: what a checkpoint's rows lead back to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Next step.
    pub step: u64,
    /// Problems taken from the source so far.
    pub cursor: u64,
    /// Solve rate of each problem when it was last sampled.
    pub solve_rates: HashMap<ProblemId, f64>,
    /// Steps in a row without any group to learn from.
    pub barren: u64,
}

/// One row of `groups.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Step.
    pub step: u64,
    /// Problem.
    pub problem: ProblemId,
    /// Its level.
    pub level: Option<u8>,
    /// Share of correct completions.
    pub solve_rate: f64,
    /// Mean reward.
    pub reward: f64,
}

impl GroupRow {
    /// The row of a group.
    #[allow(clippy::cast_precision_loss)]
    pub fn of(step: u64, group: &Group) -> Self {
        let rewards = group.rewards();
        Self {
            step,
            problem: group.problem.id.clone(),
            level: group.problem.level,
            solve_rate: group.solve_rate(),
            reward: rewards.iter().sum::<f64>() / rewards.len().max(1) as f64,
        }
    }
}

impl State {
    /// The state after steps `0..step`, from their rows.
    pub fn of_rows(step: u64, rows: &[GrpoRow], groups: &[GroupRow]) -> Self {
        let mut state = Self { step, ..Self::default() };
        for row in rows.iter().filter(|row| row.step < step) {
            state.cursor = row.cursor;
            state.barren = if row.optimizer_steps == 0 { state.barren + 1 } else { 0 };
        }
        for group in groups.iter().filter(|group| group.step < step) {
            state.solve_rates.insert(group.problem.clone(), group.solve_rate);
        }
        state
    }
}

/// Seconds of a step's phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Sampling.
    #[serde(rename = "time/sampling")]
    pub sampling: f64,
    /// Grading and rewards.
    #[serde(rename = "time/grading")]
    pub grading: f64,
    /// Scoring and optimizer steps.
    #[serde(rename = "time/training")]
    pub training: f64,
}

/// A step as it is handed to the program.
#[derive(Debug)]
pub struct StepLog {
    /// Its row.
    pub row: GrpoRow,
    /// All groups that were sampled.
    pub groups: Vec<Group>,
    /// How long it took.
    pub seconds: Seconds,
    /// Pairs of a token and one it can see, over all sequences and optimizer steps: what attention's work is counted from.
    pub attended: f64,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Runs steps `state.step..options.steps`. `after` receives each step and may save or stop by an error.
///
/// # Errors
/// The sampler or the learner fails, the problems run out, or an error of `after`.
pub fn run<L: Learner>(
    learner: &mut L,
    plan: &Plan<'_>,
    mut state: State,
    pending: &mut Pending,
    progress: &mut dyn Progress,
    after: &mut dyn FnMut(&mut L, &StepLog, &mut dyn Progress) -> Result<()>,
) -> Result<()> {
    while state.step < plan.options.steps {
        let log = step(learner, plan, &mut state, pending, progress)?;
        state.step += 1;
        after(learner, &log, progress)?;
        pending.clear()?;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn step<L: Learner>(
    learner: &mut L,
    plan: &Plan<'_>,
    state: &mut State,
    pending: &mut Pending,
    progress: &mut dyn Progress,
) -> Result<StepLog> {
    let options = plan.options;
    let mut seconds = Seconds::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut wanted = options.prompts_per_step;
    for round in 0..=options.refill_rounds {
        let which = Which {
            levels: options.levels_at(state.step),
            solve_rates: &state.solve_rates,
            skip_solved: options.skip_solved,
        };
        let problems = plan.problems.next(&mut state.cursor, wanted, &which)?;
        let started = Instant::now();
        let completions = sample(learner, plan, state.step, round, &problems, pending, progress)?;
        seconds.sampling += started.elapsed().as_secs_f64();
        let started = Instant::now();
        let limit = options.sampling.max_tokens;
        groups.extend(rollout::groups(&problems, completions, plan.grader, plan.reward, limit));
        seconds.grading += started.elapsed().as_secs_f64();
        let useful = groups.iter().filter(|group| !group.is_constant()).count();
        wanted = options.prompts_per_step.saturating_sub(useful);
        if wanted == 0 {
            break;
        }
    }
    for group in &groups {
        state.solve_rates.insert(group.problem.id.clone(), group.solve_rate());
    }
    let started = Instant::now();
    let mut row = GrpoRow::of_groups(state.step, options.steps, state.cursor, &groups);
    row.learning_rate = options.learning_rate
        * options.schedule.factor(state.step, options.warmup_steps, options.steps);
    let mut batch = Vec::new();
    for group in &groups {
        if !(options.drop_constant_groups && group.is_constant()) {
            batch.extend(group.train_samples(options.advantage, options.mask_truncated)?);
        }
    }
    row.num_sequences = batch.len() as u64;
    let pairs = |sample: &TrainSample| (sample.ids.len() as f64).powi(2) / 2.0;
    let attended = batch.iter().map(pairs).sum::<f64>() * options.inner_epochs as f64;
    let stats = learn(learner, plan, batch, row.learning_rate)?;
    row.add_steps(&stats);
    seconds.training = started.elapsed().as_secs_f64();
    state.barren = if stats.is_empty() { state.barren + 1 } else { 0 };
    let warnings = warnings(&row, state.barren, options);
    Ok(StepLog { row, groups, seconds, attended, warnings })
}

fn sample<L: Learner>(
    learner: &mut L,
    plan: &Plan<'_>,
    step: u64,
    round: u32,
    problems: &[Problem],
    pending: &mut Pending,
    progress: &mut dyn Progress,
) -> Result<Vec<Completion>> {
    let options = plan.options;
    let requests: Vec<Request> = problems
        .iter()
        .map(|problem| Request {
            problem: problem.id.clone(),
            messages: options.prompt.messages(&problem.text),
            samples: (0..options.group_size).collect(),
            params: options.sampling.clone(),
            seed: Seed(plan.seed).named("rollouts").index(step).0,
        })
        .collect();
    let policy = learner.policy();
    let total = requests.len() * options.group_size as usize;
    if let Some(completions) = pending.complete(step, round, policy.version(), &requests)? {
        return Ok(completions);
    }
    pending.begin(step, round)?;
    let mut completions = Vec::with_capacity(total);
    let mut tokens = 0;
    policy.sample(&requests, &mut |completion| {
        tokens += completion.ids.len();
        pending.append(&completion)?;
        completions.push(completion);
        progress.update(step, &format!("sampled {} of {total}", completions.len()));
        Ok(())
    })?;
    // They arrive in any order; what is learned from them must not depend on it.
    let place: HashMap<&ProblemId, usize> =
        problems.iter().enumerate().map(|(i, problem)| (&problem.id, i)).collect();
    completions.sort_by_key(|c| (place.get(&c.problem).copied(), c.sample));
    Ok(completions)
}

/// Optimizer steps on a batch.
fn learn<L: Learner>(
    learner: &mut L,
    plan: &Plan<'_>,
    mut batch: Vec<TrainSample>,
    lr: f64,
) -> Result<Vec<StepStats>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    if plan.objective.kl_coefficient > 0.0 {
        let rows = learner.logprobs(&batch, true)?;
        batch.iter_mut().zip(rows).for_each(|(sample, row)| sample.reference_logprobs = row);
    }
    if plan.objective.needs_old() {
        let rows = learner.logprobs(&batch, false)?;
        batch.iter_mut().zip(rows).for_each(|(sample, row)| sample.old_logprobs = row);
    }
    let mut stats = Vec::new();
    let size = batch.len().div_ceil(plan.options.optimizer_steps);
    for _ in 0..plan.options.inner_epochs {
        for part in batch.chunks_mut(size) {
            let max_tokens = plan.options.sampling.max_tokens;
            let denominator = weigh::weigh(part, plan.objective, max_tokens);
            stats.push(learner.step(part, plan.objective, lr, denominator)?);
        }
    }
    Ok(stats)
}

fn warnings(row: &GrpoRow, barren: u64, options: &GrpoOptions) -> Vec<String> {
    let mut warnings = Vec::new();
    if barren > 0 && barren.is_multiple_of(options.patience.max(1)) {
        let (right, wrong) = (100.0 * row.frac_all_good, 100.0 * row.frac_all_bad);
        warnings.push(format!(
            "{barren} steps in a row had no group with different rewards ({right:.0} % all right, {wrong:.0} % all wrong): \
             nothing is learned; {}, or raise train.group_size",
            if right > wrong { "give harder problems" } else { "give easier problems" }
        ));
    }
    if row.clipped_ratio > 0.5 {
        warnings.push(format!(
            "{:.0} % of the completions of step {} reached {} tokens and were cut: raise train.sampling.max_tokens",
            100.0 * row.clipped_ratio,
            row.step,
            options.sampling.max_tokens
        ));
    }
    warnings
}
