//! Which differences of an ablation survive a test.

use super::{Ablation, CONFIDENCE, Compared, Test, compare};
use crate::error::Result;
use crate::plot::{self, Dots, Svg};
use crate::report::{Page, Table, p_value, points};
use crate::stats::multiple;

/// The difference of two rows on one benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Row.
    pub a: String,
    /// Row that it is compared with.
    pub b: String,
    /// Benchmark, by name.
    pub benchmark: String,
    /// The comparison.
    pub compared: Compared,
    /// p-value corrected by Holm over all differences of the report.
    pub holm: f64,
    /// Corrected by Benjamini and Hochberg.
    pub fdr: f64,
}

impl Difference {
    /// What may be concluded.
    pub fn conclusion(&self) -> &'static str {
        let alpha = 1.0 - CONFIDENCE;
        match self.compared.test {
            _ if self.holm < alpha && self.compared.difference.value > 0.0 => "higher",
            _ if self.holm < alpha => "lower",
            Test::Fisher { at_best, .. } if at_best >= alpha => {
                "not told apart, whatever the overlap"
            }
            Test::Fisher { .. } => "open: needs the single answers",
            _ if self.compared.p < alpha => "not told apart after correction",
            _ => "not told apart",
        }
    }
}

/// All differences: every row of the main table against the baseline, then the claims, each on every benchmark that both
/// have; corrected together.
///
/// # Errors
/// Two rows were asked different problems.
pub fn differences(ablation: &Ablation) -> Result<Vec<Difference>> {
    let mut pairs: Vec<(String, String, String)> = Vec::new();
    let mut add = |a: &str, b: &str, benchmark: &str| {
        let pair = (a.to_string(), b.to_string(), benchmark.to_string());
        if a != b && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    };
    if let Some(baseline) = &ablation.baseline {
        for row in ablation.rows.iter().filter(|row| row.main) {
            ablation.benchmarks.iter().for_each(|bench| add(&row.name, baseline, &bench.name));
        }
    }
    for claim in &ablation.claims {
        for benchmark in &ablation.benchmarks {
            if claim.benchmarks.is_empty() || claim.benchmarks.contains(&benchmark.name) {
                add(&claim.a, &claim.b, &benchmark.name);
            }
        }
    }
    let mut found = Vec::new();
    for (a, b, benchmark) in pairs {
        let (left, right) =
            (ablation.row(&a)?.scores.get(&benchmark), ablation.row(&b)?.scores.get(&benchmark));
        if let (Some(left), Some(right)) = (left, right) {
            let compared = compare(left, right, CONFIDENCE)?;
            found.push(Difference { a, b, benchmark, compared, holm: 1.0, fdr: 1.0 });
        }
    }
    let p: Vec<f64> = found.iter().map(|d| d.compared.p).collect();
    let corrected = multiple::holm(&p).into_iter().zip(multiple::benjamini_hochberg(&p));
    for (difference, (holm, fdr)) in found.iter_mut().zip(corrected) {
        (difference.holm, difference.fdr) = (holm, fdr);
    }
    Ok(found)
}

/// The claims in words, each with what the tests say.
pub fn claims(page: &mut Page, ablation: &Ablation, found: &[Difference]) {
    let table = claims_table(ablation, found);
    if !table.rows.is_empty() {
        page.heading("Which claims survive a test");
        page.table(&table);
    }
}

/// A row per claim that is put into words, and benchmark.
pub fn claims_table(ablation: &Ablation, found: &[Difference]) -> Table {
    let worded = ablation.claims.iter().filter_map(|c| Some((c, c.text.as_ref()?)));
    let mut table = Table::new(
        3,
        &[
            "claim",
            "compared",
            "benchmark",
            "difference",
            "p",
            "p corrected",
            "p paired, at best",
            "conclusion",
        ],
    );
    for (claim, text) in worded {
        let own = found.iter().filter(|d| {
            d.a == claim.a
                && d.b == claim.b
                && (claim.benchmarks.is_empty() || claim.benchmarks.contains(&d.benchmark))
        });
        for d in own {
            let best = match d.compared.test {
                Test::Fisher { at_best, .. } => p_value(at_best),
                _ => "-".into(),
            };
            table.rows.push(vec![
                text.clone(),
                format!("{} - {}", d.a, d.b),
                ablation.label(&d.benchmark).to_string(),
                points(d.compared.difference.value),
                p_value(d.compared.p),
                p_value(d.holm),
                best,
                d.conclusion().to_string(),
            ]);
        }
    }
    table
}

/// Every difference, as a table and a figure.
///
/// # Errors
/// The figure cannot be drawn.
pub fn all(page: &mut Page, ablation: &Ablation, found: &[Difference]) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    page.heading("Differences");
    let counts_only = found.iter().any(|d| matches!(d.compared.test, Test::Fisher { .. }));
    let mut head =
        vec!["compared", "benchmark", "points", "95 % interval", "test", "p", "p Holm", "p BH"];
    if counts_only {
        head.push("p paired, at best and worst");
    }
    head.push("conclusion");
    let mut table = Table::new(2, &head);
    for d in found {
        let e = &d.compared.difference;
        let mut cells = vec![
            format!("{} - {}", d.a, d.b),
            ablation.label(&d.benchmark).to_string(),
            points(e.value),
            format!("{} to {}", points(e.lo), points(e.hi)),
            d.compared.test.label(),
            p_value(d.compared.p),
            p_value(d.holm),
            p_value(d.fdr),
        ];
        if counts_only {
            cells.push(match d.compared.test {
                Test::Fisher { at_best, at_worst } => {
                    format!("{} to {}", p_value(at_best), p_value(at_worst))
                }
                _ => "-".into(),
            });
        }
        cells.push(d.conclusion().into());
        table.rows.push(cells);
    }
    page.table(&table);
    let tests = if counts_only {
        "Where only counts are known: Fisher's exact test, as if the two were independent, with Newcombe's interval; a paired \
         test on the same problems could give any p between the last two, depending on how far the right answers overlap."
    } else {
        "Tests are paired, on the same problems: exact McNemar test (`McNemar a:b`: problems that only the first and only the \
         second solved), or the sign-flip permutation test where problems have several samples."
    };
    page.text(&format!(
        "{tests} All {} differences are one family, corrected by Holm (the chance of one false finding) and by Benjamini and \
         Hochberg (the share of false findings); conclusions use Holm at 5 %.",
        found.len()
    ));
    let alt = "differences with 95 % intervals, by benchmark";
    page.figure("differences", alt, figure(ablation, found)?);
    Ok(())
}

/// Differences as dots with their intervals, a group per benchmark.
///
/// # Errors
/// There are none.
pub fn figure(ablation: &Ablation, found: &[Difference]) -> Result<Svg> {
    let mut groups: Vec<(String, Vec<_>)> = Vec::new();
    let one_base = found.iter().all(|d| d.b == found[0].b);
    for benchmark in &ablation.benchmarks {
        let own = found.iter().filter(|d| d.benchmark == benchmark.name);
        let rows: Vec<_> = own
            .map(|d| {
                let name = if one_base { d.a.clone() } else { format!("{} - {}", d.a, d.b) };
                (name, d.compared.difference)
            })
            .collect();
        if !rows.is_empty() {
            groups.push((benchmark.label.clone(), rows));
        }
    }
    let against = if one_base { format!(" against {}", found[0].b) } else { String::new() };
    let dots = Dots {
        title: format!("Differences{against}"),
        x_desc: "difference, points (95 % interval; hollow: holds 0)".into(),
        groups,
        difference: true,
    };
    plot::dots(&dots)
}
