//! The weights of a model as [`super::forward`] reads them: a copy of the tensors, adapters folded in.

use tch::{Device, Tensor};

use super::lanes::Isa;
use super::matrix::Panels;
use super::number::{Number, Numbers};
use crate::config::ModelConfig;
use crate::lora::LayerAdapters;
use crate::qwen3::{Layer, Qwen3};
use howard::learn::memory::copied;

/// Bytes of weights from which threads share each product instead of having sequences of their own: they are in no cache
/// of the processor then.
const SHARED: usize = 64 << 20;

/// Bytes of weights that are worth a thread: the step of a small model is over before another one wakes.
const PART: usize = 4 << 20;

/// One layer; q, k, v and gate, up are one matrix each.
#[derive(Debug)]
pub(super) struct LayerWeights<N> {
    pub input_norm: Vec<f32>,
    pub qkv: Panels<N>,
    pub q_norm: Vec<f32>,
    pub k_norm: Vec<f32>,
    pub o: Panels<N>,
    pub post_norm: Vec<f32>,
    pub gate_up: Panels<N>,
    pub down: Panels<N>,
}

/// All weights.
#[derive(Debug)]
pub struct Weights<N> {
    pub(super) config: ModelConfig,
    pub(super) isa: Isa,
    pub(super) layers: Vec<LayerWeights<N>>,
    pub(super) norm: Vec<f32>,
    pub(super) head: Panels<N>,
    /// `[v, c]` where the head is another matrix.
    pub(super) embed: Option<Panels<N>>,
    /// Rotary frequencies, `[d / 2]`.
    pub(super) inv_freq: Vec<f32>,
}

impl<N: Number> Weights<N> {
    /// A copy of a model's weights as they are now; none if [`Weights::take`] would not take it, or if the copy were so large
    /// that it would be missed.
    pub fn of(model: &Qwen3) -> Option<Self> {
        let isa = Self::fits(model)?;
        copied(&model.config, N::KIND.elt_size_in_bytes() as u64)?;
        let head = model.head.as_ref();
        Some(Self {
            config: model.config.clone(),
            isa,
            layers: model.layers.iter().map(|layer| layer_weights(layer, &model.config)).collect(),
            norm: numbers(&model.norm),
            head: panels(head.unwrap_or(&model.embed)),
            embed: head.map(|_| panels(&model.embed)),
            inv_freq: numbers(model.inv_freq()),
        })
    }

    /// The weights of a model, each tensor of which is given back as soon as it is copied.
    ///
    /// # Errors
    /// The model itself, if it is of another kind or not on the CPU, or the machine has no AVX2. Also in bf16 if there are
    /// adapters: what they add to a weight is lost where it is rounded to bf16 again.
    pub fn take(model: Qwen3) -> Result<Self, Box<Qwen3>> {
        let Some(isa) = Self::fits(&model) else { return Err(Box::new(model)) };
        let (inv_freq, norm) = (numbers(model.inv_freq()), numbers(&model.norm));
        let Qwen3 { config, embed, layers, head, .. } = model;
        let layers = layers.into_iter().map(|layer| layer_weights(&layer, &config)).collect();
        let (head, embed) = match head {
            Some(head) => {
                let own = panels(&head);
                drop(head);
                (own, Some(panels(&embed)))
            }
            None => (panels(&embed), None),
        };
        Ok(Self { config, isa, layers, norm, head, embed, inv_freq })
    }

    fn fits(model: &Qwen3) -> Option<Isa> {
        let fits = model.device() == Device::Cpu
            && model.kind() == N::KIND
            && (N::PER == 1 || model.layers.iter().all(|layer| layer.adapters.is_none()));
        Isa::detect().filter(|_| fits)
    }

    /// The model's shape.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// How `threads` threads work on sequences: how many have sequences of their own, and how many share each product.
    pub(super) fn teams(&self, threads: usize, sequences: usize) -> (usize, usize) {
        let layer =
            |l: &LayerWeights<N>| l.qkv.bytes() + l.o.bytes() + l.gate_up.bytes() + l.down.bytes();
        let bytes = self.layers.iter().map(layer).sum::<usize>() + self.head.bytes();
        let threads = threads.max(1);
        let workers = if bytes < SHARED { threads.min(sequences.max(1)) } else { 1 };
        // More threads than processors wait for each other.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let team = (threads / workers).min(bytes / PART).min(processors.div_ceil(workers));
        (workers, team.max(1))
    }
}

fn layer_weights<N: Number>(layer: &Layer, config: &ModelConfig) -> LayerWeights<N> {
    let _guard = tch::no_grad_guard();
    let [qkv, o, gate_up, down] = merged(layer, config);
    LayerWeights {
        input_norm: numbers(&layer.input_norm),
        qkv: panels(&qkv),
        q_norm: numbers(&layer.q_norm),
        k_norm: numbers(&layer.k_norm),
        o: panels(&o),
        post_norm: numbers(&layer.post_norm),
        gate_up: Panels::gated(Numbers::of(&gate_up).all(), width(&gate_up)),
        down: panels(&down),
    }
}

fn panels<N: Number>(matrix: &Tensor) -> Panels<N> {
    let _guard = tch::no_grad_guard();
    Panels::of(Numbers::of(matrix).all(), width(matrix))
}

/// qkv, o, gate_up and down, each with what its adapters add.
fn merged(layer: &Layer, config: &ModelConfig) -> [Tensor; 4] {
    let matrices = [&layer.qkv, &layer.o, &layer.gate_up, &layer.down].map(Tensor::detach);
    let Some(LayerAdapters(adapters)) = &layer.adapters else { return matrices };
    let (q, kv) = (
        config.num_attention_heads * config.head_dim,
        config.num_key_value_heads * config.head_dim,
    );
    let (c, f) = (config.hidden_size, config.intermediate_size);
    // Matrix, first row and rows of each projection, in the order of the adapters.
    let places =
        [(0, 0, q), (0, q, kv), (0, q + kv, kv), (1, 0, c), (2, 0, f), (2, f, f), (3, 0, c)];
    let matrices = matrices.map(|matrix| matrix.copy());
    for ((matrix, first, rows), adapter) in places.into_iter().zip(adapters) {
        if let Some(adapter) = adapter {
            let _ = matrices[matrix].narrow(0, first, rows).g_add_(&adapter.matrix());
        }
    }
    matrices
}

fn width(matrix: &Tensor) -> usize {
    matrix.size().last().map_or(0, |&n| usize::try_from(n).unwrap_or(0))
}

/// A vector as fp32, in which norms are computed.
fn numbers(tensor: &Tensor) -> Vec<f32> {
    Numbers::<f32>::of(&tensor.to_kind(tch::Kind::Float)).all().to_vec()
}
