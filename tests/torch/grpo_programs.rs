//! The grpo program as a user meets it: every recipe that is committed, bad input, warnings, a full disk.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn grpo(config: &str, sets: &[&str], out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grpo"));
    command.current_dir(root()).args(["--config", config, "--out"]).arg(out).stdin(Stdio::null());
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

fn tiny(sets: &[&str], out: &Path) -> Command {
    let small = ["train.prompts_per_step=2", "train.group_size=2", "evaluate.every=0", "slots=4"];
    grpo("configs/tiny/grpo.toml", &[&small, sets].concat(), out)
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Stderr of a program that could not run: exit code 2 and one line.
fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    assert!(!text.contains("panicked") && !text.contains("Exception raised"), "{text}");
    text
}

fn recipes(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(dir)).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if path.is_dir() {
            found.extend(recipes(path.strip_prefix(root()).unwrap().to_str().unwrap()));
        } else if text.contains("prompts_per_step") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every committed recipe is read, checked and planned; the study's fit on one H100 of 80 GB.
#[test]
fn every_recipe_is_dry_run() {
    let recipes = recipes("configs");
    assert!(recipes.len() >= 17, "{recipes:?}");
    for path in recipes {
        let output = grpo(path.to_str().unwrap(), &[], Path::new("unused"))
            .args(["--dry-run", "--memory-gib", "79"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", path.display(), stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("prompts_per_step = "), "{}: {text}", path.display());
        assert!(text.contains("# ") && text.contains("memory: "), "{}: {text}", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap();
        // What the study says of each run.
        let lines: &[&str] = match name {
            "v1" => &["steps = 58", "prompts_per_step = 128", "group_size = 16", "rank = 64"],
            "v2" => &["steps = 124", "prompts_per_step = 64", "max_tokens = 4096", "rank = 64"],
            "v3" => &["learning_rate = 0.00002", "adapter = \"results/grpo/v2/adapter\""],
            "local_full_trl" => &["beta2 = 0.999", "schedule = \"linear\"", "steps = 998"],
            "local_full_tinker" => &["beta2 = 0.95", "kind = \"importance_sampling\""],
            "local_lora_trl" => &["advantage = \"standardised\"", "alpha = 64.0"],
            "local_lora_tinker" => &["advantage = \"centred\"", "learning_rate = 0.00004"],
            _ => &[],
        };
        for line in lines {
            assert!(text.contains(line), "{name} lacks `{line}`: {text}");
        }
    }
    assert!(!root().join("unused").exists(), "a dry run writes nothing");
}

#[test]
fn bad_settings_are_one_sentence_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let refused = |sets: &[&str]| refusal(&mut tiny(sets, &out));
    let text = refused(&["train.group_size=1"]);
    assert!(text.contains("train.group_size: 1 completion per problem has nothing"), "{text}");
    let text = refused(&["train.grop_size=4"]);
    assert!(text.contains("unknown field `grop_size`"), "{text}");
    let text = refused(&["reward.correct=0.0"]);
    assert!(text.contains("reward: every term is 0: nothing would be learned"), "{text}");
    let text = refused(&["train.sampling.temperature=0.7"]);
    assert!(text.contains("training samples at temperature 1"), "{text}");
    let text = refused(&["objective.correction_cap=2.0"]);
    assert!(text.contains("set it to 0"), "{text}");
    let text = refused(&["model=./no/such"]);
    assert!(text.contains("no/such: there is no such model folder"), "{text}");
    let text = refused(&["data.levels=[6]"]);
    assert!(text.contains("data.levels: must be a list of levels from 1 to 5"), "{text}");
    let text = refused(&["adapter=./results/none"]);
    assert!(text.contains("an adapter to start from needs a [lora] table"), "{text}");
    let text = refused(&["adapter=./results/none", "lora.rank=4"]);
    assert!(text.contains("results/none: there is no such adapter"), "{text}");
    let text = refused(&["train.curriculum=[{from_step=5, levels=[]}]"]);
    assert!(text.contains("train.curriculum: must be stages"), "{text}");

    // Problems without an answer have no reward.
    let data = dir.path().join("bad.jsonl");
    std::fs::write(&data, "{\"q\": \"1+1?\", \"a\": \"2\"}\n{\"q\": \"2+2?\", \"a\": \"\"}\n")
        .unwrap();
    let path = format!("data.path={}", data.display());
    let file = ["data.kind=file", &path, "data.columns.problem=q", "data.columns.answer=a"];
    let text = refused(&file);
    assert!(text.contains("bad.jsonl:2: column 'a' holds no answer"), "{text}");
    std::fs::write(&data, "{\"q\": \"1+1?\", \"a\": \"2\"}\n").unwrap();
    let text = refused(&[&file[..], &["data.levels=[5]"]].concat());
    assert!(text.contains("bad.jsonl: has no problem of levels [5]"), "{text}");
    assert!(!out.exists(), "nothing may be left of a run that could not begin");
}

#[test]
fn a_folder_of_another_configuration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let short = ["train.steps=1", "train.sampling.max_tokens=8"];
    assert!(tiny(&short, &out).output().unwrap().status.success());
    let text = refusal(&mut tiny(&[&short[..], &["seed=9"]].concat(), &out));
    assert!(text.contains("it says `seed = 1`, now `seed = 9`"), "{text}");
    let again = tiny(&short, &out).output().unwrap();
    assert!(stderr(&again).contains("is finished already"));
}

/// Eight tokens are too few for any answer: every completion is cut, every reward is 0.
#[test]
fn runs_that_learn_nothing_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let sets = ["train.steps=4", "train.sampling.max_tokens=8", "train.patience=3"];
    let output = tiny(&sets, &dir.path().join("out")).output().unwrap();
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    let cut = "warning: 100 % of the completions of step 0 reached 8 tokens and were cut: raise train.sampling.max_tokens";
    assert!(text.contains(cut), "{text}");
    let barren = "warning: 3 steps in a row had no group with different rewards (0 % all right, 100 % all wrong): nothing \
                  is learned; give easier problems, or raise train.group_size";
    assert!(text.contains(barren), "{text}");
}

#[test]
fn a_full_disk_is_one_sentence_and_the_run_goes_on_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(dir.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a small file system can only be mounted by root");
        return;
    }
    // The first checkpoint (10 MB) does not fit.
    let out = dir.path().join("out");
    let sets = ["train.steps=3", "checkpoint_every=1", "train.sampling.max_tokens=8"];
    let output = tiny(&sets, &out).output().unwrap();
    let mut left = Vec::new();
    let mut folders = vec![out.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                left.push(path.file_name().unwrap().to_str().unwrap().to_string());
            }
        }
    }
    let _ = Command::new("umount").arg(dir.path()).status();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("No space left on device"), "{text}");
    let torn = |name: &String| name.ends_with(".tmp") || name == "DONE" || name == "state.json";
    assert!(!left.iter().any(torn), "{left:?}");
}
