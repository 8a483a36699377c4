//! Summaries of graded samples by any key, and as frames: long (one row per group) and wide (one column per benchmark).

use std::collections::BTreeMap;

use polars::prelude::*;

use super::cell::Cell;
use super::records;
use crate::error::{Error, Result};
use crate::stats::{Estimate, cluster, interval};
use crate::types::{EvalRecord, Finish, Verdict};

/// What samples are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Run.
    Run,
    /// Model.
    Model,
    /// Benchmark.
    Benchmark,
    /// Level; samples without one are a group of their own.
    Level,
    /// Subject; samples without one are a group of their own.
    Subject,
}

/// Summary of the samples that share a key. Parts that are no part of the key are empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Run.
    pub run: String,
    /// Model.
    pub model: String,
    /// Benchmark.
    pub benchmark: String,
    /// Level.
    pub level: Option<u8>,
    /// Subject.
    pub subject: Option<String>,
    /// Number of problems.
    pub problems: u64,
    /// Number of samples.
    pub samples: u64,
    /// Samples of each verdict, in the order of [`Verdict::ALL`]; they add up to `samples`.
    pub outcomes: [u64; 5],
    /// Share of correct samples with its 95 % interval: Wilson for one sample per problem, clustered Wilson else.
    pub accuracy: Estimate,
    /// Half the width of the 95 % normal approximation, the study's `+-`.
    pub normal_half_width: f64,
    /// Share of samples that were cut.
    pub truncation_rate: f64,
    /// Mean number of tokens of a completion.
    pub mean_tokens: f64,
    /// Median number of tokens of a completion.
    pub median_tokens: f64,
}

impl Summary {
    /// Number of correct samples.
    pub fn correct(&self) -> u64 {
        self.outcomes[0]
    }

    /// Whether the normal approximation may be trusted: `n p (1 - p) >= 5`.
    pub fn normal_is_valid(&self) -> bool {
        let p = self.accuracy.value;
        self.samples as f64 * p * (1.0 - p) >= 5.0
    }
}

/// What a summary needs of a sample.
struct Light<'a> {
    run: &'a str,
    model: &'a str,
    benchmark: &'a str,
    level: Option<u8>,
    subject: Option<&'a str>,
    problem: &'a str,
    verdict: Verdict,
    cut: bool,
    tokens: u32,
}

type Group<'a> = (&'a str, &'a str, &'a str, Option<u8>, Option<&'a str>);

fn summarise<'a>(samples: impl Iterator<Item = Light<'a>>, keys: &[Key]) -> Vec<Summary> {
    let has = |key| keys.contains(&key);
    let mut places: BTreeMap<Group<'a>, usize> = BTreeMap::new();
    let mut groups: Vec<(Group<'a>, Vec<Light<'a>>)> = Vec::new();
    for sample in samples {
        let group = (
            if has(Key::Run) { sample.run } else { "" },
            if has(Key::Model) { sample.model } else { "" },
            if has(Key::Benchmark) { sample.benchmark } else { "" },
            sample.level.filter(|_| has(Key::Level)),
            sample.subject.filter(|_| has(Key::Subject)),
        );
        let place = *places.entry(group).or_insert_with(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(sample);
    }
    groups.iter().map(|(group, samples)| summary(*group, samples)).collect()
}

/// One summary per key, in the order in which keys first appear.
pub fn by(cells: &[Cell], keys: &[Key]) -> Vec<Summary> {
    let samples = cells.iter().flat_map(|cell| {
        cell.items.iter().flat_map(move |item| {
            item.samples.iter().map(move |sample| Light {
                run: &cell.run,
                model: &cell.model,
                benchmark: &cell.benchmark,
                level: item.level,
                subject: item.subject.as_deref(),
                problem: &item.problem.0,
                verdict: sample.verdict,
                cut: sample.cut,
                tokens: sample.tokens,
            })
        })
    });
    summarise(samples, keys)
}

fn light(record: &EvalRecord) -> Light<'_> {
    Light {
        run: &record.run,
        model: &record.model,
        benchmark: &record.benchmark,
        level: record.level,
        subject: record.subject.as_deref(),
        problem: &record.problem.0,
        verdict: record.verdict,
        cut: record.finish == Finish::Length,
        tokens: record.completion_tokens,
    }
}

/// One summary per run and benchmark, in the order in which they first appear.
pub fn by_benchmark(records: &[EvalRecord]) -> Vec<Summary> {
    summarise(records.iter().map(light), &[Key::Run, Key::Benchmark])
}

/// One summary per run, benchmark and level; samples without a level are left out.
pub fn by_level(records: &[EvalRecord]) -> Vec<Summary> {
    let with_level = records.iter().filter(|r| r.level.is_some());
    let mut rows = summarise(with_level.map(light), &[Key::Run, Key::Benchmark, Key::Level]);
    rows.sort_by_key(|row| row.level);
    rows
}

