//! Training curves: what was measured at each step, and its course.

use plotters::prelude::*;

use super::lines::{extent, mesh};
use super::{FONT, INK, Lines, SERIES, Svg, draw, legend, legend_height, nothing, said};
use crate::error::Result;

/// Most points of the thin line; longer runs are averaged over equal spans.
const POINTS: usize = 240;
/// Weight of the past in the thick line, at 100 points.
const MEMORY: f64 = 0.9;

/// Numbers over optimizer steps, one colour per line: thin as they were measured, thick smoothed where there are at least
/// ten (exponential moving average without the bias of its start; its memory is a tenth of the run).
///
/// # Errors
/// There is nothing to draw.
pub fn training(title: &str, y_desc: &str, lines: &[(String, Vec<(f64, f64)>)]) -> Result<Svg> {
    let shown: Vec<Vec<(f64, f64)>> = lines.iter().map(|(_, points)| averaged(points)).collect();
    let (x, y) = extent(shown.iter().flatten().copied()).ok_or_else(nothing)?;
    let figure = Lines {
        title: title.into(),
        x_desc: "optimizer step".into(),
        y_desc: y_desc.into(),
        ..Lines::default()
    };
    let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    let below = legend_height(&names);
    draw(340 + below, |root| {
        let (top, bottom) = root.split_vertically(340);
        let air = if x.1 > x.0 { 0.03 * (x.1 - x.0) } else { 0.5 };
        let mut chart = ChartBuilder::on(&top)
            .caption(title, (FONT, 18).into_font().color(&INK))
            .margin(12)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(x.0 - air..x.1 + air, y.0..y.1)
            .map_err(said)?;
        mesh(&mut chart, &figure, x, y.1 - y.0)?;
        for (index, points) in shown.iter().enumerate() {
            let colour = SERIES[index % SERIES.len()];
            let smooth = points.len() >= 10;
            let thin =
                if smooth { colour.mix(0.35).stroke_width(1) } else { colour.stroke_width(2) };
            chart.draw_series([PathElement::new(points.clone(), thin)]).map_err(said)?;
            if smooth {
                let thick = PathElement::new(smoothed(points), colour.stroke_width(3));
                chart.draw_series([thick]).map_err(said)?;
            }
        }
        let colours = (0..).map(|i| SERIES[i % SERIES.len()]);
        legend(&bottom, &names.iter().copied().zip(colours).collect::<Vec<_>>())
    })
}

fn averaged(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let finite: Vec<(f64, f64)> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let span = finite.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        let sum = part.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        (sum.0 / n, sum.1 / n)
    };
    finite.chunks(span).map(mean).collect()
}

/// `s_t = sum_i m^(t - i) y_i / sum_i m^(t - i)`, with `m` such that a tenth of the points remains in memory.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let memory = MEMORY.powf(100.0 / points.len() as f64);
    let (mut sum, mut weight) = (0.0, 0.0);
    points
        .iter()
        .map(|(x, y)| {
            sum = memory * sum + y;
            weight = memory * weight + 1.0;
            (*x, sum / weight)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_by_hand() {
        // 100 points: m = 0.9. After 1, 0: (0.9 * 1 + 0) / 1.9.
        let mut points = vec![(0.0, 1.0), (1.0, 0.0)];
        points.extend((2..100).map(|i| (f64::from(i), 0.0)));
        let smooth = smoothed(&points);
        assert_eq!(smooth[0].1, 1.0);
        assert!((smooth[1].1 - 0.9 / 1.9).abs() < 1e-12);
        // What is constant stays so, from the first point on.
        let constant: Vec<(f64, f64)> = (0..50).map(|i| (f64::from(i), 3.0)).collect();
        assert!(smoothed(&constant).iter().all(|(_, y)| (y - 3.0).abs() < 1e-12));
    }

    #[test]
    fn long_runs_are_averaged() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), 2.0)).collect();
        let short = averaged(&points);
        assert_eq!((short.len(), short[0]), (200, (2.0, 2.0))); // steps 0 to 4
    }

    #[test]
    fn short_runs_have_one_line_and_long_ones_two() {
        let run = |n: i32| vec![("r".to_string(), (0..n).map(|i| (f64::from(i), 0.5)).collect())];
        let count =
            |n| training("t", "y", &run(n)).unwrap().0.matches("stroke-width=\"3\"").count();
        assert_eq!((count(30), count(5)), (1, 0));
        assert!(training("t", "y", &[]).is_err());
    }

    #[test]
    fn small_numbers_have_short_labels() {
        let points = (0..20).map(|i| (f64::from(i), 3e-7 + 1e-9 * f64::from(i))).collect();
        let Svg(text) = training("t", "y", &[("gap".to_string(), points)]).unwrap();
        assert!(text.contains("3.10e-7") && !text.contains("0.00000"), "{text}");
    }
}
