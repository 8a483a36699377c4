//! A model and a data file by their names on the hub, evaluated by the program.

use std::path::Path;
use std::process::{Command, Output};

use howard::frame;

use crate::fakehub::{COMMIT, FakeHub};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn eval(fake: &FakeHub, home: &Path, offline: &str, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eval"))
        .current_dir(root())
        .args(args.split(' '))
        .args(["--limit", "3", "--max-tokens", "8"])
        .env("HF_HOME", home)
        .env("HF_ENDPOINT", &fake.hub.address)
        .env("HF_HUB_OFFLINE", offline)
        .env_remove("HF_HUB_CACHE")
        .output()
        .unwrap()
}

#[test]
fn a_model_of_the_hub_is_evaluated_and_its_commit_written_down() {
    let files: Vec<(String, Vec<u8>)> = std::fs::read_dir(root().join("data/tiny"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    let fake = FakeHub::start("owner/small", &files);
    let home = tempfile::tempdir().unwrap();
    let run = |out: &str, offline: &str| {
        let out = home.path().join(out);
        let args = format!("--model owner/small --benchmark mini-gsm8k --out {}", out.display());
        let output = eval(&fake, home.path(), offline, &args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        let config = std::fs::read_to_string(out.join("config.toml")).unwrap();
        assert!(config.contains(&format!("model = \"owner/small@{COMMIT}\"")), "{config}");
        let records = frame::read_records(&out.join("records.parquet")).unwrap();
        assert!(records.len() == 3 && records.iter().all(|r| r.model == "small"));
        records.into_iter().map(|r| r.text).collect::<Vec<_>>()
    };
    let first = run("a", "0");
    let asked = fake.requests();
    assert_eq!(run("b", "1"), first);
    assert_eq!(fake.requests(), asked, "offline makes no request");
}

#[test]
fn a_data_file_of_the_hub_is_evaluated() {
    let bytes = std::fs::read(root().join("tests/golden/parquet/sums.parquet")).unwrap();
    let fake = FakeHub::start("datasets/o/d", &[("data/sums.parquet", bytes)]);
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let args = format!(
        "--model data/tiny --data hf://datasets/o/d@{COMMIT}/data/sums.parquet --problem question --answer gold --out {}",
        out.display()
    );
    let output = eval(&fake, home.path(), "0", &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = frame::read_records(&out.join("records.parquet")).unwrap();
    assert_eq!(records.iter().map(|r| r.gold.as_str()).collect::<Vec<_>>(), ["2", "4", "6"]);
}
