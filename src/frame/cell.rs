//! The narrow form that statistics read: one cell per run and benchmark, its problems, their samples, no texts.
//!
//! A frame of a million samples takes some 50 MB in this form, which is why reports read only the columns they need.

use std::collections::HashMap;

use polars::prelude::*;

use super::records::{self, column_checked};
use crate::answer::Grader;
use crate::error::{Error, Result};
use crate::stats::vote::Votes;
use crate::types::{EvalRecord, Finish, ProblemId, Verdict};

/// One graded sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Sample index.
    pub index: u32,
    /// Its one outcome.
    pub verdict: Verdict,
    /// Class of its answer among the problem's samples under the grader's equivalence; 0 is the right one; `None` abstains.
    pub class: Option<u32>,
    /// Tokens of the completion.
    pub tokens: u32,
    /// Whether it was cut at the token limit.
    pub cut: bool,
    /// Mean log-probability of its tokens; not a number where unknown.
    pub mean_logprob: f64,
}

/// One problem with its samples, sorted by index.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Problem id.
    pub problem: ProblemId,
    /// Difficulty where known.
    pub level: Option<u8>,
    /// Subject where known.
    pub subject: Option<String>,
    /// Its samples.
    pub samples: Vec<Sample>,
}

impl Item {
    /// (correct, samples).
    pub fn counts(&self) -> (u64, u64) {
        let right = self.samples.iter().filter(|s| s.verdict == Verdict::Correct).count();
        (right as u64, self.samples.len() as u64)
    }

    /// Share of correct samples.
    pub fn mean(&self) -> f64 {
        let (correct, samples) = self.counts();
        correct as f64 / samples as f64
    }

    /// The votes of the first `n` samples.
    pub fn votes(&self, n: usize) -> Votes {
        let classes = self.samples.iter().take(n).map(|s| s.class.map(|c| c as usize)).collect();
        Votes { classes, right: Some(0) }
    }
}

/// All samples of one run on one benchmark; problems sorted by id.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Run.
    pub run: String,
    /// Model.
    pub model: String,
    /// Benchmark.
    pub benchmark: String,
    /// Grader.
    pub grader: String,
    /// Seed of the run.
    pub seed: u64,
    /// The problems.
    pub items: Vec<Item>,
}

impl Cell {
    /// Number of samples.
    pub fn samples(&self) -> u64 {
        self.items.iter().map(|item| item.samples.len() as u64).sum()
    }

    /// Number of correct samples.
    pub fn correct(&self) -> u64 {
        self.items.iter().map(|item| item.counts().0).sum()
    }

    /// The fewest samples of a problem.
    pub fn fewest(&self) -> usize {
        self.items.iter().map(|item| item.samples.len()).min().unwrap_or(0)
    }

    /// Each problem's share of correct samples.
    pub fn means(&self) -> Vec<f64> {
        self.items.iter().map(Item::mean).collect()
    }
}

/// The columns that cells are made of.
pub const COLUMNS: &[&str] = &[
    "run",
    "model",
    "benchmark",
    "problem",
    "level",
    "subject",
    "sample",
    "seed",
    "verdict",
    "answer",
    "finish",
    "completion_tokens",
    "logprob_sum",
    "grader",
];

