//! Two models of which only the counts are known, as in a published table: `x1` of `n1` against `x2` of `n2`.
//!
//! A table without the single answers hides which problems both models solved. Two answers are possible: treat the two as
//! independent ([`fisher_exact`], [`newcombe`]), or bound what a paired test could say ([`mcnemar_bounds`]).

use statrs::function::factorial::ln_binomial;

use super::paired::mcnemar_exact;
use super::{Estimate, Method, interval, z};

/// Newcombe's hybrid score interval of the difference `x1/n1 - x2/n2` of two independent proportions.
///
/// Source: Newcombe 1998, Statistics in Medicine 17, method 10.
pub fn newcombe((x1, n1): (u64, u64), (x2, n2): (u64, u64), confidence: f64) -> Estimate {
    let (a, b) = (interval::wilson(x1, n1, confidence), interval::wilson(x2, n2, confidence));
    let value = a.value - b.value;
    let below = ((a.value - a.lo).powi(2) + (b.hi - b.value).powi(2)).sqrt();
    let above = ((a.hi - a.value).powi(2) + (b.value - b.lo).powi(2)).sqrt();
    Estimate {
        value,
        lo: value - below,
        hi: value + above,
        n: n1.min(n2),
        method: Method::Newcombe,
    }
}

/// Fisher's exact test of two independent proportions, two-sided: the chance, with all margins fixed, of a table that is
/// at most as likely as the one seen.
pub fn fisher_exact((x1, n1): (u64, u64), (x2, n2): (u64, u64)) -> f64 {
    let right = x1 + x2;
    let ln_weight = |x: u64| ln_binomial(n1, x) + ln_binomial(n2, right - x);
    let (first, last) = (right.saturating_sub(n2), right.min(n1));
    let seen = ln_weight(x1);
    let highest = (first..=last).map(ln_weight).fold(f64::NEG_INFINITY, f64::max);
    let (mut extreme, mut all) = (0.0, 0.0);
    for x in first..=last {
        let weight = (ln_weight(x) - highest).exp();
        all += weight;
        // Tables that are equally likely count, rounding or not.
        if ln_weight(x) <= seen + 1e-7 {
            extreme += weight;
        }
    }
    (extreme / all).min(1.0)
}

/// The z-test of two independent proportions with pooled variance, two-sided: what a reader of `+-` does in the head.
pub fn z_test((x1, n1): (u64, u64), (x2, n2): (u64, u64)) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    let (p1, p2) = (x1 as f64 / n1 as f64, x2 as f64 / n2 as f64);
    let pooled = (x1 + x2) as f64 / (n1 + n2) as f64;
    let error = (pooled * (1.0 - pooled) * (1.0 / n1 as f64 + 1.0 / n2 as f64)).sqrt();
    if error == 0.0 {
        return 1.0;
    }
    2.0 * Normal::standard().cdf(-((p1 - p2) / error).abs())
}

/// The smallest and the largest p-value that the exact McNemar test could give for `x1` and `x2` right answers to the
/// same `n` problems, over all ways in which the right answers may overlap.
///
/// Smallest where the weaker model solves only what the stronger one solves too. If even that is not significant, the
/// comparison cannot be saved by looking at the single answers.
///
/// # Example
/// The study's best AIME gap, 13 against 8 of 30, is not significant whatever the overlap.
/// ```
/// let (smallest, largest) = howard::stats::counts::mcnemar_bounds(13, 8, 30);
/// assert!((smallest - 0.0625).abs() < 1e-12);
/// assert!(largest > 0.38);
/// ```
pub fn mcnemar_bounds(x1: u64, x2: u64, n: u64) -> (f64, f64) {
    let (gap, fewer) = (x1.abs_diff(x2), x1.min(x2));
    // Problems that only the weaker model solves: none at best, as many as fit at worst.
    let most = fewer.min(n - x1.max(x2));
    (mcnemar_exact(gap, 0), mcnemar_exact(gap + most, most))
}

/// Half the width of the normal interval of a difference of independent proportions.
pub fn difference_half_width((x1, n1): (u64, u64), (x2, n2): (u64, u64), confidence: f64) -> f64 {
    let part = |x: u64, n: u64| {
        let p = x as f64 / n as f64;
        p * (1.0 - p) / n as f64
    };
    z(confidence) * (part(x1, n1) + part(x2, n2)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    #[test]
    fn equal_to_scipy_and_statsmodels() {
        for row in golden("two_proportions") {
            let get = |key: &str| row[key].as_u64().unwrap();
            let (a, b) = ((get("x1"), get("n1")), (get("x2"), get("n2")));
            close(fisher_exact(a, b), &row["fisher"], &format!("fisher of {row}"));
            close(z_test(a, b), &row["z_test"], &format!("z test of {row}"));
            let e = newcombe(a, b, 0.95);
            close(e.lo, &row["newcombe_lo"], &format!("newcombe of {row}"));
            close(e.hi, &row["newcombe_hi"], &format!("newcombe of {row}"));
            close(difference_half_width(a, b, 0.95), &row["wald_half"], &format!("wald of {row}"));
        }
    }

    #[test]
    fn bounds_are_those_of_all_overlaps() {
        for (x1, x2, n) in [(13, 8, 30), (3, 9, 12), (0, 4, 5), (5, 5, 9), (10, 10, 10)] {
            let all: Vec<f64> = (0..=n)
                // `both` problems solved by both; the rest must fit.
                .filter(|&both| both <= x1 && both <= x2 && x1 + x2 - both <= n)
                .map(|both| mcnemar_exact(x1 - both, x2 - both))
                .collect();
            let smallest = all.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = all.iter().copied().fold(0.0, f64::max);
            assert_eq!(mcnemar_bounds(x1, x2, n), (smallest, largest), "{x1} {x2} {n}");
        }
    }
}
