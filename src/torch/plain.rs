//! Continuous batching with ordinary libtorch operations: any device, any dtype, any size.
//!
//! Axes: b prompts, t time, n live sequences, h query heads, k kv heads, g = h / k, s cached positions, d head width,
//! c hidden, v vocabulary.

use tch::{Kind, Tensor};

use super::attention;
use super::engine::{Output, Prompt, StopText};
use super::job::{Ends, Job};
use super::kv::KvCache;
use super::pick::Scratch;
use super::qwen3::Qwen3;
use howard::error::Result;
use howard::sample::slots::{Group, Live, Slots};
use howard::types::Finish;

/// Padded tokens that are prefilled at once.
const PREFILL_TOKENS: usize = 8192;

/// Decodes many prompts together over one cache.
struct Engine<'a> {
    model: &'a Qwen3,
    prompts: &'a [Prompt],
    ends: Ends<'a>,
    jobs: Vec<Job>,
    slots: Slots,
    cache: KvCache,
    scratch: Scratch,
    /// Finished jobs that were not handed out yet.
    finished: Vec<(usize, Finish)>,
}

/// [`super::engine::Model::generate`] on the model's device.
///
/// # Errors
/// An error of `sink`.
pub fn generate(
    model: &Qwen3,
    prompts: &[Prompt],
    eos: &[u32],
    stop: StopText<'_>,
    slots: usize,
    sink: &mut dyn FnMut(Output) -> Result<()>,
) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let mut jobs = Vec::new();
    let mut groups = Vec::new();
    // Similar lengths together: less padding in prefill, and rows of a batch end at similar positions.
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&p| prompts[p].ids.len());
    for prompt in order {
        let first = jobs.len();
        jobs.extend((0..prompts[prompt].seeds.len()).map(|sample| Job::new(prompt, sample)));
        groups.push(Group { prompt, jobs: (first..jobs.len()).collect() });
    }
    let rows = slots.clamp(1, jobs.len().max(1));
    let context = usize::try_from(model.config.max_position_embeddings).unwrap_or(usize::MAX);
    let most = |prompt: &Prompt| prompt.ids.len().saturating_add(prompt.params.max_tokens);
    let longest = prompts.iter().map(most).max().unwrap_or(1).min(context);
    let mut engine = Engine {
        cache: KvCache::new(&model.config, rows, longest, model.kind(), model.device()),
        slots: Slots::new(groups, rows),
        model,
        prompts,
        ends: Ends::of(&model.config, eos, stop),
        jobs,
        scratch: Scratch::default(),
        finished: Vec::new(),
    };
    while !engine.slots.is_done() {
        let admitted = engine.slots.admit();
        engine.prefill(&admitted);
        engine.hand_out(sink)?;
        if !engine.slots.live().is_empty() {
            engine.decode();
            engine.hand_out(sink)?;
        }
    }
    Ok(())
}

