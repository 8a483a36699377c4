//! Intervals of a proportion: `successes` of `n` independent trials.
//!
//! Which to use: [`wilson`] unless you have a reason. [`normal`] is what most papers print and fails where it is most
//! quoted, at 30 problems (`docs/statistics.md` has the coverage of all five). [`clopper_pearson`] where an interval
//! must never be too short. With several samples per problem none of them is right: see [`super::cluster`].
//! Source of the comparison: Brown, Cai, DasGupta 2001, "Interval estimation for a binomial proportion".

use statrs::function::beta::beta_reg;

use super::{Estimate, Method, z};
use crate::error::{Error, Result};

/// The intervals of one proportion, as users choose among them.
pub const PROPORTION: [Method; 5] = [
    Method::Normal,
    Method::Wilson,
    Method::ClopperPearson,
    Method::AgrestiCoull,
    Method::Jeffreys,
];

/// The interval of a proportion by one of the methods of [`PROPORTION`]; any other method gives Wilson's.
pub fn of(method: Method, successes: u64, n: u64, confidence: f64) -> Estimate {
    match method {
        Method::Normal => normal(successes, n, confidence),
        Method::ClopperPearson => clopper_pearson(successes, n, confidence),
        Method::AgrestiCoull => agresti_coull(successes, n, confidence),
        Method::Jeffreys => jeffreys(successes, n, confidence),
        _ => wilson(successes, n, confidence),
    }
}

/// The method of this name: normal, wilson, clopper-pearson, agresti-coull or jeffreys.
///
/// # Errors
/// No interval has this name; the message lists those that exist.
pub fn by_name(name: &str) -> Result<Method> {
    let names = PROPORTION.map(|m| m.label().to_lowercase());
    let wanted = name.to_lowercase().replace('_', "-");
    names.iter().position(|known| *known == wanted).map(|i| PROPORTION[i]).ok_or_else(|| {
        Error::config(
            "interval",
            format!("no interval is called '{name}': use {}", names.join(", ")),
        )
    })
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
        return Estimate::nothing(Method::Normal);
    }
    let p = ratio(successes, n);
    let half = normal_half_width(successes, n, confidence);
    cut(p, p - half, p + half, n, Method::Normal)
}

/// Half the width of the uncut normal interval, the study's `+-`.
pub fn normal_half_width(successes: u64, n: u64, confidence: f64) -> f64 {
    let p = ratio(successes, n);
    z(confidence) * (p * (1.0 - p) / n as f64).sqrt()
}

/// Whether the normal approximation may be trusted: `n p (1 - p) >= 5`.
pub fn normal_is_valid(successes: u64, n: u64) -> bool {
    let p = ratio(successes, n);
    n as f64 * p * (1.0 - p) >= 5.0
}

/// Wilson score interval: all `p` that a score test does not reject.
///
/// `(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`. Right also for few samples and for rates near 0 or 1.
/// Source: Wilson 1927, JASA 22.
///
/// # Example
/// All of 30 right does not mean certainty: the rate may be as low as 88.6 %.
/// ```
/// let e = howard::stats::interval::wilson(30, 30, 0.95);
/// assert_eq!((e.hi, format!("{:.3}", e.lo)), (1.0, "0.886".into()));
/// ```
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Estimate {
    if n == 0 {
        return Estimate::nothing(Method::Wilson);
    }
    let (lo, hi) = wilson_ends(ratio(successes, n), n as f64, confidence);
    Estimate { value: ratio(successes, n), lo, hi, n, method: Method::Wilson }
}

/// Wilson's ends for a rate and a number of samples that need not be whole (an effective number).
pub(crate) fn wilson_ends(p: f64, n: f64, confidence: f64) -> (f64, f64) {
    let z2 = z(confidence).powi(2);
    let middle = p + z2 / (2.0 * n);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt();
    let scale = 1.0 + z2 / n;
    // Exact at the ends, where rounding would leave 1e-18 instead of 0.
    let lo = if p <= 0.0 { 0.0 } else { (middle - half) / scale };
    let hi = if p >= 1.0 { 1.0 } else { (middle + half) / scale };
    (lo, hi)
}

