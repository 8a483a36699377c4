//! Rollouts: graded and rewarded completions, grouped by problem.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::advantage::{self, Advantage};
use crate::answer::Grader;
use crate::error::{Error, Result};
use crate::reward::{Reward, RewardConfig};
use crate::types::{Completion, Finish, Problem, TrainSample, Verdict};

/// A completion with what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The completion.
    pub completion: Completion,
    /// Its one outcome.
    pub verdict: Verdict,
    /// The answer that was extracted.
    pub answer: Option<String>,
    /// Its reward, term by term.
    pub reward: Reward,
}

/// The completions of one problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The problem.
    pub problem: Problem,
    /// Its rollouts, by sample index.
    pub rollouts: Vec<Rollout>,
}

impl Group {
    /// Rewards, by sample index.
    pub fn rewards(&self) -> Vec<f64> {
        self.rollouts.iter().map(|rollout| rollout.reward.total).collect()
    }

    /// Share of correct completions.
    #[allow(clippy::cast_precision_loss)]
    pub fn solve_rate(&self) -> f64 {
        let right = self.rollouts.iter().filter(|r| r.verdict == Verdict::Correct).count();
        right as f64 / self.rollouts.len().max(1) as f64
    }

    /// Whether all rewards are equal.
    pub fn is_constant(&self) -> bool {
        advantage::is_constant(&self.rewards())
    }

    /// What the learner learns from; completions that were cut are left out if `mask_truncated`.
    ///
    /// # Errors
    /// The sampler gave no log-probabilities or no prompt tokens.
    pub fn train_samples(&self, kind: Advantage, mask_truncated: bool) -> Result<Vec<TrainSample>> {
        let advantages = kind.of(&self.rewards());
        let mut samples = Vec::new();
        for (rollout, advantage) in self.rollouts.iter().zip(advantages) {
            let completion = &rollout.completion;
            let cut = completion.finish == Finish::Length;
            if completion.finish == Finish::Error || (mask_truncated && cut) {
                continue;
            }
            samples.push(train_sample(completion, advantage)?);
        }
        Ok(samples)
    }
}

#[allow(clippy::cast_possible_truncation)]
fn train_sample(completion: &Completion, advantage: f64) -> Result<TrainSample> {
    let what = || format!("sample {} of {}", completion.sample, completion.problem);
    let (Some(logprobs), false) = (&completion.logprobs, completion.prompt_ids.is_empty()) else {
        return Err(Error::data(what(), "has no token ids or log-probabilities to learn from"));
    };
    let prompt = completion.prompt_ids.len();
    let place = |value: f32| [vec![0.0; prompt], vec![value; completion.ids.len()]].concat();
    Ok(TrainSample {
        ids: [completion.prompt_ids.as_slice(), &completion.ids].concat(),
        mask: [vec![0u8; prompt], vec![1; completion.ids.len()]].concat(),
        sampler_logprobs: [vec![0.0; prompt], logprobs.clone()].concat(),
        advantages: place(advantage as f32),
        old_logprobs: Vec::new(),
        reference_logprobs: Vec::new(),
        weight: 1.0,
    })
}

/// Grades and rewards completions, and puts them into groups in the order of `problems`.
pub fn groups(
    problems: &[Problem],
    completions: Vec<Completion>,
    grader: &Grader,
    reward: &RewardConfig,
    max_tokens: usize,
) -> Vec<Group> {
    let mut by_problem: BTreeMap<_, Vec<Completion>> = BTreeMap::new();
    for completion in completions {
        by_problem.entry(completion.problem.clone()).or_default().push(completion);
    }
    problems
        .iter()
        .map(|problem| {
            let gold = grader.gold(&problem.gold);
            let mut found = by_problem.remove(&problem.id).unwrap_or_default();
            found.sort_by_key(|completion| completion.sample);
            let rollouts = found
                .into_iter()
                .map(|completion| {
                    let grade = grader.grade(&gold, &completion.text);
                    let verdict = grade.verdict(completion.finish);
                    let answered = grade.extracted.is_some();
                    let reward = reward.of(&completion, verdict, answered, max_tokens);
                    Rollout { completion, verdict, answer: grade.extracted, reward }
                })
                .collect();
            Group { problem: problem.clone(), rollouts }
        })
        .collect()
}
