//! With feature `torch`: lets programs find libtorch where it was linked (rpath). Without it: nothing.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // torch-sys tells its direct dependents where it found libtorch.
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    // rustc links with --as-needed and nothing names a symbol of libtorch_cuda, so CUDA would silently be off.
    // Programs that use no tensors (`report`, `grade`) are not listed and never load libtorch.
    if Path::new(&lib).join("libtorch_cuda.so").exists() {
        for program in TORCH_PROGRAMS {
            println!(
                "cargo:rustc-link-arg-bin={program}=-Wl,--no-as-needed,-ltorch_cuda,--as-needed"
            );
        }
    }
}

const TORCH_PROGRAMS: [&str; 3] = ["eval", "logprobs", "sft"];
