//! `sft`: supervised fine-tuning of a Qwen3 model.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use howard::cli::library::{Library, LibraryArgs};
use howard::cli::memory::MemoryArgs;
use howard::cli::{self, provenance};
use howard::learn::batches::{self, Batches};
use howard::learn::preview::{self, Preview};
use howard::learn::recipe::{Conversations, SftConfig, check_length};
use howard::run::{self, Found, Manifest, RunFolder};
use howard_torch::scratch;
use howard_torch::tokenizer::Tokenizer;

#[path = "sft/train.rs"]
mod train;

/// Fine-tune a Qwen3 model on conversations, loss on the assistant's words only.
///
/// Example: the shipped tiny model, from random weights (see configs/tiny/sft.toml for every setting):
///
///   sft --config configs/tiny/sft.toml --out results/tiny-sft
///
/// Your own data are JSON lines {"messages": [{"role": "user", "content": ...}, {"role": "assistant", ...}]}:
///
///   sft --set model=data/tiny --set max_length=2048 --set data.path=my.jsonl --set train.epochs=2 --out results/mine
///
/// With a table `lora` (--set lora.rank=64) adapters are trained instead of all weights. --dry-run prints the resolved
/// recipe, steps, tokens and a table of memory. A killed run goes on from its last checkpoint when the same command is given
/// again, and ends with the same weights, bit for bit. The result is in OUT/model (Hugging Face format), or in OUT/adapter
/// (PEFT format); OUT/steps.jsonl has one row per step.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = cli::EXIT_CODES)]
struct Args {
    /// Recipe, e.g. configs/tiny/sft.toml
    #[arg(long)]
    config: Option<PathBuf>,
    /// key=value over the recipe, e.g. --set train.steps=100
    #[arg(long)]
    set: Vec<String>,
    /// Folder of the run
    #[arg(long, required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    library: LibraryArgs,
    /// Do not compare the questions with the benchmarks that are at hand (OUT/overlap.json)
    #[arg(long)]
    no_overlap: bool,
    /// Print the resolved recipe, steps, tokens and the memory plan, and stop
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    cli::main("sft", || sft(&Args::parse()))
}

fn sft(args: &Args) -> anyhow::Result<u8> {
    let mut config: SftConfig = run::config::load(args.config.as_deref(), &args.set)?;
    config.check()?;
    let available = args.memory.available(&config.compute.device);
    if args.dry_run {
        return dry_run(&config, available);
    }
    let out = args.out.as_deref().unwrap_or(Path::new(""));
    // The run's folder keeps a name on the hub with its commit; files are read from the cache.
    let dirs = cli::hub::pin([&mut config.model])?;
    let kept = config.clone();
    [config.model] = dirs;
    // Everything that can be wrong is looked at before anything is written.
    let tokenizer = config.scratch.is_none().then(|| Tokenizer::load(&config.model)).transpose()?;
    let mut preview = match &tokenizer {
        Some(tokenizer) => preview(&config, tokenizer)?,
        None => Preview::new(&config, preview::known_shape(&config)?, None)?,
    };
    preview.demand.threads = howard_torch::threads();
    preview.check(available)?;
    let (folder, found) = RunFolder::open(out, &kept)?;
    if found == Found::Finished {
        eprintln!("{} is finished already", out.display());
        return Ok(cli::OK);
    }
    if let (Some(path), false) = (config.data.path(), args.no_overlap) {
        cli::overlap::of_conversations(path, &Library::new(&args.library), &folder)?;
    }
    let source = start_model(&config, &folder)?;
    begin_manifest(&config, &folder, &source)?;
    let tokenizer = tokenizer.map_or_else(|| Tokenizer::load(&source), Ok)?;
    train::run(&config, &folder, &source, &tokenizer)?;
    let mut manifest = Manifest::read(&folder.path(run::MANIFEST))?;
    manifest.ended = Some(provenance::now());
    manifest.write(&folder.path(run::MANIFEST))?;
    folder.finish()?;
    Ok(cli::OK)
}

/// The plan of a run on a model that is there.
fn preview(config: &SftConfig, tokenizer: &Tokenizer) -> anyhow::Result<Preview> {
    let shape = howard_torch::config::load(&config.model)?;
    check_length(config.max_length, &shape)?;
    let encode = |messages: &[_]| tokenizer.conversation(messages);
    let counts = match config.data.path() {
        Some(_) => Some(Batches::open(config, &encode)?.counts),
        None => None,
    };
    Ok(Preview::new(config, shape, counts)?)
}

fn dry_run(config: &SftConfig, available: Option<u64>) -> anyhow::Result<u8> {
    let there = config.data.path().is_none_or(Path::exists);
    let mut preview = if config.scratch.is_none() && config.model.exists() && there {
        preview(config, &Tokenizer::load(&config.model)?)?
    } else {
        let shape = match config.model.join("config.json").exists() {
            true => howard_torch::config::load(&config.model)?,
            false => preview::known_shape(config)?,
        };
        check_length(config.max_length, &shape)?;
        Preview::new(config, shape, None)?
    };
    preview.demand.threads = howard_torch::threads();
    print!("{}\n{}", toml::to_string(config)?, preview.text(config, available));
    preview.check(available)?;
    Ok(cli::OK)
}

/// The folder of the model to start from; made from nothing where the recipe says so.
fn start_model(config: &SftConfig, folder: &RunFolder) -> anyhow::Result<PathBuf> {
    let Some(shape) = &config.scratch else { return Ok(config.model.clone()) };
    let dir = folder.path(run::SCRATCH);
    if !dir.join("config.json").exists() {
        let conversations = match config.data.path() {
            Some(path) => batches::read_chat(path)?.into_iter().map(|(_, m)| m).collect(),
            None => {
                let world = Conversations::world(config);
                (0..40).flat_map(|step| world.batch(step, 100)).collect::<Vec<_>>()
            }
        };
        let texts: Vec<String> = conversations.into_iter().flatten().map(|m| m.content).collect();
        scratch::create(shape, &texts, &dir)?;
    }
    Ok(dir)
}

fn begin_manifest(config: &SftConfig, folder: &RunFolder, source: &Path) -> anyhow::Result<()> {
    let mut manifest = Manifest {
        device: format!("{} {}", config.compute.device, config.compute.dtype()),
        model_files: run::manifest::hash_folder(source)?,
        ..provenance::manifest(config.seed)
    };
    let held_out = (config.evaluate.every > 0).then_some(config.evaluate.path.as_path());
    for path in config.data.path().into_iter().chain(held_out) {
        manifest.data.insert(path.display().to_string(), howard::disk::sha256_file(path)?);
    }
    Ok(manifest.begin(folder)?)
}
