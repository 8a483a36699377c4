//! Dots with intervals, in groups: a forest plot.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{
    BLUE, FONT, GREY, GRID, INK, SIZE, Svg, anchored, draw, horizontal, nothing, rows, said,
};
use crate::error::Result;
use crate::stats::Estimate;

/// What [`dots`] draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dots {
    /// Title.
    pub title: String,
    /// Label of the axis, with its unit.
    pub x_desc: String,
    /// Groups from top to bottom, each a head (empty: none) and its rows; shares, drawn as percentages.
    pub groups: Vec<(String, Vec<(String, Estimate)>)>,
    /// Differences, around a line at 0; else rates, from 0 to 100 %.
    pub difference: bool,
}

/// Estimates as dots with their intervals, one line each. Intervals of differences that exclude 0 are drawn full and in
/// colour, the others hollow and grey.
///
/// # Errors
/// There is nothing to draw.
pub fn dots(figure: &Dots) -> Result<Svg> {
    let mut labels: Vec<&str> = Vec::new();
    let mut places: Vec<Option<&Estimate>> = Vec::new();
    for (head, group) in &figure.groups {
        if !head.is_empty() {
            labels.push(head);
            places.push(None);
        }
        for (name, estimate) in group.iter().filter(|(_, e)| e.value.is_finite()) {
            labels.push(name);
            places.push(Some(estimate));
        }
    }
    if places.iter().all(Option::is_none) {
        return Err(nothing());
    }
    let reach =
        places.iter().flatten().map(|e| 100.0 * e.hi.abs().max(e.lo.abs())).fold(1.0, f64::max);
    let x = if figure.difference { -1.08 * reach..1.08 * reach } else { 0.0..100.0 };
    // Heads are drawn by themselves, so that they can be bold.
    let plain: Vec<&str> =
        labels.iter().zip(&places).map(|(l, p)| if p.is_some() { *l } else { "" }).collect();
    draw(104 + 26 * labels.len() as u32, |root| {
        let mut chart = horizontal(root, &figure.title, x.clone(), &labels)?;
        rows(&mut chart, &figure.x_desc, &plain, &|v| format!("{v:.0}"))?;
        if figure.difference {
            let height = labels.len() as f64;
            let zero = PathElement::new(vec![(0.0, 0.0), (0.0, height)], INK.stroke_width(1));
            chart.draw_series([zero]).map_err(said)?;
        }
        for (index, (label, place)) in labels.iter().zip(&places).enumerate() {
            let y = (labels.len() - index) as f64 - 0.5;
            let Some(e) = place else {
                let bold = anchored(HPos::Left, VPos::Center);
                let font = (FONT, SIZE).into_font().style(FontStyle::Bold);
                let text = Text::new((*label).to_string(), (4, 0), TextStyle { font, ..bold });
                let line = vec![(x.start, y + 0.5), (x.end, y + 0.5)];
                chart.draw_series([PathElement::new(line, GRID.stroke_width(1))]).map_err(said)?;
                chart.draw_series([EmptyElement::at((x.start, y)) + text]).map_err(said)?;
                continue;
            };
            let (lo, hi, value) = (100.0 * e.lo, 100.0 * e.hi, 100.0 * e.value);
            let told_apart = !figure.difference || e.lo > 0.0 || e.hi < 0.0;
            let colour = if told_apart { BLUE } else { GREY };
            let shapes = [
                vec![(lo, y), (hi, y)],
                vec![(lo, y - 0.15), (lo, y + 0.15)],
                vec![(hi, y - 0.15), (hi, y + 0.15)],
            ];
            let line = |points: Vec<(f64, f64)>| PathElement::new(points, colour.stroke_width(2));
            chart.draw_series(shapes.map(line)).map_err(said)?;
            if told_apart {
                chart.draw_series([Circle::new((value, y), 4, colour.filled())]).map_err(said)?;
            } else {
                let hollow = EmptyElement::at((value, y))
                    + Circle::new((0, 0), 4, WHITE.filled())
                    + Circle::new((0, 0), 4, colour.stroke_width(2));
                chart.draw_series([hollow]).map_err(said)?;
            }
        }
        Ok(())
    })
}
