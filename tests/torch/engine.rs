//! The engine against the plain forward pass: cached generation, ragged batches, refilled slots, seeds.

use std::collections::BTreeMap;
use std::path::Path;

use howard::rng::Seed;
use howard::sample::Sampler;
use howard::types::{Finish, Request, SamplingParams};
use howard_torch::engine::{Model, Output, Prompt};
use howard_torch::local::LocalSampler;
use howard_torch::qwen3::Qwen3;
use tch::{Device, Kind};

fn model(name: &str) -> Qwen3 {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .join("tests/golden/qwen3")
        .join(name);
    Qwen3::load(&dir, Kind::Float, Device::Cpu).unwrap()
}

/// Prompts of 1 to 20 tokens, some with several samples.
fn prompts(count: usize, params: &SamplingParams) -> Vec<Prompt> {
    (0..count)
        .map(|i| {
            let rng = &mut Seed(3).index(i as u64).stream();
            let length = 1 + rng.below(20);
            let ids = (0..length).map(|_| rng.below(120) as u32).collect();
            let samples = 1 + rng.below(4) as u64;
            let seeds = (0..samples).map(|s| Seed(5).index(i as u64).index(s)).collect();
            Prompt { ids, params: params.clone(), seeds }
        })
        .collect()
}

fn run(
    model: &Qwen3,
    prompts: &[Prompt],
    eos: &[u32],
    slots: usize,
) -> BTreeMap<(usize, usize), Output> {
    let mut outputs = BTreeMap::new();
    model
        .generate(prompts, eos, &|_, _| false, slots, &mut |output| {
            let key = (output.prompt, output.sample);
            assert!(outputs.insert(key, output).is_none(), "{key:?} arrived twice");
            Ok(())
        })
        .unwrap();
    assert_eq!(outputs.len(), prompts.iter().map(|p| p.seeds.len()).sum::<usize>());
    outputs
}

#[test]
fn cached_generation_equals_uncached_scoring_with_slots_refilled_midway() {
    let params = SamplingParams { max_tokens: 90, ..SamplingParams::default() };
    for name in ["tied_one_kv_head", "untied_two_kv_heads", "untied_all_kv_heads"] {
        let model = model(name);
        let prompts = prompts(40, &params);
        // Two end tokens of 120: completions end after some 60 tokens, at very different lengths.
        let outputs = run(&model, &prompts, &[3, 4], 16);
        let finishes: Vec<Finish> = outputs.values().map(|o| o.finish).collect();
        assert!(finishes.contains(&Finish::Stop) && finishes.contains(&Finish::Length));
        let sequences: Vec<Vec<u32>> =
            outputs.values().map(|o| [prompts[o.prompt].ids.as_slice(), &o.ids].concat()).collect();
        let mut worst = 0f32;
        for (output, scores) in outputs.values().zip(model.score(&sequences)) {
            let scores = &scores[prompts[output.prompt].ids.len() - 1..];
            assert_eq!(scores.len(), output.logprobs.len());
            worst = scores
                .iter()
                .zip(&output.logprobs)
                .map(|(a, b)| (a - b).abs())
                .fold(worst, f32::max);
        }
        assert!(worst <= 1e-4, "{name}: {worst}");
    }
}

#[test]
fn a_sample_does_not_depend_on_its_company() {
    let model = model("untied_two_kv_heads");
    for temperature in [1.0, 0.0] {
        let params = SamplingParams { temperature, max_tokens: 12, ..SamplingParams::default() };
        let all = prompts(420, &params);
        let samples: usize = all.iter().map(|p| p.seeds.len()).sum();
        assert!(samples >= 1000, "{samples}");
        let company = run(&model, &all, &[3], 64);
        let mut same = 0;
        for (index, prompt) in all.iter().enumerate() {
            for (sample, &seed) in prompt.seeds.iter().enumerate() {
                let alone =
                    Prompt { ids: prompt.ids.clone(), params: params.clone(), seeds: vec![seed] };
                let alone = run(&model, std::slice::from_ref(&alone), &[3], 1);
                same += usize::from(alone[&(0, 0)].ids == company[&(index, sample)].ids);
            }
        }
        assert!(
            same * 1000 >= samples * 999,
            "temperature {temperature}: {same} of {samples} equal"
        );
    }
}

#[test]
fn the_same_request_gives_the_same_tokens() {
    let model = model("tied_one_kv_head");
    let prompts = prompts(30, &SamplingParams { max_tokens: 30, ..SamplingParams::default() });
    let texts =
        |slots| run(&model, &prompts, &[3], slots).into_values().map(|o| o.ids).collect::<Vec<_>>();
    assert_eq!(texts(8), texts(8));
}

