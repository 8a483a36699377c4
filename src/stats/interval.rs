//! Intervals of a proportion.

use statrs::distribution::{ContinuousCDF, Normal};

use super::{Estimate, Method};

/// The normal quantile of a two-sided interval: 1.95996... for 0.95.
fn z(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + confidence / 2.0)
}

/// Normal approximation: `p +- z sqrt(p (1 - p) / n)`, cut to `[0, 1]`.
///
/// This is what the study prints. It needs `n p (1 - p) >= 5` or so; otherwise use [`wilson`]. With no samples the value
/// is not a number and the interval everything.
///
/// # Example
/// How sure is 13 of 30? 43.3 % +- 17.7.
/// ```
/// let e = howard::stats::interval::normal(13, 30, 0.95);
/// assert!((100.0 * (e.hi - e.value) - 17.7).abs() < 0.05);
/// ```
pub fn normal(successes: u64, n: u64, confidence: f64) -> Estimate {
    if n == 0 {
        return nothing(Method::Normal);
    }
    let p = ratio(successes, n);
    let half = z(confidence) * (p * (1.0 - p) / n as f64).sqrt();
    Estimate {
        value: p,
        lo: (p - half).max(0.0),
        hi: (p + half).min(1.0),
        n,
        method: Method::Normal,
    }
}

/// Half the width of the uncut normal interval, the study's `+-`.
pub fn normal_half_width(successes: u64, n: u64, confidence: f64) -> f64 {
    let p = ratio(successes, n);
    z(confidence) * (p * (1.0 - p) / n as f64).sqrt()
}

/// Wilson score interval: all `p` that a score test does not reject.
///
/// `(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`. Right also for few samples and for rates near 0 or 1.
/// Source: Wilson 1927, JASA 22; Brown, Cai, DasGupta 2001, "Interval estimation for a binomial proportion".
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Estimate {
    if n == 0 {
        return nothing(Method::Wilson);
    }
    let (p, n_f, z) = (ratio(successes, n), n as f64, z(confidence));
    let z2 = z * z;
    let middle = p + z2 / (2.0 * n_f);
    let half = z * (p * (1.0 - p) / n_f + z2 / (4.0 * n_f * n_f)).sqrt();
    let scale = 1.0 + z2 / n_f;
    // Exact at the ends, where rounding would leave 1e-18 instead of 0.
    let lo = if successes == 0 { 0.0 } else { (middle - half) / scale };
    let hi = if successes == n { 1.0 } else { (middle + half) / scale };
    Estimate { value: p, lo, hi, n, method: Method::Wilson }
}

/// Accuracy over problems with several samples each: the mean of the problems' means, and the standard error of that
/// mean, because samples of one problem are not independent.
///
/// `means` holds each problem's share of correct samples. Source: Miller 2024, "Adding error bars to evals",
/// arXiv:2411.00640, section 2.2 (clustered standard errors with equal cluster sizes).
pub fn clustered(means: &[f64], confidence: f64) -> Estimate {
    let n = means.len() as f64;
    if means.is_empty() {
        return nothing(Method::ClusteredNormal);
    }
    let value = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|m| (m - value).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let half = z(confidence) * (variance / n).sqrt();
    Estimate {
        value,
        lo: (value - half).max(0.0),
        hi: (value + half).min(1.0),
        n: means.len() as u64,
        method: Method::ClusteredNormal,
    }
}

fn ratio(successes: u64, n: u64) -> f64 {
    successes as f64 / n as f64
}

fn nothing(method: Method) -> Estimate {
    Estimate { value: f64::NAN, lo: 0.0, hi: 1.0, n: 0, method }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_to_statsmodels() {
        // statsmodels 0.14.x proportion_confint(count, nobs, 0.05, method): see tests/golden/intervals.py.
        let golden = include_str!("../../tests/golden/intervals.json");
        let rows: Vec<serde_json::Value> = serde_json::from_str::<serde_json::Value>(golden)
            .unwrap()
            .get("rows")
            .and_then(|r| r.as_array().cloned())
            .unwrap();
        assert!(rows.len() > 20);
        for row in rows {
            let get = |key: &str| row[key].as_f64().unwrap();
            let (x, n) = (row["x"].as_u64().unwrap(), row["n"].as_u64().unwrap());
            let estimate = match row["method"].as_str().unwrap() {
                "normal" => normal(x, n, 1.0 - get("alpha")),
                _ => wilson(x, n, 1.0 - get("alpha")),
            };
            assert!((estimate.lo - get("lo")).abs() < 1e-9, "{row} {estimate:?}");
            assert!((estimate.hi - get("hi")).abs() < 1e-9, "{row} {estimate:?}");
        }
    }

    #[test]
    fn the_study_prints_these() {
        // (correct, n, printed +-): the study's table, e.g. 90.2 % +- 2.6 of 500 and 43.3 % +- 17.7 of 30.
        for (x, n, printed) in
            [(451, 500, 2.6), (13, 30, 17.7), (397, 500, 3.5), (6, 30, 14.3), (1241, 1319, 1.3)]
        {
            let half = 100.0 * normal_half_width(x, n, 0.95);
            assert!((half - printed).abs() < 0.05, "{x} of {n}: {half}");
        }
    }

    #[test]
    fn clustered_by_hand() {
        // Means 0, 0.5, 1: mean 0.5, variance 0.25, standard error sqrt(0.25 / 3) = 0.288675.
        let e = clustered(&[0.0, 0.5, 1.0], 0.95);
        assert!((e.value - 0.5).abs() < 1e-15);
        assert!(
            (e.lo - (0.5f64 - 1.959_963_984_540_054 * 0.288_675_134_594_812_9).max(0.0)).abs()
                < 1e-12
        );
    }

    proptest! {
        #[test]
        fn wilson_is_inside_and_holds_the_estimate(n in 1u64..2000, share in 0.0f64..=1.0) {
            let x = (share * n as f64) as u64;
            let e = wilson(x, n, 0.95);
            prop_assert!(0.0 <= e.lo && e.lo <= e.value && e.value <= e.hi && e.hi <= 1.0);
        }
    }
}
