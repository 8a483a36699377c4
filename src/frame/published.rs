//! The study's `ablation_results.json`: `{experiment: {benchmark: {accuracy, correct, total, ci_95}}}`.
//!
//! `accuracy` and `ci_95` (half the width of the normal interval) are shares. On reading, only `correct` and `total` are
//! believed; the others, where they stand there, must follow from them. The order of a file's keys is kept by nobody, so
//! rows come back sorted.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::summary::Summary;
use crate::disk;
use crate::error::{Error, Result};
use crate::stats::interval;

/// One cell of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Share of right answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Right answers.
    pub correct: u64,
    /// All answers.
    pub total: u64,
    /// Half the width of the 95 % normal interval, as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_95: Option<f64>,
}

impl Score {
    /// A cell from its counts.
    pub fn new(correct: u64, total: u64) -> Self {
        let accuracy = Some(correct as f64 / total as f64);
        let ci_95 = Some(interval::normal_half_width(correct, total, 0.95));
        Self { accuracy, correct, total, ci_95 }
    }

    /// What is wrong with it, if anything.
    fn problem(&self) -> Option<String> {
        let Self { correct, total, .. } = *self;
        if total == 0 || correct > total {
            return Some(format!("{correct} of {total} is not a score"));
        }
        let expected = Self::new(correct, total);
        // Files are rounded to four places or so; a percentage in place of a share is not.
        let differs = |a: Option<f64>, b: Option<f64>| matches!((a, b), (Some(a), Some(b)) if (a - b).abs() > 1e-3);
        if differs(self.accuracy, expected.accuracy) {
            return Some(format!(
                "accuracy {:?} does not follow from {correct} of {total}",
                self.accuracy.unwrap_or(f64::NAN)
            ));
        }
        differs(self.ci_95, expected.ci_95).then(|| {
            format!(
                "ci_95 {:?} does not follow from {correct} of {total}",
                self.ci_95.unwrap_or(f64::NAN)
            )
        })
    }
}

/// Experiments and their benchmarks.
pub type Results = BTreeMap<String, BTreeMap<String, Score>>;

/// The file's content for some summaries by run and benchmark.
pub fn of(rows: &[Summary]) -> Results {
    let mut results = Results::new();
    for row in rows {
        let score = Score::new(row.correct(), row.samples);
        results.entry(row.run.clone()).or_default().insert(row.benchmark.clone(), score);
    }
    results
}

/// Reads a file.
///
/// # Errors
/// It is missing or not of this form; a score does not follow from its counts (named by experiment and benchmark).
pub fn read(path: &Path) -> Result<Results> {
    let results: Results = serde_json::from_str(&disk::read_text(path)?).map_err(|e| {
        Error::file(
            path,
            format!("is not of the form {{experiment: {{benchmark: {{correct, total}}}}}}: {e}"),
        )
    })?;
    for (experiment, benchmarks) in &results {
        for (benchmark, score) in benchmarks {
            if let Some(problem) = score.problem() {
                return Err(Error::file(path, format!("{experiment}, {benchmark}: {problem}")));
            }
        }
    }
    Ok(results)
}

/// Writes a file, by way of a temporary one.
///
/// # Errors
/// The folder cannot be written or the disk is full.
pub fn write(results: &Results, path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(results)
        .map_err(|e| Error::file(path, format!("cannot be written as JSON: {e}")))?;
    disk::write_atomic(path, (text + "\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_does_not_follow_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ablation_results.json");
        let mut results = Results::new();
        results
            .entry("baseline".into())
            .or_default()
            .insert("math500".into(), Score::new(397, 500));
        write(&results, &path).unwrap();
        assert_eq!(read(&path).unwrap(), results);
        let refusal = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).unwrap_err().to_string()
        };
        assert!(
            refusal("{\"a\": {\"b\": {\"correct\": 5, \"total\": 4}}}").contains("a, b: 5 of 4")
        );
        let message =
            refusal("{\"a\": {\"b\": {\"accuracy\": 79.4, \"correct\": 397, \"total\": 500}}}");
        assert!(message.contains("accuracy 79.4 does not follow from 397 of 500"), "{message}");
        assert!(refusal("[]").contains("is not of the form"));
        assert!(read(&dir.path().join("none.json")).is_err());
    }
}
