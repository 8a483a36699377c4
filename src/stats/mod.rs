//! Statistics of evaluation: every estimate comes with an interval and says how it was made.
//!
//! [`interval`] one proportion; [`cluster`] several samples per problem; [`passk`] and [`vote`] what k samples can do;
//! [`paired`] and [`counts`] two models on the same problems, with and without the single answers; [`multiple`] many
//! tests at once; [`power`] what a benchmark of some size can tell apart; [`bayes`] the posterior; [`coverage`] how
//! often an interval really holds the truth.

pub mod bayes;
pub mod cluster;
pub mod counts;
pub mod coverage;
pub mod interval;
pub mod multiple;
pub mod paired;
pub mod passk;
pub mod power;
pub mod resample;
pub mod vote;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Normal approximation (Wald), the study's `+-`; fails for few samples and for rates near 0 or 1.
    Normal,
    /// Wilson score interval.
    Wilson,
    /// Clopper and Pearson's exact interval: never too short, often too long.
    ClopperPearson,
    /// Agresti and Coull: the normal interval after adding two successes and two failures (at 95 %).
    AgrestiCoull,
    /// Equal-tailed posterior under Jeffreys' prior Beta(1/2, 1/2).
    Jeffreys,
    /// Normal approximation over problems, each with the mean of its samples.
    ClusteredNormal,
    /// Wilson with the effective number of samples that the clustered standard error implies.
    ClusteredWilson,
    /// Percentiles of a bootstrap over problems.
    Bootstrap,
    /// Normal approximation of a mean difference over the same problems.
    PairedNormal,
    /// Newcombe's hybrid score interval of a difference of two independent proportions.
    Newcombe,
    /// Equal-tailed interval of a beta posterior.
    Credible,
}

impl Method {
    /// The name in prose.
    pub fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Wilson => "Wilson",
            Self::ClopperPearson => "Clopper-Pearson",
            Self::AgrestiCoull => "Agresti-Coull",
            Self::Jeffreys => "Jeffreys",
            Self::ClusteredNormal => "clustered normal",
            Self::ClusteredWilson => "clustered Wilson",
            Self::Bootstrap => "bootstrap",
            Self::PairedNormal => "paired normal",
            Self::Newcombe => "Newcombe",
            Self::Credible => "credible",
        }
    }
}

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Number of independent units behind it.
    pub n: u64,
    /// How the interval was made.
    pub method: Method,
}

impl Estimate {
    /// Half the width of the interval: what stands behind `+-`.
    pub fn half_width(&self) -> f64 {
        (self.hi - self.lo) / 2.0
    }

    /// No data: the value is not a number and the interval everything.
    pub(crate) fn nothing(method: Method) -> Self {
        Self { value: f64::NAN, lo: 0.0, hi: 1.0, n: 0, method }
    }
}

/// The normal quantile of a two-sided interval: 1.95996... for 0.95.
pub(crate) fn z(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + confidence / 2.0)
}

/// Mean of some numbers; not a number if there are none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased variance (divided by `n - 1`); 0 for fewer than two values.
pub fn variance(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: f64 = values.iter().map(|v| (v - middle).powi(2)).sum();
    squares / (values.len() as f64 - 1.0).max(1.0)
}

/// Reference numbers of the tests: tests/golden/statistics.py says which implementation made each.
#[cfg(test)]
pub(crate) fn golden(section: &str) -> Vec<serde_json::Value> {
    let text = include_str!("../../tests/golden/statistics.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows = all[section].as_array().unwrap().clone();
    assert!(rows.len() > 2, "{section}");
    rows
}

/// Asserts that two numbers agree to 1e-9, absolutely or relatively.
#[cfg(test)]
#[track_caller]
pub(crate) fn close(ours: f64, theirs: &serde_json::Value, what: &str) {
    let theirs = theirs.as_f64().unwrap();
    let scale = theirs.abs().max(1.0);
    assert!((ours - theirs).abs() <= 1e-9 * scale, "{what}: {ours}, reference {theirs}");
}
