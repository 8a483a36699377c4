//! Attention of one query position to the cached positions up to its own.
//!
//! Axes: s positions, h query heads, k kv heads, g = h / k, d head width.

use std::ops::Range;

use super::lanes::{WIDTH, exp, max, sum};
use super::matrix::padded;
use super::number::Number;
use super::pages::{PAGE, Pages};
use super::vectors::{Rows, Vectors};

/// What is attended to.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a, N> {
    /// All pages.
    pub pages: &'a Pages<N>,
    /// Those of the sequence.
    pub table: &'a [usize],
    /// The layer.
    pub layer: usize,
    /// Positions that are seen.
    pub length: usize,
}

/// Room that is used again from row to row.
#[derive(Debug, Default)]
pub struct Room<N> {
    scores: Vec<f32>,
    queries: Vec<N>,
    weights: Vec<N>,
}

/// Queries (scaled) of the query heads of some kv heads, `[heads * g, d]`, to attended values of the same shape. The query heads
/// of a kv head are taken together, so that keys and values are read once.
#[inline(always)]
pub fn attend<V: Vectors, N: Number>(
    keys: Keys<'_, N>,
    queries: &[f32],
    heads: Range<usize>,
    d: usize,
    room: &mut Room<N>,
    into: &mut [f32],
) {
    let g = queries.len() / d / heads.len();
    for (index, head) in heads.enumerate() {
        let mut first = 0;
        while first < g {
            let range = (index * g + first) * d..queries.len();
            let (q, out) = (&queries[range.clone()], &mut into[range]);
            first += match g - first {
                1 => some::<V, N, 1>(keys, head, q, d, room, out),
                2 | 3 => some::<V, N, 2>(keys, head, q, d, room, out),
                4..=7 => some::<V, N, 4>(keys, head, q, d, room, out),
                _ => some::<V, N, 8>(keys, head, q, d, room, out),
            };
        }
    }
}

/// The first `G` query heads of `queries`. Returns `G`.
#[inline(always)]
fn some<V: Vectors, N: Number, const G: usize>(
    keys: Keys<'_, N>,
    head: usize,
    queries: &[f32],
    d: usize,
    room: &mut Room<N>,
    into: &mut [f32],
) -> usize {
    let Keys { pages, table, layer, length } = keys;
    let table = &table[..length.div_ceil(PAGE)];
    let Room { scores, queries: numbers, weights } = room;
    let room = table.len() * PAGE;
    if scores.len() < G * room {
        scores.resize(G * room, 0.0);
    }
    let (queries, stride) = N::rows(queries, d, G, d, numbers);
    let depth = d.div_ceil(N::PER);
    let q: [&[N]; G] = std::array::from_fn(|j| &queries[j * stride..][..depth]);
    for (index, &page) in table.iter().enumerate() {
        let rows = Rows { values: pages.keys(page, layer, head), stride: PAGE };
        let mut sums = [[[0.0; WIDTH]]; G];
        V::accumulate(&mut sums, q, [rows], depth);
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
    let (weights, stride) = N::rows(scores, room, G, room, weights);
    for column in (0..d).step_by(WIDTH) {
        let mut sums = [[[0.0; WIDTH]]; G];
        for (index, &page) in table.iter().enumerate() {
            let seen = PAGE.min(length - index * PAGE);
            let (whole, first) = (seen / N::PER, index * (PAGE / N::PER));
            let values = &pages.values(page, layer, head)[column..];
            let weights: [&[N]; G] =
                std::array::from_fn(|j| &weights[j * stride + first..][..seen.div_ceil(N::PER)]);
            V::accumulate(&mut sums, weights, [Rows { values, stride: dp }], whole);
            if N::PER > 1 && seen > whole * N::PER {
                // The other half of the last number is a position that is not seen: a weight of 0 does not hide what is no number.
                let last = std::array::from_fn::<N, WIDTH, _>(|n| {
                    let mut value = N::default();
                    value.put(0, values[whole * dp + n].get(0));
                    value
                });
                let rows = Rows { values: &last, stride: WIDTH };
                V::accumulate(&mut sums, weights.map(|weights| &weights[whole..]), [rows], 1);
            }
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
