//! Floor 4b: the tensor driver. Qwen3 on libtorch, its engine (a `Sampler`) and its learner (a `Learner`).

pub mod attention;
pub mod config;
pub mod qwen3;
