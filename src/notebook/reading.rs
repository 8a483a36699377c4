//! One sample, to be read.

use crate::bench::{self, Local};
use crate::error::Result;
use crate::notebook::{Content, Grid, Show};
use crate::report::Table;
use crate::report::html::escaped;
use crate::types::{EvalRecord, Problem};

/// A sample with the problem it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The sample.
    pub record: EvalRecord,
    /// The problem's text, where the benchmark's data are at hand.
    pub problem: Option<String>,
}

/// The problems of a benchmark: the mini-benchmarks always, others where their files are in the hub's cache.
///
/// # Errors
/// The benchmark is unknown, or its files are not at hand.
///
/// # Example
/// ```
/// assert_eq!(howard::notebook::problems("mini-math-500")?.len(), 500);
/// # Ok::<(), howard::error::Error>(())
/// ```
pub fn problems(benchmark: &str) -> Result<Vec<Problem>> {
    bench::find(benchmark)?.load(&Local::default())
}

impl Show for Vec<Problem> {
    fn content(&self) -> Content {
        let row = |p: &Problem| {
            let level = p.level.map_or_else(|| "-".into(), |level| level.to_string());
            vec![p.id.0.clone(), level, p.text.clone(), p.gold.clone()]
        };
        let mut table = Table::new(4, &["problem", "level", "text", "gold"]);
        table.rows = self.iter().map(row).collect();
        Grid::of_table(&table).shortened().content()
    }
}

impl Reading {
    /// A sample, with its problem looked up: the mini-benchmarks always have it, others where their files are in the
    /// hub's cache.
    pub fn of(record: &EvalRecord) -> Self {
        let text = problems(&record.benchmark)
            .ok()
            .and_then(|all| all.into_iter().find(|p| p.id == record.problem));
        Self { record: record.clone(), problem: text.map(|p| p.text) }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let r = &self.record;
        let mut facts = vec![
            ("benchmark", r.benchmark.clone()),
            ("problem", r.problem.0.clone()),
            ("sample", format!("{} of run {}", r.sample, r.run)),
            ("verdict", r.verdict.name().replace('_', " ")),
            ("answer", r.answer.clone().unwrap_or_else(|| "none".into())),
            ("gold", r.gold.clone()),
            ("tokens", r.completion_tokens.to_string()),
        ];
        if let Some(level) = r.level {
            facts.insert(2, ("level", level.to_string()));
        }
        if let Some(sum) = r.logprob_sum {
            let mean = (sum / f64::from(r.completion_tokens.max(1))).exp();
            facts.push(("probability per token", format!("{mean:.3}")));
        }
        facts
    }
}

impl Show for Reading {
    fn content(&self) -> Content {
        let facts = self.facts();
        let rows: String = facts
            .iter()
            .map(|(name, value)| {
                format!(
                    "<tr><th align=\"left\" style=\"text-align:left\">{name}</th><td align=\"left\" \
                     style=\"text-align:left\">{}</td></tr>\n",
                    escaped(value)
                )
            })
            .collect();
        let text = |title: &str, text: &str| {
            format!(
                "<p><b>{title}</b></p>\n<pre style=\"white-space:pre-wrap\">{}</pre>\n",
                escaped(text)
            )
        };
        let problem = self.problem.as_deref();
        let rich = format!(
            "<table><tbody>\n{rows}</tbody></table>\n{}{}",
            problem.map_or_else(String::new, |p| text("Problem", p)),
            text("Completion", &self.record.text)
        );
        let facts: String =
            facts.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let problem = problem.map_or_else(String::new, |p| format!("\n{p}\n"));
        Content::html(rich, format!("{facts}{problem}\n{}", self.record.text))
    }
}