/// Clopper and Pearson's "exact" interval: from the binomial tails, so it holds the truth at least as often as it says,
/// at the price of being wider than it need be. Source: Clopper, Pearson 1934, Biometrika 26.
pub fn clopper_pearson(successes: u64, n: u64, confidence: f64) -> Estimate {
    if n == 0 {
        return Estimate::nothing(Method::ClopperPearson);
    }
    let (x, m, tail) = (successes as f64, n as f64, (1.0 - confidence) / 2.0);
    let lo = if successes == 0 { 0.0 } else { beta_quantile(x, m - x + 1.0, tail) };
    let hi = if successes == n { 1.0 } else { beta_quantile(x + 1.0, m - x, 1.0 - tail) };
    Estimate { value: ratio(successes, n), lo, hi, n, method: Method::ClopperPearson }
}

/// Agresti and Coull: the normal interval around `(x + z^2/2) / (n + z^2)`, cut to `[0, 1]`.
/// Source: Agresti, Coull 1998, The American Statistician 52.
pub fn agresti_coull(successes: u64, n: u64, confidence: f64) -> Estimate {
    if n == 0 {
        return Estimate::nothing(Method::AgrestiCoull);
    }
    let z = z(confidence);
    let m = n as f64 + z * z;
    let middle = (successes as f64 + z * z / 2.0) / m;
    let half = z * (middle * (1.0 - middle) / m).sqrt();
    cut(ratio(successes, n), middle - half, middle + half, n, Method::AgrestiCoull)
}

/// Jeffreys: the equal-tailed interval of the posterior Beta(x + 1/2, n - x + 1/2), as statsmodels and scipy give it
/// (no correction at 0 and n).
pub fn jeffreys(successes: u64, n: u64, confidence: f64) -> Estimate {
    if n == 0 {
        return Estimate::nothing(Method::Jeffreys);
    }
    let (a, b) = (successes as f64 + 0.5, (n - successes) as f64 + 0.5);
    let tail = (1.0 - confidence) / 2.0;
    let (lo, hi) = (beta_quantile(a, b, tail), beta_quantile(a, b, 1.0 - tail));
    Estimate { value: ratio(successes, n), lo, hi, n, method: Method::Jeffreys }
}

/// The `q`-quantile of Beta(a, b), to the last bits: bisection on the regularised incomplete beta function, which is
/// slower and surer than the expansions behind `statrs`' own inverse.
pub(crate) fn beta_quantile(a: f64, b: f64, q: f64) -> f64 {
    let (mut lo, mut hi) = (0.0f64, 1.0f64);
    for _ in 0..200 {
        let middle = f64::midpoint(lo, hi);
        if middle <= lo || middle >= hi {
            break;
        }
        if beta_reg(a, b, middle) < q {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    f64::midpoint(lo, hi)
}

fn cut(value: f64, lo: f64, hi: f64, n: u64, method: Method) -> Estimate {
    Estimate { value, lo: lo.max(0.0), hi: hi.min(1.0), n, method }
}

fn ratio(successes: u64, n: u64) -> f64 {
    successes as f64 / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};
    use proptest::prelude::*;

    #[test]
    fn equal_to_statsmodels() {
        for row in golden("proportion") {
            let (x, n) = (row["x"].as_u64().unwrap(), row["n"].as_u64().unwrap());
            let method = by_name(row["method"].as_str().unwrap()).unwrap();
            let e = of(method, x, n, 1.0 - row["alpha"].as_f64().unwrap());
            assert_eq!(e.method, method);
            close(e.lo, &row["lo"], &format!("lo of {row}"));
            close(e.hi, &row["hi"], &format!("hi of {row}"));
        }
    }

    #[test]
    fn an_unknown_interval_lists_the_known_ones() {
        let message = by_name("wald").unwrap_err().to_string();
        assert!(message.contains("'wald'") && message.contains("agresti-coull"), "{message}");
    }

    proptest! {
        #[test]
        fn every_interval_is_inside_and_holds_the_estimate(n in 1u64..2000, share in 0.0f64..=1.0) {
            let x = (share * n as f64) as u64;
            for method in PROPORTION {
                let e = of(method, x, n, 0.95);
                prop_assert!(0.0 <= e.lo && e.lo <= e.hi && e.hi <= 1.0, "{e:?}");
                // Jeffreys' tails exclude the estimate at 0 and n, as its authors note.
                if method != Method::Jeffreys || (x > 0 && x < n) {
                    prop_assert!(e.lo <= e.value && e.value <= e.hi, "{e:?}");
                }
            }
        }
    }
}
