//! Operators of training that are one pass forward and one backward, where libtorch makes many: RMSNorm with rotation, and
//! the gate of the feed-forward layer. Autograd's side is in `fused.cpp`, the loops are in `cpu/training.rs`; what is
//! unsafe is between them, here.
//!
//! They compute on the thread that calls them, and serve where that is all there is ([`serves`]): in lanes.

#![allow(unsafe_code)] // the border to C++

use std::ffi::c_char;
use std::ptr::{null, null_mut};
use std::slice::{from_raw_parts, from_raw_parts_mut};

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use super::cpu::training::{self, Norm};
use super::ext;

#[link(name = "howard_ext", kind = "static")]
unsafe extern "C" {
    fn howard_norm(
        out: *mut *mut C_tensor,
        x: *const C_tensor,
        weight: *const C_tensor,
        cos: *const C_tensor,
        sin: *const C_tensor,
        heads: i64,
        eps: f64,
    ) -> *mut c_char;
    fn howard_gated(out: *mut *mut C_tensor, gate_up: *const C_tensor) -> *mut c_char;
}

/// Whether the operators here may take the place of libtorch's for these tensors: fp32 on the CPU, on one thread.
pub fn serves(x: &Tensor, weight: &Tensor) -> bool {
    let fits = |t: &Tensor| t.device() == Device::Cpu && t.kind() == Kind::Float;
    fits(x) && fits(weight) && tch::get_num_threads() == 1
}

/// RMSNorm over the last axis of `x` `[.., d]`.
pub fn norm(x: &Tensor, weight: &Tensor, eps: f64) -> Tensor {
    apply("an RMSNorm", |out| {
        // SAFETY: see `apply`.
        unsafe { howard_norm(out, x.as_ptr(), weight.as_ptr(), null(), null(), 1, eps) }
    })
}

/// RMSNorm of each head of `x` `[b, t, heads, d]`, and its rotation by `cos` and `sin` `[b, t, 1, d]`.
pub fn norm_rotated(x: &Tensor, weight: &Tensor, cos: &Tensor, sin: &Tensor, eps: f64) -> Tensor {
    let heads = x.size()[2];
    let (cos, sin) = (cos.contiguous(), sin.contiguous());
    apply("a rotation", |out| {
        // SAFETY: see `apply`.
        unsafe {
            howard_norm(out, x.as_ptr(), weight.as_ptr(), cos.as_ptr(), sin.as_ptr(), heads, eps)
        }
    })
}

/// `silu(gate) * up`: gate and up side by side, `[.., 2f]` -> `[.., f]`.
pub fn gated(gate_up: &Tensor) -> Tensor {
    apply("a gate", |out| {
        // SAFETY: see `apply`.
        unsafe { howard_gated(out, gate_up.as_ptr()) }
    })
}

/// The result of an operator that takes live tensors (tch's `C_tensor` is `at::Tensor`), borrowed for the call; the C++ side
/// counts its own references to what it keeps and throws nothing.
///
/// # Panics
/// Where libtorch has no memory for the result, as its own operators do through tch.
fn apply(doing: &str, call: impl FnOnce(*mut *mut C_tensor) -> *mut c_char) -> Tensor {
    let mut out = null_mut();
    if let Err(error) = ext::result(doing, call(&mut out)) {
        panic!("{error}");
    }
    // SAFETY: without an error `out` is a new tensor, and nobody else's.
    unsafe { Tensor::from_ptr(out) }
}

fn size(n: i64) -> usize {
    usize::try_from(n).expect("sizes and strides of dense tensors are not negative")
}

/// Numbers that rows of `width`, `stride` apart, take.
fn extent(n: usize, stride: usize, width: usize) -> usize {
    if n == 0 { 0 } else { (n - 1) * stride + width }
}

/// What both passes of a norm read.
///
/// # Safety
/// The pointers are of fp32 tensors as `fused.cpp` says: `x` of `n` rows of `h * d` numbers, `stride` apart, `weight` `[d]`,
/// `cos` and `sin` `[n, d]` or null.
#[allow(clippy::too_many_arguments)]
unsafe fn read<'a>(
    n: i64,
    h: i64,
    d: i64,
    stride: i64,
    x: *const f32,
    weight: *const f32,
    cos: *const f32,
    sin: *const f32,
) -> Norm<'a> {
    let (n, h, d, stride) = (size(n), size(h), size(d), size(stride));
    // SAFETY: as the caller says.
    unsafe {
        Norm {
            x: from_raw_parts(x, extent(n, stride, h * d)),
            stride,
            h,
            weight: from_raw_parts(weight, d),
            rotation: (!cos.is_null())
                .then(|| (from_raw_parts(cos, n * d), from_raw_parts(sin, n * d))),
        }
    }
}

/// # Safety
/// As `read`; `out` is `[n, h, d]`, `scales` `[n, h]`, and nobody else has them.
#[unsafe(no_mangle)]
unsafe extern "C" fn howard_norm_forward(
    n: i64,
    h: i64,
    d: i64,
    stride: i64,
    x: *const f32,
    weight: *const f32,
    cos: *const f32,
    sin: *const f32,
    eps: f64,
    out: *mut f32,
    scales: *mut f32,
) {
    let (rows, width) = (size(n * h), size(d));
    #[allow(clippy::cast_possible_truncation)]
    let eps = eps as f32;
    // SAFETY: as the caller says.
    unsafe {
        let norm = read(n, h, d, stride, x, weight, cos, sin);
        let scales = from_raw_parts_mut(scales, rows);
        norm.forward(eps, from_raw_parts_mut(out, rows * width), scales);
    }
}

