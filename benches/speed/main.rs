//! Speed and memory beside the Python stack: the same checkpoint, prompts, lengths and threads, in turn, in one run.
//!
//! `make bench` (or `make bench-gpu`) runs all cases, writes a frame to `benches/results/` and prints the table;
//! `make bench-page` writes `docs/benchmarks.md` from the frames.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr, clippy::cast_precision_loss)]
#![allow(clippy::cast_possible_truncation)]

mod agree;
mod measure;
mod page;
mod scaling;
mod work;
mod worker;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Parser;
use howard::cli::provenance;
use howard::jsonl;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
    /// The scripts that run the peers.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/peers"))]
    scripts: PathBuf,
    /// Where rows are added, one JSON line each.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compare what the device computes with fp32 on the CPU, instead; fails if it is not the same to rounding.
    #[arg(long)]
    agree: bool,
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
    /// What to say of the machine beside its processor, e.g. the name of its GPU.
    #[arg(long, value_name = "TEXT")]
    machine: Option<String>,
    /// The revision of howard, where there is no checkout.
    #[arg(long, value_name = "HASH")]
    commit: Option<String>,
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
    let template = template(&args);
    if args.agree {
        return agreement(&args, &small, &template);
    }
    let key = |row: &Row| (row.model.clone(), row.case.clone(), row.program.clone());
    // After each case: a run that ends early has not measured in vain.
    let keep = |rows: Vec<Row>| args.out.as_ref().map_or(Ok(()), |out| add(out, rows, key));
    if args.scaling {
        return keep(scaling::rows(&template, &args.tiny, args.threads, args.repeats)?);
    }
    let (python, scripts) = (args.peers.clone(), args.scripts.clone());
    let plan = Plan { repeats: args.repeats, python, scripts, template };
    let mut failed = Vec::new();
    for case in work::cases(&args.tiny, &small, &args.device, args.threads)? {
        let name = format!("{}: {}", case.model, case.name);
        if !args.only.is_empty() && !args.only.iter().any(|only| name.contains(only)) {
            continue;
        }
        work::prepare(&case, &args.tiny)?;
        match measure::case(&plan, &case, dir.path()) {
            Ok(found) => {
                print!("{name}\n{}", page::lines(&found));
                keep(found)?;
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join("; "));
    }
    Ok(())
}

/// Adds rows to a frame; the newest measurement of something replaces older ones.
fn add<R: Serialize + DeserializeOwned, K: PartialEq>(
    frame: &Path,
    rows: Vec<R>,
    key: impl Fn(&R) -> K,
) -> anyhow::Result<()> {
    let mut all: Vec<R> = if frame.exists() { jsonl::read(frame)? } else { Vec::new() };
    all.retain(|old| !rows.iter().any(|new| key(new) == key(old)));
    all.extend(rows);
    Ok(jsonl::write(frame, &all)?)
}

fn agreement(args: &Args, small: &Path, template: &Row) -> anyhow::Result<()> {
    tch::set_num_threads(args.threads);
    let models = [("3M", small), ("tiny", args.tiny.as_path())];
    let rows = agree::compare(&models, &args.device, template)?;
    let apart = rows.iter().filter(|row| !row.holds()).count();
    if apart > 0 {
        bail!(
            "{} does not compute what the CPU computes in fp32: {apart} of the comparisons above",
            args.device
        );
    }
    if let Some(out) = &args.out {
        add(out, rows, |row| (row.model.clone(), row.what.clone(), row.device.clone()))?;
    }
    Ok(())
}

fn template(args: &Args) -> Row {
    let manifest = provenance::manifest(0);
    let mut versions = manifest.versions;
    versions.insert("howard".into(), manifest.version);
    versions.insert("libtorch".into(), "2.11.0".into());
    let machine = args.machine.iter().filter(|machine| !machine.is_empty());
    Row {
        versions,
        commit: args.commit.clone().or(manifest.git_commit),
        platform: machine.fold(manifest.platform, |platform, more| format!("{platform}, {more}")),
        started: provenance::now(),
        ..Row::default()
    }
}
