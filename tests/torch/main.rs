//! What needs libtorch: the model, the engine, the learner and the programs on them.
#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod cpu;
mod endpoint;
mod engine;
#[path = "../fakehub.rs"]
mod fakehub;
mod grpo;
mod grpo_programs;
mod hub;
mod learn;
mod model;
mod parity;
mod programs;
#[path = "../server.rs"]
mod server;
mod sft;
mod tokenizer;
