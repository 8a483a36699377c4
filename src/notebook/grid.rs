//! Tables as a notebook shows them: numbers aligned, head and tail of long frames, sizes.

use polars::prelude::*;

use crate::report::{Table, html};

/// Rows that are shown whole; longer frames are cut to [`HEAD`] and [`TAIL`].
const WHOLE: usize = 14;
const HEAD: usize = 8;
const TAIL: usize = 4;
/// Longest text of a cell, in characters; the rest is in its tooltip.
const TEXT: usize = 96;
/// Texts longer than this may break into lines, so that a table is not wider than the page.
const LINE: usize = 30;

/// A table that is ready to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Name of each column, and whether it holds numbers.
    pub columns: Vec<(String, bool)>,
    /// The rows; `None` stands for those left out.
    pub rows: Vec<Option<Vec<String>>>,
    /// Size, or what else stands below.
    pub note: String,
}

impl Grid {
    /// All rows of a table. Columns behind its names hold numbers, unless most of their cells are words.
    pub fn of_table(table: &Table) -> Self {
        let words = |i: usize| {
            let cells = || table.rows.iter().filter_map(|row| row.get(i));
            let worded = cells().filter(|cell| cell.starts_with(char::is_alphabetic)).count();
            2 * worded > cells().count()
        };
        let columns = table
            .head
            .iter()
            .enumerate()
            .map(|(i, name)| (name.clone(), i >= table.names && !words(i)));
        let rows = table.rows.iter().cloned().map(Some);
        Self { columns: columns.collect(), rows: rows.collect(), note: String::new() }
    }

    /// Head and tail of a long table, with its size below.
    pub fn shortened(mut self) -> Self {
        let height = self.rows.len();
        if height > WHOLE {
            self.rows.splice(HEAD..height - TAIL, [None]);
            self.note = format!("{} rows", grouped(height));
        }
        self
    }

    /// Head and tail of a frame.
    pub fn of_frame(frame: &DataFrame) -> Self {
        let height = frame.height();
        let shown: Vec<usize> = if height <= WHOLE {
            (0..height).collect()
        } else {
            (0..HEAD).chain(height - TAIL..height).collect()
        };
        let cells: Vec<Vec<String>> =
            frame.columns().iter().map(|column| texts(column, &shown)).collect();
        let columns = frame
            .columns()
            .iter()
            .map(|column| (column.name().to_string(), column.dtype().is_primitive_numeric()));
        let mut rows: Vec<Option<Vec<String>>> = (0..shown.len())
            .map(|row| Some(cells.iter().map(|column| column[row].clone()).collect()))
            .collect();
        if height > WHOLE {
            rows.insert(HEAD, None);
        }
        let note = format!("{} rows, {} columns", grouped(height), frame.width());
        Self { columns: columns.collect(), rows, note }
    }

    /// As HTML; alignment is said twice, for pages that drop one way.
    pub fn html(&self) -> String {
        let side = |number: bool| if number { "right" } else { "left" };
        let cell = |tag: &str, text: &str, number: bool| {
            let side = side(number);
            let total = text.chars().count();
            let (shown, title) = if total > TEXT {
                let head: String = text.chars().take(TEXT - 3).collect();
                (html::inline(&format!("{head}...")), format!(" title=\"{}\"", html::escaped(text)))
            } else {
                (html::inline(text), String::new())
            };
            let breaks = if total > LINE { "normal" } else { "nowrap" };
            let style = format!("text-align:{side};white-space:{breaks}");
            format!("<{tag} align=\"{side}\" style=\"{style}\"{title}>{shown}</{tag}>")
        };
        let head: String = self.columns.iter().map(|(name, n)| cell("th", name, *n)).collect();
        let body: String = self
            .rows
            .iter()
            .map(|row| match row {
                Some(row) => {
                    let cells: String = row
                        .iter()
                        .zip(&self.columns)
                        .map(|(text, (_, number))| cell("td", text, *number))
                        .collect();
                    format!("<tr>{cells}</tr>\n")
                }
                None => {
                    let cells: String =
                        self.columns.iter().map(|(_, n)| cell("td", "...", *n)).collect();
                    format!("<tr>{cells}</tr>\n")
                }
            })
            .collect();
        let note = if self.note.is_empty() {
            String::new()
        } else {
            format!("<p><small>{}</small></p>\n", html::escaped(&self.note))
        };
        format!(
            "<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n{note}"
        )
    }

    /// As plain text, each column as wide as its widest cell.
    pub fn plain(&self) -> String {
        let dots: Vec<String> = self.columns.iter().map(|_| "...".to_string()).collect();
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let rows: Vec<&Vec<String>> = std::iter::once(&names)
            .chain(self.rows.iter().map(|row| row.as_ref().unwrap_or(&dots)))
            .collect();
        let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..names.len()).map(width).collect();
        let mut text = String::new();
        for row in rows {
            let cells: Vec<String> =
                row.iter()
                    .zip(&widths)
                    .zip(&self.columns)
                    .map(|((cell, width), (_, number))| {
                        if *number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                    })
                    .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text + &self.note
    }
}