fn summary((run, model, benchmark, level, subject): Group<'_>, group: &[Light<'_>]) -> Summary {
    let samples = group.len() as u64;
    let mut outcomes = [0u64; 5];
    // A problem is itself within a run and benchmark only.
    let mut problems: BTreeMap<(&str, &str, &str), (u64, u64)> = BTreeMap::new();
    for sample in group {
        outcomes[Verdict::ALL.iter().position(|v| *v == sample.verdict).unwrap_or(0)] += 1;
        let (correct, count) =
            problems.entry((sample.run, sample.benchmark, sample.problem)).or_default();
        *correct += u64::from(sample.verdict == Verdict::Correct);
        *count += 1;
    }
    let accuracy = if problems.len() as u64 == samples {
        interval::wilson(outcomes[0], samples, 0.95)
    } else {
        let means: Vec<f64> = problems.values().map(|(c, n)| *c as f64 / *n as f64).collect();
        cluster::wilson(&means, samples, 0.95)
    };
    let mut tokens: Vec<u32> = group.iter().map(|s| s.tokens).collect();
    tokens.sort_unstable();
    let middle = tokens.len() / 2;
    let median = if tokens.len() % 2 == 1 {
        f64::from(tokens[middle])
    } else {
        f64::midpoint(f64::from(tokens[middle - 1]), f64::from(tokens[middle]))
    };
    let cut = group.iter().filter(|s| s.cut).count();
    Summary {
        run: run.to_string(),
        model: model.to_string(),
        benchmark: benchmark.to_string(),
        level,
        subject: subject.map(String::from),
        problems: problems.len() as u64,
        samples,
        outcomes,
        accuracy,
        normal_half_width: interval::normal_half_width(outcomes[0], samples, 0.95),
        truncation_rate: cut as f64 / samples as f64,
        mean_tokens: tokens.iter().map(|&t| f64::from(t)).sum::<f64>() / samples as f64,
        median_tokens: median,
    }
}

/// Columns of the long frame: name and what it holds.
pub const LONG: &[(&str, &str)] = &[
    ("run", "run, empty where it is no part of the key"),
    ("model", "model, likewise"),
    ("benchmark", "benchmark, likewise"),
    ("level", "level, null likewise"),
    ("subject", "subject, null likewise"),
    ("problems", "number of problems"),
    ("samples", "number of samples: the sum of the next five"),
    ("correct", "correct samples"),
    ("wrong", "finished with another answer"),
    ("no_answer", "finished without an answer"),
    ("truncated", "cut without a correct answer"),
    ("failed", "the sampler failed"),
    ("accuracy", "share of correct samples; the mean over problems where problems have several"),
    ("lo", "lower end of its 95 % interval"),
    ("hi", "upper end"),
    ("method", "how the interval was made"),
    ("normal_half_width", "half the width of the normal approximation"),
    ("cut", "share of samples cut at the token limit"),
    ("mean_tokens", "mean tokens of a completion"),
    ("median_tokens", "median tokens of a completion"),
];

/// The summaries as a frame with the columns of [`LONG`], one row each.
///
/// # Errors
/// polars refuses the columns (never for columns as they are made here).
pub fn long(rows: &[Summary]) -> Result<DataFrame> {
    fn texts<'a>(name: &str, rows: &'a [Summary], of: impl Fn(&'a Summary) -> &'a str) -> Column {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    }
    fn floats(name: &str, rows: &[Summary], of: impl Fn(&Summary) -> f64) -> Column {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    }
    fn counts(name: &str, rows: &[Summary], of: impl Fn(&Summary) -> u64) -> Column {
        Column::new(name.into(), rows.iter().map(of).collect::<Vec<_>>())
    }
    let mut columns = vec![
        texts("run", rows, |r| &r.run),
        texts("model", rows, |r| &r.model),
        texts("benchmark", rows, |r| &r.benchmark),
        Column::new(
            "level".into(),
            rows.iter().map(|r| r.level.map(u32::from)).collect::<Vec<_>>(),
        ),
        Column::new(
            "subject".into(),
            rows.iter().map(|r| r.subject.as_deref()).collect::<Vec<_>>(),
        ),
        counts("problems", rows, |r| r.problems),
        counts("samples", rows, |r| r.samples),
    ];
    for (i, verdict) in Verdict::ALL.into_iter().enumerate() {
        columns.push(counts(verdict.name(), rows, |r| r.outcomes[i]));
    }
    columns.extend([
        floats("accuracy", rows, |r| r.accuracy.value),
        floats("lo", rows, |r| r.accuracy.lo),
        floats("hi", rows, |r| r.accuracy.hi),
        texts("method", rows, |r| r.accuracy.method.label()),
        floats("normal_half_width", rows, |r| r.normal_half_width),
        floats("cut", rows, |r| r.truncation_rate),
        floats("mean_tokens", rows, |r| r.mean_tokens),
        floats("median_tokens", rows, |r| r.median_tokens),
    ]);
    DataFrame::new(rows.len(), columns).map_err(|e| records::bad(&e))
}

