//! Several samples per problem: samples of one problem are not independent, problems are.

use super::interval::wilson_ends;
use super::{Estimate, Method, mean, variance, z};

/// Standard error of the mean over problems: the spread of the problems' means over the root of their number.
///
/// `means` holds each problem's share of correct samples. Source: Miller 2024, "Adding error bars to evals",
/// arXiv:2411.00640, section 2.2 (clustered standard errors with equal cluster sizes).
pub fn standard_error(means: &[f64]) -> f64 {
    (variance(means) / means.len() as f64).sqrt()
}

/// Accuracy over problems with the clustered standard error, normal approximation, cut to `[0, 1]`.
pub fn normal(means: &[f64], confidence: f64) -> Estimate {
    if means.is_empty() {
        return Estimate::nothing(Method::ClusteredNormal);
    }
    let (value, half) = (mean(means), z(confidence) * standard_error(means));
    Estimate {
        value,
        lo: (value - half).max(0.0),
        hi: (value + half).min(1.0),
        n: means.len() as u64,
        method: Method::ClusteredNormal,
    }
}

/// Accuracy over problems: Wilson's interval with the effective number of independent samples, `p (1 - p) / SE^2`.
///
/// It stays right near 0 and 1 and for few problems, where [`normal`] does not, and it is Wilson's interval (of `n - 1`)
/// when every problem has one sample. The effective number is at least the number of problems less one and at most
/// `samples`, the number of samples in all. Source: Korn, Graubard 1998, Survey Methodology 24, with Wilson's interval
/// in place of Clopper and Pearson's.
pub fn wilson(means: &[f64], samples: u64, confidence: f64) -> Estimate {
    if means.is_empty() {
        return Estimate::nothing(Method::ClusteredWilson);
    }
    let value = mean(means).clamp(0.0, 1.0);
    let floor = (means.len() as f64 - 1.0).max(1.0);
    let ceiling = (samples as f64).max(floor);
    let error = standard_error(means);
    // With no spread at all (every problem right, or every problem wrong) only the number of problems is certain.
    let effective = if error > 0.0 { value * (1.0 - value) / (error * error) } else { floor };
    let (lo, hi) = wilson_ends(value, effective.clamp(floor, ceiling), confidence);
    Estimate { value, lo, hi, n: means.len() as u64, method: Method::ClusteredWilson }
}

/// The spread of the problems' true rates, and the mean spread of one sample around its problem's rate: what of the
/// uncertainty more problems would cure, and what more samples would. `None` with fewer than two problems or where
/// no problem has two samples.
///
/// `counts` holds (correct, samples) of each problem. The within part is the mean of `c (n - c) / (n (n - 1))`, which
/// is unbiased for `p (1 - p)`; the between part is what the spread of the means has beyond it, never below 0.
pub fn components(counts: &[(u64, u64)]) -> Option<(f64, f64)> {
    let several: Vec<(f64, f64)> =
        counts.iter().filter(|(_, n)| *n > 1).map(|&(c, n)| (c as f64, n as f64)).collect();
    if counts.len() < 2 || several.is_empty() {
        return None;
    }
    let within =
        mean(&several.iter().map(|(c, n)| c * (n - c) / (n * (n - 1.0))).collect::<Vec<_>>());
    let means: Vec<f64> = counts.iter().map(|&(c, n)| c as f64 / n as f64).collect();
    let share = mean(&counts.iter().map(|&(_, n)| 1.0 / n as f64).collect::<Vec<_>>());
    Some(((variance(&means) - within * share).max(0.0), within))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden, interval};

    #[test]
    fn clustered_by_hand() {
        // Means 0, 0.5, 1: mean 0.5, variance 0.25, standard error sqrt(0.25 / 3) = 0.288675.
        let e = normal(&[0.0, 0.5, 1.0], 0.95);
        assert!((e.value - 0.5).abs() < 1e-15);
        assert_eq!(e.lo, 0.0); // 0.5 - 1.96 x 0.289 is below 0
        assert!((standard_error(&[0.0, 0.5, 1.0]) - 0.288_675_134_594_812_9).abs() < 1e-15);
    }

    #[test]
    fn equal_to_the_clustered_standard_errors_of_statsmodels() {
        for row in golden("clustered") {
            let counts: Vec<f64> =
                row["correct"].as_array().unwrap().iter().map(|c| c.as_f64().unwrap()).collect();
            let k = row["samples"].as_f64().unwrap();
            let means: Vec<f64> = counts.iter().map(|c| c / k).collect();
            close(standard_error(&means), &row["standard_error"], "standard error");
        }
    }

    #[test]
    fn one_sample_per_problem_is_wilson_of_one_less() {
        // SE^2 = p (1 - p) / (n - 1) for means of 0 and 1, so the effective number is n - 1.
        let means: Vec<f64> = (0..31).map(|i| f64::from(u8::from(i < 13))).collect();
        let e = wilson(&means, 31, 0.95);
        let (lo, hi) = wilson_ends(13.0 / 31.0, 30.0, 0.95);
        assert!((e.lo - lo).abs() < 1e-12 && (e.hi - hi).abs() < 1e-12);
    }

    #[test]
    fn samples_that_always_agree_count_once() {
        let means: Vec<f64> = (0..30).map(|i| f64::from(u8::from(i < 13))).collect();
        assert_eq!(wilson(&means, 30 * 16, 0.95).lo, wilson(&means, 30, 0.95).lo);
        // All right: 30 problems, however many samples, leave room for 11.7 % wrong (Wilson of 29 of 29).
        let e = wilson(&[1.0; 30], 480, 0.95);
        assert_eq!(e.hi, 1.0);
        assert!((e.lo - interval::wilson(29, 29, 0.95).lo).abs() < 1e-12);
    }

    #[test]
    fn components_by_hand() {
        // Two problems, 1 of 2 and 2 of 2: within = mean(1 x 1 / 2, 0) = 0.25; means 0.5 and 1, variance 0.125;
        // between = 0.125 - 0.25 / 2 = 0.
        assert_eq!(components(&[(1, 2), (2, 2)]), Some((0.0, 0.25)));
        // 0 of 4 and 4 of 4: all of it between, variance of 0 and 1 = 0.5.
        assert_eq!(components(&[(0, 4), (4, 4)]), Some((0.5, 0.0)));
        assert_eq!(components(&[(0, 1), (1, 1)]), None);
    }
}
