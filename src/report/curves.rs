//! Training curves from the steps.jsonl of runs, whatever columns they have.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::Page;
use crate::error::{Error, Result};
use crate::jsonl;
use crate::plot::{self, Line, Lines, Point};
use crate::run;

/// Numbers by column and step.
pub type Curves = BTreeMap<String, Vec<(f64, f64)>>;

/// Columns that are drawn where a run has them: name, file name, what it is called with its unit.
const DRAWN: &[(&str, &str)] = &[
    ("reward", "mean reward"),
    ("train_mean_nll", "loss, nats per token"),
    ("loss", "loss"),
    ("frac_reward_zero_std", "share of groups without spread"),
    ("completions/mean_length", "mean completion length, tokens"),
    ("completion_length", "mean completion length, tokens"),
    ("completions/clipped_ratio", "share of completions cut"),
    ("entropy", "entropy, nats per token"),
    ("kl", "KL divergence, nats per token"),
    ("grad_norm", "gradient norm"),
    ("learning_rate", "learning rate"),
];

/// Most points of a line; longer runs are averaged over equal spans.
const POINTS: usize = 120;

/// The curves of a training run (its folder, or the file itself): every column that holds numbers.
///
/// # Errors
/// The file is missing, a line is not a JSON object or has no `step`.
pub fn read(path: &Path) -> Result<Curves> {
    let file = if path.is_dir() { path.join(run::STEPS) } else { path.to_path_buf() };
    let mut curves = Curves::new();
    for (line, row) in jsonl::read_numbered::<Map<String, Value>>(&file)? {
        let Some(step) = row.get("step").and_then(Value::as_f64) else {
            return Err(Error::parse(&file, line, "has no number 'step'"));
        };
        for (name, value) in &row {
            if let (true, Some(value)) = (name != "step", value.as_f64()) {
                curves.entry(name.clone()).or_default().push((step, value));
            }
        }
    }
    if curves.is_empty() {
        return Err(Error::file(file, "holds no steps: was the run trained?"));
    }
    Ok(curves)
}

/// Adds a figure per known column that at least one run has.
///
/// # Errors
/// A figure cannot be drawn.
pub fn figures(page: &mut Page, runs: &[(&str, &Curves)]) -> Result<()> {
    for (column, called) in DRAWN {
        let lines: Vec<Line> = runs
            .iter()
            .filter_map(|(name, curves)| {
                let points = averaged(curves.get(*column)?);
                Some(Line { name: (*name).to_string(), points })
            })
            .collect();
        if lines.is_empty() {
            continue;
        }
        let figure = Lines {
            title: format!("Training: {}", called.split(',').next().unwrap_or(called)),
            x_desc: "optimizer step".into(),
            y_desc: (*called).into(),
            lines,
            ..Lines::default()
        };
        let name = format!("training_{}", column.replace('/', "_"));
        page.figure(&name, &format!("{called} over optimizer steps"), plot::lines(&figure)?);
    }
    Ok(())
}

fn averaged(points: &[(f64, f64)]) -> Vec<Point> {
    let span = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        let sum = part.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        Point { x: sum.0 / n, y: sum.1 / n, interval: None }
    };
    points.chunks(span).map(mean).collect()
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
        assert_eq!(curves, Curves::from([("reward".into(), vec![(0.0, 0.25), (1.0, 0.5)])]));
        let mut page = Page::new("t", "c");
        figures(&mut page, &[("a", &curves)]).unwrap();
        assert!(page.markdown().contains("(training_reward.svg)"));
        std::fs::write(dir.path().join("steps.jsonl"), "{\"loss\":1}\n").unwrap();
        assert!(
            read(dir.path())
                .unwrap_err()
                .to_string()
                .contains("steps.jsonl:1: has no number 'step'")
        );
    }

    #[test]
    fn long_runs_are_averaged() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), 2.0)).collect();
        let short = averaged(&points);
        assert!(short.len() <= POINTS && short.iter().all(|p| p.y == 2.0));
        assert_eq!(short[0].x, 4.0); // steps 0 to 8
    }
}
