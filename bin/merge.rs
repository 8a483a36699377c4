//! `merge`: folds an adapter into the model it was trained on.

#![allow(clippy::print_stdout)] // programs print

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use howard::cli;
use howard_torch::{config, dtype, export, lora, peft, qwen3::Qwen3};

/// Fold a LoRA adapter (PEFT format) into a full model folder in Hugging Face format.
///
/// Example: an adapter that `sft` or `grpo` has trained
///
///   merge --model data/tiny --adapter results/mine/adapter --out results/merged
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = cli::EXIT_CODES)]
struct Args {
    /// Folder of the model the adapter was trained on, or its name on the hub
    #[arg(long)]
    model: PathBuf,
    /// Folder of the adapter, or its name on the hub: adapter_config.json and adapter_model.safetensors
    #[arg(long)]
    adapter: PathBuf,
    /// Folder of the merged model
    #[arg(long)]
    out: PathBuf,
    /// float32 or bfloat16: how the merged weights are written (they are added in float32)
    #[arg(long, default_value = "float32")]
    dtype: String,
}

fn main() -> ExitCode {
    cli::main("merge", || merge(&Args::parse()))
}

fn merge(args: &Args) -> anyhow::Result<u8> {
    let kind = dtype(&args.dtype)?;
    anyhow::ensure!(
        !args.out.join("config.json").exists(),
        "{}: there is a model already: choose another --out",
        args.out.display()
    );
    let (base, adapter) = (cli::hub::model(&args.model)?.dir, cli::hub::model(&args.adapter)?.dir);
    let mut model = Qwen3::load(&base, tch::Kind::Float, tch::Device::Cpu)?;
    peft::load(&mut model, &adapter, &base)?;
    lora::fold(&mut model)?;
    let model = model.to_kind(kind);
    export::save_model(&model, Some(&base), &config::eos_ids(&base)?, &args.out)?;
    println!("{}", args.out.display());
    Ok(cli::OK)
}
