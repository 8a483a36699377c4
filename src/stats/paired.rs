//! Two models on the same problems: the spread between problems, which is most of the noise, cancels.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::{Estimate, Method, mean, resample, variance, z};
use crate::error::{Error, Result};
use crate::rng::Seed;

/// Work that an exact permutation test may take: problems times possible sums.
const EXACT_WORK: u64 = 200_000_000;

/// Exact McNemar test, two-sided: of the problems on which the two models differ, `only_a` were solved by the first alone
/// and `only_b` by the second alone; under no difference each side has chance 1/2.
///
/// Source: McNemar 1947, Psychometrika 12; exact form from the binomial distribution, as statsmodels' `exact=True`.
///
/// # Example
/// ```
/// // Five problems changed sides, all in one direction: 2 / 2^5.
/// assert!((howard::stats::paired::mcnemar_exact(5, 0) - 0.0625).abs() < 1e-12);
/// ```
pub fn mcnemar_exact(only_a: u64, only_b: u64) -> f64 {
    let different = only_a + only_b;
    if different == 0 {
        return 1.0;
    }
    let coin = Binomial::new(0.5, different).expect("1/2 is a probability");
    (2.0 * coin.cdf(only_a.min(only_b))).min(1.0)
}

/// Two columns of equal length with finite numbers, one entry per problem.
fn check(a: &[f64], b: &[f64]) -> Result<()> {
    if a.len() != b.len() {
        let problem =
            format!("{} problems against {}: a paired test needs the same ones", a.len(), b.len());
        return Err(Error::data("paired comparison", problem));
    }
    if a.is_empty() {
        return Err(Error::data("paired comparison", "there are no problems"));
    }
    match a.iter().chain(b).position(|v| !v.is_finite()) {
        Some(at) => {
            let problem = format!("the score of problem {} is not a finite number", at % a.len());
            Err(Error::data("paired comparison", problem))
        }
        None => Ok(()),
    }
}

