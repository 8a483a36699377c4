//! Lines over a number: accuracy by level, curves over k, training curves.

use plotters::prelude::*;

use super::{
    Chart, FONT, GRID, INK, Painted, SERIES, SIZE, Svg, draw, legend, legend_height, nothing, said,
};
use crate::error::Result;
use crate::stats::Estimate;

/// A point with its interval, where it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// How much.
    pub y: f64,
    /// The interval's ends.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    /// An estimate at `x`, multiplied by `scale` (100 for percentages).
    pub fn with_interval(x: f64, scale: f64, e: &Estimate) -> Self {
        Self { x, y: scale * e.value, interval: Some((scale * e.lo, scale * e.hi)) }
    }
}

/// A named line; points with a y that is not a finite number are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Points in the order of x.
    pub points: Vec<Point>,
}

/// What [`lines`] draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    /// Title.
    pub title: String,
    /// Label of the x axis, with its unit.
    pub x_desc: String,
    /// Label of the y axis, with its unit.
    pub y_desc: String,
    /// Range of the y axis; by default that of the points.
    pub y: Option<(f64, f64)>,
    /// x doubles from tick to tick (for k = 1, 2, 4 ...).
    pub doubling: bool,
    /// Intervals as a band instead of whiskers.
    pub band: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Most points that are marked with a dot each.
const DOTTED: usize = 24;

/// Lines with intervals and a legend below.
///
/// # Errors
/// There is nothing to draw.
pub fn lines(figure: &Lines) -> Result<Svg> {
    let place = |x: f64| if figure.doubling { x.log2() } else { x };
    let shown: Vec<Vec<Point>> = figure
        .lines
        .iter()
        .map(|line| {
            let finite = line.points.iter().filter(|p| p.x.is_finite() && p.y.is_finite());
            finite.map(|p| Point { x: place(p.x), ..*p }).collect()
        })
        .collect();
    let all = || shown.iter().flatten();
    if all().next().is_none() {
        return Err(nothing());
    }
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
    let (x0, x1) = (least(&mut all().map(|p| p.x)), most(&mut all().map(|p| p.x)));
    let (y0, y1) = figure.y.unwrap_or_else(|| {
        let lo = least(&mut all().map(|p| p.interval.map_or(p.y, |(lo, _)| lo)));
        let hi = most(&mut all().map(|p| p.interval.map_or(p.y, |(_, hi)| hi)));
        let air = 0.05 * (hi - lo).max(1e-9 * hi.abs()).max(1e-12);
        (lo - air, hi + air)
    });
    let air = if x1 > x0 { 0.03 * (x1 - x0) } else { 0.5 };
    let names: Vec<&str> = figure.lines.iter().map(|line| line.name.as_str()).collect();
    let below = legend_height(&names);
    draw(340 + below, |root| {
        let (top, bottom) = root.split_vertically(340);
        let mut chart = ChartBuilder::on(&top)
            .caption(&figure.title, (FONT, 18).into_font().color(&INK))
            .margin(12)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(x0 - air..x1 + air, y0..y1)
            .map_err(said)?;
        mesh(&mut chart, figure, (x0, x1), y1 - y0)?;
        for (index, points) in shown.iter().enumerate() {
            let colour = SERIES[index % SERIES.len()];
            // A small shift keeps the whiskers of different lines apart.
            let middle = (shown.len() as f64 - 1.0) / 2.0;
            let shift = if figure.band { 0.0 } else { 0.006 * (x1 - x0) * (index as f64 - middle) };
            if figure.band {
                let ends = |end: fn((f64, f64)) -> f64| {
                    points.iter().filter_map(move |p| Some((p.x, end(p.interval?))))
                };
                let mut outline: Vec<(f64, f64)> = ends(|(lo, _)| lo).collect();
                let back: Vec<(f64, f64)> = ends(|(_, hi)| hi).collect();
                outline.extend(back.into_iter().rev());
                chart
                    .draw_series([Polygon::new(outline, colour.mix(0.15).filled())])
                    .map_err(said)?;
            }
            let path: Vec<(f64, f64)> = points.iter().map(|p| (p.x + shift, p.y)).collect();
            chart.draw_series([PathElement::new(path, colour.stroke_width(2))]).map_err(said)?;
            for p in points.iter().filter(|_| points.len() <= DOTTED) {
                if let Some((lo, hi)) = p.interval.filter(|_| !figure.band) {
                    let whisker = vec![(p.x + shift, lo), (p.x + shift, hi)];
                    chart
                        .draw_series([PathElement::new(whisker, colour.stroke_width(1))])
                        .map_err(said)?;
                }
                let dot = Circle::new((p.x + shift, p.y), 3, colour.filled());
                chart.draw_series([dot]).map_err(said)?;
            }
        }
        let colours = (0..).map(|i| SERIES[i % SERIES.len()]);
        legend(&bottom, &names.iter().copied().zip(colours).collect::<Vec<_>>())
    })
}

/// Ranges of x and y, with some air above and below; `None` without points.
pub(super) fn extent(points: impl Iterator<Item = (f64, f64)>) -> Option<((f64, f64), (f64, f64))> {
    let all: Vec<(f64, f64)> = points.collect();
    let ends = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let (x, (lo, hi)) = (ends(|p| p.0), ends(|p| p.1));
    let air = 0.05 * (hi - lo).max(1e-9 * hi.abs()).max(1e-12);
    (!all.is_empty()).then_some((x, (lo - air, hi + air)))
}

pub(super) fn mesh(
    chart: &mut Chart<'_, '_>,
    figure: &Lines,
    (x0, x1): (f64, f64),
    span: f64,
) -> Painted {
    let digits =
        if span >= 20.0 { 0 } else { (1.3 - span.log10()).ceil().clamp(0.0, 16.0) as usize };
    // Long rows of zeros would run into the axis' description.
    let y_text = |y: &f64| if digits > 5 { format!("{y:.2e}") } else { format!("{y:.digits$}") };
    let whole = !figure.doubling && x1 - x0 <= 12.0;
    let ticks = if figure.doubling || whole { (x1 - x0).round() as usize + 1 } else { 9 };
    let x_text = |x: &f64| {
        let shown = if figure.doubling { x.exp2() } else { *x };
        // Ticks between whole numbers mean nothing for levels and powers of two.
        if (figure.doubling || whole) && (x - x.round()).abs() > 1e-9 {
            String::new()
        } else {
            format!("{shown:.0}")
        }
    };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_labels(ticks)
        .x_label_formatter(&x_text)
        .y_label_formatter(&y_text)
        .x_desc(figure.x_desc.as_str())
        .y_desc(figure.y_desc.as_str())
        .label_style((FONT, SIZE).into_font().color(&INK))
        .draw()
        .map_err(said)
}
