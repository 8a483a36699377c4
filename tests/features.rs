//! What is below the torch floor builds without libtorch, and no light set of features drags in a heavy crate.

use std::process::Command;

fn dependencies(package: &str, features: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}", "--target", "x86_64-unknown-linux-gnu", "--package", package])
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(String::from).collect()
}

fn assert_without(features: &[&str], heavy: &[&str]) {
    let found = dependencies("howard", features);
    assert!(found.iter().any(|name| name == "serde"), "{found:?}");
    for name in heavy {
        assert!(!found.iter().any(|f| f == name), "{features:?} drags in {name}");
    }
}

#[test]
fn the_lower_floors_need_no_heavy_crate() {
    let heavy =
        ["tch", "torch-sys", "polars", "plotters", "tokenizers", "tokio", "reqwest", "clap"];
    assert_without(&["--no-default-features"], &heavy);
}

/// A server is asked with blocking requests: no async runtime anywhere.
#[test]
fn asking_servers_needs_no_async_runtime() {
    let features = ["--no-default-features", "--features", "endpoint"];
    assert_without(&features, &["tch", "torch-sys", "tokio", "async-std", "reqwest", "hyper"]);
    assert!(
        dependencies("howard", &features).iter().any(|name| name == "ureq"),
        "the names above are right"
    );
}

/// The hub too: blocking requests, one TLS stack, and nothing of it without its feature.
#[test]
fn the_hub_needs_no_async_runtime_and_light_sets_do_not_need_the_hub() {
    let features = ["--no-default-features", "--features", "hub"];
    assert_without(
        &features,
        &["tch", "tokio", "reqwest", "hyper", "openssl", "native-tls", "polars"],
    );
    let hub = ["ureq", "rustls", "sha1"];
    assert_without(&["--no-default-features"], &hub);
    assert_without(&["--no-default-features", "--features", "frame,plot,cli"], &["ureq", "rustls"]);
}

/// polars itself needs tokio's core; nothing that opens a connection comes with it.
#[test]
fn pages_need_neither_libtorch_nor_a_network_stack() {
    let features = ["--no-default-features", "--features", "frame,plot"];
    assert_without(&features, &["tch", "torch-sys", "tokenizers", "reqwest", "hyper", "rustls"]);
}

#[test]
fn the_library_and_its_programs_never_need_libtorch_and_the_tensor_package_does() {
    assert_without(&[], &["tch", "torch-sys", "tokenizers"]);
    let tensors = dependencies("howard-torch", &[]);
    assert!(tensors.iter().any(|name| name == "tch"), "the names above are right");
}
