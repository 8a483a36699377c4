//! howard with its tensor floor as one shared library, for notebooks that hold a model.
//!
//! Cells call concrete functions only: libtorch's functions are linked into this library and not visible from a cell, so a
//! generic function that ends in one of them could not be compiled there.

mod model;
mod student;

pub use howard::*;

/// What a notebook needs, behind one line: `use howard::prelude::*`.
pub mod prelude {
    pub use crate::model::{Model, gradients_on, strip, without_gradients};
    pub use crate::student::Student;
    pub use howard::advantage::Advantage;
    pub use howard::prelude::*;
    pub use howard::rollout::Group;
    pub use howard::types::{Completion, TrainSample};
}

pub use prelude::{Model, Student};
