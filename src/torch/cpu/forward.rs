//! The model on some rows: each row is one token of some sequence, its keys and values are cached, it sees what is cached
//! up to its own position. Decoding is one row per sequence, prefill and scoring are many rows of one.
//!
//! Axes: m rows, c hidden, h query heads, k kv heads, d head width, f feed-forward, v vocabulary.

use std::ops::Range;

use super::attend::{Keys, Room, attend};
use super::lanes::{Isa, Task, rms_norm};
use super::matrix::{Then, padded};
use super::number::Number;
use super::pages::{Pages, Table};
use super::team::{Team, cut, shares};
use super::vectors::Vectors;
use super::weights::{LayerWeights, Weights};

/// Rows that go through the model at once: enough to make good use of weights, few enough for the second-level cache.
pub const ROWS: usize = 64;

/// One token.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its id.
    pub id: u32,
    /// Its position in its sequence.
    pub position: usize,
    /// The pages of the sequence, with room for it.
    pub table: &'a Table,
}

/// The activations of at most [`ROWS`] rows, allocated once.
#[derive(Debug)]
pub struct Forward<'a, N> {
    weights: &'a Weights<N>,
    team: Team,
    /// Residual stream, `[m, c]`; all rows are padded to whole vectors.
    x: Vec<f32>,
    /// `[m, c]`.
    normed: Vec<f32>,
    /// `[m, (h + 2k) * d]`.
    qkv: Vec<f32>,
    /// `[m, h * d]`.
    attended: Vec<f32>,
    /// `[m, f]`.
    inner: Vec<f32>,
    /// `[m, v]`.
    logits: Vec<f32>,
    /// For each thread.
    rooms: Vec<Room<N>>,
    /// Inputs of a product as numbers of its kind.
    inputs: Vec<N>,
    /// Cosines and sines of each position, `[s, d]`; grows with the positions that are seen.
    rotation: Vec<f32>,
}

/// The sizes of a model as indices.
#[derive(Clone, Copy)]
struct Sizes {
    c: usize,
    h: usize,
    k: usize,
    d: usize,
    v: usize,
}

impl Sizes {
    fn of<N>(weights: &Weights<N>) -> Self {
        let size = |n: i64| usize::try_from(n).expect("sizes are checked to be positive");
        let config = &weights.config;
        Self {
            c: size(config.hidden_size),
            h: size(config.num_attention_heads),
            k: size(config.num_key_value_heads),
            d: size(config.head_dim),
            v: size(config.vocab_size),
        }
    }
}

impl<'a, N: Number> Forward<'a, N> {
    /// Room for a model's activations; `team` computes them.
    pub fn new(weights: &'a Weights<N>, team: Team) -> Self {
        let Sizes { c, h, k, d, v, .. } = Sizes::of(weights);
        let inner = weights.layers.first().map_or(0, |layer| layer.gate_up.length(Then::Gate));
        let room = |n: usize| vec![0.0; ROWS * padded(n)];
        Self {
            weights,
            team,
            x: room(c),
            normed: room(c),
            qkv: room((h + 2 * k) * d),
            attended: room(h * d),
            inner: room(inner),
            logits: room(v),
            rooms: (0..2 * team.threads).map(|_| Room::default()).collect(),
            inputs: Vec::new(),
            rotation: Vec::new(),
        }
    }

    /// An empty pool of pages for the model.
    pub fn pages(&self) -> Pages<N> {
        let Sizes { k, d, .. } = Sizes::of(self.weights);
        Pages::new(self.weights.layers.len(), k, d)
    }

