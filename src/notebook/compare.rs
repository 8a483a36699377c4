//! Two runs on the same problems, and what a number of problems can tell apart.

use super::Results;
use crate::error::{Error, Result};
use crate::frame::Cell;
use crate::plot::{self, Line, Lines, Point, Svg};
use crate::report::ablation::{Scores, compare};
use crate::report::{Table, p_value, percent, points};
use crate::stats::{Estimate, interval, mean, multiple, paired, power};

/// Random draws of the permutation test; its p-value is then known to a tenth of itself near 0.01.
const DRAWS: usize = 20_000;
const CONFIDENCE: f64 = 0.95;
const ALPHA: f64 = 0.05;
const POWER: f64 = 0.8;

impl Results {
    /// Two runs on the same problems, a row per benchmark that both have: difference `a - b` with its paired interval, and
    /// the sign-flip permutation test.
    ///
    /// # Errors
    /// A run is unknown, or the two were asked different problems.
    pub fn compare(&self, a: &str, b: &str) -> Result<Table> {
        let (name_a, name_b) = (format!("{a}, %"), format!("{b}, %"));
        let head = ["benchmark", "problems", &name_a, &name_b, "points", "95 % interval", "p"];
        let mut table = Table::new(1, &head);
        for (x, y) in self.pairs(a, b)? {
            let (p, q) = (x.means(), y.means());
            let d = paired::difference(&p, &q, CONFIDENCE)?;
            table.rows.push(vec![
                x.benchmark.clone(),
                p.len().to_string(),
                percent(mean(&p)),
                percent(mean(&q)),
                points(d.value),
                format!("{} to {}", points(d.lo), points(d.hi)),
                p_value(paired::permutation(&p, &q, DRAWS, 0)?),
            ]);
        }
        Ok(table)
    }

    /// The differences of [`Results::compare`] as dots with their intervals.
    ///
    /// # Errors
    /// As [`Results::compare`].
    pub fn compare_figure(&self, a: &str, b: &str) -> Result<Svg> {
        let difference = |(x, y): &(Cell, Cell)| {
            let d = paired::difference(&x.means(), &y.means(), CONFIDENCE)?;
            Ok((x.benchmark.clone(), d))
        };
        let rows: Vec<(String, Estimate)> =
            self.pairs(a, b)?.iter().map(difference).collect::<Result<_>>()?;
        plot::dots(&plot::Dots {
            title: format!("{a} less {b}"),
            x_desc: "difference, points (paired 95 % interval; hollow: holds 0)".into(),
            groups: vec![(String::new(), rows)],
            difference: true,
        })
    }

    /// How many problems both runs solved, only the first, only the second, none: a row per benchmark that both have. A
    /// problem with several samples counts as solved where more than half of them are right.
    ///
    /// # Errors
    /// As [`Results::compare`].
    pub fn agreement(&self, a: &str, b: &str) -> Result<Table> {
        let (only_a, only_b) = (format!("only {a}"), format!("only {b}"));
        let head = ["benchmark", "problems", "both", &only_a, &only_b, "none", "p (McNemar)"];
        let mut table = Table::new(1, &head);
        for (x, y) in self.pairs(a, b)? {
            let mut counts = [0u64; 4];
            for (p, q) in x.means().into_iter().zip(y.means()) {
                let place = match (p > 0.5, q > 0.5) {
                    (true, true) => 0,
                    (true, false) => 1,
                    (false, true) => 2,
                    (false, false) => 3,
                };
                counts[place] += 1;
            }
            let head = [x.benchmark.clone(), x.items.len().to_string()];
            let test = p_value(paired::mcnemar_exact(counts[1], counts[2]));
            let counts = counts.map(|n| n.to_string());
            table.rows.push(head.into_iter().chain(counts).chain([test]).collect());
        }
        Ok(table)
    }

