//! The loops of training's fused operators: each reads its activations once, forward and once more backward.
//!
//! Axes: n rows, h heads, d width of a head (h = 1 for the norms of the residual stream), f feed-forward.

use super::lanes::{self, Task, exp, sum, sum_of_squares};
use super::vectors::Vectors;

/// Rows whose part of the weight's gradient is summed in fp32 before it is added to the sum in fp64.
const BLOCK: usize = 32;

/// What an RMSNorm with an optional rotation reads.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Rows `[n, h, d]`, `stride` apart.
    pub x: &'a [f32],
    /// From the beginning of a row to that of the next.
    pub stride: usize,
    /// Heads of a row.
    pub h: usize,
    /// `[d]`.
    pub weight: &'a [f32],
    /// Cosines and sines, each `[n, d]`, of which the first halves of rows are read; none: no rotation.
    pub rotation: Option<(&'a [f32], &'a [f32])>,
}

impl<'a> Norm<'a> {
    fn head(&self, n: usize, head: usize) -> &'a [f32] {
        let d = self.weight.len();
        &self.x[n * self.stride + head * d..][..d]
    }

    /// Cosines and sines of a row, each `[d / 2]`.
    #[inline(always)]
    fn angles(&self, n: usize) -> Option<(&'a [f32], &'a [f32])> {
        let d = self.weight.len();
        self.rotation.map(|(cos, sin)| (&cos[n * d..][..d / 2], &sin[n * d..][..d / 2]))
    }

    /// `x / sqrt(mean(x^2) + eps) * weight`, rotated: the first half of a head pairs with the second. `out` is `[n, h, d]`;
    /// `scales` `[n, h]` is what each head was multiplied with.
    pub fn forward(self, eps: f32, out: &mut [f32], scales: &mut [f32]) {
        lanes::run(Forward { norm: self, eps, out, scales });
    }

    /// From the gradient of the result, `[n, h, d]`, that of `x`, of the same shape, and that of the weight, `[d]`.
    pub fn backward(self, scales: &[f32], grad: &[f32], into: &mut [f32], weight: &mut [f32]) {
        lanes::run(Backward { norm: self, scales, grad, into, weight });
    }
}

struct Forward<'a> {
    norm: Norm<'a>,
    eps: f32,
    out: &'a mut [f32],
    scales: &'a mut [f32],
}

impl Task for Forward<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let Self { norm, eps, out, scales } = self;
        let (d, h) = (norm.weight.len(), norm.h);
        let places = out.chunks_exact_mut(d).zip(scales);
        for (index, (out, place)) in places.enumerate() {
            let x = norm.head(index / h, index % h);
            #[allow(clippy::cast_precision_loss)]
            let mean = sum_of_squares(x) / d as f32;
            let scale = 1.0 / (mean + eps).sqrt();
            *place = scale;
            for ((y, x), w) in out.iter_mut().zip(x).zip(norm.weight) {
                *y = x * scale * w;
            }
            if let Some((cos, sin)) = norm.angles(index / h) {
                let (first, second) = out.split_at_mut(d / 2);
                let (second, cos, sin) = (&mut second[..d / 2], &cos[..d / 2], &sin[..d / 2]);
                for i in 0..d / 2 {
                    let (a, b) = (first[i], second[i]);
                    first[i] = a * cos[i] - b * sin[i];
                    second[i] = b * cos[i] + a * sin[i];
                }
            }
        }
    }
}

struct Backward<'a> {
    norm: Norm<'a>,
    scales: &'a [f32],
    grad: &'a [f32],
    into: &'a mut [f32],
    weight: &'a mut [f32],
}

