//! Adapters on disk in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use tch::Tensor;

use super::export::save_tensors;
use super::qwen3::Qwen3;
use super::{lora, weights};
use howard::disk;
use howard::error::{Error, Result};
use howard::learn::compute::LoraConfig;

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// What howard adds: which weights the adapter was trained on.
const BASE: &str = "base.json";

/// PEFT's configuration, as far as it changes the computation.
#[derive(Deserialize)]
struct Raw {
    peft_type: String,
    r: i64,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: serde_json::Value,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    bias: Option<String>,
    rank_pattern: Option<serde_json::Map<String, serde_json::Value>>,
    alpha_pattern: Option<serde_json::Map<String, serde_json::Value>>,
    modules_to_save: Option<serde_json::Value>,
    layers_to_transform: Option<serde_json::Value>,
}

/// SHA-256 of a model folder's weights: what an adapter belongs to.
///
/// # Errors
/// The folder cannot be read.
pub fn base_hash(model: &Path) -> Result<String> {
    let mut files: Vec<(String, String)> = howard::run::manifest::hash_folder(model)?
        .into_iter()
        .filter(|(name, _)| name.ends_with(".safetensors"))
        .collect();
    files.sort();
    Ok(disk::sha256(format!("{files:?}").as_bytes()))
}

/// Writes adapters, given as `tensors` under PEFT's names, to `dir`; `base` is the folder of the model they are for.
///
/// # Errors
/// The folder cannot be written or the disk is full.
pub fn save(
    tensors: Vec<(String, Tensor)>,
    config: &LoraConfig,
    base: &Path,
    dir: &Path,
) -> Result<()> {
    disk::create_dir(dir)?;
    save_tensors(&dir.join(TENSORS), tensors)?;
    let write = |name: &str, value: serde_json::Value| {
        disk::write_atomic(&dir.join(name), format!("{value:#}\n").as_bytes())
    };
    write(BASE, json!({ "base_model": base, "sha256": base_hash(base)? }))?;
    write(
        CONFIG,
        json!({
            "base_model_name_or_path": base,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "lora_alpha": config.alpha,
            "lora_dropout": config.dropout,
            "peft_type": "LORA",
            "r": config.rank,
            "target_modules": config.target_modules,
            "task_type": "CAUSAL_LM",
            "use_dora": false,
            "use_rslora": false,
        }),
    )
}

/// Reads an adapter's configuration.
///
/// # Errors
/// The file is missing or broken, or asks for something that howard does not do; the message names it.
pub fn load_config(dir: &Path) -> Result<LoraConfig> {
    let path = dir.join(CONFIG);
    let raw: Raw = serde_json::from_str(&disk::read_text(&path)?).map_err(|e| {
        Error::file(&path, format!("is not the configuration of a LoRA adapter: {e}"))
    })?;
    let refuse = |what: &str| Err(Error::file(&path, format!("{what} is not supported")));
    if raw.peft_type != "LORA" {
        return refuse(&format!("peft_type '{}'", raw.peft_type));
    }
    let some = |value: &Option<serde_json::Value>| value.as_ref().is_some_and(|v| !v.is_null());
    let full = |map: &Option<serde_json::Map<_, _>>| map.as_ref().is_some_and(|m| !m.is_empty());
    let refused = [
        ("use_dora", raw.use_dora),
        ("fan_in_fan_out", raw.fan_in_fan_out),
        ("rank_pattern", full(&raw.rank_pattern)),
        ("alpha_pattern", full(&raw.alpha_pattern)),
        ("modules_to_save", some(&raw.modules_to_save)),
        ("layers_to_transform", some(&raw.layers_to_transform)),
        ("bias", raw.bias.as_deref().is_some_and(|bias| bias != "none")),
    ];
    if let Some((name, _)) = refused.iter().find(|(_, set)| *set) {
        return refuse(name);
    }
    let target_modules: Vec<String> = match &raw.target_modules {
        serde_json::Value::Array(names) => {
            names.iter().filter_map(|n| n.as_str().map(String::from)).collect()
        }
        serde_json::Value::String(name) if name == "all-linear" => {
            LoraConfig::default().target_modules
        }
        other => return refuse(&format!("target_modules {other}")),
    };
    #[allow(clippy::cast_precision_loss)]
    let alpha =
        if raw.use_rslora { raw.lora_alpha * (raw.r as f64).sqrt() } else { raw.lora_alpha };
    let config = LoraConfig { rank: raw.r, alpha, dropout: raw.lora_dropout, target_modules };
    config.check()?;
    Ok(config)
}

/// Attaches the adapter of a folder to a model; `base` is the folder the model came from.
///
/// # Errors
/// A file is missing or damaged, or the adapter is for another model.
pub fn load(model: &mut Qwen3, dir: &Path, base: &Path) -> Result<LoraConfig> {
    let config = load_config(dir)?;
    let path = dir.join(BASE);
    if path.exists() {
        let said: serde_json::Value = serde_json::from_str(&disk::read_text(&path)?)
            .map_err(|e| Error::file(&path, format!("is not JSON: {e}")))?;
        if said["sha256"].as_str() != Some(base_hash(base)?.as_str()) {
            let problem = format!(
                "the adapter was trained on other weights ({}) than those of {}",
                said["base_model"].as_str().unwrap_or("unknown"),
                base.display()
            );
            return Err(Error::file(dir, problem));
        }
    }
    lora::attach(model, &config, 0)?;
    weights::fill(&dir.join(TENSORS), lora::named_tensors(model))?;
    Ok(config)
}
