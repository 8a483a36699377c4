//! Speed and memory beside the Python stack: the same checkpoint, prompts, lengths and threads, in turn, in one run.
//!
//! `make bench` (or `make bench-gpu`) runs all cases, writes a frame to `benches/results/` and prints the table;
//! `make bench-page` writes `docs/benchmarks.md` from the frames.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr, clippy::cast_precision_loss)]
#![allow(clippy::cast_possible_truncation)]

mod measure;
mod page;
mod scaling;
mod work;
mod worker;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use howard::cli::provenance;
use howard::jsonl;

use measure::{Plan, Row};

/// Measures speed and memory beside the Python stack.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Only cases whose model or name contains this, e.g. "tiny" or "batch 1"; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Rounds that count.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// A Python with transformers and trl; without it only ours is measured.
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,
    /// Threads of each program.
    #[arg(long, default_value_t = 2)]
    threads: i32,
    /// cpu, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// The tiny model.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/tiny"))]
    tiny: PathBuf,
    /// Where rows are added, one JSON line each.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Measure how a token's cost depends on batch, context and model size, instead.
    #[arg(long)]
    scaling: bool,
    /// Write docs/benchmarks.md from the frames in benches/results, instead.
    #[arg(long)]
    page: bool,
    /// Write the checkpoint of 3 million parameters to a folder, instead.
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Do a work as a worker of another process.
    #[arg(long, hide = true, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Some(path) = &args.worker {
        return Ok(worker::serve(path)?);
    }
    if args.page {
        return page::write(&root.join("benches/results"), &root.join("docs"));
    }
    if let Some(dir) = &args.checkpoint {
        return Ok(work::checkpoint(&args.tiny, dir)?);
    }
    let dir = tempfile::tempdir()?;
    let small = dir.path().join("3M");
    work::checkpoint(&args.tiny, &small)?;
    let template = template()?;
    let mut rows = Vec::new();
    if args.scaling {
        rows = scaling::rows(&template, &args.tiny, args.threads, args.repeats)?;
    } else {
        let plan = Plan { repeats: args.repeats, python: args.peers.clone(), template };
        for case in work::cases(&args.tiny, &small, &args.device, args.threads)? {
            let name = format!("{}: {}", case.model, case.name);
            if !args.only.is_empty() && !args.only.iter().any(|only| name.contains(only)) {
                continue;
            }
            let found = measure::case(&plan, &case, dir.path()).with_context(|| name.clone())?;
            print!("{name}\n{}", page::lines(&found));
            rows.extend(found);
        }
    }
    if let Some(out) = &args.out {
        // The newest measurement of a program on a case replaces older ones.
        let mut all: Vec<Row> = if out.exists() { jsonl::read(out)? } else { Vec::new() };
        let key = |row: &Row| (row.model.clone(), row.case.clone(), row.program.clone());
        all.retain(|old| !rows.iter().any(|new| key(new) == key(old)));
        all.extend(rows);
        jsonl::write(out, &all)?;
    }
    Ok(())
}

fn template() -> anyhow::Result<Row> {
    let manifest = provenance::manifest(0);
    let mut versions = manifest.versions;
    versions.insert("howard".into(), manifest.version);
    versions.insert("libtorch".into(), "2.11.0".into());
    Ok(Row {
        model: String::new(),
        case: String::new(),
        program: String::new(),
        seconds: vec![],
        tokens: vec![],
        floor: vec![],
        peak_mb: 0.0,
        not_measured: None,
        versions,
        commit: manifest.git_commit,
        platform: manifest.platform,
        device: String::new(),
        threads: 0,
        started: provenance::now(),
    })
}
