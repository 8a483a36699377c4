//! `data`: the benchmarks, where they come from, what is in them.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use howard::bench::{self, BENCHMARKS, Benchmark, overlap};
use howard::cli::library::{Library, LibraryArgs};
use howard::cli::{self, Terminal};
use howard::hub::{Kind, Part, Repo, Wanted};

/// Benchmarks and training sets: list, fetch, verify, read and compare them.
///
/// Example: the study's five benchmarks from the hub, every row checked, then a look at one problem:
///
///   data fetch study
///   data show aime-2024 3
///
/// Files are kept in the cache that other tools of the hub use. Without network, put them into a
/// folder and name it with --data-root: `data list` says which. Programs that need a data set fetch
/// it themselves.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = AFTER_HELP)]
struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    library: LibraryArgs,
}

const AFTER_HELP: &str = concat!(
    "Environment: HF_HOME or HF_HUB_CACHE (where files are kept), HF_TOKEN (private and gated repositories), HF_ENDPOINT \
     (a mirror), HF_HUB_OFFLINE=1 (no request at all).\n\n",
    "Exit codes: 0 done; 1 done, but texts are worded differently from the table's copy; 2 could not run."
);

#[derive(Subcommand)]
enum What {
    /// All data sets: problems, licence, hub repository and revision.
    List,
    /// Fetch data sets, or a model, and verify them.
    ///
    /// Example: `data fetch study gsm8k-train` fetches and checks six data sets; `data fetch --model Qwen/Qwen3-0.6B` a
    /// model; `data fetch --dataset owner/name@main train.parquet` a file that you name as
    /// hf://datasets/owner/name@main/train.parquet. An interrupted download goes on where it was.
    Fetch {
        /// Names or suites; with --dataset the files that are wanted [default: all of them]
        #[arg(required_unless_present_any = ["model", "dataset"])]
        names: Vec<String>,
        /// A model on the hub: OWNER/NAME or OWNER/NAME@REVISION
        #[arg(long, conflicts_with_all = ["names", "dataset"])]
        model: Option<String>,
        /// Any data set on the hub: OWNER/NAME or OWNER/NAME@REVISION
        #[arg(long)]
        dataset: Option<String>,
    },
    /// Load data sets and compare them with what the table says.
    ///
    /// Example: `data verify study` checks row counts, gold answers and texts of the five benchmarks.
    Verify {
        /// Names or suites [default: all that are at hand]
        names: Vec<String>,
    },
    /// Print problems in a readable way.
    ///
    /// Example: `data show aime-2024 3` prints the third problem, `data show math-500 --level 5` all hard ones.
    Show {
        /// Name of a data set
        name: String,
        /// Which problem, counted from 1, or its id [default: all]
        which: Option<String>,
        /// Only problems of this level
        #[arg(long)]
        level: Option<u8>,
    },
    /// Problems of a training set that are also asked by benchmarks, by normalised text.
    ///
    /// Example: `data overlap math-train-hard study`
    Overlap {
        /// The training set
        train: String,
        /// Benchmarks or suites
        #[arg(default_value = "study")]
        test: Vec<String>,
    },
}

fn main() -> ExitCode {
    cli::main("data", || {
        let args = Args::parse();
        let library = Library::new(&args.library);
        match &args.what {
            What::List => list(),
            What::Fetch { model: Some(model), .. } => fetch_model(model),
            What::Fetch { dataset: Some(dataset), names, .. } => fetch_files(dataset, names),
            What::Fetch { names, .. } | What::Verify { names } => verify(names, &library),
            What::Show { name, which, level } => show(name, which.as_deref(), *level, &library),
            What::Overlap { train, test } => compare(train, test, &library),
        }
    })
}

fn list() -> anyhow::Result<u8> {
    for b in BENCHMARKS {
        println!("{:<20} {:>6} problems  {:<18} {}", b.name, b.rows, b.licence, b.about);
        if let Some(source) = b.source {
            let (hub, files) = (source.hub, source.hub.files.len());
            println!(
                "{:29} hub {}@{}, {files} file(s), split {}",
                "", hub.repo, hub.revision, hub.split
            );
            println!("{:29} without network: {} in --data-root", "", source.local);
        }
    }
    for (suite, members) in bench::SUITES {
        println!("{suite:<20} {}", members.join(", "));
    }
    Ok(cli::OK)
}

fn fetch_model(name: &str) -> anyhow::Result<u8> {
    let repo = Repo::parse(Kind::Model, name)?;
    let found = cli::hub::hub().model(&repo, Part::Whole, &mut Terminal::default())?;
    println!("{}", found.dir.display());
    Ok(cli::OK)
}

fn fetch_files(dataset: &str, names: &[String]) -> anyhow::Result<u8> {
    let repo = Repo::parse(Kind::Dataset, dataset)?;
    let wanted: Vec<Wanted> = names.iter().map(Wanted::new).collect();
    for path in cli::hub::hub().files(&repo, &wanted, &mut Terminal::default())? {
        println!("{}", path.display());
    }
    Ok(cli::OK)
}

fn verify(names: &[String], library: &Library) -> anyhow::Result<u8> {
    let (all, mut bad) = (names.is_empty(), false);
    let chosen: Vec<&Benchmark> =
        if all { BENCHMARKS.iter().collect() } else { bench::resolve(names)? };
    // Without a name, only what is here is looked at.
    let library = if all { library.at_hand() } else { library.clone() };
    for benchmark in chosen {
        match benchmark.check(&library) {
            Ok(checked) => {
                let texts = if checked.same_texts { "identical" } else { "worded differently" };
                println!(
                    "{:<20} {:>6} problems, gold answers {}, texts {} ({texts})",
                    benchmark.name, checked.problems, checked.golds, checked.content
                );
                bad |=
                    !checked.same_texts && benchmark.source.is_some_and(|s| !s.content.is_empty());
            }
            Err(error) if all => println!("{:<20} {error}", benchmark.name),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(if bad { cli::SOME_FAILED } else { cli::OK })
}

fn show(
    name: &str,
    which: Option<&str>,
    level: Option<u8>,
    library: &Library,
) -> anyhow::Result<u8> {
    let problems = bench::find(name)?.load(library)?;
    let mut shown = 0;
    for (number, p) in (1..).zip(&problems) {
        let asked = which.is_none_or(|w| w == p.id.0 || w == number.to_string());
        if !asked || (level.is_some() && p.level != level) {
            continue;
        }
        shown += 1;
        let level = p.level.map_or_else(String::new, |l| format!(", level {l}"));
        let subject = p.subject.as_ref().map_or_else(String::new, |s| format!(", {s}"));
        println!(
            "--- {number} of {}: {}{level}{subject}\n{}\n=> {}\n",
            problems.len(),
            p.id,
            p.text,
            p.gold
        );
    }
    anyhow::ensure!(shown > 0, "{name}: no such problem among its {}", problems.len());
    Ok(cli::OK)
}

fn compare(train: &str, test: &[String], library: &Library) -> anyhow::Result<u8> {
    let train_problems = bench::find(train)?.load(library)?;
    for benchmark in bench::resolve(test)? {
        let found = overlap::between(&train_problems, &benchmark.load(library)?);
        let noun = if found.len() == 1 { "problem" } else { "problems" };
        println!("{train} and {}: {} {noun} in common", benchmark.name, found.len());
        for o in found {
            let note =
                if o.train_gold == o.test_gold { "" } else { " (answers differ: look at both)" };
            println!(
                "  {} = {}: {} | {}{note}\n    {}",
                o.train, o.test, o.train_gold, o.test_gold, o.text
            );
        }
    }
    Ok(cli::OK)
}
