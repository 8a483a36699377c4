//! One integration binary, so that its dependencies are linked once.
#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod features;
mod floors;
