//! A model to ask, and to look into.

use std::path::Path;

use howard::answer::Grader;
use howard::bench::{self, Local, PromptStyle};
use howard::error::{Error, Result};
use howard::eval::{self, EvalOptions, Task, WAVE};
use howard::notebook::{Content, PlainLines, Results, Show};
use howard::plot::{self, Svg};
use howard::progress::Progress;
use howard::report::Table;
use howard::sample::Sampler;
use howard::types::{Completion, Message, Problem, ProblemId, Request, SamplingParams};
use howard_torch::engine::Model as _;
use howard_torch::local::LocalSampler;
use howard_torch::prepared::Prepared;

/// Sequences that are decoded together.
const SLOTS: usize = 256;

/// A Qwen3 model in memory.
#[derive(Debug)]
pub struct Model {
    sampler: LocalSampler<Prepared>,
    name: String,
}

impl Model {
    /// Loads a folder in Hugging Face format, in float32 on the CPU.
    ///
    /// # Errors
    /// The folder is not a Qwen3 model.
    pub fn load(dir: &str) -> Result<Self> {
        Self::load_on(dir, "cpu", "float32")
    }

    /// Loads a folder onto a device (`cpu`, `cuda`, `cuda:1`) in a dtype (`float32`, `bfloat16`).
    ///
    /// # Errors
    /// The folder is not a Qwen3 model, or device or dtype are unknown.
    pub fn load_on(dir: &str, device: &str, dtype: &str) -> Result<Self> {
        let path = Path::new(dir);
        let name =
            path.file_name().map_or_else(|| dir.into(), |n| n.to_string_lossy().into_owned());
        Ok(Self { sampler: LocalSampler::load(path, device, dtype, SLOTS)?.prepare(), name })
    }

    /// Some answers to a problem, in the order of their sample index; the same for the same seed.
    ///
    /// # Errors
    /// A sampling parameter is out of range.
    pub fn answers(
        &mut self,
        problem: &Problem,
        samples: u32,
        params: &SamplingParams,
        seed: u64,
    ) -> Result<Vec<Completion>> {
        let request = Request {
            problem: problem.id.clone(),
            messages: PromptStyle::Instruction.messages(&problem.text),
            samples: (0..samples).collect(),
            params: params.clone(),
            seed,
        };
        let mut found = Vec::new();
        self.sampler.sample(&[request], &mut |completion| {
            found.push(completion);
            Ok(())
        })?;
        found.sort_by_key(|completion| completion.sample);
        Ok(found)
    }

    /// One answer to a question of one's own.
    ///
    /// # Errors
    /// A sampling parameter is out of range.
    pub fn ask(
        &mut self,
        question: &str,
        params: &SamplingParams,
        seed: u64,
    ) -> Result<Completion> {
        let id = ProblemId::of("notebook", question, "");
        let problem =
            Problem { id, text: question.into(), gold: String::new(), level: None, subject: None };
        let mut answers = self.answers(&problem, 1, params, seed)?;
        answers.pop().ok_or_else(|| Error::data("model", "gave no answer"))
    }

