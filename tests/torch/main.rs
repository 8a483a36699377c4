//! What needs libtorch: the model, the engine, the learner and the programs on them.
#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod engine;
mod learn;
mod model;
mod programs;
mod tokenizer;
