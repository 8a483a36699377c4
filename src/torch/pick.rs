//! Draws a token from logits and says how probable it was.
//!
//! Inverse-CDF sampling with one uniform number per token: the draw depends on nothing but the logits and that number.

use super::cpu::lanes::{self, Task, WIDTH};
use super::cpu::vectors::Vectors;
use howard::types::SamplingParams;

/// A drawn token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picked {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability in the distribution it was drawn from: after temperature and filters.
    /// A greedy pick has the log-probability of the unfiltered softmax at temperature 1.
    pub logprob: f32,
}

/// Room that is used again from token to token.
#[derive(Debug, Default)]
pub struct Scratch {
    weights: Vec<f32>,
    sums: Vec<f64>,
    order: Vec<u32>,
}

/// Weights that are summed in fp32, side by side, before they are added to a sum in fp64.
const CHUNK: usize = 2 * WIDTH;

/// Draws a token from `logits` with the uniform number `u` in `[0, 1)`.
///
/// Filters in the order of transformers: temperature, top-k, top-p (the smallest set whose probability reaches it),
/// min-p. Equal logits are ordered by id.
#[allow(clippy::cast_possible_truncation)]
pub fn pick(logits: &[f32], params: &SamplingParams, u: f64, scratch: &mut Scratch) -> Picked {
    let greedy = params.temperature == 0.0;
    let scale = if greedy { 1.0 } else { 1.0 / params.temperature };
    let Scratch { weights, sums, order } = scratch;
    weights.resize(logits.len(), 0.0);
    let mut max = 0.0;
    lanes::run(Weigh {
        logits,
        scale: scale as f32,
        weights: weights.as_mut_slice(),
        max: &mut max,
    });
    if !greedy {
        filter(weights, params, order);
    }
    sums.resize(weights.len().div_ceil(CHUNK), 0.0);
    lanes::run(Sum { weights: weights.as_slice(), sums: sums.as_mut_slice() });
    let total: f64 = sums.iter().sum();
    // Logits that are not numbers (a model that has diverged) have no greatest one.
    let best = logits.iter().position(|&l| l >= max).unwrap_or(0);
    let id = if greedy { best } else { inverse_cdf(weights, sums, u * total, best) };
    let logprob = f64::from(logits[id] - max) * scale - total.ln();
    Picked { id: id as u32, logprob: logprob as f32 }
}

/// Weights of tokens, the greatest of them 1.
struct Weigh<'a> {
    logits: &'a [f32],
    scale: f32,
    weights: &'a mut [f32],
    max: &'a mut f32,
}

impl Task for Weigh<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let max = lanes::max(self.logits);
        for (weight, logit) in self.weights.iter_mut().zip(self.logits) {
            *weight = lanes::exp((logit - max) * self.scale);
        }
        *self.max = max;
    }
}

/// Sums of the weights, chunk by chunk.
struct Sum<'a> {
    weights: &'a [f32],
    sums: &'a mut [f64],
}

impl Task for Sum<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        for (sum, chunk) in self.sums.iter_mut().zip(self.weights.chunks(CHUNK)) {
            *sum = f64::from(lanes::sum(chunk));
        }
    }
}

/// The first id whose cumulative weight exceeds `target`; `best` if rounding leaves none.
fn inverse_cdf(weights: &[f32], sums: &[f64], target: f64, best: usize) -> usize {
    let mut before = 0.0;
    let mut last = best;
    for (index, (chunk, sum)) in weights.chunks(CHUNK).zip(sums).enumerate() {
        if before + sum <= target {
            before += sum;
            continue;
        }
        for (at, &weight) in chunk.iter().enumerate() {
            before += f64::from(weight);
            if weight > 0.0 {
                last = index * CHUNK + at;
                if before > target {
                    return last;
                }
            }
        }
    }
    last
}

