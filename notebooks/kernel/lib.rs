//! howard as one shared library, for notebooks that look at results.

pub use howard::*;
