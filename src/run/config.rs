//! Configurations: defaults, a TOML file over them, `key=value` settings over both; unknown keys are errors.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::disk;
use crate::error::{Error, Result};

/// Reads a configuration: `T`'s defaults, `file` (if any) over them, every `a.b=value` of `sets` over both.
///
/// A value is read as TOML (`3`, `1e-4`, `true`, `"text"`, `[1, 2]`) and as plain text where it is not TOML.
///
/// # Errors
/// The file is missing or not TOML (with line), a setting is not `key=value`, a key is unknown or a value has the
/// wrong type.
pub fn load<T: Default + Serialize + DeserializeOwned>(
    file: Option<&Path>,
    sets: &[String],
) -> Result<T> {
    let mut table = Table::try_from(T::default())
        .map_err(|e| Error::config("configuration", format!("the defaults are not TOML: {e}")))?;
    if let Some(path) = file {
        merge(&mut table, parse_file(path)?);
    }
    let of_file = table.clone();
    for set in sets {
        apply(&mut table, set)?;
    }
    Value::Table(table)
        .try_into()
        .map_err(|e: toml::de::Error| Error::config(whose::<T>(file, of_file, sets), one_line(&e)))
}

/// Who brought in what is wrong: the file, or the first setting with which the configuration is none.
fn whose<T: DeserializeOwned>(file: Option<&Path>, of_file: Table, sets: &[String]) -> String {
    let wrong = |table: &Table| Value::Table(table.clone()).try_into::<T>().is_err();
    let mut table = of_file;
    let first = || file.map_or_else(|| "configuration".to_string(), |p| p.display().to_string());
    if wrong(&table) {
        return first();
    }
    let bad = sets.iter().find(|set| apply(&mut table, set).is_err() || wrong(&table));
    bad.map_or_else(first, |set| format!("--set {set}"))
}

/// A table of another `kind` replaces the one below it: its keys have no meaning there.
fn merge(under: &mut Table, over: Table) {
    if over.get("kind").is_some_and(|kind| under.get("kind") != Some(kind)) {
        under.clear();
    }
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

fn parse_file(path: &Path) -> Result<Table> {
    let text = disk::read_text(path)?;
    text.parse::<Table>().map_err(|e| {
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Error::parse(path, line, format!("not TOML: {}", e.message()))
    })
}

fn one_line(error: &toml::de::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn apply(table: &mut Table, set: &str) -> Result<()> {
    let (key, text) = set
        .split_once('=')
        .ok_or_else(|| Error::config("--set", format!("'{set}' is not of the form key=value")))?;
    let value = format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_string()));
    let mut place = table;
    let mut parts = key.trim().split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            if part == "kind" && place.get("kind") != Some(&value) {
                place.clear();
            }
            place.insert(part.to_string(), value);
            return Ok(());
        }
        place = place
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .ok_or_else(|| Error::config("--set", format!("'{key}': '{part}' is not a table")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Default, Deserialize, Serialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Recipe {
        lr: f64,
        name: String,
        model: Inner,
    }

    #[derive(Deserialize, Serialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        dir: String,
        files: u32,
    }

    impl Default for Inner {
        fn default() -> Self {
            Self { dir: "models".into(), files: 7 }
        }
    }

    #[test]
    fn settings_go_over_the_file_and_the_file_over_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        std::fs::write(&path, "lr = 1e-3\nname = \"a\"\n[model]\ndir = \"x\"\n").unwrap();
        let sets = ["lr=2e-5".to_string(), "model.dir=data/tiny".to_string()];
        let recipe: Recipe = load(Some(&path), &sets).unwrap();
        assert_eq!(
            recipe,
            Recipe {
                lr: 2e-5,
                name: "a".into(),
                model: Inner { dir: "data/tiny".into(), files: 7 }
            }
        );
    }

    #[test]
    fn unknown_keys_and_broken_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        std::fs::write(&path, "lr = 1e-3\nname = \"a\"\nlearning = 1\n[model]\ndir = \"x\"\n")
            .unwrap();
        let message = load::<Recipe>(Some(&path), &[]).unwrap_err().to_string();
        assert!(message.contains("a.toml") && message.contains("learning"), "{message}");
        std::fs::write(&path, "lr = 1e-3\nname = \n").unwrap();
        let message = load::<Recipe>(Some(&path), &[]).unwrap_err().to_string();
        assert!(message.contains("a.toml:2: not TOML"), "{message}");
    }

    #[test]
    fn a_wrong_setting_is_blamed_and_not_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        std::fs::write(&path, "lr = 1e-3\nname = \"a\"\n[model]\ndir = \"x\"\n").unwrap();
        for set in ["lr=high", "learning=1", "model.files=many"] {
            let sets = ["name=b".to_string(), set.to_string()];
            let message = load::<Recipe>(Some(&path), &sets).unwrap_err().to_string();
            assert!(message.starts_with(&format!("--set {set}: ")), "{message}");
        }
    }
}
