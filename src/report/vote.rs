//! Voting: maj@k and pass@k for every k from one set of samples, and what the gap between them consists of.

use super::{Page, Table, percent};
use crate::error::{Error, Result};
use crate::frame::{Cell, Item};
use crate::plot::{self, Line, Lines, Point, Svg};
use crate::stats::vote::count::Counter;
use crate::stats::vote::draw::{self, Subsets};
use crate::stats::vote::{Fate, Tie, best};
use crate::stats::{Estimate, cluster, mean};

/// How the samples of a problem decide.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What becomes of ties.
    pub tie: Tie,
    /// A score per sample, for weighted voting and best-of-k.
    pub score: Option<Score>,
    /// Subsets that are visited where counting is not possible.
    pub subsets: Subsets,
    /// Largest k; by default the fewest samples of a problem.
    pub most: Option<usize>,
}

/// Where a sample's score comes from.
#[derive(Clone, Debug)]
pub enum Score {
    /// The mean log-probability of its tokens; as a weight, its exponential.
    MeanLogprob,
    /// A table of scores by (problem, sample), with its name.
    Table(String, std::collections::HashMap<(String, u32), f64>),
}

impl Score {
    fn name(&self) -> &str {
        match self {
            Self::MeanLogprob => "mean log-probability",
            Self::Table(name, _) => name,
        }
    }

    fn of(&self, item: &Item) -> Result<Vec<f64>> {
        let one = |sample: &crate::frame::Sample| {
            let score = match self {
                Self::MeanLogprob => sample.mean_logprob,
                Self::Table(_, table) => {
                    let key = (item.problem.0.clone(), sample.index);
                    table.get(&key).copied().ok_or_else(|| {
                        let problem =
                            format!("has no score for sample {} of {}", sample.index, item.problem);
                        Error::data(self.name(), problem)
                    })?
                }
            };
            if score.is_finite() {
                return Ok(score);
            }
            let problem = format!(
                "the score of sample {} of {} is not a finite number",
                sample.index, item.problem
            );
            Err(Error::data(self.name(), problem))
        };
        item.samples.iter().map(one).collect()
    }

    /// Weights for voting: log-probabilities become probabilities per token, other scores are taken as they are.
    fn weights(&self, scores: &[f64]) -> Vec<f64> {
        match self {
            Self::MeanLogprob => scores.iter().map(|s| s.exp()).collect(),
            Self::Table(..) => scores.to_vec(),
        }
    }
}

/// One curve over k: an estimate for every k that was computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it is: `pass@k`, `maj@k` ...
    pub name: String,
    /// k and its estimate over problems.
    pub points: Vec<(usize, Estimate)>,
}

/// All curves of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// Run.
    pub run: String,
    /// Benchmark.
    pub benchmark: String,
    /// Number of problems.
    pub problems: usize,
    /// pass@k, maj@k and, with scores, weighted voting and best-of-k.
    pub curves: Vec<Curve>,
    /// Mean fate for every k from 1.
    pub fates: Vec<Fate>,
    /// Problems with more samples than the largest k.
    pub longer: usize,
}

/// The curves of a cell, for k from 1 to the fewest samples of a problem.
///
/// Everything is a mean over problems of the mean over all subsets of k of the problem's samples, with a clustered Wilson
/// interval. maj@k under [`Tie::First`] and weighted voting are drawn, at k = 1, 2, 4 ... and the largest.
///
/// # Errors
/// The cell has no problems; a score is missing or no number; a k is larger than the fewest samples.
pub fn curves(cell: &Cell, rules: &Rules) -> Result<Curves> {
    let fewest = cell.fewest();
    let most = rules.most.unwrap_or(fewest);
    if most == 0 || most > fewest {
        let problem = format!(
            "{most} is not between 1 and the fewest samples of a problem, {fewest} ('{}' on {}): evaluate with more --samples",
            cell.run, cell.benchmark
        );
        return Err(Error::config("k", problem));
    }
    let mut counter = Counter::new(rules.tie);
    let (mut pass, mut maj) = (vec![Vec::new(); most], vec![Vec::new(); most]);
    let mut sums = vec![[0.0; 5]; most];
    for item in &cell.items {
        let fates = counter.fates(&item.votes(item.samples.len()))?;
        for (k, fate) in fates.iter().take(most).enumerate() {
            pass[k].push(fate.pass());
            maj[k].push(fate.maj());
            sums[k].iter_mut().zip(fate.parts()).for_each(|(sum, part)| *sum += part);
        }
    }
    let n = cell.items.len() as f64;
    let mut curves = vec![
        curve("pass@k", (1..=most).zip(pass), cell),
        curve("maj@k", (1..=most).zip(maj), cell),
    ];
    let sparse = doubling(most);
    if rules.tie == Tie::First {
        let values = drawn(cell, rules, &sparse, None)?;
        curves[1] = curve("maj@k", sparse.iter().copied().zip(values), cell);
    }
    if let Some(score) = &rules.score {
        let values = drawn(cell, rules, &sparse, Some(score))?;
        curves.push(curve(
            &format!("vote weighted by {}", score.name()),
            sparse.iter().copied().zip(values),
            cell,
        ));
        let mut best_of = vec![Vec::new(); most];
        for item in &cell.items {
            let right: Vec<bool> = item.samples.iter().map(|s| s.class == Some(0)).collect();
            let chances = best::best_of(&score.of(item)?, &right)?;
            best_of.iter_mut().zip(chances).for_each(|(values, chance)| values.push(chance));
        }
        curves.push(curve(
            &format!("best of k by {}", score.name()),
            (1..=most).zip(best_of),
            cell,
        ));
    }
    let fates = sums
        .into_iter()
        .map(|sums| {
            let [won, tie_won, tie_lost, outvoted, never_sampled] = sums.map(|sum| sum / n);
            Fate { won, tie_won, tie_lost, outvoted, never_sampled }
        })
        .collect();
    let longer = cell.items.iter().filter(|item| item.samples.len() > most).count();
    let (run, benchmark) = (cell.run.clone(), cell.benchmark.clone());
    Ok(Curves { run, benchmark, problems: cell.items.len(), curves, fates, longer })
}

