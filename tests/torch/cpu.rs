//! The two engines against each other and against scoring: own loops on the CPU, libtorch's operators.

use std::collections::BTreeMap;
use std::path::Path;

use howard::error::{Error, Result};
use howard::learn::compute::LoraConfig;
use howard::rng::Seed;
use howard::sample::Sampler;
use howard::types::{Finish, Request, SamplingParams};
use howard_torch::engine::{Model, Output, Prompt, StopText};
use howard_torch::local::LocalSampler;
use howard_torch::prepared::Prepared;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Tokenizer;
use howard_torch::{logprob, lora, plain};
use tch::{Device, Kind, Tensor};

type Generate = fn(
    &Qwen3,
    &[Prompt],
    &[u32],
    StopText<'_>,
    usize,
    &mut dyn FnMut(Output) -> Result<()>,
) -> Result<()>;

fn own(
    model: &Qwen3,
    prompts: &[Prompt],
    eos: &[u32],
    stop: StopText<'_>,
    slots: usize,
    sink: &mut dyn FnMut(Output) -> Result<()>,
) -> Result<()> {
    model.generate(prompts, eos, stop, slots, sink)
}

fn model(name: &str) -> Qwen3 {
    model_of(name, Kind::Float)
}

fn model_of(name: &str, kind: Kind) -> Qwen3 {
    let dir =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/qwen3")).join(name);
    Qwen3::load(&dir, kind, Device::Cpu).unwrap()
}

/// Prompts of 1 to 150 tokens: several pages, and more than one chunk of prefill.
fn prompts(count: u64, temperature: f64) -> Vec<Prompt> {
    (0..count)
        .map(|i| {
            let rng = &mut Seed(3).index(i).stream();
            let ids = (0..1 + rng.below(150)).map(|_| rng.below(120) as u32).collect();
            let params =
                SamplingParams { temperature, max_tokens: 60, ..SamplingParams::default() };
            let seeds = (0..1 + rng.below(5) as u64).map(|s| Seed(5).index(i).index(s)).collect();
            Prompt { ids, params, seeds }
        })
        .collect()
}

fn run(
    generate: Generate,
    model: &Qwen3,
    prompts: &[Prompt],
    slots: usize,
) -> BTreeMap<(usize, usize), Output> {
    let mut outputs = BTreeMap::new();
    generate(model, prompts, &[3, 4], &|_, _| false, slots, &mut |output| {
        assert!(outputs.insert((output.prompt, output.sample), output).is_none());
        Ok(())
    })
    .unwrap();
    assert_eq!(outputs.len(), prompts.iter().map(|p| p.seeds.len()).sum::<usize>());
    outputs
}

/// Largest difference between the log-probabilities of samples and those of scoring the same ids.
fn gap(model: &Qwen3, prompts: &[Prompt], outputs: &BTreeMap<(usize, usize), Output>) -> f32 {
    let sequences: Vec<Vec<u32>> =
        outputs.values().map(|o| [prompts[o.prompt].ids.as_slice(), &o.ids].concat()).collect();
    let scores = logprob::score_plain(model, &sequences);
    let rows = outputs.values().zip(scores);
    rows.flat_map(|(output, scores)| {
        let first = prompts[output.prompt].ids.len() - 1;
        let pairs = output.logprobs.iter().zip(scores[first..].to_vec());
        pairs.map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()
    })
    // What is not a number is no small difference.
    .fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

#[test]
fn both_engines_agree_with_scoring_by_libtorch() {
    for name in ["tied_one_kv_head", "untied_two_kv_heads", "untied_all_kv_heads"] {
        let model = model(name);
        let prompts = prompts(30, 1.0);
        for generate in [own as Generate, plain::generate] {
            let outputs = run(generate, &model, &prompts, 16);
            let finishes: Vec<Finish> = outputs.values().map(|o| o.finish).collect();
            assert!(finishes.contains(&Finish::Stop) && finishes.contains(&Finish::Length));
            let gap = gap(&model, &prompts, &outputs);
            assert!(gap <= 1e-4, "{name}: {gap}");
        }
    }
}

/// Not only nearly: the same bits, whoever shares the batch.
#[test]
fn own_loops_give_the_same_bits_alone_and_in_company() {
    alone_and_in_company(&model("untied_two_kv_heads"));
}

#[test]
fn own_loops_give_the_same_bits_alone_and_in_company_in_bfloat16() {
    alone_and_in_company(&model_of("untied_two_kv_heads", Kind::BFloat16));
}

fn alone_and_in_company(model: &Qwen3) {
    let prompts = prompts(40, 1.0);
    let company = run(own, model, &prompts, 64);
    for (index, prompt) in prompts.iter().enumerate() {
        for (sample, &seed) in prompt.seeds.iter().enumerate() {
            let (ids, params) = (prompt.ids.clone(), prompt.params.clone());
            let alone = [Prompt { ids, params, seeds: vec![seed] }];
            let alone = &run(own, model, &alone, 1)[&(0, 0)];
            let other = &company[&(index, sample)];
            assert_eq!(alone.ids, other.ids);
            assert_eq!(alone.logprobs, other.logprobs);
        }
    }
}

/// In bf16, whatever the engine: against the same weights in fp32, where nothing else is rounded. The loops keep the residual
/// stream in fp32 and so come closer than libtorch's operators, which round it after every layer.
#[test]
fn bfloat16_follows_float32_of_the_same_weights() {
    for name in ["tied_one_kv_head", "untied_two_kv_heads", "untied_all_kv_heads"] {
        let half = model_of(name, Kind::BFloat16);
        let full = half.to_kind(Kind::Float);
        let prompts = prompts(30, 1.0);
        let outputs = run(own, &half, &prompts, 16);
        let own = gap(&full, &prompts, &outputs);
        let plain = gap(&full, &prompts, &run(plain::generate, &half, &prompts, 16));
        // Logits of size 10, inputs of products rounded to steps of 0.4 %.
        assert!(own <= 0.1, "{name}: {own}");
        assert!(own < plain && plain <= 0.2, "{name}: {own} {plain}");
        // Scoring is the same arithmetic as decoding.
        let sequences: Vec<Vec<u32>> =
            outputs.values().map(|o| [prompts[o.prompt].ids.as_slice(), &o.ids].concat()).collect();
        for (output, scores) in outputs.values().zip(half.score(&sequences)) {
            let scores = &scores[prompts[output.prompt].ids.len() - 1..];
            for (a, b) in scores.iter().zip(&output.logprobs) {
                assert!((a - b).abs() <= 1e-4, "{name}: {a} {b}");
            }
        }
    }
}

/// A model that gave its tensors up for a copy answers to the bit as it did before; so does one that keeps them.
#[test]
fn a_prepared_model_answers_the_same() {
    for (kind, device) in [(Kind::Float, "fp32"), (Kind::BFloat16, "bf16")] {
        let model = model_of("untied_two_kv_heads", kind);
        let prompts = prompts(10, 1.0);
        let before = run(own, &model, &prompts, 8);
        let sequences: Vec<Vec<u32>> = prompts.iter().map(|prompt| prompt.ids.clone()).collect();
        let scores = model.score(&sequences);
        let prepared = Prepared::new(model);
        assert!(prepared.has_loops(), "{device}");
        assert_eq!(prepared.score(&sequences), scores);
        prepared
            .generate(&prompts, &[3, 4], &|_, _| false, 8, &mut |output| {
                let other = &before[&(output.prompt, output.sample)];
                assert_eq!(
                    (output.ids, output.logprobs),
                    (other.ids.clone(), other.logprobs.clone())
                );
                Ok(())
            })
            .unwrap();
    }
}

/// A later token changes no earlier one, not even where it is not a number: a pair of bf16 holds two positions, one of which may
/// not be seen.
#[test]
fn what_comes_later_is_not_seen() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let model = model_of("untied_two_kv_heads", kind);
        let poisoned = 50u32;
        let _guard = tch::no_grad_guard();
        let _ = model.embed.get(i64::from(poisoned)).fill_(f64::NAN);
        for length in [1, 2, 5, 32, 33, 64, 65] {
            let ids: Vec<u32> = (0..length).map(|t| 3 + t % 40).collect();
            let clean = model.score(std::slice::from_ref(&ids)).remove(0);
            let after = model.score(&[[ids.as_slice(), &[poisoned, 7]].concat()]).remove(0);
            assert_eq!(clean, after[..clean.len()], "{kind:?} {length}");
            assert!(clean.iter().all(|l| l.is_finite()) && after[ids.len()].is_nan());
        }
    }
}