impl Engine<'_> {
    /// Runs the prompts of admitted groups, puts their samples into rows and draws their first tokens.
    fn prefill(&mut self, groups: &[Group]) {
        let mut rest = groups;
        while !rest.is_empty() {
            // Groups are sorted by length: the last of a batch is the longest.
            let length = |group: &Group| self.prompts[group.prompt].ids.len();
            let mut count = 1;
            while count < rest.len() && (count + 1) * length(&rest[count]) <= PREFILL_TOKENS {
                count += 1;
            }
            let (batch, after) = rest.split_at(count);
            self.prefill_batch(batch);
            rest = after;
        }
    }

    fn prefill_batch(&mut self, groups: &[Group]) {
        let lengths: Vec<usize> = groups.iter().map(|g| self.prompts[g.prompt].ids.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut ids = vec![0i64; groups.len() * longest];
        for (row, group) in groups.iter().enumerate() {
            for (t, &id) in self.prompts[group.prompt].ids.iter().enumerate() {
                ids[row * longest + t] = i64::from(id);
            }
        }
        let model = self.model;
        let device = model.device();
        let ids_bt = Tensor::from_slice(&ids)
            .reshape([groups.len() as i64, longest as i64])
            .to_device(device);
        let rope = model.rope(&Tensor::arange(longest as i64, (Kind::Int64, device)).unsqueeze(0));
        self.cache.reserve(longest + 1);
        let first_row = self.slots.live().len();
        let cache = &mut self.cache;
        let mut x_btc = model.embedded(&ids_bt);
        for (index, layer) in model.layers.iter().enumerate() {
            x_btc = model.block(layer, &x_btc, &rope, 0.0, &mut |q, k, v| {
                let mut row = first_row;
                for (b, group) in groups.iter().enumerate() {
                    let key = k.select(0, b as i64).narrow(0, 0, lengths[b] as i64);
                    let value = v.select(0, b as i64).narrow(0, 0, lengths[b] as i64);
                    for _ in &group.jobs {
                        cache.fill(index, row, &key, &value);
                        row += 1;
                    }
                }
                attention::causal(q, k, v)
            });
        }
        let last: Vec<i64> =
            lengths.iter().enumerate().map(|(b, &len)| (b * longest + len - 1) as i64).collect();
        let last_bc =
            x_btc.flatten(0, 1).index_select(0, &Tensor::from_slice(&last).to_device(device));
        let logits = self.logits(&last_bc);
        for (b, group) in groups.iter().enumerate() {
            for &job in &group.jobs {
                self.jobs[job].start();
                self.slots.push(Live { job, prompt: group.prompt, cached: lengths[b], last: 0 });
            }
        }
        let rows: Vec<(usize, usize)> = groups
            .iter()
            .enumerate()
            .flat_map(|(b, group)| group.jobs.iter().map(move |_| b))
            .enumerate()
            .map(|(offset, b)| (first_row + offset, b))
            .collect();
        self.draw(&rows, &logits);
    }

    /// One token for every live row.
    fn decode(&mut self) {
        let model = self.model;
        let device = model.device();
        let live = self.slots.live();
        let n = live.len();
        let ids: Vec<i64> = live.iter().map(|l| i64::from(l.last)).collect();
        let cached: Vec<usize> = live.iter().map(|l| l.cached).collect();
        let longest = 1 + cached.iter().copied().max().unwrap_or(0);
        self.cache.reserve(longest);

        let positions: Vec<i64> = cached.iter().map(|&c| c as i64).collect();
        let positions = Tensor::from_slice(&positions).to_device(device).unsqueeze(1);
        let places = Tensor::from_slice(&self.cache.places(&cached)).to_device(device);
        let rope = model.rope(&positions);
        let kv_heads = model.config.num_key_value_heads;
        let mask = ragged_mask(&positions, &cached, longest, kv_heads, model.kind());
        let cache = &mut self.cache;
        let mut x_n1c = model.embedded(&Tensor::from_slice(&ids).to_device(device).unsqueeze(1));
        for (index, layer) in model.layers.iter().enumerate() {
            x_n1c = model.block(layer, &x_n1c, &rope, 0.0, &mut |q, k, v| {
                cache.write(index, &places, &k.squeeze_dim(1), &v.squeeze_dim(1));
                let (keys, values) = cache.view(index, n, longest);
                attention::decode(q, &keys, &values, mask.as_ref())
            });
        }
        let logits = self.logits(&x_n1c.squeeze_dim(1));
        self.slots.live_mut().iter_mut().for_each(|l| l.cached += 1);
        let rows: Vec<(usize, usize)> = (0..n).map(|row| (row, row)).collect();
        self.draw(&rows, &logits);
    }

    /// Logits `[n, v]` on the CPU, row by row.
    fn logits(&self, x_nc: &Tensor) -> Vec<f32> {
        let logits = self.model.logits(&self.model.final_norm(x_nc)).contiguous();
        let mut values = vec![0f32; logits.numel()];
        let numel = values.len();
        logits.copy_data(&mut values, numel);
        values
    }

    /// Draws the next token of some rows, each from its row of logits, and takes finished sequences out.
    fn draw(&mut self, rows: &[(usize, usize)], logits: &[f32]) {
        let v = usize::try_from(self.model.config.vocab_size).unwrap_or(0);
        let mut ended = Vec::new();
        for &(row, at) in rows {
            let live = &mut self.slots.live_mut()[row];
            let job = &mut self.jobs[live.job];
            let logits = &logits[at * v..(at + 1) * v];
            let (last, finish) = job.draw(self.prompts, logits, self.ends, &mut self.scratch);
            live.last = last;
            if let Some(finish) = finish {
                self.finished.push((live.job, finish));
                ended.push(row);
            }
        }
        // From the last row on, so that a row that moves has been looked at already.
        for row in ended.into_iter().rev() {
            if let Some(from) = self.slots.remove(row) {
                let length = self.slots.live()[row].cached;
                self.cache.shift(from, row, length);
            }
        }
    }

    fn hand_out(&mut self, sink: &mut dyn FnMut(Output) -> Result<()>) -> Result<()> {
        for (job, finish) in self.finished.drain(..) {
            sink(self.jobs[job].output(finish))?;
        }
        Ok(())
    }
}

/// What is added to the scores `[n * k, g, s]` so that each row sees its own tokens only; none is needed where all rows
/// have the same length.
fn ragged_mask(
    positions_n1: &Tensor,
    cached: &[usize],
    longest: usize,
    kv_heads: i64,
    kind: Kind,
) -> Option<Tensor> {
    if cached.iter().all(|&c| c + 1 == longest) {
        return None;
    }
    let device = positions_n1.device();
    let hidden =
        Tensor::arange(longest as i64, (Kind::Int64, device)).unsqueeze(0).gt_tensor(positions_n1);
    let mask = Tensor::zeros(hidden.size(), (kind, device)).masked_fill(&hidden, f64::NEG_INFINITY);
    Some(mask.repeat_interleave_self_int(kv_heads, 0, None).unsqueeze(1))
}
