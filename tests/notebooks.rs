//! Sources of notebooks carry no outputs, and the executed copies that readers see are of these sources.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

fn notebooks(folder: &str) -> BTreeMap<String, Value> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "ipynb") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            found.insert(name, serde_json::from_str(&text).unwrap());
        }
    }
    assert!(!found.is_empty(), "{folder} holds no notebooks");
    found
}

/// Kind and text of every cell.
fn cells(notebook: &Value) -> Vec<(String, String)> {
    let text = |source: &Value| match source {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_string(),
    };
    let cells = notebook["cells"].as_array().unwrap();
    cells
        .iter()
        .map(|c| (c["cell_type"].as_str().unwrap().to_string(), text(&c["source"])))
        .collect()
}

/// What is wrong with a source and its executed copy.
fn problems(name: &str, source: &Value, copy: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (number, cell) in source["cells"].as_array().unwrap().iter().enumerate() {
        let empty = cell["outputs"].as_array().is_none_or(Vec::is_empty);
        if !empty || cell["execution_count"].is_number() {
            found.push(format!("notebooks/{name}: cell {number} has outputs: clear them"));
        }
    }
    let Some(copy) = copy else {
        found.push(format!("docs/notebooks/{name} is missing: make notebooks-render"));
        return found;
    };
    if cells(source) != cells(copy) {
        found.push(format!("docs/notebooks/{name} is of another source: make notebooks-render"));
    }
    for cell in copy["cells"].as_array().unwrap() {
        for output in cell["outputs"].as_array().into_iter().flatten() {
            if output["output_type"] == "error" || output["name"] == "stderr" {
                found.push(format!("docs/notebooks/{name} shows an error"));
            }
        }
    }
    found
}

#[test]
fn executed_copies_are_in_step_with_their_sources() {
    let (sources, copies) = (notebooks("notebooks"), notebooks("docs/notebooks"));
    let mut found: Vec<String> =
        sources.iter().flat_map(|(name, s)| problems(name, s, copies.get(name))).collect();
    for name in copies.keys().filter(|name| !sources.contains_key(*name)) {
        found.push(format!("docs/notebooks/{name} has no source"));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_check_sees_what_is_out_of_step() {
    let notebook = |text: &str, outputs: Value| {
        serde_json::json!({"cells": [
        {"cell_type": "code", "source": [text], "outputs": outputs, "execution_count": null}]})
    };
    let clean = notebook("1 + 1", serde_json::json!([]));
    assert!(problems("n", &clean, Some(&clean)).is_empty());
    let split =
        serde_json::json!({"cells": [{"cell_type": "code", "source": "1 + 1", "outputs": []}]});
    assert!(problems("n", &clean, Some(&split)).is_empty(), "lines may be split");
    let failed = notebook("1 + 1", serde_json::json!([{"output_type": "error"}]));
    assert_eq!(problems("n", &failed, Some(&failed)).len(), 2);
    assert!(
        problems("n", &clean, Some(&notebook("1 + 2", serde_json::json!([]))))[0]
            .contains("another source")
    );
    assert!(problems("n", &clean, None)[0].contains("is missing"));
}

/// No notebook that only looks at results links libtorch.
#[test]
fn notebooks_of_results_need_no_libtorch() {
    for (name, notebook) in notebooks("notebooks") {
        let first = cells(&notebook).into_iter().find(|(kind, _)| kind == "code").unwrap().1;
        let tensors = first.contains("howard-notebook-torch");
        let number: u32 = name[..2].parse().unwrap();
        assert_eq!(tensors, [5, 6].contains(&number), "{name}: {first}");
    }
}
