//! The vocabulary head in chunks: log-probabilities and their gradients, while the logits of a whole batch never exist.
//!
//! Axes: n scored tokens, c hidden, v vocabulary.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::qwen3::Qwen3;
use howard::error::Result;

/// Logits that exist at once: 16 Mi values, 64 MiB in fp32 (and as much again for their distributions).
#[allow(clippy::cast_possible_wrap)]
const VALUES: i64 = howard::learn::memory::HEAD_VALUES as i64;

/// What a pass through the head found, token by token.
#[derive(Debug, Default)]
pub struct Scored {
    /// Natural log-probability of each target.
    pub logprobs: Vec<f32>,
    /// Entropy of each distribution, in nats.
    pub entropies: Vec<f32>,
}

/// Gradients of the head.
#[derive(Debug)]
pub struct Gradients {
    /// With respect to the hidden states, `[n, c]`.
    pub hidden: Tensor,
    /// With respect to the head's matrix, `[v, c]` in fp32, if it was asked for.
    pub head: Option<Tensor>,
}

/// The derivative of the loss with respect to each log-probability of a range of tokens, given these.
pub type Slopes<'a> = &'a mut dyn FnMut(Range<usize>, &[f32]) -> Result<Vec<f32>>;

/// Tokens whose logits exist at once, unless a recipe says otherwise.
pub fn chunk_rows(model: &Qwen3) -> usize {
    usize::try_from(VALUES / model.config.vocab_size).unwrap_or(1).max(1)
}

fn floats(tensor: &Tensor, into: &mut Vec<f32>) {
    let tensor = tensor.to_device(tch::Device::Cpu).to_kind(Kind::Float).contiguous();
    let first = into.len();
    into.resize(first + tensor.numel(), 0.0);
    tensor.copy_data(&mut into[first..], tensor.numel());
}

/// Log-softmax in fp32 of one chunk at a sampling temperature: `[m, c]` -> `[m, v]`.
fn log_softmax(model: &Qwen3, hidden: &Tensor, temperature: f64) -> Tensor {
    let mut logits = model.logits(hidden);
    if (temperature - 1.0).abs() > f64::EPSILON {
        let _ = logits.g_mul_scalar_(1.0 / temperature);
    }
    logits.log_softmax(-1, Kind::Float)
}

/// Log-probabilities and entropies of `targets` `[n]` under final hidden states `[n, c]`, without gradients.
pub fn score(model: &Qwen3, hidden_nc: &Tensor, targets_n: &Tensor, temperature: f64) -> Scored {
    let _guard = tch::no_grad_guard();
    let rows = chunk_rows(model) as i64;
    let mut scored = Scored::default();
    for (hidden, targets) in hidden_nc.split(rows, 0).iter().zip(targets_n.split(rows, 0)) {
        let all = log_softmax(model, hidden, temperature);
        drop(keep(all, &targets, &mut scored));
    }
    scored
}

/// Takes down what was found of a chunk's log-probabilities `[m, v]`, which make room for products; returns the
/// distributions.
fn keep(mut all: Tensor, targets: &Tensor, scored: &mut Scored) -> Tensor {
    floats(&all.gather(1, &targets.unsqueeze(1), false), &mut scored.logprobs);
    let p = all.exp();
    let entropies = all.g_mul_(&p).sum_dim_intlist([-1i64].as_slice(), false, Kind::Float).neg();
    floats(&entropies, &mut scored.entropies);
    p
}

/// As [`score`], and the gradients of a loss whose derivative with respect to each log-probability is what `slopes`
/// answers. One pass: each chunk of logits is made once. `chunk` is its size in tokens; 0 = as many as the plan of
/// `howard::learn::memory` allows.
///
/// With `p` the distribution and `y` the target, `d logp / d logits = (1[y] - p) / temperature`.
///
/// # Errors
/// An error of `slopes`.
pub fn backward(
    model: &Qwen3,
    hidden_nc: &Tensor,
    targets_n: &Tensor,
    temperature: f64,
    chunk: usize,
    want_head: bool,
    slopes: Slopes<'_>,
) -> Result<(Scored, Gradients)> {
    let _guard = tch::no_grad_guard();
    let rows = if chunk == 0 { chunk_rows(model) } else { chunk } as i64;
    let head = model.head.as_ref().unwrap_or(&model.embed);
    let mut scored = Scored::default();
    let mut grads = Vec::new();
    let mut head_grad: Option<Tensor> = None;
    for (hidden, targets) in hidden_nc.split(rows, 0).iter().zip(targets_n.split(rows, 0)) {
        let all = log_softmax(model, hidden, temperature);
        let first = scored.logprobs.len();
        let mut grad = keep(all, &targets, &mut scored);
        let range = first..scored.logprobs.len();
        let slope = slopes(range.clone(), &scored.logprobs[range])?;
        let slope =
            (Tensor::from_slice(&slope) / temperature).to_device(model.device()).unsqueeze(1);
        let _ = grad.g_mul_(&slope.neg());
        let _ = grad.scatter_add_(1, &targets.unsqueeze(1), &slope);
        let grad = grad.to_kind(hidden.kind());
        grads.push(grad.matmul(head));
        if want_head {
            let part = grad.tr().matmul(hidden).to_kind(Kind::Float);
            match &mut head_grad {
                Some(sum) => drop(sum.g_add_(&part)),
                None => head_grad = Some(part),
            }
        }
    }
    Ok((scored, Gradients { hidden: Tensor::cat(&grads, 0), head: head_grad }))
}