/// The cells of a frame, in order of first appearance.
///
/// # Errors
/// A column is missing, has another dtype or nulls; there are no rows; a sample stands twice; a verdict is unknown; a
/// log-probability is not a number.
pub fn cells(frame: &DataFrame) -> Result<Vec<Cell>> {
    for name in COLUMNS {
        column_checked(frame, name)?;
    }
    let text = |name: &str| frame.column(name).and_then(|c| c.str()).map_err(|e| records::bad(&e));
    let number =
        |name: &str| frame.column(name).and_then(|c| c.u32()).map_err(|e| records::bad(&e));
    let (runs, models, benchmarks) = (text("run")?, text("model")?, text("benchmark")?);
    let (problems, subjects, verdicts) = (text("problem")?, text("subject")?, text("verdict")?);
    let (answers, finishes, graders) = (text("answer")?, text("finish")?, text("grader")?);
    let (levels, samples, tokens) =
        (number("level")?, number("sample")?, number("completion_tokens")?);
    let seeds = frame.column("seed").and_then(|c| c.u64()).map_err(|e| records::bad(&e))?;
    let logprobs =
        frame.column("logprob_sum").and_then(|c| c.f64()).map_err(|e| records::bad(&e))?;
    let mut builder = Builder::default();
    for row in 0..frame.height() {
        let verdict = verdicts.get(row).unwrap_or_default();
        let verdict = Verdict::ALL.into_iter().find(|v| v.name() == verdict).ok_or_else(|| {
            Error::data("result frame", format!("row {row}: no verdict is '{verdict}'"))
        })?;
        builder.add(Row {
            run: runs.get(row).unwrap_or_default(),
            benchmark: benchmarks.get(row).unwrap_or_default(),
            problem: problems.get(row).unwrap_or_default(),
            level: levels.get(row).and_then(|l| u8::try_from(l).ok()),
            subject: subjects.get(row),
            sample: samples.get(row).unwrap_or_default(),
            verdict,
            answer: answers.get(row),
            cut: finishes.get(row) == Some("length"),
            tokens: tokens.get(row).unwrap_or_default(),
            logprob_sum: logprobs.get(row),
            model: models.get(row).unwrap_or_default(),
            grader: graders.get(row).unwrap_or_default(),
            seed: seeds.get(row).unwrap_or_default(),
        })?;
    }
    builder.finish()
}

/// The cells of some records, in order of first appearance.
///
/// # Errors
/// As [`cells`].
pub fn cells_of(records: &[EvalRecord]) -> Result<Vec<Cell>> {
    let mut builder = Builder::default();
    for record in records {
        builder.add(Row {
            run: &record.run,
            benchmark: &record.benchmark,
            problem: &record.problem.0,
            level: record.level,
            subject: record.subject.as_deref(),
            sample: record.sample,
            verdict: record.verdict,
            answer: record.answer.as_deref(),
            cut: record.finish == Finish::Length,
            tokens: record.completion_tokens,
            logprob_sum: record.logprob_sum,
            model: &record.model,
            grader: &record.grader,
            seed: record.seed,
        })?;
    }
    builder.finish()
}

#[derive(Clone, Copy)]
struct Row<'a> {
    run: &'a str,
    benchmark: &'a str,
    problem: &'a str,
    level: Option<u8>,
    subject: Option<&'a str>,
    sample: u32,
    verdict: Verdict,
    answer: Option<&'a str>,
    cut: bool,
    tokens: u32,
    logprob_sum: Option<f64>,
    model: &'a str,
    grader: &'a str,
    seed: u64,
}

/// A cell under construction, with the answers that its classes are made from.
struct Open<'a> {
    cell: Cell,
    places: HashMap<&'a str, usize>,
    answers: Vec<Vec<Option<&'a str>>>,
}

#[derive(Default)]
struct Builder<'a> {
    open: Vec<Open<'a>>,
    places: HashMap<(&'a str, &'a str), usize>,
    rows: usize,
}

impl<'a> Builder<'a> {
    fn add(&mut self, row: Row<'a>) -> Result<()> {
        let number = self.rows;
        self.rows += 1;
        if row.logprob_sum.is_some_and(|l| !l.is_finite()) {
            let problem = format!(
                "row {number}: logprob_sum is not a finite number; leave it empty where unknown"
            );
            return Err(Error::data("result frame", problem));
        }
        let at = *self.places.entry((row.run, row.benchmark)).or_insert_with(|| {
            let (model, grader, seed) = (row.model.to_string(), row.grader.to_string(), row.seed);
            let (run, benchmark) = (row.run.to_string(), row.benchmark.to_string());
            let cell = Cell { run, model, benchmark, grader, seed, items: Vec::new() };
            self.open.push(Open { cell, places: HashMap::new(), answers: Vec::new() });
            self.open.len() - 1
        });
        let open = &mut self.open[at];
        let place = *open.places.entry(row.problem).or_insert_with(|| {
            let (problem, subject) =
                (ProblemId(row.problem.to_string()), row.subject.map(String::from));
            open.cell.items.push(Item { problem, level: row.level, subject, samples: Vec::new() });
            open.answers.push(Vec::new());
            open.cell.items.len() - 1
        });
        let samples = &mut open.cell.items[place].samples;
        if samples.iter().any(|s| s.index == row.sample) {
            let problem =
                format!("row {number}: sample {} of {} stands twice", row.sample, row.problem);
            return Err(Error::data("result frame", problem));
        }
        let mean_logprob =
            row.logprob_sum.map_or(f64::NAN, |sum| sum / f64::from(row.tokens.max(1)));
        let (verdict, tokens, cut) = (row.verdict, row.tokens, row.cut);
        samples.push(Sample { index: row.sample, verdict, class: None, tokens, cut, mean_logprob });
        open.answers[place].push(row.answer.filter(|_| verdict != Verdict::Failed));
        Ok(())
    }

