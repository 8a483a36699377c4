//! Lets programs find libtorch where it was linked (rpath) and compiles the C++ extension. libtorch's CUDA half is not linked:
//! `ext::load_cuda` loads it when a CUDA device is asked for, and 230 MB of memory are saved where none is.

#![allow(missing_docs)]

use std::path::Path;

/// Operators of libtorch that tch does not bind, and operators of ours.
const EXTENSION: [&str; 2] = ["../../src/torch/ext.cpp", "../../src/torch/fused.cpp"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../src/torch/border.h");
    EXTENSION.iter().for_each(|file| println!("cargo:rerun-if-changed={file}"));
    // torch-sys tells its direct dependents where it found libtorch.
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // Warnings of libtorch's headers are not ours.
        .flag(format!("-isystem{}", Path::new(&lib).with_file_name("include").display()))
        .files(EXTENSION)
        .compile("howard_ext");
}
