//! Figures as SVG text. Colours are those of Okabe and Ito (2008), told apart by all kinds of colour vision; the
//! background is white, so that a figure reads the same on light and dark pages.

mod bars;
mod calibration;
mod dots;
mod lines;
mod tokens;
mod training;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};
use crate::stats::Estimate;

pub use bars::{lengths, outcomes, reliability, shares};
pub use calibration::calibration;
pub use dots::{Dots, dots};
pub use lines::{Line, Lines, Point, lines};
pub use tokens::tokens;
pub use training::training;

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg(pub String);

const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const RED: RGBColor = RGBColor(213, 94, 0);
const YELLOW: RGBColor = RGBColor(230, 159, 0);
const SKY: RGBColor = RGBColor(86, 180, 233);
const PINK: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(120, 120, 120);

/// One colour per verdict, in the order of [`crate::types::Verdict::ALL`].
const VERDICTS: [RGBColor; 5] = [GREEN, RED, YELLOW, SKY, GREY];
/// Colours of lines.
const SERIES: [RGBColor; 7] = [BLUE, RED, GREEN, YELLOW, PINK, SKY, GREY];

const WIDTH: u32 = 860;
const FONT: &str = "sans-serif";
/// Size of all text but titles, in pixels.
const SIZE: i32 = 14;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Painted = std::result::Result<(), String>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn draw(height: u32, paint: impl FnOnce(&Area<'_>) -> Painted) -> Result<Svg> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE)
            .map_err(said)
            .and_then(|()| paint(&root))
            .and_then(|()| root.present().map_err(said))
            .map_err(|problem| Error::data("figure", problem))?;
    }
    Ok(Svg(text))
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn nothing() -> Error {
    Error::data("figure", "there is nothing to draw")
}

/// Width of a text in pixels, near enough to keep labels apart.
fn text_width(text: &str) -> u32 {
    (text.chars().count() as u32 * SIZE as u32 * 56).div_ceil(100)
}

fn style() -> TextStyle<'static> {
    TextStyle::from((FONT, SIZE)).color(&INK)
}

fn anchored(horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    style().pos(Pos::new(horizontal, vertical))
}

/// A chart of `rows` lines from top to bottom, its labels on the left as wide as they need be.
fn horizontal<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    x: std::ops::Range<f64>,
    labels: &[&str],
) -> std::result::Result<Chart<'a, 'b>, String> {
    let widest = labels.iter().map(|label| text_width(label)).max().unwrap_or(0);
    ChartBuilder::on(area)
        .caption(title, (FONT, 18).into_font().color(&INK))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(44)
        .y_label_area_size((widest + 18).clamp(60, WIDTH / 2))
        .build_cartesian_2d(x, 0f64..labels.len() as f64)
        .map_err(said)
}

/// Grid, axis and the label of every row of a [`horizontal`] chart.
fn rows(
    chart: &mut Chart<'_, '_>,
    x_desc: &str,
    labels: &[&str],
    digits: &dyn Fn(&f64) -> String,
) -> Painted {
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .y_labels(0)
        .x_labels(11)
        .x_label_formatter(digits)
        .x_desc(x_desc)
        .label_style((FONT, SIZE).into_font().color(&INK))
        .draw()
        .map_err(said)?;
    let left = chart.as_coord_spec().get_x_range().start;
    for (row, label) in labels.iter().enumerate() {
        let y = (labels.len() - row) as f64 - 0.5;
        let text = Text::new((*label).to_string(), (-10, 0), anchored(HPos::Right, VPos::Center));
        chart.draw_series([EmptyElement::at((left, y)) + text]).map_err(said)?;
    }
    Ok(())
}

/// A legend of coloured squares, in as many lines as it takes.
fn legend(area: &Area<'_>, entries: &[(&str, RGBColor)]) -> Painted {
    let (mut x, mut y) = (30i32, 6i32);
    for (name, colour) in entries {
        let width = text_width(name) as i32 + 40;
        if x + width > WIDTH as i32 - 10 && x > 30 {
            (x, y) = (30, y + 22);
        }
        area.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], colour.filled())).map_err(said)?;
        area.draw(&Text::new((*name).to_string(), (x + 18, y - 1), style())).map_err(said)?;
        x += width;
    }
    Ok(())
}

/// Height in pixels of the [`legend`] of these names.
fn legend_height(names: &[&str]) -> u32 {
    let (mut x, mut lines) = (30, 1);
    for name in names {
        let width = text_width(name) + 40;
        if x + width > WIDTH - 10 && x > 30 {
            (x, lines) = (30, lines + 1);
        }
        x += width;
    }
    22 * lines + 10
}

/// Rates as dots with their intervals, one line each, from 0 to 100 %.
///
/// # Errors
/// There is nothing to draw.
pub fn intervals(title: &str, rows: &[(String, Estimate)]) -> Result<Svg> {
    let rows = rows.iter().map(|(name, e)| (name.clone(), *e)).collect();
    dots(&Dots {
        title: title.into(),
        x_desc: "accuracy, % (95 % interval)".into(),
        groups: vec![(String::new(), rows)],
        difference: false,
    })
}

/// Accuracy by level with intervals, one coloured line per series.
///
/// # Errors
/// There is nothing to draw.
pub fn levels(title: &str, series: &[(String, Vec<(u8, Estimate)>)]) -> Result<Svg> {
    let line = |(name, points): &(String, Vec<(u8, Estimate)>)| Line {
        name: name.clone(),
        points: points
            .iter()
            .map(|(level, e)| Point::with_interval(f64::from(*level), 100.0, e))
            .collect(),
    };
    lines(&Lines {
        title: title.into(),
        x_desc: "level".into(),
        y_desc: "accuracy, % (95 % interval)".into(),
        y: Some((0.0, 100.0)),
        lines: series.iter().map(line).collect(),
        ..Lines::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::interval::wilson;

    #[test]
    fn every_row_has_its_label_and_its_dot() {
        let rows = vec![
            ("one".to_string(), wilson(3, 10, 0.95)),
            ("two".to_string(), wilson(9, 10, 0.95)),
        ];
        let Svg(text) = intervals("Accuracy", &rows).unwrap();
        assert!(text.contains("one") && text.contains("two") && text.contains("Accuracy"));
        assert_eq!(text.matches("<circle").count(), 2);
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        assert!(intervals("a", &[]).is_err());
        assert!(outcomes("a", &[]).is_err());
        assert!(lengths("a", &Default::default()).is_err());
        assert!(levels("a", &[]).is_err());
        assert!(lines(&Lines::default()).is_err());
    }

    #[test]
    fn a_legend_breaks_its_lines() {
        assert_eq!(legend_height(&["short"]), 32);
        assert_eq!(legend_height(&["a rather long name of a run that goes on"; 6]), 76);
    }
}
