//! The memory of a training run, worked out before it is begun: what `--dry-run` prints, and why a run that cannot fit is
//! refused at once.
//!
//! Every number is a product of sizes that the source files name: the tensors that [`crate::learn::Learner`]s of the torch
//! floor hold, nothing measured and nothing rounded up. `docs/memory.md` compares the plan with measured peaks.
//!
//! Letters: c hidden width, f feed-forward width, q width of all queries, kv of all keys (or values), h query heads,
//! v vocabulary, e bytes of a number in computing.

use super::compute::{ComputeConfig, LoraConfig, Precision};
use crate::shape::ModelConfig;

mod remedy;
mod table;

pub use remedy::check;

/// Bytes of a GiB.
pub const GIB: f64 = (1u64 << 30) as f64;
/// Logits that exist at once in the chunked head, in values.
pub const HEAD_VALUES: u64 = 16 << 20;
/// Numbers that lanes on the CPU may have for sums of gradients (128 MiB): beyond that there is one lane. Products of large
/// models fill all threads anyway.
pub const LANE_NUMBERS: u64 = 32 << 20;
/// Bytes of weights that generation and scoring on the CPU make a copy of, in the order in which their loops read them. For
/// larger models a second copy would be missed, and libtorch's operators compute with the weights as they are.
const COPIED: u64 = 4 << 30;

/// Bytes of that copy of a model's weights, each of which has `bytes`; none if it is too large to be made.
pub fn copied(shape: &ModelConfig, bytes: u64) -> Option<u64> {
    let all = unsigned(shape.num_parameters()) * bytes;
    (all <= COPIED).then_some(all)
}

/// Padded tokens that are prefilled at once in generation.
const PREFILL_TOKENS: u64 = 8192;
/// What a process holds before any tensor: on CUDA the context and the kernels of libtorch (estimated), on the CPU the
/// libraries themselves (measured by `benches/memory.rs`).
const RUNTIME: [(&str, u64); 2] = [("cpu", 342 << 20), ("cuda", 1536 << 20)];

/// The moments at which memory can be at its highest; the same tensors are not all there at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The vocabulary head, its logits and its gradient.
    Head,
    /// The backward pass through the layers.
    Layers,
    /// The optimizer's update.
    Update,
    /// Generation of completions.
    Generation,
}

/// All of them, in the order of a step.
pub const MOMENTS: [Moment; 4] = [Moment::Head, Moment::Layers, Moment::Update, Moment::Generation];

/// What generates beside what learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Sequences decoded together.
    pub slots: usize,
    /// Longest sequence, prompt and completion, in tokens.
    pub tokens: usize,
}

/// What a run asks for.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The model.
    pub shape: ModelConfig,
    /// Device, precision, micro-batches, recomputation.
    pub compute: ComputeConfig,
    /// Adapters, where not every weight is trained.
    pub lora: Option<LoraConfig>,
    /// Longest training sequence, in tokens.
    pub longest: usize,
    /// Most tokens of one optimizer step.
    pub step_tokens: usize,
    /// Generation, where the run has some.
    pub generation: Option<Generation>,
    /// Whether a second model is kept for a KL term.
    pub reference: bool,
    /// Threads of the CPU.
    pub threads: usize,
}

/// Micro-batches that are computed side by side: `wanted`, where a small model learns on the CPU, else one. They share the
/// tokens of a micro-batch and the room for logits; each has its own sums of the gradients of `numbers` values. A `longest`
/// sequence that needs the room alone leaves one lane, and so does dropout, whose random numbers come from one generator.
pub fn lanes(
    compute: &ComputeConfig,
    wanted: usize,
    longest: usize,
    numbers: u64,
    dropout: f64,
) -> usize {
    let fits = wanted > 1 && longest <= compute.microbatch_tokens / wanted;
    let small = compute.device == "cpu" && wanted as u64 * numbers <= LANE_NUMBERS;
    if fits && small && dropout == 0.0 { wanted } else { 1 }
}

/// One line of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What takes the memory.
    pub what: &'static str,
    /// Bytes.
    pub bytes: u64,
    /// When it is there.
    pub moments: &'static [Moment],
    /// The arithmetic, e.g. `4,022,468,096 x 2 B`.
    pub how: String,
}

