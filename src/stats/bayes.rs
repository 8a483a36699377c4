//! The Bayesian view: a beta posterior of a rate, and the chance that one rate is above another.

use statrs::distribution::{Beta, ContinuousCDF};
use statrs::function::beta::ln_beta;

use super::interval::beta_quantile;
use super::{Estimate, Method};

/// Prior of a rate, Beta(a, b).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Successes believed in beforehand.
    pub a: f64,
    /// Failures believed in beforehand.
    pub b: f64,
}

/// Every rate is as likely as any other.
pub const UNIFORM: Prior = Prior { a: 1.0, b: 1.0 };
/// Jeffreys' prior.
pub const JEFFREYS: Prior = Prior { a: 0.5, b: 0.5 };

/// Posterior mean and equal-tailed interval of a rate after `successes` of `n`.
pub fn posterior(successes: u64, n: u64, prior: Prior, confidence: f64) -> Estimate {
    let (a, b) = (prior.a + successes as f64, prior.b + (n - successes) as f64);
    let tail = (1.0 - confidence) / 2.0;
    Estimate {
        value: a / (a + b),
        lo: beta_quantile(a, b, tail),
        hi: beta_quantile(a, b, 1.0 - tail),
        n,
        method: Method::Credible,
    }
}

/// The chance that the first rate is above the second, given `x1` of `n1` and `x2` of `n2` independent trials.
///
/// The integral of one density times the other's distribution function, by Simpson's rule on a grid around the first
/// posterior; accurate to about 1e-10.
pub fn chance_above((x1, n1): (u64, u64), (x2, n2): (u64, u64), prior: Prior) -> f64 {
    const STEPS: usize = 20_000;
    let (a, b) = (prior.a + x1 as f64, prior.b + (n1 - x1) as f64);
    let other = Beta::new(prior.a + x2 as f64, prior.b + (n2 - x2) as f64)
        .expect("a prior and counts are positive");
    // u = sin^2(t) takes away the poles of Jeffreys' density at 0 and 1: u^(a-1) (1-u)^(b-1) du = 2 sin^(2a-1) cos^(2b-1) dt.
    let width = std::f64::consts::FRAC_PI_2 / STEPS as f64;
    let norm = ln_beta(a, b);
    let value = |i: usize| {
        let (sin, cos) = (width * i as f64).sin_cos();
        if sin <= 0.0 || cos <= 1e-15 {
            return 0.0;
        }
        let density = (2.0 * a - 1.0) * sin.ln() + (2.0 * b - 1.0) * cos.ln() - norm;
        2.0 * density.exp() * other.cdf(sin * sin)
    };
    let inner: f64 = (1..STEPS).map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * value(i)).sum();
    (width / 3.0 * (value(0) + inner + value(STEPS))).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    #[test]
    fn posteriors_are_those_of_scipy() {
        for row in golden("posterior") {
            let get = |key: &str| row[key].as_u64().unwrap();
            let e = posterior(get("x"), get("n"), UNIFORM, 0.95);
            close(e.value, &row["mean"], "mean");
            close(e.lo, &row["lo"], "lower end");
            close(e.hi, &row["hi"], "upper end");
        }
    }

    #[test]
    fn chances_are_those_of_a_closed_form() {
        // Uniform priors: the sum of Miller 2015 ("Formulas for Bayesian A/B testing"), in exact fractions.
        for row in golden("chance_above") {
            let get = |key: &str| row[key].as_u64().unwrap();
            let ours = chance_above((get("x1"), get("n1")), (get("x2"), get("n2")), UNIFORM);
            close(ours, &row["chance"], &row.to_string());
        }
        let even = chance_above((13, 30), (13, 30), JEFFREYS);
        assert!((even - 0.5).abs() < 1e-9, "{even}");
    }
}
