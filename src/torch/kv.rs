//! The key-value cache: one row per live sequence, written in place.
//!
//! Axes: r rows, k kv heads, s positions, d head width, n live rows.

use tch::{Device, Kind, Tensor};

use super::config::ModelConfig;

/// Positions are allocated in blocks of this many.
const BLOCK: i64 = 64;

/// Keys and values of all layers, `[r, k, s, d]` each. Rows `0..n` are the live sequences.
#[derive(Debug)]
pub struct KvCache {
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
    rows: i64,
    kv_heads: i64,
    positions: i64,
    /// Positions that are enough for the longest sequence.
    limit: i64,
}

impl KvCache {
    /// An empty cache for `rows` sequences; positions are added as they are needed, up to `longest` (what the memory plan of
    /// a run counts).
    pub fn new(
        config: &ModelConfig,
        rows: usize,
        longest: usize,
        kind: Kind,
        device: Device,
    ) -> Self {
        let (rows, kv_heads) = (rows as i64, config.num_key_value_heads);
        let new = || {
            (0..config.num_hidden_layers)
                .map(|_| Tensor::zeros([rows, kv_heads, BLOCK, config.head_dim], (kind, device)))
                .collect()
        };
        let limit = longest as i64;
        Self { keys: new(), values: new(), rows, kv_heads, positions: BLOCK, limit }
    }

    /// Makes room for sequences of `length` tokens.
    pub fn reserve(&mut self, length: usize) {
        let length = length as i64;
        if length <= self.positions {
            return;
        }
        // Half as much again where that can be needed, so that growing costs a constant per token in the long run.
        let more = (self.positions * 3 / 2).min(self.limit);
        let positions = (length.max(more) + BLOCK - 1) / BLOCK * BLOCK;
        for tensor in self.keys.iter_mut().chain(&mut self.values) {
            let mut size = tensor.size();
            size[2] = positions;
            let grown = Tensor::zeros(&size, (tensor.kind(), tensor.device()));
            grown.narrow(2, 0, self.positions).copy_(tensor);
            *tensor = grown;
        }
        self.positions = positions;
    }

    /// Copies prefilled keys and values `[t, k, d]` of a prompt into a row.
    pub fn fill(&mut self, layer: usize, row: usize, key_tkd: &Tensor, value_tkd: &Tensor) {
        let length = key_tkd.size()[0];
        let place = |cache: &Tensor| cache.select(0, row as i64).narrow(1, 0, length);
        place(&self.keys[layer]).copy_(&key_tkd.transpose(0, 1));
        place(&self.values[layer]).copy_(&value_tkd.transpose(0, 1));
    }

    /// Moves the first `length` positions of a row to another row.
    pub fn shift(&mut self, from: usize, to: usize, length: usize) {
        for tensor in self.keys.iter().chain(&self.values) {
            let source = tensor.select(0, from as i64).narrow(1, 0, length as i64);
            tensor.select(0, to as i64).narrow(1, 0, length as i64).copy_(&source);
        }
    }

    /// Flat indices (into `r * k * s`) where the next token of each live row goes, row `i` at `cached[i]`.
    pub fn places(&self, cached: &[usize]) -> Vec<i64> {
        let mut places = Vec::with_capacity(cached.len() * self.kv_heads as usize);
        for (row, &position) in cached.iter().enumerate() {
            for head in 0..self.kv_heads {
                places.push((row as i64 * self.kv_heads + head) * self.positions + position as i64);
            }
        }
        places
    }

    /// Writes one token per live row, `[n, k, d]` each, at `places`.
    pub fn write(&mut self, layer: usize, places: &Tensor, key_nkd: &Tensor, value_nkd: &Tensor) {
        let d = key_nkd.size()[2];
        let _ = self.keys[layer].view([-1, d]).index_copy_(0, places, &key_nkd.reshape([-1, d]));
        let _ =
            self.values[layer].view([-1, d]).index_copy_(0, places, &value_nkd.reshape([-1, d]));
    }

    /// Keys and values of the first `rows` rows and `length` positions, `[rows * k, length, d]` views.
    pub fn view(&self, layer: usize, rows: usize, length: usize) -> (Tensor, Tensor) {
        let cut = |cache: &Tensor| {
            cache.narrow(0, 0, rows as i64).flatten(0, 1).narrow(1, 0, length as i64)
        };
        (cut(&self.keys[layer]), cut(&self.values[layer]))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }
}