fn curve(name: &str, values: impl Iterator<Item = (usize, Vec<f64>)>, cell: &Cell) -> Curve {
    let samples = cell.samples();
    let points = values.map(|(k, values)| (k, cluster::wilson(&values, samples, 0.95))).collect();
    Curve { name: name.into(), points }
}

/// Values by k and problem of a vote that has to be drawn.
fn drawn(cell: &Cell, rules: &Rules, ks: &[usize], score: Option<&Score>) -> Result<Vec<Vec<f64>>> {
    let mut values = vec![Vec::with_capacity(cell.items.len()); ks.len()];
    for item in &cell.items {
        let votes = item.votes(item.samples.len());
        let weights =
            score.map(|score| Ok::<_, Error>(score.weights(&score.of(item)?))).transpose()?;
        for (values, &k) in values.iter_mut().zip(ks) {
            values.push(draw::fate(&votes, weights.as_deref(), k, rules.tie, rules.subsets)?.maj());
        }
    }
    Ok(values)
}

/// 1, 2, 4 ... and `most`.
fn doubling(most: usize) -> Vec<usize> {
    let mut ks: Vec<usize> =
        (0..usize::BITS).map(|i| 1usize << i).take_while(|k| *k < most).collect();
    ks.push(most);
    ks
}

/// What the columns of [`table`] mean.
pub const LEGEND: &str = "From one set of samples per problem, as means over all subsets of k with 95 % intervals clustered over \
    problems. `gap`: pass less maj, what a better way of choosing could gain; it is the sum of `outvoted` (a right answer was \
    sampled and another had more votes) and `tied, lost` (half of a tie of two). The rest up to 100 % is `never sampled`.";

/// The voting table: a row per cell and k = 1, 4, 16 ... and the largest.
///
/// # Errors
/// As [`curves`].
pub fn table(cells: &[Cell]) -> Result<Table> {
    let rules = Rules::default();
    let all = cells.iter().map(|cell| curves(cell, &rules)).collect::<Result<Vec<_>>>()?;
    Ok(rows(&all, &[1, 4, 16, 64, 256]))
}

fn rows(all: &[Curves], ks: &[usize]) -> Table {
    let mut table = Table::new(
        2,
        &[
            "model",
            "benchmark",
            "k",
            "maj@k %",
            "95 % interval",
            "pass@k %",
            "95 % interval",
            "gap",
            "outvoted",
            "tied, lost",
            "never sampled",
        ],
    );
    for c in all {
        let most = c.fates.len();
        for k in (1..=most).filter(|k| ks.contains(k) || *k == most) {
            let fate = &c.fates[k - 1];
            let at = |curve: &Curve| curve.points.iter().find(|(x, _)| *x == k).map(|(_, e)| *e);
            let shown = |e: Option<Estimate>| {
                e.map_or(["-".into(), "-".into()], |e| {
                    [percent(e.value), format!("{}-{}", percent(e.lo), percent(e.hi))]
                })
            };
            let mut cells = vec![c.run.clone(), c.benchmark.clone(), k.to_string()];
            cells.extend(shown(at(&c.curves[1])));
            cells.extend(shown(at(&c.curves[0])));
            cells.push(percent(fate.tie_lost + fate.outvoted));
            cells.extend([fate.outvoted, fate.tie_lost, fate.never_sampled].map(percent));
            table.rows.push(cells);
        }
    }
    table
}

