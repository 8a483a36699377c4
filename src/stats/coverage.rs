//! How often an interval really holds the truth.

use statrs::distribution::{Binomial, Discrete};

use super::{Method, interval};
use crate::rng::Seed;

/// The coverage of an interval at a true rate `p` and `n` trials: the sum of the binomial chances of all counts whose
/// interval holds `p`. Exact, no simulation.
pub fn exact(method: Method, p: f64, n: u64, confidence: f64) -> f64 {
    let counts = Binomial::new(p, n).expect("a rate is between 0 and 1");
    (0..=n)
        .filter(|&x| {
            let e = interval::of(method, x, n, confidence);
            e.lo <= p && p <= e.hi
        })
        .map(|x| counts.pmf(x))
        .sum()
}

/// The coverage by simulation: `draws` experiments of `n` trials each.
pub fn simulated(method: Method, p: f64, n: u64, confidence: f64, draws: u64, seed: u64) -> f64 {
    let mut stream = Seed(seed).named("coverage").stream();
    // Each count's answer is looked up again and again.
    let holds: Vec<bool> = (0..=n)
        .map(|x| {
            let e = interval::of(method, x, n, confidence);
            e.lo <= p && p <= e.hi
        })
        .collect();
    let hits = (0..draws)
        .filter(|_| {
            let successes = (0..n).filter(|_| stream.uniform() < p).count();
            holds[successes]
        })
        .count();
    hits as f64 / draws as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    #[test]
    fn equal_to_statsmodels_intervals_under_scipys_binomial() {
        for row in golden("coverage") {
            let method = interval::by_name(row["method"].as_str().unwrap()).unwrap();
            let (p, n) = (row["p"].as_f64().unwrap(), row["n"].as_u64().unwrap());
            close(exact(method, p, n, 0.95), &row["coverage"], &row.to_string());
        }
    }

    #[test]
    fn simulation_agrees_with_the_sum() {
        for (p, n) in [(0.01, 30), (0.433, 30), (0.99, 500)] {
            for method in interval::PROPORTION {
                let (exact, drawn) =
                    (exact(method, p, n, 0.95), simulated(method, p, n, 0.95, 20_000, 7));
                // Standard error at most sqrt(0.25 / 20,000) = 0.0035.
                assert!((exact - drawn).abs() < 0.015, "{method:?} {p} {n}: {exact} {drawn}");
            }
        }
    }
}
