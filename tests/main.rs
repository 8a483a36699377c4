//! One integration binary, so that its dependencies are linked once.
#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod chat;
#[cfg(feature = "torch")]
mod engine;
mod features;
mod floors;
#[cfg(feature = "torch")]
mod learn;
#[cfg(feature = "torch")]
mod model;
#[cfg(all(feature = "torch", feature = "frame", feature = "plot", feature = "cli"))]
mod programs;
