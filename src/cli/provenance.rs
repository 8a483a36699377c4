//! What a program knows of where it runs, for the manifest.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::SystemTime;

use crate::run::Manifest;

/// Time of day, UTC, RFC 3339.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// A manifest with everything that does not depend on the work: command line, revision, machine, versions.
pub fn manifest(seed: u64) -> Manifest {
    Manifest {
        argv: std::env::args().collect(),
        seed,
        git_commit: git_commit(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        versions: versions(),
        host: read("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".into()),
        platform: format!("{} {}, {}", std::env::consts::OS, std::env::consts::ARCH, processor()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        started: vec![now()],
        ..Manifest::default()
    }
}

/// The command line as one line, for the head of a report.
pub fn command_line() -> String {
    let mut args: Vec<String> = std::env::args().collect();
    if let Some(program) = args.first_mut() {
        *program = program.rsplit('/').next().unwrap_or_default().to_string();
    }
    args.join(" ")
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.trim().to_string())
}

fn processor() -> String {
    let info = read("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown processor".into(), |(_, name)| name.to_string())
}

/// Revision of the checkout that the program was started in, `-dirty` where tracked files differ from it.
fn git_commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if dirty.is_empty() { commit } else { format!("{commit}-dirty") })
}

/// Versions of the crates whose version can change a number, from the lock file this program was built with.
fn versions() -> BTreeMap<String, String> {
    const LOCK: &str = include_str!("../../Cargo.lock");
    const WANTED: [&str; 6] = ["tch", "polars", "tokenizers", "minijinja", "safetensors", "statrs"];
    let mut found = BTreeMap::new();
    let mut lines = LOCK.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = \"").and_then(|l| l.strip_suffix('"')) else {
            continue;
        };
        if WANTED.contains(&name)
            && let Some(version) = lines.next().and_then(|l| l.strip_prefix("version = \""))
        {
            // tch drags in an older safetensors; the newest one listed is ours.
            found.insert(name.to_string(), version.trim_end_matches('"').to_string());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_cargo_toml_pins() {
        let manifest = concat!(
            include_str!("../../Cargo.toml"),
            include_str!("../../crates/torch/Cargo.toml")
        );
        for (name, version) in versions() {
            let pinned =
                |line: &str| line.starts_with(&format!("{name} = ")) && line.contains(&version);
            assert!(manifest.lines().any(pinned), "{name} {version}");
        }
    }
}
