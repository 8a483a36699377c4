//! Votes that cannot be counted by class sizes alone (weights, ties by order): every subset where that is feasible, seeded
//! random subsets otherwise.

use std::collections::BTreeMap;

use super::{Fate, Tie, Votes, share_of_tie};
use crate::error::{Error, Result};
use crate::rng::Seed;

/// How subsets of the samples are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsets {
    /// All subsets are visited where there are at most this many; otherwise this many random ones.
    pub most: u64,
    /// Seed of the random ones.
    pub seed: u64,
}

impl Default for Subsets {
    fn default() -> Self {
        Self { most: 2000, seed: 0 }
    }
}

/// The fate of a vote among k of the samples, where each vote counts with its weight (`None`: one each).
///
/// Weights may be any finite numbers from 0; a class's weights are added up. Sums within 1e-9 of the largest, relatively,
/// are tied.
///
/// # Errors
/// k is not between 1 and n, there is not one weight per sample, or a weight is negative or not finite.
pub fn fate(
    votes: &Votes,
    weights: Option<&[f64]>,
    k: usize,
    tie: Tie,
    subsets: Subsets,
) -> Result<Fate> {
    let n = votes.len();
    if k == 0 || k > n {
        return Err(Error::config(
            "k",
            format!("{k} must be between 1 and the {n} samples of a problem"),
        ));
    }
    if let Some(weights) = weights {
        if weights.len() != n {
            return Err(Error::data(
                "voting",
                format!("{} weights for {n} samples", weights.len()),
            ));
        }
        if let Some(at) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            let problem =
                format!("the weight of sample {at} is {}: must be 0 or more", weights[at]);
            return Err(Error::data("voting", problem));
        }
    }
    let mut sum = Fate::default();
    let mut visited = 0.0;
    let mut visit = |inside: &[usize]| {
        visited += 1.0;
        one(votes, weights, inside, tie, &mut sum);
    };
    if number_of_subsets(n, k).is_some_and(|all| all <= subsets.most) {
        let mut inside: Vec<usize> = (0..k).collect();
        loop {
            visit(&inside);
            if !next_subset(&mut inside, n) {
                break;
            }
        }
    } else {
        let mut stream = Seed(subsets.seed).named("subsets").index(k as u64).stream();
        let mut order: Vec<usize> = (0..n).collect();
        for _ in 0..subsets.most.max(1) {
            for i in 0..k {
                let j = i + stream.below(n - i);
                order.swap(i, j);
            }
            let mut inside = order[..k].to_vec();
            inside.sort_unstable();
            visit(&inside);
        }
    }
    let [won, tie_won, tie_lost, outvoted, never_sampled] = sum.parts().map(|part| part / visited);
    Ok(Fate { won, tie_won, tie_lost, outvoted, never_sampled })
}

/// One vote among the samples `inside`, in sampling order.
fn one(votes: &Votes, weights: Option<&[f64]>, inside: &[usize], tie: Tie, sum: &mut Fate) {
    let mut totals: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for &i in inside {
        if let Some(class) = votes.classes[i] {
            totals.entry(class).or_insert((0.0, i)).0 += weights.map_or(1.0, |w| w[i]);
        }
    }
    let Some(&(mine, first)) = votes.right.and_then(|right| totals.get(&right)) else {
        sum.never_sampled += 1.0;
        return;
    };
    let top = totals.values().map(|(total, _)| *total).fold(0.0, f64::max);
    let tied = |total: f64| total >= top * (1.0 - 1e-9);
    if !tied(mine) {
        sum.outvoted += 1.0;
        return;
    }
    let rivals: Vec<usize> =
        totals.values().filter(|(total, _)| tied(*total)).map(|(_, i)| *i).collect();
    if rivals.len() == 1 {
        sum.won += 1.0;
        return;
    }
    let share = match tie {
        Tie::First => f64::from(u8::from(rivals.iter().all(|&i| first <= i))),
        _ => share_of_tie(tie, rivals.len()),
    };
    sum.tie_won += share;
    sum.tie_lost += 1.0 - share;
}

