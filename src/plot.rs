//! Figures as SVG text. Colours are those of Okabe and Ito (2008), told apart by all kinds of colour vision; the
//! background is white, so that a figure reads the same on light and dark pages.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::{Error, Result};
use crate::stats::Estimate;
use crate::types::Verdict;

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg(pub String);

const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);
const BLUE: RGBColor = RGBColor(0, 114, 178);

/// One colour per verdict, in the order of [`Verdict::ALL`].
const VERDICTS: [RGBColor; 5] = [
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];

const WIDTH: u32 = 820;
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(
    height: u32,
    paint: impl FnOnce(&Area<'_>) -> std::result::Result<(), String>,
) -> Result<Svg> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE)
            .map_err(|e| e.to_string())
            .and_then(|()| paint(&root))
            .and_then(|()| root.present().map_err(|e| e.to_string()))
            .map_err(|problem| Error::data("figure", problem))?;
    }
    Ok(Svg(text))
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn percent(value: &f64) -> String {
    format!("{value:.0} %")
}

/// Rates as dots with their intervals, one line each, from 0 to 100 %.
///
/// # Errors
/// There is nothing to draw.
pub fn intervals(title: &str, rows: &[(String, Estimate)]) -> Result<Svg> {
    if rows.is_empty() {
        return Err(Error::data("figure", "there is nothing to draw"));
    }
    let height = 100 + 32 * rows.len() as u32;
    draw(height, |root| {
        let mut chart = horizontal(root, title, rows.len())?;
        labels(&mut chart, "accuracy with 95 % interval", rows.len(), &|i| rows[i].0.clone())?;
        for (index, (_, e)) in rows.iter().enumerate() {
            let y = (rows.len() - index) as f64 - 0.5;
            let (lo, hi, value) = (100.0 * e.lo, 100.0 * e.hi, 100.0 * e.value);
            let line = |points: Vec<(f64, f64)>| PathElement::new(points, BLUE.stroke_width(2));
            let shapes = [
                vec![(lo, y), (hi, y)],
                vec![(lo, y - 0.12), (lo, y + 0.12)],
                vec![(hi, y - 0.12), (hi, y + 0.12)],
            ];
            chart.draw_series(shapes.map(line)).map_err(said)?;
            chart.draw_series([Circle::new((value, y), 4, BLUE.filled())]).map_err(said)?;
        }
        Ok(())
    })
}

/// Shares of the five outcomes as stacked bars, one line each, with a legend.
///
/// # Errors
/// There is nothing to draw.
pub fn outcomes(title: &str, rows: &[(String, [u64; 5])]) -> Result<Svg> {
    if rows.is_empty() {
        return Err(Error::data("figure", "there is nothing to draw"));
    }
    let height = 130 + 32 * rows.len() as u32;
    draw(height, |root| {
        let (top, legend) = root.split_vertically(height - 30);
        let mut chart = horizontal(&top, title, rows.len())?;
        labels(&mut chart, "share of samples", rows.len(), &|i| rows[i].0.clone())?;
        for (index, (_, counts)) in rows.iter().enumerate() {
            let total = counts.iter().sum::<u64>().max(1) as f64;
            let y = (rows.len() - index) as f64 - 0.5;
            let mut from = 0.0;
            for (count, colour) in counts.iter().zip(VERDICTS) {
                let to = from + 100.0 * *count as f64 / total;
                let bar = Rectangle::new([(from, y - 0.32), (to, y + 0.32)], colour.filled());
                chart.draw_series([bar]).map_err(said)?;
                from = to;
            }
        }
        let mut x = 200;
        for (verdict, colour) in Verdict::ALL.into_iter().zip(VERDICTS) {
            let name = verdict.name().replace('_', " ");
            legend.draw(&Rectangle::new([(x, 8), (x + 12, 20)], colour.filled())).map_err(said)?;
            let style = TextStyle::from((FONT, 14)).color(&INK);
            legend.draw(&Text::new(name, (x + 18, 7), style)).map_err(said)?;
            x += 115;
        }
        Ok(())
    })
}