    /// The best run of a benchmark against every other, paired, with p-values corrected by Holm: which are told apart from
    /// the best, and which tie with it.
    ///
    /// # Errors
    /// There is more than one benchmark left, or none; the runs were asked different problems.
    pub fn best(&self) -> Result<Table> {
        let cells = self.cells()?;
        if let [benchmark, _, ..] = self.benchmarks().as_slice() {
            let problem = "one of several benchmarks: choose one with benchmark()";
            return Err(Error::data(benchmark.as_str(), problem));
        }
        let scored: Vec<(String, f64, Scores)> = cells
            .into_iter()
            .map(|cell| (cell.run.clone(), mean(&cell.means()), Scores::Samples(cell)))
            .collect();
        let value = |place: usize| scored[place].1;
        let best = (1..scored.len()).fold(0, |a, b| if value(b) > value(a) { b } else { a });
        let others: Vec<usize> = (0..scored.len()).filter(|place| *place != best).collect();
        let compared = others
            .iter()
            .map(|&place| compare(&scored[best].2, &scored[place].2, CONFIDENCE))
            .collect::<Result<Vec<_>>>()?;
        let holm = multiple::holm(&compared.iter().map(|c| c.p).collect::<Vec<_>>());
        let head = ["run", "accuracy, %", "best less it", "test", "p", "p corrected", "mark"];
        let mut table = Table::new(1, &head);
        let tied = holm.iter().any(|p| *p >= ALPHA);
        let row = vec![scored[best].0.clone(), percent(value(best)), "-".into(), "-".into()];
        let mark = if tied { "tie" } else { "best" };
        table.rows.push([row, vec!["-".into(), "-".into(), mark.into()]].concat());
        for ((place, c), holm) in others.iter().zip(&compared).zip(holm) {
            table.rows.push(vec![
                scored[*place].0.clone(),
                percent(value(*place)),
                points(c.difference.value),
                c.test.label(),
                p_value(c.p),
                p_value(holm),
                if holm < ALPHA { "" } else { "tie" }.into(),
            ]);
        }
        Ok(table)
    }

    /// The cells of two runs, benchmark by benchmark, with the same problems in the same order.
    fn pairs(&self, a: &str, b: &str) -> Result<Vec<(Cell, Cell)>> {
        let (left, mut right) = (self.run(a)?.cells()?, self.run(b)?.cells()?);
        let mut pairs = Vec::new();
        for x in left {
            let Some(place) = right.iter().position(|y| y.benchmark == x.benchmark) else {
                continue;
            };
            let y = right.swap_remove(place);
            let same = x.items.len() == y.items.len()
                && x.items.iter().zip(&y.items).all(|(p, q)| p.problem == q.problem);
            if !same {
                let problem = format!("{a} and {b} were asked different problems");
                return Err(Error::data(x.benchmark, problem));
            }
            pairs.push((x, y));
        }
        Ok(pairs)
    }
}

/// What benchmarks of these sizes can tell apart, one sample per problem, in points: the half width of the interval at a
/// rate, and the smallest improvement over it that is noticed with 80 % power at 5 %, unpaired and paired, where the two
/// models disagree on a share of the problems. `none`: not even the largest possible one is noticed.
///
/// # Errors
/// A rate is not between 0 and 1, or a size is 0.
pub fn detectable(sizes: &[u64], rate: f64, disagree: f64) -> Result<Table> {
    check(sizes, rate, disagree)?;
    let said = |d: Option<f64>| d.map_or_else(|| "none".into(), |d| format!("{:.1}", 100.0 * d));
    let head = ["problems", "half width of the interval", "unpaired", "paired"];
    let mut table = Table::new(1, &head);
    for &n in sizes {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let right = (rate * n as f64).round() as u64;
        let half = interval::wilson(right, n, CONFIDENCE).half_width();
        table.rows.push(vec![
            n.to_string(),
            format!("{:.1}", 100.0 * half),
            said(power::detectable_difference(rate, n, ALPHA, POWER)),
            said(power::detectable_paired(disagree, n, ALPHA, POWER)),
        ]);
    }
    Ok(table)
}

