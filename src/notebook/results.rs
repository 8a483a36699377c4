//! Graded samples of some runs, to be looked at from all sides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use polars::prelude::*;

use super::{Content, Reading, Show};
use crate::answer::Grader;
use crate::error::{Error, Result};
use crate::frame::summary::{self, Key, Summary};
use crate::frame::{self, Cell, io};
use crate::plot::{self, Svg};
use crate::report::{Table, percent, vote};
use crate::run;
use crate::stats::{Estimate, cluster};
use crate::types::{EvalRecord, Verdict};

/// Graded samples of one or several runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    records: Vec<EvalRecord>,
}

impl Results {
    /// Reads runs: folders that `eval --out` wrote, or frames (.parquet, .csv, .jsonl).
    ///
    /// # Errors
    /// A file is missing or is no frame of graded samples; two of them hold the same samples.
    pub fn read(paths: &[&str]) -> Result<Self> {
        let mut records = Vec::new();
        for path in paths {
            let path = Path::new(path);
            let file = if path.is_dir() { path.join(run::RECORDS) } else { path.to_path_buf() };
            records.extend(frame::to_records(&io::read(&file, None)?)?);
        }
        Self::of(records)
    }

    /// Some records.
    ///
    /// # Errors
    /// There are none; a sample stands twice.
    pub fn of(records: Vec<EvalRecord>) -> Result<Self> {
        frame::cells_of(&records)?;
        Ok(Self { records })
    }

    /// Several results in one.
    ///
    /// # Errors
    /// There are none; two of them hold the same samples.
    pub fn together(parts: &[Self]) -> Result<Self> {
        Self::of(parts.iter().flat_map(|part| part.records.iter().cloned()).collect())
    }

    /// The samples.
    pub fn records(&self) -> &[EvalRecord] {
        &self.records
    }

    /// The cells that statistics read: one per run and benchmark.
    ///
    /// # Errors
    /// There are no samples.
    pub fn cells(&self) -> Result<Vec<Cell>> {
        frame::cells_of(&self.records)
    }

    /// All columns as a polars frame.
    ///
    /// # Errors
    /// polars refuses the columns.
    pub fn frame(&self) -> Result<DataFrame> {
        frame::from_records(&self.records)
    }

    /// The columns of a short list, for reading.
    ///
    /// # Errors
    /// A column is unknown; the message names those there are.
    pub fn columns(&self, names: &[&str]) -> Result<DataFrame> {
        let frame = self.frame()?;
        frame.select(names.iter().copied()).map_err(|_| {
            let there: Vec<&str> = frame.get_column_names().iter().map(|n| n.as_str()).collect();
            Error::data("columns", format!("{names:?}: the frame has {}", there.join(", ")))
        })
    }

    /// Only the samples that a test keeps.
    pub fn only(&self, keep: &dyn Fn(&EvalRecord) -> bool) -> Self {
        Self { records: self.records.iter().filter(|r| keep(r)).cloned().collect() }
    }

    /// Names of the runs, in order of first appearance.
    pub fn runs(&self) -> Vec<String> {
        distinct(self.records.iter().map(|r| &r.run))
    }

    /// Names of the benchmarks, in order of first appearance.
    pub fn benchmarks(&self) -> Vec<String> {
        distinct(self.records.iter().map(|r| &r.benchmark))
    }

    /// Only one benchmark.
    ///
    /// # Errors
    /// No run has it; the message names those there are.
    pub fn benchmark(&self, name: &str) -> Result<Self> {
        let found = self.only(&|r| r.benchmark == name);
        if found.records.is_empty() {
            let there = self.benchmarks().join(", ");
            return Err(Error::data(name, format!("no such benchmark: there are {there}")));
        }
        Ok(found)
    }

    /// Only one run.
    ///
    /// # Errors
    /// There is no such run; the message names those there are.
    pub fn run(&self, name: &str) -> Result<Self> {
        let found = self.only(&|r| r.run == name);
        if found.records.is_empty() {
            let there = self.runs().join(", ");
            return Err(Error::data(name, format!("no such run: there are {there}")));
        }
        Ok(found)
    }

    /// Number of correct samples, and of all.
    pub fn counts(&self) -> (u64, u64) {
        let correct = self.records.iter().filter(|r| r.verdict == Verdict::Correct).count();
        (correct as u64, self.records.len() as u64)
    }

    /// Samples that are not correct.
    pub fn failures(&self) -> Self {
        self.only(&|r| r.verdict != Verdict::Correct)
    }

    /// One sample, to be read.
    ///
    /// # Errors
    /// There are fewer samples.
    pub fn read_one(&self, index: usize) -> Result<Reading> {
        let record = self.records.get(index).ok_or_else(|| {
            Error::config("index", format!("{index}: there are {} samples", self.records.len()))
        })?;
        Ok(Reading::of(record))
    }