fn differences(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Mean difference `a - b` over the same problems with the standard error of the differences, normal approximation.
/// Source: Miller 2024, arXiv:2411.00640, section 4.2.
///
/// # Errors
/// Different numbers of problems, none, or a score that is not a finite number.
pub fn difference(a: &[f64], b: &[f64], confidence: f64) -> Result<Estimate> {
    check(a, b)?;
    let d = differences(a, b);
    let (value, half) = (mean(&d), z(confidence) * (variance(&d) / d.len() as f64).sqrt());
    let n = d.len() as u64;
    Ok(Estimate { value, lo: value - half, hi: value + half, n, method: Method::PairedNormal })
}

/// Mean difference `a - b` with percentiles of a bootstrap over problems.
///
/// # Errors
/// As [`difference`].
pub fn bootstrap(
    a: &[f64],
    b: &[f64],
    draws: usize,
    seed: u64,
    confidence: f64,
) -> Result<Estimate> {
    check(a, b)?;
    Ok(resample::bootstrap(&differences(a, b), draws, seed, confidence))
}

/// Sign-flip permutation test of the mean difference, two-sided, by `draws` random assignments: `(1 + hits) / (1 + draws)`.
/// Under no difference each problem's two scores may be exchanged.
///
/// # Errors
/// As [`difference`].
pub fn permutation(a: &[f64], b: &[f64], draws: usize, seed: u64) -> Result<f64> {
    check(a, b)?;
    let d: Vec<f64> = differences(a, b).into_iter().filter(|d| *d != 0.0).collect();
    // Rounding must not decide whether a sum is as large as the one seen.
    let scale: f64 = d.iter().map(|d| d.abs()).sum::<f64>();
    let seen = d.iter().sum::<f64>().abs() - 1e-9 * scale;
    let mut stream = Seed(seed).named("permutation").stream();
    let hits = (0..draws)
        .filter(|_| {
            let (mut sum, mut word) = (0.0, 0);
            for (i, d) in d.iter().enumerate() {
                if i % 64 == 0 {
                    word = stream.word();
                }
                sum += if word >> (i % 64) & 1 == 1 { *d } else { -*d };
            }
            sum.abs() >= seen
        })
        .count();
    Ok((1 + hits) as f64 / (1 + draws) as f64)
}

/// Sign-flip permutation test over whole-numbered differences, exactly: the distribution of all `2^n` sums, by adding one
/// problem after the other. `None` where that is too much work (use [`permutation`]).
///
/// Differences are whole numbers when every problem has the same number of samples: correct by the first model times the
/// samples of the second, less the reverse. With one sample each this is the exact McNemar test.
pub fn permutation_exact(differences: &[i64]) -> Option<f64> {
    let sizes: Vec<u64> = differences.iter().map(|d| d.unsigned_abs()).filter(|d| *d > 0).collect();
    let unit = sizes.iter().copied().fold(0, num_integer::gcd).max(1);
    let sizes: Vec<usize> = sizes.iter().map(|d| (d / unit) as usize).collect();
    let total: usize = sizes.iter().sum();
    if sizes.len() as u64 * (total as u64 + 1) > EXACT_WORK {
        return None;
    }
    // chance[s]: the positive signs add up to s; the sum is then 2 s - total.
    let mut chance = vec![0.0f64; total + 1];
    chance[0] = 1.0;
    let mut reach = 0;
    for size in sizes {
        reach += size;
        for s in (0..=reach).rev() {
            let taken = if s >= size { chance[s - size] } else { 0.0 };
            chance[s] = 0.5 * (chance[s] + taken);
        }
    }
    let seen = differences.iter().sum::<i64>().unsigned_abs() / unit;
    let p = chance
        .iter()
        .enumerate()
        .filter(|(s, _)| (2 * *s).abs_diff(total) as u64 >= seen)
        .map(|(_, chance)| chance)
        .sum::<f64>();
    Some(p.min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    fn numbers(row: &serde_json::Value, key: &str) -> Vec<f64> {
        row[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    }

    #[test]
    fn mcnemar_is_that_of_statsmodels() {
        for row in golden("mcnemar") {
            let ours = mcnemar_exact(row["b"].as_u64().unwrap(), row["c"].as_u64().unwrap());
            close(ours, &row["p"], &row.to_string());
        }
    }

    #[test]
    fn paired_differences_and_exact_permutations_are_those_of_scipy() {
        for row in golden("paired") {
            let (a, b, k) =
                (numbers(&row, "a"), numbers(&row, "b"), row["samples"].as_f64().unwrap());
            let share = |v: &[f64]| v.iter().map(|c| c / k).collect::<Vec<_>>();
            let e = difference(&share(&a), &share(&b), 0.95).unwrap();
            close(e.lo, &row["lo"], "lower end");
            close(e.hi, &row["hi"], "upper end");
            let whole: Vec<i64> = a.iter().zip(&b).map(|(a, b)| (a - b) as i64).collect();
            let exact = permutation_exact(&whole).unwrap();
            close(exact, &row["permutation_p"], "permutation");
            // 20,000 draws: standard error at most 0.0035.
            let drawn = permutation(&share(&a), &share(&b), 20_000, 3).unwrap();
            assert!((drawn - exact).abs() < 0.015, "{drawn} {exact}");
            let boot = bootstrap(&share(&a), &share(&b), 4000, 1, 0.95).unwrap();
            assert!(
                (boot.lo - e.lo).abs() < 0.12 && (boot.hi - e.hi).abs() < 0.12,
                "{boot:?} {e:?}"
            );
        }
    }

    #[test]
    fn with_one_sample_each_the_permutation_test_is_mcnemars() {
        for (only_a, only_b) in [(5u64, 0u64), (9, 3), (40, 22), (7, 7)] {
            let mut d = vec![1i64; only_a as usize];
            d.extend(vec![-1; only_b as usize]);
            d.extend([0; 10]);
            let p = permutation_exact(&d).unwrap();
            assert!((p - mcnemar_exact(only_a, only_b)).abs() < 1e-12, "{only_a} {only_b}");
        }
    }

    #[test]
    fn what_cannot_be_paired_is_refused() {
        let message = difference(&[1.0], &[1.0, 0.0], 0.95).unwrap_err().to_string();
        assert!(message.contains("1 problems against 2"), "{message}");
        let message = permutation(&[1.0, 0.0], &[1.0, f64::NAN], 10, 0).unwrap_err().to_string();
        assert!(message.contains("problem 1 is not a finite number"), "{message}");
        assert!(difference(&[], &[], 0.95).is_err());
    }

    #[test]
    fn too_much_work_is_left_to_random_draws() {
        assert_eq!(permutation_exact(&vec![64; 100_000]).map(|p| p < 1e-9), None);
        // The unit is taken out first: 64 and 0 only is as easy as 1 and 0.
        assert!(permutation_exact(&vec![64; 1000]).is_some());
    }
}