/// Sets the weights of dropped tokens to 0. The greatest weight is 1.
#[allow(clippy::cast_possible_truncation)]
fn filter(weights: &mut [f32], params: &SamplingParams, order: &mut Vec<u32>) {
    let keeps_all_k = params.top_k == 0 || params.top_k >= weights.len();
    if !keeps_all_k || params.top_p < 1.0 {
        order.clear();
        order.extend(0..weights.len() as u32);
        let by_weight =
            |a: &u32, b: &u32| weights[*b as usize].total_cmp(&weights[*a as usize]).then(a.cmp(b));
        if !keeps_all_k {
            order.select_nth_unstable_by(params.top_k - 1, by_weight);
            order.truncate(params.top_k);
        }
        if params.top_p < 1.0 {
            order.sort_unstable_by(by_weight);
            let wanted =
                params.top_p * order.iter().map(|&id| f64::from(weights[id as usize])).sum::<f64>();
            let mut sum = 0.0;
            let reached = order.iter().position(|&id| {
                sum += f64::from(weights[id as usize]);
                sum >= wanted
            });
            order.truncate(reached.map_or(order.len(), |last| last + 1));
        }
        order.sort_unstable();
        let mut kept = order.iter().peekable();
        for (id, weight) in weights.iter_mut().enumerate() {
            if kept.next_if(|&&k| k as usize == id).is_none() {
                *weight = 0.0;
            }
        }
    }
    if params.min_p > 0.0 {
        weights.iter_mut().filter(|w| f64::from(**w) < params.min_p).for_each(|w| *w = 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use howard::rng::Seed;
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    /// Logits of the distribution 0.4, 0.3, 0.15, 0.1, 0.05.
    fn logits() -> Vec<f32> {
        [0.4f32, 0.3, 0.15, 0.1, 0.05].iter().map(|p| p.ln() + 3.0).collect()
    }

    /// Draws 50,000 tokens and compares with `expected` by a chi-square test (fixed seed; p > 1e-4).
    fn follows(params: &SamplingParams, expected: [f64; 5]) {
        let (mut counts, mut scratch) = ([0.0f64; 5], Scratch::default());
        let n = 50_000;
        for i in 0..n {
            let picked = pick(&logits(), params, Seed(11).index(i).uniform(0), &mut scratch);
            counts[picked.id as usize] += 1.0;
            let p = expected[picked.id as usize];
            assert!(
                (f64::from(picked.logprob) - p.ln()).abs() < 1e-6,
                "{params:?}: {picked:?} against {p}"
            );
        }
        let kept: Vec<usize> = (0..5).filter(|&i| expected[i] > 0.0).collect();
        let chi2: f64 = kept
            .iter()
            .map(|&i| (counts[i] - n as f64 * expected[i]).powi(2) / (n as f64 * expected[i]))
            .sum();
        if kept.len() > 1 {
            let p = 1.0 - ChiSquared::new((kept.len() - 1) as f64).unwrap().cdf(chi2);
            assert!(p > 1e-4, "{params:?}: chi-square {chi2}, p {p}, counts {counts:?}");
        }
    }

    #[test]
    fn tokens_follow_the_intended_distribution() {
        let base = SamplingParams::default();
        follows(&base, [0.4, 0.3, 0.15, 0.1, 0.05]);
        // Temperature 0.5 squares: .16 .09 .0225 .01 .0025, sum .285.
        let squared = [0.16, 0.09, 0.0225, 0.01, 0.0025].map(|w| w / 0.285);
        follows(&SamplingParams { temperature: 0.5, ..base.clone() }, squared);
        // top-k 2: .4 .3 of .7.
        follows(
            &SamplingParams { top_k: 2, ..base.clone() },
            [0.4 / 0.7, 0.3 / 0.7, 0.0, 0.0, 0.0],
        );
        // top-p 0.8: .4 + .3 = .7 does not reach it, .85 does.
        let nucleus = [0.4 / 0.85, 0.3 / 0.85, 0.15 / 0.85, 0.0, 0.0];
        follows(&SamplingParams { top_p: 0.8, ..base.clone() }, nucleus);
        // top-k 4, then top-p 0.8 of what is left (.95 * .8 = .76): three tokens.
        follows(&SamplingParams { top_k: 4, top_p: 0.8, ..base.clone() }, nucleus);
        // min-p 0.3: below 0.12 dropped.
        follows(&SamplingParams { min_p: 0.3, ..base }, nucleus);
    }

    #[test]
    fn greedy_is_the_argmax_with_its_plain_log_probability() {
        let params = SamplingParams { temperature: 0.0, top_k: 1, ..SamplingParams::default() };
        let picked = pick(&logits(), &params, 0.99, &mut Scratch::default());
        assert_eq!(picked.id, 0);
        assert!((picked.logprob - 0.4f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn the_ends_of_the_unit_interval_are_valid_draws() {
        let (params, mut scratch) = (SamplingParams::default(), Scratch::default());
        assert_eq!(pick(&logits(), &params, 0.0, &mut scratch).id, 0);
        assert_eq!(pick(&logits(), &params, 1.0 - f64::EPSILON / 2.0, &mut scratch).id, 4);
    }
}