    /// Accuracy with its interval by some keys, e.g. `&[Key::Benchmark, Key::Level]`.
    ///
    /// # Errors
    /// There are no samples.
    pub fn accuracy_by(&self, keys: &[Key]) -> Result<Table> {
        let head = ["problems", "samples", "correct", "accuracy %", "95 % interval"];
        self.table_by(keys, &head, &|row| {
            let e = &row.accuracy;
            let counts = [row.problems, row.samples, row.correct()].map(|n| n.to_string());
            let range = format!("{} to {}", percent(e.lo), percent(e.hi));
            [counts.to_vec(), vec![percent(e.value), range]].concat()
        })
    }

    /// How many samples had each of the five outcomes, by some keys.
    ///
    /// # Errors
    /// There are no samples.
    pub fn outcomes_by(&self, keys: &[Key]) -> Result<Table> {
        let head = ["samples", "correct", "wrong", "no answer", "truncated", "failed"];
        self.table_by(keys, &head, &|row| {
            std::iter::once(&row.samples).chain(&row.outcomes).map(u64::to_string).collect()
        })
    }

    fn table_by(
        &self,
        keys: &[Key],
        numbers: &[&str],
        of: &dyn Fn(&Summary) -> Vec<String>,
    ) -> Result<Table> {
        let name = |key: &Key| match key {
            Key::Run => "run",
            Key::Model => "model",
            Key::Benchmark => "benchmark",
            Key::Level => "level",
            Key::Subject => "subject",
        };
        let head: Vec<&str> = keys.iter().map(name).chain(numbers.iter().copied()).collect();
        let mut table = Table::new(keys.len(), &head);
        let mut rows = summary::by(&self.cells()?, keys);
        let order = |r: &Summary| (r.run.clone(), r.benchmark.clone(), r.level, r.subject.clone());
        rows.sort_by_key(order);
        for row in rows {
            let unknown = || "-".to_string();
            let part = |key: &Key| match key {
                Key::Run => row.run.clone(),
                Key::Model => row.model.clone(),
                Key::Benchmark => row.benchmark.clone(),
                Key::Level => row.level.map_or_else(unknown, |l| l.to_string()),
                Key::Subject => row.subject.clone().unwrap_or_else(unknown),
            };
            let names: Vec<String> = keys.iter().map(part).collect();
            table.rows.push([names, of(&row)].concat());
        }
        Ok(table)
    }

    /// Accuracy with its interval by run and benchmark.
    ///
    /// # Errors
    /// There are no samples.
    pub fn accuracy(&self) -> Result<Table> {
        self.accuracy_by(&[Key::Run, Key::Benchmark])
    }

    /// Accuracies as dots with their intervals.
    ///
    /// # Errors
    /// There are no samples.
    pub fn accuracy_figure(&self) -> Result<Svg> {
        let rows = summary::by(&self.cells()?, &[Key::Run, Key::Benchmark]);
        let several = rows.iter().any(|row| row.run != rows[0].run);
        let name = |run: &str, benchmark: &str| {
            if several { format!("{benchmark}, {run}") } else { benchmark.to_string() }
        };
        let mut dots: Vec<(String, Estimate)> =
            rows.iter().map(|row| (name(&row.run, &row.benchmark), row.accuracy)).collect();
        dots.sort_by(|a, b| a.0.cmp(&b.0));
        plot::intervals("Accuracy", &dots)
    }

    /// Lengths of completions by outcome.
    ///
    /// # Errors
    /// No sample has a length.
    pub fn lengths_figure(&self) -> Result<Svg> {
        let mut tokens: [Vec<u32>; 5] = Default::default();
        for record in &self.records {
            let verdict = Verdict::ALL.iter().position(|v| *v == record.verdict).unwrap_or(0);
            tokens[verdict].push(record.completion_tokens);
        }
        plot::lengths("Completion lengths by outcome", &tokens)
    }

    /// How often the problems of each level are solved.
    ///
    /// # Errors
    /// No problem has a level.
    pub fn reliability_figure(&self) -> Result<Svg> {
        let mut levels: BTreeMap<u8, Vec<(u64, u64)>> = BTreeMap::new();
        for item in self.cells()?.iter().flat_map(|cell| &cell.items) {
            if let Some(level) = item.level {
                levels.entry(level).or_default().push(item.counts());
            }
        }
        plot::reliability("How often problems are solved, by level", &levels)
    }

    /// Whether the model's confidence in a completion says how often it is right.
    ///
    /// # Errors
    /// No sample has log-probabilities.
    pub fn calibration_figure(&self) -> Result<Svg> {
        let points: Vec<(f64, bool)> = self
            .records
            .iter()
            .filter_map(|r| {
                let mean = r.logprob_sum? / f64::from(r.completion_tokens.max(1));
                Some((mean.exp(), r.verdict == Verdict::Correct))
            })
            .collect();
        plot::calibration("Is confidence a sign of being right?", &points)
    }

    /// Grades all completions again, with today's grader.
    ///
    /// # Errors
    /// There are no samples.
    pub fn regraded(&self) -> Result<Self> {
        let grader = Grader::default();
        let again = |record: &EvalRecord| {
            let grade = grader.grade(&grader.gold(&record.gold), &record.text);
            let failed = record.verdict == Verdict::Failed;
            EvalRecord {
                verdict: grade.verdict(record.finish),
                answer: if failed { None } else { grade.extracted },
                grader: grader.name(),
                ..record.clone()
            }
        };
        Self::of(self.records.iter().map(again).collect())
    }

