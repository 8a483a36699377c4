//! Calibration: what a model's confidence says about being right.

use plotters::prelude::*;

use super::{BLUE, FONT, GREY, GRID, INK, SIZE, Svg, draw, nothing, said};
use crate::error::Result;
use crate::stats::interval::wilson;

/// Confidence against accuracy: samples sorted by confidence into parts of equal size (at most ten, of at least 20 samples),
/// each a dot with Wilson's interval at its mean confidence. A calibrated confidence lies on the dashed line.
///
/// # Errors
/// There are no samples with a finite confidence.
pub fn calibration(title: &str, samples: &[(f64, bool)]) -> Result<Svg> {
    let parts = parts(samples);
    if parts.is_empty() {
        return Err(nothing());
    }
    draw(380, |root| {
        let mut chart = ChartBuilder::on(root)
            .caption(title, (FONT, 18).into_font().color(&INK))
            .margin(12)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d(0f64..100.0, 0f64..100.0)
            .map_err(said)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_label_formatter(&|v| format!("{v:.0}"))
            .y_label_formatter(&|v| format!("{v:.0}"))
            .x_desc("confidence: mean probability of a completion's tokens, %")
            .y_desc("right, % (95 % interval)")
            .label_style((FONT, SIZE).into_font().color(&INK))
            .draw()
            .map_err(said)?;
        let diagonal = (0..=20).map(|i| f64::from(i) * 5.0).map(|v| (v, v));
        chart
            .draw_series(DashedLineSeries::new(diagonal, 6, 5, GREY.stroke_width(1)))
            .map_err(said)?;
        for part in &parts {
            let (x, e) = (100.0 * part.confidence, wilson(part.right, part.samples, 0.95));
            let whisker = vec![(x, 100.0 * e.lo), (x, 100.0 * e.hi)];
            chart.draw_series([PathElement::new(whisker, BLUE.stroke_width(2))]).map_err(said)?;
            let dot = Circle::new((x, 100.0 * e.value), 4, BLUE.filled());
            chart.draw_series([dot]).map_err(said)?;
        }
        Ok(())
    })
}

/// Samples of similar confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    confidence: f64,
    right: u64,
    samples: u64,
}

fn parts(samples: &[(f64, bool)]) -> Vec<Part> {
    let mut sorted: Vec<(f64, bool)> =
        samples.iter().copied().filter(|(c, _)| c.is_finite()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = (sorted.len() / 20).clamp(1, 10);
    let size = sorted.len().div_ceil(count).max(1);
    let part = |chunk: &[(f64, bool)]| Part {
        confidence: chunk.iter().map(|(c, _)| c).sum::<f64>() / chunk.len() as f64,
        right: chunk.iter().filter(|(_, right)| *right).count() as u64,
        samples: chunk.len() as u64,
    };
    sorted.chunks(size).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_equal_size_and_sorted() {
        let samples: Vec<(f64, bool)> =
            (0..45).rev().map(|i| (f64::from(i) / 45.0, i >= 30)).collect();
        let found = parts(&samples);
        assert_eq!(found.iter().map(|p| p.samples).collect::<Vec<_>>(), [23, 22]);
        assert_eq!(found.iter().map(|p| p.right).collect::<Vec<_>>(), [0, 15]);
        assert!((found[0].confidence - 11.0 / 45.0).abs() < 1e-12);
        assert!(parts(&[(f64::NAN, true)]).is_empty());
    }

    #[test]
    fn one_dot_per_part() {
        let samples: Vec<(f64, bool)> = (0..40).map(|i| (0.5, i % 2 == 0)).collect();
        let Svg(text) = calibration("c", &samples).unwrap();
        assert_eq!(text.matches("<circle").count(), 2);
        assert!(calibration("c", &[]).is_err());
    }
}
