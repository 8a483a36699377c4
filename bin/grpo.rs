//! `grpo`: reinforcement learning of a Qwen3 model on a right/wrong reward.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use howard::answer::Grader;
use howard::cli::library::{Library, LibraryArgs};
use howard::cli::memory::MemoryArgs;
use howard::cli::{self, Terminal, machine, provenance};
use howard::jsonl;
use howard::learn::Learner;
use howard::learn::grpo::log::{EvaluationRow, Log, Meter};
use howard::learn::grpo::problems::ProblemsConfig;
use howard::learn::grpo::{
    self, GroupRow, GrpoConfig, GrpoRow, Pending, Plan, Problems, State, preview,
};
use howard::learn::memory::Demand;
use howard::progress::Progress;
use howard::run::{self, Found, Manifest, RunFolder};
use howard_torch::learner::TorchLearner;
use howard_torch::{checkpoint, start};

/// Train a Qwen3 model by reinforcement learning: sample groups of completions, reward right answers, step.
///
/// Example: the shipped tiny model on hard problems of the arithmetic world (every setting is in the file):
///
///   grpo --config configs/tiny/grpo.toml --out results/tiny-grpo
///
/// Your own problems are JSON lines with named columns:
///
///   grpo --set model=Qwen3-4B --set data.kind=file --set data.path=train.jsonl --set data.columns.problem=problem
///        --set data.columns.answer=solution --out results/mine
///
/// A killed run goes on from its last checkpoint when the same command is given again, and ends with the same weights,
/// bit for bit. The result is in OUT/model (Hugging Face format), or in OUT/adapter (PEFT format) with a table `lora`.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = cli::EXIT_CODES)]
struct Args {
    /// Recipe, e.g. configs/tiny/grpo.toml
    #[arg(long)]
    config: Option<PathBuf>,
    /// key=value over the recipe, e.g. --set train.steps=100
    #[arg(long)]
    set: Vec<String>,
    /// Folder of the run
    #[arg(long, required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Do not compare the training problems with the benchmarks that are at hand (OUT/overlap.json)
    #[arg(long)]
    no_overlap: bool,
    /// Print the resolved recipe and the memory plan, and stop
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    cli::main("grpo", || train(&Args::parse()))
}

fn train(args: &Args) -> anyhow::Result<u8> {
    let mut config: GrpoConfig = run::config::load(args.config.as_deref(), &args.set)?;
    config.check()?;
    let mut kept = config.clone();
    if !args.dry_run {
        // The run's folder keeps names on the hub with their commits; files are read from the cache.
        let dirs = cli::hub::pin([&mut kept.model, &mut kept.adapter, &mut kept.reference])?;
        [config.model, config.adapter, config.reference] = dirs;
    }
    let available = args.memory.available(&config.compute.device);
    let demand = start::shape(&config.model)?.map(|shape| Demand {
        threads: howard_torch::threads(),
        ..preview::demand(&config, shape)
    });
    if args.dry_run {
        print!("{}\n{}", toml::to_string(&config)?, preview::text(&config, demand.as_ref()));
    }
    demand.as_ref().map_or(Ok(()), |demand| preview::check(demand, available))?;
    if args.dry_run {
        return Ok(cli::OK);
    }
    // Everything that can be wrong is looked at before anything is written.
    start::check(&config)?;
    let out = args.out.clone().unwrap_or_default();
    let library = Library::new(&args.library);
    let problems = Problems::open(&config.data, config.seed, &library)?;
    let (folder, found) = RunFolder::open(&out, &kept)?;
    if found == Found::Finished {
        eprintln!("{} is finished already", out.display());
        return Ok(cli::OK);
    }
    if !args.no_overlap {
        cli::overlap::of_problems(&problems, &library, &folder)?;
    }
    begin_manifest(&config, &folder)?;

    let mut learner = start::grpo(&config)?;
    let checkpoints = folder.path(run::CHECKPOINTS);
    let (_, notes) = learner.resume_newest(&checkpoints)?;
    notes.iter().for_each(|note| eprintln!("grpo: {note}"));
    // Steps of the loop, not of the optimizer: a batch may have several optimizer steps, or none.
    let newest = checkpoint::newest(&checkpoints)?.0;
    let first = newest.and_then(|dir| checkpoint::number(&dir)).unwrap_or(0);
    let rows: Vec<GrpoRow> = jsonl::retain(&folder.path(run::STEPS), |r: &GrpoRow| r.step < first)?;
    let groups: Vec<GroupRow> =
        jsonl::retain(&folder.path(run::GROUPS), |r: &GroupRow| r.step < first)?;
    let mut log = Log::open(&folder, &config, first, &library, meter(&config, &learner))?;
    let mut progress = Terminal::default();
    progress.start("training", config.train.steps);
    progress.update(first, "");
    if first == 0 {
        say(&log.evaluate(learner.policy(), 0, &mut progress)?);
    }
    let mut pending = Pending::open(&folder.path(run::PENDING))?;
    let plan = Plan {
        options: &config.train,
        objective: &config.objective,
        reward: &config.reward,
        grader: &Grader::training(),
        problems: &problems,
        seed: config.seed,
    };
    let state = State::of_rows(first, &rows, &groups);
    let mut after =
        |learner: &mut TorchLearner, step: &grpo::StepLog, progress: &mut dyn Progress| {
            let done = step.row.step + 1;
            step.warnings.iter().for_each(|warning| eprintln!("grpo: warning: {warning}"));
            log.append(step)?;
            progress.update(done, &step.row.headline());
            let last = done == config.train.steps;
            if config.evaluate.every > 0 && (last || done.is_multiple_of(config.evaluate.every)) {
                say(&log.evaluate(learner.policy(), done, progress)?);
            }
            let due = config.checkpoint_every > 0 && done.is_multiple_of(config.checkpoint_every);
            if due && !last {
                learner.save(&checkpoint::folder(&checkpoints, done))?;
                checkpoint::prune(&checkpoints, config.keep_checkpoints, None)?;
            }
            Ok(())
        };
    grpo::run(&mut learner, &plan, state, &mut pending, &mut progress, &mut after)?;
    progress.finish("");
    let dir = learner.export(config.lora.as_ref(), &config.model, folder.dir())?;
    let mut manifest = Manifest::read(&folder.path(run::MANIFEST))?;
    manifest.ended = Some(provenance::now());
    manifest.write(&folder.path(run::MANIFEST))?;
    folder.finish()?;
    println!("{}", dir.display());
    Ok(cli::OK)
}

fn say(rows: &[EvaluationRow]) {
    rows.iter().for_each(|row| eprintln!("grpo: {}", row.headline()));
}

fn meter(config: &GrpoConfig, learner: &TorchLearner) -> Meter {
    let (flop_per_token, flop_per_pair) = start::flop(learner.model(), config.lora.is_some());
    Meter {
        clock: machine::clock,
        peak_memory: machine::peak_memory,
        flop_per_token,
        flop_per_pair,
        peak_flop_per_second: config.peak_tflop_per_s * 1e12,
    }
}

fn begin_manifest(config: &GrpoConfig, folder: &RunFolder) -> anyhow::Result<()> {
    let mut manifest = Manifest {
        device: format!("{} {}", config.compute.device, config.compute.dtype()),
        model_files: run::manifest::hash_folder(&config.model)?,
        grader: Grader::training().name(),
        ..provenance::manifest(config.seed)
    };
    if let ProblemsConfig::File { path, .. } = &config.data {
        manifest.data.insert(path.display().to_string(), howard::disk::sha256_file(path)?);
    }
    Ok(manifest.begin(folder)?)
}
