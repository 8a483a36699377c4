//! A model that learns, in steps small enough to be written in a cell.

use std::path::Path;

use howard::answer::Grader;
use howard::arith::Train;
use howard::bench::PromptStyle;
use howard::error::{Error, Result};
use howard::learn::compute::ComputeConfig;
use howard::learn::recipe::AdamWOptions;
use howard::learn::{Learner, StepStats};
use howard::loss::{Loss, Objective};
use howard::notebook::{Content, Results, Show};
use howard::reward::RewardConfig;
use howard::rng::Seed;
use howard::rollout::{self, Group};
use howard::sample::Sampler;
use howard::types::{Problem, Request, SamplingParams, TrainSample};
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;

use crate::model::evaluate;

/// Longest answer of a student.
const MAX_TOKENS: usize = 256;

/// A Qwen3 model with an optimizer: it samples groups of answers and learns from them.
#[derive(Debug)]
pub struct Student {
    learner: TorchLearner,
    seed: u64,
}

impl Student {
    /// Loads a model that trains all its weights with AdamW (gradients clipped to norm 1), in float32 on the CPU.
    ///
    /// # Errors
    /// The folder is not a Qwen3 model.
    pub fn load(dir: &str, seed: u64) -> Result<Self> {
        let sampler = LocalSampler::load(Path::new(dir), "cpu", "float32", 512)?;
        let options = AdamWOptions { max_grad_norm: 1.0, ..AdamWOptions::default() };
        let learner = TorchLearner::new(sampler, options, ComputeConfig::default(), None, seed)?;
        Ok(Self { learner, seed })
    }

    /// `count` training problems of the arithmetic world from `first` on, levels taken in turn; none is in a benchmark.
    ///
    /// # Errors
    /// A level is not 1 to 5.
    pub fn problems(&self, levels: &[u8], first: u64, count: u64) -> Result<Vec<Problem>> {
        if levels.is_empty() || levels.iter().any(|level| !(1..=5).contains(level)) {
            return Err(Error::config("levels", format!("{levels:?} must be levels from 1 to 5")));
        }
        let train = Train::new(self.seed);
        let level = |index: u64| levels[usize::try_from(index).unwrap_or(0) % levels.len()];
        Ok((first..first + count).map(|i| train.example(level(i), i).problem).collect())
    }

    /// A group of `size` answers at temperature 1 to each problem, graded: reward 1 where right, else 0.
    ///
    /// # Errors
    /// The model cannot be sampled from.
    pub fn groups(&mut self, problems: &[Problem], size: u32, step: u64) -> Result<Vec<Group>> {
        let params = SamplingParams { max_tokens: MAX_TOKENS, ..SamplingParams::default() };
        let request = |problem: &Problem| Request {
            problem: problem.id.clone(),
            messages: PromptStyle::Instruction.messages(&problem.text),
            samples: (0..size).collect(),
            params: params.clone(),
            seed: Seed(self.seed).named("rollouts").index(step).0,
        };
        let requests: Vec<Request> = problems.iter().map(request).collect();
        let mut completions = Vec::new();
        self.learner.policy().sample(&requests, &mut |completion| {
            completions.push(completion);
            Ok(())
        })?;
        let (grader, reward) = (Grader::default(), RewardConfig::default());
        Ok(rollout::groups(problems, completions, &grader, &reward, MAX_TOKENS))
    }

    /// One optimizer step of the importance-sampling policy gradient, averaged over tokens.
    ///
    /// # Errors
    /// There is nothing to learn from, or the step would not be finite.
    pub fn learn(&mut self, batch: &[TrainSample], learning_rate: f64) -> Result<StepStats> {
        let tokens: usize =
            batch.iter().map(|sample| sample.mask.iter().filter(|&&m| m == 1).count()).sum();
        if tokens == 0 {
            return Err(Error::data(
                "batch",
                "has no token to learn from: every group was all right or all wrong",
            ));
        }
        let objective = Objective::of(Loss::ImportanceSampling);
        #[allow(clippy::cast_precision_loss)]
        self.learner.step(batch, &objective, learning_rate, tokens as f64)
    }

    /// Evaluates the model as it is now on the first `limit` problems of a benchmark.
    ///
    /// # Errors
    /// The benchmark is unknown or its data are not at hand.
    pub fn evaluate(
        &mut self,
        benchmark: &str,
        limit: usize,
        samples: u32,
        params: &SamplingParams,
    ) -> Result<Results> {
        evaluate(self.learner.policy(), "student", benchmark, limit, samples, params)
    }
}

impl Show for Student {
    fn content(&self) -> Content {
        let parameters = self.learner.model().config.num_parameters();
        Content::text(format!("a model of {parameters} parameters, all of them trained with AdamW"))
    }
}
