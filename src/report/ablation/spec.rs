//! What an ablation consists of: a TOML file that names rows and where their numbers come from, or just some run folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::scores::Scores;
use super::{Ablation, Benchmark, Claim, Row, Section, Source};
use crate::disk;
use crate::error::{Error, Result};
use crate::frame::{self, Cell};
use crate::report::curves;
use crate::run::{self, Manifest};

/// The file, as people write it; `configs/ablation.toml` is an example.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    /// Title of the page.
    title: Option<String>,
    /// Paragraphs below it.
    #[serde(default)]
    text: Vec<String>,
    /// Numbers of somebody else's, typed in: the page says so.
    #[serde(default)]
    published: bool,
    /// Name of the row that others are compared with.
    baseline: Option<String>,
    /// Order, labels and (for counts) sizes of the benchmarks.
    #[serde(default)]
    benchmark: Vec<BenchmarkSpec>,
    row: Vec<RowSpec>,
    /// Further tables over some rows.
    #[serde(default)]
    section: Vec<Section>,
    /// Comparisons besides those with the baseline.
    #[serde(default)]
    claim: Vec<Claim>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BenchmarkSpec {
    name: String,
    label: Option<String>,
    problems: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowSpec {
    name: String,
    /// Evaluation runs (folders) or frames (files).
    #[serde(default)]
    runs: Vec<PathBuf>,
    /// Only this model's samples, where a frame holds several.
    model: Option<String>,
    /// Training run whose steps.jsonl gives the curves.
    training: Option<PathBuf>,
    /// Right answers by benchmark, where nothing else is known.
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    /// Accuracy as printed by the source, checked against the counts; alone where no count is known.
    #[serde(default)]
    printed: BTreeMap<String, String>,
    /// Whether the row stands in the main table.
    #[serde(default = "yes")]
    main: bool,
    /// A remark.
    note: Option<String>,
}

fn yes() -> bool {
    true
}

/// Reads an ablation: one TOML file, or run folders and frames, each of whose runs becomes a row. Paths in the file are
/// relative to the working directory.
///
/// # Errors
/// A file is missing or damaged, a run is not finished, a name is unknown or stands twice: one sentence.
pub fn read(inputs: &[PathBuf]) -> Result<Ablation> {
    match inputs {
        [file] if file.extension().is_some_and(|e| e == "toml") => from_file(file),
        [file] if file.extension().is_some_and(|e| e == "json") => from_results(file),
        _ => from_runs(inputs),
    }
}

fn from_file(path: &Path) -> Result<Ablation> {
    let text = disk::read_text(path)?;
    let spec: Spec = toml::from_str(&text).map_err(|e| {
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Error::parse(path, line, e.message().to_string())
    })?;
    let mut benchmarks: Vec<Benchmark> = spec
        .benchmark
        .iter()
        .map(|b| Benchmark {
            name: b.name.clone(),
            label: b.label.clone().unwrap_or_else(|| b.name.clone()),
        })
        .collect();
    let sizes: BTreeMap<&str, u64> =
        spec.benchmark.iter().filter_map(|b| Some((b.name.as_str(), b.problems?))).collect();
    let rows = spec.row.into_iter().map(|row| load(row, &sizes)).collect::<Result<Vec<Row>>>();
    let rows = rows.map_err(|e| match e {
        Error::Data { what, problem } => Error::file(path, format!("row '{what}': {problem}")),
        other => other,
    })?;
    add_missing(&mut benchmarks, &rows);
    let ablation = Ablation {
        title: spec.title.unwrap_or_else(|| "Ablation".into()),
        text: spec.text,
        published: spec.published,
        baseline: spec.baseline,
        benchmarks,
        rows,
        sections: spec.section,
        claims: spec.claim,
    };
    ablation.check().map_err(|e| match e {
        Error::Data { what, problem } => Error::file(path, format!("{what}: {problem}")),
        other => other,
    })?;
    Ok(ablation)
}

fn load(spec: RowSpec, sizes: &BTreeMap<&str, u64>) -> Result<Row> {
    let mut row = Row {
        name: spec.name.clone(),
        main: spec.main,
        note: spec.note,
        printed: spec.printed,
        training: spec.training.as_deref().map(curves::read).transpose()?,
        ..Row::default()
    };
    for (benchmark, &correct) in &spec.counts {
        let Some(&n) = sizes.get(benchmark.as_str()) else {
            let problem = format!(
                "counts of '{benchmark}' need its size: add [[benchmark]] with name and problems"
            );
            return Err(Error::data(spec.name, problem));
        };
        if correct > n {
            return Err(Error::data(spec.name, format!("{correct} right of {n} on '{benchmark}'")));
        }
        row.scores.insert(benchmark.clone(), Scores::Counts { correct, n });
    }
    for path in &spec.runs {
        let (cells, manifest) = read_run(path)?;
        let before = row.sources.len();
        for cell in cells {
            if spec.model.as_ref().is_none_or(|model| *model == cell.model) {
                row.add(cell, path, manifest.as_ref())?;
            }
        }
        if row.sources.len() == before {
            let problem = format!(
                "{} holds no samples of model '{}'",
                path.display(),
                spec.model.unwrap_or_default()
            );
            return Err(Error::data(spec.name, problem));
        }
    }
    if row.scores.is_empty() && row.printed.is_empty() {
        return Err(Error::data(spec.name, "has no numbers: give runs or counts"));
    }
    Ok(row)
}

fn from_runs(inputs: &[PathBuf]) -> Result<Ablation> {
    let mut rows: Vec<Row> = Vec::new();
    for path in inputs {
        let (cells, manifest) = read_run(path)?;
        // A frame of one run that holds several models is one row per model.
        let several = cells.iter().any(|c| c.run == cells[0].run && c.model != cells[0].model);
        for cell in cells {
            let name = if several { cell.model.clone() } else { cell.run.clone() };
            let at = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
                rows.push(Row { name, main: true, ..Row::default() });
                rows.len() - 1
            });
            rows[at].add(cell, path, manifest.as_ref())?;
        }
    }
    let mut benchmarks = Vec::new();
    add_missing(&mut benchmarks, &rows);
    let baseline = rows.first().filter(|_| rows.len() > 1).map(|row| row.name.clone());
    let ablation =
        Ablation { title: "Ablation".into(), baseline, benchmarks, rows, ..Ablation::default() };
    ablation.check()?;
    Ok(ablation)
}

