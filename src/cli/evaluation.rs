//! An evaluation as `eval` and `traces` run it: folder, manifest, records, resumed where it was.

#![allow(clippy::print_stderr)] // floor 5 prints

use std::path::Path;

use super::{Terminal, provenance};
use crate::eval::config::EvalConfig;
use crate::eval::{self, EvalOptions, Task, Who};
use crate::run::{self, Found, Manifest, RunFolder};
use crate::sample::Sampler;
use crate::types::EvalRecord;
use crate::{disk, frame};

/// Runs or resumes an evaluation in `out`; `spent` is told of the folder once sampling is over, also when it failed.
///
/// # Errors
/// The folder holds another run, model or data have changed, the sampler gives up, or nothing can be written.
pub fn run<S: Sampler>(
    out: &Path,
    config: &EvalConfig,
    tasks: &[Task],
    who: &Who,
    sampler: &mut S,
    spent: impl Fn(&S, &RunFolder) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<EvalRecord>> {
    let (folder, found) = RunFolder::open(out, config)?;
    if found == Found::Finished {
        eprintln!("{} is finished already", out.display());
        return Ok(frame::read_records(&folder.path(run::RECORDS))?);
    }
    let manifest_path = folder.path(run::MANIFEST);
    let mut manifest = Manifest {
        device: who.device.clone(),
        model_files: who.files.clone(),
        data: tasks.iter().map(|t| (t.benchmark.clone(), t.data_hash())).collect(),
        grader: config.grader.name(),
        ..provenance::manifest(config.seed)
    };
    if found == Found::Unfinished && manifest_path.exists() {
        let before = Manifest::read(&manifest_path)?;
        anyhow::ensure!(
            before.model_files == manifest.model_files && before.data == manifest.data,
            "{}: the model or the data has changed since this run was begun: choose another --out",
            out.display()
        );
        manifest.started = [before.started, manifest.started].concat();
    }
    manifest.write(&manifest_path)?;
    let options = EvalOptions {
        run: folder.name(),
        model: who.model.clone(),
        samples: config.samples,
        params: config.sampling.clone(),
        seed: config.seed,
        wave: who.wave,
        grader: config.grader.clone(),
    };
    let partial = folder.path(run::RECORDS_JSONL);
    let outcome = eval::run(sampler, tasks, &options, &partial, &mut Terminal::default());
    spent(sampler, &folder)?;
    let records = outcome?;
    frame::write_records(&records, &folder.path(run::RECORDS))?;
    manifest.ended = Some(provenance::now());
    manifest.write(&manifest_path)?;
    folder.finish()?;
    disk::remove(&partial)?;
    Ok(records)
}

/// Counts what a server was asked in `spent.json`, and says it.
///
/// # Errors
/// The file cannot be read or written.
#[cfg(feature = "endpoint")]
pub fn note_spent(
    spent: Option<crate::sample::openai::Spent>,
    folder: &RunFolder,
) -> anyhow::Result<()> {
    let Some(spent) = spent else { return Ok(()) };
    let total = spent.add_to(&folder.path("spent.json"))?;
    eprintln!(
        "{} requests ({} repeated), {} + {} tokens, cost {:.4}",
        total.requests, total.retries, total.prompt_tokens, total.completion_tokens, total.cost
    );
    Ok(())
}