/// # Safety
/// As `read`; `grad` and `into` are `[n, h, d]`, `scales` `[n, h]`, `weight_grad` `[d]`; nobody else has the written ones.
#[unsafe(no_mangle)]
unsafe extern "C" fn howard_norm_backward(
    n: i64,
    h: i64,
    d: i64,
    stride: i64,
    x: *const f32,
    weight: *const f32,
    cos: *const f32,
    sin: *const f32,
    scales: *const f32,
    grad: *const f32,
    into: *mut f32,
    weight_grad: *mut f32,
) {
    let (rows, width) = (size(n * h), size(d));
    // SAFETY: as the caller says.
    unsafe {
        read(n, h, d, stride, x, weight, cos, sin).backward(
            from_raw_parts(scales, rows),
            from_raw_parts(grad, rows * width),
            from_raw_parts_mut(into, rows * width),
            from_raw_parts_mut(weight_grad, width),
        );
    }
}

/// # Safety
/// `both` is `[n, 2f]`, `out` `[n, f]`, fp32, and nobody else has the latter.
#[unsafe(no_mangle)]
unsafe extern "C" fn howard_gated_forward(n: i64, f: i64, both: *const f32, out: *mut f32) {
    let (n, f) = (size(n), size(f));
    // SAFETY: as the caller says.
    unsafe { training::gated(f, from_raw_parts(both, 2 * n * f), from_raw_parts_mut(out, n * f)) }
}

/// # Safety
/// `both` and `into` are `[n, 2f]`, `grad` is `[n, f]`, fp32, and nobody else has what is written.
#[unsafe(no_mangle)]
unsafe extern "C" fn howard_gated_backward(
    n: i64,
    f: i64,
    both: *const f32,
    grad: *const f32,
    into: *mut f32,
) {
    let (n, f) = (size(n), size(f));
    // SAFETY: as the caller says.
    unsafe {
        let (both, grad) = (from_raw_parts(both, 2 * n * f), from_raw_parts(grad, n * f));
        training::gated_backward(f, both, grad, from_raw_parts_mut(into, 2 * n * f));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qwen3::Rope;

    fn random(size: &[i64]) -> Tensor {
        Tensor::randn(size, (Kind::Float, Device::Cpu))
    }

    /// Result and gradients of `ours` and of libtorch's operators in fp64, on leaves of these sizes.
    fn compare(
        sizes: &[&[i64]],
        ours: impl Fn(&[Tensor]) -> Tensor,
        theirs: impl Fn(&[Tensor]) -> Tensor,
    ) {
        let leaves: Vec<Tensor> = sizes.iter().map(|size| random(size)).collect();
        let run = |kind: Kind, of: &dyn Fn(&[Tensor]) -> Tensor| {
            let leaves: Vec<Tensor> =
                leaves.iter().map(|t| t.to_kind(kind).detach().set_requires_grad(true)).collect();
            let result = of(&leaves);
            // A gradient that is no constant and not laid out like the result.
            let count = i64::try_from(result.numel()).unwrap();
            let slope = Tensor::arange(count, (kind, Device::Cpu)).sin().reshape(result.size());
            let loss = (&result.transpose(0, 1) * slope.transpose(0, 1)).sum(kind);
            let mut all = Tensor::run_backward(&[loss], &leaves, false, false);
            all.push(result.detach());
            all
        };
        let (found, expected) = (run(Kind::Float, &ours), run(Kind::Double, &theirs));
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.size(), expected.size());
            let scale = expected.abs().max().double_value(&[]).max(1.0);
            let off = (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[]);
            assert!(off < 3e-6 * scale, "{off} {scale} {:?}", found.size());
        }
    }

    #[test]
    fn norm_and_its_gradients_are_libtorchs() {
        for c in [6, 70, 256] {
            let plain = |t: &[Tensor]| t[0].rms_norm(t[1].size(), Some(&t[1]), 1e-6);
            compare(&[&[1, 150, c], &[c]], |t| norm(&t[0], &t[1], 1e-6), plain);
        }
    }

    #[test]
    fn rotated_heads_and_their_gradients_are_libtorchs() {
        for (heads, d) in [(1, 2), (3, 32), (2, 70)] {
            let (b, t) = (2, 45);
            let angles = random(&[b, t, 1, d / 2]) * 3.0;
            let angles = Tensor::cat(&[&angles, &angles], -1);
            let part = |t: &Tensor| t.narrow(2, d, heads * d).reshape([b, -1, heads, d]);
            compare(
                // Heads are a part of wider rows, as queries and keys are.
                &[&[b, t, (heads + 2) * d], &[d]],
                |t| norm_rotated(&part(&t[0]), &t[1], &angles.cos(), &angles.sin(), 1e-6),
                |t| {
                    let kind = t[0].kind();
                    let rope = Rope::of(&angles.cos().to_kind(kind), &angles.sin().to_kind(kind));
                    rope.apply(&part(&t[0]).rms_norm(t[1].size(), Some(&t[1]), 1e-6))
                },
            );
        }
    }

    #[test]
    fn gates_and_their_gradients_are_libtorchs() {
        for f in [1, 33, 96] {
            compare(
                &[&[1, 40, 2 * f]],
                |t| gated(&t[0]),
                |t| t[0].narrow(-1, 0, f).silu() * t[0].narrow(-1, f, f),
            );
        }
        let found = gated(&Tensor::from_slice(&[-200f32, 200.0, 1.0, 1.0]));
        let found = Vec::<f32>::try_from(found).unwrap();
        assert!(found[0].abs() < 1e-30 && found[1] == 200.0, "{found:?}");
    }
}
