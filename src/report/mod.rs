//! Pages: markdown, HTML and SVG made from frames alone, so that they can be made again anywhere in seconds.

pub mod ablation;
pub mod curves;
pub mod eval;
pub mod html;
pub mod marked;
pub mod table;
pub mod traces;
pub mod vote;

use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::Result;
use crate::plot::Svg;
use crate::run::Manifest;

pub use table::Table;

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph: plain text with `code` and **bold**.
    Text(String),
    /// A table.
    Table(Table),
    /// Text that is shown as it is.
    Verbatim(String),
    /// A figure.
    Figure {
        /// Name of its file, without ending.
        name: String,
        /// What it shows, in words.
        alt: String,
        /// The figure.
        svg: Svg,
    },
}

/// A page of text, tables and figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    title: String,
    command: String,
    blocks: Vec<Block>,
}

impl Page {
    /// A page with its title and the command that made it.
    pub fn new(title: &str, command: &str) -> Self {
        Self { title: title.into(), command: command.replace('`', "'"), blocks: Vec::new() }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.blocks.push(Block::Heading(text.into()));
    }

    /// A paragraph of markdown: plain text with `code` and **bold**.
    pub fn text(&mut self, text: &str) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// A table.
    pub fn table(&mut self, table: &Table) {
        self.blocks.push(Block::Table(table.clone()));
    }

    /// A figure, written to `name.svg` beside the page.
    pub fn figure(&mut self, name: &str, alt: &str, svg: Svg) {
        self.blocks.push(Block::Figure { name: name.into(), alt: alt.into(), svg });
    }

    /// Text that is shown as it is, whatever it holds.
    pub fn verbatim(&mut self, text: &str) {
        self.blocks.push(Block::Verbatim(text.into()));
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The command that made it.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The parts in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The page as markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\nMade by `{}`.\n", self.title, self.command);
        for block in &self.blocks {
            text.push_str(&match block {
                Block::Heading(heading) => format!("\n## {heading}\n"),
                Block::Text(paragraph) => format!("\n{paragraph}\n"),
                Block::Table(table) => format!("\n{}", table.markdown()),
                Block::Figure { name, alt, .. } => format!("\n![{alt}]({name}.svg)\n"),
                Block::Verbatim(content) => fenced(content),
            });
        }
        text
    }

    /// Writes `report.md`, `report.html` (self-contained) and the figures into a folder; returns the path of the
    /// markdown.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        disk::create_dir(dir)?;
        for block in &self.blocks {
            if let Block::Figure { name, svg: Svg(text), .. } = block {
                disk::write_atomic(&dir.join(format!("{name}.svg")), text.as_bytes())?;
            }
        }
        disk::write_atomic(&dir.join("report.html"), html::page(self).as_bytes())?;
        let path = dir.join("report.md");
        disk::write_atomic(&path, self.markdown().as_bytes())?;
        Ok(path)
    }
}

/// A fence longer than every run of backticks inside cannot be closed by the content.
fn fenced(content: &str) -> String {
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n{fence}text\n{content}\n{fence}\n")
}

/// A share as a percentage with one decimal.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A difference of shares in percentage points with its sign and one decimal.
pub(crate) fn points(share: f64) -> String {
    format!("{:+.1}", 100.0 * share)
}

/// A p-value: three decimals, or `<0.001`.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
}

/// The provenance cells of a run: revision, device, machine, command, end.
pub(crate) fn origin(manifest: Option<&Manifest>) -> Vec<String> {
    let unknown = || "unknown".to_string();
    // Where the program lies on the machine says nothing.
    let command = |m: &Manifest| {
        let (program, args) = m.argv.split_first()?;
        let program = program.rsplit('/').next().unwrap_or(program);
        Some([vec![program.to_string()], args.to_vec()].concat().join(" ").replace('`', "'"))
    };
    vec![
        manifest
            .and_then(|m| m.git_commit.clone())
            .map_or_else(unknown, |c| c.chars().take(18).collect()),
        manifest.map_or_else(unknown, |m| m.device.clone()),
        manifest.map_or_else(unknown, |m| format!("{}, {} threads", m.platform, m.threads)),
        manifest.and_then(command).map_or_else(unknown, |c| format!("`{c}`")),
        manifest.and_then(|m| m.ended.clone()).unwrap_or_else(unknown),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_cannot_break_out_of_its_fence() {
        let mut page = Page::new("T", "report x");
        page.verbatim("a\n````\n# not a heading");
        assert!(page.markdown().contains("`````text\na\n````\n# not a heading\n`````\n"));
    }
}
