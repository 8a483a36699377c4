//! One cell of an ablation, and the comparison of two.

use crate::error::{Error, Result};
use crate::frame::Cell;
use crate::stats::{Estimate, Method, cluster, counts, interval, paired};

/// Random draws of a permutation test that cannot be done exactly.
const DRAWS: usize = 10_000;

/// What is known of a model on a benchmark.
#[derive(Clone, Debug, PartialEq)]
pub enum Scores {
    /// Only how many were right, as in a published table.
    Counts {
        /// Right answers.
        correct: u64,
        /// Problems.
        n: u64,
    },
    /// Every graded sample.
    Samples(Cell),
}

impl Scores {
    /// Number of problems.
    pub fn problems(&self) -> u64 {
        match self {
            Self::Counts { n, .. } => *n,
            Self::Samples(cell) => cell.items.len() as u64,
        }
    }

    /// Accuracy with an interval: of the wanted kind where each problem has one sample, clustered over problems else.
    pub fn estimate(&self, method: Method, confidence: f64) -> Estimate {
        match self {
            Self::Counts { correct, n } => interval::of(method, *correct, *n, confidence),
            Self::Samples(cell) if cell.samples() == cell.items.len() as u64 => {
                interval::of(method, cell.correct(), cell.samples(), confidence)
            }
            Self::Samples(cell) if method == Method::Normal => {
                cluster::normal(&cell.means(), confidence)
            }
            Self::Samples(cell) => cluster::wilson(&cell.means(), cell.samples(), confidence),
        }
    }

    fn counts(&self) -> (u64, u64) {
        match self {
            Self::Counts { correct, n } => (*correct, *n),
            Self::Samples(cell) => {
                // For a test on counts each problem counts once, whatever its number of samples.
                let rate: f64 = cell.means().iter().sum();
                (rate.round() as u64, cell.items.len() as u64)
            }
        }
    }
}

/// Which test told two cells apart, or did not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// Exact McNemar test of two models on the same problems.
    McNemar {
        /// Problems that only the first solved.
        only_a: u64,
        /// Problems that only the second solved.
        only_b: u64,
    },
    /// Sign-flip permutation test over all sign patterns.
    Permutation,
    /// Sign-flip permutation test by this many random draws.
    PermutationDrawn(usize),
    /// Fisher's exact test: the single answers are not known.
    Fisher {
        /// The smallest p-value that a McNemar test could give, over all overlaps of the right answers.
        at_best: f64,
        /// The largest.
        at_worst: f64,
    },
}

impl Test {
    /// The test in a few words.
    pub fn label(self) -> String {
        match self {
            Self::McNemar { only_a, only_b } => format!("McNemar {only_a}:{only_b}"),
            Self::Permutation => "permutation".into(),
            Self::PermutationDrawn(draws) => format!("permutation, {draws} draws"),
            Self::Fisher { .. } => "Fisher".into(),
        }
    }
}

/// The difference of two cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// First less second, as a share, with its interval.
    pub difference: Estimate,
    /// The test.
    pub test: Test,
    /// Its two-sided p-value.
    pub p: f64,
}

/// Compares two cells: paired where the single answers of both are known, on counts else.
///
/// # Errors
/// Both have single answers, but to different problems; the message counts them.
pub fn compare(a: &Scores, b: &Scores, confidence: f64) -> Result<Compared> {
    let (Scores::Samples(a), Scores::Samples(b)) = (a, b) else {
        let ((x1, n1), (x2, n2)) = (a.counts(), b.counts());
        let (at_best, at_worst) =
            if n1 == n2 { counts::mcnemar_bounds(x1, x2, n1) } else { (0.0, 1.0) };
        return Ok(Compared {
            difference: counts::newcombe((x1, n1), (x2, n2), confidence),
            test: Test::Fisher { at_best, at_worst },
            p: counts::fisher_exact((x1, n1), (x2, n2)),
        });
    };
    same_problems(a, b)?;
    let difference = paired::difference(&a.means(), &b.means(), confidence)?;
    let single = |cell: &Cell| cell.items.iter().all(|item| item.samples.len() == 1);
    if single(a) && single(b) {
        let pairs = || a.items.iter().zip(&b.items).map(|(a, b)| (a.counts().0, b.counts().0));
        let only_a = pairs().filter(|(a, b)| a > b).count() as u64;
        let only_b = pairs().filter(|(a, b)| a < b).count() as u64;
        let p = paired::mcnemar_exact(only_a, only_b);
        return Ok(Compared { difference, test: Test::McNemar { only_a, only_b }, p });
    }
    if let Some(p) = whole_differences(a, b).and_then(|d| paired::permutation_exact(&d)) {
        return Ok(Compared { difference, test: Test::Permutation, p });
    }
    let p = paired::permutation(&a.means(), &b.means(), DRAWS, 0)?;
    Ok(Compared { difference, test: Test::PermutationDrawn(DRAWS), p })
}

