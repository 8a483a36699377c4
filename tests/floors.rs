//! The rule of the house: a file imports only from its own or a lower floor; 4a, 4b and 4c do not know each other;
//! heavy crates stay on their floor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Floor of each top-level module. Sub-floors of 4 are letters that may not meet.
const FLOORS: &[(&str, &str)] = &[
    ("error", "0"),
    ("progress", "0"),
    ("rng", "0"),
    ("types", "0"),
    ("answer", "1"),
    ("stats", "1"),
    ("arith", "2"),
    ("bench", "2"),
    ("chat", "2"),
    ("disk", "2"),
    ("jsonl", "2"),
    ("retry", "2"),
    ("loss", "2"),
    ("advantage", "2"),
    ("reward", "2"),
    ("rollout", "3"),
    ("schedule", "2"),
    ("shape", "2"),
    ("eval", "3"),
    ("hub", "3"),
    ("learn", "3"),
    ("run", "3"),
    ("sample", "3"),
    ("trace", "3"),
    ("frame", "4a"),
    ("plot", "4a"),
    ("report", "4a"),
    ("torch", "4b"),
    ("cli", "5"),
    ("notebook", "5"),
    ("prelude", "5"),
];

/// Crates that only some floors may name.
const HEAVY: &[(&str, &str)] = &[
    ("ureq", "3"),
    ("sha1", "3"),
    ("polars", "4a"),
    ("plotters", "4a"),
    ("tch", "4b"),
    ("torch_sys", "4b"),
    ("howard_torch", "5"),
    ("safetensors", "4b"),
    ("tokenizers", "4b"),
    ("clap", "5"),
    ("anyhow", "5"),
    ("indicatif", "5"),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every identifier that directly follows `prefix`, where `prefix` begins a path.
fn named_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$';
    line.match_indices(prefix)
        .filter(|(at, _)| !line[..*at].ends_with(inside))
        .map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

fn allowed(from: &str, to: &str) -> bool {
    from.as_bytes()[0] > to.as_bytes()[0] || from == to
}

/// What a line of a file on `floor` may not say.
fn problems(floor: &str, code: &str) -> Vec<String> {
    let floors: BTreeMap<&str, &str> = FLOORS.iter().copied().collect();
    let named = named_after(code, "crate::").into_iter().chain(named_after(code, "howard::"));
    let upward = named.filter_map(|name| {
        let other = floors.get(name).filter(|other| !allowed(floor, other))?;
        Some(format!("floor {floor} uses {name} of floor {other}"))
    });
    let heavy = HEAVY.iter().filter_map(|(name, home)| {
        let used = !named_after(code, &format!("{name}::")).is_empty();
        (used && floor != *home && floor != "5").then(|| format!("crate {name} on floor {floor}"))
    });
    upward.chain(heavy).collect()
}

#[test]
fn no_file_knows_what_is_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floors: BTreeMap<&str, &str> = FLOORS.iter().copied().collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 15, "the sources were not found");
    let mut found = Vec::new();
    for path in files {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let floor =
            floors.get(module).unwrap_or_else(|| panic!("module '{module}' has no floor yet"));
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            for problem in problems(floor, line.split("//").next().unwrap()) {
                found.push(format!("src/{}:{}: {problem}", relative.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_rule_knows_upward_from_downward() {
    assert_eq!(problems("2", "use crate::eval::run;"), ["floor 2 uses eval of floor 3"]);
    assert_eq!(problems("4b", "use howard::frame::read;").len(), 1);
    assert_eq!(problems("3", "use polars::prelude::*;"), ["crate polars on floor 3"]);
    assert!(problems("4b", "use crate::types::Problem; use tch::Tensor;").is_empty());
}
