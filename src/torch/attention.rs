//! Attention behind one function, so that a faster kernel changes one file.
//!
//! Axes: b batch, t query time, s key time, h query heads, k kv heads, d head width.

use tch::Tensor;

/// Causal attention of whole sequences that start at position 0 and are padded on the right, if at all.
///
/// `q_bthd`, `k_btkd`, `v_btkd` -> `[b, t, h * d]`. A padded key is never seen by a real query, because it comes
/// later. Scale is `1 / sqrt(d)`.
pub fn causal(q_bthd: &Tensor, k_btkd: &Tensor, v_btkd: &Tensor) -> Tensor {
    let (b, t, h, d) = q_bthd.size4().expect("queries have four axes by construction");
    let groups = h / k_btkd.size()[2];
    Tensor::scaled_dot_product_attention(
        &q_bthd.transpose(1, 2),
        &k_btkd.transpose(1, 2),
        &v_btkd.transpose(1, 2),
        None::<Tensor>,
        0.0,
        t > 1,
        None,
        groups > 1,
    )
    .transpose(1, 2)
    .reshape([b, t, h * d])
}

/// Attention of `q_bthd` to `k_bksd`, `v_bksd` (cache layout) under a mask -> `[b, t, h * d]`.
///
/// `mask` broadcasts to `[b, h, t, s]`; it is boolean (true = may attend) or added to the scores.
pub fn masked(q_bthd: &Tensor, k_bksd: &Tensor, v_bksd: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let (b, t, h, d) = q_bthd.size4().expect("queries have four axes by construction");
    let groups = h / k_bksd.size()[1];
    Tensor::scaled_dot_product_attention(
        &q_bthd.transpose(1, 2),
        k_bksd,
        v_bksd,
        mask,
        0.0,
        false,
        None,
        groups > 1,
    )
    .transpose(1, 2)
    .reshape([b, t, h * d])
}
