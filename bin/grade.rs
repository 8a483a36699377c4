//! `grade`: grades files of answers, and evaluations that were already sampled.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use howard::answer::{Grader, Mode, Policy};
use howard::cli::{self, grading};
use howard::{disk, frame};

/// Grade answers: JSON lines {"gold", "pred"} in, the same lines with `correct`, `verdict`, `reason` and more out.
///
/// Example: a file of completions with their gold answers, then the same as bare answers under the reward's policy:
///
///   grade --in completions.jsonl --out graded.jsonl
///   grade --in answers.jsonl --answers --policy training
///
/// Grade an evaluation again without sampling again; --out writes the frame with the new verdicts:
///
///   grade --results results/tiny/records.parquet --mode normalized --out regraded.parquet
///
/// A line may set `decimal_comma` and `same_form` for itself, and `tolerance`: how far numbers may be off (0.1, "1e-3",
/// or one for each element: [1e34, 0.001]). What counts as equal: docs/grading.md.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = cli::EXIT_CODES)]
struct Args {
    /// JSON lines to grade; `-` reads standard input
    #[arg(
        long = "in",
        value_name = "FILE",
        required_unless_present = "results",
        conflicts_with = "results"
    )]
    input: Option<PathBuf>,
    /// A frame of an evaluation (.parquet, .csv, .jsonl) to grade again
    #[arg(long, value_name = "FRAME")]
    results: Option<PathBuf>,
    /// Where to write [default: standard output; with --results, only the summary]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// `pred` holds bare answers, not completions with a box
    #[arg(long)]
    answers: bool,
    /// How much is forgiven
    #[arg(long, value_enum, default_value = "evaluation")]
    policy: PolicyName,
    /// What is compared
    #[arg(long, value_enum, default_value = "exact")]
    mode: ModeName,
    /// Also take `#### x` or "the answer is x" where a completion has no box
    #[arg(long)]
    fallback: bool,
    /// A comma may stand before decimals: 1,22 is 1.22, unless it is compared with a list
    #[arg(long)]
    decimal_comma: bool,
    /// An expression must have the gold answer's form: for problems that say factor, expand or simplify
    #[arg(long)]
    same_form: bool,
    /// Show what gold answer and prediction were read as, instead of JSON
    #[arg(long, conflicts_with = "results")]
    explain: bool,
    /// Threads [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PolicyName {
    /// Whatever is mathematically the same
    Evaluation,
    /// As a reward: a number must be answered by a number in lowest terms
    Training,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    /// Values
    Exact,
    /// Normalised strings only, as the study's answers were most likely graded
    Normalized,
}

fn main() -> ExitCode {
    cli::main("grade", || run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<u8> {
    let grader = Grader {
        policy: match args.policy {
            PolicyName::Evaluation => Policy::Evaluation,
            PolicyName::Training => Policy::Training,
        },
        mode: match args.mode {
            ModeName::Exact => Mode::Exact,
            ModeName::Normalized => Mode::Normalized,
        },
        fallback: args.fallback,
        decimal_comma: args.decimal_comma,
        same_form: args.same_form,
    };
    match (&args.input, &args.results) {
        (Some(input), _) => lines(args, input, grader),
        (None, Some(results)) => regrade(args, results, &grader),
        (None, None) => bail!("give --in FILE or --results FRAME"),
    }
}

fn lines(args: &Args, input: &Path, grader: Grader) -> anyhow::Result<u8> {
    let mut bytes = Vec::new();
    if input == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
    } else {
        bytes = std::fs::read(input).with_context(|| input.display().to_string())?;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.map_or(cores, usize::from);
    let lines = grading::Lines { grader, answers: args.answers, explain: args.explain, threads };
    let start = Instant::now();
    let graded = lines.run(&bytes);
    let seconds = start.elapsed().as_secs_f64();
    match &args.out {
        Some(out) => disk::write_atomic(out, graded.text.as_bytes())?,
        None => std::io::stdout().write_all(graded.text.as_bytes()).context("standard output")?,
    }
    let name =
        if input == Path::new("-") { "standard input".into() } else { input.display().to_string() };
    for (number, problem) in graded.malformed.iter().take(20) {
        eprintln!("{name}:{number}: {problem}; the line is left out");
    }
    if graded.malformed.len() > 20 {
        eprintln!("{name}: and {} more malformed lines", graded.malformed.len() - 20);
    }
    let [equal, different, none, undecided] = graded.counts;
    let total = graded.total();
    eprintln!(
        "{}: {equal} of {total} correct ({:.2} %), {different} wrong, {none} without an answer, {undecided} undecided, \
         {} malformed; {:.0} lines/s with {threads} thread{}",
        lines.grader.name(),
        100.0 * equal as f64 / (total.max(1)) as f64,
        graded.malformed.len(),
        total as f64 / seconds.max(1e-9),
        if threads == 1 { "" } else { "s" },
    );
    Ok(if graded.malformed.is_empty() { cli::OK } else { cli::SOME_FAILED })
}

fn regrade(args: &Args, results: &Path, grader: &Grader) -> anyhow::Result<u8> {
    let mut records = frame::to_records(&frame::io::read(results, None)?)
        .with_context(|| results.display().to_string())?;
    let changes = grading::regrade(&mut records, grader);
    if let Some(out) = &args.out {
        frame::io::write(&mut frame::from_records(&records)?, out)?;
    }
    let (before, after) = changes.correct;
    eprintln!("{}: {} rows; correct {before} before, {after} now", grader.name(), changes.rows);
    for (from, to, count) in &changes.verdicts {
        println!("{count} from {} to {}", from.name(), to.name());
    }
    Ok(cli::OK)
}
