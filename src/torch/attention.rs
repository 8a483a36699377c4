//! Attention behind one function, so that a faster kernel changes one file.
//!
//! Axes: b batch, t query time, s key time, h query heads, k kv heads, d head width.

use tch::{Kind, Tensor};

use super::pack::Run;

/// Causal attention of packed sequences, each to itself only: `q_1thd`, `k_1tkd`, `v_1tkd` -> `[1, t, h * d]`. Sequences of
/// one length that stand side by side are taken together.
pub fn packed(q_1thd: &Tensor, k_1tkd: &Tensor, v_1tkd: &Tensor, runs: &[Run]) -> Tensor {
    let (_, _, h, d) = q_1thd.size4().expect("queries have four axes by construction");
    let k = k_1tkd.size()[2];
    let sizes: Vec<i64> = runs.iter().map(|run| run.count * run.length).collect();
    let split = |x: &Tensor| x.split_with_sizes(sizes.as_slice(), 1);
    let mut parts: Vec<Tensor> = split(q_1thd)
        .iter()
        .zip(split(k_1tkd))
        .zip(split(v_1tkd))
        .zip(runs)
        .map(|(((q, key), value), run)| {
            let apart = |x: &Tensor, heads: i64| x.reshape([run.count, run.length, heads, d]);
            causal(&apart(q, h), &apart(&key, k), &apart(&value, k)).reshape([1, -1, h * d])
        })
        .collect();
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(&parts, 1) }
}

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

/// Attention of one new token per sequence to cached keys and values: queries `[n, 1, h, d]`, keys and values
/// `[n * k, s, d]` -> `[n, 1, h * d]`.
///
/// The query heads of one kv head are rows of one small matrix, so keys and values are read once. `mask` is added to the
/// scores `[n * k, h / k, s]`.
pub fn decode(q_n1hd: &Tensor, keys: &Tensor, values: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let (n, _, h, d) = q_n1hd.size4().expect("queries have four axes by construction");
    let pairs = keys.size()[0];
    #[allow(clippy::cast_precision_loss)]
    let scale = 1.0 / (d as f64).sqrt();
    let q = (q_n1hd * scale).reshape([pairs, n * h / pairs, d]);
    let keys = keys.transpose(1, 2);
    let scores = match mask {
        Some(mask) => mask.baddbmm(&q, &keys, 1.0, 1.0),
        None => q.bmm(&keys),
    };
    let weights = scores.softmax(-1, Kind::Float).to_kind(values.kind());
    weights.bmm(values).reshape([n, 1, h * d])
}
