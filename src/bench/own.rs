//! A user's own problems: JSON, JSON lines or parquet with named columns.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::source::{bare_gold, level};
use super::{Local, Row, Shelf};
use crate::error::{Error, Result};
use crate::types::{Problem, ProblemId};

/// Which columns of a user's file hold what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Column of the question.
    pub problem: String,
    /// Column of the gold answer; see [`bare_gold`] for what is taken from it.
    pub answer: String,
    /// Column of the level, if any: a number 1 to 5 or a text that ends in one (`Level 5`); null = unknown.
    pub level: Option<String>,
    /// Column of the subject, if any.
    pub subject: Option<String>,
}

/// Loads a user's problems from JSON lines with named columns.
///
/// # Errors
/// As [`load_file`].
pub fn load_jsonl(name: &str, path: &Path, columns: &Columns) -> Result<Vec<Problem>> {
    load_file(name, path, columns, &Local::default())
}

/// Loads a user's problems from a file that `shelf` can read.
///
/// # Errors
/// The file cannot be read; a row lacks a column or has an empty gold answer (named by line); the same problem
/// stands twice.
pub fn load_file(
    name: &str,
    path: &Path,
    columns: &Columns,
    shelf: &dyn Shelf,
) -> Result<Vec<Problem>> {
    let wanted = [
        Some(&columns.problem),
        Some(&columns.answer),
        columns.level.as_ref(),
        columns.subject.as_ref(),
    ];
    let wanted: Vec<&str> = wanted.into_iter().flatten().map(String::as_str).collect();
    let mut rows = shelf.rows(path, &wanted)?;
    let lacking = |(_, row): &(usize, Row)| wanted.iter().any(|column| !row.contains_key(*column));
    // All columns, so that the error can name them.
    if rows.first().is_some_and(lacking)
        && let Ok(all) = shelf.rows(path, &[])
    {
        rows = all;
    }
    if rows.is_empty() {
        return Err(Error::file(path, "has no problems: expected one object per line or row"));
    }
    let mut seen = std::collections::HashMap::new();
    let mut problems = Vec::with_capacity(rows.len());
    for (line, row) in &rows {
        let line = *line;
        let text = field(path, line, row, &columns.problem)?;
        let gold = bare_gold(&field(path, line, row, &columns.answer)?);
        if gold.is_empty() {
            let problem = format!("column '{}' holds no answer", columns.answer);
            return Err(Error::parse(path, line, problem));
        }
        let level = match &columns.level {
            Some(column) => known(path, line, row, column)?.and_then(|text| level(&text)),
            None => None,
        };
        let subject = match &columns.subject {
            Some(column) => known(path, line, row, column)?,
            None => None,
        };
        let id = ProblemId::of(name, &text, &gold);
        if let Some(first) = seen.insert(id.clone(), line) {
            let problem = format!("the same problem stands on line {first}");
            return Err(Error::parse(path, line, problem));
        }
        problems.push(Problem { id, text, gold, level, subject });
    }
    Ok(problems)
}

/// A cell that may be null.
fn known(path: &Path, line: usize, row: &Row, column: &str) -> Result<Option<String>> {
    match row.get(column) {
        Some(Value::Null) => Ok(None),
        _ => field(path, line, row, column).map(Some),
    }
}

fn field(path: &Path, line: usize, row: &Row, column: &str) -> Result<String> {
    match row.get(column) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => {
            Err(Error::parse(path, line, format!("column '{column}' is neither text nor number")))
        }
        None => {
            let names = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(Error::parse(path, line, format!("no column '{column}'; the columns are {names}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_column_is_named_with_line_and_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.jsonl");
        std::fs::write(&path, "{\"question\": \"1+1?\", \"answer\": \"2\"}\n").unwrap();
        let columns = Columns {
            problem: "problem".into(),
            answer: "answer".into(),
            level: None,
            subject: None,
        };
        let message = load_jsonl("my", &path, &columns).unwrap_err().to_string();
        assert!(
            message.contains("my.jsonl:1: no column 'problem'; the columns are answer, question"),
            "{message}"
        );
    }
}