/// What adapters add would be rounded away in bf16 weights: libtorch's operators, which add it to the product, take over.
#[test]
fn adapters_of_bfloat16_weights_are_not_merged() {
    for (kind, merged) in [(Kind::BFloat16, false), (Kind::Float, true)] {
        let mut model = model_of("tied_one_kv_head", kind);
        lora::attach(&mut model, &LoraConfig { rank: 4, ..LoraConfig::default() }, 1).unwrap();
        assert_eq!(Prepared::new(model).has_loops(), merged);
    }
}

#[test]
fn adapters_are_part_of_the_weights() {
    let mut model = model("tied_one_kv_head");
    let config = LoraConfig { rank: 4, ..LoraConfig::default() };
    lora::attach(&mut model, &config, 1).unwrap();
    let prompts = prompts(10, 1.0);
    let before = run(own, &model, &prompts, 8);
    for (index, (name, tensor)) in lora::named_tensors(&model).into_iter().enumerate() {
        if name.contains("lora_B") {
            let mut stream = Seed(8).index(index as u64).stream();
            let values: Vec<f32> =
                (0..tensor.numel()).map(|_| 0.05 * stream.normal() as f32).collect();
            tensor.shallow_clone().copy_(&Tensor::from_slice(&values).reshape(tensor.size()));
        }
    }
    let outputs = run(own, &model, &prompts, 8);
    assert!(before.iter().any(|(key, output)| output.ids != outputs[key].ids));
    let gap = gap(&model, &prompts, &outputs);
    assert!(gap <= 1e-4, "{gap}");
}

#[test]
fn a_tokenizer_of_another_model_is_refused_in_one_sentence() {
    let tiny = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/tiny"));
    let mut sampler =
        LocalSampler::new(model("tied_one_kv_head"), Tokenizer::load(tiny).unwrap(), 4);
    let problem = howard::arith::benchmark("mini-math-500").unwrap().remove(0);
    let request = Request {
        problem: problem.id.clone(),
        messages: howard::bench::PromptStyle::Instruction.messages(&problem.text),
        samples: vec![0],
        params: SamplingParams::default(),
        seed: 1,
    };
    let error = sampler.sample(&[request], &mut |_| Ok(())).unwrap_err().to_string();
    assert!(error.starts_with("tokenizer: gives id ") && error.contains("120 entries"), "{error}");
}

#[test]
fn a_sink_that_fails_ends_generation() {
    let model = model("tied_one_kv_head");
    for generate in [own as Generate, plain::generate] {
        let mut received = 0;
        let result = generate(&model, &prompts(40, 1.0), &[], &|_, _| false, 4, &mut |_| {
            received += 1;
            Err(Error::data("disk", "is full"))
        });
        assert_eq!(result.unwrap_err().to_string(), "disk: is full");
        assert_eq!(received, 1);
    }
}
