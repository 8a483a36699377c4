//! Floor 4b: the tensor driver. Qwen3 on libtorch, its engine (a `Sampler`) and its learner (a `Learner`).

pub mod any;
pub mod attention;
pub mod backward;
pub mod batch;
pub mod checkpoint;
pub mod config;
mod cpu;
pub mod engine;
pub mod export;
pub mod ext;
pub mod fused;
pub mod head;
mod job;
pub mod kv;
pub mod learner;
pub mod local;
pub mod logprob;
pub mod lora;
pub mod master;
pub mod optimizer;
pub mod pack;
pub mod peft;
pub mod pick;
pub mod plain;
pub mod prepared;
pub mod qwen3;
pub mod scratch;
pub mod start;
pub mod tokenizer;
pub mod weights;

use tch::{Cuda, Device, Kind};

use howard::error::{Error, Result};

/// libtorch's error as one sentence: what howard was doing, and the first line of the message.
pub fn torch_error(doing: &str, error: &tch::TchError) -> Error {
    let text = error.to_string();
    let text = text.split("Exception raised from").next().unwrap_or_default();
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Error::Torch { doing: doing.to_string(), problem: first.to_string() }
}

/// The device of a name: `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// Another name, or CUDA where there is none.
pub fn device(name: &str) -> Result<Device> {
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        other => other.strip_prefix("cuda:").and_then(|n| n.parse().ok()).ok_or_else(|| {
            Error::config("device", format!("'{name}' is not cpu, cuda or cuda:N"))
        })?,
    };
    ext::load_cuda()?;
    let count = usize::try_from(Cuda::device_count()).unwrap_or(0);
    if index >= count {
        let problem = format!("'{name}' asked for, but libtorch sees {count} CUDA devices");
        return Err(Error::config("device", problem));
    }
    Ok(Device::Cuda(index))
}

/// Threads that libtorch computes with on the CPU.
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// The dtype of a name: `float32` or `bfloat16`.
///
/// # Errors
/// Another name.
pub fn dtype(name: &str) -> Result<Kind> {
    match name {
        "float32" => Ok(Kind::Float),
        "bfloat16" => Ok(Kind::BFloat16),
        _ => Err(Error::config("dtype", format!("'{name}' is neither float32 nor bfloat16"))),
    }
}
