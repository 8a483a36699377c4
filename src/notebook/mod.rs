//! What notebooks show: evcxr's display protocol, and types that are comfortable to explore with.
//!
//! Everything a cell touches is owned, concrete and nameable: evcxr keeps a variable between cells only then. Nothing here
//! holds state of its own. `use howard::prelude::*` brings all of it into a cell.

#![allow(clippy::print_stdout, clippy::print_stderr)] // notebooks are floor 5: what is shown is printed

mod compare;
mod grading;
mod grid;
mod groups;
mod lines;
mod reading;
mod results;
mod study;
mod training;

pub use compare::{detectable, detectable_figure};
pub use grading::graded;
pub use grid::Grid;
pub use lines::PlainLines;
pub use reading::{Reading, problems};
pub use results::{Results, Vote, overall};
pub use study::Study;
pub use training::Training;

use polars::prelude::DataFrame;

use crate::error::Error;
use crate::plot::Svg;
use crate::report::{Page, Table, html};
use crate::stats::Estimate;
use crate::types::EvalRecord;

/// What a cell shows: a rich form, and plain text for terminals and searches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Kind of the rich form, e.g. `text/html`.
    pub mime: &'static str,
    /// The rich form; empty = plain text alone.
    pub rich: String,
    /// The same as plain text.
    pub plain: String,
}

impl Content {
    /// HTML and its plain text.
    pub fn html(rich: String, plain: String) -> Self {
        Self { mime: "text/html", rich, plain }
    }

    /// Plain text alone.
    pub fn text(plain: impl Into<String>) -> Self {
        Self { mime: "text/plain", rich: String::new(), plain: plain.into() }
    }

    /// As evcxr reads it from standard output. A cell shows one content per kind: the last one printed.
    pub fn protocol(&self) -> String {
        let block = |mime: &str, content: &str| {
            format!("EVCXR_BEGIN_CONTENT {mime}\n{}\nEVCXR_END_CONTENT\n", content.trim_end())
        };
        let rich = if self.rich.is_empty() { String::new() } else { block(self.mime, &self.rich) };
        if self.plain.is_empty() { rich } else { rich + &block("text/plain", &self.plain) }
    }
}

/// What can be the last line of a cell.
pub trait Show {
    /// What is shown.
    fn content(&self) -> Content;

    /// Called by evcxr on the value of a cell.
    fn evcxr_display(&self) {
        print!("{}", self.content().protocol());
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn content(&self) -> Content {
        (**self).content()
    }
}

impl Show for Svg {
    fn content(&self) -> Content {
        Content { mime: "image/svg+xml", rich: self.0.clone(), plain: "a figure".into() }
    }
}

impl Show for Table {
    fn content(&self) -> Content {
        Content::html(Grid::of_table(self).html(), self.plain())
    }
}

impl Show for Grid {
    fn content(&self) -> Content {
        Content::html(self.html(), self.plain())
    }
}

impl Show for DataFrame {
    fn content(&self) -> Content {
        let grid = Grid::of_frame(self);
        Content::html(grid.html(), grid.plain())
    }
}

impl Show for Page {
    fn content(&self) -> Content {
        let table = |table: &Table| Grid::of_table(table).html();
        Content::html(html::fragment(self, &table), self.markdown())
    }
}

impl Show for Estimate {
    fn content(&self) -> Content {
        Content::text(format!(
            "{:.1} % ({:.1} to {:.1}; {}, n = {})",
            100.0 * self.value,
            100.0 * self.lo,
            100.0 * self.hi,
            self.method.label(),
            self.n
        ))
    }
}

impl Show for Vec<EvalRecord> {
    fn content(&self) -> Content {
        match crate::frame::from_records(self) {
            Ok(frame) => frame.content(),
            Err(error) => Content::text(error.to_string()),
        }
    }
}

/// Text is shown as it is, without quotes and escapes.
impl Show for str {
    fn content(&self) -> Content {
        Content::text(self)
    }
}

impl Show for String {
    fn content(&self) -> Content {
        Content::text(self.as_str())
    }
}

/// A failure is a sentence on standard error.
impl<T: Show> Show for Result<T, Error> {
    fn content(&self) -> Content {
        match self {
            Ok(value) => value.content(),
            Err(error) => Content::text(error.to_string()),
        }
    }

    fn evcxr_display(&self) {
        match self {
            Ok(value) => value.evcxr_display(),
            Err(error) => eprintln!("{error}"),
        }
    }
}

impl Show for () {
    fn content(&self) -> Content {
        Content::text("")
    }
}

macro_rules! plainly {
    ($($kind:ty),*) => {
        $(impl Show for $kind {
            fn content(&self) -> Content {
                Content::text(self.to_string())
            }
        })*
    };
}
plainly!(bool, char, i32, i64, u8, u32, u64, usize, f32, f64);

/// Several things one below the other: a cell shows one content of a kind, so they must be one.
///
/// # Example
/// ```
/// use howard::notebook::{Show, column};
/// let both = column(&[&"first", &"second"]);
/// assert_eq!(both.plain, "first\n\nsecond");
/// ```
pub fn column(parts: &[&dyn Show]) -> Content {
    let mut whole = Content::html(String::new(), String::new());
    for part in parts {
        let content = part.content();
        whole.rich.push_str(&match content.rich.as_str() {
            "" => format!("<p>{}</p>\n", html::escaped(&content.plain)),
            rich => format!("<div>{rich}</div>\n"),
        });
        if !whole.plain.is_empty() {
            whole.plain.push_str("\n\n");
        }
        whole.plain.push_str(&content.plain);
    }
    whole
}

impl Show for Content {
    fn content(&self) -> Content {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_evcxrs() {
        let shown = Svg("<svg/>\n".into()).content().protocol();
        assert_eq!(
            shown,
            "EVCXR_BEGIN_CONTENT image/svg+xml\n<svg/>\nEVCXR_END_CONTENT\n\
             EVCXR_BEGIN_CONTENT text/plain\na figure\nEVCXR_END_CONTENT\n"
        );
        assert_eq!(().content().protocol(), "");
        assert_eq!(
            "a".content().protocol(),
            "EVCXR_BEGIN_CONTENT text/plain\na\nEVCXR_END_CONTENT\n"
        );
    }

    #[test]
    fn failures_are_sentences() {
        let error = || Error::file("a/b", "is not a frame");
        let failed: Result<Svg, Error> = Err(error());
        assert_eq!(failed.content().plain, "a/b: is not a frame");
        // `?` in a cell prints the debug form: the sentence as well.
        assert_eq!(format!("{:?}", error()), "a/b: is not a frame");
    }

    #[test]
    fn a_column_keeps_figures_and_escapes_text() {
        let both = column(&[&"1 < 2", &Svg("<svg/>".into())]);
        assert_eq!(both.rich, "<p>1 &lt; 2</p>\n<div><svg/></div>\n");
    }
}
