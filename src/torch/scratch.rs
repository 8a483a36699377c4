//! A model folder from nothing: random weights, and a byte-level BPE tokenizer trained on given texts.

use std::path::Path;

use serde_json::json;
use tch::{Device, Kind};
use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer};

use super::export;
use super::qwen3::Qwen3;
use howard::disk;
use howard::error::{Error, Result};
use howard::learn::recipe::ScratchConfig;

const PAD: &str = "<|endoftext|>";
const START: &str = "<|im_start|>";
const END: &str = "<|im_end|>";

/// The plain ChatML template, as Qwen models have it for conversations without tools.
const CHATML: &str = "{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
";

/// Trains a byte-level BPE tokenizer (digits are always tokens of their own) on some texts.
///
/// # Errors
/// The texts do not yield `vocab_size` entries, or the trainer fails.
pub fn train_tokenizer(vocab_size: usize, texts: &[String]) -> Result<Tokenizer> {
    let failed = |e: tokenizers::Error| Error::data("tokenizer", e.to_string());
    let mut tokenizer = Tokenizer::new(BPE::default());
    let pieces: Vec<PreTokenizerWrapper> =
        vec![Digits::new(true).into(), ByteLevel::new(false, false, true).into()];
    tokenizer.with_pre_tokenizer(Some(Sequence::new(pieces)));
    tokenizer.with_decoder(Some(ByteLevelDecoder::default()));
    let special = [PAD, START, END].map(|text| AddedToken::from(text, true));
    let mut trainer: TrainerWrapper = BpeTrainerBuilder::new()
        .vocab_size(vocab_size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    tokenizer.train(&mut trainer, texts.iter().map(String::as_str)).map_err(failed)?;
    let got = tokenizer.get_vocab_size(true);
    if got != vocab_size {
        let problem = format!("the texts yield {got} entries: set vocab_size to that or fewer");
        return Err(Error::config("vocab_size", problem));
    }
    Ok(tokenizer)
}

/// Writes a model folder with random weights and a tokenizer trained on `texts`.
///
/// # Errors
/// The sizes do not fit together or the folder cannot be written.
pub fn create(config: &ScratchConfig, texts: &[String], dir: &Path) -> Result<()> {
    disk::create_dir(dir)?;
    let tokenizer = train_tokenizer(config.vocab_size, texts)?;
    let id = |token: &str| {
        tokenizer
            .token_to_id(token)
            .ok_or_else(|| Error::data("tokenizer", format!("has no {token}")))
    };
    let (pad, end) = (id(PAD)?, id(END)?);
    let text = tokenizer.to_string(true).map_err(|e| Error::data("tokenizer", e.to_string()))?;
    disk::write_atomic(&dir.join("tokenizer.json"), text.as_bytes())?;
    disk::write_atomic(&dir.join("chat_template.jinja"), CHATML.as_bytes())?;
    let write = |name: &str, value: serde_json::Value| {
        disk::write_atomic(&dir.join(name), format!("{value:#}\n").as_bytes())
    };
    write(
        "tokenizer_config.json",
        json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "pad_token": PAD,
            "model_max_length": config.max_position_embeddings,
            "clean_up_tokenization_spaces": false,
        }),
    )?;
    write("generation_config.json", json!({ "eos_token_id": [end, pad], "pad_token_id": pad }))?;
    let model = Qwen3::random(config.shape(), config.seed, Kind::Float, Device::Cpu);
    export::save_model(&model, None, &[end], dir)
}
