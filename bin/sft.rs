//! `sft`: supervised fine-tuning of a Qwen3 model.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use howard::cli::{self, Terminal, provenance};
use howard::jsonl::{self, Appender};
use howard::learn::Learner;
use howard::learn::recipe::{Conversations, DataConfig, SftConfig};
use howard::learn::sft::{self, SftRow};
use howard::progress::Progress;
use howard::run::{self, Found, Manifest, RunFolder};
use howard::types::TrainSample;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::{checkpoint, export, scratch};

/// Fine-tune a Qwen3 model on conversations, loss on the assistant's words only.
///
/// Example: the shipped tiny model, from random weights (see configs/tiny/sft.toml for every setting):
///
///   sft --config configs/tiny/sft.toml --out results/tiny-sft
///
/// Your own data are JSON lines {"messages": [{"role": "user", "content": ...}, {"role": "assistant", ...}]}:
///
///   sft --set model=data/tiny --set data.kind=chat --set data.path=my.jsonl --out results/mine
///
/// A killed run goes on from its last checkpoint when the same command is given again. The trained model is in
/// OUT/model, in Hugging Face format.
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
    #[arg(long)]
    out: PathBuf,
    /// Print the resolved recipe and stop
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    cli::main("sft", || train(&Args::parse()))
}

fn train(args: &Args) -> anyhow::Result<u8> {
    let config: SftConfig = run::config::load(args.config.as_deref(), &args.set)?;
    config.check()?;
    if args.dry_run {
        print!("{}", toml::to_string(&config)?);
        return Ok(cli::OK);
    }
    let data = Conversations::open(&config.data, config.seed)?;
    let (folder, found) = RunFolder::open(&args.out, &config)?;
    if found == Found::Finished {
        eprintln!("{} is finished already", args.out.display());
        return Ok(cli::OK);
    }
    let source = start_model(&config, &data, &folder)?;
    write_manifest(&config, &folder, &source)?;

    let sampler = LocalSampler::load(&source, &config.compute.device, config.compute.dtype(), 256)?;
    let mut learner = TorchLearner::new(
        sampler,
        config.optimizer,
        config.compute.clone(),
        config.lora.as_ref(),
        config.seed,
    )?;
    let first = resume(&folder, &mut learner)?;
    let steps_path = folder.path(run::STEPS);
    keep_rows_before(&steps_path, first)?;
    let mut rows: Appender<SftRow> = Appender::open(&steps_path)?;
    let mut progress = Terminal::default();
    progress.start("training", config.train.steps);
    progress.update(first, "");
    let tokenizer = howard_torch::tokenizer::Tokenizer::load(&source)?;
    let mut left_out = 0u64;
    sft::run(
        &mut learner,
        &config.train,
        first,
        &mut |step| {
            let mut samples: Vec<TrainSample> = Vec::new();
            for messages in data.batch(step, config.batch_size) {
                let (ids, mask) = tokenizer.conversation(&messages)?;
                if ids.len() <= config.max_length {
                    samples.push(sft::sample(ids, mask));
                } else {
                    left_out += 1;
                }
            }
            Ok(samples)
        },
        &mut |learner, row| {
            rows.append(row)?;
            let done = row.step + 1;
            progress.update(
                done,
                &format!("nll {:.4}, lr {:.1e}", row.train_mean_nll, row.learning_rate),
            );
            let due = config.checkpoint_every > 0 && done % config.checkpoint_every == 0;
            if due && done < config.train.steps {
                learner.save(&checkpoint::folder(&folder.path(run::CHECKPOINTS), done))?;
            }
            Ok(())
        },
    )?;
    progress
        .finish(&format!("{left_out} conversations longer than {} left out", config.max_length));
    let model_dir = folder.path(run::MODEL);
    export::save_model(learner.model(), Some(&source), tokenizer.eos(), &model_dir)?;
    let mut manifest = Manifest::read(&folder.path(run::MANIFEST))?;
    manifest.ended = Some(provenance::now());
    manifest.write(&folder.path(run::MANIFEST))?;
    folder.finish()?;
    println!("{}", model_dir.display());
    Ok(cli::OK)
}

/// The folder of the model to start from; made from nothing where the recipe says so.
fn start_model(
    config: &SftConfig,
    data: &Conversations,
    folder: &RunFolder,
) -> anyhow::Result<PathBuf> {
    let Some(shape) = &config.scratch else { return Ok(config.model.clone()) };
    let dir = folder.path("scratch");
    if !dir.join("config.json").exists() {
        let texts: Vec<String> = (0..40)
            .flat_map(|step| data.batch(step, 100))
            .flat_map(|messages| messages.into_iter().map(|m| m.content))
            .collect();
        scratch::create(shape, &texts, &dir)?;
    }
    Ok(dir)
}

fn write_manifest(config: &SftConfig, folder: &RunFolder, source: &Path) -> anyhow::Result<()> {
    let path = folder.path(run::MANIFEST);
    let mut manifest = Manifest {
        device: format!("{} {}", config.compute.device, config.compute.dtype()),
        model_files: run::manifest::hash_folder(source)?,
        ..provenance::manifest(config.seed)
    };
    if let DataConfig::Chat { path } = &config.data {
        manifest.data.insert(path.display().to_string(), howard::disk::sha256_file(path)?);
    }
    if path.exists() {
        let before = Manifest::read(&path)?;
        anyhow::ensure!(
            before.model_files == manifest.model_files && before.data == manifest.data,
            "{}: the model or the data has changed since this run was begun: choose another --out",
            folder.dir().display()
        );
        manifest.started = [before.started, manifest.started].concat();
    }
    Ok(manifest.write(&path)?)
}

/// Continues from the newest whole checkpoint; returns the first step to do.
fn resume(folder: &RunFolder, learner: &mut TorchLearner) -> anyhow::Result<u64> {
    let (newest, damaged) = checkpoint::newest(&folder.path(run::CHECKPOINTS))?;
    for dir in damaged {
        eprintln!(
            "sft: {} was cut short: it is removed and the checkpoint before it is used",
            dir.display()
        );
        std::fs::remove_dir_all(&dir)?;
    }
    let Some(dir) = newest else { return Ok(0) };
    let checkpoint = learner.resume(&dir)?;
    eprintln!("sft: goes on after step {}", checkpoint.step);
    Ok(checkpoint.step)
}

/// Rows of steps that will be done again are dropped.
fn keep_rows_before(path: &Path, first: u64) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    drop(Appender::<SftRow>::open(path)?);
    let mut kept = String::new();
    for row in jsonl::read::<SftRow>(path)?.iter().filter(|row| row.step < first) {
        kept.push_str(&serde_json::to_string(row)?);
        kept.push('\n');
    }
    Ok(howard::disk::write_atomic(path, kept.as_bytes())?)
}