/// The cells of some rows, floats of a column with the same number of decimals; empty where null.
fn texts(column: &Column, rows: &[usize]) -> Vec<String> {
    let value = |row: usize| column.get(row).unwrap_or(AnyValue::Null);
    let float = |row: usize| match value(row) {
        AnyValue::Float64(x) => Some(x),
        AnyValue::Float32(x) => Some(f64::from(x)),
        _ => None,
    };
    let digits = decimals(&rows.iter().filter_map(|row| float(*row)).collect::<Vec<_>>());
    rows.iter()
        .map(|&row| match value(row) {
            AnyValue::Null => String::new(),
            AnyValue::String(text) => text.replace('\n', " "),
            AnyValue::StringOwned(text) => text.replace('\n', " "),
            AnyValue::Float64(_) | AnyValue::Float32(_) => {
                float(row).map_or_else(String::new, |x| match digits {
                    Some(digits) => format!("{x:.digits$}"),
                    None => format!("{x:.3e}"),
                })
            }
            other => other.to_string(),
        })
        .collect()
}

/// As few decimals as keep the values, at most four; `None` where the values are too small or too large for them.
fn decimals(values: &[f64]) -> Option<usize> {
    let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    let sizes = finite.iter().map(|x| x.abs()).filter(|x| *x > 0.0);
    if sizes.clone().fold(0.0, f64::max) >= 1e12 || sizes.fold(f64::INFINITY, f64::min) < 1e-4 {
        return None;
    }
    let keeps = |digits: &usize| {
        let scale = 10f64.powi(i32::try_from(*digits).unwrap_or(0));
        finite.iter().all(|x| ((x * scale).round() / scale - x).abs() < 1e-9 * x.abs().max(1.0))
    };
    Some((0..4).find(keeps).unwrap_or(4))
}

/// A whole number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_frames_show_head_tail_and_size() {
        let n = 1200;
        let names: Vec<String> = (0..n).map(|i| format!("p{i}")).collect();
        let shares: Vec<Option<f64>> =
            (0..n).map(|i| (i != 1).then_some(f64::from(i) / 4.0)).collect();
        let frame = DataFrame::new(
            n as usize,
            vec![Column::new("name".into(), names), Column::new("share".into(), shares)],
        )
        .unwrap();
        let plain = Grid::of_frame(&frame).plain();
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines.len(), 1 + 8 + 1 + 4 + 1);
        assert_eq!(lines[0], "name    share");
        assert_eq!(lines[1], "p0       0.00");
        assert_eq!(lines[2], "p1");
        assert_eq!(lines[13], "p1199  299.75");
        assert_eq!(lines[14], "1,200 rows, 2 columns");
    }

    #[test]
    fn html_aligns_and_cannot_be_broken_out_of() {
        let long = format!("<b>{}", "x".repeat(120));
        let frame = DataFrame::new(
            1,
            vec![Column::new("text".into(), [long]), Column::new("n".into(), [3u32])],
        )
        .unwrap();
        let html = Grid::of_frame(&frame).html();
        assert!(
            html.contains(
                "<td align=\"right\" style=\"text-align:right;white-space:nowrap\">3</td>"
            )
        );
        assert!(!html.contains("<b>") && html.contains("title=\"&lt;b&gt;xxx"), "{html}");
        assert!(html.contains("...</td>"));
    }

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut table = Table::new(1, &["row", "points", "conclusion"]);
        table.rows.push(["a", "+1.0", "higher"].map(String::from).to_vec());
        table.rows.push(["b", "none", "not told apart"].map(String::from).to_vec());
        let sides: Vec<bool> = Grid::of_table(&table).columns.iter().map(|c| c.1).collect();
        assert_eq!(sides, [false, true, false]);
    }

    #[test]
    fn long_tables_can_be_shortened() {
        let grid = |height: usize| Grid {
            columns: vec![("n".into(), true)],
            rows: (0..height).map(|i| Some(vec![i.to_string()])).collect(),
            note: String::new(),
        };
        let long = grid(1200).shortened();
        let plain = long.plain();
        assert_eq!(plain.lines().nth(8), Some("   7"));
        assert_eq!(plain.lines().nth(9), Some(" ..."));
        assert_eq!(plain.lines().last(), Some("1,200 rows"));
        assert_eq!(long.rows.len(), 13);
        assert_eq!(grid(14).shortened(), grid(14));
    }

    #[test]
    fn decimals_are_few() {
        assert_eq!(decimals(&[1.0, 2.0]), Some(0));
        assert_eq!(decimals(&[0.5, 2.25]), Some(2));
        assert_eq!(decimals(&[1.0 / 3.0]), Some(4));
        assert_eq!(decimals(&[1e-7]), None);
        assert_eq!(decimals(&[f64::NAN, 0.0]), Some(0));
    }
}
