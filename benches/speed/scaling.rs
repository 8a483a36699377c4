//! How the cost of a generated token depends on batch, context and size of the model.

use std::path::Path;
use std::time::Instant;

use howard::error::Result;
use howard::rng::Seed;
use howard::types::SamplingParams;
use howard_torch::config::{self, ModelConfig};
use howard_torch::engine::{Model, Prompt};
use howard_torch::qwen3::Qwen3;
use tch::{Device, Kind};

use super::measure::Row;

/// Tokens that are generated of each sequence; with wide models, fewer.
const TOKENS: usize = 129;
/// See [`TOKENS`].
const FEW: usize = 33;
/// Sequences up to which all of a batch are decoded together on two threads.
const TOGETHER: usize = 64;

/// Batches, contexts and hidden sizes (layers of the 3 M model's proportions) that are measured.
pub const BATCHES: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// See [`BATCHES`].
pub const CONTEXTS: [usize; 6] = [256, 512, 1024, 2048, 4096, 8192];
/// See [`BATCHES`].
pub const WIDTHS: [i64; 5] = [128, 256, 512, 1024, 2048];

/// All rows. Prefill does not count: sequences that are all decoded together tell how long they took from their first
/// token on; of larger batches the time of a second run, which ends after the first tokens, is taken away.
///
/// # Errors
/// The tiny model's configuration cannot be read, or generation fails.
pub fn rows(template: &Row, tiny: &Path, threads: i32, repeats: usize) -> Result<Vec<Row>> {
    tch::set_num_threads(threads);
    let vocab_size = config::load(tiny)?.vocab_size;
    let model = |width: i64| {
        let shape = ModelConfig {
            vocab_size,
            hidden_size: width,
            intermediate_size: 3 * width,
            num_hidden_layers: 4,
            num_attention_heads: width / 32,
            num_key_value_heads: width / 128,
            head_dim: 32,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: true,
            max_position_embeddings: 16_384,
        };
        Qwen3::random(shape, 3, Kind::Float, Device::Cpu)
    };
    let small = model(256);
    let mut rows = Vec::new();
    let mut add = |model: &Qwen3, case: String, batch, context, tokens| -> Result<()> {
        let mut row = Row {
            model: format!("{:.1} M", model.config.num_parameters() as f64 / 1e6),
            case,
            program: "howard".into(),
            device: "cpu float32".into(),
            threads,
            ..template.clone()
        };
        for round in 0..=repeats {
            let (whole, decoding) = timed(model, batch, context, tokens)?;
            let seconds = match batch {
                ..=TOGETHER => decoding,
                _ => whole - timed(model, batch, context, 1)?.0,
            };
            if round > 0 {
                row.seconds.push(seconds);
                row.tokens.push((batch * (tokens - 1)) as u64);
            }
        }
        println!("{} {}: {:.0} tokens/s", row.model, row.case, Row::median(row.rates()));
        rows.push(row);
        Ok(())
    };
    for batch in BATCHES {
        add(&small, format!("batch {batch}"), batch, 128, TOKENS)?;
    }
    for context in CONTEXTS {
        add(&small, format!("context {context}"), 8, context, TOKENS)?;
    }
    for width in WIDTHS {
        add(&model(width), format!("width {width}"), TOGETHER, 128, FEW)?;
    }
    Ok(rows)
}

/// Seconds for `tokens` tokens each of `batch` sequences after `context` tokens of one prompt: of the whole, and from the first
/// token to the last, the mean over the sequences.
fn timed(model: &Qwen3, batch: usize, context: usize, tokens: usize) -> Result<(f64, f64)> {
    let ids = (0..context as u64).map(|t| (Seed(4).uniform(t) * 400.0) as u32).collect();
    let seeds = (0..batch as u64).map(|sample| Seed(5).index(sample)).collect();
    let params = SamplingParams { max_tokens: tokens, ..SamplingParams::default() };
    let started = Instant::now();
    let prompts = [Prompt { ids, params, seeds }];
    let mut decoding = 0.0;
    model.generate(&prompts, &[], &|_, _| false, batch, &mut |output| {
        decoding += output.seconds / batch as f64;
        Ok(())
    })?;
    Ok((started.elapsed().as_secs_f64(), decoding))
}
