//! From a recipe to a learner.

use std::path::Path;

use super::learner::TorchLearner;
use super::local::LocalSampler;
use super::qwen3::Qwen3;
use super::{device, dtype};
use howard::error::{Error, Result};
use howard::learn::grpo::GrpoConfig;
use howard::shape::ModelConfig;

/// The learner of a GRPO run: model, adapters to start from, reference model of the KL term.
///
/// # Errors
/// A folder is not what the recipe says, or the device is unknown.
pub fn grpo(config: &GrpoConfig) -> Result<TorchLearner> {
    let compute = &config.compute;
    let sampler =
        LocalSampler::load(&config.model, &compute.device, compute.dtype(), config.slots)?;
    let mut learner = TorchLearner::new(
        sampler,
        config.optimizer,
        compute.clone(),
        config.lora.as_ref(),
        config.seed,
    )?;
    learner.start_from_exact(&config.model)?;
    if !config.adapter.as_os_str().is_empty() {
        learner.start_from_adapter(&config.adapter, &config.model)?;
    }
    let own = !config.reference.as_os_str().is_empty();
    if config.objective.kl_coefficient > 0.0 && (own || config.lora.is_none()) {
        let dir = if own { &config.reference } else { &config.model };
        learner.set_reference(Qwen3::load(dir, dtype(compute.dtype())?, device(&compute.device)?)?);
    }
    Ok(learner)
}

/// Looks whether the folders that a recipe names are there, so that a run that cannot begin leaves nothing behind.
///
/// # Errors
/// The first that is not what it should be.
pub fn check(config: &GrpoConfig) -> Result<()> {
    let models = [&config.model, &config.reference];
    for dir in models.into_iter().filter(|dir| !dir.as_os_str().is_empty()) {
        if !dir.is_dir() {
            let problem = "there is no such model folder: give a folder with config.json and model.safetensors";
            return Err(Error::file(dir, problem));
        }
        super::config::load(dir)?;
    }
    let adapter = config.adapter.join("adapter_config.json");
    if !config.adapter.as_os_str().is_empty() && !adapter.exists() {
        let problem =
            "there is no such adapter (no adapter_config.json): give a folder in PEFT's format";
        return Err(Error::file(&config.adapter, problem));
    }
    Ok(())
}

/// The shape of a model, from its folder or else from its name; `None` where neither says it.
///
/// # Errors
/// The folder's `config.json` is not a Qwen3 model's.
pub fn shape(model: &Path) -> Result<Option<ModelConfig>> {
    if model.join("config.json").exists() {
        return Ok(Some(super::config::load(model)?));
    }
    Ok(ModelConfig::published(&model.to_string_lossy()))
}

/// Work of forward and backward pass, recomputation not counted: per trained token, and per pair of a token and one that it
/// sees. A matrix product costs 2 operations per weight forward and 4 backward, 2 where the weight is frozen and only the
/// gradient of its input is needed; the embedding costs none, a tied one is counted once, as the head (PaLM,
/// arXiv:2204.02311, appendix B).
#[allow(clippy::cast_precision_loss)]
pub fn flop(model: &Qwen3, frozen: bool) -> (f64, f64) {
    let shape = &model.config;
    let (c, v) = (shape.hidden_size, shape.vocab_size);
    let q = shape.num_attention_heads * shape.head_dim;
    let kv = shape.num_key_value_heads * shape.head_dim;
    let layer = c * (q + 2 * kv) + q * c + 3 * c * shape.intermediate_size;
    let weights = (shape.num_hidden_layers * layer + v * c) as f64;
    let per_weight = if frozen { 4.0 } else { 6.0 };
    (per_weight * weights, 12.0 * (shape.num_hidden_layers * q) as f64)
}
