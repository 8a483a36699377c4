//! `report ablation` and `vote` on real outputs, on the study's published numbers, and on broken input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use howard::frame;
use howard::report::ablation::{self, spec};
use howard::stats::Method;
use howard::types::{EvalRecord, Finish, ProblemId, Verdict};

use crate::data::shared;

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results/published/study.toml")
}

#[test]
fn every_printed_number_of_the_study_follows_from_its_count_but_one() {
    let study = spec::read(&[published()]).unwrap();
    let checks = ablation::checks(&study);
    // 8 x 5 of the main table, 2 SFT variants with a count, 5 x 3 of voting, 9 differences in the text and tables.
    assert_eq!(checks.len(), 40 + 2 + 15 + 9);
    let differ: Vec<_> = checks.iter().filter(|(_, printed, ours)| printed != ours).collect();
    // The study subtracted rounded percentages: 26.7 - 43.3; 8/30 - 13/30 is -16.67.
    let place = "GRPO local (full-parameter) less GRPO v2 (hard problems), AIME 2024";
    assert_eq!(differ, [&(place.into(), "-16.6".into(), "-16.7".into())]);
}

/// The committed page about the study is what the data give; HOWARD_BLESS=1 writes it and its figures anew.
#[test]
fn the_page_about_the_study_is_up_to_date() {
    let command = "report ablation results/published/study.toml --interval normal --out docs/study";
    let study = spec::read(&[published()]).unwrap();
    let page = ablation::page(&study, Method::Normal, command).unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/study");
    if std::env::var_os("HOWARD_BLESS").is_some() {
        page.write(&dir).unwrap();
        std::fs::remove_file(dir.join("report.html")).unwrap();
    }
    let there = std::fs::read_to_string(dir.join("report.md")).unwrap();
    assert_eq!(there, page.markdown(), "HOWARD_BLESS=1 writes docs/study anew");
}

#[test]
fn the_report_prints_the_forty_cells_that_the_study_prints() {
    let Some(data) = shared("") else { return };
    let text = std::fs::read_to_string(data.join("../reference/study.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| Model | MATH-500"));
    let theirs: Vec<Vec<String>> = rows
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.split('|')
                .skip(2)
                .take(5)
                .map(|c| c.replace("**", "").trim().to_string())
                .collect()
        })
        .collect();
    let study = spec::read(&[published()]).unwrap();
    let ours: Vec<Vec<String>> = ablation::main_table(&study, Method::Normal)
        .unwrap()
        .rows
        .iter()
        .map(|row| {
            row[1..]
                .iter()
                .map(|c| c.replace("**", "").trim_end_matches(" =").to_string())
                .collect()
        })
        .collect();
    assert_eq!(theirs.iter().flatten().count(), 40);
    assert_eq!(ours, theirs);
}

#[test]
fn the_studys_best_known_gap_is_not_significant_whatever_the_overlap() {
    let study = spec::read(&[published()]).unwrap();
    let found = ablation::differences(&study).unwrap();
    let conclusion = |a: &str, b: &str, benchmark: &str| {
        let d = found
            .iter()
            .find(|d| d.a.starts_with(a) && d.b.starts_with(b) && d.benchmark == benchmark);
        d.unwrap().conclusion()
    };
    assert_eq!(
        conclusion("GRPO local (full", "GRPO v2", "aime2024"),
        "not told apart, whatever the overlap"
    );
    assert_eq!(conclusion("GRPO v2", "Baseline", "math500"), "higher");
    assert_eq!(
        conclusion("SFT then RL", "Direct RL", "math500"),
        "not told apart, whatever the overlap"
    );
}

fn record(run: &str, problem: usize, verdict: Verdict, answer: Option<String>) -> EvalRecord {
    EvalRecord {
        run: run.into(),
        model: run.into(),
        benchmark: "gsm8k".into(),
        problem: ProblemId(format!("gsm8k:{problem:04}")),
        level: None,
        subject: None,
        sample: 0,
        seed: 0,
        verdict,
        answer,
        gold: String::new(),
        finish: Finish::Stop,
        prompt_tokens: 0,
        completion_tokens: 0,
        logprob_sum: None,
        grader: "publisher".into(),
        text: String::new(),
    }
}