impl Task for Backward<'_> {
    /// With xhat = x * scale and g = gradient of xhat: dx = scale * (g - xhat * mean(g * xhat)).
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let Self { norm, scales, grad, into, weight } = self;
        let (d, h) = (norm.weight.len(), norm.h);
        let mut sums = vec![0f64; d];
        let mut block = vec![0f32; d];
        let mut products = vec![0f32; d];
        let places = into.chunks_exact_mut(d).zip(grad.chunks_exact(d)).zip(scales);
        for (index, ((into, grad), &scale)) in places.enumerate() {
            let x = norm.head(index / h, index % h);
            match norm.angles(index / h) {
                None => into.copy_from_slice(grad),
                Some((cos, sin)) => {
                    let (first, second) = into.split_at_mut(d / 2);
                    let (ga, gb) = grad.split_at(d / 2);
                    let (second, gb) = (&mut second[..d / 2], &gb[..d / 2]);
                    let (cos, sin) = (&cos[..d / 2], &sin[..d / 2]);
                    for i in 0..d / 2 {
                        first[i] = ga[i] * cos[i] + gb[i] * sin[i];
                        second[i] = gb[i] * cos[i] - ga[i] * sin[i];
                    }
                }
            }
            let (x, into) = (&x[..d], &mut into[..d]);
            let (w, block_, products_) = (&norm.weight[..d], &mut block[..d], &mut products[..d]);
            for i in 0..d {
                let xhat = x[i] * scale;
                block_[i] += into[i] * xhat;
                into[i] *= w[i];
                products_[i] = into[i] * xhat;
            }
            #[allow(clippy::cast_precision_loss)]
            let mean = sum(products_) / d as f32;
            for i in 0..d {
                into[i] = scale * (into[i] - x[i] * scale * mean);
            }
            if (index + 1) % BLOCK == 0 {
                flush(&mut block, &mut sums);
            }
        }
        flush(&mut block, &mut sums);
        for (place, sum) in weight.iter_mut().zip(sums) {
            #[allow(clippy::cast_possible_truncation)]
            let sum = sum as f32;
            *place = sum;
        }
    }
}

#[inline(always)]
fn flush(block: &mut [f32], sums: &mut [f64]) {
    for (sum, part) in sums.iter_mut().zip(block) {
        *sum += f64::from(std::mem::take(part));
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp((-x).min(88.0)))
}

/// `silu(gate) * up` `[n, f]` of `both` `[n, 2f]`: gate, then up.
pub fn gated(f: usize, both: &[f32], out: &mut [f32]) {
    lanes::run(Gated { f, both, out });
}

struct Gated<'a> {
    f: usize,
    both: &'a [f32],
    out: &'a mut [f32],
}

impl Task for Gated<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let rows = self.both.chunks_exact(2 * self.f).zip(self.out.chunks_exact_mut(self.f));
        for (both, out) in rows {
            let (gate, up) = both.split_at(self.f);
            for ((y, g), u) in out.iter_mut().zip(gate).zip(up) {
                *y = g * sigmoid(*g) * u;
            }
        }
    }
}

/// From the gradient of the result, `[n, f]`, that of `both`, `[n, 2f]`.
pub fn gated_backward(f: usize, both: &[f32], grad: &[f32], into: &mut [f32]) {
    lanes::run(GatedBackward { f, both, grad, into });
}

struct GatedBackward<'a> {
    f: usize,
    both: &'a [f32],
    grad: &'a [f32],
    into: &'a mut [f32],
}

impl Task for GatedBackward<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let f = self.f;
        let rows = self.both.chunks_exact(2 * f).zip(self.into.chunks_exact_mut(2 * f));
        for ((both, into), grad) in rows.zip(self.grad.chunks_exact(f)) {
            let (gate, up) = both.split_at(f);
            let (gate_grad, up_grad) = into.split_at_mut(f);
            let (up, up_grad, grad) = (&up[..f], &mut up_grad[..f], &grad[..f]);
            for i in 0..f {
                let (g, s) = (gate[i], sigmoid(gate[i]));
                up_grad[i] = grad[i] * g * s;
                gate_grad[i] = grad[i] * up[i] * s * (1.0 + g * (1.0 - s));
            }
        }
    }
}
