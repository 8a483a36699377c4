//! What a notebook needs, behind one line: `use howard::prelude::*`.

pub use crate::answer::Grader;
pub use crate::error::Error;
pub use crate::frame::summary::Key;
pub use crate::notebook::{
    Content, Grid, PlainLines, Reading, Results, Show, Training, Vote, column, overall, study,
};
pub use crate::plot::{self, Svg};
pub use crate::report::{Page, Table};
pub use crate::stats::{self, Estimate, Method};
pub use crate::types::{Finish, Problem, SamplingParams, Verdict};