    /// Runs at most [`ROWS`] rows and caches their keys and values. Rows of one sequence stand in order of positions.
    /// The logits of the rows in `wanted` are then at [`Forward::logits`], in that order.
    ///
    /// # Panics
    /// If there are too many rows.
    pub fn run(&mut self, pages: &mut Pages<N>, rows: &[Row<'_>], wanted: &[usize]) {
        assert!(rows.len() <= ROWS, "{} rows", rows.len());
        let Sizes { c, h, k, d, .. } = Sizes::of(self.weights);
        let (team, isa) = (self.team, self.team.isa);
        let m = rows.len();
        let (cp, ap) = (padded(c), padded(h * d));
        self.rotate_up_to(rows.iter().map(|row| row.position).max().unwrap_or(0));
        for (row, x) in rows.iter().zip(self.x.chunks_exact_mut(cp)) {
            let id = row.id as usize;
            match &self.weights.embed {
                Some(embed) => embed.row(id, &mut x[..c]),
                None => self.weights.head.row(id, &mut x[..c]),
            }
        }
        for (index, layer) in self.weights.layers.iter().enumerate() {
            self.norm(isa, &layer.input_norm, m);
            let (normed, room) = ((&*self.normed, cp), &mut self.inputs);
            layer.qkv.product(team, normed, m, Then::Store, &mut self.qkv, room);
            let eps = self.eps();
            let (qkv, rotation) = (&mut self.qkv, &self.rotation);
            isa.run(Place { layer, qkv, rotation, eps, rows, pages, index, h, k, d });
            self.attend(rows, pages, index);
            let (attended, room) = ((&*self.attended, ap), &mut self.inputs);
            layer.o.product(team, attended, m, Then::Add, &mut self.x, room);
            self.norm(isa, &layer.post_norm, m);
            let (normed, room) = ((&*self.normed, cp), &mut self.inputs);
            layer.gate_up.product(team, normed, m, Then::Gate, &mut self.inner, room);
            let inner = (&*self.inner, layer.gate_up.length(Then::Gate));
            layer.down.product(team, inner, m, Then::Add, &mut self.x, room);
        }
        if wanted.is_empty() {
            return;
        }
        // Wanted rows move to the front; they are in ascending order.
        for (to, &from) in wanted.iter().enumerate() {
            self.x.copy_within(from * cp..from * cp + c, to * cp);
        }
        self.norm(isa, &self.weights.norm, wanted.len());
        let head = &self.weights.head;
        let (normed, room) = ((&*self.normed, cp), &mut self.inputs);
        head.product(team, normed, wanted.len(), Then::Store, &mut self.logits, room);
    }

    /// Logits `[v]` of the `index`-th wanted row.
    pub fn logits(&self, index: usize) -> &[f32] {
        let v = Sizes::of(self.weights).v;
        &self.logits[index * padded(v)..][..v]
    }

    /// Attention of all rows: kv heads are shared out, and rows too where there are more threads than heads.
    fn attend(&mut self, rows: &[Row<'_>], pages: &Pages<N>, layer: usize) {
        let Sizes { h, k, d, .. } = Sizes::of(self.weights);
        let threads = self.team.threads;
        let heads = shares(k, threads);
        let each = rows.len().div_ceil(threads.div_ceil(heads.len()));
        let columns: Vec<_> =
            heads.iter().map(|r| r.start * h / k * d..r.end * h / k * d).collect();
        let (inputs, outputs) = (padded((h + 2 * k) * d), padded(h * d));
        let qkv = self.qkv.chunks(each * inputs);
        let attended = self.attended[..rows.len() * outputs].chunks_mut(each * outputs);
        let mut rooms = self.rooms.iter_mut();
        let mut parts = Vec::new();
        for ((rows, qkv), attended) in rows.chunks(each).zip(qkv).zip(attended) {
            let pieces = cut(attended.chunks_exact_mut(outputs), &columns);
            for ((heads, columns), into) in heads.iter().cloned().zip(&columns).zip(pieces) {
                let room = rooms.next().expect("at most twice as many parts as threads");
                let (qkv, columns) = (qkv.chunks_exact(inputs), columns.clone());
                parts.push(Attend { qkv, columns, heads, into, room, rows, pages, layer, d });
            }
        }
        self.team.run(parts);
    }

    fn eps(&self) -> f32 {
        #[allow(clippy::cast_possible_truncation)]
        let eps = self.weights.config.rms_norm_eps as f32;
        eps
    }

    fn norm(&mut self, isa: Isa, weight: &[f32], m: usize) {
        let eps = self.eps();
        isa.run(Norm { x: &self.x, weight, eps, m, into: &mut self.normed });
    }

    /// As [`crate::qwen3::Qwen3::rope`]: angles, cosines and sines in fp32.
    fn rotate_up_to(&mut self, position: usize) {
        let d = 2 * self.weights.inv_freq.len();
        for position in self.rotation.len() / d..=position {
            #[allow(clippy::cast_precision_loss)]
            let angles = self.weights.inv_freq.iter().map(|f| position as f32 * f);
            let (cos, sin): (Vec<f32>, Vec<f32>) = angles.map(|a| (a.cos(), a.sin())).unzip();
            self.rotation.extend(cos);
            self.rotation.extend(sin);
        }
    }
}

/// RMSNorm of `m` rows.
struct Norm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f32,
    m: usize,
    into: &'a mut [f32],
}

impl Task for Norm<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let (c, stride) = (self.weight.len(), padded(self.weight.len()));
        let rows = self.x.chunks_exact(stride).zip(self.into.chunks_exact_mut(stride));
        for (x, into) in rows.take(self.m) {
            rms_norm(&x[..c], self.weight, self.eps, &mut into[..c]);
        }
    }
}

/// Norm and rotation of queries (which are scaled too) and keys; keys and values go into the cache.
struct Place<'a, N> {
    layer: &'a LayerWeights<N>,
    qkv: &'a mut [f32],
    rotation: &'a [f32],
    eps: f32,
    rows: &'a [Row<'a>],
    pages: &'a mut Pages<N>,
    index: usize,
    h: usize,
    k: usize,
    d: usize,
}

