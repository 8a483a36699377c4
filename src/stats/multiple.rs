//! Many tests at once: what remains of p-values when one looked at a whole table.

/// Holm's step-down correction: the chance of even one false finding among all stays below alpha.
///
/// Sorted p times (number of tests still open), made monotone, at most 1; returned in the order given.
/// Source: Holm 1979, Scandinavian Journal of Statistics 6.
///
/// # Example
/// ```
/// let corrected = howard::stats::multiple::holm(&[0.01, 0.04, 0.03]);
/// assert_eq!(corrected, [0.03, 0.06, 0.06]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let (mut adjusted, mut running) = (vec![0.0; p.len()], 0.0f64);
    for (rank, index) in ascending(p).into_iter().enumerate() {
        running = running.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = running;
    }
    adjusted
}

/// Benjamini and Hochberg's step-up correction: among what is called a finding, the expected share of false ones stays
/// below alpha. Source: Benjamini, Hochberg 1995, JRSS B 57.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let (mut adjusted, mut running) = (vec![0.0; p.len()], 1.0f64);
    for (rank, index) in ascending(p).into_iter().enumerate().rev() {
        running = running.min(p.len() as f64 / (rank + 1) as f64 * p[index]);
        adjusted[index] = running;
    }
    adjusted
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{close, golden};

    #[test]
    fn equal_to_statsmodels() {
        for row in golden("multiple") {
            let numbers = |key: &str| row[key].as_array().unwrap().clone();
            let p: Vec<f64> = numbers("p").iter().map(|v| v.as_f64().unwrap()).collect();
            let ours = [("holm", holm(&p)), ("fdr_bh", benjamini_hochberg(&p))];
            for (method, adjusted) in ours {
                for (ours, theirs) in adjusted.iter().zip(numbers(method)) {
                    close(*ours, &theirs, method);
                }
            }
        }
    }
}
