//! A training run, to be looked at.

use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::{Content, Grid, Show};
use crate::error::{Error, Result};
use crate::jsonl;
use crate::learn::grpo::GroupRow;
use crate::learn::grpo::log::RolloutRow;
use crate::plot::{self, Svg};
use crate::report::Table;
use crate::report::curves::{self, Curves};
use crate::run;
use crate::stats;

/// What a training run left on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    folder: PathBuf,
    curves: Curves,
}

impl Training {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// It holds no steps.jsonl, or a damaged one.
    pub fn read(folder: &str) -> Result<Self> {
        Ok(Self { folder: folder.into(), curves: curves::read(Path::new(folder))? })
    }

    /// Names of the numbers that each step has.
    pub fn names(&self) -> Vec<String> {
        self.curves.columns.keys().cloned().collect()
    }

    /// One number over steps.
    ///
    /// # Errors
    /// The run has no such number; the message names those there are.
    pub fn values(&self, name: &str) -> Result<Vec<(f64, f64)>> {
        self.curves.columns.get(name).cloned().ok_or_else(|| {
            let what = self.folder.display().to_string();
            Error::data(what, format!("has no '{name}': there are {}", self.names().join(", ")))
        })
    }

    /// Numbers over steps, thin as they were and thick smoothed.
    ///
    /// # Errors
    /// The run lacks one of them.
    pub fn figure(&self, title: &str, y_desc: &str, names: &[&str]) -> Result<Svg> {
        let lines = names
            .iter()
            .map(|name| Ok(((*name).to_string(), self.values(name)?)))
            .collect::<Result<Vec<_>>>()?;
        plot::training(title, y_desc, &lines)
    }

    /// Groups by what they can teach, over steps: all right, mixed, all wrong.
    ///
    /// # Errors
    /// The run is no GRPO run.
    pub fn groups_figure(&self) -> Result<Svg> {
        let names = ["all_good", "mixed", "all_bad"];
        let called =
            ["all right: nothing to learn", "mixed: compared", "all wrong: nothing to learn"];
        let lines = names
            .iter()
            .zip(called)
            .map(|(name, called)| {
                let points = self.values(&format!("env/all/by_group/frac_{name}"))?;
                let percent = points.into_iter().map(|(x, y)| (x, 100.0 * y)).collect();
                Ok((called.to_string(), percent))
            })
            .collect::<Result<Vec<_>>>()?;
        plot::training("Groups by what they can teach", "groups, %", &lines)
    }

    /// Solve rate by level, in spans of steps.
    ///
    /// # Errors
    /// The run wrote no groups.jsonl.
    pub fn levels(&self, spans: u64) -> Result<Table> {
        let rows: Vec<GroupRow> = jsonl::read(&self.folder.join(run::GROUPS))?;
        let steps = rows.iter().map(|r| r.step + 1).max().unwrap_or(0);
        let span = steps.div_ceil(spans.max(1)).max(1);
        let mut levels: Vec<Option<u8>> = rows.iter().map(|r| r.level).collect();
        levels.sort_unstable();
        levels.dedup();
        let heads: Vec<String> = levels
            .iter()
            .map(|l| l.map_or_else(|| "no level, %".into(), |l| format!("level {l}, %")))
            .collect();
        let mut head = vec!["steps", "groups"];
        head.extend(heads.iter().map(String::as_str));
        let mut table = Table::new(1, &head);
        for from in (0..steps).step_by(usize::try_from(span).unwrap_or(usize::MAX)) {
            let own = || rows.iter().filter(|r| (from..from + span).contains(&r.step));
            let mut cells = vec![
                format!("{from} to {}", (from + span).min(steps) - 1),
                own().count().to_string(),
            ];
            for level in &levels {
                let rates: Vec<f64> =
                    own().filter(|r| r.level == *level).map(|r| r.solve_rate).collect();
                let mean = 100.0 * rates.iter().sum::<f64>() / rates.len() as f64;
                cells.push(if rates.is_empty() { "-".into() } else { format!("{mean:.1}") });
            }
            table.rows.push(cells);
        }
        Ok(table)
    }

    /// The rollouts that were kept: the best and the worst of each group.
    ///
    /// # Errors
    /// The run wrote no rollouts.jsonl.
    pub fn rollouts(&self) -> Result<Vec<RolloutRow>> {
        jsonl::read(&self.folder.join(run::ROLLOUTS))
    }

