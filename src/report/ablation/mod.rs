//! The ablation report: models x benchmarks with intervals, what may be concluded from it, and where it came from.

pub mod differences;
mod scores;
pub mod spec;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::curves::{self, Curves};
use super::{Page, Table, origin, vote};
use crate::error::{Error, Result};
use crate::frame::published::{self, Score};
use crate::frame::summary::{self, Key, Summary};
use crate::frame::{Cell, io};
use crate::plot;
use crate::run::Manifest;
use crate::stats::Method;
use crate::types::Verdict;

pub use differences::{Difference, differences};
pub use scores::{Compared, Scores, Test, compare};
pub use tables::{checks, legend, main_table};

/// Confidence of all intervals and one less the level of all tests.
pub const CONFIDENCE: f64 = 0.95;

/// A benchmark of an ablation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benchmark {
    /// Name in frames.
    pub name: String,
    /// Name in tables.
    pub label: String,
}

/// Where a cell's numbers come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Run folder or frame.
    pub path: PathBuf,
    /// Run.
    pub run: String,
    /// Model.
    pub model: String,
    /// Benchmark.
    pub benchmark: String,
    /// Grader and its version.
    pub grader: String,
    /// Seed.
    pub seed: u64,
    /// Manifest of the run, if there is one.
    pub manifest: Option<Manifest>,
}

/// One model of an ablation.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Name in tables.
    pub name: String,
    /// Whether it stands in the main table.
    pub main: bool,
    /// A remark.
    pub note: Option<String>,
    /// What is known, by benchmark.
    pub scores: BTreeMap<String, Scores>,
    /// What the source printed, by benchmark.
    pub printed: BTreeMap<String, String>,
    /// Provenance.
    pub sources: Vec<Source>,
    /// Training curves.
    pub training: Option<Curves>,
}

/// A further table over some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// A paragraph below it.
    #[serde(default)]
    pub text: String,
    /// Names of the rows.
    pub rows: Vec<String>,
    /// Row that the others are compared with.
    pub against: Option<String>,
}

/// A comparison that somebody draws a conclusion from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The conclusion, in words.
    pub text: Option<String>,
    /// Row that is said to be better.
    pub a: String,
    /// Row that it is compared with.
    pub b: String,
    /// Benchmarks; all that both have if none is named.
    #[serde(default)]
    pub benchmarks: Vec<String>,
    /// Differences as printed by the source, by benchmark, in points; checked against the counts.
    #[serde(default)]
    pub printed: BTreeMap<String, String>,
}

/// Everything an ablation report is made of.
#[derive(Clone, Debug, Default)]
pub struct Ablation {
    /// Title.
    pub title: String,
    /// Paragraphs below it.
    pub text: Vec<String>,
    /// The numbers are somebody else's.
    pub published: bool,
    /// Row that others are compared with.
    pub baseline: Option<String>,
    /// Columns in order.
    pub benchmarks: Vec<Benchmark>,
    /// Rows in order.
    pub rows: Vec<Row>,
    /// Further tables.
    pub sections: Vec<Section>,
    /// Comparisons besides those with the baseline.
    pub claims: Vec<Claim>,
}

impl Ablation {
    /// Checks that every name is known and none stands twice.
    ///
    /// # Errors
    /// The first name that is wrong.
    pub fn check(&self) -> Result<()> {
        for (i, row) in self.rows.iter().enumerate() {
            if self.rows[..i].iter().any(|other| other.name == row.name) {
                return Err(Error::data("row", format!("'{}' stands twice", row.name)));
            }
        }
        if !self.rows.iter().any(|row| row.main) {
            return Err(Error::data("row", "there is no row for the main table"));
        }
        let sections = self.sections.iter().flat_map(|s| s.rows.iter().chain(&s.against));
        let claims = self.claims.iter().flat_map(|c| [&c.a, &c.b]);
        for name in self.baseline.iter().chain(sections).chain(claims) {
            self.row(name)?;
        }
        for name in self.claims.iter().flat_map(|c| c.benchmarks.iter().chain(c.printed.keys())) {
            if !self.benchmarks.iter().any(|b| b.name == *name) {
                return Err(Error::data("claim", format!("there is no benchmark '{name}'")));
            }
        }
        Ok(())
    }

