//! What needs no libtorch: the rules of the house, pages, templates.
#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

#[cfg(all(feature = "frame", feature = "plot", feature = "cli"))]
mod ablation;
mod arith;
mod chat;
mod data;
#[cfg(feature = "endpoint")]
mod endpoint;
#[cfg(feature = "hub")]
mod fakehub;
mod features;
mod floors;
mod grading;
mod grpo;
mod hostile;
#[cfg(feature = "hub")]
mod hub;
mod import;
mod memory;
mod mutations;
mod notebooks;
#[cfg(all(feature = "frame", feature = "plot", feature = "cli"))]
mod report;
#[cfg(any(feature = "endpoint", feature = "hub"))]
mod server;
#[cfg(all(feature = "frame", feature = "plot"))]
mod statistics;
