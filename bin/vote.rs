//! `vote`: maj@k and pass@k curves from one set of samples per problem.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use howard::cli::{self, provenance};
use howard::frame;
use howard::report::ablation::spec;
use howard::report::vote::{self, Rules, Score};
use howard::stats::vote::Tie;
use howard::stats::vote::draw::Subsets;

/// Majority voting over K samples per problem: maj@k and pass@k for k = 1 to K with intervals, from one set of samples,
/// and the gap between them split into what was never sampled, outvoted and tied.
///
/// Example: 16 samples per problem at temperature 0.7, as the study, then the curves:
///
///   eval --model data/tiny --benchmark mini --samples 16 --temperature 0.7 --out results/tiny-16
///   vote results/tiny-16
///
/// Weighted voting and best-of-k by a verifier's scores (CSV with columns problem, sample, score):
///
///   vote results/tiny-16 --score scores.csv
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = cli::EXIT_CODES)]
struct Args {
    /// Runs of `eval` with several samples per problem, or frames (.parquet, .csv, .jsonl)
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Largest k [default: the fewest samples of a problem]
    #[arg(short, long)]
    k: Option<usize>,
    /// Who wins a tie
    #[arg(long, value_enum, default_value = "lot")]
    tie: Ties,
    /// Also weighted voting and best-of-k: `logprob` (mean log-probability) or a file with columns problem, sample, score
    #[arg(long)]
    score: Option<String>,
    /// Subsets of the samples per problem where counting is not possible (ties by order, weights)
    #[arg(long, default_value_t = 2000)]
    draws: u64,
    /// Seed of the drawn subsets
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of the report [default: reports/ and the name of the first run, with -vote]
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ties {
    /// By lot among the tied: the expectation counts
    Lot,
    /// As wrong
    Wrong,
    /// For the right answer
    Right,
    /// For the answer that was sampled first
    First,
}

fn main() -> ExitCode {
    cli::main("vote", || run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<u8> {
    let mut cells = Vec::new();
    for path in &args.runs {
        cells.extend(spec::read_run(path)?.0);
    }
    let score = match args.score.as_deref() {
        None => None,
        Some("logprob") => Some(Score::MeanLogprob),
        Some(file) => Some(Score::Table(file.into(), frame::scores::read(file.as_ref())?)),
    };
    let tie = match args.tie {
        Ties::Lot => Tie::Lot,
        Ties::Wrong => Tie::Wrong,
        Ties::Right => Tie::Right,
        Ties::First => Tie::First,
    };
    let subsets = Subsets { most: args.draws, seed: args.seed };
    let rules = Rules { tie, score, subsets, most: args.k };
    let page = vote::page(&cells, &rules, &provenance::command_line())?;
    let out = args.out.clone().unwrap_or_else(|| {
        let name = args.runs[0].file_stem().map(|n| n.to_string_lossy().into_owned());
        PathBuf::from("reports").join(format!("{}-vote", name.unwrap_or_else(|| "run".into())))
    });
    let path = page.write(&out)?;
    print!("{}", vote::table(&cells)?.plain());
    println!("\n{}", path.display());
    Ok(cli::OK)
}
