//! What a step leaves behind: one typed row under the names that dashboards know (TRL's and tinker-cookbook's).

use serde::{Deserialize, Serialize};

use crate::learn::StepStats;
use crate::loss::Range;
use crate::reward::Reward;
use crate::rollout::Group;
use crate::types::{Finish, Verdict};

/// One row of `steps.jsonl`. Nothing in it depends on the clock, so that a resumed run's file is equal to an uninterrupted
/// run's. Means over nothing are 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GrpoRow {
    /// Step, from 0.
    pub step: u64,
    /// Share of the run that is done after this step.
    #[serde(rename = "progress/done_frac")]
    pub done: f64,
    /// Problems taken from the source so far.
    pub cursor: u64,
    /// Mean reward of all completions.
    pub reward: f64,
    /// Standard deviation of the rewards of all completions (with n - 1).
    pub reward_std: f64,
    /// Share of correct completions.
    #[serde(rename = "env/all/correct")]
    pub correct: f64,
    /// Mean of the reward's terms.
    #[serde(rename = "rewards/correct/mean")]
    pub reward_correct: f64,
    /// Standard deviation of this term.
    #[serde(rename = "rewards/correct/std")]
    pub reward_correct_std: f64,
    /// See `reward_correct`.
    #[serde(rename = "rewards/format/mean")]
    pub reward_format: f64,
    /// Standard deviation of this term.
    #[serde(rename = "rewards/format/std")]
    pub reward_format_std: f64,
    /// See `reward_correct`.
    #[serde(rename = "rewards/length/mean")]
    pub reward_length: f64,
    /// Standard deviation of this term.
    #[serde(rename = "rewards/length/std")]
    pub reward_length_std: f64,
    /// See `reward_correct`.
    #[serde(rename = "rewards/overlong/mean")]
    pub reward_overlong: f64,
    /// Standard deviation of this term.
    #[serde(rename = "rewards/overlong/std")]
    pub reward_overlong_std: f64,
    /// Share of groups whose rewards are all equal.
    pub frac_reward_zero_std: f64,
    /// Share of groups with correct and incorrect completions.
    #[serde(rename = "env/all/by_group/frac_mixed")]
    pub frac_mixed: f64,
    /// Share of groups with correct completions only.
    #[serde(rename = "env/all/by_group/frac_all_good")]
    pub frac_all_good: f64,
    /// Share of groups without a correct completion.
    #[serde(rename = "env/all/by_group/frac_all_bad")]
    pub frac_all_bad: f64,
    /// Mean tokens of a completion.
    #[serde(rename = "completions/mean_length")]
    pub mean_length: f64,
    /// Shortest completion.
    #[serde(rename = "completions/min_length")]
    pub min_length: u64,
    /// Longest completion.
    #[serde(rename = "completions/max_length")]
    pub max_length: u64,
    /// Mean tokens of a completion that ended by itself.
    #[serde(rename = "completions/mean_terminated_length")]
    pub mean_terminated_length: f64,
    /// The shortest of them.
    #[serde(rename = "completions/min_terminated_length")]
    pub min_terminated_length: u64,
    /// The longest of them.
    #[serde(rename = "completions/max_terminated_length")]
    pub max_terminated_length: u64,
    /// Share of completions that were cut.
    #[serde(rename = "completions/clipped_ratio")]
    pub clipped_ratio: f64,
    /// Groups sampled, refills included.
    pub num_groups: u64,
    /// Completions that were learned from.
    pub num_sequences: u64,
    /// Tokens that went through the learner, all optimizer steps.
    pub num_tokens: u64,
    /// Tokens that were trained, all optimizer steps.
    pub num_loss_tokens: u64,
    /// Optimizer steps made, 0 where no group had anything to teach.
    pub optimizer_steps: u64,
    /// Mean loss of the optimizer steps.
    pub loss: f64,
    /// Mean gradient norm of the optimizer steps, before clipping.
    pub grad_norm: f64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Mean entropy of the learner's distribution at trained tokens, in nats.
    pub entropy: f64,
    /// Mean KL estimate; 0 without a KL term.
    pub kl: f64,
    /// Mean `|l - q|` of the first optimizer step: the gap between sampler and learner at equal weights.
    #[serde(rename = "sampling/sampling_logp_difference/mean")]
    pub gap_mean: f64,
    /// Largest `|l - q|` of the first optimizer step.
    #[serde(rename = "sampling/sampling_logp_difference/max")]
    pub gap_max: f64,
    /// Mean of `q - l` of the first optimizer step: KL(sampler || learner), first estimator.
    #[serde(rename = "optim/kl_sample_train_v1")]
    pub kl_sample_train_v1: f64,
    /// Mean of `(q - l)^2 / 2` of the first optimizer step: the second.
    #[serde(rename = "optim/kl_sample_train_v2")]
    pub kl_sample_train_v2: f64,
    /// Smallest `exp(l - q)` of the first optimizer step.
    #[serde(rename = "sampling/importance_sampling_ratio/min")]
    pub sampler_ratio_min: f64,
    /// Its mean.
    #[serde(rename = "sampling/importance_sampling_ratio/mean")]
    pub sampler_ratio_mean: f64,
    /// Its largest.
    #[serde(rename = "sampling/importance_sampling_ratio/max")]
    pub sampler_ratio_max: f64,
    /// Share of trained tokens that the correction for the sampler left out, all optimizer steps.
    #[serde(rename = "sampling/masked_fraction")]
    pub masked: f64,
    /// Mean ratio of the loss over all optimizer steps (1 where every step is on policy).
    #[serde(rename = "val/ratio")]
    pub ratio_mean: f64,
    /// Smallest ratio of the loss.
    #[serde(rename = "val/ratio_min")]
    pub ratio_min: f64,
    /// Largest ratio of the loss.
    #[serde(rename = "val/ratio_max")]
    pub ratio_max: f64,
    /// Share of trained tokens whose ratio was cut from below.
    #[serde(rename = "clip_ratio/low_mean")]
    pub clip_low: f64,
    /// Share of trained tokens whose ratio was cut from above.
    #[serde(rename = "clip_ratio/high_mean")]
    pub clip_high: f64,
    /// Sum of the two.
    #[serde(rename = "clip_ratio/region_mean")]
    pub clip_region: f64,
}

