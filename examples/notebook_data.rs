//! Makes the small files that notebooks read out of what `make ablation` left: `notebook_data results/ablation OUT`.
//!
//! `OUT/miniature.parquet` has the graded samples of all its evaluations in one frame, without the completions' texts;
//! `OUT/grpo/` has the training run on hard problems, of its rollouts those of the first and of the last step.

#![allow(clippy::print_stderr)] // a program

use std::path::Path;
use std::process::ExitCode;

use howard::disk;
use howard::error::{Error, Result};
use howard::frame;
use howard::jsonl;
use howard::learn::grpo::log::RolloutRow;
use howard::run;

/// Evaluations of `make ablation`, in the order of its table, then the two further seeds.
const EVALUATIONS: [&str; 10] = [
    "baseline",
    "sft",
    "direct_rl",
    "sft_then_rl",
    "hard",
    "continued",
    "full",
    "lora",
    "hard_seed2",
    "hard_seed3",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ablation, out] = arguments.as_slice() else {
        eprintln!(
            "usage: notebook_data ABLATION OUT: the folder that `make ablation` wrote, and where to write"
        );
        return ExitCode::from(2);
    };
    match make(Path::new(ablation), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(ablation: &Path, out: &Path) -> Result<()> {
    let mut records = Vec::new();
    for name in EVALUATIONS {
        let run = ablation.join("eval").join(name);
        finished(&run)?;
        for mut record in frame::read_records(&run.join(run::RECORDS))? {
            record.run = name.into();
            record.text.clear();
            records.push(record);
        }
    }
    let training = ablation.join("hard");
    finished(&training)?;
    let rollouts: Vec<RolloutRow> = jsonl::read(&training.join(run::ROLLOUTS))?;
    let last = rollouts.iter().map(|row| row.step).max();
    let kept: Vec<RolloutRow> =
        rollouts.into_iter().filter(|row| row.step == 0 || Some(row.step) == last).collect();

    let grpo = out.join("grpo");
    disk::create_dir(&grpo)?;
    frame::write_records(&records, &out.join("miniature.parquet"))?;
    jsonl::write(&grpo.join(run::ROLLOUTS), &kept)?;
    for name in [run::STEPS, run::GROUPS] {
        let from = training.join(name);
        let bytes = std::fs::read(&from).map_err(|e| Error::io(&from, e))?;
        disk::write_atomic(&grpo.join(name), &bytes)?;
    }
    Ok(())
}

fn finished(run: &Path) -> Result<()> {
    if run.join(run::DONE).exists() {
        return Ok(());
    }
    Err(Error::file(run, "this run is missing or not finished: make ablation"))
}
