//! Best of k: the sample with the highest score answers for the problem.

use crate::error::{Error, Result};

/// The chance that the best-scored of k samples is right, for every k from 1 to n (at place k - 1), over all subsets,
/// exactly. Equal scores share: among the tied best the answer is drawn by lot.
///
/// With scores sorted and a block of `m` equal ones of which `c` are right and `below` samples lie under it, the block
/// holds the best in `C(below + m, k) - C(below, k)` subsets, and each of its samples is as likely to answer.
///
/// # Errors
/// There are no samples, the two columns differ in length, or a score is not a finite number.
pub fn best_of(scores: &[f64], right: &[bool]) -> Result<Vec<f64>> {
    if scores.len() != right.len() || scores.is_empty() {
        let problem = format!("{} scores for {} samples", scores.len(), right.len());
        return Err(Error::data("best-of-n", problem));
    }
    if let Some(at) = scores.iter().position(|s| !s.is_finite()) {
        return Err(Error::data(
            "best-of-n",
            format!("the score of sample {at} is {}", scores[at]),
        ));
    }
    let n = scores.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut chance = vec![0.0; n];
    let mut below = 0;
    for block in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let share = block.iter().filter(|&&i| right[i]).count() as f64 / block.len() as f64;
        for (k, chance) in (1..=n).zip(&mut chance) {
            *chance += share * (none_above(n, below + block.len(), k) - none_above(n, below, k));
        }
        below += block.len();
    }
    Ok(chance)
}

/// `C(m, k) / C(n, k)`: the chance that k samples all lie among a certain m of the n.
fn none_above(n: usize, m: usize, k: usize) -> f64 {
    if m < k {
        return 0.0;
    }
    (0..k).map(|i| (m - i) as f64 / (n - i) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_to_enumeration() {
        let scores = [0.1, 0.7, 0.7, -2.0, 0.3, 0.7, 0.1];
        let right = [true, false, true, true, false, true, false];
        let ours = best_of(&scores, &right).unwrap();
        for k in 1..=7u32 {
            let subsets: Vec<u32> = (0u32..128).filter(|m| m.count_ones() == k).collect();
            let total: f64 = subsets
                .iter()
                .map(|mask| {
                    let inside: Vec<usize> = (0..7).filter(|i| mask >> i & 1 == 1).collect();
                    let top = inside.iter().map(|&i| scores[i]).fold(f64::MIN, f64::max);
                    let best: Vec<usize> =
                        inside.into_iter().filter(|&i| scores[i] == top).collect();
                    best.iter().filter(|&&i| right[i]).count() as f64 / best.len() as f64
                })
                .sum();
            let expected = total / subsets.len() as f64;
            assert!((ours[k as usize - 1] - expected).abs() < 1e-12, "{k}");
        }
    }

    #[test]
    fn a_score_that_is_no_number_is_refused() {
        let message = best_of(&[0.0, f64::NAN], &[true, false]).unwrap_err().to_string();
        assert!(message.contains("the score of sample 1 is NaN"), "{message}");
        assert!(best_of(&[], &[]).is_err());
    }
}
