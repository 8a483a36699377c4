//! Statistics of evaluation: every estimate comes with an interval and says how it was made.

pub mod interval;

use serde::{Deserialize, Serialize};

/// How an interval was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Normal approximation (Wald), the study's `+-`; fails for few samples and for rates near 0 or 1.
    Normal,
    /// Wilson score interval.
    Wilson,
    /// Normal approximation over problems, each with the mean of its samples.
    ClusteredNormal,
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
}
