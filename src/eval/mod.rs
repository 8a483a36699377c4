//! Evaluation: benchmarks x samples against a `Sampler`, graded, one outcome per sample, resumable.
//!
//! Work is asked for in waves of a fixed size. A killed run does the open wave again and keeps what was already
//! recorded of it: the batch that a sample shares is then the same as in an uninterrupted run, so that even
//! rounding is, and the final frame is equal. Samplers that cost money per sample ask only for what is missing.

pub mod config;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::answer::{Gold, Grader};
use crate::bench::PromptStyle;
use crate::disk;
use crate::error::{Error, Result};
use crate::jsonl::{self, Appender};
use crate::progress::Progress;
use crate::sample::Sampler;
use crate::types::{
    Completion, EvalRecord, Finish, Problem, ProblemId, Request, SamplingParams, Verdict,
};

/// One benchmark to evaluate: its problems and how they are asked.
#[derive(Clone, Debug)]
pub struct Task {
    /// Name in frames.
    pub benchmark: String,
    /// How a problem becomes a conversation.
    pub prompt: PromptStyle,
    /// The problems, in their fixed order.
    pub problems: Vec<Problem>,
}

impl Task {
    /// SHA-256 over the problems (id, text, gold, in order): equal data, equal hash.
    pub fn data_hash(&self) -> String {
        let mut bytes = Vec::new();
        for problem in &self.problems {
            for part in [&problem.id.0, &problem.text, &problem.gold] {
                bytes.extend_from_slice(part.as_bytes());
                bytes.push(0);
            }
        }
        disk::sha256(&bytes)
    }
}

/// What every row of an evaluation has in common, and how it is sampled.
#[derive(Clone, Debug)]
pub struct EvalOptions {
    /// Name of the run.
    pub run: String,
    /// Name of the model.
    pub model: String,
    /// Samples per problem.
    pub samples: u32,
    /// How tokens are drawn.
    pub params: SamplingParams,
    /// Seed of the run.
    pub seed: u64,
    /// Samples per wave; 0 asks for everything that is missing at once.
    pub wave: usize,
    /// The grader.
    pub grader: Grader,
}

/// Who answers.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Name of the model in frames.
    pub model: String,
    /// Where it runs, for the manifest.
    pub device: String,
    /// SHA-256 of its files, by name.
    pub files: BTreeMap<String, String>,
    /// Samples per wave; 0 = all that are missing at once (see above).
    pub wave: usize,
}

/// Default size of a wave: large enough to keep an engine busy, small enough to be done again after a kill.
pub const WAVE: usize = 4096;

/// Counts of outcomes, which add up to the number of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Correct samples.
    pub correct: u64,
    /// Finished with another answer.
    pub wrong: u64,
    /// Finished without an answer.
    pub no_answer: u64,
    /// Cut without a correct answer.
    pub truncated: u64,
    /// The sampler failed.
    pub failed: u64,
}

impl Outcomes {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Correct => self.correct += 1,
            Verdict::Wrong => self.wrong += 1,
            Verdict::NoAnswer => self.no_answer += 1,
            Verdict::Truncated => self.truncated += 1,
            Verdict::Failed => self.failed += 1,
        }
    }

    /// Number of samples.
    pub fn total(&self) -> u64 {
        self.correct + self.wrong + self.no_answer + self.truncated + self.failed
    }
}

type Key = (String, ProblemId, u32);

/// Evaluates `tasks` and returns every record, sorted by task, problem and sample. Records are appended to
/// `records` as they finish; those already there (of a killed run) are kept.
///
/// # Errors
/// The sampler gives up, the file cannot be written, or it holds records of something else.
pub fn run<S: Sampler + ?Sized>(
    sampler: &mut S,
    tasks: &[Task],
    options: &EvalOptions,
    records: &Path,
    progress: &mut dyn Progress,
) -> Result<Vec<EvalRecord>> {
    options.params.check()?;
    let plan = Plan::new(tasks, options)?;
    // Opening first removes a line that a kill cut short.
    let mut appender = Appender::open(records)?;
    let mut done = plan.recorded(records, options)?;
    let total = plan.jobs.len();
    let mut outcomes = Outcomes::default();
    done.values().for_each(|record| outcomes.add(record.verdict));

    progress.start("evaluating", total as u64);
    progress.update(done.len() as u64, &note(&outcomes));
    let mut tokens = 0u64;
    let wave = if options.wave == 0 { total.max(1) } else { options.wave };
    for jobs in plan.jobs.chunks(wave) {
        let missing: HashSet<&Key> = jobs.iter().filter(|key| !done.contains_key(*key)).collect();
        if missing.is_empty() {
            continue;
        }
        let asked: Vec<&Key> =
            jobs.iter().filter(|key| options.wave > 0 || missing.contains(key)).collect();
        let mut arrived = Vec::new();
        sampler.sample(&plan.requests(&asked, options), &mut |completion| {
            tokens += u64::from(completion.tokens().completion);
            progress.tokens(tokens);
            let Some(row) = plan.rows.get(&completion.problem) else {
                let what = completion.problem.to_string();
                return Err(Error::data(what, "the sampler answered a problem that was not asked"));
            };
            let key = (row.task.benchmark.clone(), completion.problem.clone(), completion.sample);
            if !missing.contains(&key) {
                return Ok(());
            }
            let record = row.record(&completion, options);
            appender.append(&record)?;
            outcomes.add(record.verdict);
            arrived.push((key, record));
            progress.update(outcomes.total(), &note(&outcomes));
            Ok(())
        })?;
        done.extend(arrived);
    }
    progress.finish(&note(&outcomes));
    plan.collect(done)
}

