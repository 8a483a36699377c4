//! The tables of an ablation that hold rates.

use super::{Ablation, CONFIDENCE, Row, Scores, Section, compare};
use crate::error::Result;
use crate::plot::{self, Dots};
use crate::report::{Page, Table, p_value, percent, points};
use crate::stats::{Estimate, Method, interval, multiple, power};

/// A rate with its interval, as a cell: `79.4% +-3.5` (with the sign) for the normal interval, else `79.4% (75.6-82.7)`.
pub fn rate(e: &Estimate, method: Method, half_width: f64) -> String {
    if method == Method::Normal {
        format!("{}% \u{b1}{:.1}", percent(e.value), 100.0 * half_width)
    } else {
        format!("{}% ({}-{})", percent(e.value), percent(e.lo), percent(e.hi))
    }
}

/// The cell of some scores.
pub fn cell(scores: &Scores, method: Method) -> String {
    let e = scores.estimate(method, CONFIDENCE);
    // What stands behind the sign is half the width of the uncut interval.
    let half = match scores {
        Scores::Counts { correct, n } => interval::normal_half_width(*correct, *n, CONFIDENCE),
        Scores::Samples(cell) if cell.samples() == cell.items.len() as u64 => {
            interval::normal_half_width(cell.correct(), cell.samples(), CONFIDENCE)
        }
        Scores::Samples(_) => (e.hi - e.value).max(e.value - e.lo),
    };
    rate(&e, method, half)
}

