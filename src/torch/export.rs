//! Writes a model folder in Hugging Face format, so that transformers and every other tool can load it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::View;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::qwen3::Qwen3;
use howard::disk;
use howard::error::{Error, Result};

/// Files beside weights and configuration that make a model usable: copied along on export.
const COMPANIONS: [&str; 5] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "generation_config.json",
    "special_tokens_map.json",
];

/// One tensor as safetensors wants it; its bytes are made when they are written, one tensor at a time.
struct Written {
    tensor: Tensor,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl View for &Written {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let tensor = self.tensor.to_device(Device::Cpu).contiguous();
        let mut bytes = vec![0u8; self.data_len()];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

/// Writes tensors under their names to one safetensors file, by way of a temporary file.
///
/// # Errors
/// A dtype that safetensors files of models do not have, or the file cannot be written.
pub fn save_tensors(path: &Path, tensors: Vec<(String, Tensor)>) -> Result<()> {
    let mut written = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let dtype = match tensor.kind() {
            Kind::Float => Dtype::F32,
            Kind::BFloat16 => Dtype::BF16,
            Kind::Half => Dtype::F16,
            Kind::Int64 => Dtype::I64,
            other => return Err(Error::file(path, format!("tensor {name} has dtype {other:?}"))),
        };
        let shape = tensor.size().iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        written.push((name, Written { tensor, shape, dtype }));
    }
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let views: Vec<(&str, &Written)> = written.iter().map(|(name, w)| (name.as_str(), w)).collect();
    let temporary = path.with_extension("safetensors.tmp");
    let outcome = safetensors::serialize_to_file(views, Some(metadata), &temporary)
        .map_err(|e| match e {
            safetensors::SafeTensorError::IoError(e) => Error::io(path, e),
            other => Error::file(path, format!("cannot be written: {other}")),
        })
        .and_then(|()| finish(&temporary).map_err(|e| Error::io(path, e)))
        .and_then(|()| std::fs::rename(&temporary, path).map_err(|e| Error::io(path, e)));
    if outcome.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    outcome
}

/// safetensors creates its files for the owner alone (a model is to be shared as other files are) and does not wait for the
/// disk.
fn finish(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
    std::fs::File::open(path)?.sync_all()
}

/// Writes `model` to `dir`: weights, `config.json`, and the tokenizer's files of `source` (the folder the model came
/// from), so that transformers loads what we write.
///
/// # Errors
/// The folder cannot be written or the disk is full.
pub fn save_model(model: &Qwen3, source: Option<&Path>, eos: &[u32], dir: &Path) -> Result<()> {
    disk::create_dir(dir)?;
    if let Some(source) = source {
        for name in COMPANIONS {
            let from = source.join(name);
            if from.exists() {
                let bytes = std::fs::read(&from).map_err(|e| Error::io(&from, e))?;
                disk::write_atomic(&dir.join(name), &bytes)?;
            }
        }
    }
    save_tensors(&dir.join("model.safetensors"), model.named_tensors())?;
    let text = serde_json::to_string_pretty(&config_json(model, eos))
        .map_err(|e| Error::file(dir, format!("config.json cannot be written: {e}")))?;
    disk::write_atomic(&dir.join("config.json"), (text + "\n").as_bytes())
}

/// `config.json` as transformers 4 and 5 read it.
fn config_json(model: &Qwen3, eos: &[u32]) -> serde_json::Value {
    let c = &model.config;
    let dtype = match model.kind() {
        Kind::BFloat16 => "bfloat16",
        Kind::Half => "float16",
        _ => "float32",
    };
    json!({
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "attention_bias": false,
        "attention_dropout": 0.0,
        "eos_token_id": eos.first(),
        "head_dim": c.head_dim,
        "hidden_act": "silu",
        "hidden_size": c.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": c.intermediate_size,
        "max_position_embeddings": c.max_position_embeddings,
        "num_attention_heads": c.num_attention_heads,
        "num_hidden_layers": c.num_hidden_layers,
        "num_key_value_heads": c.num_key_value_heads,
        "rms_norm_eps": c.rms_norm_eps,
        "rope_scaling": null,
        "rope_theta": c.rope_theta,
        "sliding_window": null,
        "tie_word_embeddings": c.tie_word_embeddings,
        "torch_dtype": dtype,
        "use_cache": true,
        "use_sliding_window": false,
        "vocab_size": c.vocab_size,
    })
}