    fn finish(self) -> Result<Vec<Cell>> {
        if self.rows == 0 {
            return Err(Error::data("result frame", "holds no rows: nothing was evaluated"));
        }
        let grader = Grader::default();
        let close = |mut open: Open<'_>| {
            for (item, answers) in open.cell.items.iter_mut().zip(&open.answers) {
                classify(&mut item.samples, answers, &grader);
                item.samples.sort_unstable_by_key(|s| s.index);
            }
            open.cell.items.sort_unstable_by(|a, b| a.problem.cmp(&b.problem));
            open.cell
        };
        Ok(self.open.into_iter().map(close).collect())
    }
}

/// Gives every answer its class: 0 to what the grader accepted, then one number per equivalence class of the rest.
fn classify(samples: &mut [Sample], answers: &[Option<&str>], grader: &Grader) {
    let wrong = |sample: &Sample| sample.verdict != Verdict::Correct;
    let rest: Vec<&str> = samples
        .iter()
        .zip(answers)
        .filter_map(|(sample, answer)| answer.filter(|_| wrong(sample)))
        .collect();
    let mut classes = grader.classes(&rest).into_iter();
    for (sample, answer) in samples.iter_mut().zip(answers) {
        sample.class = match answer {
            _ if !wrong(sample) => Some(0),
            None => None,
            Some(_) => classes.next().map(|class| class as u32 + 1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn record(
        problem: &str,
        sample: u32,
        verdict: Verdict,
        answer: Option<&str>,
    ) -> EvalRecord {
        EvalRecord {
            run: "r".into(),
            model: "m".into(),
            benchmark: "b".into(),
            problem: ProblemId(problem.into()),
            level: Some(2),
            subject: None,
            sample,
            seed: 3,
            verdict,
            answer: answer.map(String::from),
            gold: "7".into(),
            finish: Finish::Stop,
            prompt_tokens: 1,
            completion_tokens: 4,
            logprob_sum: Some(-2.0),
            grader: "g/1".into(),
            text: String::new(),
        }
    }

    #[test]
    fn votes_go_to_classes_of_equal_answers() {
        let records = [
            record("p", 0, Verdict::Wrong, Some("1/2")),
            record("p", 1, Verdict::Correct, Some("7")),
            record("p", 2, Verdict::Wrong, Some("0.5")),
            record("p", 3, Verdict::NoAnswer, None),
            record("p", 4, Verdict::Wrong, Some("8")),
            record("p", 5, Verdict::Correct, Some("7.0")),
            record("p", 6, Verdict::Failed, Some("8")),
        ];
        let cells = cells_of(&records).unwrap();
        let classes: Vec<_> = cells[0].items[0].samples.iter().map(|s| s.class).collect();
        assert_eq!(classes, [Some(1), Some(0), Some(1), None, Some(2), Some(0), None]);
        assert_eq!(cells[0].items[0].counts(), (2, 7));
        assert_eq!(cells[0].items[0].samples[0].mean_logprob, -0.5);
        // The same from a frame of polars.
        assert_eq!(super::cells(&records::from_records(&records).unwrap()).unwrap(), cells);
    }

    #[test]
    fn broken_input_is_refused_in_one_sentence() {
        let twice = [record("p", 0, Verdict::Wrong, None), record("p", 0, Verdict::Wrong, None)];
        let message = cells_of(&twice).unwrap_err().to_string();
        assert!(message.contains("row 1: sample 0 of p stands twice"), "{message}");
        assert!(cells_of(&[]).unwrap_err().to_string().contains("holds no rows"));
        let mut nan = record("p", 0, Verdict::Wrong, None);
        nan.logprob_sum = Some(f64::NAN);
        let message = cells_of(&[nan]).unwrap_err().to_string();
        assert!(message.contains("row 0: logprob_sum is not a finite number"), "{message}");
        let frame = records::from_records(&twice[..1]).unwrap().drop("verdict").unwrap();
        assert!(cells(&frame).unwrap_err().to_string().contains("no column 'verdict'"));
    }
}
