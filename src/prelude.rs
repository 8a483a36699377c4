//! What a notebook needs, behind one line: `use howard::prelude::*`.

pub use crate::answer::Grader;
pub use crate::error::Error;
pub use crate::frame::summary::Key;
pub use crate::notebook::{
    Content, Grid, PlainLines, Reading, Results, Show, Study, Training, Vote, column, detectable,
    detectable_figure, graded, overall, problems,
};
pub use crate::plot::{self, Svg};
pub use crate::report::{Page, Table};
pub use crate::stats::{self, Estimate, Method};
pub use crate::types::{Finish, Problem, SamplingParams, Verdict};
/// With it the types of frames have names that a notebook can write, so that variables keep them.
pub use polars;
pub use polars::prelude::DataFrame;