/// The curves over k, with bands.
///
/// # Errors
/// The figure cannot be drawn.
pub fn figure(curves: &Curves) -> Result<Svg> {
    let line = |curve: &Curve| Line {
        name: curve.name.clone(),
        points: curve
            .points
            .iter()
            .map(|(k, e)| Point::with_interval(*k as f64, 100.0, e))
            .collect(),
    };
    plot::lines(&Lines {
        title: format!("{}, {}", curves.benchmark, curves.run),
        x_desc: "samples per problem, k".into(),
        y_desc: "right, % (95 % interval)".into(),
        doubling: true,
        band: true,
        lines: curves.curves.iter().map(line).collect(),
        ..Lines::default()
    })
}

/// The page of some cells.
///
/// # Errors
/// As [`curves`]; a figure cannot be drawn.
pub fn page(cells: &[Cell], rules: &Rules, command: &str) -> Result<Page> {
    let all = cells.iter().map(|cell| curves(cell, rules)).collect::<Result<Vec<_>>>()?;
    let mut page = Page::new("Voting", command);
    let votes = all.iter().map(|c| c.problems).sum::<usize>();
    page.text(&format!("{votes} problems, ties decided {}. Votes are counted over the grader's equivalence classes.", rules.tie.label()));
    page.heading("Curves");
    page.table(&rows(&all, &(0..20).map(|i| 1 << i).collect::<Vec<usize>>()));
    page.text(LEGEND);
    for (number, c) in all.iter().enumerate() {
        page.figure(
            &format!("curves_{number}"),
            &format!("pass@k and maj@k of {} on {} for every k", c.run, c.benchmark),
            figure(c)?,
        );
    }
    page.heading("Where votes are lost");
    let bars: Vec<(String, [f64; 5])> = all
        .iter()
        .filter_map(|c| {
            let label = format!("{}, {}, k = {}", c.benchmark, c.run, c.fates.len());
            Some((label, c.fates.last()?.parts()))
        })
        .collect();
    page.figure(
        "fates",
        "shares of problems won, tied, outvoted and never sampled",
        plot::shares("Fate of the right answer", "share of problems, %", Fate::NAMES, &bars)?,
    );
    if rules.score.is_some() {
        scored(&mut page, &all);
    }
    precision(&mut page, cells);
    page.heading("What was counted");
    let mut table = Table::new(
        2,
        &["model", "benchmark", "problems", "samples", "with more samples than the largest k"],
    );
    for (cell, c) in cells.iter().zip(&all) {
        table.rows.push(vec![
            c.run.clone(),
            c.benchmark.clone(),
            c.problems.to_string(),
            cell.samples().to_string(),
            c.longer.to_string(),
        ]);
    }
    page.table(&table);
    page.text("No problem and no sample is excluded: samples beyond the largest k enter through the subsets. Samples without an answer abstain.");
    Ok(page)
}

fn scored(page: &mut Page, all: &[Curves]) {
    let mut table = Table::new(2, &["model", "benchmark", "k", "rule", "right %", "95 % interval"]);
    for c in all {
        let most = c.fates.len();
        for curve in &c.curves[1..] {
            if let Some((k, e)) = curve.points.iter().find(|(k, _)| *k == most) {
                let range = format!("{}-{}", percent(e.lo), percent(e.hi));
                table.rows.push(vec![
                    c.run.clone(),
                    c.benchmark.clone(),
                    k.to_string(),
                    curve.name.replace("@k", ""),
                    percent(e.value),
                    range,
                ]);
            }
        }
    }
    page.heading("Ways of choosing");
    page.table(&table);
}

