//! `report`: result frames to markdown and HTML pages with figures.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use howard::cli::{self, provenance};
use howard::report::ablation::{self, spec};
use howard::report::eval::{self, Run};
use howard::report::marked;
use howard::run::{self, Manifest};
use howard::stats::interval;
use howard::{disk, frame};

/// Turn result frames into pages with tables, intervals and figures. Needs neither the model nor libtorch.
#[derive(Parser)]
#[command(version, after_help = cli::EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Accuracy, outcomes, lengths and transcripts of evaluated runs.
    ///
    /// Example: `report eval results/tiny results/mine` writes reports/tiny/report.md and prints the headline table.
    Eval {
        /// Folders of runs, as `eval --out` wrote them
        #[arg(required = true)]
        runs: Vec<PathBuf>,
        /// Folder of the report [default: reports/ and the name of the first run]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Models x benchmarks with intervals, paired tests against the baseline, voting, training curves, provenance.
    ///
    /// Examples: `report ablation results/base results/sft results/grpo` (the first run is the baseline);
    /// `report ablation results/published/study.toml --interval normal`; a TOML file names rows, runs and claims.
    /// With --check or --update, the table between `<!-- howard:ablation begin -->` and `<!-- howard:ablation end -->`.
    Ablation(Ablation),
}

#[derive(clap::Args)]
struct Ablation {
    /// A TOML file that names rows; or folders of runs and frames; or an ablation_results.json
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Interval in the table: normal (printed as +-), wilson, clopper-pearson, agresti-coull or jeffreys
    #[arg(long, default_value = "wilson")]
    interval: String,
    /// Folder of the report [default: reports/ and the name of the first input]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Compare the table in this file with the frames; exit code 1 if it differs; writes no report
    #[arg(long, value_name = "README", conflicts_with = "update")]
    check: Option<PathBuf>,
    /// Write the table into this file; writes no report
    #[arg(long, value_name = "README")]
    update: Option<PathBuf>,
    /// Name in the markers of --check and --update
    #[arg(long, default_value = "ablation")]
    marker: String,
    /// Also write the results: .json in the study's shape, or a long summary as .csv, .parquet or .jsonl
    #[arg(long)]
    results: Option<PathBuf>,
}

fn main() -> ExitCode {
    cli::main("report", || match Args::parse().what {
        What::Eval { runs, out } => evaluations(&runs, out),
        What::Ablation(args) => ablation(&args),
    })
}

fn named(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(Path::new("reports").join(path.file_stem().context("the first run has no name")?))
}

fn ablation(args: &Ablation) -> anyhow::Result<u8> {
    let method = interval::by_name(&args.interval)?;
    let ablation = spec::read(&args.inputs)?;
    if let Some(path) = &args.results {
        ablation::results(&ablation)?.write(path)?;
    }
    if let Some(readme) = args.check.as_ref().or(args.update.as_ref()) {
        let expected = ablation::readme(&ablation, method)?;
        let (name, text) = (readme.display().to_string(), disk::read_text(readme)?);
        if args.update.is_some() {
            let text = marked::replaced(&text, &args.marker, &name, &expected)?;
            disk::write_atomic(readme, text.as_bytes())?;
            return Ok(cli::OK);
        }
        let there = marked::between(&text, &args.marker, &name)?;
        return Ok(match marked::first_difference(there, &expected) {
            None => cli::OK,
            Some(difference) => {
                eprintln!("report: {name}: {difference}: run again with --update {name}");
                cli::SOME_FAILED
            }
        });
    }
    let page = ablation::page(&ablation, method, &provenance::command_line())?;
    let out = args.out.clone().map_or_else(|| named(&args.inputs[0]), Ok)?;
    let path = page.write(&out)?;
    print!("{}", ablation::main_table(&ablation, method)?.plain());
    println!("\n{}", path.display());
    Ok(cli::OK)
}

fn evaluations(dirs: &[PathBuf], out: Option<PathBuf>) -> anyhow::Result<u8> {
    let runs = dirs.iter().map(|dir| read(dir)).collect::<anyhow::Result<Vec<Run>>>()?;
    let out = out.map_or_else(|| named(&dirs[0]), Ok)?;
    let page = eval::page(&runs, &provenance::command_line())?;
    let path = page.write(&out)?;
    let records: Vec<_> = runs.iter().flat_map(|run| run.records.iter().cloned()).collect();
    print!("{}", eval::headline(&records).plain());
    println!("\n{}", path.display());
    Ok(cli::OK)
}

fn read(dir: &Path) -> anyhow::Result<Run> {
    anyhow::ensure!(
        dir.is_dir(),
        "{}: there is no such run: give a folder that `eval --out` wrote",
        dir.display()
    );
    anyhow::ensure!(
        dir.join(run::DONE).exists(),
        "{}: this run is not finished (no file DONE): give its command again, it goes on where it was",
        dir.display()
    );
    let manifest_path = dir.join(run::MANIFEST);
    let manifest =
        if manifest_path.exists() { Some(Manifest::read(&manifest_path)?) } else { None };
    Ok(Run { records: frame::read_records(&dir.join(run::RECORDS))?, manifest })
}
