//! `logprobs`: per-token log-probabilities of texts or token ids.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use howard::cli;
use howard::error::Error;
use howard_torch as torch;
use howard_torch::engine::Model;
use howard_torch::prepared::Prepared;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Vocabulary;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Score texts or token ids under a model: one JSON line in, one JSON line out.
///
/// Example: `echo '{"text": "12+5=17"}' > texts.jsonl; logprobs --model data/tiny --in texts.jsonl`
/// prints `{"ids": [...], "logprobs": [null, -2.1, ...]}`: `logprobs[t]` is the natural logarithm of the
/// probability of `ids[t]` after `ids[0..t]`; the first id has nothing before it, so its entry is null.
#[derive(Parser)]
#[command(version, after_help = cli::EXIT_CODES)]
struct Args {
    /// Folder of a Qwen3 model in Hugging Face format, or its name on the hub
    #[arg(long)]
    model: PathBuf,
    /// JSON lines, each {"text": "..."} (special tokens count as such, none is added) or {"ids": [...]}
    #[arg(long = "in")]
    input: PathBuf,
    /// Where to write; without it, standard output
    #[arg(long)]
    out: Option<PathBuf>,
    /// Compute dtype: float32 or bfloat16
    #[arg(long, default_value = "float32")]
    dtype: String,
    /// cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    device: String,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Row {
    Text { text: String },
    Ids { ids: Vec<u32> },
}

#[derive(Serialize)]
struct Scored {
    ids: Vec<u32>,
    logprobs: Vec<Option<f32>>,
}

fn main() -> ExitCode {
    cli::main("logprobs", || score(&Args::parse()))
}

fn score(args: &Args) -> anyhow::Result<u8> {
    let (device, dtype) = (torch::device(&args.device)?, torch::dtype(&args.dtype)?);
    let dir = cli::hub::model(&args.model)?.dir;
    let model = Qwen3::load(&dir, dtype, device)?;
    let rows = read(&args.input, &dir, &model)?;
    let scores = Prepared::new(model).score(&rows);
    let mut text = Vec::new();
    for (ids, scores) in rows.into_iter().zip(scores) {
        let first = (!ids.is_empty()).then_some(None);
        let logprobs = first.into_iter().chain(scores.into_iter().map(Some)).collect();
        serde_json::to_writer(&mut text, &Scored { ids, logprobs })?;
        text.push(b'\n');
    }
    match &args.out {
        Some(path) => howard::disk::write_atomic(path, &text)?,
        None => std::io::stdout().write_all(&text).context("standard output")?,
    }
    Ok(cli::OK)
}

/// The ids of every line, checked against the model.
fn read(path: &Path, model_dir: &Path, model: &Qwen3) -> anyhow::Result<Vec<Vec<u32>>> {
    let rows: Vec<(usize, Value)> = howard::jsonl::read_numbered(path)?;
    let row = |(line, value): (usize, Value)| {
        let problem = r#"is neither {"text": "..."} nor {"ids": [...]}"#;
        let row = serde_json::from_value::<Row>(value);
        row.map(|row| (line, row)).map_err(|_| Error::parse(path, line, problem))
    };
    let rows: Vec<(usize, Row)> = rows.into_iter().map(row).collect::<Result<_, _>>()?;
    let vocabulary = match rows.iter().any(|(_, row)| matches!(row, Row::Text { .. })) {
        true => Some(Vocabulary::load(model_dir)?),
        false => None,
    };
    let (size, context) = (model.config.vocab_size, model.config.max_position_embeddings);
    let mut all = Vec::with_capacity(rows.len());
    for (line, row) in rows {
        let ids = match (row, &vocabulary) {
            (Row::Ids { ids }, _) => ids,
            (Row::Text { text }, Some(vocabulary)) => vocabulary.encode(&text)?,
            (Row::Text { .. }, None) => Vec::new(),
        };
        if let Some(id) = ids.iter().find(|&&id| i64::from(id) >= size) {
            let problem = format!("id {id} is not in the model's vocabulary of {size}");
            return Err(Error::parse(path, line, problem).into());
        }
        if ids.len() as i64 > context {
            let problem =
                format!("{} tokens are more than the model's context of {context}", ids.len());
            return Err(Error::parse(path, line, problem).into());
        }
        all.push(ids);
    }
    Ok(all)
}
