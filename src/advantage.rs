//! From the rewards of a group to the advantages of its completions.

use serde::{Deserialize, Serialize};

/// How a reward is compared with those of its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advantage {
    /// `r - mean`: the study's, and Dr. GRPO's (arXiv:2503.20783).
    Centred,
    /// `(r - mean) / (std + 1e-4)`, std with n - 1: GRPO (arXiv:2402.03300) as TRL computes it.
    Standardised,
    /// `r - mean of the others`: RLOO (arXiv:2402.14740); the centred one times n / (n - 1).
    LeaveOneOut,
    /// `(r - mean) / mean`: weights a problem by one over its solve rate; 0 where the mean is not above 0.
    MeanNormalised,
}

impl Advantage {
    /// Advantages of a group's rewards. All zero where the rewards are equal.
    #[allow(clippy::cast_precision_loss)]
    pub fn of(self, rewards: &[f64]) -> Vec<f64> {
        let n = rewards.len() as f64;
        let mean = rewards.iter().sum::<f64>() / n.max(1.0);
        let centred = rewards.iter().map(|r| r - mean);
        match self {
            Self::Centred => centred.collect(),
            Self::Standardised => {
                let squares: f64 = centred.clone().map(|d| d * d).sum();
                let std = (squares / (n - 1.0).max(1.0)).sqrt();
                centred.map(|d| d / (std + 1e-4)).collect()
            }
            Self::LeaveOneOut => centred.map(|d| d * n / (n - 1.0).max(1.0)).collect(),
            Self::MeanNormalised if mean > 0.0 => centred.map(|d| d / mean).collect(),
            Self::MeanNormalised => vec![0.0; rewards.len()],
        }
    }
}

/// Whether all rewards of a group are equal, so that it has nothing to teach.
pub fn is_constant(rewards: &[f64]) -> bool {
    rewards.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let close = |got: Vec<f64>, expected: &[f64]| {
            assert_eq!(got.len(), expected.len());
            for (a, b) in got.iter().zip(expected) {
                assert!((a - b).abs() < 1e-9, "{got:?} {expected:?}");
            }
        };
        let rewards = [1.0, 0.0, 0.0, 1.0, 0.0]; // mean 0.4
        close(Advantage::Centred.of(&rewards), &[0.6, -0.4, -0.4, 0.6, -0.4]);
        close(Advantage::LeaveOneOut.of(&rewards), &[0.75, -0.5, -0.5, 0.75, -0.5]);
        close(Advantage::MeanNormalised.of(&rewards), &[1.5, -1.0, -1.0, 1.5, -1.0]);
        // Variance with n - 1: (2 * 0.36 + 3 * 0.16) / 4 = 0.3.
        let std = 0.3f64.sqrt() + 1e-4;
        close(
            Advantage::Standardised.of(&rewards),
            &[0.6 / std, -0.4 / std, -0.4 / std, 0.6 / std, -0.4 / std],
        );
        for kind in [Advantage::Centred, Advantage::Standardised, Advantage::MeanNormalised] {
            close(kind.of(&[0.0, 0.0]), &[0.0, 0.0]);
        }
        assert!(is_constant(&[0.1, 0.1]) && !is_constant(&rewards));
    }
}
