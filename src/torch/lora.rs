//! Low-rank adapters (Hu et al. 2021, arXiv:2106.09685), with PEFT's names, initialisation and file format.
//!
//! Axes: r rank, i inputs, o outputs of a projection.

use tch::{Kind, Tensor};

use super::qwen3::Qwen3;
use howard::error::{Error, Result};
use howard::learn::compute::LoraConfig;
use howard::rng::Seed;

/// Names of the projections of a layer that can have an adapter, as PEFT and Hugging Face call them, with the block they
/// are in.
pub const TARGETS: [(&str, &str); 7] = [
    ("self_attn", "q_proj"),
    ("self_attn", "k_proj"),
    ("self_attn", "v_proj"),
    ("self_attn", "o_proj"),
    ("mlp", "gate_proj"),
    ("mlp", "up_proj"),
    ("mlp", "down_proj"),
];

/// `W x + scale * B A dropout(x)` for one projection.
#[derive(Debug)]
pub struct Adapter {
    /// `[r, i]`.
    pub a: Tensor,
    /// `[o, r]`.
    pub b: Tensor,
    /// `alpha / r`.
    pub scale: f64,
}

impl Adapter {
    /// What the adapter adds to the projection of `x` `[.., i]` -> `[.., o]`.
    pub fn delta(&self, x: &Tensor, dropout: f64) -> Tensor {
        let x = if dropout > 0.0 { x.dropout(dropout, true) } else { x.shallow_clone() };
        x.linear(&self.a, None::<&Tensor>).linear(&self.b, None::<&Tensor>) * self.scale
    }

    /// The matrix that it adds to the weight, `[o, i]`, computed in fp32.
    pub fn matrix(&self) -> Tensor {
        self.b.to_kind(Kind::Float).matmul(&self.a.to_kind(Kind::Float)) * self.scale
    }
}

/// The adapters of one layer, in the order of [`TARGETS`].
#[derive(Debug, Default)]
pub struct LayerAdapters(pub [Option<Adapter>; 7]);

/// Indices into [`LayerAdapters`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Place {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl LayerAdapters {
    /// `projected` plus what the adapter at `place` adds, if there is one.
    pub fn add(&self, place: Place, projected: Tensor, x: &Tensor, dropout: f64) -> Tensor {
        match &self.0[place as usize] {
            Some(adapter) => projected + adapter.delta(x, dropout),
            None => projected,
        }
    }
}

/// Inputs and outputs of each target.
fn sizes(model: &Qwen3) -> [(i64, i64); 7] {
    let c = &model.config;
    let (q, kv) = (c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim);
    let (h, f) = (c.hidden_size, c.intermediate_size);
    [(h, q), (h, kv), (h, kv), (q, h), (h, f), (h, f), (f, h)]
}

/// Gives every layer new adapters: A uniform in +-1/sqrt(i) (PEFT's Kaiming-uniform with a = sqrt(5)), B zero, so that
/// the model is unchanged at first. Replaces adapters that are there.
///
/// # Errors
/// A setting is out of range or a target is unknown.
pub fn attach(model: &mut Qwen3, config: &LoraConfig, seed: u64) -> Result<()> {
    config.check()?;
    let sizes = sizes(model);
    let (kind, device) = (model.kind(), model.device());
    for (index, layer) in model.layers.iter_mut().enumerate() {
        let mut adapters = LayerAdapters::default();
        for (place, (_, name)) in TARGETS.iter().enumerate() {
            if !config.target_modules.iter().any(|target| target == name) {
                continue;
            }
            let (inputs, outputs) = sizes[place];
            let mut stream = Seed(seed).named("lora").named(name).index(index as u64).stream();
            #[allow(clippy::cast_precision_loss)]
            let bound = 1.0 / (inputs as f64).sqrt();
            #[allow(clippy::cast_possible_truncation)]
            let values: Vec<f32> = (0..config.rank * inputs)
                .map(|_| (bound * (2.0 * stream.uniform() - 1.0)) as f32)
                .collect();
            let a = Tensor::from_slice(&values).reshape([config.rank, inputs]);
            adapters.0[place] = Some(Adapter {
                a: a.to_kind(kind).to_device(device),
                b: Tensor::zeros([outputs, config.rank], (kind, device)),
                scale: config.scale(),
            });
        }
        layer.adapters = Some(adapters);
    }
    Ok(())
}

/// The adapters' tensors under PEFT's names (`lora_A` is `[r, i]`, `lora_B` is `[o, r]`), in the order they are learned.
pub fn named_tensors(model: &Qwen3) -> Vec<(String, Tensor)> {
    let mut named = Vec::new();
    for (index, layer) in model.layers.iter().enumerate() {
        let Some(adapters) = &layer.adapters else { continue };
        for ((block, name), adapter) in TARGETS.iter().zip(&adapters.0) {
            let Some(adapter) = adapter else { continue };
            let prefix = format!("base_model.model.model.layers.{index}.{block}.{name}");
            named.push((format!("{prefix}.lora_A.weight"), adapter.a.shallow_clone()));
            named.push((format!("{prefix}.lora_B.weight"), adapter.b.shallow_clone()));
        }
    }
    named
}

/// Adds every adapter to the weights it adapts and removes it.
///
/// # Errors
/// The model has no adapter.
pub fn fold(model: &mut Qwen3) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let weights: std::collections::BTreeMap<String, Tensor> =
        model.named_tensors().into_iter().collect();
    let mut folded = 0;
    for (index, layer) in model.layers.iter_mut().enumerate() {
        let Some(adapters) = layer.adapters.take() else { continue };
        for ((block, name), adapter) in TARGETS.iter().zip(&adapters.0) {
            let Some(adapter) = adapter else { continue };
            let weight = &weights[&format!("model.layers.{index}.{block}.{name}.weight")];
            let sum = weight.to_kind(Kind::Float) + adapter.matrix();
            weight.shallow_clone().copy_(&sum);
            folded += 1;
        }
    }
    if folded == 0 {
        return Err(Error::data("adapter", "the model has none to fold in"));
    }
    Ok(())
}