/// The memory of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Its parts; none is 0.
    pub rows: Vec<Row>,
}

impl Demand {
    /// Tokens that go through the model at once in learning: a micro-batch, or one sequence that is longer, and never more
    /// than a step has.
    pub fn tokens_at_once(&self) -> u64 {
        self.compute.microbatch_tokens.max(self.longest).min(self.step_tokens.max(1)) as u64
    }

    /// Lanes of a step whose sequences are as long as the longest.
    pub fn lanes(&self) -> u64 {
        let sequences = self.step_tokens / self.longest.max(1);
        let dropout = self.lora.as_ref().map_or(0.0, |lora| lora.dropout);
        let numbers = self.trained_parameters();
        lanes(&self.compute, self.threads.min(sequences), self.longest, numbers, dropout) as u64
    }

    /// Parameters that learn.
    pub fn trained_parameters(&self) -> u64 {
        let count = match &self.lora {
            Some(lora) => lora.parameters(&self.shape),
            None => self.shape.num_parameters(),
        };
        unsigned(count)
    }

    /// The plan.
    #[allow(clippy::too_many_lines)] // one row after the other, in the order of the table
    pub fn plan(&self) -> MemoryPlan {
        use Moment::{Generation, Head, Layers, Update};
        const ALWAYS: &[Moment] = &MOMENTS;
        let shape = &self.shape;
        let e = self.compute.dtype_bytes();
        let tokens = self.tokens_at_once();
        let full = self.lora.is_none();
        let lanes = self.lanes();
        let (c, v, layers) = (
            unsigned(shape.hidden_size),
            unsigned(shape.vocab_size),
            unsigned(shape.num_hidden_layers),
        );
        let (model, trained) = (unsigned(shape.num_parameters()), self.trained_parameters());
        let adapters = if full { 0 } else { trained };
        let mut rows = Vec::new();
        let mut row = |what, bytes: u64, moments, how: String| {
            if bytes > 0 {
                rows.push(Row { what, bytes, moments, how });
            }
        };
        let times = |count: u64, bytes: u64| format!("{} x {bytes} B", table::thousands(count));
        // A row of what each lane has.
        let each_lane =
            |how: String| if lanes > 1 { format!("{lanes} lanes x {how}") } else { how };

        row("weights", model * e, ALWAYS, times(model, e));
        row("adapters", adapters * e, ALWAYS, times(adapters, e));
        if self.reference {
            row("reference model", model * e, ALWAYS, times(model, e));
        }
        let (what, beside, gradient) = match self.compute.precision() {
            Precision::Auto | Precision::Float32 => ("master weights", 0, 4),
            Precision::Mixed => ("master weights", 4, 4),
            Precision::Bfloat16Kahan => ("rounding errors of weights", 2, 2),
        };
        let apart = self.compute.optimizer_is_apart();
        let optimizer = |bytes: u64| match apart {
            true => (&[][..], format!("{}, in the host's memory", times(trained, bytes))),
            false => (ALWAYS, times(trained, bytes)),
        };
        let masters_go = self.compute.precision() == Precision::Mixed;
        let (moments, how) =
            if masters_go { optimizer(beside) } else { (ALWAYS, times(trained, beside)) };
        row(what, trained * beside, moments, how);
        let (moments, how) = optimizer(8);
        row("moments of AdamW", trained * 8, moments, how);
        // The first micro-batch of a step finds none at the head: they are made as they come.
        let several = self.step_tokens as u64 > tokens;
        let there: &'static [Moment] =
            if several { &[Head, Layers, Update] } else { &[Layers, Update] };
        row("gradients", lanes * trained * gradient, there, each_lane(times(trained, gradient)));

        let layer = self.kept_per_token();
        let (kept, how) = if self.compute.recompute {
            let each = c * e;
            let how = format!("{tokens} tokens x {} layer inputs x {each} B", layers + 1);
            (tokens * (layers + 1) * each, how)
        } else {
            let how = format!("{tokens} tokens x {layers} layers x {layer} B");
            (tokens * layers * layer, how)
        };
        row("kept for the backward pass", kept, &[Head, Layers], how);

        let states = 4 * tokens * c * e;
        row(
            "hidden states at the head",
            states,
            &[Head],
            format!("4 x {tokens} tokens x {c} x {e} B"),
        );
        let chunk = match self.compute.head_tokens {
            0 => (HEAD_VALUES / v).max(1),
            tokens => tokens as u64,
        }
        .div_ceil(lanes)
        .min(tokens / lanes);
        // Logits make room for the chunk's part of the head's gradient, which is made in the compute dtype first; the
        // distribution is there with both.
        let values = chunk * v * 4;
        let part = if full { v * c * if e == 4 { 4 } else { 4 + e } } else { 0 };
        let each = if part > values { 4 } else { 8 };
        let how = each_lane(format!("{chunk} tokens x {v} logits x {each} B"));
        row("head chunk", lanes * chunk * v * each, &[Head], how);
        if part > values {
            let how = each_lane(format!("{v} x {c} x {} B", part / (v * c)));
            row("a chunk's gradient of the head", lanes * part, &[Head], how);
        }
        if full && tokens > lanes * chunk {
            let how = each_lane(format!("{v} x {c} x 4 B"));
            row("gradient of the head", lanes * v * c * 4, &[Head], how);
        }

        let temporaries = tokens * (5 * unsigned(shape.intermediate_size) + 4 * c) * e;
        if self.compute.recompute {
            let how = format!("{tokens} tokens x {layer} B, and its gradients");
            row("one layer, computed again", tokens * layer + temporaries, &[Layers], how);
            if full {
                let biggest = unsigned(shape.layer_parameters()) * e;
                let how = each_lane(times(biggest / e, e));
                row("gradients of one layer", lanes * biggest, &[Layers], how);
            }
        } else {
            let how = format!("{tokens} tokens x (5 f + 4 c) x {e} B");
            row("backward pass of one layer", temporaries, &[Layers], how);
            if full {
                // They come all at once, while what was kept is given back: only what is more than that counts.
                let how = format!("{}, less what was given back", each_lane(times(model, e)));
                let more = (lanes * model * e).saturating_sub(kept);
                row("gradients as they come", more, &[Layers], how);
            }
        }

        let largest = match &self.lora {
            None => unsigned((2 * shape.intermediate_size).max(shape.vocab_size)) * c,
            Some(lora) => unsigned(shape.intermediate_size.max(shape.hidden_size) * lora.rank),
        };
        let update = match self.compute.precision() {
            // Value and gradient in fp32, and the roundings of `Master::set`.
            Precision::Bfloat16Kahan => 28,
            _ => 0,
        };
        // The copies of moments and master that an update works on.
        let update = match self.compute.offload_optimizer {
            true if masters_go => update + 12,
            true => update + 8,
            false => update,
        };
        let how = format!("{} in the largest tensor", times(largest, update));
        row("update of one tensor", largest * update, &[Update], how);

        if let Some(generation) = &self.generation {
            let token = 2 * layers * unsigned(shape.num_key_value_heads * shape.head_dim) * e;
            let cached = (generation.slots * generation.tokens) as u64;
            let how =
                format!("{} slots x {} tokens x {token} B", generation.slots, generation.tokens);
            row("key-value cache", cached * token, &[Generation], how);
            let prefilled = PREFILL_TOKENS.min(cached);
            let each = 4 * unsigned(shape.intermediate_size) * e + 12 * c;
            row(
                "prefill",
                prefilled * each,
                &[Generation],
                format!("{prefilled} tokens x {each} B"),
            );
            // bf16 weights with adapters are not merged, and libtorch's operators compute.
            let own_loops = self.compute.device == "cpu" && (self.lora.is_none() || e == 4);
            if own_loops && let Some(bytes) = copied(shape, e) {
                let how = format!("{}, as the CPU reads them", times(bytes / e, e));
                row("copy of the weights", bytes, &[Generation], how);
            }
            let logits = generation.slots as u64 * v * 8;
            row("logits", logits, &[Generation], format!("{} slots x {v} x 8 B", generation.slots));
        }
        let device = self.compute.device.split(':').next().unwrap_or_default();
        let runtime = RUNTIME.iter().find(|r| r.0 == device).map_or(0, |r| r.1);
        row("libtorch itself", runtime, ALWAYS, "before any tensor".into());
        MemoryPlan { rows }
    }