/// Counts of a file in the study's form.
fn from_results(path: &Path) -> Result<Ablation> {
    let row = |(name, scores): (String, BTreeMap<String, frame::published::Score>)| {
        let counts = |s: frame::published::Score| Scores::Counts { correct: s.correct, n: s.total };
        let scores =
            scores.into_iter().map(|(benchmark, score)| (benchmark, counts(score))).collect();
        Row { name, main: true, scores, ..Row::default() }
    };
    let rows: Vec<Row> = frame::published::read(path)?.into_iter().map(row).collect();
    let mut benchmarks = Vec::new();
    add_missing(&mut benchmarks, &rows);
    let baseline = rows.iter().map(|row| &row.name).find(|name| *name == "baseline").cloned();
    let ablation =
        Ablation { title: "Ablation".into(), baseline, benchmarks, rows, ..Ablation::default() };
    ablation.check()?;
    Ok(ablation)
}

impl Row {
    fn add(&mut self, cell: Cell, path: &Path, manifest: Option<&Manifest>) -> Result<()> {
        self.sources.push(Source {
            path: path.to_path_buf(),
            run: cell.run.clone(),
            model: cell.model.clone(),
            benchmark: cell.benchmark.clone(),
            grader: cell.grader.clone(),
            seed: cell.seed,
            manifest: manifest.cloned(),
        });
        let benchmark = cell.benchmark.clone();
        if self.scores.insert(benchmark.clone(), Scores::Samples(cell)).is_some() {
            let problem = format!("'{benchmark}' stands in two of its runs: give each its own row");
            return Err(Error::data(self.name.clone(), problem));
        }
        Ok(())
    }
}

/// Benchmarks that no list names, in order of appearance.
fn add_missing(benchmarks: &mut Vec<Benchmark>, rows: &[Row]) {
    for row in rows {
        let sources = row.sources.iter().map(|s| &s.benchmark);
        for name in sources.chain(row.scores.keys()).chain(row.printed.keys()) {
            if !benchmarks.iter().any(|b| b.name == *name) {
                benchmarks.push(Benchmark { name: name.clone(), label: name.clone() });
            }
        }
    }
}

/// The cells and the manifest of a finished run folder, or the cells of a frame.
///
/// # Errors
/// There is no such run, it is not finished, or its frame is damaged.
pub fn read_run(path: &Path) -> Result<(Vec<Cell>, Option<Manifest>)> {
    if path.is_file() {
        return Ok((frame::read_cells(path)?, None));
    }
    if !path.is_dir() {
        return Err(Error::file(
            path,
            "there is no such run: give a folder that `eval --out` wrote, or a frame",
        ));
    }
    if !path.join(run::DONE).exists() {
        let problem = "this run is not finished (no file DONE): give its command again, it goes on where it was";
        return Err(Error::file(path, problem));
    }
    let manifest = path.join(run::MANIFEST);
    let manifest = if manifest.exists() { Some(Manifest::read(&manifest)?) } else { None };
    Ok((frame::read_cells(&path.join(run::RECORDS))?, manifest))
}
