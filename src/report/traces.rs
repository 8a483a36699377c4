//! Yield and lengths of reasoning traces, per level.

use super::{Page, Table};
use crate::error::Result;
use crate::frame::summary::{Summary, by_benchmark, by_level};
use crate::plot;
use crate::trace::{Selected, length};
use crate::types::{EvalRecord, Verdict};

/// Summaries of a teacher's samples: one row for each data set, then one for each of its levels.
pub fn yields(records: &[EvalRecord]) -> Vec<Summary> {
    [by_benchmark(records), by_level(records)].concat()
}

/// Yield and length per level, as a table.
pub fn table(rows: &[Summary], selected: &Selected) -> Table {
    let head = [
        "data",
        "level",
        "problems",
        "samples",
        "correct",
        "yield %",
        "95 % interval",
        "median tokens",
        "kept",
        "median characters",
    ];
    let mut table = Table::new(2, &head);
    for row in rows {
        let kept = selected.kept.iter().filter(|t| {
            t.benchmark == row.benchmark && (row.level.is_none() || t.level == row.level)
        });
        let mut chars: Vec<usize> = kept.map(length).collect();
        chars.sort_unstable();
        let e = &row.accuracy;
        table.rows.push(vec![
            row.benchmark.clone(),
            row.level.map_or_else(|| "all".into(), |l| l.to_string()),
            row.problems.to_string(),
            row.samples.to_string(),
            row.correct().to_string(),
            format!("{:.1}", 100.0 * e.value),
            format!("{:.1} to {:.1}", 100.0 * e.lo, 100.0 * e.hi),
            format!("{:.0}", row.median_tokens),
            chars.len().to_string(),
            chars.get(chars.len() / 2).map_or_else(|| "-".into(), ToString::to_string),
        ]);
    }
    table
}

/// The page of a run of `traces`.
///
/// # Errors
/// A figure cannot be drawn.
pub fn page(records: &[EvalRecord], selected: &Selected, command: &str) -> Result<Page> {
    let mut page = Page::new("Reasoning traces", command);
    page.text(&format!(
        "{} samples, {} traces kept, {} correct ones not needed, {} not correct (kept apart in wrong.jsonl).",
        records.len(), selected.kept.len(), selected.spare, selected.apart.len()
    ));
    let rows = yields(records);
    page.heading("Yield");
    page.table(&table(&rows, selected));
    let series: Vec<_> = by_benchmark(records)
        .iter()
        .map(|all| {
            let of = rows.iter().filter(|r| r.benchmark == all.benchmark);
            let points = of.filter_map(|r| Some((r.level?, r.accuracy))).collect::<Vec<_>>();
            (all.benchmark.clone(), points)
        })
        .filter(|(_, points)| !points.is_empty())
        .collect();
    if !series.is_empty() {
        page.figure(
            "yield",
            "Share of correct samples by level",
            plot::levels("Yield by level", &series)?,
        );
    }
    let tokens = Verdict::ALL.map(|v| {
        records.iter().filter(|r| r.verdict == v).map(|r| r.completion_tokens).collect::<Vec<_>>()
    });
    if tokens.iter().flatten().any(|&t| t > 0) {
        page.heading("Lengths");
        page.figure(
            "lengths",
            "Tokens of an answer by outcome",
            plot::lengths("Tokens of an answer", &tokens)?,
        );
    }
    Ok(page)
}
