//! The report of evaluations: accuracy with intervals, outcomes, lengths, transcripts.

use super::{Page, Table, origin, percent};
use crate::error::{Error, Result};
use crate::frame::summary::{self, Summary};
use crate::plot;
use crate::run::Manifest;
use crate::stats::Estimate;
use crate::types::{EvalRecord, Verdict};

/// Longest transcript that is shown whole, in characters.
const TRANSCRIPT: usize = 1500;

/// One evaluated run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its graded samples.
    pub records: Vec<EvalRecord>,
    /// Where it came from, if known.
    pub manifest: Option<Manifest>,
}

fn range(e: &Estimate) -> String {
    format!("{} to {}", percent(e.lo), percent(e.hi))
}

/// The headline: a row per run and benchmark.
pub fn headline(records: &[EvalRecord]) -> Table {
    let mut table = Table::new(
        2,
        &[
            "run",
            "benchmark",
            "problems",
            "samples",
            "correct",
            "accuracy %",
            "95 % interval",
            "+- normal",
            "cut %",
        ],
    );
    for row in summary::by_benchmark(records) {
        let mark = if row.normal_is_valid() { "" } else { " (!)" };
        table.rows.push(vec![
            row.run.clone(),
            row.benchmark.clone(),
            row.problems.to_string(),
            row.samples.to_string(),
            row.correct().to_string(),
            percent(row.accuracy.value),
            range(&row.accuracy),
            format!("{}{mark}", percent(row.normal_half_width)),
            percent(row.truncation_rate),
        ]);
    }
    table
}

/// The page of some evaluated runs.
///
/// # Errors
/// There are no records.
pub fn page(runs: &[Run], command: &str) -> Result<Page> {
    let records: Vec<EvalRecord> =
        runs.iter().flat_map(|run| run.records.iter().cloned()).collect();
    if records.is_empty() {
        return Err(Error::data("report", "the frames hold no samples"));
    }
    let rows = summary::by_benchmark(&records);
    let mut page = Page::new("Evaluation", command);
    page.text(&opening(&rows));
    accuracy(&mut page, &rows, &records)?;
    outcomes(&mut page, &rows)?;
    by_level(&mut page, &records)?;
    lengths(&mut page, &rows, &records)?;
    transcripts(&mut page, &records);
    provenance(&mut page, runs, &records);
    Ok(page)
}

fn label(row: &Summary, many: bool) -> String {
    if many { format!("{} {}", row.run, row.benchmark) } else { row.benchmark.clone() }
}

fn several_runs(rows: &[Summary]) -> bool {
    rows.iter().any(|row| row.run != rows[0].run)
}

