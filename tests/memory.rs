//! The memory plan against sums by hand, and what it advises where a run does not fit.

use howard::learn::compute::{ComputeConfig, LoraConfig};
use howard::learn::memory::{self, Demand, Generation, Moment};
use howard::shape::ModelConfig;

const GIB: u64 = 1 << 30;

/// Qwen3-4B on one GPU: sequences of 4,096 tokens, groups of 16.
fn qwen3_4b(lora: Option<LoraConfig>) -> Demand {
    Demand {
        shape: ModelConfig::published("Qwen/Qwen3-4B-Instruct-2507").unwrap(),
        compute: ComputeConfig {
            device: "cuda".into(),
            recompute: true,
            microbatch_tokens: 8192,
            ..ComputeConfig::default()
        },
        lora,
        longest: 4096,
        step_tokens: 64 * 16 * 4096,
        generation: Some(Generation { slots: 16, tokens: 4096 }),
        reference: false,
        threads: 1,
    }
}

/// On the CPU sampling makes a copy of the weights, as its loops read them: not of more than 4 GiB, not of bf16 weights with adapters
/// and not on a GPU.
#[test]
fn sampling_on_the_cpu_copies_the_weights() {
    use howard::learn::compute::Precision::{Float32, Mixed};
    let copy = |name: &str, device: &str, precision, lora| {
        let mut demand = qwen3_4b(lora);
        demand.shape = ModelConfig::published(name).unwrap();
        demand.compute.device = device.into();
        demand.compute.precision = precision;
        demand.plan().bytes("copy of the weights")
    };
    let lora = || Some(LoraConfig::default());
    // 28 layers of 1,024 x (2,048 + 2 x 1,024) + 2,048 x 1,024 + 3 x 1,024 x 3,072 and norms, and the embedding.
    let p = 28 * (1024 * 4096 + 2048 * 1024 + 3 * 1024 * 3072 + 2 * 1024 + 2 * 128)
        + 151_936 * 1024
        + 1024u64;
    assert_eq!(copy("Qwen3-0.6B", "cpu", Float32, None), 4 * p);
    assert_eq!(copy("Qwen3-0.6B", "cpu", Mixed, None), 2 * p);
    assert_eq!(copy("Qwen3-0.6B", "cpu", Float32, lora()), 4 * p);
    assert_eq!(copy("Qwen3-0.6B", "cpu", Mixed, lora()), 0);
    assert_eq!(copy("Qwen3-4B", "cpu", Mixed, None), 0);
    assert_eq!(copy("Qwen3-0.6B", "cuda", Mixed, None), 0);
}

/// Every weight, bf16 with an fp32 master and fp32 moments: 2 + 4 + 8 + 4 bytes a parameter while it learns.
#[test]
fn qwen3_4b_with_every_weight_by_hand() {
    let plan = qwen3_4b(None).plan();
    let p = 4_022_468_096u64;
    assert_eq!(plan.bytes("weights"), 2 * p);
    assert_eq!(plan.bytes("master weights"), 4 * p);
    assert_eq!(plan.bytes("moments of AdamW"), 8 * p);
    assert_eq!(plan.bytes("gradients"), 4 * p);
    // 36 layer inputs and the last output, 2,560 numbers of 2 bytes each per token.
    assert_eq!(plan.bytes("kept for the backward pass"), 8192 * 37 * 2560 * 2);
    // Per token and layer (c = 2,560, q = 4,096, kv = 1,024, f = 9,728, 32 heads), in bytes:
    //   two norms            2 * (4 c in fp32 + 2 c normed)            30,720
    //   inputs of q/k/v, of gate/up                2 * 2 c             10,240
    //   q, k, v as one tensor                  2 * (q + 2 kv)          12,288
    //   head norms          (4 + 2) * (q + kv)                         30,720
    //   rotated q and k          2 * (q + kv)                          10,240
    //   attended, log-sums         2 * q + 4 * 32                       8,320
    //   gate/up 2 f, silu f, product f        2 * 4 f                  77,824
    let layer = 30_720 + 10_240 + 12_288 + 30_720 + 10_240 + 8_320 + 77_824u64;
    assert_eq!(qwen3_4b(None).kept_per_token(), layer);
    let temporaries = 2 * (5 * 9728 + 4 * 2560u64);
    assert_eq!(plan.bytes("one layer, computed again"), 8192 * (layer + temporaries));
    // 16 Mi logits are those of 110 tokens; their part of the head's gradient in bf16, then in fp32, and the sum in fp32.
    assert_eq!(plan.bytes("head chunk"), 110 * 151_936 * 4);
    assert_eq!(plan.bytes("a chunk's gradient of the head"), 151_936 * 2560 * (2 + 4));
    assert_eq!(plan.bytes("gradient of the head"), 151_936 * 2560 * 4);
    // 36 layers x 2 x 8 heads x 128 x 2 bytes = 147,456 bytes a token.
    assert_eq!(plan.bytes("key-value cache"), 16 * 4096 * 147_456);
    // Two norms, two projections more than 4 x: 0.1009e9 parameters a layer.
    let one_layer = 2560 * (4096 + 2048) + 4096 * 2560 + 3 * 2560 * 9728 + 2 * 2560 + 2 * 128u64;
    let layers = 18 * p
        + 8192 * 37 * 2560 * 2
        + 8192 * (layer + temporaries)
        + 2 * one_layer
        + 1536 * (1 << 20);
    assert_eq!(plan.at(Moment::Layers), layers);
    // 72.40e9 + 1.55e9 + 2.44e9 + 0.20e9 + 1.61e9 bytes = 72.8 GiB: it fits on 80 GB (79.6 GiB on an H100).
    assert_eq!(layers * 10 / GIB, 728);
    assert!(plan.peak() < 79 * GIB + GIB / 2);
    assert!(plan.at(Moment::Generation) < plan.at(Moment::Layers));
    assert!(memory::check(&qwen3_4b(None), 79 * GIB + GIB / 2).is_ok());
}

