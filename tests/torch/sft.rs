//! The `sft` program: TRL's loss curve, kills, checkpoints that were cut, what is wrong with the input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use howard::learn::sft::SftRow;
use howard::rng::Seed;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn data() -> PathBuf {
    root().join("tests/golden/trl_sft/train.jsonl")
}

/// `sft` on the tiny model and the small conversations, with further settings.
fn sft(out: &Path, sets: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sft"));
    command.current_dir(root()).stdin(Stdio::null()).arg("--out").arg(out);
    let data = format!("data.path={}", data().display());
    let base = [
        "model=data/tiny",
        &data,
        "max_length=2048",
        "batch_size=4",
        "optimizer.max_grad_norm=1.0",
    ];
    for set in base.iter().chain(sets) {
        command.args(["--set", set]);
    }
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn success(command: &mut Command) -> String {
    let output = run(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// Stderr of a program that could not run: exit code 2, one line.
fn refusal(command: &mut Command) -> String {
    let output = run(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    let last = text.trim_end().lines().last().unwrap().to_string();
    assert!(!text.contains("panicked") && !text.contains("Exception raised"), "{text}");
    last
}

fn rows(run: &Path) -> Vec<SftRow> {
    howard::jsonl::read(&run.join("steps.jsonl")).unwrap()
}

fn read(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap()
}

/// tests/golden/trl_sft.py: 20 steps of SFTTrainer in the same order, all weights and adapters.
#[test]
fn the_loss_curve_is_that_of_trl() {
    let text = std::fs::read_to_string(root().join("tests/golden/trl_sft/reference.json")).unwrap();
    let reference: Value = serde_json::from_str(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let full = ["train.steps=20", "shuffle=false", "train.learning_rate=1e-3"];
    let adapters = [
        "train.steps=20",
        "shuffle=false",
        "train.learning_rate=5e-3",
        "adapter=tests/golden/trl_sft/adapter",
        "lora.rank=4",
        "lora.alpha=8.0",
        "lora.target_modules=[\"q_proj\", \"v_proj\"]",
    ];
    for (name, sets) in [("full", full.as_slice()), ("adapter", adapters.as_slice())] {
        let out = dir.path().join(name);
        success(&mut sft(&out, sets));
        let rows = rows(&out);
        assert_eq!(rows.len(), 20);
        let expected = |key: &str, step: usize| reference[name][key][step].as_f64().unwrap();
        let mut worst = 0f64;
        for (step, row) in rows.iter().enumerate() {
            assert_eq!(row.num_loss_tokens as f64, expected("loss_tokens", step), "{name} {step}");
            assert!((row.learning_rate - expected("learning_rates", step)).abs() < 1e-12);
            let apart = (row.train_mean_nll - expected("losses", step)).abs();
            assert!(apart <= 1e-3, "{name} step {step}: {row:?}");
            worst = worst.max(apart);
            let norm = expected("grad_norms", step);
            assert!((row.grad_norm - norm).abs() <= 1e-2 * norm, "{name} step {step}: {row:?}");
        }
        println!("{name}: losses of 20 steps differ from TRL's by at most {worst:.1e}");
        // The curve goes somewhere, or equality would prove little.
        assert!(rows[19].train_mean_nll < 0.8 * rows[0].train_mean_nll);
    }
}

/// kill -9 at ten random moments, one in each tenth of the time a run takes; each killed run is resumed and ends with the
/// files of the run that was not killed.
#[test]
fn runs_killed_at_ten_random_moments_end_with_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let held_out = format!("evaluate.path={}", data().display());
    let lora = ["lora.rank=8", "lora.dropout=0.1"];
    for (what, extra, result) in [
        ("full", [].as_slice(), "model/model.safetensors"),
        ("adapters", lora.as_slice(), "adapter/adapter_model.safetensors"),
    ] {
        let sets = ["train.steps=8", "checkpoint_every=1", "evaluate.every=4", &held_out];
        let sets = [sets.as_slice(), extra].concat();
        let quiet = |out: &Path| {
            let mut command = sft(out, &sets);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let whole = dir.path().join(format!("{what}-whole"));
        let started = Instant::now();
        success(&mut sft(&whole, &sets));
        let mut length = started.elapsed();
        let mut stream = Seed(5).named(what).stream();
        for moment in 0..5 {
            let out = dir.path().join(format!("{what}-{moment}"));
            let moment = f64::from(moment) + stream.uniform();
            loop {
                let mut child = quiet(&out).spawn().unwrap();
                std::thread::sleep(length.mul_f64(moment / 5.0));
                let running = child.try_wait().unwrap().is_none();
                child.kill().unwrap(); // SIGKILL
                child.wait().unwrap();
                if running {
                    break;
                }
                // The machine has become faster than it was when the whole run was timed.
                std::fs::remove_dir_all(&out).unwrap();
                length = length.mul_f64(0.7);
            }
            success(&mut sft(&out, &sets));
            assert!(read(&whole, result) == read(&out, result), "{what} {moment}");
            assert_eq!(read(&whole, "steps.jsonl"), read(&out, "steps.jsonl"), "{what} {moment}");
        }
    }
}

/// The newest checkpoint is damaged and a newer one was never finished: both are recognised and said, the one before is used.
#[test]
fn a_checkpoint_that_was_cut_short_is_recognised() {
    let dir = tempfile::tempdir().unwrap();
    let sets = ["train.steps=8", "checkpoint_every=2", "keep_checkpoints=9"];
    let whole = dir.path().join("whole");
    success(&mut sft(&whole, &sets));
    let cut = dir.path().join("cut");
    let mut child = sft(&cut, &sets).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !cut.join("checkpoints/step_000006").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = std::fs::remove_file(cut.join("DONE"));
    let checkpoints = cut.join("checkpoints");
    let moments = checkpoints.join("step_000006/optimizer.safetensors");
    let bytes = std::fs::read(&moments).unwrap();
    std::fs::write(&moments, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::create_dir(checkpoints.join("step_000008.tmp")).unwrap();
    std::fs::write(checkpoints.join("step_000008.tmp/weights.safetensors"), "part").unwrap();
    let text = success(&mut sft(&cut, &sets));
    assert!(text.contains("step_000006 was cut short: it is removed"), "{text}");
    assert!(text.contains("step_000008.tmp was cut short"), "{text}");
    assert!(text.contains("goes on after step 4"), "{text}");
    let name = "model/model.safetensors";
    assert!(read(&whole, name) == read(&cut, name));
}

/// Held-out loss every other step; the newest two checkpoints stay, and the best one.
#[test]
fn the_best_checkpoint_is_kept_beside_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let held_out = format!("evaluate.path={}", data().display());
    // A rate of 0 at the first step and far too high ones after it: the best comes first.
    let sets = [
        "train.steps=14",
        "train.learning_rate=1.0",
        "train.warmup_steps=12",
        "checkpoint_every=1",
        "evaluate.every=1",
        &held_out,
    ];
    let text = success(&mut sft(&out, &sets));
    let rows = rows(&out);
    let nll = |row: &SftRow| row.test_nll.unwrap();
    let best = rows.iter().min_by(|a, b| nll(a).total_cmp(&nll(b))).unwrap();
    assert_eq!(best.step, 0, "the test needs an early best");
    let mut left: Vec<String> = std::fs::read_dir(out.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [format!("step_{:06}", best.step + 1), "step_000012".into(), "step_000013".into()]
    );
    assert!(text.contains(&format!("after step {}", best.step + 1)), "{text}");
    // The standard name of the metric.
    assert!(String::from_utf8(read(&out, "steps.jsonl")).unwrap().contains("\"test/nll\":"));
}

#[test]
fn bad_input_is_one_sentence_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let with = |sets: &[&str]| refusal(&mut sft(&out, sets));
    let contains = |text: String, part: &str| assert!(text.contains(part), "{text}");
    contains(with(&["train.epochs=1", "train.epoch=2"]), "unknown field `epoch`");
    contains(
        with(&["train.epochs=1", "train.steps=5"]),
        "train.steps: give either train.steps or train.epochs",
    );
    contains(
        with(&["train.epochs=1", "batch_size=41"]),
        "batch_size: 41 is more than the 40 examples of",
    );
    contains(
        with(&["train.epochs=1", "max_length=4096"]),
        "max_length: 4096 is more than the model's context of 2048",
    );
    contains(
        with(&["train.steps=5", "train.warmup_steps=5"]),
        "train.warmup_steps: 5 steps of warm-up leave none of 5",
    );
    contains(
        with(&["train.epochs=1", "optimizer.beta2=1.0"]),
        "optimizer.beta2: 1 must be at least 0 and below 1",
    );
    contains(with(&["train.epochs=1", "lora.rank=0"]), "lora.rank: 0 must be at least 1");
    contains(
        with(&["train.epochs=1", "adapter=x"]),
        "adapter: an adapter to start from needs a [lora] table",
    );
    contains(with(&["train.epochs=1", "model=no/such"]), "no/such");
    contains(
        with(&["train.epochs=1", "too_long=refuse", "max_length=60"]),
        "train.jsonl:1: has 83 tokens, more than max_length = 60",
    );
    contains(
        with(&["train.epochs=1", "max_length=8"]),
        "no conversation has an answer within max_length = 8 tokens",
    );
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("data.path={}", path.display())
    };
    let empty = file("empty.jsonl", "");
    contains(with(&["train.epochs=1", &empty]), "empty.jsonl: has no conversations");
    let mute =
        file("mute.jsonl", "\n{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n");
    contains(with(&["train.epochs=1", &mute]), "mute.jsonl:2: no message has the role assistant");
    let broken = file("broken.jsonl", "{\"messages\": 3}\n");
    contains(with(&["train.epochs=1", &broken]), "broken.jsonl:1: not the expected JSON");
    let mut small = sft(&out, &["train.epochs=1"]);
    contains(refusal(small.args(["--memory-gib", "0.1"])), "memory: the run needs ");
    assert!(!out.exists(), "nothing may be left of a run that could not begin");

    // What is too long is counted and said; another configuration in the same folder is refused.
    let text = success(&mut sft(&out, &["train.steps=1", "max_length=100"]));
    contains(text, "of 40 conversations left out (longer than 100 tokens)");
    let counts: Value = serde_json::from_slice(&read(&out, "data.json")).unwrap();
    assert_eq!(counts["conversations"], 40);
    assert!(counts["left_out"].as_u64().unwrap() > 0);
    let text = with(&["train.steps=1", "max_length=100", "seed=1"]);
    contains(text, "holds a run of another configuration (it says `seed = 0`, now `seed = 1`)");
}

/// A learning rate of 1e38 makes the weights useless and then the loss not finite.
#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_what_is_needed_to_look_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let sets =
        ["train.steps=9", "train.learning_rate=1e38", "train.warmup_steps=2", "checkpoint_every=1"];
    let text = refusal(&mut sft(&out, &sets));
    assert!(text.contains("not finite") && text.contains("; the batch is in "), "{text}");
    let step: usize =
        text.split("step ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    let batch = out.join(format!("failed_step_{step:06}.jsonl"));
    assert!(text.contains(batch.to_str().unwrap()), "{text}");
    let samples: Vec<howard::types::TrainSample> = howard::jsonl::read(&batch).unwrap();
    assert_eq!(samples.len(), 4);
    // Every step before has its row, and the last one its checkpoint, whole.
    assert_eq!(rows(&out).len(), step - 1);
    let last = out.join(format!("checkpoints/step_{:06}", step - 1));
    assert_eq!(howard_torch::checkpoint::verify(&last).unwrap().step, step as u64 - 1);
    assert!(!out.join("DONE").exists());
}

#[test]
fn a_disk_that_fills_while_a_checkpoint_is_saved_leaves_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
        .arg(dir.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a small file system can only be mounted by root");
        return;
    }
    let out = dir.path().join("out");
    // A checkpoint of the tiny model is 10 MB: the first fits, the second does not while the first is there.
    let output = run(&mut sft(&out, &["train.steps=5", "checkpoint_every=1"]));
    let text = String::from_utf8(output.stderr).unwrap();
    let left: Vec<String> = std::fs::read_dir(out.join("checkpoints"))
        .map(|entries| entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    let whole = howard_torch::checkpoint::verify(&out.join("checkpoints/step_000001"));
    let done = out.join("DONE").exists();
    let _ = Command::new("umount").arg(dir.path()).status();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.trim_end().lines().last().unwrap().contains("No space left on device"), "{text}");
    assert_eq!(left, ["step_000001"]);
    assert_eq!(whole.unwrap().step, 1);
    assert!(!done);
}

/// Every recipe of the study's table of supervised runs: it parses, fits on 80 GB, and has the table's number of steps with
/// the table's number of traces.
#[test]
fn the_studys_recipes_have_its_steps() {
    let dir = tempfile::tempdir().unwrap();
    let table = [
        ("v1", 390, 9, "2e-5"),
        ("v2", 390, 36, "0.0005"),
        ("v3", 5400, 168, "0.0005"),
        ("v4", 861, 53, "0.0005"),
        ("a", 3825, 238, "0.0002"),
        ("b", 3825, 119, "0.0005"),
    ];
    let recipes = std::fs::read_dir(root().join("configs/sft")).unwrap().count();
    assert_eq!(recipes, table.len(), "a recipe without a test, or the other way round");
    for (name, traces, steps, rate) in table {
        let row = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n";
        let path = dir.path().join(format!("{traces}.jsonl"));
        std::fs::write(&path, row.repeat(traces)).unwrap();
        let dry = |sets: &[String]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_sft"));
            command.current_dir(root()).args(["--dry-run", "--memory-gib", "80", "--config"]);
            command.arg(format!("configs/sft/{name}.toml"));
            for set in sets {
                command.args(["--set", set]);
            }
            let output = run(&mut command);
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{name}: {text}");
            String::from_utf8(output.stdout).unwrap()
        };
        // Without the traces the plan says so; with them it knows the steps.
        assert!(dry(&[]).contains("is not there yet"));
        let text = dry(&[format!("data.path={}", path.display())]);
        assert!(text.contains(&format!("# steps: {steps}, ")), "{name}: {text}");
        let rate: f64 = rate.parse().unwrap();
        let recipe: toml::Table = text.parse().expect("the plan is TOML with comments");
        assert_eq!(recipe["train"]["learning_rate"].as_float(), Some(rate));
        assert_eq!(recipe["lora"]["rank"].as_integer(), Some(64));
        assert_eq!(recipe["optimizer"]["beta2"].as_float(), Some(0.95));
        assert_eq!(recipe["train"]["schedule"].as_str(), Some("linear"));
        assert!(
            text.contains("# | weights | 7.49 | 7.49 | 7.49 | 4,022,468,096 x 2 B |"),
            "{text}"
        );
    }
}