fn opening(rows: &[Summary]) -> String {
    let samples: u64 = rows.iter().map(|r| r.samples).sum();
    let correct: u64 = rows.iter().map(Summary::correct).sum();
    format!(
        "{samples} samples on {} benchmarks, {correct} correct. Every sample has exactly one outcome.",
        {
            let mut names: Vec<&str> = rows.iter().map(|r| r.benchmark.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names.len()
        }
    )
}

fn accuracy(page: &mut Page, rows: &[Summary], records: &[EvalRecord]) -> Result<()> {
    page.heading("Accuracy");
    page.table(&headline(records));
    page.text(
        "The interval is Wilson's where each problem has one sample, and clustered over problems where it has several. \
         `+- normal` is half the width of the normal approximation, for comparison with papers that print it; `(!)` \
         marks where it cannot be trusted (n p (1 - p) below 5). `cut %` is the share of completions that reached the \
         token limit.",
    );
    let many = several_runs(rows);
    let dots: Vec<(String, Estimate)> = rows.iter().map(|r| (label(r, many), r.accuracy)).collect();
    page.figure(
        "accuracy",
        "accuracy per benchmark with 95 % intervals",
        plot::intervals("Accuracy", &dots)?,
    );
    Ok(())
}

fn outcomes(page: &mut Page, rows: &[Summary]) -> Result<()> {
    page.heading("Outcomes");
    let mut table = Table::new(
        2,
        &["run", "benchmark", "correct", "wrong", "no answer", "truncated", "failed", "sum"],
    );
    for row in rows {
        let counts = row.outcomes.iter().map(u64::to_string);
        let mut cells = vec![row.run.clone(), row.benchmark.clone()];
        cells.extend(counts);
        cells.push(row.outcomes.iter().sum::<u64>().to_string());
        table.rows.push(cells);
    }
    page.table(&table);
    let many = several_runs(rows);
    let bars: Vec<(String, [u64; 5])> = rows.iter().map(|r| (label(r, many), r.outcomes)).collect();
    page.figure(
        "outcomes",
        "shares of the five outcomes per benchmark",
        plot::outcomes("Outcomes", &bars)?,
    );
    Ok(())
}

fn by_level(page: &mut Page, records: &[EvalRecord]) -> Result<()> {
    let rows = summary::by_level(records);
    if rows.is_empty() {
        return Ok(());
    }
    page.heading("By level");
    let mut table =
        Table::new(2, &["run", "benchmark", "level", "samples", "accuracy %", "95 % interval"]);
    let mut sorted: Vec<&Summary> = rows.iter().collect();
    sorted.sort_by(|a, b| (&a.run, &a.benchmark, a.level).cmp(&(&b.run, &b.benchmark, b.level)));
    let mut series: Vec<(String, Vec<(u8, Estimate)>)> = Vec::new();
    let many = several_runs(&rows);
    for row in sorted {
        let level = row.level.unwrap_or(0);
        table.rows.push(vec![
            row.run.clone(),
            row.benchmark.clone(),
            level.to_string(),
            row.samples.to_string(),
            percent(row.accuracy.value),
            range(&row.accuracy),
        ]);
        let name = label(row, many);
        match series.last_mut().filter(|(last, _)| *last == name) {
            Some((_, points)) => points.push((level, row.accuracy)),
            None => series.push((name, vec![(level, row.accuracy)])),
        }
    }
    page.table(&table);
    page.figure(
        "levels",
        "accuracy by level with 95 % intervals",
        plot::levels("Accuracy by level", &series)?,
    );
    Ok(())
}

fn lengths(page: &mut Page, rows: &[Summary], records: &[EvalRecord]) -> Result<()> {
    page.heading("Lengths");
    let mut table = Table::new(2, &["run", "benchmark", "mean tokens", "median tokens", "cut %"]);
    for row in rows {
        table.rows.push(vec![
            row.run.clone(),
            row.benchmark.clone(),
            format!("{:.1}", row.mean_tokens),
            format!("{:.1}", row.median_tokens),
            percent(row.truncation_rate),
        ]);
    }
    page.table(&table);
    let mut tokens: [Vec<u32>; 5] = Default::default();
    for record in records {
        let verdict = Verdict::ALL.iter().position(|v| *v == record.verdict).unwrap_or(0);
        tokens[verdict].push(record.completion_tokens);
    }
    if tokens.iter().flatten().any(|&t| t > 0) {
        page.figure(
            "lengths",
            "completion lengths by outcome",
            plot::lengths("Completion lengths", &tokens)?,
        );
    }
    Ok(())
}

/// The first correct and the first two other samples of each run and benchmark.
fn transcripts(page: &mut Page, records: &[EvalRecord]) {
    page.heading("Transcripts");
    page.text(&format!(
        "The first correct and the first two other samples of each run and benchmark, cut at {TRANSCRIPT} characters."
    ));
    for row in summary::by_benchmark(records) {
        let own = || records.iter().filter(|r| r.run == row.run && r.benchmark == row.benchmark);
        let right = own().filter(|r| r.verdict == Verdict::Correct).take(1);
        let others = own().filter(|r| r.verdict != Verdict::Correct).take(2);
        for record in right.chain(others) {
            page.text(&format!(
                "**{}**, {} sample {}: {} ({} tokens, gold `{}`, answer {})",
                record.benchmark,
                record.problem,
                record.sample,
                record.verdict.name().replace('_', " "),
                record.completion_tokens,
                record.gold.replace('`', "'"),
                record.answer.as_ref().map_or("none".into(), |a| format!(
                    "`{}`",
                    a.replace('`', "'").replace('\n', " ")
                )),
            ));
            page.verbatim(&shortened(&record.text));
        }
    }
}

fn shortened(text: &str) -> String {
    let total = text.chars().count();
    if total <= TRANSCRIPT {
        return text.to_string();
    }
    let head: String = text.chars().take(TRANSCRIPT).collect();
    format!("{head}\n... ({} characters more)", total - TRANSCRIPT)
}

fn provenance(page: &mut Page, runs: &[Run], records: &[EvalRecord]) {
    page.heading("Where the numbers come from");
    let mut table = Table::new(
        9,
        &["run", "model", "grader", "seed", "revision", "device", "machine", "command", "ended"],
    );
    for run in runs {
        let Some(first) = run.records.first() else { continue };
        let mut cells = vec![
            first.run.clone(),
            first.model.clone(),
            first.grader.clone(),
            first.seed.to_string(),
        ];
        cells.extend(origin(run.manifest.as_ref()));
        table.rows.push(cells);
    }
    page.table(&table);
    page.text(&format!(
        "{} rows in all; hashes of models and data are in each run's `manifest.json`.",
        records.len()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Finish, ProblemId};

    fn record(i: u32) -> EvalRecord {
        EvalRecord {
            run: "tiny".into(),
            model: "m".into(),
            benchmark: if i < 6 { "easy" } else { "hard" }.into(),
            problem: ProblemId(format!("b:{i}")),
            level: Some(if i < 6 { 1 } else { 5 }),
            subject: None,
            sample: 0,
            seed: 0,
            verdict: Verdict::ALL[i as usize % 5],
            answer: (i % 5 < 2).then(|| "7".into()),
            gold: "7".into(),
            finish: if i % 5 == 3 { Finish::Length } else { Finish::Stop },
            prompt_tokens: 9,
            completion_tokens: 10 + i,
            logprob_sum: None,
            grader: "g/1".into(),
            text: format!("step {i}\n```\n\\boxed{{7}}"),
        }
    }

    /// The whole page against a committed one; HOWARD_BLESS=1 writes it anew.
    #[test]
    fn the_page_is_the_committed_one() {
        let run = Run { records: (0..12).map(record).collect(), manifest: None };
        let page = page(&[run], "report eval results/tiny").unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/eval_report.md");
        if std::env::var_os("HOWARD_BLESS").is_some() {
            std::fs::write(path, page.markdown()).unwrap();
        }
        assert_eq!(page.markdown(), std::fs::read_to_string(path).unwrap());
    }

    #[test]
    fn no_records_no_page() {
        assert!(page(&[], "x").is_err());
    }
}
