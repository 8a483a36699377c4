//! The types that flow: one sample's journey from problem to row, all owned, all serde, no tensors.
//!
//! `Problem -> Request -> Completion -> Rollout -> TrainSample` for training,
//! `Problem -> Request -> Completion -> EvalRecord` for evaluation.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Identity of a problem: benchmark name and content hash, so it survives shuffles and new revisions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProblemId(pub String);

impl ProblemId {
    /// `benchmark:` and the first 12 hex digits of SHA-256 over text and gold answer.
    pub fn of(benchmark: &str, text: &str, gold: &str) -> Self {
        Self(format!("{benchmark}:{}", content_hash(text, gold)))
    }
}

/// First 12 hex digits of SHA-256 over a problem's text and gold answer.
pub fn content_hash(text: &str, gold: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(text.as_bytes());
    hasher.update([0]);
    hasher.update(gold.as_bytes());
    hasher.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect()
}

impl std::fmt::Display for ProblemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One problem with its reference answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Benchmark name and content hash.
    pub id: ProblemId,
    /// The question as the benchmark has it, without instruction or few-shot prefix.
    pub text: String,
    /// The reference answer, bare (no box).
    pub gold: String,
    /// Difficulty 1 to 5 where the benchmark has one.
    pub level: Option<u8>,
    /// Subject where the benchmark has one, e.g. `Algebra`.
    pub subject: Option<String>,
}

/// Who speaks in a chat message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that precede the conversation.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message by the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// A message by the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }
}

/// How tokens are drawn. The order of the filters is temperature, top-k, top-p, min-p, as in transformers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingParams {
    /// 0 is greedy; the study evaluates at 0.01 and trains at 1.
    pub temperature: f64,
    /// Keep the k most probable tokens; 0 keeps all.
    pub top_k: usize,
    /// Keep the smallest set whose probability reaches this; 1 keeps all.
    pub top_p: f64,
    /// Drop tokens below this share of the most probable one; 0 keeps all.
    pub min_p: f64,
    /// Longest completion, in tokens, the end token included.
    pub max_tokens: usize,
    /// Texts that end a completion; the text itself is removed.
    pub stop: Vec<String>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            max_tokens: 2048,
            stop: Vec::new(),
        }
    }
}

impl SamplingParams {
    /// Checks ranges; the message names the field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> crate::error::Result<()> {
        use crate::error::Error;
        if !self.temperature.is_finite() || self.temperature < 0.0 {
            return Err(Error::config(
                "temperature",
                format!("{} must be 0 or more", self.temperature),
            ));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Error::config("top_p", format!("{} must be in (0, 1]", self.top_p)));
        }
        if !(0.0..1.0).contains(&self.min_p) {
            return Err(Error::config("min_p", format!("{} must be in [0, 1)", self.min_p)));
        }
        if self.max_tokens == 0 {
            return Err(Error::config("max_tokens", "must be at least 1"));
        }
        if self.stop.iter().any(String::is_empty) {
            return Err(Error::config("stop", "an empty stop text would end every completion"));
        }
        Ok(())
    }
}

/// What is asked of a sampler: some samples of one conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Which problem.
    pub problem: ProblemId,
    /// The conversation, rendered by the sampler with its own chat template.
    pub messages: Vec<Message>,
    /// Which sample indices to draw; sample `i` is the same whichever others are asked for.
    pub samples: Vec<u32>,
    /// How to draw.
    pub params: SamplingParams,
    /// Seed of the run (and step); the stream of a sample is derived from it, the problem and the index.
    pub seed: u64,
}

impl Request {
    /// The random stream of one sample.
    pub fn sample_seed(&self, sample: u32) -> crate::rng::Seed {
        crate::rng::Seed(self.seed).named(&self.problem.0).index(u64::from(sample))
    }
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// An end token or a stop text.
    Stop,
    /// `max_tokens` or the model's context was reached.
    Length,
    /// The sampler could not answer (an endpoint that failed for good, a prompt that is too long).
    Error,
}

/// Number of optimizer steps behind the weights that answered; 0 for an untrained run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PolicyVersion(pub u64);

