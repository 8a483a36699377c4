//! pass@k: the chance that at least one of k samples is right.

use super::{Estimate, cluster};
use crate::error::{Error, Result};

/// Unbiased pass@k of one problem from `correct` of `n` samples: `1 - C(n - c, k) / C(n, k)`, as a product.
///
/// Source: Chen et al. 2021, "Evaluating large language models trained on code" (HumanEval), arXiv:2107.03374, eq. 1.
///
/// # Errors
/// `k` is 0 or larger than `n`, or there are more correct samples than samples.
///
/// # Example
/// One of four right: half of all pairs hold it.
/// ```
/// let p = howard::stats::passk::pass_at_k(4, 1, 2)?;
/// assert!((p - 0.5).abs() < 1e-12);
/// # Ok::<(), howard::error::Error>(())
/// ```
pub fn pass_at_k(n: u64, correct: u64, k: u64) -> Result<f64> {
    if k == 0 || k > n {
        return Err(Error::config(
            "k",
            format!("{k} must be between 1 and the {n} samples of a problem"),
        ));
    }
    if correct > n {
        return Err(Error::data("pass@k", format!("{correct} correct samples of {n}")));
    }
    if n - correct < k {
        return Ok(1.0);
    }
    let miss: f64 = (n - correct + 1..=n).map(|i| 1.0 - k as f64 / i as f64).product();
    Ok(1.0 - miss)
}

/// pass@k over problems, each `(correct, samples)`: the mean of the unbiased estimates with a clustered Wilson interval.
///
/// # Errors
/// There are no problems, or one has fewer than `k` samples.
pub fn mean_pass_at_k(counts: &[(u64, u64)], k: u64, confidence: f64) -> Result<Estimate> {
    if counts.is_empty() {
        return Err(Error::data("pass@k", "there are no problems"));
    }
    let values = counts.iter().map(|&(c, n)| pass_at_k(n, c, k)).collect::<Result<Vec<f64>>>()?;
    Ok(cluster::wilson(&values, counts.iter().map(|(_, n)| n).sum(), confidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    #[test]
    fn equal_to_the_estimator_of_the_humaneval_paper() {
        for row in golden("pass_at_k") {
            let get = |key: &str| row[key].as_u64().unwrap();
            let ours = pass_at_k(get("n"), get("c"), get("k")).unwrap();
            close(ours, &row["value"], &row.to_string());
        }
    }

    #[test]
    fn equal_to_enumeration_for_every_k() {
        // All subsets of 7 samples of which 3 are right.
        for k in 1..=7u32 {
            let subsets: Vec<u32> = (0u32..128).filter(|s| s.count_ones() == k).collect();
            let hits = subsets.iter().filter(|s| **s & 0b111 != 0).count();
            let expected = hits as f64 / subsets.len() as f64;
            assert!((pass_at_k(7, 3, u64::from(k)).unwrap() - expected).abs() < 1e-12, "{k}");
        }
    }

    #[test]
    fn impossible_k_is_an_error() {
        assert!(pass_at_k(4, 1, 0).is_err());
        let message = mean_pass_at_k(&[(1, 4), (0, 3)], 4, 0.95).unwrap_err().to_string();
        assert!(message.contains("4 must be between 1 and the 3 samples"), "{message}");
        assert!(mean_pass_at_k(&[], 1, 0.95).is_err());
    }
}
