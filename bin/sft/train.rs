//! The training itself: the loop with its checkpoints, measurements and progress.

use std::path::Path;

use anyhow::Result;
use howard::cli::Terminal;
use howard::jsonl::{self, Appender};
use howard::learn::Learner;
use howard::learn::batches::{self, Batches};
use howard::learn::recipe::SftConfig;
use howard::learn::sft::{self, Hooks, SftOptions, SftRow};
use howard::progress::Progress;
use howard::run::{self, RunFolder};
use howard::types::TrainSample;
use howard_torch::checkpoint;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::tokenizer::Tokenizer;

/// What was found in the data.
const DATA: &str = "data.json";

/// Trains from the newest checkpoint, or from the start, to the end; writes the result and prints its folder.
pub fn run(
    config: &SftConfig,
    folder: &RunFolder,
    source: &Path,
    tokenizer: &Tokenizer,
) -> Result<()> {
    let encode = |messages: &[_]| tokenizer.conversation(messages);
    let mut data = Batches::open(config, &encode)?;
    let options = SftOptions { steps: data.steps(&config.train), epochs: 0, ..config.train };
    let held_out = held_out(config, &encode)?;
    if config.data.path().is_some() {
        let text = serde_json::to_string_pretty(&data.counts)?;
        howard::disk::write_atomic(&folder.path(DATA), (text + "\n").as_bytes())?;
        note(&data, config);
    }

    let mut learner = learner(config, source)?;
    let checkpoints = folder.path(run::CHECKPOINTS);
    let (first, notes) = learner.resume_newest(&checkpoints)?;
    notes.iter().for_each(|note| eprintln!("sft: {note}"));
    let steps_path = folder.path(run::STEPS);
    // Rows of steps that will be done again are dropped.
    let kept = jsonl::retain(&steps_path, |row: &SftRow| row.step < first)?;
    let mut rows: Appender<SftRow> = Appender::open(&steps_path)?;
    let mut best = Best::default();
    for row in &kept {
        best.is_new(row);
    }
    let mut progress = Terminal::default();
    progress.start("training", options.steps);
    progress.update(first, "");

    let mut after = |learner: &mut TorchLearner, mut row: SftRow| {
        let done = row.step + 1;
        let last = done == options.steps;
        let every = |steps: u64| steps > 0 && done.is_multiple_of(steps);
        if every(config.evaluate.every) || (last && config.evaluate.every > 0) {
            row.test_nll = Some(learner.nll(&held_out)?);
        }
        rows.append(&row)?;
        let held = row.test_nll.map_or(String::new(), |nll| format!(", held-out {nll:.4}"));
        let rate = format!("nll {:.4}{held}, lr {:.1e}", row.train_mean_nll, row.learning_rate);
        progress.update(done, &rate);
        let is_best = best.is_new(&row);
        if (every(config.checkpoint_every) || is_best) && !last {
            learner.save(&checkpoint::folder(&checkpoints, done))?;
            checkpoint::prune(&checkpoints, config.keep_checkpoints, best.after())?;
        }
        Ok(())
    };
    let mut failed = |step: u64, samples: &[TrainSample]| {
        let path = folder.path(&format!("failed_step_{:06}.jsonl", step + 1));
        jsonl::write(&path, samples)?;
        Ok(path.display().to_string())
    };
    let mut hooks =
        Hooks { batch: &mut |step| data.batch(step), after: &mut after, failed: &mut failed };
    sft::run(&mut learner, &options, first, &mut hooks)?;
    progress.finish(&best.note());
    if config.data.path().is_none() {
        note(&data, config);
    }
    println!("{}", learner.export(config.lora.as_ref(), source, folder.dir())?.display());
    Ok(())
}

fn note(data: &Batches<'_>, config: &SftConfig) {
    let note = data.counts.note(config.max_length);
    if !note.is_empty() {
        eprintln!("sft: {note}");
    }
}

fn learner(config: &SftConfig, source: &Path) -> Result<TorchLearner> {
    let compute = &config.compute;
    let sampler = LocalSampler::load(source, &compute.device, compute.dtype(), 1)?;
    let (lora, seed) = (config.lora.as_ref(), config.seed);
    let mut learner = TorchLearner::new(sampler, config.optimizer, compute.clone(), lora, seed)?;
    learner.start_from_exact(source)?;
    if !config.adapter.as_os_str().is_empty() {
        learner.start_from_adapter(&config.adapter, source)?;
    }
    Ok(learner)
}

fn held_out(config: &SftConfig, encode: batches::Encode<'_>) -> Result<Vec<TrainSample>> {
    if config.evaluate.every == 0 {
        return Ok(Vec::new());
    }
    let path = &config.evaluate.path;
    let (samples, counts) = batches::examples(path, encode, config.max_length, config.too_long)?;
    if counts.left_out + counts.cut > 0 {
        eprintln!("sft: {}: {}", path.display(), counts.note(config.max_length));
    }
    Ok(samples)
}

/// The lowest held-out loss so far, and the steps behind it.
#[derive(Default)]
struct Best(Option<(f64, u64)>);

impl Best {
    /// Whether a row is better than all before it; remembers it then.
    fn is_new(&mut self, row: &SftRow) -> bool {
        let Some(nll) = row.test_nll else { return false };
        let better = self.0.is_none_or(|(best, _)| nll < best);
        if better {
            self.0 = Some((nll, row.step + 1));
        }
        better
    }

    fn after(&self) -> Option<u64> {
        self.0.map(|(_, steps)| steps)
    }

    fn note(&self) -> String {
        self.0.map_or(String::new(), |(nll, steps)| {
            format!("lowest held-out loss {nll:.4} nats a token after step {steps}")
        })
    }
}