/// One sampled answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Which problem.
    pub problem: ProblemId,
    /// Which of its samples.
    pub sample: u32,
    /// Token ids of the prompt; empty where the sampler does not know them.
    pub prompt_ids: Vec<u32>,
    /// Token ids of the completion, the end token included; empty where unknown.
    pub ids: Vec<u32>,
    /// Natural log-probability of each id under the distribution really sampled from; length of `ids` where these are
    /// known, else of the tokens that an endpoint counted.
    pub logprobs: Option<Vec<f32>>,
    /// Tokens as an endpoint counted them, where the ids are unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The text without end token and stop text; for [`Finish::Error`] the reason.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Which weights answered.
    pub version: PolicyVersion,
    /// Wall-clock seconds from admission to end.
    pub seconds: f64,
}

/// Numbers of tokens as an endpoint counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of the completion.
    pub completion: u32,
}

impl Completion {
    /// Tokens of prompt and completion: of the ids where they are known, else as an endpoint counted them.
    pub fn tokens(&self) -> Usage {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let known =
            Usage { prompt: count(self.prompt_ids.len()), completion: count(self.ids.len()) };
        self.usage.unwrap_or(known)
    }
}

/// The one outcome of a sample; the five counts add up to the number of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The answer equals the gold answer (also when the text after it was cut).
    Correct,
    /// Finished with another answer.
    Wrong,
    /// Finished without an answer.
    NoAnswer,
    /// Cut at the token limit without a correct answer.
    Truncated,
    /// The sampler failed; counted as not correct, never dropped.
    Failed,
}

impl Verdict {
    /// All verdicts, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::Correct, Self::Wrong, Self::NoAnswer, Self::Truncated, Self::Failed];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correct => "correct",
            Self::Wrong => "wrong",
            Self::NoAnswer => "no_answer",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
        }
    }
}

/// One row of a result frame: one graded sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// Name of the run (its folder).
    pub run: String,
    /// Name of the model.
    pub model: String,
    /// Name of the benchmark.
    pub benchmark: String,
    /// Problem id.
    pub problem: ProblemId,
    /// Difficulty where the benchmark has one.
    pub level: Option<u8>,
    /// Subject where the benchmark has one.
    pub subject: Option<String>,
    /// Sample index, from 0.
    pub sample: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Its one outcome.
    pub verdict: Verdict,
    /// The answer that was extracted, if any.
    pub answer: Option<String>,
    /// The reference answer.
    pub gold: String,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the completion, end token included.
    pub completion_tokens: u32,
    /// Sum of the log-probabilities of the completion's tokens, where known.
    pub logprob_sum: Option<f64>,
    /// Grader name and version, e.g. `howard/3`.
    pub grader: String,
    /// The completion, so that a better grader needs no new samples.
    pub text: String,
}

/// One sequence to learn from; all vectors have the length of `ids`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSample {
    /// Prompt and completion.
    pub ids: Vec<u32>,
    /// 1 where the token is trained (loss on predicting `ids[t]` from `ids[..t]`), else 0.
    pub mask: Vec<u8>,
    /// Log-probability at sampling time; 0 on untrained tokens and in SFT.
    pub sampler_logprobs: Vec<f32>,
    /// Advantage of each token in RL, weight in SFT.
    pub advantages: Vec<f32>,
    /// Log-probability under the learner when the batch began; empty = `sampler_logprobs`.
    pub old_logprobs: Vec<f32>,
    /// Log-probability under the reference model; empty without a KL term.
    pub reference_logprobs: Vec<f32>,
    /// Factor on everything that this sequence adds to the loss.
    pub weight: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_hash_is_sha256_of_text_nul_gold() {
        // printf 'What is 1+1?\0002' | sha256sum
        assert_eq!(content_hash("What is 1+1?", "2"), HASH);
    }

    const HASH: &str = "b7885d3c8282";

    #[test]
    fn out_of_range_sampling_parameters_name_the_field() {
        let bad = SamplingParams { top_p: 0.0, ..SamplingParams::default() };
        assert!(bad.check().unwrap_err().to_string().starts_with("top_p"));
        let bad = SamplingParams { temperature: f64::NAN, ..SamplingParams::default() };
        assert!(bad.check().unwrap_err().to_string().starts_with("temperature"));
        assert!(SamplingParams::default().check().is_ok());
    }
}
