//! The model on some rows: each row is one token of some sequence, its keys and values are cached, it sees what is cached
//! up to its own position. Decoding is one row per sequence, prefill and scoring are many rows of one.
//!
//! Axes: m rows, c hidden, h query heads, k kv heads, d head width, f feed-forward, v vocabulary.

use super::attend::{Keys, Room, attend};
use super::lanes::{Isa, Task, rms_norm};
use super::matrix::{Then, padded};
use super::number::Number;
use super::pages::{Pages, Table};
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
    room: Room<N>,
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
    f: usize,
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
            f: size(config.intermediate_size),
            v: size(config.vocab_size),
        }
    }
}

impl<'a, N: Number> Forward<'a, N> {
    /// Room for a model's activations.
    pub fn new(weights: &'a Weights<N>) -> Self {
        let Sizes { c, h, k, d, f, v } = Sizes::of(weights);
        let room = |n: usize| vec![0.0; ROWS * padded(n)];
        Self {
            weights,
            x: room(c),
            normed: room(c),
            qkv: room((h + 2 * k) * d),
            attended: room(h * d),
            inner: room(padded(2 * f.next_multiple_of(16)) / 2),
            logits: room(v),
            room: Room::default(),
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
        let Sizes { c, h, k, d, f, .. } = Sizes::of(self.weights);
        let isa = self.weights.isa;
        let m = rows.len();
        let inner = padded(padded(2 * f.next_multiple_of(16)) / 2);
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
            layer.qkv.product(isa, normed, m, Then::Store, &mut self.qkv, room);
            let eps = self.eps();
            let (qkv, rotation) = (&mut self.qkv, &self.rotation);
            isa.run(Place { layer, qkv, rotation, eps, rows, pages, index, h, k, d });
            let (qkv, attended, room) = (&self.qkv, &mut self.attended, &mut self.room);
            isa.run(Attend { qkv, attended, room, rows, pages, index, h, k, d });
            let (attended, room) = ((&*self.attended, ap), &mut self.inputs);
            layer.o.product(isa, attended, m, Then::Add, &mut self.x, room);
            self.norm(isa, &layer.post_norm, m);
            let (normed, room) = ((&*self.normed, cp), &mut self.inputs);
            layer.gate_up.product(isa, normed, m, Then::Gate, &mut self.inner, room);
            layer.down.product(isa, (&self.inner, inner), m, Then::Add, &mut self.x, room);
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
        head.product(isa, normed, wanted.len(), Then::Store, &mut self.logits, room);
    }

    /// Logits `[v]` of the `index`-th wanted row.
    pub fn logits(&self, index: usize) -> &[f32] {
        let v = Sizes::of(self.weights).v;
        &self.logits[index * padded(v)..][..v]
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

/// Attention of all rows.
struct Attend<'a, N> {
    qkv: &'a [f32],
    attended: &'a mut [f32],
    room: &'a mut Room<N>,
    rows: &'a [Row<'a>],
    pages: &'a Pages<N>,
    index: usize,
    h: usize,
    k: usize,
    d: usize,
}

impl<N: Number> Task for Attend<'_, N> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let Self { h, k, d, pages, .. } = self;
        let queries = self.qkv.chunks_exact(padded((h + 2 * k) * d));
        let places = self.attended.chunks_exact_mut(padded(h * d));
        for ((row, qkv), into) in self.rows.iter().zip(queries).zip(places) {
            let length = row.position + 1;
            let keys = Keys { pages, table: row.table, layer: self.index, length };
            attend::<V, N>(keys, &qkv[..h * d], k, d, self.room, &mut into[..h * d]);
        }
    }
}