    /// Bytes that one layer keeps for its backward pass, per token: what libtorch saves of each operation in
    /// `src/torch/qwen3.rs`, and nothing for weights that are frozen.
    pub fn kept_per_token(&self) -> u64 {
        let s = &self.shape;
        let e = self.compute.dtype_bytes();
        let (c, f, h) = (
            unsigned(s.hidden_size),
            unsigned(s.intermediate_size),
            unsigned(s.num_attention_heads),
        );
        let q = h * unsigned(s.head_dim);
        let kv = unsigned(s.num_key_value_heads * s.head_dim);
        let full = self.lora.is_none();
        let learns = |name: &str| {
            self.lora.as_ref().is_none_or(|lora| lora.target_modules.iter().any(|t| t == name))
        };
        let any = |names: &[&str]| u64::from(names.iter().any(|name| learns(name)));
        let one_pass = self.in_one_pass();
        // A norm keeps its input in fp32, and where its weight learns the normed values, unless they are worked out again.
        let norm = |width: u64| 4 * width + if full && !one_pass { e * width } else { 0 };
        let apart = |name: &str| u64::from(!full && learns(name));
        // q, k and v are parts of one tensor, which stays as long as any part of it is needed as it is.
        let fused = if apart("v_proj") == 1 { kv } else { q + 2 * kv };
        let attention = norm(c)
            + any(&["q_proj", "k_proj", "v_proj"]) * c * e
            + fused * e
            + self.head_norms(q, kv, full, e, &learns)
            + (q + kv) * e // rotated
            + q * e // attended
            + 4 * h;
        let feed_forward = norm(c)
            + any(&["gate_proj", "up_proj"]) * c * e
            + (if one_pass { 2 } else { 3 }) * f * e
            + any(&["down_proj"]) * f * e;
        let adapters = self.lora.as_ref().map_or(0, |lora| {
            let inputs: i64 = s
                .projections()
                .iter()
                .filter(|(name, ..)| lora.target_modules.iter().any(|t| t == name))
                .map(|(_, inputs, _)| inputs)
                .sum();
            // Dropout keeps what is left of its input and which of it that is.
            let dropped = if lora.dropout > 0.0 { unsigned(inputs) * (e + 1) } else { 0 };
            unsigned(lora.rank) * lora.target_modules.len() as u64 * e + dropped
        });
        attention + feed_forward + adapters
    }

