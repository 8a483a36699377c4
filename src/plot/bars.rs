//! Bars: shares that add up to 100 %, and histograms by outcome.

use std::collections::BTreeMap;

use plotters::prelude::*;

use super::{
    FONT, GREEN, GREY, GRID, INK, PINK, RED, SIZE, SKY, Svg, VERDICTS, YELLOW, draw, horizontal,
    legend, legend_height, nothing, rows, said,
};
use crate::error::Result;
use crate::types::Verdict;

/// Shares of the five outcomes as stacked bars, one line each, with a legend.
///
/// # Errors
/// There is nothing to draw.
pub fn outcomes(title: &str, rows: &[(String, [u64; 5])]) -> Result<Svg> {
    let names = Verdict::ALL.map(|v| v.name().replace('_', " "));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows: Vec<(String, [f64; 5])> =
        rows.iter().map(|(name, counts)| (name.clone(), counts.map(|c| c as f64))).collect();
    stacked(title, "share of samples, %", &names, &VERDICTS, &rows)
}

/// Five shares as stacked bars, one line each, with a legend of their names: first good, then doubtful, then bad.
///
/// # Errors
/// There is nothing to draw.
pub fn shares(
    title: &str,
    x_desc: &str,
    names: [&str; 5],
    rows: &[(String, [f64; 5])],
) -> Result<Svg> {
    stacked(title, x_desc, &names, &[GREEN, SKY, YELLOW, RED, GREY], rows)
}

/// How often the problems of each level are solved: `counts[level]` holds (correct, samples) of each problem. A model that is
/// right now and then has wide middle parts; one that either can or cannot has none.
///
/// # Errors
/// There is nothing to draw.
pub fn reliability(title: &str, counts: &BTreeMap<u8, Vec<(u64, u64)>>) -> Result<Svg> {
    let names = ["always", "more than half", "half or less", "seldom (an eighth or less)", "never"];
    let rows: Vec<(String, [f64; 5])> = counts
        .iter()
        .map(|(level, problems)| {
            let mut parts = [0.0; 5];
            for (correct, samples) in problems {
                parts[how_often(*correct, *samples)] += 1.0;
            }
            (format!("level {level} ({} problems)", problems.len()), parts)
        })
        .collect();
    let colours = [GREEN, SKY, YELLOW, PINK, GREY];
    stacked(title, "share of problems, %", &names, &colours, &rows)
}

fn how_often(correct: u64, samples: u64) -> usize {
    match correct {
        0 => 4,
        c if c == samples => 0,
        c if 2 * c > samples => 1,
        c if 8 * c > samples => 2,
        _ => 3,
    }
}

fn stacked(
    title: &str,
    x_desc: &str,
    names: &[&str],
    colours: &[RGBColor; 5],
    bars: &[(String, [f64; 5])],
) -> Result<Svg> {
    if bars.is_empty() {
        return Err(nothing());
    }
    let below = legend_height(names);
    let height = 100 + 30 * bars.len() as u32 + below;
    let labels: Vec<&str> = bars.iter().map(|(name, _)| name.as_str()).collect();
    draw(height, |root| {
        let (top, bottom) = root.split_vertically(height - below);
        let mut chart = horizontal(&top, title, 0.0..100.0, &labels)?;
        rows(&mut chart, x_desc, &labels, &|v| format!("{v:.0}"))?;
        for (index, (_, values)) in bars.iter().enumerate() {
            let total = values.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let y = (bars.len() - index) as f64 - 0.5;
            let mut from = 0.0;
            for (value, colour) in values.iter().zip(colours) {
                let to = from + 100.0 * value / total;
                if to > from {
                    let bar = Rectangle::new([(from, y - 0.32), (to, y + 0.32)], colour.filled());
                    chart.draw_series([bar]).map_err(said)?;
                }
                from = to;
            }
        }
        let entries: Vec<(&str, RGBColor)> =
            names.iter().copied().zip(colours.iter().copied()).collect();
        legend(&bottom, &entries)
    })
}

/// Completion lengths as a stacked histogram by outcome. `tokens[v]` holds the lengths of verdict `v`.
///
/// # Errors
/// There is nothing to draw.
pub fn lengths(title: &str, tokens: &[Vec<u32>; 5]) -> Result<Svg> {
    const BINS: usize = 40;
    let longest = tokens.iter().flatten().copied().max().unwrap_or(0);
    if longest == 0 {
        return Err(nothing());
    }
    let width = f64::from(longest) / BINS as f64;
    let mut counts = [[0u64; 5]; BINS];
    for (verdict, lengths) in tokens.iter().enumerate() {
        for &length in lengths {
            counts[((f64::from(length) / width) as usize).min(BINS - 1)][verdict] += 1;
        }
    }
    let highest = counts.iter().map(|bin| bin.iter().sum::<u64>()).max().unwrap_or(1) as f64;
    let names = Verdict::ALL.map(|v| v.name().replace('_', " "));
    draw(332, |root| {
        let (top, bottom) = root.split_vertically(300);
        let mut chart = ChartBuilder::on(&top)
            .caption(title, (FONT, 18).into_font().color(&INK))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(70)
            .build_cartesian_2d(0f64..f64::from(longest), 0f64..highest * 1.05)
            .map_err(said)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .x_desc("length of a completion, tokens")
            .y_desc("samples")
            .label_style((FONT, SIZE).into_font().color(&INK))
            .draw()
            .map_err(said)?;
        for (index, bin) in counts.iter().enumerate() {
            let (x0, x1) = (index as f64 * width, (index + 1) as f64 * width);
            let mut from = 0.0;
            for (count, colour) in bin.iter().zip(VERDICTS) {
                let to = from + *count as f64;
                if *count > 0 {
                    let bar = Rectangle::new([(x0, from), (x1, to)], colour.filled());
                    chart.draw_series([bar]).map_err(said)?;
                }
                from = to;
            }
        }
        let entries: Vec<(&str, RGBColor)> =
            names.iter().map(String::as_str).zip(VERDICTS).collect();
        legend(&bottom, &entries)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_a_problem_is_solved() {
        let of = |correct| how_often(correct, 16);
        assert_eq!([16, 15, 9, 8, 3, 2, 1, 0].map(of), [0, 1, 1, 2, 2, 3, 3, 4]);
        // One sample: always or never.
        assert_eq!((how_often(1, 1), how_often(0, 1)), (0, 4));
    }
}