/// Adapters of rank 64 on all projections: 132 M parameters, so nothing but the weights is large.
#[test]
fn qwen3_4b_with_adapters_by_hand() {
    let lora = LoraConfig { rank: 64, alpha: 64.0, ..LoraConfig::default() };
    let plan = qwen3_4b(Some(lora)).plan();
    // Per layer 64 * (q: 2560+4096, k and v: 2560+1024 each, o: 4096+2560, gate and up: 2560+9728 each, down: 9728+2560).
    let adapters = 36 * 64 * (6656 + 2 * 3584 + 6656 + 3 * 12_288u64);
    assert_eq!(adapters, 132_120_576);
    assert_eq!(plan.bytes("adapters"), 2 * adapters);
    assert_eq!(plan.bytes("master weights"), 4 * adapters);
    assert_eq!(plan.bytes("moments of AdamW"), 8 * adapters);
    assert_eq!(plan.bytes("gradients"), 4 * adapters);
    assert_eq!(plan.bytes("weights"), 2 * 4_022_468_096);
    assert_eq!(plan.bytes("gradient of the head"), 0);
    assert_eq!(plan.bytes("head chunk"), 110 * 151_936 * 8);
    // Highest while it generates: 8.04e9 + 14 * 0.132e9 + KV 9.66e9 + prefill 0.89e9 + logits 0.02e9 + 1.61e9.
    let generation = 2 * 4_022_468_096
        + 14 * adapters
        + 16 * 4096 * 147_456
        + 8192 * (4 * 9728 * 2 + 12 * 2560)
        + 16 * 151_936 * 8
        + 1536 * (1 << 20);
    assert_eq!(plan.at(Moment::Generation), generation);
    assert_eq!(plan.peak(), generation);
    assert_eq!(plan.peak() * 10 / GIB, 205);
}

/// Moments and masters in the host's memory: 12 bytes a parameter less on the device, but for the largest tensor (the
/// embedding, 151,936 x 2,560) while it is updated.
#[test]
fn an_offloaded_optimizer_by_hand() {
    let plan = qwen3_4b(None).plan();
    let mut demand = qwen3_4b(None);
    demand.compute.offload_optimizer = true;
    let p = 4_022_468_096u64;
    for moment in [Moment::Head, Moment::Layers, Moment::Generation] {
        assert_eq!(demand.plan().at(moment), plan.at(moment) - 12 * p, "{moment:?}");
    }
    let update = plan.at(Moment::Update) - 12 * p + 12 * 151_936 * 2560;
    assert_eq!(demand.plan().at(Moment::Update), update);
    // On the CPU it is the same memory, and the copies are made.
    demand.compute.device = "cpu".into();
    let mut without = demand.clone();
    without.compute.offload_optimizer = false;
    // fp32: no masters, so copies of the moments alone.
    let more = demand.plan().at(Moment::Update) - without.plan().at(Moment::Update);
    assert_eq!(more, 8 * 151_936 * 2560);
    assert_eq!(demand.plan().at(Moment::Generation), without.plan().at(Moment::Generation));
}