    /// The row of a name.
    ///
    /// # Errors
    /// There is none; the message lists the names.
    pub fn row(&self, name: &str) -> Result<&Row> {
        self.rows.iter().find(|row| row.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.rows.iter().map(|row| row.name.as_str()).collect();
            Error::data(
                "row",
                format!("there is no row '{name}' (there are: {})", names.join(", ")),
            )
        })
    }

    /// Label of a benchmark.
    pub fn label<'a>(&'a self, name: &'a str) -> &'a str {
        self.benchmarks.iter().find(|b| b.name == name).map_or(name, |b| b.label.as_str())
    }

    /// Every cell with single answers, its run replaced by the row's name.
    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for row in &self.rows {
            for benchmark in &self.benchmarks {
                if let Some(Scores::Samples(cell)) = row.scores.get(&benchmark.name) {
                    let benchmark = benchmark.label.clone();
                    cells.push(Cell { run: row.name.clone(), benchmark, ..cell.clone() });
                }
            }
        }
        cells
    }
}

/// The page.
///
/// # Errors
/// Two rows that are compared were asked different problems; a figure cannot be drawn.
pub fn page(ablation: &Ablation, method: Method, command: &str) -> Result<Page> {
    let mut page = Page::new(&ablation.title, command);
    if ablation.published {
        page.text("**Published elsewhere, not measured by us**: the numbers below were typed in; all intervals and tests follow from the counts.");
    }
    for paragraph in &ablation.text {
        page.text(paragraph);
    }
    page.heading("Results");
    page.table(&main_table(ablation, method)?);
    page.text(&legend(ablation, method));
    tables::figure(&mut page, ablation, method)?;
    let found = differences(ablation)?;
    differences::claims(&mut page, ablation, &found);
    differences::all(&mut page, ablation, &found)?;
    for section in &ablation.sections {
        tables::section(&mut page, ablation, section, method)?;
    }
    tables::printed(&mut page, ablation);
    tables::sizes(&mut page, ablation);
    let cells = ablation.cells();
    voting(&mut page, &cells)?;
    training(&mut page, ablation)?;
    samples(&mut page, &cells)?;
    provenance(&mut page, ablation);
    Ok(page)
}

/// What stands between the markers of a README: the main table and its legend.
///
/// # Errors
/// Two rows were asked different problems of a benchmark.
pub fn readme(ablation: &Ablation, method: Method) -> Result<String> {
    Ok(format!("{}\n{}\n", main_table(ablation, method)?.markdown(), legend(ablation, method)))
}

/// The numbers of an ablation, to be written in one of two shapes.
#[derive(Clone, Debug)]
pub struct Results {
    counts: published::Results,
    rows: Vec<Summary>,
}

/// The numbers of an ablation.
///
/// # Errors
/// A row has no counts at all.
pub fn results(ablation: &Ablation) -> Result<Results> {
    let cells = ablation.cells();
    let rows = summary::by(&cells, &[Key::Run, Key::Model, Key::Benchmark]);
    let mut counts = published::Results::new();
    for row in &ablation.rows {
        for (benchmark, scores) in &row.scores {
            let score = match scores {
                Scores::Counts { correct, n } => Score::new(*correct, *n),
                Scores::Samples(cell) => Score::new(cell.correct(), cell.samples()),
            };
            counts.entry(row.name.clone()).or_default().insert(benchmark.clone(), score);
        }
    }
    if counts.is_empty() {
        return Err(Error::data("results", "no row has counts"));
    }
    Ok(Results { counts, rows })
}

impl Results {
    /// Writes them: `.json` in the study's shape, else the long summary of what has single answers.
    ///
    /// # Errors
    /// The kind of file is unknown or it cannot be written; a long summary of counts alone.
    pub fn write(&self, path: &Path) -> Result<()> {
        if path.extension().is_some_and(|e| e == "json") {
            return published::write(&self.counts, path);
        }
        if self.rows.is_empty() {
            return Err(Error::file(
                path,
                "a long summary needs single answers, and there are only counts: write .json",
            ));
        }
        io::write(&mut summary::long(&self.rows)?, path)
    }
}

fn voting(page: &mut Page, cells: &[Cell]) -> Result<()> {
    let several: Vec<Cell> = cells.iter().filter(|cell| cell.fewest() > 1).cloned().collect();
    if several.is_empty() {
        return Ok(());
    }
    page.heading("Voting");
    page.table(&vote::table(&several)?);
    page.text(vote::LEGEND);
    Ok(())
}