fn note(outcomes: &Outcomes) -> String {
    let total = outcomes.total().max(1);
    #[allow(clippy::cast_precision_loss)]
    let share = 100.0 * outcomes.correct as f64 / total as f64;
    format!("{share:.1} % correct, {} truncated, {} failed", outcomes.truncated, outcomes.failed)
}

/// A problem with its compiled gold answer.
struct Row<'a> {
    task: &'a Task,
    problem: &'a Problem,
    gold: Gold,
}

impl Row<'_> {
    fn record(&self, completion: &Completion, options: &EvalOptions) -> EvalRecord {
        let grade = options.grader.grade(&self.gold, &completion.text);
        let failed = completion.finish == Finish::Error;
        EvalRecord {
            run: options.run.clone(),
            model: options.model.clone(),
            benchmark: self.task.benchmark.clone(),
            problem: completion.problem.clone(),
            level: self.problem.level,
            subject: self.problem.subject.clone(),
            sample: completion.sample,
            seed: options.seed,
            verdict: grade.verdict(completion.finish),
            answer: if failed { None } else { grade.extracted },
            gold: self.problem.gold.clone(),
            finish: completion.finish,
            prompt_tokens: completion.tokens().prompt,
            completion_tokens: completion.tokens().completion,
            logprob_sum: completion
                .logprobs
                .as_ref()
                .map(|logprobs| logprobs.iter().map(|&l| f64::from(l)).sum()),
            grader: options.grader.name(),
            text: completion.text.clone(),
        }
    }
}

/// Every sample that is wanted, in order.
struct Plan<'a> {
    jobs: Vec<Key>,
    rows: BTreeMap<ProblemId, Row<'a>>,
}

impl<'a> Plan<'a> {
    fn new(tasks: &'a [Task], options: &EvalOptions) -> Result<Self> {
        if options.samples == 0 {
            return Err(Error::config("samples", "must be at least 1"));
        }
        let mut jobs = Vec::new();
        let mut rows = BTreeMap::new();
        for task in tasks {
            for problem in &task.problems {
                let gold = options.grader.gold(&problem.gold);
                if rows.insert(problem.id.clone(), Row { task, problem, gold }).is_some() {
                    return Err(Error::data(problem.id.to_string(), "this problem is asked twice"));
                }
                for sample in 0..options.samples {
                    jobs.push((task.benchmark.clone(), problem.id.clone(), sample));
                }
            }
        }
        if jobs.is_empty() {
            return Err(Error::config("benchmark", "there is nothing to evaluate"));
        }
        Ok(Self { jobs, rows })
    }

    fn recorded(&self, path: &Path, options: &EvalOptions) -> Result<HashMap<Key, EvalRecord>> {
        let wanted: HashSet<&Key> = self.jobs.iter().collect();
        let mut done = HashMap::new();
        for (index, record) in jsonl::read::<EvalRecord>(path)?.into_iter().enumerate() {
            let key = (record.benchmark.clone(), record.problem.clone(), record.sample);
            if !wanted.contains(&key)
                || record.seed != options.seed
                || record.model != options.model
            {
                let problem = format!("sample {} of {} is not part of this run", key.2, key.1);
                return Err(Error::parse(path, index + 1, problem));
            }
            if done.insert(key, record).is_some() {
                return Err(Error::parse(path, index + 1, "this sample stands twice"));
            }
        }
        Ok(done)
    }

