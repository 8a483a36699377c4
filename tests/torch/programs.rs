//! The programs as a user meets them: a killed evaluation, bad input, what they load.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use howard::frame;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn eval(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eval"));
    command.current_dir(root()).args(args).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Stderr of a program that could not run: exit code 2 and one line.
fn refusal(command: &mut Command) -> String {
    let output = run(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    assert!(!text.contains("panicked") && !text.contains("Exception raised"), "{text}");
    text
}

fn sampled(out: &Path) -> Vec<String> {
    let options = "--model data/tiny --benchmark mini-aime-2024 --samples 12 --temperature 1 --max-tokens 160 --seed 3 --out";
    let mut args: Vec<String> = options.split(' ').map(String::from).collect();
    args.push(out.display().to_string());
    args
}

#[test]
fn an_evaluation_that_is_killed_ends_with_the_frame_of_one_that_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let start = |out: &Path| {
        let args = sampled(out);
        eval(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let whole: PathBuf = dir.path().join("a/run");
    assert!(run(&mut start(&whole)).status.success());

    let killed: PathBuf = dir.path().join("b/run");
    let records = killed.join("records.jsonl");
    let mut kills = 0;
    for wanted in [40, 200] {
        let mut child = start(&killed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            let lines =
                std::fs::read(&records).map_or(0, |b| b.iter().filter(|&&c| c == b'\n').count());
            if lines >= wanted || child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills > 0, "the evaluation was over before it could be killed");
    assert!(!killed.join("DONE").exists(), "a killed run is not finished");
    assert!(run(&mut start(&killed)).status.success());

    let read = |run: &Path| frame::read_records(&run.join("records.parquet")).unwrap();
    let (a, b) = (read(&whole), read(&killed));
    assert_eq!(a.len(), 30 * 12);
    assert_eq!(a, b);
    // A finished run is not run again.
    let again = run(&mut start(&killed));
    assert!(String::from_utf8(again.stderr).unwrap().contains("is finished already"));
}

#[test]
fn bad_input_is_one_sentence_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    let text = refusal(&mut eval(&["--model", "./no/such", "--benchmark", "mini", "--out", out]));
    assert!(text.contains("no/such: there is no such model folder"), "{text}");
    // What could be a name on the hub is looked for there, and here it may not be asked.
    let args = ["--model", "no/such", "--benchmark", "mini", "--out", out];
    let text = refusal(eval(&args).env("HF_HUB_OFFLINE", "1").env("HF_HOME", dir.path()));
    assert!(
        text.contains("no/such is no folder here, and on the hub: no/such@main: the cache"),
        "{text}"
    );
    let text =
        refusal(&mut eval(&["--model", "data/tiny", "--benchmark", "mini-gsm9k", "--out", out]));
    assert!(text.contains("no benchmark 'mini-gsm9k'; there are math-500"), "{text}");
    let text = refusal(&mut eval(&[
        "--model",
        "data/tiny",
        "--benchmark",
        "mini",
        "--device",
        "tpu",
        "--out",
        out,
    ]));
    assert!(text.contains("device: 'tpu' is not cpu, cuda or cuda:N"), "{text}");
    let args =
        ["--model", "data/tiny", "--benchmark", "mini", "--set", "sampling.topp=1", "--out", out];
    assert!(refusal(&mut eval(&args)).contains("unknown field `topp`"));
    assert!(!Path::new(out).exists(), "nothing may be left of a run that could not begin");

    // A file where a folder is needed: not writable even for root.
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let under = file.join("out");
    let text = refusal(&mut eval(&[
        "--model",
        "data/tiny",
        "--benchmark",
        "mini",
        "--out",
        under.to_str().unwrap(),
    ]));
    assert!(text.contains("file/out: Not a directory"), "{text}");

    let data = dir.path().join("bad.jsonl");
    std::fs::write(&data, "{\"q\": \"1+1?\", \"a\": \"2\"}\n{\"q\": \"2+2?\"}\n").unwrap();
    let data = data.to_str().unwrap();
    let args =
        ["--model", "data/tiny", "--data", data, "--problem", "q", "--answer", "a", "--out", out];
    assert!(refusal(&mut eval(&args)).contains("bad.jsonl:2: no column 'a'; the columns are q"));
}

#[test]
fn another_configuration_in_the_same_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let base = [
        "--model",
        "data/tiny",
        "--benchmark",
        "mini-aime-2024",
        "--limit",
        "2",
        "--max-tokens",
        "8",
        "--out",
    ];
    let with = |extra: &[&str]| eval(&[base.as_slice(), &[out.to_str().unwrap()], extra].concat());
    assert!(run(&mut with(&[])).status.success());
    let text = refusal(&mut with(&["--seed", "1"]));
    assert!(text.contains("it says `seed = 0`, now `seed = 1`"), "{text}");
}

#[test]
fn a_full_disk_is_one_sentence_and_leaves_no_half_written_file() {
    let dir = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a small file system can only be mounted by root");
        return;
    }
    let out = dir.path().join("out");
    let args = sampled(&out);
    let output = run(&mut eval(&args.iter().map(String::as_str).collect::<Vec<_>>()));
    let left: Vec<String> = std::fs::read_dir(&out)
        .map(|entries| entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    let _ = Command::new("umount").arg(dir.path()).status();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("No space left on device"), "{text}");
    assert!(!left.iter().any(|name| name.ends_with(".tmp") || name == "DONE"), "{left:?}");
}

#[test]
fn logprobs_names_the_line_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    let logprobs = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logprobs"));
        command.current_dir(root()).args(["--model", "data/tiny", "--in"]).arg(&input);
        command
    };
    std::fs::write(&input, "{\"ids\": [1, 2]}\n{\"ids\": [1, 99999]}\n").unwrap();
    assert!(
        refusal(&mut logprobs()).contains("in.jsonl:2: id 99999 is not in the model's vocabulary")
    );
    std::fs::write(&input, "{\"ids\": [1, 2]}\n{\"words\": 1}\n").unwrap();
    assert!(refusal(&mut logprobs()).contains("in.jsonl:2: "));
    std::fs::write(&input, "{\"text\": \"12+5=17\"}\n{\"ids\": [4, 5, 6]}\n").unwrap();
    let output = run(&mut logprobs());
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["ids"], serde_json::json!([4, 5, 6]));
    assert!(lines[1]["logprobs"][0].is_null() && lines[1]["logprobs"][2].as_f64().unwrap() < 0.0);
}