    /// Pairs of rollouts of the last step that differ in reward, the better one first: what the gradient compares.
    ///
    /// # Errors
    /// The run wrote no rollouts.jsonl.
    pub fn contrasts(&self) -> Result<Vec<RolloutRow>> {
        let rows = self.rollouts()?;
        let last = rows.iter().map(|row| row.step).max();
        let mut groups: Vec<Vec<RolloutRow>> = Vec::new();
        for row in rows.into_iter().filter(|row| Some(row.step) == last) {
            match groups.iter_mut().find(|group| group[0].problem == row.problem) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        let pair = |group: &Vec<RolloutRow>| {
            let order =
                |a: &&RolloutRow, b: &&RolloutRow| a.reward.total.total_cmp(&b.reward.total);
            let best = group.iter().max_by(order)?.clone();
            let worst = group.iter().min_by(order)?.clone();
            (best.reward.total > worst.reward.total).then_some([best, worst])
        };
        Ok(groups.iter().filter_map(pair).flatten().collect())
    }

    /// Mean and standard error of some numbers in equal spans of steps.
    ///
    /// # Errors
    /// The run lacks one of them.
    pub fn spans(&self, spans: usize, names: &[&str]) -> Result<Table> {
        let mut head = vec!["steps".to_string()];
        head.extend(names.iter().map(|name| (*name).to_string()));
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let mut table = Table::new(1, &head);
        for name in names {
            let points = self.values(name)?;
            let size = points.len().div_ceil(spans.max(1)).max(1);
            for (row, part) in points.chunks(size).enumerate() {
                if table.rows.len() <= row {
                    table.rows.push(vec![format!("{} to {}", part[0].0, part[part.len() - 1].0)]);
                }
                let values: Vec<f64> = part.iter().map(|(_, y)| *y).collect();
                let error = (stats::variance(&values) / values.len() as f64).sqrt();
                table.rows[row].push(format!("{:.3} \u{b1}{error:.3}", stats::mean(&values)));
            }
        }
        Ok(table)
    }

    /// Some numbers of all steps as a frame.
    ///
    /// # Errors
    /// The run lacks one of them.
    pub fn columns(&self, names: &[&str]) -> Result<DataFrame> {
        for name in names {
            self.values(name)?;
        }
        let named = std::iter::once("step").chain(names.iter().copied());
        self.frame()?.select(named).map_err(|e| Error::data("steps", e.to_string()))
    }

    /// All numbers of all steps as a frame.
    ///
    /// # Errors
    /// polars refuses the columns.
    pub fn frame(&self) -> Result<DataFrame> {
        let mut steps: Vec<f64> =
            self.curves.columns.values().flatten().map(|(step, _)| *step).collect();
        steps.sort_by(f64::total_cmp);
        steps.dedup();
        let mut columns = vec![Column::new("step".into(), steps.clone())];
        for (name, points) in &self.curves.columns {
            let values: Vec<Option<f64>> = steps
                .iter()
                .map(|step| points.iter().find(|(x, _)| x == step).map(|(_, y)| *y))
                .collect();
            columns.push(Column::new(name.as_str().into(), values));
        }
        DataFrame::new(steps.len(), columns).map_err(|e| Error::data("steps", e.to_string()))
    }
}

impl Show for Training {
    fn content(&self) -> Content {
        match self.frame() {
            Ok(frame) => frame.content(),
            Err(error) => Content::text(error.to_string()),
        }
    }
}

impl Show for Vec<RolloutRow> {
    fn content(&self) -> Content {
        let columns = ["step", "problem", "gold", "verdict", "reward", "tokens", "text"];
        let number = |name: &str| ["step", "reward", "tokens"].contains(&name);
        let row = |r: &RolloutRow| {
            vec![
                r.step.to_string(),
                r.problem.clone(),
                r.gold.clone(),
                r.verdict.name().replace('_', " "),
                format!("{:.2}", r.reward.total),
                r.tokens.to_string(),
                r.text.replace('\n', " "),
            ]
        };
        let grid = Grid {
            columns: columns.iter().map(|c| ((*c).to_string(), number(c))).collect(),
            rows: self.iter().map(|r| Some(row(r))).collect(),
            note: format!("{} rollouts", self.len()),
        };
        grid.shortened().content()
    }
}

impl Show for RolloutRow {
    fn content(&self) -> Content {
        let head = format!(
            "step {}, {}: {}, reward {:.2}, {} tokens, gold {}",
            self.step,
            self.problem,
            self.verdict.name().replace('_', " "),
            self.reward.total,
            self.tokens,
            self.gold
        );
        let escaped = crate::report::html::escaped;
        let rich = format!(
            "<p><b>{}</b></p>\n<pre style=\"white-space:pre-wrap\">{}</pre>\n",
            escaped(&head),
            escaped(&self.text)
        );
        Content::html(rich, format!("{head}\n\n{}", self.text))
    }
}