    fn requests(&self, keys: &[&Key], options: &EvalOptions) -> Vec<Request> {
        let mut requests: Vec<Request> = Vec::new();
        for (_, problem, sample) in keys {
            if let Some(last) = requests.last_mut().filter(|last| last.problem == *problem) {
                last.samples.push(*sample);
                continue;
            }
            let row = &self.rows[problem];
            requests.push(Request {
                problem: problem.clone(),
                messages: row.task.prompt.messages(&row.problem.text),
                samples: vec![*sample],
                params: options.params.clone(),
                seed: options.seed,
            });
        }
        requests
    }

    fn collect(&self, mut done: HashMap<Key, EvalRecord>) -> Result<Vec<EvalRecord>> {
        self.jobs
            .iter()
            .map(|key| {
                done.remove(key).ok_or_else(|| {
                    Error::data(key.1.to_string(), format!("sample {} never arrived", key.2))
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use crate::sample::scripted::Scripted;

    fn task(n: usize) -> Task {
        let problems = (0..n)
            .map(|i| {
                let (text, gold) = (format!("What is {i}+1?"), (i + 1).to_string());
                let id = ProblemId::of("toy", &text, &gold);
                Problem { id, text, gold, level: Some(1), subject: None }
            })
            .collect();
        Task { benchmark: "toy".into(), prompt: PromptStyle::Instruction, problems }
    }

    fn options() -> EvalOptions {
        EvalOptions {
            run: "r".into(),
            model: "m".into(),
            samples: 3,
            params: SamplingParams::default(),
            seed: 5,
            wave: 4,
            grader: Grader::default(),
        }
    }

    /// Sample 0 is right, 1 has no box, 2 is cut; the last problem fails.
    fn script(task: &Task) -> Scripted {
        let golds: HashMap<ProblemId, String> =
            task.problems.iter().map(|p| (p.id.clone(), p.gold.clone())).collect();
        let last = task.problems.last().unwrap().id.clone();
        Scripted::new(move |problem, sample| {
            if *problem == last {
                return ("no connection".into(), Finish::Error);
            }
            match sample {
                0 => (format!("so \\boxed{{{}}}", golds[problem]), Finish::Stop),
                1 => ("I do not know".into(), Finish::Stop),
                _ => ("1+1+1+".into(), Finish::Length),
            }
        })
    }

    #[test]
    fn every_sample_has_one_outcome_and_the_counts_add_up() {
        let (dir, task) = (tempfile::tempdir().unwrap(), task(5));
        let path = dir.path().join("records.jsonl");
        let records =
            run(&mut script(&task), std::slice::from_ref(&task), &options(), &path, &mut Silent)
                .unwrap();
        let mut outcomes = Outcomes::default();
        records.iter().for_each(|r| outcomes.add(r.verdict));
        // Four answerable problems x (right, unboxed, cut) and one that fails three times.
        let expected = Outcomes { correct: 4, wrong: 0, no_answer: 4, truncated: 4, failed: 3 };
        assert_eq!(outcomes, expected);
        assert_eq!(outcomes.total(), 15);
    }

    #[test]
    fn a_run_cut_anywhere_ends_with_the_same_records() {
        let task = task(6);
        let tasks = std::slice::from_ref(&task);
        let dir = tempfile::tempdir().unwrap();
        let whole_path = dir.path().join("whole.jsonl");
        let whole = run(&mut script(&task), tasks, &options(), &whole_path, &mut Silent).unwrap();
        let bytes = std::fs::read(&whole_path).unwrap();
        for cut in (0..=bytes.len()).step_by(97) {
            for wave in [0, 4] {
                let path = dir.path().join("cut.jsonl");
                std::fs::write(&path, &bytes[..cut]).unwrap();
                let options = EvalOptions { wave, ..options() };
                let resumed = run(&mut script(&task), tasks, &options, &path, &mut Silent).unwrap();
                assert_eq!(resumed, whole, "cut at byte {cut}");
                assert_eq!(jsonl::read::<EvalRecord>(&path).unwrap().len(), 18);
            }
        }
    }

    #[test]
    fn records_of_another_run_are_refused_with_their_line() {
        let (dir, task) = (tempfile::tempdir().unwrap(), task(2));
        let path = dir.path().join("records.jsonl");
        let tasks = std::slice::from_ref(&task);
        run(&mut script(&task), tasks, &options(), &path, &mut Silent).unwrap();
        let other = EvalOptions { seed: 6, ..options() };
        let message =
            run(&mut script(&task), tasks, &other, &path, &mut Silent).unwrap_err().to_string();
        assert!(message.contains("records.jsonl:1: "), "{message}");
    }
}