    /// How verdicts changed: a row per pair of verdicts that occurs, the same samples compared.
    ///
    /// # Errors
    /// The other results are of other samples.
    pub fn verdicts_against(&self, before: &Self) -> Result<Table> {
        let key = |r: &EvalRecord| (r.run.clone(), r.problem.clone(), r.sample);
        let old: BTreeMap<_, _> = before.records.iter().map(|r| (key(r), r)).collect();
        let mut pairs: BTreeMap<(Verdict, Verdict), u64> = BTreeMap::new();
        for record in &self.records {
            let earlier = old.get(&key(record)).ok_or_else(|| {
                let what = format!("sample {} of {}", record.sample, record.problem);
                Error::data(what, "is not among the results it is compared with")
            })?;
            *pairs.entry((earlier.verdict, record.verdict)).or_default() += 1;
        }
        let graders = |results: &Self| {
            let names: BTreeSet<&str> = results.records.iter().map(|r| r.grader.as_str()).collect();
            names.into_iter().collect::<Vec<_>>().join(", ")
        };
        let mut table = Table::new(2, &[&graders(before), &graders(self), "samples"]);
        for ((from, to), count) in pairs {
            let name = |v: Verdict| v.name().replace('_', " ");
            table.rows.push(vec![name(from), name(to), count.to_string()]);
        }
        Ok(table)
    }

    /// pass@k and maj@k of one run on one benchmark.
    ///
    /// # Errors
    /// There is more than one run or benchmark left, or none.
    pub fn vote(&self) -> Result<Vote> {
        let cells = self.cells()?;
        match <[Cell; 1]>::try_from(cells) {
            Ok([cell]) => Ok(Vote { curves: vote::curves(&cell, &vote::Rules::default())?, cell }),
            Err(cells) => Err(Error::data(
                "vote",
                format!(
                    "{} runs and benchmarks: choose one with run() and benchmark()",
                    cells.len()
                ),
            )),
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).cloned().collect()
}

impl Show for Results {
    fn content(&self) -> Content {
        let names = [
            "run",
            "problem",
            "level",
            "sample",
            "verdict",
            "answer",
            "gold",
            "completion_tokens",
            "text",
        ];
        let shown = self.columns(&names).map(|mut frame| {
            // Shorter heads leave room for the text.
            let renamed = frame.rename("completion_tokens", "tokens".into()).is_ok();
            debug_assert!(renamed, "the column was selected");
            frame
        });
        match shown {
            Ok(frame) => frame.content(),
            Err(error) => Content::text(error.to_string()),
        }
    }
}

/// Voting on one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Vote {
    cell: Cell,
    curves: vote::Curves,
}

impl Vote {
    /// pass@k and maj@k over k, with bands.
    ///
    /// # Errors
    /// The figure cannot be drawn.
    pub fn figure(&self) -> Result<Svg> {
        vote::figure(&self.curves)
    }

    /// maj@k, pass@k and what the gap between them is made of.
    ///
    /// # Errors
    /// The curves cannot be made.
    pub fn table(&self) -> Result<Table> {
        vote::table(std::slice::from_ref(&self.cell))
    }

    /// Problems whose right answer was sampled but outvoted by one wrong answer, the clearest first.
    pub fn outvoted(&self) -> Table {
        let mut table =
            Table::new(1, &["problem", "level", "samples", "right", "most votes of a wrong one"]);
        let mut rows: Vec<(u64, u64, Vec<String>)> = Vec::new();
        for item in &self.cell.items {
            let mut votes: BTreeMap<u32, u64> = BTreeMap::new();
            item.samples
                .iter()
                .filter_map(|s| s.class)
                .for_each(|c| *votes.entry(c).or_default() += 1);
            let right = votes.get(&0).copied().unwrap_or(0);
            let wrong = votes.iter().filter(|(c, _)| **c > 0).map(|(_, n)| *n).max().unwrap_or(0);
            if right > 0 && wrong > right {
                let level = item.level.map_or_else(|| "-".into(), |l| l.to_string());
                let counts = [item.samples.len() as u64, right, wrong].map(|n| n.to_string());
                let cells = [vec![item.problem.0.clone(), level], counts.to_vec()].concat();
                rows.push((wrong - right, right, cells));
            }
        }
        rows.sort_by_key(|(gap, right, _)| std::cmp::Reverse((*gap, *right)));
        table.rows = rows.into_iter().map(|(_, _, cells)| cells).collect();
        table
    }
}

/// Mean accuracy of some results with an interval that knows of problems with several samples.
///
/// # Errors
/// There are no samples.
pub fn overall(results: &Results) -> Result<Estimate> {
    let means: Vec<f64> = results.cells()?.iter().flat_map(Cell::means).collect();
    Ok(cluster::wilson(&means, results.records.len() as u64, 0.95))
}
