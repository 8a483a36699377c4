//! A Qwen3 on the CPU without libtorch: generation and scoring. In small models, calling an operator costs more than its
//! arithmetic; large ones are read faster in the order in which they are multiplied.
//!
//! Every number is computed by a fixed sequence of operations that does not depend on what else is in the batch, on the
//! number of threads or on the width of the processor's vectors: a sample is equal to the last bit alone and in company.
//! That is also why threads need not work in step: each decodes sequences of its own, where the model is small.
//!
//! [`lanes`] compiles the inner loops for the vectors of the machine, [`number`] is fp32 or bf16, [`vectors`] sums products,
//! [`matrix`] multiplies, [`pages`] holds keys and values, [`attend`] reads them, [`forward`] is the model, [`weights`] its
//! weights, [`team`] the threads that share a step, [`engine`] decodes, [`score`] scores given tokens.
//! [`training`] holds loops of the learner, which computes with libtorch.

pub mod attend;
pub mod engine;
pub mod forward;
pub mod lanes;
pub mod matrix;
pub mod number;
pub mod pages;
pub mod score;
pub mod team;
pub mod training;
pub mod vectors;
pub mod weights;