#[allow(clippy::cast_precision_loss)]
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

fn average(values: &[f64]) -> f64 {
    mean(values.iter().copied())
}

#[allow(clippy::cast_precision_loss)]
fn std(values: &[f64]) -> f64 {
    let average = average(values);
    let squares: f64 = values.iter().map(|v| (v - average).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

impl GrpoRow {
    /// What the rollouts alone say.
    pub fn of_groups(step: u64, steps: u64, cursor: u64, groups: &[Group]) -> Self {
        let rollouts = || groups.iter().flat_map(|group| &group.rollouts);
        let share = |test: &dyn Fn(&Group) -> bool| {
            mean(groups.iter().map(|group| f64::from(u8::from(test(group)))))
        };
        let term = |of: &dyn Fn(&Reward) -> f64| -> Vec<f64> {
            rollouts().map(|r| of(&r.reward)).collect()
        };
        let (total, right) = (term(&|r| r.total), term(&|r| r.correct));
        let (format, length) = (term(&|r| r.format), term(&|r| r.length));
        let overlong = term(&|r| r.overlong);
        let lengths = || rollouts().map(|r| r.completion.ids.len() as u64);
        let ended = || {
            let ended = rollouts().filter(|r| r.completion.finish == Finish::Stop);
            ended.map(|r| r.completion.ids.len() as u64)
        };
        #[allow(clippy::cast_precision_loss)]
        Self {
            step,
            done: (step + 1) as f64 / steps as f64,
            cursor,
            reward: average(&total),
            reward_std: std(&total),
            correct: mean(rollouts().map(|r| f64::from(u8::from(r.verdict == Verdict::Correct)))),
            reward_correct: average(&right),
            reward_correct_std: std(&right),
            reward_format: average(&format),
            reward_format_std: std(&format),
            reward_length: average(&length),
            reward_length_std: std(&length),
            reward_overlong: average(&overlong),
            reward_overlong_std: std(&overlong),
            frac_reward_zero_std: share(&Group::is_constant),
            frac_mixed: share(&|group| (1e-9..1.0 - 1e-9).contains(&group.solve_rate())),
            frac_all_good: share(&|group| group.solve_rate() > 1.0 - 1e-9),
            frac_all_bad: share(&|group| group.solve_rate() < 1e-9),
            mean_length: mean(lengths().map(|n| n as f64)),
            min_length: lengths().min().unwrap_or(0),
            max_length: lengths().max().unwrap_or(0),
            mean_terminated_length: mean(ended().map(|n| n as f64)),
            min_terminated_length: ended().min().unwrap_or(0),
            max_terminated_length: ended().max().unwrap_or(0),
            clipped_ratio: mean(
                rollouts().map(|r| f64::from(u8::from(r.completion.finish == Finish::Length))),
            ),
            num_groups: groups.len() as u64,
            ..Self::default()
        }
    }

    /// What a person wants to see of it.
    pub fn headline(&self) -> String {
        format!(
            "reward {:.3}, mixed groups {:.0} %, length {:.0}, entropy {:.3}, gradient {:.2}",
            self.reward,
            100.0 * self.frac_mixed,
            self.mean_length,
            self.entropy,
            self.grad_norm
        )
    }

    /// Adds what the optimizer steps saw.
    #[allow(clippy::cast_precision_loss)]
    pub fn add_steps(&mut self, stats: &[StepStats]) {
        let tokens =
            |stats: &[StepStats]| stats.iter().map(|s| s.seen.tokens).sum::<f64>().max(1.0);
        let per_token = |value: &dyn Fn(&StepStats) -> f64| {
            stats.iter().map(value).sum::<f64>() / tokens(stats)
        };
        self.optimizer_steps = stats.len() as u64;
        self.num_tokens = stats.iter().map(|s| s.num_tokens).sum();
        self.num_loss_tokens = stats.iter().map(|s| s.num_loss_tokens).sum();
        self.loss = mean(stats.iter().map(|s| s.loss));
        self.grad_norm = mean(stats.iter().map(|s| s.grad_norm));
        self.entropy = per_token(&|s| s.entropy);
        self.kl = per_token(&|s| s.seen.kl);
        self.masked = per_token(&|s| s.seen.masked);
        self.ratio_mean = per_token(&|s| s.seen.ratio.sum);
        let mut ratio = Range::default();
        stats.iter().for_each(|s| ratio.merge(&s.seen.ratio));
        (self.ratio_min, self.ratio_max) = known(&ratio);
        self.clip_low = per_token(&|s| s.seen.clipped_low);
        self.clip_high = per_token(&|s| s.seen.clipped_high);
        self.clip_region = self.clip_low + self.clip_high;
        if let Some(first) = stats.first() {
            let (seen, tokens) = (&first.seen, first.seen.tokens.max(1.0));
            self.gap_mean = seen.gap.sum / tokens;
            self.gap_max = known(&seen.gap).1;
            self.kl_sample_train_v1 = seen.kl_v1 / tokens;
            self.kl_sample_train_v2 = seen.kl_v2 / tokens;
            self.sampler_ratio_mean = seen.sampler_ratio.sum / tokens;
            (self.sampler_ratio_min, self.sampler_ratio_max) = known(&seen.sampler_ratio);
        }
    }
}

/// Smallest and largest; 0 over nothing.
fn known(range: &Range) -> (f64, f64) {
    if range.min <= range.max { (range.min, range.max) } else { (0.0, 0.0) }
}
