//! maj@k for every k, exactly: all subsets of k of the n samples, counted by a generating function.
//!
//! For a right class with `j` votes among the k, every other class i of size `c_i` contributes `sum_{v<j} C(c_i, v) x^v`
//! if it stays below and `C(c_i, j) x^j y` if it ties; abstentions contribute `(1 + x)^a`. The coefficient of
//! `x^(k-j) y^t` in the product, times `C(c_right, j)`, counts the subsets in which the right class ties with t others.
//! That is polynomial in n where enumeration is exponential; all terms are positive, so nothing cancels.

use std::collections::HashMap;

use super::{Fate, Tie, Votes, share_of_tie};
use crate::error::{Error, Result};

/// Most samples per problem: beyond, a binomial coefficient does not fit a double.
pub const MOST_SAMPLES: usize = 1000;

/// Counts, memorised by the sizes of the classes: a benchmark has few different ones.
#[derive(Debug, Default)]
pub struct Counter {
    tie: Tie,
    known: HashMap<Vec<u32>, Vec<Fate>>,
}

impl Counter {
    /// A counter with a rule for ties. [`Tie::First`] depends on the order of the samples and is counted as its
    /// expectation over orders, which is [`Tie::Lot`].
    pub fn new(tie: Tie) -> Self {
        Self { tie, known: HashMap::new() }
    }

    /// The fate of a vote among k of the problem's samples, for every k from 1 to n (at place k - 1), over all subsets.
    ///
    /// # Errors
    /// There are no samples, or more than [`MOST_SAMPLES`].
    pub fn fates(&mut self, votes: &Votes) -> Result<&[Fate]> {
        if votes.is_empty() || votes.len() > MOST_SAMPLES {
            let problem =
                format!("{} samples of a problem: must be 1 to {MOST_SAMPLES}", votes.len());
            return Err(Error::data("maj@k", problem));
        }
        let tie = self.tie;
        Ok(self.known.entry(signature(votes)).or_insert_with_key(|sizes| count(sizes, tie)))
    }
}

/// Sizes that decide everything: right, abstaining, and the others in descending order.
fn signature(votes: &Votes) -> Vec<u32> {
    let mut sizes: HashMap<usize, u32> = HashMap::new();
    let (mut right, mut abstain) = (0, 0);
    for class in &votes.classes {
        match class {
            None => abstain += 1,
            Some(_) if *class == votes.right => right += 1,
            Some(class) => *sizes.entry(*class).or_default() += 1,
        }
    }
    let mut others: Vec<u32> = sizes.into_values().collect();
    others.sort_unstable_by(|a, b| b.cmp(a));
    [vec![right, abstain], others].concat()
}

fn count(sizes: &[u32], tie: Tie) -> Vec<Fate> {
    let size = |i: usize| sizes[i] as usize;
    let (right, abstain, others) = (size(0), size(1), &sizes[2..]);
    let n: usize = sizes.iter().map(|&s| s as usize).sum();
    let choose = binomials(n);
    let mut fates = vec![Fate::default(); n];
    for j in 1..=right {
        let subsets = subsets_by_ties(&choose, others, abstain, j, n - j);
        for (k, fate) in fates.iter_mut().enumerate().map(|(i, fate)| (i + 1, fate)) {
            if k < j {
                continue;
            }
            let weight = choose[right][j] / choose[n][k];
            for (ties, by_size) in subsets.iter().enumerate() {
                let chance = weight * by_size.get(k - j).copied().unwrap_or(0.0);
                if ties == 0 {
                    fate.won += chance;
                } else {
                    let share = share_of_tie(tie, ties + 1);
                    fate.tie_won += share * chance;
                    fate.tie_lost += (1.0 - share) * chance;
                }
            }
        }
    }
    for (k, fate) in fates.iter_mut().enumerate().map(|(i, fate)| (i + 1, fate)) {
        fate.never_sampled = if n - right < k { 0.0 } else { choose[n - right][k] / choose[n][k] };
        let known = fate.won + fate.tie_won + fate.tie_lost + fate.never_sampled;
        fate.outvoted = (1.0 - known).max(0.0);
    }
    fates
}

/// `[ties][size]`: subsets of the samples that are not right in which no class has more than `j` votes and exactly
/// `ties` classes have `j`.
fn subsets_by_ties(
    choose: &[Vec<f64>],
    others: &[u32],
    abstain: usize,
    j: usize,
    most: usize,
) -> Vec<Vec<f64>> {
    let mut table: Vec<Vec<f64>> = vec![choose[abstain][..=abstain].to_vec()];
    for class in others.iter().map(|&c| c as usize) {
        let below = j.min(class + 1);
        let ties = table.len() + usize::from(class >= j);
        let width = (table.iter().map(Vec::len).max().unwrap_or(1) + class.min(j)).min(most + 1);
        let mut next = vec![vec![0.0; width]; ties];
        for (t, row) in table.iter().enumerate() {
            for (s, &ways) in row.iter().enumerate().filter(|(_, ways)| **ways > 0.0) {
                for v in (0..below).take_while(|v| s + v < width) {
                    next[t][s + v] += ways * choose[class][v];
                }
                if class >= j && s + j < width {
                    next[t + 1][s + j] += ways * choose[class][j];
                }
            }
        }
        table = next;
    }
    table
}