#[test]
fn published_solutions_by_their_own_labels_give_the_tests_of_statsmodels() {
    let Some(path) = shared("gsm8k_model_solutions/example_model_solutions.jsonl") else { return };
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("golden/gsm8k_solutions.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut inputs = Vec::new();
    for model in golden["models"].as_array().unwrap() {
        let name = model["model"].as_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let records: Vec<EvalRecord> = text
            .lines()
            .enumerate()
            .map(|(i, line)| {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                let right = row[name]["is_correct"].as_bool().unwrap();
                let solution = row[name]["solution"].as_str().unwrap();
                let answer = solution.rsplit_once("A:").map(|(_, a)| a.trim().to_string());
                let verdict = match (right, &answer) {
                    (true, _) => Verdict::Correct,
                    (false, Some(_)) => Verdict::Wrong,
                    (false, None) => Verdict::NoAnswer,
                };
                record(name, i, verdict, answer)
            })
            .collect();
        inputs.push(dir.path().join(format!("{name}.parquet")));
        frame::write_records(&records, inputs.last().unwrap()).unwrap();
    }
    let mut ablation = spec::read(&inputs).unwrap();
    // All six pairs, in the order of the reference; the three against the baseline stand first.
    let pairs = golden["pairs"].as_array().unwrap();
    for pair in pairs {
        let name = |key: &str| pair[key].as_str().unwrap().to_string();
        ablation.claims.push(ablation::Claim { a: name("a"), b: name("b"), ..Default::default() });
    }
    let found = ablation::differences(&ablation).unwrap();
    assert_eq!(found.len(), 6);
    for pair in pairs {
        let d = found.iter().find(|d| pair["a"] == d.a && pair["b"] == d.b).unwrap();
        let count = |key: &str| pair[key].as_u64().unwrap();
        let expected = ablation::Test::McNemar { only_a: count("only_a"), only_b: count("only_b") };
        assert_eq!(d.compared.test, expected);
        assert!((d.compared.p / pair["p"].as_f64().unwrap() - 1.0).abs() < 1e-9);
        assert!((d.holm / pair["holm"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }
    for (row, model) in ablation.rows.iter().zip(golden["models"].as_array().unwrap()) {
        let e = row.scores["gsm8k"].estimate(Method::Wilson, 0.95);
        assert!((e.lo - model["lo"].as_f64().unwrap()).abs() < 1e-9);
        assert!((e.hi - model["hi"].as_f64().unwrap()).abs() < 1e-9);
    }
    let page = ablation::page(&ablation, Method::Wilson, "report ablation").unwrap();
    let text = page.markdown();
    assert!(
        text.contains("**56.3% (53.6-58.9)**"),
        "the best is told apart from all others: {text}"
    );
    assert!(text.contains("| 6b_finetuning | gsm8k | 1319 | 1319 | 286 |"), "{text}");
}

fn report(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_report")).arg("ablation").args(args).output().unwrap()
}

fn vote(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vote")).args(args).output().unwrap()
}

/// The one line that a refused command prints.
#[track_caller]
fn refusal(output: Output) -> String {
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    text
}

/// Two runs of 20 problems: the second solves six more.
fn two_runs(dir: &Path) -> [String; 2] {
    [("base", 8), ("better", 14)].map(|(run, right)| {
        let verdict = |i| if i < right { Verdict::Correct } else { Verdict::Wrong };
        let records: Vec<EvalRecord> =
            (0..20).map(|i| record(run, i, verdict(i), Some(i.to_string()))).collect();
        let path = dir.join(format!("{run}.csv"));
        frame::io::write(&mut frame::from_records(&records).unwrap(), &path).unwrap();
        path.display().to_string()
    })
}

#[test]
fn a_readme_is_updated_checked_and_found_out_of_date() {
    let dir = tempfile::tempdir().unwrap();
    let [base, better] = two_runs(dir.path());
    let readme = dir.path().join("README.md");
    let name = readme.display().to_string();
    std::fs::write(&readme, "# Mine\n").unwrap();
    assert!(
        refusal(report(&[&base, &better, "--check", &name]))
            .contains("<!-- howard:ablation begin -->")
    );
    std::fs::write(
        &readme,
        "# Mine\n<!-- howard:ablation begin -->\n<!-- howard:ablation end -->\nEnd\n",
    )
    .unwrap();
    assert_eq!(report(&[&base, &better, "--check", &name]).status.code(), Some(1));
    assert_eq!(report(&[&base, &better, "--update", &name]).status.code(), Some(0));
    let text = std::fs::read_to_string(&readme).unwrap();
    // Six to none: exact McNemar 2 / 2^6 = 0.03, so the better one is bold.
    assert!(text.contains("| better | **70.0% (48.1-85.5)** |"), "{text}");
    assert!(text.starts_with("# Mine\n") && text.ends_with("\nEnd\n"));
    assert_eq!(report(&[&base, &better, "--check", &name]).status.code(), Some(0));
    std::fs::write(&readme, text.replace("70.0%", "90.0%")).unwrap();
    let output = report(&[&base, &better, "--check", &name]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("90.0%") && said.contains("expected") && said.contains("--update"),
        "{said}"
    );
}

#[test]
fn results_go_out_in_the_studys_shape_and_come_in_again() {
    let dir = tempfile::tempdir().unwrap();
    let [base, better] = two_runs(dir.path());
    let json = dir.path().join("ablation_results.json").display().to_string();
    let out = dir.path().join("report").display().to_string();
    let output = report(&[&base, &better, "--results", &json, "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let html = std::fs::read_to_string(Path::new(&out).join("report.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("McNemar 6:0"));
    let again = report(&[&json, "--out", &out]);
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(text.contains("70.0%") && text.contains("40.0%"), "{text}");
}

#[test]
fn broken_input_is_refused_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let [base, better] = two_runs(dir.path());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let text = std::fs::read_to_string(&base).unwrap();
    let lines: Vec<&str> = text.lines().collect();

    std::fs::write(at("fewer.csv"), lines[..15].join("\n") + "\n").unwrap();
    let fewer =
        std::fs::read_to_string(at("fewer.csv")).unwrap().replace("base,base", "fewer,fewer");
    std::fs::write(at("fewer.csv"), fewer).unwrap();
    let said = refusal(report(&[&better, &at("fewer.csv")]));
    assert!(
        said.contains("asked different problems (6 only the first, 0 only the second)"),
        "{said}"
    );

    std::fs::write(at("empty.csv"), format!("{}\n", lines[0])).unwrap();
    assert!(refusal(report(&[&at("empty.csv")])).contains("empty.csv: "));
    std::fs::write(at("twice.csv"), format!("{text}{}\n", lines[3])).unwrap();
    let said = refusal(report(&[&at("twice.csv")]));
    assert!(said.contains("row 20: sample 0 of gsm8k:0002 stands twice"), "{said}");
    std::fs::write(at("columns.csv"), text.replace("verdict", "result")).unwrap();
    assert!(refusal(report(&[&at("columns.csv")])).contains("has no column 'verdict'"));
    std::fs::write(at("verdict.csv"), text.replacen("correct", "right", 1)).unwrap();
    assert!(refusal(report(&[&at("verdict.csv")])).contains("row 0: no verdict is 'right'"));
    assert!(refusal(report(&[&base, &base])).contains("stands in two of its runs"));
    assert!(
        refusal(report(&[&base, "--interval", "wald"])).contains("no interval is called 'wald'")
    );
    assert!(refusal(report(&[&at("none")])).contains("there is no such run"));

    std::fs::write(at("a.toml"), "baseline = \"x\"\n[[row]]\nname = \"y\"\ncounts = { b = 3 }\n")
        .unwrap();
    assert!(refusal(report(&[&at("a.toml")])).contains("counts of 'b' need its size"));
    let benchmark = "[[benchmark]]\nname = \"b\"\nproblems = 2\n";
    std::fs::write(
        at("a.toml"),
        format!("{benchmark}[[row]]\nname = \"y\"\ncounts = {{ b = 3 }}\n"),
    )
    .unwrap();
    assert!(refusal(report(&[&at("a.toml")])).contains("3 right of 2 on 'b'"));
    std::fs::write(
        at("a.toml"),
        format!("baseline = \"x\"\n{benchmark}[[row]]\nname = \"y\"\ncounts = {{ b = 1 }}\n"),
    )
    .unwrap();
    assert!(refusal(report(&[&at("a.toml")])).contains("there is no row 'x' (there are: y)"));
    std::fs::write(at("a.toml"), "title = \"t\"\nrow = 3\n").unwrap();
    assert!(refusal(report(&[&at("a.toml")])).contains("a.toml:2: "));
}

#[test]
fn vote_makes_a_page_and_refuses_scores_that_are_none() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let records: Vec<EvalRecord> = (0..24u32)
        .map(|i| {
            let right = i % 4 == 0 || i < 8;
            let verdict = if right { Verdict::Correct } else { Verdict::Wrong };
            EvalRecord {
                sample: i % 4,
                logprob_sum: Some(-1.0),
                ..record("r", i as usize / 4, verdict, Some(format!("{}", i % 3)))
            }
        })
        .collect();
    frame::write_records(&records, &dir.path().join("r.parquet")).unwrap();
    let output = vote(&[&at("r.parquet"), "--score", "logprob", "--out", &at("page")]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(dir.path().join("page/report.md")).unwrap();
    assert!(
        page.contains("best of k by mean log-probability")
            && page.contains("| r | gsm8k | 6 | 24 | 0 |"),
        "{page}"
    );
    std::fs::write(at("s.csv"), "problem,sample,score\ngsm8k:0000,0,NaN\n").unwrap();
    let said = refusal(vote(&[&at("r.parquet"), "--score", &at("s.csv"), "--out", &at("page")]));
    assert!(
        said.contains("s.csv: row 0: the score of sample 0 of gsm8k:0000 is not a finite number"),
        "{said}"
    );
    std::fs::write(at("s.csv"), "problem,sample,score\ngsm8k:0000,0,0.5\n").unwrap();
    let said = refusal(vote(&[&at("r.parquet"), "--score", &at("s.csv"), "--out", &at("page")]));
    assert!(said.contains("has no score for sample 1 of gsm8k:0000"), "{said}");
    assert!(
        refusal(vote(&[&at("r.parquet"), "-k", "5", "--out", &at("page")]))
            .contains("fewest samples of a problem, 4")
    );
}
