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
use howard_torch::{checkpoint, scratch};

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
    let (first, notes) = learner.resume_newest(&folder.path(run::CHECKPOINTS))?;
    notes.iter().for_each(|note| eprintln!("sft: {note}"));
    let steps_path = folder.path(run::STEPS);
    // Rows of steps that will be done again are dropped.
    jsonl::retain(&steps_path, |row: &SftRow| row.step < first)?;
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
    let model_dir = learner.export(config.lora.as_ref(), &source, folder.dir())?;
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
    let mut manifest = Manifest {
        device: format!("{} {}", config.compute.device, config.compute.dtype()),
        model_files: run::manifest::hash_folder(source)?,
        ..provenance::manifest(config.seed)
    };
    if let DataConfig::Chat { path } = &config.data {
        manifest.data.insert(path.display().to_string(), howard::disk::sha256_file(path)?);
    }
    Ok(manifest.begin(folder)?)
}