    /// Whether norms and gates are the torch floor's own operators (`src/torch/fused.rs`), which keep their input only: in
    /// fp32 on the CPU, where one thread computes each micro-batch.
    fn in_one_pass(&self) -> bool {
        let alone = self.threads == 1 || self.lanes() > 1;
        self.compute.device == "cpu" && self.compute.dtype_bytes() == 4 && alone
    }

    /// What the norms of query and key heads keep.
    fn head_norms(
        &self,
        q: u64,
        kv: u64,
        full: bool,
        e: u64,
        learns: &dyn Fn(&str) -> bool,
    ) -> u64 {
        let each = |width: u64, name: &str| {
            // In fp32 the input is part of the fused tensor, unless an adapter was added to it.
            let input = if e == 4 && (full || !learns(name)) { 0 } else { 4 * width };
            input + if full && !self.in_one_pass() { e * width } else { 0 }
        };
        each(q, "q_proj") + each(kv, "k_proj")
    }
}

impl MemoryPlan {
    /// Bytes at a moment.
    pub fn at(&self, moment: Moment) -> u64 {
        self.rows.iter().filter(|row| row.moments.contains(&moment)).map(|row| row.bytes).sum()
    }

    /// Bytes at the highest of all moments.
    pub fn peak(&self) -> u64 {
        MOMENTS.iter().map(|&moment| self.at(moment)).max().unwrap_or(0)
    }

    /// Bytes of a row; 0 where there is none of that name.
    pub fn bytes(&self, what: &str) -> u64 {
        self.rows.iter().filter(|row| row.what == what).map(|row| row.bytes).sum()
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