/// Differences as whole numbers, where every problem has the same number of samples within each cell.
fn whole_differences(a: &Cell, b: &Cell) -> Option<Vec<i64>> {
    let equal = |cell: &Cell| {
        let first = cell.items.first()?.samples.len();
        cell.items.iter().all(|item| item.samples.len() == first).then_some(first as i64)
    };
    let (na, nb) = (equal(a)?, equal(b)?);
    let pairs = a.items.iter().zip(&b.items);
    Some(pairs.map(|(a, b)| a.counts().0 as i64 * nb - b.counts().0 as i64 * na).collect())
}

fn same_problems(a: &Cell, b: &Cell) -> Result<()> {
    let ids = |cell: &Cell| -> std::collections::BTreeSet<String> {
        cell.items.iter().map(|item| item.problem.0.clone()).collect()
    };
    let (ours, theirs) = (ids(a), ids(b));
    let (only_a, only_b) = (ours.difference(&theirs).count(), theirs.difference(&ours).count());
    if only_a == 0 && only_b == 0 {
        return Ok(());
    }
    let problem = format!(
        "'{}' and '{}' were asked different problems ({only_a} only the first, {only_b} only the second): a paired \
         test needs the same ones, evaluate both on the same set",
        a.run, b.run
    );
    Err(Error::data(a.benchmark.clone(), problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Item, Sample};
    use crate::types::{ProblemId, Verdict};

    pub(crate) fn cell(run: &str, right: &[&[bool]]) -> Cell {
        let sample = |(index, right): (usize, &bool)| Sample {
            index: index as u32,
            verdict: if *right { Verdict::Correct } else { Verdict::Wrong },
            class: Some(u32::from(!right)),
            tokens: 10,
            cut: false,
            mean_logprob: f64::NAN,
        };
        let item = |(i, samples): (usize, &&[bool])| Item {
            problem: ProblemId(format!("b:{i}")),
            level: None,
            subject: None,
            samples: samples.iter().enumerate().map(sample).collect(),
        };
        Cell {
            run: run.into(),
            model: run.into(),
            benchmark: "b".into(),
            grader: "g".into(),
            seed: 0,
            items: right.iter().enumerate().map(item).collect(),
        }
    }

    #[test]
    fn single_answers_give_mcnemar_and_counts_give_fisher() {
        let a = cell("a", &[&[true], &[true], &[true], &[true], &[true], &[false]]);
        let b = cell("b", &[&[false], &[false], &[false], &[false], &[false], &[true]]);
        let c = compare(&Scores::Samples(a), &Scores::Samples(b), 0.95).unwrap();
        assert_eq!(c.test, Test::McNemar { only_a: 5, only_b: 1 });
        assert!((c.p - 14.0 / 64.0).abs() < 1e-12); // 2 (1 + 6) / 2^6
        assert!((c.difference.value - 4.0 / 6.0).abs() < 1e-12);
        let (a, b) = (Scores::Counts { correct: 13, n: 30 }, Scores::Counts { correct: 8, n: 30 });
        let c = compare(&a, &b, 0.95).unwrap();
        assert!(matches!(c.test, Test::Fisher { at_best, .. } if (at_best - 0.0625).abs() < 1e-12));
    }

    #[test]
    fn several_samples_give_the_permutation_test() {
        let a = cell("a", &[&[true, true], &[true, false], &[true, true]]);
        let b = cell("b", &[&[false, false], &[false, false], &[false, false]]);
        let c = compare(&Scores::Samples(a), &Scores::Samples(b), 0.95).unwrap();
        assert_eq!(c.test, Test::Permutation);
        assert!((c.p - 0.25).abs() < 1e-12); // 2 of 2^3 sign patterns reach the sum
    }

    #[test]
    fn different_problems_are_refused_with_their_number() {
        let (a, b) = (cell("a", &[&[true], &[true]]), cell("b", &[&[true], &[true], &[true]]));
        let refusal = compare(&Scores::Samples(a), &Scores::Samples(b), 0.95);
        let message = refusal.unwrap_err().to_string();
        assert!(message.contains("(0 only the first, 1 only the second)"), "{message}");
    }
}
