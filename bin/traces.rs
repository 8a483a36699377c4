//! `traces`: what a teacher writes, graded, as data for `sft`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use howard::bench::{self, PromptStyle, Shelf};
use howard::cli::library::{Library, LibraryArgs};
use howard::cli::{self, evaluation, provenance};
use howard::eval::config::EvalConfig;
use howard::frame::{io, summary};
use howard::report::traces as report;
use howard::trace::{self, OPENR1_COLUMNS, OpenR1, Reasons, Selection, Trace};
use howard::types::Verdict;
use howard::{disk, jsonl, run};
use howard_torch::any::AnySampler;

/// Let a teacher solve problems, keep what is correct.
///
/// Example: one solution for each of the study's 3,994 training problems, from a model behind a server:
///
///   traces --endpoint http://localhost:8000/v1 --model Qwen/Qwen3-235B-A22B-Instruct-2507 \
///     --benchmark math-train-hard --out results/traces
///
/// Your own problems go into the configuration, from a file with named columns:
///
///   traces --model Qwen/Qwen3-4B --set data.name=mine --set data.path=mine.jsonl \
///     --set data.columns.problem=question --set data.columns.answer=answer --out results/mine
///
/// OUT/traces.jsonl holds the correct ones in chat format, ready for `sft --set data.path=...`; OUT/wrong.jsonl the others;
/// OUT/report.md and OUT/yield.csv yield and lengths per level. Without --endpoint, --model is a folder. A killed run goes
/// on where it was, to the single completion; other --keep and --shortest select again without sampling.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, args_conflicts_with_subcommands = true, after_help = cli::EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    make: Make,
}

#[derive(Subcommand)]
enum What {
    /// Select solutions of OpenR1-Math-220k: verified, complete, not too long, and correct for our grader too.
    ///
    /// Example: `traces prepare-openr1 --max-chars 8000 --limit 5000 --source olympiads --out data/openr1.jsonl`
    #[command(name = "prepare-openr1")]
    PrepareOpenR1 {
        /// Longest solution in characters, 0 = any
        #[arg(long, default_value_t = 8000)]
        max_chars: usize,
        /// Shortest solution in characters
        #[arg(long, default_value_t = 0)]
        min_chars: usize,
        /// Collections, e.g. olympiads,amc_aime [default: all]
        #[arg(long, value_delimiter = ',')]
        source: Vec<String>,
        /// At most so many, 0 = all
        #[arg(long, default_value_t = 5000)]
        limit: usize,
        /// JSON lines to write
        #[arg(long)]
        out: PathBuf,
        /// Parquet or JSON-lines files with the data set's columns [default: the data set itself]
        files: Vec<PathBuf>,
        #[command(flatten)]
        library: LibraryArgs,
    },
    /// Merge files of traces, each problem once.
    ///
    /// Example: `traces combine results/a/traces.jsonl results/b/traces.jsonl --out data/all.jsonl`
    Combine {
        /// Files of traces; of a problem that stands in several, the first file's trace is kept
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// JSON lines to write
        #[arg(long)]
        out: PathBuf,
        /// Traces per problem, 0 = all that differ
        #[arg(long, default_value_t = 1)]
        keep: usize,
    },
}

#[derive(clap::Args)]
struct Make {
    /// Folder of the teacher, its name on the hub, or its name on --endpoint
    #[arg(long)]
    model: Option<PathBuf>,
    /// An OpenAI-compatible server, address up to /v1; the key is read from HOWARD_API_KEY or OPENAI_API_KEY
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Data sets, comma-separated (`data list`)
    #[arg(long, value_delimiter = ',')]
    benchmark: Vec<String>,
    /// Solutions per problem [default: 1]
    #[arg(long)]
    samples: Option<u32>,
    /// Keep at most so many correct ones of a problem, 0 = all
    #[arg(long, default_value_t = 0)]
    keep: usize,
    /// Keep the shortest
    #[arg(long)]
    shortest: bool,
    /// Only the first N problems of each data set
    #[arg(long)]
    limit: Option<usize>,
    /// key=value over the configuration of `eval`, e.g. --set sampling.max_tokens=4096 --set endpoint.concurrency=32
    #[arg(long)]
    set: Vec<String>,
    /// A TOML configuration; options go over it
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the run
    #[arg(long, default_value = "results/traces")]
    out: PathBuf,
    #[command(flatten)]
    library: LibraryArgs,
    /// Print the resolved configuration and stop
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    cli::main("traces", || match Args::parse() {
        Args { what: None, make } => teach(&make),
        Args { what: Some(What::Combine { files, out, keep }), .. } => combine(&files, &out, keep),
        Args {
            what:
                Some(What::PrepareOpenR1 { max_chars, min_chars, source, limit, out, files, library }),
            ..
        } => {
            let filter = OpenR1 { max_chars, min_chars, sources: source, limit };
            prepare(&filter, files, &out, &Library::new(&library))
        }
    })
}