/// First tokens of 20,000 samples of one prompt against the model's own distribution, with and without filters.
#[test]
fn sampled_tokens_follow_the_models_distribution() {
    use statrs::distribution::{ChiSquared, ContinuousCDF};
    let model = model("tied_large_theta");
    let ids = vec![5u32, 17, 99];
    let count = 20_000usize;
    let every: Vec<Vec<u32>> = (0..120).map(|next| [ids.as_slice(), &[next]].concat()).collect();
    let plain: Vec<f64> = model.score(&every).iter().map(|row| f64::from(row[2]).exp()).collect();
    for (temperature, top_p) in [(1.0, 1.0), (0.7, 1.0), (1.0, 0.8)] {
        let mut expected: Vec<f64> = plain.iter().map(|p| p.powf(1.0 / temperature)).collect();
        let total: f64 = expected.iter().sum();
        expected.iter_mut().for_each(|p| *p /= total);
        if top_p < 1.0 {
            let mut order: Vec<usize> = (0..120).collect();
            order.sort_by(|&a, &b| expected[b].total_cmp(&expected[a]));
            let mut sum = 0.0;
            let kept = 1 + order
                .iter()
                .position(|&i| {
                    sum += expected[i];
                    sum >= top_p
                })
                .unwrap();
            order[kept..].iter().for_each(|&i| expected[i] = 0.0);
            let total: f64 = expected.iter().sum();
            expected.iter_mut().for_each(|p| *p /= total);
        }
        let params =
            SamplingParams { temperature, top_p, max_tokens: 1, ..SamplingParams::default() };
        let seeds = (0..count as u64).map(|s| Seed(13).index(s)).collect();
        let outputs = run(&model, &[Prompt { ids: ids.clone(), params, seeds }], &[], 1024);
        let mut counts = vec![0f64; 120];
        for output in outputs.values() {
            let id = output.ids[0] as usize;
            counts[id] += 1.0;
            let difference = f64::from(output.logprobs[0]) - expected[id].ln();
            assert!(difference.abs() < 1e-4, "log-probability of {id} is off by {difference}");
        }
        // Tokens that are expected fewer than five times are one cell, as the chi-square test asks.
        let (mut chi2, mut cells, mut rare) = (0.0, 0, (0.0, 0.0));
        for (count_i, p) in counts.iter().zip(&expected) {
            let e = p * count as f64;
            if e < 5.0 {
                rare = (rare.0 + count_i, rare.1 + e);
            } else {
                chi2 += (count_i - e).powi(2) / e;
                cells += 1;
            }
        }
        if rare.1 > 0.0 {
            chi2 += (rare.0 - rare.1).powi(2) / rare.1;
            cells += 1;
        }
        let p = 1.0 - ChiSquared::new(f64::from(cells - 1)).unwrap().cdf(chi2);
        assert!(
            p > 1e-4,
            "temperature {temperature}, top-p {top_p}: chi-square {chi2} on {cells} cells, p {p}"
        );
    }
}

/// Stop texts end a completion where they first stand, also when they come in the middle of a token's text.
#[test]
fn stop_texts_end_a_completion_and_are_removed() {
    let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("data/tiny");
    let mut sampler = LocalSampler::load(&dir, "cpu", "float32", 8).unwrap();
    let problem = howard::arith::benchmark("mini-math-500").unwrap().remove(0);
    let mut answer = |stop: &[&str]| {
        let params = SamplingParams {
            temperature: 0.0,
            max_tokens: 300,
            stop: stop.iter().map(ToString::to_string).collect(),
            ..SamplingParams::default()
        };
        let request = Request {
            problem: problem.id.clone(),
            messages: howard::bench::PromptStyle::Instruction.messages(&problem.text),
            samples: vec![0],
            params,
            seed: 1,
        };
        let mut completions = Vec::new();
        sampler
            .sample(&[request], &mut |completion| {
                completions.push(completion);
                Ok(())
            })
            .unwrap();
        completions.remove(0)
    };
    let whole = answer(&[]);
    assert!(whole.text.contains("\\boxed{"), "{}", whole.text);
    let cut = answer(&["never", "oxed"]);
    assert_eq!(cut.finish, Finish::Stop);
    assert_eq!(cut.text, whole.text[..whole.text.find("oxed").unwrap()]);
    assert!(cut.ids.len() < whole.ids.len());
    assert_eq!(cut.ids, whole.ids[..cut.ids.len()]);
    assert_eq!(cut.logprobs.unwrap().len(), cut.ids.len());
}