    /// The tokens of a completion with the natural log-probability of each.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    pub fn tokens(&self, completion: &Completion) -> Result<Vec<(String, f64)>> {
        let logprobs = completion.logprobs.as_deref().unwrap_or_default();
        let pair = |(id, logprob): (&u32, &f32)| Ok((self.token(*id)?, f64::from(*logprob)));
        completion.ids.iter().zip(logprobs).map(pair).collect()
    }

    /// The tokens of an answer that somebody else wrote, with the log-probability that this model gives each.
    ///
    /// # Errors
    /// The question and the answer make no conversation.
    pub fn score(&self, question: &str, answer: &str) -> Result<Vec<(String, f64)>> {
        let mut messages = PromptStyle::Instruction.messages(question);
        messages.push(Message::assistant(answer));
        let (ids, mask) = self.sampler.tokenizer().conversation(&messages)?;
        let rows = self.sampler.model().score(std::slice::from_ref(&ids));
        let logprobs = rows.into_iter().next().unwrap_or_default();
        let scored = ids.iter().zip(&mask).skip(1).zip(logprobs);
        let answered = scored.filter(|((_, mask), _)| **mask == 1);
        answered.map(|((id, _), logprob)| Ok((self.token(*id)?, f64::from(logprob)))).collect()
    }

    fn token(&self, id: u32) -> Result<String> {
        let text = self.sampler.tokenizer().vocabulary().decode(&[id])?;
        Ok(if text.is_empty() { "<end>".into() } else { text })
    }

    /// Evaluates the model on the first `limit` problems of a benchmark, one line of progress every few seconds.
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
        evaluate(&mut self.sampler, &self.name, benchmark, limit, samples, params)
    }

    /// A row per answer to a problem: verdict, answer, tokens, and the mean probability of a token.
    ///
    /// # Errors
    /// An answer has no log-probabilities.
    pub fn overview(&self, answers: &[Completion], problem: &Problem) -> Result<Table> {
        let grader = Grader::default();
        let gold = grader.gold(&problem.gold);
        let head = ["sample", "verdict", "answer", "tokens", "mean probability of a token"];
        let mut table = Table::new(3, &head);
        for answer in answers {
            let sampled = answer.logprobs.as_deref().filter(|all| !all.is_empty());
            let logprobs =
                sampled.ok_or_else(|| Error::data("answer", "has no log-probabilities"))?;
            let sum: f64 = logprobs.iter().map(|l| f64::from(*l)).sum();
            let grade = grader.grade(&gold, &answer.text);
            table.rows.push(vec![
                answer.sample.to_string(),
                grade.verdict(answer.finish).name().replace('_', " "),
                grade.extracted.unwrap_or_default(),
                logprobs.len().to_string(),
                format!("{:.3}", (sum / logprobs.len() as f64).exp()),
            ]);
        }
        Ok(table)
    }
}

/// Evaluates a policy on the first `limit` problems of a benchmark; a line of progress every few seconds.
pub(crate) fn evaluate(
    sampler: &mut dyn Sampler,
    name: &str,
    benchmark: &str,
    limit: usize,
    samples: u32,
    params: &SamplingParams,
) -> Result<Results> {
    let mut problems = bench::find(benchmark)?.load(&Local::default())?;
    problems.truncate(limit);
    let task = Task { benchmark: benchmark.into(), prompt: PromptStyle::Instruction, problems };
    let options = EvalOptions {
        run: name.into(),
        model: name.into(),
        samples,
        params: params.clone(),
        seed: 0,
        wave: WAVE,
        grader: Grader::default(),
    };
    // Records go by way of a file, as in the program; a notebook keeps them in memory only.
    let dir = std::env::temp_dir().join(format!("howard-{}-{benchmark}", std::process::id()));
    std::fs::create_dir_all(&dir).map_err(|e| Error::io(&dir, e))?;
    let mut progress = PlainLines::default();
    progress.start(&format!("evaluating {benchmark}"), 0);
    let outcome = eval::run(sampler, &[task], &options, &dir.join("records.jsonl"), &mut progress);
    std::fs::remove_dir_all(&dir).map_err(|e| Error::io(&dir, e))?;
    Results::of(outcome?)
}

impl Show for Model {
    fn content(&self) -> Content {
        let config = self.sampler.model().config();
        Content::text(format!(
            "{}: {} parameters, {} layers, hidden size {}, vocabulary {}, context {} tokens",
            self.name,
            config.num_parameters(),
            config.num_hidden_layers,
            config.hidden_size,
            config.vocab_size,
            config.max_position_embeddings
        ))
    }
}

/// Tokens and their log-probabilities as a strip.
///
/// # Errors
/// There are no tokens.
pub fn strip(title: &str, tokens: &[(String, f64)]) -> Result<Svg> {
    plot::tokens(title, tokens)
}

/// Whether libtorch records gradients in this thread.
pub fn gradients_on() -> bool {
    let one = tch::Tensor::from(1.0f32).set_requires_grad(true);
    (one * 2.0).requires_grad()
}

/// Does some work while gradients are off; they are on again afterwards, also when the work panics.
pub fn without_gradients(work: &dyn Fn()) {
    let _guard = tch::no_grad_guard();
    work();
}
