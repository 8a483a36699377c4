//! `report`: result frames to markdown pages with figures.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use howard::cli::{self, provenance};
use howard::frame;
use howard::report::eval::{self, Run};
use howard::run::{self, Manifest};

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
}

fn main() -> ExitCode {
    cli::main("report", || {
        let What::Eval { runs, out } = Args::parse().what;
        report(&runs, out)
    })
}

fn report(dirs: &[PathBuf], out: Option<PathBuf>) -> anyhow::Result<u8> {
    let runs = dirs.iter().map(|dir| read(dir)).collect::<anyhow::Result<Vec<Run>>>()?;
    let name = dirs[0].file_name().context("the first run has no name")?;
    let out = out.unwrap_or_else(|| Path::new("reports").join(name));
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