/// The two last columns of [`detectable`] as curves over sizes from 25 to 6,400 problems.
///
/// # Errors
/// A rate is not between 0 and 1.
pub fn detectable_figure(rate: f64, disagree: f64) -> Result<Svg> {
    let sizes: Vec<u64> = (0..9).map(|i| 25u64 << i).collect();
    check(&sizes, rate, disagree)?;
    let line = |name: &str, of: &dyn Fn(u64) -> Option<f64>| Line {
        name: name.into(),
        points: sizes
            .iter()
            .filter_map(|&n| Some(Point { x: n as f64, y: 100.0 * of(n)?, interval: None }))
            .collect(),
    };
    let lines = vec![
        line("unpaired", &|n| power::detectable_difference(rate, n, ALPHA, POWER)),
        line("paired", &|n| power::detectable_paired(disagree, n, ALPHA, POWER)),
    ];
    plot::lines(&Lines {
        title: "Smallest improvement that is noticed with 80 % power".into(),
        x_desc: "problems".into(),
        y_desc: "points".into(),
        doubling: true,
        lines,
        ..Lines::default()
    })
}

fn check(sizes: &[u64], rate: f64, disagree: f64) -> Result<()> {
    for (name, share) in [("rate", rate), ("disagree", disagree)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::config(name, format!("{share} must be between 0 and 1")));
        }
    }
    if sizes.contains(&0) {
        return Err(Error::config("sizes", "0 problems tell nothing apart"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::Show;
    use crate::types::{EvalRecord, Finish, ProblemId, Verdict};

    /// Run `a` solves problems 0 to 5, run `b` 5 and 6.
    fn results() -> Results {
        let record = |run: &str, problem: u32, right: bool| EvalRecord {
            run: run.into(),
            model: run.into(),
            benchmark: "m".into(),
            problem: ProblemId(format!("m:{problem}")),
            level: None,
            subject: None,
            sample: 0,
            seed: 0,
            verdict: if right { Verdict::Correct } else { Verdict::Wrong },
            answer: Some("1".into()),
            gold: "1".into(),
            finish: Finish::Stop,
            prompt_tokens: 1,
            completion_tokens: 1,
            logprob_sum: None,
            grader: "g".into(),
            text: String::new(),
        };
        let a = (0..8).map(|i| record("a", i, i < 6));
        let b = (0..8).map(|i| record("b", i, i == 5 || i == 6));
        Results::of(a.chain(b).collect()).unwrap()
    }

    #[test]
    fn differences_by_hand() {
        // 6 of 8 and 2 of 8 right: differences 1 (five times), -1 (once), 0 (twice); McNemar 2 (1 + 6) / 2^6.
        let results = results();
        let table = results.compare("a", "b").unwrap();
        assert_eq!(table.rows[0][..5], ["m", "8", "75.0", "25.0", "+50.0"]);
        let table = results.agreement("a", "b").unwrap();
        assert_eq!(table.rows[0], ["m", "8", "1", "5", "1", "1", "0.219"]);
        assert!(results.compare_figure("a", "b").unwrap().0.contains("a less b"));
    }

    #[test]
    fn other_problems_and_unknown_runs_are_refused() {
        let results = results();
        let message = results.compare("a", "c").content().plain;
        assert_eq!(message, "c: no such run: there are a, b");
        let fewer = results.only(&|r| r.run == "a" || r.problem.0 != "m:3");
        let message = fewer.compare("a", "b").content().plain;
        assert_eq!(message, "m: a and b were asked different problems");
    }

    #[test]
    fn the_best_is_told_apart_by_a_test() {
        let table = results().best().unwrap();
        assert_eq!(table.rows[0], ["a", "75.0", "-", "-", "-", "-", "tie"]);
        assert_eq!(table.rows[1], ["b", "25.0", "+50.0", "McNemar 5:1", "0.219", "0.219", "tie"]);
    }

    #[test]
    fn sizes_are_those_of_the_statistics() {
        let table = detectable(&[30, 500], 0.5, 0.1).unwrap();
        // Wilson at 15 of 30: 50 % (33.2 to 66.8). With 30 problems, three that differ can never be significant.
        assert_eq!(table.rows[0][..2], ["30", "16.8"]);
        assert_eq!(table.rows[0][3], "none");
        assert_ne!(table.rows[1][3], "none");
        let message = detectable(&[30], 1.5, 0.1).unwrap_err().to_string();
        assert!(message.contains("rate") && message.contains("between 0 and 1"), "{message}");
        assert!(detectable(&[0], 0.5, 0.1).is_err());
    }
}
