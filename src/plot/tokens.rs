//! Token-probability strips: a text whose tokens are shaded by how sure the model was.

use plotters::prelude::*;

use super::{BLUE, FONT, INK, SIZE, Svg, WIDTH, draw, nothing, said, text_width};
use crate::error::Result;

const ROW: i32 = 30;
const MARGIN: i32 = 14;

/// The tokens of a text with their natural log-probabilities: white where the model was certain, the darker the blue the less
/// probable the token was (in bits: full at 6 bits, one in 64). Tokens below one half have their probability written below,
/// in percent.
///
/// # Errors
/// There are no tokens.
pub fn tokens(title: &str, tokens: &[(String, f64)]) -> Result<Svg> {
    if tokens.is_empty() {
        return Err(nothing());
    }
    let (places, rows) = places(tokens);
    let height = 44 + rows * (ROW + 14) + 34;
    draw(height as u32, |root| {
        root.draw(&Text::new(title.to_string(), (MARGIN, 10), (FONT, 18).into_font().color(&INK)))
            .map_err(said)?;
        for ((text, logprob), (x, row)) in tokens.iter().zip(&places) {
            let (x, y) = (*x, 42 + row * (ROW + 14));
            let width = token_width(text);
            let doubt = doubt(*logprob);
            let box_ = [(x, y), (x + width, y + ROW - 6)];
            root.draw(&Rectangle::new(box_, BLUE.mix(doubt).filled())).map_err(said)?;
            root.draw(&Rectangle::new(box_, INK.mix(0.18).stroke_width(1))).map_err(said)?;
            let ink = if doubt > 0.55 { WHITE } else { INK };
            let font = ("monospace", SIZE).into_font().color(&ink);
            root.draw(&Text::new(visible(text), (x + 4, y + 5), font)).map_err(said)?;
            if *logprob < 0.5f64.ln() {
                let font = (FONT, 11).into_font().color(&INK);
                let percent = format!("{:.0}", 100.0 * logprob.exp());
                root.draw(&Text::new(percent, (x + 4, y + ROW - 4), font)).map_err(said)?;
            }
        }
        let y = height - 28;
        let font = (FONT, 12).into_font().color(&INK);
        let text = "probability of the token:";
        root.draw(&Text::new(text.to_string(), (MARGIN, y + 2), font)).map_err(said)?;
        for (i, share) in [1.0f64, 0.5, 0.25, 0.125, 0.0625, 0.015_625].iter().enumerate() {
            let x = MARGIN + 150 + 92 * i as i32;
            let fill = BLUE.mix(doubt(share.ln())).filled();
            root.draw(&Rectangle::new([(x, y), (x + 14, y + 14)], fill)).map_err(said)?;
            let edge = INK.mix(0.18).stroke_width(1);
            root.draw(&Rectangle::new([(x, y), (x + 14, y + 14)], edge)).map_err(said)?;
            let font = (FONT, 12).into_font().color(&INK);
            let label = format!("{:.1} %", 100.0 * share).replace(".0 ", " ");
            root.draw(&Text::new(label, (x + 20, y + 2), font)).map_err(said)?;
        }
        Ok(())
    })
}

/// 0 where certain, 1 at 6 bits and more.
fn doubt(logprob: f64) -> f64 {
    (-logprob / (6.0 * std::f64::consts::LN_2)).clamp(0.0, 1.0)
}

/// White space made visible, so that every token can be seen.
fn visible(text: &str) -> String {
    text.replace('\n', "\\n").replace('\t', "\\t").replace(' ', "_")
}

fn token_width(text: &str) -> i32 {
    // Monospace letters are wider than the average of the other font.
    (text_width(&visible(text)) as i32 * 110 / 100).max(9) + 8
}

/// Where each token stands: x and row. A token that holds a line break ends its row.
fn places(tokens: &[(String, f64)]) -> (Vec<(i32, i32)>, i32) {
    let (mut x, mut row) = (MARGIN, 0);
    let mut places = Vec::with_capacity(tokens.len());
    for (text, _) in tokens {
        let width = token_width(text);
        if x + width > WIDTH as i32 - MARGIN && x > MARGIN {
            (x, row) = (MARGIN, row + 1);
        }
        places.push((x, row));
        x += width + 2;
        if text.contains('\n') {
            (x, row) = (MARGIN, row + 1);
        }
    }
    (places, row + i32::from(x > MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_in_bits() {
        assert_eq!(doubt(0.0), 0.0);
        assert!((doubt(0.125f64.ln()) - 0.5).abs() < 1e-12);
        assert_eq!(doubt(-50.0), 1.0);
    }

    #[test]
    fn rows_break_at_the_edge_and_at_line_breaks() {
        let short = |n: usize| vec![("abc".to_string(), -0.1); n];
        let (wide, rows) = places(&short(100));
        assert!(rows > 2 && wide.iter().all(|(x, _)| *x < WIDTH as i32 - MARGIN));
        let broken = [("a\n".to_string(), 0.0), ("b".to_string(), 0.0)];
        assert_eq!(places(&broken), (vec![(MARGIN, 0), (MARGIN, 1)], 2));
    }

    #[test]
    fn every_token_is_there_and_doubtful_ones_have_their_number() {
        let strip = [("1".to_string(), 0.25f64.ln()), (" +\n".to_string(), -0.01)];
        let Svg(text) = tokens("t", &strip).unwrap();
        assert!(text.contains("_+\\n") && text.contains("\n25\n"), "{text}");
        assert!(tokens("t", &[]).is_err());
    }
}