/// Accuracy by level with intervals, one coloured line per series.
///
/// # Errors
/// There is nothing to draw.
pub fn levels(title: &str, series: &[(String, Vec<(u8, Estimate)>)]) -> Result<Svg> {
    let colours = [BLUE, VERDICTS[1], VERDICTS[0], VERDICTS[2], VERDICTS[3], VERDICTS[4]];
    if series.iter().all(|(_, points)| points.is_empty()) {
        return Err(Error::data("figure", "there is nothing to draw"));
    }
    draw(360, |root| {
        let (left, right) = root.split_horizontally(WIDTH - 220);
        let mut chart = ChartBuilder::on(&left)
            .caption(title, (FONT, 18).into_font().color(&INK))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(0.5f64..5.5, 0f64..100.0)
            .map_err(said)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_labels(5)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&percent)
            .x_desc("level")
            .y_desc("accuracy, 95 % interval")
            .label_style((FONT, 14).into_font().color(&INK))
            .draw()
            .map_err(said)?;
        for (index, ((name, points), colour)) in
            series.iter().zip(colours.into_iter().cycle()).enumerate()
        {
            // A small shift keeps the intervals of different series apart.
            let shift = 0.06 * (index as f64 - (series.len() as f64 - 1.0) / 2.0);
            let at = |level: u8| f64::from(level) + shift;
            let line: Vec<(f64, f64)> =
                points.iter().map(|(l, e)| (at(*l), 100.0 * e.value)).collect();
            chart.draw_series([PathElement::new(line, colour.stroke_width(2))]).map_err(said)?;
            for (level, e) in points {
                let x = at(*level);
                let whisker = vec![(x, 100.0 * e.lo), (x, 100.0 * e.hi)];
                chart
                    .draw_series([PathElement::new(whisker, colour.stroke_width(1))])
                    .map_err(said)?;
                chart
                    .draw_series([Circle::new((x, 100.0 * e.value), 3, colour.filled())])
                    .map_err(said)?;
            }
            let y = 60 + 22 * index as i32;
            right.draw(&Rectangle::new([(4, y), (16, y + 12)], colour.filled())).map_err(said)?;
            let style = TextStyle::from((FONT, 14)).color(&INK);
            right.draw(&Text::new(name.clone(), (22, y - 1), style)).map_err(said)?;
        }
        Ok(())
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
        return Err(Error::data("figure", "there is nothing to draw"));
    }
    let width = f64::from(longest) / BINS as f64;
    let mut counts = [[0u64; 5]; BINS];
    for (verdict, lengths) in tokens.iter().enumerate() {
        for &length in lengths {
            counts[((f64::from(length) / width) as usize).min(BINS - 1)][verdict] += 1;
        }
    }
    let highest = counts.iter().map(|bin| bin.iter().sum::<u64>()).max().unwrap_or(1) as f64;
    draw(330, |root| {
        let (top, legend) = root.split_vertically(300);
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
            .x_desc("tokens of a completion")
            .y_desc("samples")
            .label_style((FONT, 14).into_font().color(&INK))
            .draw()
            .map_err(said)?;
        for (index, bin) in counts.iter().enumerate() {
            let (x0, x1) = (index as f64 * width, (index + 1) as f64 * width);
            let mut from = 0.0;
            for (count, colour) in bin.iter().zip(VERDICTS) {
                let to = from + *count as f64;
                if *count > 0 {
                    chart
                        .draw_series([Rectangle::new([(x0, from), (x1, to)], colour.filled())])
                        .map_err(said)?;
                }
                from = to;
            }
        }
        let mut x = 100;
        for (verdict, colour) in Verdict::ALL.into_iter().zip(VERDICTS) {
            legend.draw(&Rectangle::new([(x, 6), (x + 12, 18)], colour.filled())).map_err(said)?;
            let style = TextStyle::from((FONT, 14)).color(&INK);
            legend
                .draw(&Text::new(verdict.name().replace('_', " "), (x + 18, 5), style))
                .map_err(said)?;
            x += 130;
        }
        Ok(())
    })
}

type Horizontal<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// A chart of `rows` lines whose x axis runs from 0 to 100 %.
fn horizontal<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    rows: usize,
) -> std::result::Result<Horizontal<'a, 'b>, String> {
    ChartBuilder::on(area)
        .caption(title, (FONT, 18).into_font().color(&INK))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(44)
        .y_label_area_size(180)
        .build_cartesian_2d(0f64..100.0, 0f64..rows as f64)
        .map_err(said)
}

fn labels(
    chart: &mut Horizontal<'_, '_>,
    x_desc: &str,
    rows: usize,
    name: &dyn Fn(usize) -> String,
) -> std::result::Result<(), String> {
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .y_labels(0)
        .x_labels(11)
        .x_label_formatter(&percent)
        .x_desc(x_desc)
        .label_style((FONT, 14).into_font().color(&INK))
        .draw()
        .map_err(said)?;
    let style =
        TextStyle::from((FONT, 14)).color(&INK).pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        ));
    for row in 0..rows {
        let y = (rows - row) as f64 - 0.5;
        let label = EmptyElement::at((0.0, y)) + Text::new(name(row), (-10, 0), style.clone());
        chart.draw_series([label]).map_err(said)?;
    }
    Ok(())
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
    }
}