/// Two lanes of the CPU: sums of gradients each, one room for logits; none on a GPU, with dropout, for long sequences or
/// many parameters (2 x 132 million are more than 32 Mi).
#[test]
fn lanes_by_hand() {
    let mut demand = qwen3_4b(Some(LoraConfig { rank: 4, ..LoraConfig::default() }));
    demand.compute.device = "cpu".into();
    let one = demand.plan();
    demand.threads = 2;
    assert_eq!(demand.lanes(), 2);
    let two = demand.plan();
    // 132,120,576 / 64 * 4 parameters; 110 tokens at once are 55 in each lane.
    assert_eq!(two.bytes("gradients") - one.bytes("gradients"), 4 * 8_257_536);
    assert_eq!(two.bytes("head chunk"), one.bytes("head chunk"));
    assert_eq!(two.bytes("kept for the backward pass"), one.bytes("kept for the backward pass"));
    let lanes = |change: &dyn Fn(&mut Demand)| {
        let mut demand = demand.clone();
        change(&mut demand);
        demand.lanes()
    };
    assert_eq!(lanes(&|d| d.compute.device = "cuda".into()), 1);
    assert_eq!(lanes(&|d| d.longest = 4097), 1);
    assert_eq!(lanes(&|d| d.lora = Some(LoraConfig { rank: 64, ..LoraConfig::default() })), 1);
    assert_eq!(lanes(&|d| d.lora.as_mut().unwrap().dropout = 0.1), 1);
    assert_eq!(lanes(&|d| d.step_tokens = 4096), 1);
}

#[test]
fn the_advice_makes_it_fit() {
    let advice = |demand: &Demand, gib: u64| {
        memory::check(demand, gib * GIB).expect_err("it must not fit").to_string()
    };
    // Everything fits but what is kept of 8,192 tokens: recomputation alone is enough.
    let mut demand = qwen3_4b(None);
    demand.compute.recompute = false;
    let text = advice(&demand, 79);
    assert!(text.contains("set compute.recompute = true: it then needs 7"), "{text}");
    demand.compute.recompute = true;
    assert!(memory::check(&demand, 79 * GIB).is_ok());
    // Too many slots.
    let mut demand = qwen3_4b(None);
    demand.generation = Some(Generation { slots: 256, tokens: 4096 });
    let text = advice(&demand, 79);
    let slots: usize =
        text.split("slots = ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    demand.generation = Some(Generation { slots, tokens: 4096 });
    assert!(memory::check(&demand, 79 * GIB).is_ok(), "{text}");
    // A 64 GB card: without 45 GiB of moments and masters it fits.
    let text = advice(&qwen3_4b(None), 60);
    assert!(text.contains("set compute.offload_optimizer = true: it then needs "), "{text}");
    // A 24 GB card: weights and gradients alone are 22 GiB, so only adapters help.
    let text = advice(&qwen3_4b(None), 22);
    assert!(text.contains("lora.rank = 32"), "{text}");
    // Nothing helps on 6 GiB.
    let text = advice(&qwen3_4b(None), 6);
    assert!(text.contains("take a smaller model or a larger device"), "{text}");
    assert!(
        text.contains("memory: the run needs 7") && text.contains("there are 6.0 GiB"),
        "{text}"
    );
}

#[test]
fn the_table_has_a_line_per_part_and_adds_up() {
    let demand = qwen3_4b(None);
    let (plan, table) = (demand.plan(), demand.plan().table());
    assert_eq!(table.lines().count(), plan.rows.len() + 3);
    assert!(
        table.contains("| weights | 7.49 | 7.49 | 7.49 | 7.49 | 4,022,468,096 x 2 B |"),
        "{table}"
    );
    let total = format!("**{:.2}**", plan.at(Moment::Layers) as f64 / GIB as f64);
    assert!(table.lines().last().unwrap().contains(&total), "{table}");
    // A run without generation has no column for it.
    assert!(!Demand { generation: None, ..demand }.plan().table().contains("generation"));
}

/// docs/memory.md shows what the program prints.
#[test]
fn the_page_on_memory_has_these_tables() {
    let page = include_str!("../docs/memory.md");
    let lora = LoraConfig { rank: 64, alpha: 64.0, ..LoraConfig::default() };
    for demand in [qwen3_4b(None), qwen3_4b(Some(lora))] {
        let table = demand.plan().table();
        assert!(page.contains(&table), "{table}");
    }
}