/// What more samples and what more problems would buy.
fn precision(page: &mut Page, cells: &[Cell]) {
    let mut table = Table::new(
        2,
        &[
            "model",
            "benchmark",
            "half width of the mean accuracy",
            "with one sample",
            "with any number",
            "problems for \u{b1}2 points",
        ],
    );
    for cell in cells {
        let counts: Vec<(u64, u64)> = cell.items.iter().map(Item::counts).collect();
        let Some((between, within)) = cluster::components(&counts) else { continue };
        let n = counts.len() as f64;
        let z = crate::stats::z(0.95);
        let half = |k: f64| 100.0 * z * ((between + within / k) / n).sqrt();
        let k = mean(&counts.iter().map(|(_, n)| *n as f64).collect::<Vec<_>>());
        let needed = ((between + within / k) * (z / 0.02).powi(2)).ceil();
        table.rows.push(vec![
            cell.run.clone(),
            cell.benchmark.clone(),
            format!("{:.1}", half(k)),
            format!("{:.1}", half(1.0)),
            format!("{:.1}", half(f64::INFINITY)),
            format!("{needed:.0}"),
        ]);
    }
    if !table.rows.is_empty() {
        page.heading("What more samples would buy");
        page.table(&table);
        page.text("Half the width of the 95 % interval in points: as it is, with one sample per problem, and with endlessly many, where only the choice of problems is left; and how many problems of this kind would bring it to two points.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::cells_of;
    use crate::types::{EvalRecord, Finish, ProblemId, Verdict};

    /// One problem per text, a letter per sample: `r` right, `-` no answer, others wrong answers.
    fn cell(problems: &[&str]) -> Cell {
        let mut records = Vec::new();
        for (i, samples) in problems.iter().enumerate() {
            for (sample, letter) in samples.chars().enumerate() {
                let verdict = match letter {
                    'r' => Verdict::Correct,
                    '-' => Verdict::NoAnswer,
                    _ => Verdict::Wrong,
                };
                records.push(EvalRecord {
                    run: "r".into(),
                    model: "m".into(),
                    benchmark: "b".into(),
                    problem: ProblemId(format!("b:{i}")),
                    level: None,
                    subject: None,
                    sample: sample as u32,
                    seed: 0,
                    verdict,
                    answer: (letter != '-').then(|| letter.to_string()),
                    gold: "r".into(),
                    finish: Finish::Stop,
                    prompt_tokens: 1,
                    completion_tokens: 2,
                    logprob_sum: Some(if letter == 'r' { -0.2 } else { -2.0 }),
                    grader: "g".into(),
                    text: String::new(),
                });
            }
        }
        cells_of(&records).unwrap().remove(0)
    }

    #[test]
    fn the_gap_is_split_by_hand() {
        // k = 3: won (2 of 3), outvoted (1 against 2), tied with one (r, x, abstain), never sampled.
        let c = curves(&cell(&["rrx", "rxx", "rx-", "xyz"]), &Rules::default()).unwrap();
        assert_eq!(c.fates[2].parts(), [0.25, 0.125, 0.125, 0.25, 0.25]);
        assert_eq!(c.curves[0].points[2].1.value, 0.75);
        assert_eq!(c.curves[1].points[2].1.value, 0.375);
        // k = 1: maj is pass: 2/3, 1/3, 1/3, 0.
        for curve in &c.curves {
            assert!((curve.points[0].1.value - (4.0 / 3.0) / 4.0).abs() < 1e-12, "{curve:?}");
        }
    }

    #[test]
    fn scores_can_only_help_where_they_tell_right_from_wrong() {
        let rules = Rules { score: Some(Score::MeanLogprob), ..Rules::default() };
        let c = curves(&cell(&["rxx", "xrx", "xyz"]), &rules).unwrap();
        let last = |i: usize| c.curves[i].points.last().unwrap().1.value;
        assert_eq!(c.curves[3].name, "best of k by mean log-probability");
        assert!((last(3) - 2.0 / 3.0).abs() < 1e-12);
        // Weights e^-0.1 against 2 e^-1: 0.905 against 0.736: won.
        assert!((last(2) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(last(1), 0.0);
        let table = Score::Table("scores.csv".into(), [(("b:0".to_string(), 0), 1.0)].into());
        let rules = Rules { score: Some(table), ..Rules::default() };
        let message = curves(&cell(&["rx"]), &rules).unwrap_err().to_string();
        assert!(message.contains("scores.csv: has no score for sample 1 of b:0"), "{message}");
    }

    #[test]
    fn too_large_a_k_is_refused_and_a_page_shows_what_it_counted() {
        let message = curves(&cell(&["rx", "r"]), &Rules { most: Some(2), ..Rules::default() })
            .unwrap_err()
            .to_string();
        assert!(message.contains("fewest samples of a problem, 1"), "{message}");
        let page = page(&[cell(&["rxx", "rr"])], &Rules::default(), "vote x").unwrap();
        assert!(page.markdown().contains("| r | b | 2 | 5 | 1 |"), "{}", page.markdown());
    }

    #[test]
    fn ties_by_order_are_drawn() {
        let rules = Rules { tie: Tie::First, ..Rules::default() };
        let c = curves(&cell(&["rx", "xr", "rx"]), &rules).unwrap();
        assert!((c.curves[1].points[1].1.value - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn doubling_ends_with_the_largest() {
        assert_eq!(doubling(6), [1, 2, 4, 6]);
        assert_eq!(doubling(1), [1]);
    }
}
