//! Real benchmark files, where they are at hand: beside the checkout in `../shared/data` or where HOWARD_SHARED says.

use std::path::{Path, PathBuf};

use howard::bench::{Columns, load_jsonl};

/// The folder of real files, or `None` and a word about it.
fn shared(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("HOWARD_SHARED").map_or(beside, PathBuf::from);
    let path = folder.join("data").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {file} is not at hand");
    None
}

#[test]
fn real_files_load_as_a_users_own_json_lines() {
    let columns = |problem: &str, answer: &str, level: Option<&str>| Columns {
        problem: problem.into(),
        answer: answer.into(),
        level: level.map(String::from),
        subject: None,
    };
    // Rows as their publishers count them.
    for (file, columns, rows) in [
        ("gsm8k/test.jsonl", columns("question", "answer", None), 1319),
        ("gsm8k/train.jsonl", columns("question", "answer", None), 7473),
        ("math500/test.jsonl", columns("problem", "answer", Some("level")), 500),
        ("math/train.jsonl", columns("problem", "solution", Some("level")), 7500),
        ("aime2024/test_qwen25math.jsonl", columns("problem", "answer", None), 30),
    ] {
        let Some(path) = shared(file) else { continue };
        let problems = load_jsonl("real", &path, &columns).unwrap();
        assert_eq!(problems.len(), rows, "{file}");
        assert!(problems.iter().all(|p| !p.gold.is_empty() && !p.text.is_empty()));
        if file.starts_with("math/") {
            let hard = problems.iter().filter(|p| p.level >= Some(4)).count();
            assert_eq!(hard, 3994, "Level 4 and 5 of MATH train");
        }
    }
}

#[test]
fn gsm8k_answers_are_the_numbers_behind_the_marks() {
    let Some(path) = shared("gsm8k/test.jsonl") else { return };
    let columns =
        Columns { problem: "question".into(), answer: "answer".into(), level: None, subject: None };
    let problems = load_jsonl("gsm8k", &path, &columns).unwrap();
    // The first problem of the file: Janet's ducks, 18 dollars a day.
    assert!(problems[0].text.starts_with("Janet"));
    assert_eq!(problems[0].gold, "18");
    let numbers =
        problems.iter().filter(|p| p.gold.replace([',', '-', '.'], "").parse::<u64>().is_ok());
    assert_eq!(numbers.count(), 1319);
}
