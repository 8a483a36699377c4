//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

/// How the learning rate changes over a run; warm-up comes first and is linear from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// The same all along: the study's RL.
    Constant,
    /// Linear to 0 at the last step: the study's SFT (`1 - step / total`), transformers' `linear`.
    Linear,
    /// Half a cosine to 0 at the last step (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// Factor on the peak rate at `step` (from 0) of `total`, after `warmup` steps of warm-up.
    ///
    /// Source: transformers `optimization.py`, `get_{constant,linear,cosine}_schedule_with_warmup`.
    #[allow(clippy::cast_precision_loss)]
    pub fn factor(self, step: u64, warmup: u64, total: u64) -> f64 {
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => (1.0 - done).max(0.0),
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(Schedule::Constant.factor(7, 0, 10), 1.0);
        close(Schedule::Linear.factor(0, 0, 4), 1.0);
        close(Schedule::Linear.factor(3, 0, 4), 0.25);
        close(Schedule::Linear.factor(1, 2, 4), 0.5); // warm-up: 1 of 2
        close(Schedule::Linear.factor(3, 2, 4), 0.5); // half of the way down
        close(Schedule::Cosine.factor(5, 0, 10), 0.5); // cos(pi / 2) = 0
        close(Schedule::Cosine.factor(10, 0, 10), 0.0);
    }
}