fn training(page: &mut Page, ablation: &Ablation) -> Result<()> {
    let runs: Vec<(&str, &Curves)> = ablation
        .rows
        .iter()
        .filter_map(|row| Some((row.name.as_str(), row.training.as_ref()?)))
        .collect();
    if runs.is_empty() {
        return Ok(());
    }
    page.heading("Training");
    page.text(
        "One point is the mean over as many steps as it takes to keep a line below 120 points.",
    );
    curves::figures(page, &runs)
}

/// Outcomes and lengths: every sample is counted somewhere.
fn samples(page: &mut Page, cells: &[Cell]) -> Result<()> {
    if cells.is_empty() {
        return Ok(());
    }
    let rows = summary::by(cells, &[Key::Run, Key::Benchmark]);
    page.heading("Outcomes");
    let mut head = vec!["model", "benchmark", "problems", "samples"];
    head.extend([
        "correct",
        "wrong",
        "no answer",
        "truncated",
        "failed",
        "cut %",
        "mean tokens",
        "median tokens",
    ]);
    let mut table = Table::new(2, &head);
    for row in &rows {
        let mut cells = vec![
            row.run.clone(),
            row.benchmark.clone(),
            row.problems.to_string(),
            row.samples.to_string(),
        ];
        cells.extend(row.outcomes.iter().map(u64::to_string));
        cells.push(super::percent(row.truncation_rate));
        // Completions made elsewhere may come without their lengths.
        let known = row.mean_tokens > 0.0;
        let tokens = |t: f64| if known { format!("{t:.1}") } else { "unknown".into() };
        cells.extend([tokens(row.mean_tokens), tokens(row.median_tokens)]);
        table.rows.push(cells);
    }
    page.table(&table);
    page.text("The five outcomes add up to the samples: none is excluded. A failed or cut sample counts as not correct.");
    let one = rows.iter().all(|row| row.benchmark == rows[0].benchmark);
    let label = |row: &Summary| {
        if one { row.run.clone() } else { format!("{}, {}", row.benchmark, row.run) }
    };
    let mut bars: Vec<(String, [u64; 5])> =
        rows.iter().map(|row| (label(row), row.outcomes)).collect();
    bars.sort_by(|a, b| {
        if one {
            std::cmp::Ordering::Equal
        } else {
            a.0.split(',').next().cmp(&b.0.split(',').next())
        }
    });
    page.figure("outcomes", "shares of the five outcomes", plot::outcomes("Outcomes", &bars)?);
    let mut tokens: [Vec<u32>; 5] = Default::default();
    for sample in cells.iter().flat_map(|c| &c.items).flat_map(|item| &item.samples) {
        let verdict = Verdict::ALL.iter().position(|v| *v == sample.verdict).unwrap_or(0);
        tokens[verdict].push(sample.tokens);
    }
    if tokens.iter().flatten().any(|&t| t > 0) {
        page.figure(
            "lengths",
            "completion lengths by outcome",
            plot::lengths("Completion lengths, all models", &tokens)?,
        );
    }
    Ok(())
}

fn provenance(page: &mut Page, ablation: &Ablation) {
    page.heading("Where the numbers come from");
    let mut table = Table::new(
        10,
        &[
            "row",
            "benchmark",
            "model",
            "run",
            "grader",
            "seed",
            "revision",
            "device",
            "machine",
            "command",
            "ended",
        ],
    );
    table.names = table.head.len();
    for row in &ablation.rows {
        for source in &row.sources {
            let mut cells = vec![
                row.name.clone(),
                ablation.label(&source.benchmark).to_string(),
                source.model.clone(),
                source.path.display().to_string(),
                source.grader.clone(),
                source.seed.to_string(),
            ];
            cells.extend(origin(source.manifest.as_ref()));
            table.rows.push(cells);
        }
    }
    if table.rows.is_empty() {
        page.text("All numbers are counts typed in from a publication; none was measured by us.");
        return;
    }
    page.table(&table);
    let typed = ablation.rows.iter().filter(|row| row.sources.is_empty()).count();
    let typed = if typed == 0 {
        String::new()
    } else {
        format!(" {typed} rows are counts without single answers.")
    };
    page.text(&format!("Hashes of models and data are in each run's `manifest.json`.{typed}"));
}
