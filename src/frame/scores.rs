//! Scores of samples made elsewhere (a verifier, a reward model): columns `problem`, `sample`, `score`.

use std::collections::HashMap;
use std::path::Path;

use polars::prelude::*;
use serde::Deserialize;

use super::{io, records};
use crate::error::{Error, Result};
use crate::jsonl;

/// Scores by problem id and sample index.
pub type Scores = HashMap<(String, u32), f64>;

#[derive(Deserialize)]
struct Row {
    problem: String,
    sample: u32,
    score: f64,
}

/// Reads scores from CSV, parquet or JSON lines; further columns are ignored.
///
/// # Errors
/// The file is missing or damaged; a column is missing or of another kind; a score is empty or not a finite number; a sample
/// stands twice.
pub fn read(path: &Path) -> Result<Scores> {
    let rows: Vec<(String, u32, f64)> = if path.extension().is_some_and(|e| e == "jsonl") {
        let rows = jsonl::read::<Row>(path)?;
        rows.into_iter().map(|row| (row.problem, row.sample, row.score)).collect()
    } else {
        columns(&io::read(path, Some(&["problem", "sample", "score"]))?).map_err(|e| match e {
            Error::Data { problem, .. } => Error::file(path, problem),
            other => other,
        })?
    };
    if rows.is_empty() {
        return Err(Error::file(path, "holds no scores"));
    }
    let mut scores = Scores::with_capacity(rows.len());
    for (i, (problem, sample, score)) in rows.into_iter().enumerate() {
        if !score.is_finite() {
            return Err(Error::file(
                path,
                format!(
                    "row {i}: the score of sample {sample} of {problem} is not a finite number"
                ),
            ));
        }
        let text = format!("row {i}: sample {sample} of {problem} stands twice");
        if scores.insert((problem, sample), score).is_some() {
            return Err(Error::file(path, text));
        }
    }
    Ok(scores)
}

fn columns(frame: &DataFrame) -> Result<Vec<(String, u32, f64)>> {
    let column = |name: &str, dtype: DataType| {
        let column = frame.column(name).map_err(|_| {
            Error::data(
                "scores",
                format!("has no column '{name}': problem, sample and score are needed"),
            )
        })?;
        let cast = column.cast(&dtype).map_err(|e| records::bad(&e))?;
        // A text that is no number becomes an empty cell.
        if cast.null_count() > 0 {
            let problem = format!(
                "column '{name}' has {} cells that are empty or of another kind",
                cast.null_count()
            );
            return Err(Error::data("scores", problem));
        }
        Ok(cast)
    };
    let (problem, sample, score) = (
        column("problem", DataType::String)?,
        column("sample", DataType::UInt32)?,
        column("score", DataType::Float64)?,
    );
    let (problem, sample, score) = (
        problem.str().map_err(|e| records::bad(&e))?,
        sample.u32().map_err(|e| records::bad(&e))?,
        score.f64().map_err(|e| records::bad(&e))?,
    );
    let rows = problem.iter().zip(sample.iter()).zip(score.iter());
    Ok(rows.filter_map(|((p, i), s)| Some((p?.to_string(), i?, s?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_in_three_kinds_and_their_refusals() {
        let dir = tempfile::tempdir().unwrap();
        let read_as = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            read(&path).map_err(|e| e.to_string())
        };
        let expected = Scores::from([(("a:1".to_string(), 0), 0.5), (("a:1".to_string(), 1), 2.0)]);
        assert_eq!(
            read_as("s.csv", "problem,sample,score\na:1,0,0.5\na:1,1,2\n").unwrap(),
            expected
        );
        let lines = "{\"problem\":\"a:1\",\"sample\":0,\"score\":0.5}\n{\"problem\":\"a:1\",\"sample\":1,\"score\":2}\n";
        assert_eq!(read_as("s.jsonl", lines).unwrap(), expected);
        let refused = |text: &str| read_as("s.csv", text).unwrap_err();
        assert!(refused("problem,sample\na:1,0\n").contains("has no column 'score'"));
        assert!(
            refused("problem,sample,score\na:1,0,\na:1,1,2.0\n").contains("1 cells that are empty")
        );
        assert!(refused("problem,sample,score\na:1,0,NaN\n").contains("not a finite number"));
        assert!(
            refused("problem,sample,score\na:1,0,1.5\na:1,0,2.5\n")
                .contains("row 1: sample 0 of a:1 stands twice")
        );
    }
}
