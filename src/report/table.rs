//! Tables of texts: as markdown, as HTML and for a terminal.

use super::html;

/// A table of texts. The first columns are names, the rest numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Column heads.
    pub head: Vec<String>,
    /// How many columns, from the left, hold names.
    pub names: usize,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(names: usize, head: &[&str]) -> Self {
        Self { head: head.iter().map(|h| (*h).to_string()).collect(), names, rows: Vec::new() }
    }

    /// The table as markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<&str> =
            (0..self.head.len()).map(|i| if i < self.names { "---" } else { "---:" }).collect();
        let mut text = line(&self.head);
        text.push_str(&format!("|{}|\n", rule.join("|")));
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }

    /// The table as HTML.
    pub fn html(&self) -> String {
        let cells = |cells: &[String], tag: &str| {
            let cell = |(i, text): (usize, &String)| {
                let class = if i < self.names { "" } else { " class=\"n\"" };
                format!("<{tag}{class}>{}</{tag}>", html::inline(text))
            };
            format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
        };
        let body: String = self.rows.iter().map(|row| cells(row, "td")).collect();
        format!(
            "<div class=\"t\"><table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
            cells(&self.head, "th")
        )
    }

    /// The table with aligned columns, for a terminal.
    pub fn plain(&self) -> String {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|i| {
                let cells = self.rows.iter().map(|row| row[i].chars().count());
                cells.chain([self.head[i].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(i, (cell, width))| {
                    if i < self.names {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_cannot_break_out_of_its_cell() {
        let mut table = Table::new(1, &["a", "b"]);
        table.rows.push(vec!["x|y<i>".into(), "1".into()]);
        assert_eq!(table.markdown(), "| a | b |\n|---|---:|\n| x\\|y<i> | 1 |\n");
        assert_eq!(table.plain(), "a       b\nx|y<i>  1\n");
        assert!(table.html().contains("<td>x|y&lt;i&gt;</td><td class=\"n\">1</td>"));
    }
}
