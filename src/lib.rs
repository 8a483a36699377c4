//! Reproducible research on math reasoning in small language models.
//!
//! A library of analysis and training routines, used from notebooks and from thin batch programs. Read
//! [`types`] first: it is one sample's journey. `docs/architecture.md` has the floors.

// Floor 0: words.
pub mod error;
pub mod progress;
pub mod rng;
pub mod types;

// Floor 1: pure functions.
pub mod answer;
pub mod stats;

// Floor 2: what is asked, rewarded, minimised.
pub mod advantage;
pub mod arith;
pub mod bench;
pub mod chat;
pub mod disk;
pub mod jsonl;
pub mod loss;
pub mod retry;
pub mod reward;
pub mod schedule;
pub mod shape;

// Floor 3: doing.
pub mod eval;
#[cfg(feature = "hub")]
pub mod hub;
pub mod learn;
pub mod rollout;
pub mod run;
pub mod sample;
pub mod trace;

// Floor 4a: pages.
#[cfg(feature = "frame")]
pub mod frame;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(all(feature = "frame", feature = "plot"))]
pub mod report;

// Floor 5, what notebooks show; printed, but decided nowhere else.
#[cfg(all(feature = "frame", feature = "plot"))]
pub mod notebook;
#[cfg(all(feature = "frame", feature = "plot"))]
pub mod prelude;

// Floor 4b, the tensors, is the package `howard-torch` (src/torch).

// Floor 5: what the programs share.
#[cfg(feature = "cli")]
pub mod cli;
