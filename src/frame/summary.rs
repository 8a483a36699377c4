//! Summaries of graded samples: what stands in the tables of reports.

use std::collections::BTreeMap;

use crate::stats::{Estimate, interval};
use crate::types::{EvalRecord, Finish, Verdict};

/// Summary of the samples that share a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Run, benchmark and, where it was asked for, level.
    pub run: String,
    /// Benchmark.
    pub benchmark: String,
    /// Level, in summaries by level.
    pub level: Option<u8>,
    /// Number of problems.
    pub problems: u64,
    /// Number of samples.
    pub samples: u64,
    /// Samples of each verdict, in the order of [`Verdict::ALL`]; they add up to `samples`.
    pub outcomes: [u64; 5],
    /// Share of correct samples with its 95 % interval: Wilson for one sample per problem, clustered over problems else.
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

/// One summary per run and benchmark, in the order in which they first appear.
pub fn by_benchmark(records: &[EvalRecord]) -> Vec<Summary> {
    summarise(records, |_| None)
}

/// One summary per run, benchmark and level; samples without a level are left out.
pub fn by_level(records: &[EvalRecord]) -> Vec<Summary> {
    let with_level: Vec<EvalRecord> =
        records.iter().filter(|r| r.level.is_some()).cloned().collect();
    let mut rows = summarise(&with_level, |r| r.level);
    rows.sort_by_key(|row| row.level);
    rows
}

fn summarise(records: &[EvalRecord], level: impl Fn(&EvalRecord) -> Option<u8>) -> Vec<Summary> {
    let mut order: Vec<(&str, &str, Option<u8>)> = Vec::new();
    let mut groups: BTreeMap<(&str, &str, Option<u8>), Vec<&EvalRecord>> = BTreeMap::new();
    for record in records {
        let key = (record.run.as_str(), record.benchmark.as_str(), level(record));
        let group = groups.entry(key).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(record);
    }
    order.iter().map(|key| summary(*key, &groups[key])).collect()
}

fn summary((run, benchmark, level): (&str, &str, Option<u8>), group: &[&EvalRecord]) -> Summary {
    let samples = group.len() as u64;
    let mut outcomes = [0u64; 5];
    let mut problems: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for record in group {
        outcomes[Verdict::ALL.iter().position(|v| *v == record.verdict).unwrap_or(0)] += 1;
        let (correct, count) = problems.entry(&record.problem.0).or_default();
        *correct += u64::from(record.verdict == Verdict::Correct);
        *count += 1;
    }
    let accuracy = if problems.len() as u64 == samples {
        interval::wilson(outcomes[0], samples, 0.95)
    } else {
        let means: Vec<f64> = problems.values().map(|(c, n)| *c as f64 / *n as f64).collect();
        interval::clustered(&means, 0.95)
    };
    let mut tokens: Vec<u32> = group.iter().map(|r| r.completion_tokens).collect();
    tokens.sort_unstable();
    let middle = tokens.len() / 2;
    let median = if tokens.len() % 2 == 1 {
        f64::from(tokens[middle])
    } else {
        f64::midpoint(f64::from(tokens[middle - 1]), f64::from(tokens[middle]))
    };
    let cut = group.iter().filter(|r| r.finish == Finish::Length).count();
    Summary {
        run: run.to_string(),
        benchmark: benchmark.to_string(),
        level,
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
