//! Resampling over problems: bootstrap percentiles, seeded.

use super::{Estimate, Method, mean};
use crate::rng::Seed;

/// Percentile bootstrap of the mean over problems: problems are drawn again with replacement, `draws` times.
///
/// Percentiles are interpolated linearly, as numpy does. It makes no assumption on the shape, but with few problems it is
/// too short, and with all values equal it has no width at all: prefer [`super::cluster::wilson`] there.
/// Source: Efron 1979, Annals of Statistics 7.
pub fn bootstrap(values: &[f64], draws: usize, seed: u64, confidence: f64) -> Estimate {
    if values.is_empty() || draws == 0 {
        return Estimate::nothing(Method::Bootstrap);
    }
    let mut stream = Seed(seed).named("bootstrap").stream();
    let mut means: Vec<f64> = (0..draws)
        .map(|_| {
            let sum: f64 = (0..values.len()).map(|_| values[stream.below(values.len())]).sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Estimate {
        value: mean(values),
        lo: quantile(&means, tail),
        hi: quantile(&means, 1.0 - tail),
        n: values.len() as u64,
        method: Method::Bootstrap,
    }
}

/// The `q`-quantile of sorted values, interpolated linearly between the two neighbours (numpy's default, Hyndman and
/// Fan's type 7); not a number for no values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(last);
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::interval;

    #[test]
    fn quantiles_as_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.975, 1]) = 1, 1.3, 3, 7.7, 8
        let values = [1.0, 2.0, 4.0, 8.0];
        for (q, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.975, 7.7), (1.0, 8.0)] {
            assert!((quantile(&values, q) - expected).abs() < 1e-12, "{q}");
        }
    }

    #[test]
    fn many_problems_give_the_normal_interval() {
        // 600 of 1000: normal 0.6 +- 0.0304; the ends of 4000 draws have a standard error of about 0.0006.
        let values: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i < 600))).collect();
        let (ours, normal) = (bootstrap(&values, 4000, 1, 0.95), interval::normal(600, 1000, 0.95));
        assert!(
            (ours.lo - normal.lo).abs() < 0.003 && (ours.hi - normal.hi).abs() < 0.003,
            "{ours:?}"
        );
        assert_eq!(ours, bootstrap(&values, 4000, 1, 0.95), "the seed decides");
        assert_ne!(ours, bootstrap(&values, 4000, 2, 0.95));
    }
}
