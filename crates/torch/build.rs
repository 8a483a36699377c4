//! Lets programs find libtorch where it was linked (rpath), keeps its CUDA half, and compiles the C++ extension.

#![allow(missing_docs)]

use std::path::Path;

/// Operators of libtorch that tch does not bind.
const EXTENSION: &str = "../../src/torch/ext.cpp";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={EXTENSION}");
    // torch-sys tells its direct dependents where it found libtorch.
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    // rustc links with --as-needed and nothing names a symbol of libtorch_cuda: without this CUDA would silently be off.
    if Path::new(&lib).join("libtorch_cuda.so").exists() {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // Warnings of libtorch's headers are not ours.
        .flag(format!("-isystem{}", Path::new(&lib).with_file_name("include").display()))
        .file(EXTENSION)
        .compile("howard_ext");
}
