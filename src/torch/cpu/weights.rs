//! The weights of a model as [`super::forward`] reads them: a copy of the tensors, adapters folded in.

use tch::{Device, Kind, Tensor};

use super::lanes::Isa;
use super::matrix::Panels;
use crate::config::ModelConfig;
use crate::lora::LayerAdapters;
use crate::qwen3::{Layer, Qwen3};

/// Parameters above which libtorch is used: its operators then cost little beside their arithmetic, and a second copy
/// of the weights would be missed.
const MAX_PARAMETERS: i64 = 200_000_000;

/// One layer; q, k, v and gate, up are one matrix each.
#[derive(Debug)]
pub(super) struct LayerWeights {
    pub input_norm: Vec<f32>,
    pub qkv: Panels,
    pub q_norm: Vec<f32>,
    pub k_norm: Vec<f32>,
    pub o: Panels,
    pub post_norm: Vec<f32>,
    pub gate_up: Panels,
    pub down: Panels,
}

/// All weights.
#[derive(Debug)]
pub struct Weights {
    pub(super) config: ModelConfig,
    pub(super) isa: Isa,
    pub(super) layers: Vec<LayerWeights>,
    pub(super) norm: Vec<f32>,
    pub(super) head: Panels,
    /// `[v, c]` where the head is another matrix.
    pub(super) embed: Option<Vec<f32>>,
    /// Rotary frequencies, `[d / 2]`.
    pub(super) inv_freq: Vec<f32>,
}

impl Weights {
    /// A copy of a model's weights as they are now; none if the model is not in fp32 on the CPU, is too large for this
    /// to be worth it, or the machine has no AVX2.
    pub fn of(model: &Qwen3) -> Option<Self> {
        let fits = model.device() == Device::Cpu
            && model.kind() == Kind::Float
            && model.config.num_parameters() <= MAX_PARAMETERS;
        let isa = Isa::detect().filter(|_| fits)?;
        let _guard = tch::no_grad_guard();
        let panels = |matrix: &Tensor| Panels::of(&numbers(matrix), width(matrix));
        let embed = numbers(&model.embed);
        let head = match &model.head {
            Some(head) => panels(head),
            None => Panels::of(&embed, width(&model.embed)),
        };
        Some(Self {
            config: model.config.clone(),
            isa,
            layers: model.layers.iter().map(|layer| layer_weights(layer, &model.config)).collect(),
            norm: numbers(&model.norm),
            head,
            embed: model.head.is_some().then_some(embed),
            inv_freq: numbers(model.inv_freq()),
        })
    }
}

fn layer_weights(layer: &Layer, config: &ModelConfig) -> LayerWeights {
    let merged = merged(layer, config);
    let matrix = |index: usize| (numbers(&merged[index]), width(&merged[index]));
    let panels = |index: usize| {
        let (values, inputs) = matrix(index);
        Panels::of(&values, inputs)
    };
    let (gate_up, inputs) = matrix(2);
    LayerWeights {
        input_norm: numbers(&layer.input_norm),
        qkv: panels(0),
        q_norm: numbers(&layer.q_norm),
        k_norm: numbers(&layer.k_norm),
        o: panels(1),
        post_norm: numbers(&layer.post_norm),
        gate_up: Panels::gated(&gate_up, inputs),
        down: panels(3),
    }
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

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    let count = values.len();
    tensor.detach().contiguous().copy_data(&mut values, count);
    values
}
