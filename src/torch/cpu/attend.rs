//! Attention of one query position to the cached positions up to its own.
//!
//! Axes: s positions, h query heads, k kv heads, g = h / k, d head width.

use super::lanes::{WIDTH, exp, max, sum};
use super::matrix::padded;
use super::pages::{PAGE, Pages};
use super::vectors::{Rows, Vectors};

/// What is attended to.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// All pages.
    pub pages: &'a Pages,
    /// Those of the sequence.
    pub table: &'a [usize],
    /// The layer.
    pub layer: usize,
    /// Positions that are seen.
    pub length: usize,
}

/// Queries `[h, d]` (scaled) to attended values `[h, d]`; `scores` is room that is used again. The query heads of a kv
/// head are taken together, so that keys and values are read once.
#[inline(always)]
pub fn attend<V: Vectors>(
    keys: Keys<'_>,
    queries: &[f32],
    kv_heads: usize,
    d: usize,
    scores: &mut Vec<f32>,
    into: &mut [f32],
) {
    let g = queries.len() / d / kv_heads;
    for head in 0..kv_heads {
        let mut first = 0;
        while first < g {
            let range = (head * g + first) * d..queries.len();
            let (q, out) = (&queries[range.clone()], &mut into[range]);
            first += match g - first {
                1 => some::<V, 1>(keys, head, q, d, scores, out),
                2 | 3 => some::<V, 2>(keys, head, q, d, scores, out),
                4..=7 => some::<V, 4>(keys, head, q, d, scores, out),
                _ => some::<V, 8>(keys, head, q, d, scores, out),
            };
        }
    }
}

/// The first `G` query heads of `queries`. Returns `G`.
#[inline(always)]
fn some<V: Vectors, const G: usize>(
    keys: Keys<'_>,
    head: usize,
    queries: &[f32],
    d: usize,
    scores: &mut Vec<f32>,
    into: &mut [f32],
) -> usize {
    let Keys { pages, table, layer, length } = keys;
    let table = &table[..length.div_ceil(PAGE)];
    let room = table.len() * PAGE;
    if scores.len() < G * room {
        scores.resize(G * room, 0.0);
    }
    let q: [&[f32]; G] = std::array::from_fn(|j| &queries[j * d..(j + 1) * d]);
    for (index, &page) in table.iter().enumerate() {
        let rows = Rows { values: pages.keys(page, layer, head), stride: PAGE };
        let mut sums = [[[0.0; WIDTH]]; G];
        V::accumulate(&mut sums, q, [rows], d);
        for (j, sums) in sums.iter().enumerate() {
            scores[j * room + index * PAGE..][..PAGE].copy_from_slice(&sums[0]);
        }
    }
    let mut scale = [0f32; G];
    for (j, scale) in scale.iter_mut().enumerate() {
        let scores = &mut scores[j * room..][..room];
        let greatest = max(&scores[..length]);
        for score in &mut scores[..length] {
            *score = exp(*score - greatest);
        }
        // The last page's positions that do not exist yet weigh nothing.
        scores[length..].fill(0.0);
        *scale = 1.0 / sum(scores);
    }
    let dp = padded(d);
    for column in (0..d).step_by(WIDTH) {
        let mut sums = [[[0.0; WIDTH]]; G];
        for (index, &page) in table.iter().enumerate() {
            let seen = PAGE.min(length - index * PAGE);
            let values = &pages.values(page, layer, head)[column..];
            let weights = std::array::from_fn(|j| &scores[j * room + index * PAGE..][..seen]);
            V::accumulate(&mut sums, weights, [Rows { values, stride: dp }], seen);
        }
        let width = WIDTH.min(d - column);
        for (j, sums) in sums.iter().enumerate() {
            for (place, value) in into[j * d + column..][..width].iter_mut().zip(&sums[0]) {
                *place = value * scale[j];
            }
        }
    }
    G
}