/// `C(n, k)`, or `None` where it does not fit.
fn number_of_subsets(n: usize, k: usize) -> Option<u64> {
    let mut all = 1u64;
    for i in 0..k.min(n - k) as u64 {
        all = all.checked_mul(n as u64 - i)? / (i + 1);
    }
    Some(all)
}

/// The next subset in lexicographic order; false after the last.
fn next_subset(inside: &mut [usize], n: usize) -> bool {
    let k = inside.len();
    let Some(at) = (0..k).rev().find(|&i| inside[i] < n - k + i) else { return false };
    inside[at] += 1;
    for i in at + 1..k {
        inside[i] = inside[i - 1] + 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::vote::count::Counter;

    fn votes(classes: &[usize], right: usize) -> Votes {
        // 9 stands for no answer.
        let classes = classes.iter().map(|&c| Some(c).filter(|c| *c != 9)).collect();
        Votes { classes, right: Some(right) }
    }

    #[test]
    fn all_subsets_give_what_counting_gives() {
        let votes = votes(&[1, 2, 1, 3, 9, 2, 1, 2, 4], 1);
        for tie in [Tie::Lot, Tie::Wrong, Tie::Right] {
            let mut counter = Counter::new(tie);
            for (k, counted) in (1..).zip(counter.fates(&votes).unwrap()) {
                let drawn = fate(&votes, None, k, tie, Subsets::default()).unwrap();
                for (a, b) in drawn.parts().into_iter().zip(counted.parts()) {
                    assert!((a - b).abs() < 1e-12, "{k} {tie:?}");
                }
            }
        }
    }

    #[test]
    fn random_subsets_come_near_and_the_seed_decides() {
        let classes: Vec<usize> = (0..40).map(|i| [1, 1, 2, 2, 3][i % 5]).collect();
        let votes = votes(&classes, 1);
        let subsets = Subsets { most: 4000, seed: 1 };
        let drawn = fate(&votes, None, 9, Tie::Lot, subsets).unwrap();
        let exact = Counter::new(Tie::Lot).fates(&votes).unwrap()[8];
        assert!((drawn.maj() - exact.maj()).abs() < 0.03, "{drawn:?} {exact:?}"); // standard error 0.008
        assert_eq!(drawn, fate(&votes, None, 9, Tie::Lot, subsets).unwrap());
        assert_ne!(drawn, fate(&votes, None, 9, Tie::Lot, Subsets { seed: 2, ..subsets }).unwrap());
    }

    #[test]
    fn weights_and_order_by_hand() {
        let all = |votes: &Votes, weights: Option<&[f64]>, tie| {
            fate(votes, weights, votes.len(), tie, Subsets::default()).unwrap()
        };
        // Two votes of 0.2 against one of 0.5.
        let v = votes(&[1, 1, 2], 2);
        assert_eq!(all(&v, None, Tie::Lot).outvoted, 1.0);
        assert_eq!(all(&v, Some(&[0.2, 0.2, 0.5]), Tie::Lot).won, 1.0);
        // A tie of 1 and 2: 2 was sampled first.
        let v = votes(&[2, 1, 1, 2], 2);
        assert_eq!(all(&v, None, Tie::First).tie_won, 1.0);
        assert_eq!(all(&v, None, Tie::Lot).tie_won, 0.5);
        let v = votes(&[1, 2, 1, 2], 2);
        assert_eq!(all(&v, None, Tie::First).tie_lost, 1.0);
        // Nobody answers: never sampled.
        assert_eq!(all(&votes(&[9, 9], 1), None, Tie::Lot).never_sampled, 1.0);
    }

    #[test]
    fn weights_that_are_no_weights_are_refused() {
        let v = votes(&[1, 2], 1);
        let refuse =
            |w: &[f64]| fate(&v, Some(w), 1, Tie::Lot, Subsets::default()).unwrap_err().to_string();
        assert!(refuse(&[1.0, f64::NAN]).contains("the weight of sample 1 is NaN"));
        assert!(refuse(&[1.0]).contains("1 weights for 2 samples"));
        assert!(refuse(&[-1.0, 1.0]).contains("sample 0 is -1"));
        assert!(fate(&v, None, 3, Tie::Lot, Subsets::default()).is_err());
    }
}
