//! Qwen3 as Hugging Face has it: grouped-query attention with per-head q/k RMSNorm, RoPE, SwiGLU.
//!
//! One block serves training and generation; they differ only in what `attend` does with queries, keys and
//! values. Axes: b batch, t time, c hidden, h query heads, k kv heads, d head width, f feed-forward, v vocabulary.
//!
//! Source: transformers `models/qwen3/modeling_qwen3.py`; Qwen3 technical report, arXiv:2505.09388.

use tch::{Device, Kind, Tensor};

use super::attention;
use super::config::ModelConfig;
use super::fused;
use super::lora::{LayerAdapters, Place};
use super::pack::{Packed, Run};

/// The weights of one layer; q, k, v and gate, up are fused, so that each is one matrix product.
#[derive(Debug)]
pub struct Layer {
    /// RMSNorm before attention, `[c]`.
    pub input_norm: Tensor,
    /// Query, key and value projections, rows in this order, `[(h + 2k) * d, c]`.
    pub qkv: Tensor,
    /// RMSNorm of each query head, `[d]`.
    pub q_norm: Tensor,
    /// RMSNorm of each key head, `[d]`.
    pub k_norm: Tensor,
    /// Output projection, `[c, h * d]`.
    pub o: Tensor,
    /// RMSNorm before the feed-forward layer, `[c]`.
    pub post_norm: Tensor,
    /// Gate and up projections, rows in this order, `[2f, c]`.
    pub gate_up: Tensor,
    /// Down projection, `[c, f]`.
    pub down: Tensor,
    /// Low-rank adapters on the projections.
    pub adapters: Option<LayerAdapters>,
}

/// A Qwen3 model: plain tensors on one device in one dtype.
#[derive(Debug)]
pub struct Qwen3 {
    /// Its shape.
    pub config: ModelConfig,
    /// Token embedding, `[v, c]`.
    pub embed: Tensor,
    /// The layers, from the input on.
    pub layers: Vec<Layer>,
    /// Final RMSNorm, `[c]`.
    pub norm: Tensor,
    /// The head `[v, c]` where it is not the embedding.
    pub head: Option<Tensor>,
    /// Rotary frequencies, `[d / 2]`, always fp32.
    inv_freq: Tensor,
}

/// Cosines and sines of the rotary embedding, each `[b, t, 1, d]` (b = 1 when shared) in the compute dtype.
#[derive(Debug)]
pub struct Rope {
    cos: Tensor,
    sin: Tensor,
}

/// `x / sqrt(mean(x^2) + eps) * weight` over the last axis; statistics in fp32, rounded before the weight is
/// applied, as transformers does.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Tensor {
    if fused::serves(x, weight) {
        return fused::norm(x, weight, eps);
    }
    let kind = x.kind();
    if kind == Kind::Float {
        return x.rms_norm(weight.size(), Some(weight), eps);
    }
    let x = x.to_kind(Kind::Float);
    let scale = (x.square().mean_dim([-1i64].as_slice(), true, Kind::Float) + eps).rsqrt();
    (x * scale).to_kind(kind) * weight
}

/// `silu(gate) * up`: gate and up side by side, `[.., 2f]` -> `[.., f]`.
fn gated(gate_up: &Tensor) -> Tensor {
    if fused::serves(gate_up, gate_up) {
        return fused::gated(gate_up);
    }
    let parts = gate_up.chunk(2, -1);
    parts[0].silu() * &parts[1]
}

impl Rope {
    #[cfg(test)]
    pub(crate) fn of(cos: &Tensor, sin: &Tensor) -> Self {
        Self { cos: cos.shallow_clone(), sin: sin.shallow_clone() }
    }

    /// RMSNorm of each head of `x` `[b, t, heads, d]`, then rotation.
    fn of_normed(&self, x: &Tensor, weight: &Tensor, eps: f64) -> Tensor {
        if fused::serves(x, weight) && self.cos.size()[0] == x.size()[0] {
            return fused::norm_rotated(x, weight, &self.cos, &self.sin, eps);
        }
        self.apply(&rms_norm(x, weight, eps))
    }

    /// Rotates `x` `[b, t, heads, d]`: the first half of each head pairs with the second.
    pub(crate) fn apply(&self, x: &Tensor) -> Tensor {
        let half = x.chunk(2, -1);
        let rotated = Tensor::cat(&[half[1].neg(), half[0].shallow_clone()], -1);
        x * &self.cos + rotated * &self.sin
    }
}

impl Qwen3 {
    /// Assembles a model from its tensors, whose shapes the loader has checked.
    pub fn new(
        config: ModelConfig,
        embed: Tensor,
        layers: Vec<Layer>,
        norm: Tensor,
        head: Option<Tensor>,
    ) -> Self {
        let d = config.head_dim;
        let exponents =
            Tensor::arange_start_step(0, d, 2, (Kind::Float, embed.device())) / d as f64;
        // As transformers computes them, so that they agree to the last bit.
        let inv_freq = Tensor::pow_scalar(config.rope_theta, &exponents).reciprocal();
        Self { config, embed, layers, norm, head, inv_freq }
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.embed.device()
    }