fn marked(text: String, mark: Mark) -> String {
    match mark {
        Mark::Best => format!("**{text}**"),
        Mark::Tied => format!("{text} ="),
        Mark::Other => text,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Best, and told apart from every other.
    Best,
    /// Best, or not told apart from the best.
    Tied,
    Other,
}

/// How each row of a column stands to the best: the best against every other, corrected by Holm.
fn marks(rows: &[&Row], benchmark: &str) -> Result<Vec<Mark>> {
    let scored: Vec<(usize, &Scores)> = rows
        .iter()
        .enumerate()
        .filter_map(|(i, row)| Some((i, row.scores.get(benchmark)?)))
        .collect();
    let mut marks = vec![Mark::Other; rows.len()];
    let value = |scores: &Scores| scores.estimate(Method::Wilson, CONFIDENCE).value;
    let Some((best, scores)) =
        scored.iter().copied().reduce(|a, b| if value(b.1) > value(a.1) { b } else { a })
    else {
        return Ok(marks);
    };
    let others: Vec<(usize, &Scores)> =
        scored.iter().copied().filter(|(i, _)| *i != best).collect();
    if others.is_empty() {
        return Ok(marks);
    }
    let p = others
        .iter()
        .map(|(_, o)| Ok(compare(scores, o, CONFIDENCE)?.p))
        .collect::<Result<Vec<f64>>>()?;
    let tied: Vec<bool> = multiple::holm(&p).iter().map(|p| *p >= 1.0 - CONFIDENCE).collect();
    marks[best] = if tied.iter().any(|t| *t) { Mark::Tied } else { Mark::Best };
    for ((i, _), tied) in others.iter().zip(tied) {
        if tied {
            marks[*i] = Mark::Tied;
        }
    }
    Ok(marks)
}

fn with_marks(ablation: &Ablation, rows: &[&Row], method: Method) -> Result<Table> {
    let mut table = Table::new(1, &["Model"]);
    for row in rows {
        table.rows.push(vec![row.name.clone()]);
    }
    for benchmark in &ablation.benchmarks {
        let known = |row: &&&Row| {
            row.scores.contains_key(&benchmark.name) || row.printed.contains_key(&benchmark.name)
        };
        if !rows.iter().any(|row| known(&row)) {
            continue;
        }
        table.head.push(benchmark.label.clone());
        let marks = marks(rows, &benchmark.name)?;
        for ((row, cells), mark) in rows.iter().zip(&mut table.rows).zip(marks) {
            cells.push(match (row.scores.get(&benchmark.name), row.printed.get(&benchmark.name)) {
                (Some(scores), _) => marked(cell(scores, method), mark),
                // Printed without a count: shown as it is, and in no test.
                (None, Some(printed)) => format!("{printed} (no count)"),
                (None, None) => "-".into(),
            });
        }
    }
    Ok(table)
}

/// The main table: models x benchmarks.
///
/// # Errors
/// Two rows were asked different problems of a benchmark.
pub fn main_table(ablation: &Ablation, method: Method) -> Result<Table> {
    let rows: Vec<&Row> = ablation.rows.iter().filter(|row| row.main).collect();
    with_marks(ablation, &rows, method)
}

/// What the marks of the main table mean.
pub fn legend(ablation: &Ablation, method: Method) -> String {
    let missing = ablation
        .rows
        .iter()
        .filter(|row| row.main)
        .map(|row| ablation.benchmarks.iter().filter(|b| !row.scores.contains_key(&b.name)).count())
        .sum::<usize>();
    let missing = match missing {
        0 => "No cell is missing.".to_string(),
        n => format!("`-`: not evaluated ({n} cells)."),
    };
    let interval = if method == Method::Normal {
        "`\u{b1}` is half the width of the normal 95 % interval, for comparison with other tables; it cannot be trusted below \
         some 40 problems or near 0 and 100 %"
            .to_string()
    } else {
        format!(
            "In brackets: 95 % interval ({}; clustered over problems where they have several samples)",
            method.label()
        )
    };
    format!(
        "{interval}. **Bold**: the best of a column, told apart from every other row by a test (Holm-corrected, 5 %). `=`: the \
         best, or not told apart from the best: a tie. {missing}"
    )
}

/// The figure of all rates, one group per benchmark.
///
/// # Errors
/// It cannot be drawn.
pub fn figure(page: &mut Page, ablation: &Ablation, method: Method) -> Result<()> {
    let interval = if method == Method::Normal { Method::Wilson } else { method };
    let group = |benchmark: &super::Benchmark| {
        let rows = ablation.rows.iter().filter(|row| row.main);
        let rows: Vec<(String, Estimate)> = rows
            .filter_map(|row| {
                let scores = row.scores.get(&benchmark.name)?;
                Some((row.name.clone(), scores.estimate(interval, CONFIDENCE)))
            })
            .collect();
        (benchmark.label.clone(), rows)
    };
    let dots = Dots {
        title: "Accuracy".into(),
        x_desc: format!("accuracy, % (95 % interval, {})", interval.label()),
        groups: ablation
            .benchmarks
            .iter()
            .map(group)
            .filter(|(_, rows)| !rows.is_empty())
            .collect(),
        difference: false,
    };
    page.figure(
        "accuracy",
        "accuracy of every model with 95 % intervals, by benchmark",
        plot::dots(&dots)?,
    );
    Ok(())
}

/// A further table, with differences to one of its rows.
///
/// # Errors
/// Two rows were asked different problems.
pub fn section(
    page: &mut Page,
    ablation: &Ablation,
    section: &Section,
    method: Method,
) -> Result<()> {
    page.heading(&section.title);
    if !section.text.is_empty() {
        page.text(&section.text);
    }
    let rows = section.rows.iter().map(|name| ablation.row(name)).collect::<Result<Vec<&Row>>>()?;
    // A column that only one of the rows has compares nothing.
    let shared = |name: &String| {
        rows.iter().filter(|r| r.scores.contains_key(name) || r.printed.contains_key(name)).count()
            > 1
    };
    let narrow = Ablation {
        benchmarks: ablation.benchmarks.iter().filter(|b| shared(&b.name)).cloned().collect(),
        ..Ablation::default()
    };
    let mut table = with_marks(&narrow, &rows, method)?;
    if rows.iter().any(|row| row.note.is_some()) {
        table.head.push("note".into());
        for (row, cells) in rows.iter().zip(&mut table.rows) {
            cells.push(row.note.clone().unwrap_or_default());
        }
    }
    page.table(&table);
    let Some(against) = &section.against else { return Ok(()) };
    let base = ablation.row(against)?;
    let mut deltas = Table::new(1, &["points"]);
    deltas.head[0] = format!("against {against}");
    let columns: Vec<_> =
        ablation.benchmarks.iter().filter(|b| base.scores.contains_key(&b.name)).collect();
    deltas.head.extend(columns.iter().map(|b| b.label.clone()));
    for row in rows.iter().filter(|row| row.name != base.name) {
        let mut cells = vec![row.name.clone()];
        for benchmark in &columns {
            cells.push(match (row.scores.get(&benchmark.name), base.scores.get(&benchmark.name)) {
                (Some(a), Some(b)) => {
                    let c = compare(a, b, CONFIDENCE)?;
                    format!("{} (p {})", points(c.difference.value), p_value(c.p))
                }
                _ => "-".into(),
            });
        }
        if cells[1..].iter().any(|cell| cell != "-") {
            deltas.rows.push(cells);
        }
    }
    if !deltas.rows.is_empty() {
        page.table(&deltas);
        page.text("Differences in points with the p-value of each test, uncorrected: look at one, not at the smallest.");
    }
    Ok(())
}

/// A printed number that was held against its counts: where, what the source printed, what the counts give.
pub type Check = (String, String, String);

/// Every printed rate and difference of the source, held against the counts.
pub fn checks(ablation: &Ablation) -> Vec<Check> {
    let mut found = Vec::new();
    for row in &ablation.rows {
        for (benchmark, printed) in &row.printed {
            if let Some(scores) = row.scores.get(benchmark) {
                let full = cell(scores, Method::Normal);
                // A source that prints no interval is held against the rate alone.
                let ours = if printed.contains('\u{b1}') {
                    full.as_str()
                } else {
                    full.split(' ').next().unwrap_or_default()
                };
                let place = format!("{}, {}", row.name, ablation.label(benchmark));
                found.push((place, printed.clone(), ours.to_string()));
            }
        }
    }
    for claim in &ablation.claims {
        for (benchmark, printed) in &claim.printed {
            let value = |name: &str| {
                let scores =
                    ablation.rows.iter().find(|row| row.name == name)?.scores.get(benchmark)?;
                Some(scores.estimate(Method::Normal, CONFIDENCE).value)
            };
            if let (Some(a), Some(b)) = (value(&claim.a), value(&claim.b)) {
                let place = format!("{} less {}, {}", claim.a, claim.b, ablation.label(benchmark));
                found.push((place, printed.clone(), points(a - b)));
            }
        }
    }
    found
}

/// What the source printed against what its counts give.
pub fn printed(page: &mut Page, ablation: &Ablation) {
    let checks = checks(ablation);
    if checks.is_empty() {
        return;
    }
    page.heading("Printed numbers, held against the counts");
    let wrong: Vec<&Check> = checks.iter().filter(|(_, printed, ours)| printed != ours).collect();
    page.text(&format!(
        "{} printed numbers were compared to the last digit with what the counts give; {} agree.",
        checks.len(),
        checks.len() - wrong.len()
    ));
    if !wrong.is_empty() {
        let mut table = Table::new(3, &["where", "printed", "from the counts"]);
        table.rows = wrong
            .into_iter()
            .map(|(place, a, b)| vec![place.clone(), a.clone(), b.clone()])
            .collect();
        page.table(&table);
    }
}

/// What each benchmark can tell apart.
pub fn sizes(page: &mut Page, ablation: &Ablation) {
    page.heading("What these benchmarks can tell apart");
    let mut table = Table::new(
        1,
        &[
            "benchmark",
            "problems",
            "accuracy of the reference",
            "half width of its interval",
            "smallest detectable gain",
            "the same, paired, 10 % disagreement",
        ],
    );
    for benchmark in &ablation.benchmarks {
        let reference = ablation
            .baseline
            .as_ref()
            .and_then(|name| ablation.rows.iter().find(|row| row.name == *name))
            .into_iter()
            .chain(&ablation.rows)
            .find_map(|row| row.scores.get(&benchmark.name));
        let Some(scores) = reference else { continue };
        let e = scores.estimate(Method::Wilson, CONFIDENCE);
        let (n, alpha) = (scores.problems(), 1.0 - CONFIDENCE);
        let points = |d: Option<f64>| d.map_or("none".into(), |d| format!("{:.1}", 100.0 * d));
        table.rows.push(vec![
            benchmark.label.clone(),
            n.to_string(),
            format!("{}%", percent(e.value)),
            format!("{:.1}", 100.0 * e.half_width()),
            points(power::detectable_difference(e.value, n, alpha, 0.8)),
            points(power::detectable_paired(0.1, n, alpha, 0.8)),
        ]);
    }
    page.table(&table);
    page.text(
        "In points. Smallest gain over the reference that one sample per problem tells apart from luck with a power of 80 % at \
         5 %, two-sided, when the two evaluations are independent, and when they share their problems and disagree on one problem \
         in ten. `none`: not even a perfect score would do.",
    );
}
