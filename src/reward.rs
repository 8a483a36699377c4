//! What a completion is worth: correctness, and terms that can be added to it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::{Completion, Finish, Verdict};

/// The terms; the default is right or wrong and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// Reward of a correct answer.
    pub correct: f64,
    /// Taken off where there is no answer in a box or the completion did not end by itself (tinker-cookbook: 0.1).
    pub format: f64,
    /// Taken off a correct answer of `max_tokens`, less for shorter ones in proportion.
    pub length: f64,
    /// Taken off at `max_tokens`, falling linearly to 0 over the `overlong_buffer` tokens before it (DAPO,
    /// arXiv:2503.14476, eq. 13, with factor 1).
    pub overlong: f64,
    /// Tokens before the limit in which `overlong` begins.
    pub overlong_buffer: usize,
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self { correct: 1.0, format: 0.0, length: 0.0, overlong: 0.0, overlong_buffer: 0 }
    }
}

/// A reward and what it is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reward {
    /// The sum of the terms.
    pub total: f64,
    /// For the answer.
    pub correct: f64,
    /// For the form, 0 or negative.
    pub format: f64,
    /// For the length of a correct answer, 0 or negative.
    pub length: f64,
    /// For nearly reaching the limit, 0 or negative.
    pub overlong: f64,
}

impl RewardConfig {
    /// Checks ranges.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn check(&self, max_tokens: usize) -> Result<()> {
        let terms = [
            ("reward.correct", self.correct),
            ("reward.format", self.format),
            ("reward.length", self.length),
            ("reward.overlong", self.overlong),
        ];
        if let Some((name, value)) = terms.iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            return Err(Error::config(*name, format!("{value} must be a number of 0 or more")));
        }
        if terms.iter().all(|(_, value)| *value == 0.0) {
            return Err(Error::config("reward", "every term is 0: nothing would be learned"));
        }
        if self.overlong > 0.0 && !(1..=max_tokens).contains(&self.overlong_buffer) {
            let problem = format!("{} must be from 1 to max_tokens", self.overlong_buffer);
            return Err(Error::config("reward.overlong_buffer", problem));
        }
        Ok(())
    }

    /// The reward of a completion with its verdict; `answered` says whether an answer stands in a box.
    #[allow(clippy::cast_precision_loss)]
    pub fn of(
        &self,
        completion: &Completion,
        verdict: Verdict,
        answered: bool,
        max_tokens: usize,
    ) -> Reward {
        let tokens = completion.ids.len();
        let right = verdict == Verdict::Correct;
        let formed = answered && completion.finish == Finish::Stop;
        let correct = if right { self.correct } else { 0.0 };
        let format = if formed { 0.0 } else { -self.format };
        let share = tokens as f64 / max_tokens.max(1) as f64;
        let length = if right { -self.length * share } else { 0.0 };
        let beyond = (tokens + self.overlong_buffer).saturating_sub(max_tokens);
        let overlong =
            -self.overlong * (beyond as f64 / self.overlong_buffer.max(1) as f64).min(1.0);
        let overlong = if self.overlong > 0.0 { overlong } else { 0.0 };
        Reward { total: correct + format + length + overlong, correct, format, length, overlong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PolicyVersion, ProblemId};

    fn completion(tokens: usize, finish: Finish) -> Completion {
        Completion {
            problem: ProblemId("x:1".into()),
            sample: 0,
            prompt_ids: vec![],
            ids: vec![1; tokens],
            logprobs: None,
            usage: None,
            text: String::new(),
            finish,
            version: PolicyVersion(0),
            seconds: 0.0,
        }
    }

    #[test]
    fn terms_by_hand() {
        let config = RewardConfig {
            format: 0.1,
            length: 0.5,
            overlong: 1.0,
            overlong_buffer: 20,
            ..RewardConfig::default()
        };
        config.check(100).unwrap();
        let of = |tokens, finish, verdict, answered| {
            config.of(&completion(tokens, finish), verdict, answered, 100).total
        };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(of(40, Finish::Stop, Verdict::Correct, true), 1.0 - 0.2);
        close(of(40, Finish::Stop, Verdict::Wrong, true), 0.0);
        close(of(40, Finish::Stop, Verdict::NoAnswer, false), -0.1);
        // 90 tokens: half of the way through the buffer.
        close(of(90, Finish::Stop, Verdict::Wrong, true), -0.5);
        close(of(100, Finish::Length, Verdict::Truncated, false), -0.1 - 1.0);
        let plain = RewardConfig::default();
        let reward = plain.of(&completion(100, Finish::Length), Verdict::Correct, true, 100);
        close(reward.total, 1.0);
        assert!(RewardConfig { correct: 0.0, ..plain }.check(100).is_err());
    }
}
