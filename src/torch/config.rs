//! Reads the shape of a Qwen3 model from its `config.json`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use howard::disk;
use howard::error::{Error, Result};
pub use howard::shape::ModelConfig;

/// `config.json` as transformers writes it; fields that change the computation are all here.
#[derive(Deserialize)]
struct Raw {
    architectures: Option<Vec<String>>,
    model_type: Option<String>,
    vocab_size: i64,
    hidden_size: i64,
    intermediate_size: i64,
    num_hidden_layers: i64,
    num_attention_heads: i64,
    num_key_value_heads: Option<i64>,
    head_dim: Option<i64>,
    rope_theta: Option<f64>,
    rope_parameters: Option<Value>,
    rope_scaling: Option<Value>,
    #[serde(default = "default_eps")]
    rms_norm_eps: f64,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default = "default_positions")]
    max_position_embeddings: i64,
    #[serde(default = "default_act")]
    hidden_act: String,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    use_sliding_window: bool,
    layer_types: Option<Vec<String>>,
    quantization_config: Option<Value>,
    eos_token_id: Option<Value>,
}

// The defaults of transformers' Qwen3Config.
fn default_eps() -> f64 {
    1e-6
}

fn default_positions() -> i64 {
    32_768
}

fn default_act() -> String {
    "silu".into()
}

fn read(dir: &Path) -> Result<Raw> {
    let path = dir.join("config.json");
    serde_json::from_str(&disk::read_text(&path)?)
        .map_err(|e| Error::file(&path, format!("is not the configuration of a Qwen3 model: {e}")))
}

/// Reads and checks the `config.json` of a model folder, of both generations (`rope_theta` at the top or in
/// `rope_parameters`).
///
/// # Errors
/// The file is missing or broken, or asks for something that this model does not do; the message names it.
pub fn load(dir: &Path) -> Result<ModelConfig> {
    let raw = read(dir)?;
    let path = dir.join("config.json");
    let refuse = |problem: String| Err(Error::file(&path, problem));
    let names = raw.architectures.clone().unwrap_or_default();
    let is_qwen3 = names.iter().any(|n| n == "Qwen3ForCausalLM")
        || (names.is_empty() && raw.model_type.as_deref() == Some("qwen3"));
    if !is_qwen3 {
        let found =
            if names.is_empty() { raw.model_type.unwrap_or_default() } else { names.join(", ") };
        return refuse(format!(
            "architecture '{found}' is not supported: howard runs Qwen3ForCausalLM"
        ));
    }
    if let Some(kind) = raw.model_type.as_deref().filter(|kind| *kind != "qwen3") {
        return refuse(format!("model_type '{kind}' is not qwen3, though the architecture is"));
    }
    let rope = raw.rope_parameters.as_ref();
    let rope_types = [raw.rope_scaling.as_ref(), rope]
        .map(|v| v.and_then(|v| v.get("rope_type").or_else(|| v.get("type"))?.as_str()));
    if let Some(kind) = rope_types.into_iter().flatten().find(|kind| *kind != "default") {
        return refuse(format!(
            "rope type '{kind}' is not supported: only plain rotary embeddings are"
        ));
    }
    if raw.attention_bias {
        return refuse("attention_bias is not supported: Qwen3 has none".into());
    }
    let slides = raw.layer_types.iter().flatten().any(|t| t != "full_attention");
    if raw.use_sliding_window || slides {
        return refuse("sliding-window attention is not supported".into());
    }
    if raw.quantization_config.is_some() {
        return refuse("quantized weights are not supported: use the bf16 or fp32 model".into());
    }
    if raw.hidden_act != "silu" {
        return refuse(format!("hidden_act '{}' is not supported: Qwen3 has silu", raw.hidden_act));
    }
    let theta = raw.rope_theta.or_else(|| rope?.get("rope_theta")?.as_f64());
    let config = ModelConfig {
        vocab_size: raw.vocab_size,
        hidden_size: raw.hidden_size,
        intermediate_size: raw.intermediate_size,
        num_hidden_layers: raw.num_hidden_layers,
        num_attention_heads: raw.num_attention_heads,
        num_key_value_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
        head_dim: raw.head_dim.unwrap_or(128),
        rope_theta: theta.unwrap_or(10_000.0),
        rms_norm_eps: raw.rms_norm_eps,
        tie_word_embeddings: raw.tie_word_embeddings,
        max_position_embeddings: raw.max_position_embeddings,
    };
    match config.check() {
        Ok(()) => Ok(config),
        Err(problem) => refuse(problem),
    }
}

/// The ids that end a completion: `eos_token_id` of `generation_config.json`, else of `config.json`; one or several.
///
/// # Errors
/// A file is broken.
pub fn eos_ids(dir: &Path) -> Result<Vec<u32>> {
    let generation = dir.join("generation_config.json");
    if generation.exists() {
        let value: Value = serde_json::from_str(&disk::read_text(&generation)?)
            .map_err(|e| Error::file(&generation, format!("is not JSON: {e}")))?;
        let ids = ids(value.get("eos_token_id"));
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(ids(read(dir)?.eos_token_id.as_ref()))
}

fn ids(value: Option<&Value>) -> Vec<u32> {
    let one = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Value::Array(all)) => all.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}
