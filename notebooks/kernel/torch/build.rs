//! Lets the shared library find libtorch where it was linked (rpath), as crates/torch/build.rs.

#![allow(missing_docs)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
}