    /// Their dtype.
    pub fn kind(&self) -> Kind {
        self.embed.kind()
    }

    /// Rotary frequencies, `[d / 2]`, fp32.
    pub fn inv_freq(&self) -> &Tensor {
        &self.inv_freq
    }

    /// Rotary factors at `positions_bt` (integers, `[b, t]`).
    pub fn rope(&self, positions_bt: &Tensor) -> Rope {
        let angles = positions_bt.to_kind(Kind::Float).unsqueeze(-1) * &self.inv_freq;
        let angles = Tensor::cat(&[&angles, &angles], -1).unsqueeze(2);
        Rope { cos: angles.cos().to_kind(self.kind()), sin: angles.sin().to_kind(self.kind()) }
    }

    /// One layer: `x_btc` -> `[b, t, c]`.
    ///
    /// `attend` receives queries `[b, t, h, d]`, keys and values `[b, t, k, d]` after norm and rotation and returns
    /// `[b, t, h * d]`. `dropout` is the share of adapter inputs to drop, 0 but in training.
    pub fn block(
        &self,
        layer: &Layer,
        x_btc: &Tensor,
        rope: &Rope,
        dropout: f64,
        attend: &mut dyn FnMut(&Tensor, &Tensor, &Tensor) -> Tensor,
    ) -> Tensor {
        let add = |place, projected: Tensor, x: &Tensor| match &layer.adapters {
            Some(adapters) => adapters.add(place, projected, x, dropout),
            None => projected,
        };
        let config = &self.config;
        let (b, t, _) = x_btc.size3().expect("the residual stream has three axes");
        let (h, k, d) = (config.num_attention_heads, config.num_key_value_heads, config.head_dim);
        let eps = config.rms_norm_eps;

        let normed = rms_norm(x_btc, &layer.input_norm, eps);
        let mut qkv =
            normed.linear(&layer.qkv, None::<&Tensor>).split_with_sizes([h * d, k * d, k * d], -1);
        let value = add(Place::V, qkv.remove(2), &normed).reshape([b, t, k, d]);
        let key = add(Place::K, qkv.remove(1), &normed).reshape([b, t, k, d]);
        let q = add(Place::Q, qkv.remove(0), &normed).reshape([b, t, h, d]);
        drop((normed, qkv));
        let q = rope.of_normed(&q, &layer.q_norm, eps);
        let key = rope.of_normed(&key, &layer.k_norm, eps);
        let attended = attend(&q, &key, &value);
        let x_btc = x_btc + add(Place::O, attended.linear(&layer.o, None::<&Tensor>), &attended);

        let normed = rms_norm(&x_btc, &layer.post_norm, eps);
        let mut gate_up = normed.linear(&layer.gate_up, None::<&Tensor>);
        if layer.adapters.is_some() {
            let parts = gate_up.chunk(2, -1);
            let part = |place, index: usize| add(place, parts[index].shallow_clone(), &normed);
            gate_up = Tensor::cat(&[part(Place::Gate, 0), part(Place::Up, 1)], -1);
        }
        let inner = gated(&gate_up);
        let fed = add(Place::Down, inner.linear(&layer.down, None::<&Tensor>), &inner);
        x_btc + fed
    }

    /// Layer `index` on packed sequences: `[1, t, c]` -> `[1, t, c]`.
    pub fn layer(
        &self,
        index: usize,
        x: &Tensor,
        rope: &Rope,
        runs: &[Run],
        dropout: f64,
    ) -> Tensor {
        self.block(&self.layers[index], x, rope, dropout, &mut |q, k, v| {
            attention::packed(q, k, v, runs)
        })
    }

    /// The residual stream `[1, t, c]` after the last layer, before the final norm, of packed sequences.
    pub fn residual(&self, batch: &Packed) -> Tensor {
        let rope = self.rope(&batch.positions);
        (0..self.layers.len()).fold(self.embedded(&batch.ids), |x, index| {
            self.layer(index, &x, &rope, &batch.runs, 0.0)
        })
    }

    /// Token embeddings: ids of any shape -> `[.., c]`.
    pub fn embedded(&self, ids: &Tensor) -> Tensor {
        Tensor::embedding(&self.embed, ids, -1, false, false)
    }

    /// The norm before the head.
    pub fn final_norm(&self, x: &Tensor) -> Tensor {
        rms_norm(x, &self.norm, self.config.rms_norm_eps)
    }

    /// Logits in fp32: hidden `[.., c]` -> `[.., v]`. Allocates the whole of them; long batches go through
    /// the chunked head instead.
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        hidden
            .linear(self.head.as_ref().unwrap_or(&self.embed), None::<&Tensor>)
            .to_kind(Kind::Float)
    }
}
