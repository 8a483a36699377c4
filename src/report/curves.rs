//! Training curves from the steps.jsonl of runs, whatever columns they have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Page;
use crate::error::{Error, Result};
use crate::jsonl;
use crate::plot::{self, Line, Lines, Point};
use crate::run;
use crate::stats::{Estimate, interval};

/// What a training run wrote down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Numbers by column and step.
    pub columns: BTreeMap<String, Vec<(f64, f64)>>,
    /// Accuracy during training, by benchmark and step, with Wilson's interval.
    pub evaluations: BTreeMap<String, Vec<(f64, Estimate)>>,
}

/// What is read of a row of evaluations.jsonl.
#[derive(Deserialize)]
struct Evaluation {
    step: u64,
    benchmark: String,
    problems: u64,
    correct: u64,
}

/// Columns that are drawn where a run has them: name, file name, what it is called with its unit.
const DRAWN: &[(&str, &str)] = &[
    ("reward", "mean reward"),
    ("train_mean_nll", "loss, nats per token"),
    ("loss", "loss"),
    ("env/all/correct", "share of correct completions"),
    ("frac_reward_zero_std", "share of groups without spread"),
    ("completions/mean_length", "mean completion length, tokens"),
    ("completions/clipped_ratio", "share of completions cut"),
    ("entropy", "entropy, nats per token"),
    ("kl", "KL divergence, nats per token"),
    ("grad_norm", "gradient norm"),
    ("learning_rate", "learning rate"),
];

/// The curves of a training run (its folder, or its steps.jsonl alone): every column that holds numbers, and the evaluations
/// on the way, if there are any.
///
/// # Errors
/// The file is missing, a line is not a JSON object or has no `step`.
pub fn read(path: &Path) -> Result<Curves> {
    let file = if path.is_dir() { path.join(run::STEPS) } else { path.to_path_buf() };
    let mut curves = Curves::default();
    for (line, row) in jsonl::read_numbered::<Map<String, Value>>(&file)? {
        let Some(step) = row.get("step").and_then(Value::as_f64) else {
            return Err(Error::parse(&file, line, "has no number 'step'"));
        };
        for (name, value) in &row {
            if let (true, Some(value)) = (name != "step", value.as_f64()) {
                curves.columns.entry(name.clone()).or_default().push((step, value));
            }
        }
    }
    if curves.columns.is_empty() {
        return Err(Error::file(file, "holds no steps: was the run trained?"));
    }
    let evaluations = path.join(run::EVALUATIONS);
    if path.is_dir() && evaluations.exists() {
        for row in jsonl::read::<Evaluation>(&evaluations)? {
            let point = (row.step as f64, interval::wilson(row.correct, row.problems, 0.95));
            curves.evaluations.entry(row.benchmark).or_default().push(point);
        }
    }
    Ok(curves)
}

/// Adds a figure per known column that at least one run has.
///
/// # Errors
/// A figure cannot be drawn.
pub fn figures(page: &mut Page, runs: &[(&str, &Curves)]) -> Result<()> {
    for (column, called) in DRAWN {
        let lines: Vec<(String, Vec<(f64, f64)>)> = runs
            .iter()
            .filter_map(|(name, curves)| {
                Some(((*name).to_string(), curves.columns.get(*column)?.clone()))
            })
            .collect();
        if lines.is_empty() {
            continue;
        }
        let title = format!("Training: {}", called.split(',').next().unwrap_or(called));
        let figure = plot::training(&title, called, &lines)?;
        let name = format!("training_{}", column.replace('/', "_"));
        page.figure(&name, &format!("{called} over optimizer steps"), figure);
    }
    evaluations(page, runs)
}

/// One figure per benchmark that was evaluated during training.
fn evaluations(page: &mut Page, runs: &[(&str, &Curves)]) -> Result<()> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|(_, c)| c.evaluations.keys()).collect();
    for (number, benchmark) in names.into_iter().enumerate() {
        let line = |(run, curves): &(&str, &Curves)| {
            let points = curves.evaluations.get(benchmark)?;
            let points = points.iter().map(|(x, e)| Point::with_interval(*x, 100.0, e)).collect();
            Some(Line { name: (*run).to_string(), points })
        };
        let figure = Lines {
            title: format!("During training: {benchmark}"),
            x_desc: "optimizer step".into(),
            y_desc: "accuracy, % (95 % interval)".into(),
            lines: runs.iter().filter_map(line).collect(),
            ..Lines::default()
        };
        let name = format!("training_accuracy_{number}");
        page.figure(
            &name,
            &format!("accuracy on {benchmark} during training"),
            plot::lines(&figure)?,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_numeric_column_is_a_curve() {
        let dir = tempfile::tempdir().unwrap();
        let rows = "{\"step\":0,\"reward\":0.25,\"note\":\"x\"}\n{\"step\":1,\"reward\":0.5,\"kl\":null}\n";
        std::fs::write(dir.path().join("steps.jsonl"), rows).unwrap();
        let curves = read(dir.path()).unwrap();
        assert_eq!(
            curves.columns,
            BTreeMap::from([("reward".into(), vec![(0.0, 0.25), (1.0, 0.5)])])
        );
        let evaluation = "{\"step\":1,\"benchmark\":\"b\",\"problems\":30,\"correct\":13}\n";
        std::fs::write(dir.path().join("evaluations.jsonl"), evaluation).unwrap();
        let curves = read(dir.path()).unwrap();
        assert_eq!(curves.evaluations["b"], [(1.0, interval::wilson(13, 30, 0.95))]);
        let mut page = Page::new("t", "c");
        figures(&mut page, &[("a", &curves)]).unwrap();
        assert!(page.markdown().contains("(training_reward.svg)"));
        assert!(page.markdown().contains("(training_accuracy_0.svg)"));
        std::fs::write(dir.path().join("steps.jsonl"), "{\"loss\":1}\n").unwrap();
        assert!(
            read(dir.path())
                .unwrap_err()
                .to_string()
                .contains("steps.jsonl:1: has no number 'step'")
        );
    }
}
