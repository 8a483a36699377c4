//! Pages: markdown and SVG made from frames alone, so that they can be made again anywhere in seconds.

pub mod eval;

use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::Result;
use crate::plot::Svg;

/// A page of text, tables and figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    markdown: String,
    figures: Vec<(String, Svg)>,
}

impl Page {
    /// A page with its title and the command that made it.
    pub fn new(title: &str, command: &str) -> Self {
        let markdown = format!("# {title}\n\nMade by `{}`.\n", command.replace('`', "'"));
        Self { markdown, figures: Vec::new() }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.markdown.push_str(&format!("\n## {text}\n"));
    }

    /// A paragraph of markdown.
    pub fn text(&mut self, text: &str) {
        self.markdown.push_str(&format!("\n{text}\n"));
    }

    /// A table; columns named in `numeric` are aligned to the right.
    pub fn table(&mut self, table: &Table) {
        self.markdown.push('\n');
        self.markdown.push_str(&table.markdown());
    }

    /// A figure, written to `name.svg` beside the page.
    pub fn figure(&mut self, name: &str, alt: &str, svg: Svg) {
        self.markdown.push_str(&format!("\n![{alt}]({name}.svg)\n"));
        self.figures.push((name.to_string(), svg));
    }

    /// Text that is shown as it is, whatever it holds.
    pub fn verbatim(&mut self, text: &str) {
        // A fence longer than every run of backticks inside cannot be closed by the content.
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        self.markdown.push_str(&format!("\n{fence}text\n{text}\n{fence}\n"));
    }

    /// The page as markdown.
    pub fn markdown(&self) -> &str {
        &self.markdown
    }

    /// Writes `report.md` and its figures into a folder; returns the path of the page.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        disk::create_dir(dir)?;
        for (name, Svg(text)) in &self.figures {
            disk::write_atomic(&dir.join(format!("{name}.svg")), text.as_bytes())?;
        }
        let path = dir.join("report.md");
        disk::write_atomic(&path, self.markdown.as_bytes())?;
        Ok(path)
    }
}

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

    fn markdown(&self) -> String {
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
    fn content_cannot_break_out_of_its_fence_or_cell() {
        let mut page = Page::new("T", "report x");
        page.verbatim("a\n````\n# not a heading");
        assert!(page.markdown().contains("`````text\na\n````\n# not a heading\n`````\n"));
        let mut table = Table::new(1, &["a", "b"]);
        table.rows.push(vec!["x|y".into(), "1".into()]);
        assert_eq!(table.markdown(), "| a | b |\n|---|---:|\n| x\\|y | 1 |\n");
        assert_eq!(table.plain(), "a    b\nx|y  1\n");
    }
}