impl<N: Number> Task for Place<'_, N> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let Self { h, k, d, .. } = self;
        #[allow(clippy::cast_precision_loss)]
        let scale = 1.0 / (d as f32).sqrt();
        for (row, qkv) in self.rows.iter().zip(self.qkv.chunks_exact_mut(padded((h + 2 * k) * d))) {
            let rotation = &self.rotation[row.position * d..][..d];
            for (index, head) in qkv.chunks_exact_mut(d).take(h + k).enumerate() {
                let query = index < h;
                let (weight, factor) =
                    if query { (&self.layer.q_norm, scale) } else { (&self.layer.k_norm, 1.0) };
                rotate(head, weight, self.eps, rotation, factor);
            }
            let (keys, values) = qkv[h * d..(h + 2 * k) * d].split_at(k * d);
            for (head, pair) in keys.chunks_exact(d).zip(values.chunks_exact(d)).enumerate() {
                self.pages.write(row.table, row.position, self.index, head, pair);
            }
        }
    }
}

/// Norm of one head, then rotation: the first half pairs with the second.
#[inline(always)]
fn rotate(head: &mut [f32], weight: &[f32], eps: f32, rotation: &[f32], factor: f32) {
    let half = head.len() / 2;
    #[allow(clippy::cast_precision_loss)]
    let mean = super::lanes::sum_of_squares(head) / head.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    let (first, second) = head.split_at_mut(half);
    let (cos, sin) = rotation.split_at(half);
    let (w1, w2) = weight.split_at(half);
    let (second, w2, cos, sin) = (&mut second[..half], &w2[..half], &cos[..half], &sin[..half]);
    for i in 0..half {
        let (a, b) = (first[i] * scale * w1[i], second[i] * scale * w2[i]);
        first[i] = (a * cos[i] - b * sin[i]) * factor;
        second[i] = (b * cos[i] + a * sin[i]) * factor;
    }
}

/// Attention of some rows in some kv heads.
struct Attend<'a, N> {
    qkv: std::slice::ChunksExact<'a, f32>,
    /// Where in a row the queries of the heads are.
    columns: Range<usize>,
    heads: Range<usize>,
    into: Vec<&'a mut [f32]>,
    room: &'a mut Room<N>,
    rows: &'a [Row<'a>],
    pages: &'a Pages<N>,
    layer: usize,
    d: usize,
}

impl<N: Number> Task for Attend<'_, N> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let Self { pages, layer, d, room, .. } = self;
        for ((row, qkv), into) in self.rows.iter().zip(self.qkv).zip(self.into) {
            let length = row.position + 1;
            let keys = Keys { pages, table: row.table, layer, length };
            let queries = &qkv[self.columns.clone()];
            attend::<V, N>(keys, queries, self.heads.clone(), d, room, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::number::Pair;
    use super::*;
    use crate::config::ModelConfig;
    use crate::qwen3::Qwen3;
    use tch::{Device, Kind};

    /// The same bits however many threads share a step, more than there are kv heads among them: three rows of one sequence and
    /// one of another.
    fn any_team<N: Number>() {
        let Some(isa) = Isa::detect() else { return };
        let shape = ModelConfig {
            vocab_size: 90,
            hidden_size: 40,
            intermediate_size: 72,
            num_hidden_layers: 2,
            num_attention_heads: 6,
            num_key_value_heads: 3,
            head_dim: 10,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: true,
            max_position_embeddings: 64,
        };
        let weights = Weights::<N>::of(&Qwen3::random(shape, 5, N::KIND, Device::Cpu)).unwrap();
        let logits = |threads| {
            Team::gather(isa, threads, |team| {
                let mut forward = Forward::new(&weights, team);
                let mut pages = forward.pages();
                let (mut first, mut second) = (Table::new(), Table::new());
                pages.reserve(&mut first, 3);
                pages.reserve(&mut second, 1);
                let row = |id, position, table| Row { id, position, table };
                let rows =
                    [row(7, 0, &first), row(80, 1, &first), row(9, 2, &first), row(1, 0, &second)];
                forward.run(&mut pages, &rows, &[1, 2, 3]);
                (0..3).flat_map(|index| forward.logits(index).to_vec()).collect::<Vec<f32>>()
            })
        };
        let alone = logits(1);
        assert!(alone.iter().all(|logit| logit.is_finite()) && alone[0] != alone[90]);
        for threads in [2, 3, 4, 7, 16] {
            assert_eq!(alone, logits(threads), "{threads} threads");
        }
    }

    #[test]
    fn threads_that_share_a_step_change_nothing() {
        assert_eq!((f32::KIND, Pair::KIND), (Kind::Float, Kind::BFloat16));
        any_team::<f32>();
        any_team::<Pair>();
    }
}
