//! What a benchmark of some size can tell apart, and how large it must be.

use statrs::distribution::{ContinuousCDF, Normal};

use super::z;
use crate::error::{Error, Result};

/// Power of the two-sided test of two independent proportions `p1` and `p2` with `n` problems each, at level `alpha`
/// (normal approximation, pooled variance under no difference, as statsmodels' `power_proportions_2indep`).
pub fn power_independent(p1: f64, p2: f64, n: f64, alpha: f64) -> f64 {
    let normal = Normal::standard();
    let pooled = f64::midpoint(p1, p2);
    let null = (2.0 * pooled * (1.0 - pooled)).sqrt();
    let real = (p1 * (1.0 - p1) + p2 * (1.0 - p2)).sqrt();
    if real == 0.0 {
        return f64::from(u8::from((p1 - p2).abs() > 0.0));
    }
    let critical = -normal.inverse_cdf(alpha / 2.0) * null / real;
    let shift = (p1 - p2) * n.sqrt() / real;
    normal.cdf(-critical - shift) + normal.cdf(-critical + shift)
}

/// Power of the paired test when a share `discordant` of the `n` problems is solved by exactly one of the two models and
/// the rates differ by `difference` (normal approximation; Connor 1987, Biometrics 43; Miettinen 1968).
pub fn power_paired(discordant: f64, difference: f64, n: f64, alpha: f64) -> f64 {
    let normal = Normal::standard();
    let spread = (discordant - difference * difference).max(0.0).sqrt();
    let critical = -normal.inverse_cdf(alpha / 2.0) * discordant.sqrt();
    let shift = difference.abs() * n.sqrt();
    if spread == 0.0 {
        return f64::from(u8::from(shift > critical));
    }
    normal.cdf((shift - critical) / spread)
}

/// The smallest improvement over a rate `p` that two independent evaluations on `n` problems each detect with the wanted
/// power. `None` where not even 100 % would be told apart.
///
/// # Example
/// On 30 problems a model must go from 27 % to 62 % to be noticed with 80 % power.
/// ```
/// let d = howard::stats::power::detectable_difference(8.0 / 30.0, 30, 0.05, 0.8).unwrap();
/// assert!((100.0 * d - 35.2).abs() < 0.1, "{d}");
/// ```
pub fn detectable_difference(p: f64, n: u64, alpha: f64, power: f64) -> Option<f64> {
    smallest(1.0 - p, |d| power_independent(p + d, p, n as f64, alpha) >= power)
}

/// The smallest difference that a paired test on `n` problems detects with the wanted power when the two models disagree
/// on a share `discordant` of them. `None` where not even a one-sided disagreement would be noticed.
pub fn detectable_paired(discordant: f64, n: u64, alpha: f64, power: f64) -> Option<f64> {
    smallest(discordant, |d| power_paired(discordant, d, n as f64, alpha) >= power)
}

fn smallest(limit: f64, enough: impl Fn(f64) -> bool) -> Option<f64> {
    if limit <= 0.0 || !enough(limit) {
        return None;
    }
    let (mut lo, mut hi) = (0.0f64, limit);
    for _ in 0..100 {
        let middle = f64::midpoint(lo, hi);
        if enough(middle) { hi = middle } else { lo = middle }
    }
    Some(hi)
}

/// Problems (one sample each) after which the normal interval of a rate `p` is `+- half_width`.
///
/// # Errors
/// The half width is not in (0, 1).
///
/// # Example
/// 50 % +- 5 points takes 385 problems, whatever anybody says of 30.
/// ```
/// assert_eq!(howard::stats::power::problems_needed(0.5, 0.05, 0.95)?, 385);
/// # Ok::<(), howard::error::Error>(())
/// ```
pub fn problems_needed(p: f64, half_width: f64, confidence: f64) -> Result<u64> {
    check_half_width(half_width)?;
    Ok((p * (1.0 - p) * (z(confidence) / half_width).powi(2)).ceil() as u64)
}

/// Samples per problem after which the clustered interval over `problems` problems is `+- half_width`, given the spread
/// between problems and within them ([`super::cluster::components`]). `None` where no number of samples suffices,
/// because the problems are too few.
///
/// # Errors
/// The half width is not in (0, 1).
pub fn samples_needed(
    (between, within): (f64, f64),
    problems: u64,
    half_width: f64,
    confidence: f64,
) -> Result<Option<u64>> {
    check_half_width(half_width)?;
    let wanted = problems as f64 * (half_width / z(confidence)).powi(2);
    if wanted <= between {
        return Ok(None);
    }
    Ok(Some((within / (wanted - between)).ceil().max(1.0) as u64))
}

fn check_half_width(half_width: f64) -> Result<()> {
    if half_width > 0.0 && half_width < 1.0 {
        return Ok(());
    }
    Err(Error::config("half width", format!("{half_width} must be between 0 and 1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    #[test]
    fn equal_to_statsmodels() {
        for row in golden("power_independent") {
            let get = |key: &str| row[key].as_f64().unwrap();
            let ours = power_independent(get("p1"), get("p2"), get("n"), 0.05);
            close(ours, &row["power"], &row.to_string());
        }
        for row in golden("problems_needed") {
            let get = |key: &str| row[key].as_f64().unwrap();
            let ours = problems_needed(get("p"), get("half"), 0.95).unwrap();
            assert_eq!(ours as f64, get("n").ceil(), "{row}");
        }
    }

    #[test]
    fn paired_power_is_that_of_the_published_formula() {
        // Connor 1987: n = (z_{a/2} sqrt(psi) + z_b sqrt(psi - d^2))^2 / d^2; psi = 0.2, d = 0.1, alpha 0.05, power 0.8:
        // (1.959964 x 0.447214 + 0.841621 x sqrt(0.19))^2 / 0.01 = (0.876522 + 0.366853)^2 / 0.01 = 154.598.
        let power = power_paired(0.2, 0.1, 154.598, 0.05);
        assert!((power - 0.8).abs() < 1e-5, "{power}");
        let d = detectable_paired(0.2, 155, 0.05, 0.8).unwrap();
        assert!((d - 0.1).abs() < 2e-4, "{d}");
        assert_eq!(detectable_paired(0.01, 30, 0.05, 0.8), None);
    }

    #[test]
    fn the_detectable_difference_has_just_the_power() {
        for (p, n) in [(0.433, 30), (0.794, 500), (0.94, 1319)] {
            let d = detectable_difference(p, n, 0.05, 0.8).unwrap();
            assert!((power_independent(p + d, p, n as f64, 0.05) - 0.8).abs() < 1e-6);
        }
        assert_eq!(detectable_difference(0.9, 30, 0.05, 0.8), None);
    }

    #[test]
    fn samples_needed_by_hand() {
        // between 0, within 0.25, 100 problems, +- 0.049: SE 0.025, 100 x 0.000625 = 0.0625 per problem: 4 samples.
        assert_eq!(samples_needed((0.0, 0.25), 100, 1.959_964 * 0.025, 0.95).unwrap(), Some(4));
        assert_eq!(samples_needed((0.1, 0.25), 100, 0.049, 0.95).unwrap(), None);
        assert!(samples_needed((0.1, 0.25), 100, 0.0, 0.95).is_err());
    }
}
