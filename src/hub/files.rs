//! Which files of a repository are a model in Hugging Face format, or a PEFT adapter.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::Repo;
use crate::disk;
use crate::error::{Error, Result};

/// Small files of a model or adapter; those that a repository has are fetched.
pub const SMALL: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "adapter_config.json",
    "model.safetensors.index.json",
];

/// Names of the files that hold the weights; the index is in `dir` if there is one.
///
/// # Errors
/// The repository is no model, has no weights in the safetensors format, or its index is damaged.
pub fn weights(repo: &Repo, dir: &Path, names: &[String]) -> Result<Vec<String>> {
    let has = |name: &str| names.iter().any(|n| n == name);
    let problem = match (has("config.json"), has("adapter_config.json")) {
        (_, true) if has("adapter_model.safetensors") => {
            return Ok(vec!["adapter_model.safetensors".into()]);
        }
        (false, _) => "is no model in Hugging Face format: it has no config.json",
        _ if has("model.safetensors.index.json") => {
            return shards(&dir.join("model.safetensors.index.json"));
        }
        _ if has("model.safetensors") => return Ok(vec!["model.safetensors".into()]),
        _ => "has no weights in the safetensors format",
    };
    Err(Error::data(format!("{}@{}", repo.id, repo.revision), problem))
}

/// Files that an index names, each once.
fn shards(index: &Path) -> Result<Vec<String>> {
    let value: Value = serde_json::from_str(&disk::read_text(index)?)
        .map_err(|e| Error::parse(index, e.line(), "not JSON"))?;
    let map = value["weight_map"].as_object();
    let map = map.ok_or_else(|| Error::file(index, "has no weight_map"))?;
    let names: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    Ok(names.into_iter().map(String::from).collect())
}

/// The first file that a folder lacks to be a model or an adapter.
pub fn lacks(dir: &Path) -> Option<String> {
    let missing = |name: &str| !dir.join(name).exists();
    if !missing("adapter_config.json") {
        return missing("adapter_model.safetensors").then(|| "adapter_model.safetensors".into());
    }
    if let Some(name) = ["config.json", "tokenizer.json"].into_iter().find(|name| missing(name)) {
        return Some(name.into());
    }
    let index = "model.safetensors.index.json";
    if missing(index) {
        return missing("model.safetensors").then(|| "model.safetensors".into());
    }
    match shards(&dir.join(index)) {
        Ok(names) => names.into_iter().find(|name| missing(name)),
        Err(_) => Some(index.into()),
    }
}