fn resolve(args: &Make) -> anyhow::Result<EvalConfig> {
    // The teacher's defaults; a configuration file replaces them, settings go over both.
    let teacher = ["prompt=instruction", "sampling.temperature=0.7", "sampling.max_tokens=4096"];
    let own = if args.config.is_none() { teacher.map(String::from).to_vec() } else { Vec::new() };
    let sets = [own, args.set.clone()].concat();
    let mut config: EvalConfig = run::config::load(args.config.as_deref(), &sets)?;
    config.prompt.get_or_insert(PromptStyle::Instruction);
    config.model = args.model.clone().unwrap_or(config.model);
    config.samples = args.samples.unwrap_or(config.samples);
    config.limit = args.limit.or(config.limit);
    if !args.benchmark.is_empty() {
        config.benchmarks.clone_from(&args.benchmark);
    }
    if let Some(url) = &args.endpoint {
        config.endpoint.get_or_insert_default().url.clone_from(url);
    }
    if let Some(endpoint) = &mut config.endpoint {
        endpoint.model = config.model.to_string_lossy().into_owned();
    }
    anyhow::ensure!(!config.model.as_os_str().is_empty(), "--model: name the teacher");
    Ok(config)
}

fn teach(args: &Make) -> anyhow::Result<u8> {
    let mut config = resolve(args)?;
    let tasks = config.tasks(&Library::new(&args.library))?;
    if args.dry_run {
        print!("{}", toml::to_string(&config)?);
        return Ok(cli::OK);
    }
    let dir = cli::hub::for_evaluation(&mut config)?;
    let mut teacher = AnySampler::open(&config, &dir, &tasks, cli::library::key())?;
    let who = teacher.who(&config, &dir)?;
    let records = evaluation::run(&args.out, &config, &tasks, &who, &mut teacher, |s, folder| {
        evaluation::note_spent(s.spent(), folder)
    })?;
    let selection = Selection { per_problem: args.keep, shortest: args.shortest };
    let selected = trace::select(&records, &tasks, selection)?;
    write(&args.out.join("traces.jsonl"), &selected.kept)?;
    write(&args.out.join("wrong.jsonl"), &selected.apart)?;
    let rows = report::yields(&records);
    io::write(&mut summary::long(&rows)?, &args.out.join("yield.csv"))?;
    let page = report::page(&records, &selected, &provenance::command_line())?;
    page.write(&args.out)?;
    print!("{}", report::table(&rows, &selected).plain());
    println!("\n{} traces in {}", selected.kept.len(), args.out.join("traces.jsonl").display());
    let failed = records.iter().any(|r| r.verdict == Verdict::Failed);
    Ok(if failed { cli::SOME_FAILED } else { cli::OK })
}

fn write(path: &Path, traces: &[Trace]) -> anyhow::Result<()> {
    Ok(disk::write_atomic(path, &trace::to_jsonl(traces)?)?)
}

fn combine(files: &[PathBuf], out: &Path, keep: usize) -> anyhow::Result<u8> {
    let read = files.iter().map(|path| jsonl::read(path)).collect::<Result<Vec<_>, _>>()?;
    let combined = trace::combine(read, keep);
    for (path, (lines, dropped)) in files.iter().zip(&combined.files) {
        println!(
            "{:>7} traces, {dropped:>6} of them of problems that stood before: {}",
            lines,
            path.display()
        );
    }
    write(out, &combined.kept)?;
    println!("{:>7} in {}", combined.kept.len(), out.display());
    Ok(cli::OK)
}

fn prepare(
    filter: &OpenR1,
    files: Vec<PathBuf>,
    out: &Path,
    library: &Library,
) -> anyhow::Result<u8> {
    let source = bench::find("openr1-math")?.source;
    let files = match (files.is_empty(), source) {
        (true, Some(source)) => library.files(source)?,
        _ => files,
    };
    let (mut kept, mut reasons) = (Vec::new(), Reasons::new());
    for path in files {
        let rows = library.rows(&path, OPENR1_COLUMNS)?;
        let needed = ["problem", "answer", "generations"];
        let lacking =
            rows.first().and_then(|(_, row)| needed.into_iter().find(|c| !row.contains_key(*c)));
        if let Some(column) = lacking {
            anyhow::bail!("{}: has no column '{column}' as OpenR1-Math-220k has", path.display());
        }
        let grader = howard::answer::Grader::default();
        filter.take_all(rows.iter().map(|(_, row)| row), &grader, &mut kept, &mut reasons);
    }
    write(out, &kept)?;
    for (reason, count) in reasons {
        println!("{count:>7} rows left out: {reason}");
    }
    println!("{:>7} traces in {}", kept.len(), out.display());
    Ok(cli::OK)
}