/// Pascal's triangle up to `n`.
fn binomials(n: usize) -> Vec<Vec<f64>> {
    let mut rows = vec![vec![1.0]];
    for i in 1..=n {
        let above: &Vec<f64> = &rows[i - 1];
        let inner = above.windows(2).map(|pair| pair[0] + pair[1]);
        let row = std::iter::once(1.0).chain(inner).chain(std::iter::once(1.0)).collect();
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// The definition, word by word: every subset of the samples, votes counted one by one.
    fn by_enumeration(votes: &Votes, k: u32, tie: Tie) -> Fate {
        let n = votes.len();
        let (mut fate, mut subsets) = (Fate::default(), 0.0);
        for mask in (0u32..1 << n).filter(|m| m.count_ones() == k) {
            subsets += 1.0;
            let mut count: HashMap<usize, u32> = HashMap::new();
            for class in (0..n).filter(|i| mask >> i & 1 == 1).filter_map(|i| votes.classes[i]) {
                *count.entry(class).or_default() += 1;
            }
            let mine = votes.right.and_then(|r| count.get(&r).copied()).unwrap_or(0);
            let top = count.values().copied().max().unwrap_or(0);
            let tied = count.values().filter(|&&c| c == top).count();
            if mine == 0 {
                fate.never_sampled += 1.0;
            } else if mine < top {
                fate.outvoted += 1.0;
            } else if tied == 1 {
                fate.won += 1.0;
            } else {
                let share = share_of_tie(tie, tied);
                fate.tie_won += share;
                fate.tie_lost += 1.0 - share;
            }
        }
        let part = |x: f64| x / subsets;
        Fate {
            won: part(fate.won),
            tie_won: part(fate.tie_won),
            tie_lost: part(fate.tie_lost),
            outvoted: part(fate.outvoted),
            never_sampled: part(fate.never_sampled),
        }
    }

    #[test]
    fn equal_to_exhaustive_enumeration() {
        let mut stream = Seed(4).stream();
        for case in 0..60 {
            let n = 1 + stream.below(11);
            let classes = (0..n)
                .map(|_| match stream.below(5) {
                    0 => None,
                    class => Some(class),
                })
                .collect();
            let votes = Votes { classes, right: Some(1).filter(|_| case % 10 != 0) };
            for tie in [Tie::Lot, Tie::Wrong, Tie::Right] {
                let mut counter = Counter::new(tie);
                let fates = counter.fates(&votes).unwrap();
                for k in 1..=n {
                    let expected = by_enumeration(&votes, k as u32, tie);
                    for (ours, theirs) in fates[k - 1].parts().into_iter().zip(expected.parts()) {
                        assert!(
                            (ours - theirs).abs() < 1e-12,
                            "{votes:?} k {k} {tie:?}: {fates:?} {expected:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn by_hand() {
        // Samples A A B, A right. k = 1: 2/3. k = 2: AA wins, AB and AB tie: 1/3 + 2/3 x 1/2. k = 3: wins.
        let votes = Votes { classes: vec![Some(0), Some(0), Some(1)], right: Some(0) };
        let mut counter = Counter::new(Tie::Lot);
        let maj: Vec<f64> = counter.fates(&votes).unwrap().iter().map(Fate::maj).collect();
        for (ours, expected) in maj.iter().zip([2.0 / 3.0, 2.0 / 3.0, 1.0]) {
            assert!((ours - expected).abs() < 1e-12, "{maj:?}");
        }
    }

    #[test]
    fn pass_is_that_of_the_humaneval_estimator_and_all_parts_add_up() {
        // 64 samples: 9 right, 20 of one wrong answer, 30 different ones, 5 without answer.
        let mut classes = vec![Some(0); 9];
        classes.extend([Some(1); 20]);
        classes.extend((2..32).map(Some));
        classes.extend([None; 5]);
        let votes = Votes { classes, right: Some(0) };
        let mut counter = Counter::new(Tie::Lot);
        for (k, fate) in (1u64..).zip(counter.fates(&votes).unwrap()) {
            let pass = crate::stats::passk::pass_at_k(64, 9, k).unwrap();
            assert!((fate.pass() - pass).abs() < 1e-12, "{k}");
            assert!((fate.parts().iter().sum::<f64>() - 1.0).abs() < 1e-12, "{k}");
        }
        // Outvoted for good at k = 64: 9 against 20.
        assert_eq!(counter.fates(&votes).unwrap()[63].outvoted, 1.0);
    }

    #[test]
    fn no_samples_and_too_many_are_errors() {
        let mut counter = Counter::new(Tie::Lot);
        assert!(counter.fates(&Votes::default()).is_err());
        assert!(counter.fates(&Votes { classes: vec![None; 1001], right: None }).is_err());
        let most = Votes { classes: vec![Some(0); 1000], right: Some(0) };
        assert!((counter.fates(&most).unwrap()[499].maj() - 1.0).abs() < 1e-9);
    }
}
