//! Forward and backward pass of one packed batch, by hand where that saves memory: the head in chunks, each layer computed
//! again if so wished, gradients handed over as soon as they exist.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::head::{self, Scored, Slopes};
use super::lora;
use super::pack::Packed;
use super::qwen3::Qwen3;
use super::torch_error;
use howard::error::Result;
use howard::rng::Seed;

/// The tensors that learn, in a fixed order, and where each part of the model has its own. Frozen weights are not here
/// and get no gradient.
#[derive(Debug)]
pub struct Trainable {
    /// The tensors that the model computes with.
    pub tensors: Vec<Tensor>,
    embed: Option<usize>,
    layers: Vec<Range<usize>>,
    norm: Option<usize>,
    head: Option<usize>,
}

impl Trainable {
    /// The adapters where the model has some, else every weight. Marks them (and nothing else) as learning.
    pub fn of(model: &Qwen3) -> Self {
        for tensor in model.parameters() {
            drop(tensor.set_requires_grad(false));
        }
        let adapters = lora::named_tensors(model);
        let mut found = if adapters.is_empty() {
            let tensors = model.parameters();
            let layers = (0..model.layers.len()).map(|l| 1 + 8 * l..9 + 8 * l).collect();
            let norm = 1 + 8 * model.layers.len();
            let head = if model.head.is_some() { norm + 1 } else { 0 };
            Self { tensors, embed: Some(0), layers, norm: Some(norm), head: Some(head) }
        } else {
            let each = adapters.len() / model.layers.len();
            let layers = (0..model.layers.len()).map(|l| each * l..each * (l + 1)).collect();
            let tensors = adapters.into_iter().map(|(_, tensor)| tensor).collect();
            Self { tensors, embed: None, layers, norm: None, head: None }
        };
        found.tensors =
            found.tensors.into_iter().map(|tensor| tensor.set_requires_grad(true)).collect();
        found
    }

    /// Whether adapters learn, not the weights.
    pub fn are_adapters(&self) -> bool {
        self.embed.is_none()
    }

    /// `values`, shaped and ordered as the learning tensors, under the names of the format they are saved in: PEFT's for
    /// adapters, Hugging Face's for whole models.
    pub fn named(&self, model: &Qwen3, values: Vec<Tensor>) -> Vec<(String, Tensor)> {
        if self.embed.is_some() {
            return Qwen3::of_parameters(&model.config, values).named_tensors();
        }
        lora::named_tensors(model).into_iter().map(|(name, _)| name).zip(values).collect()
    }
}

/// How a pass is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Compute each layer again in the backward pass.
    pub recompute: bool,
    /// Temperature at which the tokens were (or would be) sampled.
    pub temperature: f64,
    /// Tokens whose logits exist at once; 0 = as many as the memory plan says.
    pub head_tokens: usize,
    /// Share of adapter inputs to drop.
    pub dropout: f64,
    /// Seed of the dropped inputs.
    pub seed: Seed,
}

/// Final hidden states of the rows that predict scored tokens, `[n, c]`, without gradients.
pub fn hidden(model: &Qwen3, batch: &Packed) -> Tensor {
    let _guard = tch::no_grad_guard();
    model.final_norm(&model.residual(batch).squeeze_dim(0).index_select(0, &batch.rows))
}

fn gradients(what: &str, loss: &Tensor, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    Tensor::f_run_backward(&[loss], inputs, false, false).map_err(|e| torch_error(what, &e))
}

/// The gradient of every learning tensor goes to `sink` (index and gradient; a tensor that is used twice is handed over
/// twice), layer by layer from the last; `slopes` says how the loss depends on the scored tokens' log-probabilities.
///
/// # Errors
/// An error of `slopes`, or of libtorch (out of memory).
pub fn run(
    model: &Qwen3,
    trainable: &Trainable,
    batch: &Packed,
    options: Options,
    slopes: Slopes<'_>,
    sink: &mut dyn FnMut(usize, Tensor),
) -> Result<Scored> {
    let rope = model.rope(&batch.positions);
    // The same inputs are dropped when a layer is computed again.
    let layer = |index: usize, x: &Tensor| {
        if options.dropout > 0.0 {
            #[allow(clippy::cast_possible_wrap)]
            tch::manual_seed(options.seed.index(index as u64).word(0) as i64);
        }
        model.layer(index, x, &rope, &batch.runs, options.dropout)
    };

    let mut kept = Vec::new();
    let last = if options.recompute {
        let _guard = tch::no_grad_guard();
        let mut x = model.embedded(&batch.ids);
        for index in 0..model.layers.len() {
            let next = layer(index, &x);
            kept.push(std::mem::replace(&mut x, next));
        }
        x
    } else {
        (0..model.layers.len()).fold(model.embedded(&batch.ids), |x, index| layer(index, &x))
    };

    let rows = last.detach().squeeze_dim(0).index_select(0, &batch.rows).set_requires_grad(true);
    let normed = model.final_norm(&rows);
    let want_head = trainable.head.is_some();
    let (scored, grads) = head::backward(
        model,
        &normed.detach(),
        &batch.targets,
        options.temperature,
        options.head_tokens,
        want_head,
        slopes,
    )?;
    if let (Some(index), Some(grad)) = (trainable.head, grads.head) {
        sink(index, grad);
    }
    let loss = (normed * grads.hidden).sum(Kind::Float);
    let norm = trainable.norm.map(|index| (index, &trainable.tensors[index]));
    let inputs: Vec<&Tensor> = [&rows].into_iter().chain(norm.map(|(_, tensor)| tensor)).collect();
    let mut found = gradients("the final norm's gradient", &loss, &inputs)?;
    if let Some((index, _)) = norm {
        sink(index, found.remove(1));
    }
    let mut above = last.zeros_like().detach();
    {
        let _guard = tch::no_grad_guard();
        let _ = above.squeeze_dim(0).index_copy_(0, &batch.rows, &found[0]);
    }

    if options.recompute {
        drop(last);
        while let Some(x) = kept.pop() {
            let index = kept.len();
            let range = trainable.layers[index].clone();
            // Below the first layer only the embedding can want a gradient.
            let wanted = index > 0 || trainable.embed.is_some();
            let x = x.detach().set_requires_grad(wanted);
            let loss = (layer(index, &x) * &above).sum(Kind::Float);
            let inputs: Vec<&Tensor> =
                trainable.tensors[range.clone()].iter().chain(wanted.then_some(&x)).collect();
            let mut found = gradients("a layer's gradient", &loss, &inputs)?;
            if wanted && let Some(grad) = found.pop() {
                above = grad;
            }
            range.zip(found).for_each(|(index, grad)| sink(index, grad));
        }
        if let Some(index) = trainable.embed {
            let loss = (model.embedded(&batch.ids) * &above).sum(Kind::Float);
            let mut found =
                gradients("the embedding's gradient", &loss, &[&trainable.tensors[index]])?;
            sink(index, found.remove(0));
        }
        return Ok(scored);
    }
    let indices: Vec<usize> =
        trainable.embed.into_iter().chain(trainable.layers.iter().cloned().flatten()).collect();
    let inputs: Vec<&Tensor> = indices.iter().map(|&index| &trainable.tensors[index]).collect();
    let loss = (last * above).sum(Kind::Float);
    let found = gradients("the gradient", &loss, &inputs)?;
    indices.into_iter().zip(found).for_each(|(index, grad)| sink(index, grad));
    Ok(scored)
}