/// Accuracy as a frame with one row per run (or model, where runs are no part of the key) and one column per benchmark, in
/// order of first appearance; null where a run has no samples of a benchmark.
///
/// # Errors
/// A run and benchmark stand twice, as in summaries by level.
pub fn wide(rows: &[Summary]) -> Result<DataFrame> {
    let name = |row: &Summary| if row.run.is_empty() { row.model.clone() } else { row.run.clone() };
    let (mut names, mut benchmarks): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut values: BTreeMap<(String, String), f64> = BTreeMap::new();
    for row in rows {
        if !names.contains(&name(row)) {
            names.push(name(row));
        }
        if !benchmarks.contains(&row.benchmark) {
            benchmarks.push(row.benchmark.clone());
        }
        if values.insert((name(row), row.benchmark.clone()), row.accuracy.value).is_some() {
            let problem = format!(
                "{} on '{}' stands twice: a wide table needs one row per run and benchmark",
                name(row),
                row.benchmark
            );
            return Err(Error::data("summary", problem));
        }
    }
    let mut columns = vec![Column::new("run".into(), names.clone())];
    for benchmark in benchmarks {
        let column: Vec<Option<f64>> =
            names.iter().map(|n| values.get(&(n.clone(), benchmark.clone())).copied()).collect();
        columns.push(Column::new(benchmark.as_str().into(), column));
    }
    DataFrame::new(names.len(), columns).map_err(|e| records::bad(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::cells_of;
    use crate::types::ProblemId;

    /// Two runs, two benchmarks, two samples per problem: run `a` always right, run `b` right on sample 0.
    fn cells() -> Vec<Cell> {
        let mut records = Vec::new();
        for (run, benchmark) in [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")] {
            for i in 0..6u32 {
                let right = run == "a" || i % 2 == 0;
                records.push(EvalRecord {
                    run: run.into(),
                    model: "m".into(),
                    benchmark: benchmark.into(),
                    problem: ProblemId(format!("{benchmark}:{}", i / 2)),
                    level: Some(1 + (i / 2) as u8),
                    subject: Some(if i < 2 { "algebra" } else { "geometry" }.into()),
                    sample: i % 2,
                    seed: 0,
                    verdict: if right { Verdict::Correct } else { Verdict::Truncated },
                    answer: right.then(|| "7".into()),
                    gold: "7".into(),
                    finish: if right { Finish::Stop } else { Finish::Length },
                    prompt_tokens: 1,
                    completion_tokens: 10 * (i + 1),
                    logprob_sum: None,
                    grader: "g".into(),
                    text: String::new(),
                });
            }
        }
        cells_of(&records).unwrap()
    }

    #[test]
    fn by_any_key() {
        let rows = by(&cells(), &[Key::Run, Key::Benchmark]);
        assert_eq!(rows.len(), 4);
        assert_eq!((rows[2].problems, rows[2].samples, rows[2].outcomes), (3, 6, [3, 0, 0, 3, 0]));
        assert_eq!((rows[2].accuracy.value, rows[2].truncation_rate), (0.5, 0.5));
        assert_eq!((rows[2].mean_tokens, rows[2].median_tokens), (35.0, 35.0));
        let rows = by(&cells(), &[Key::Model, Key::Level]);
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].problems, rows[0].correct()), (4, 6)); // 2 runs x 2 benchmarks; 4 right of a, 2 of b
        let rows = by(&cells(), &[Key::Subject]);
        assert_eq!(rows.iter().map(|r| r.samples).collect::<Vec<_>>(), [8, 16]);
    }

    #[test]
    fn long_and_wide_frames() {
        let rows = by(&cells(), &[Key::Run, Key::Benchmark]);
        let long = long(&rows).unwrap();
        let names: Vec<&str> = long.get_column_names().iter().map(|n| n.as_str()).collect();
        assert_eq!(names, LONG.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert_eq!(long.height(), 4);
        let wide = wide(&rows).unwrap();
        assert_eq!(wide.shape(), (2, 3));
        let x: Vec<_> = wide.column("x").unwrap().f64().unwrap().iter().collect();
        assert_eq!(x, [Some(1.0), Some(0.5)]);
        assert!(super::wide(&by(&cells(), &[Key::Run, Key::Benchmark, Key::Level])).is_err());
    }
}
