//! Completions that something else produced, graded here.

use howard::answer::Grader;
use howard::bench::{self, Local, PromptStyle};
use howard::eval::{self, EvalOptions, Task};
use howard::progress::Silent;
use howard::sample::recorded::{Import, Line, Recorded};
use howard::types::{EvalRecord, SamplingParams, Verdict};
use serde_json::Value;

use crate::data::shared;

/// The four models of OpenAI's file, with the number of solutions it calls correct.
const MODELS: [(&str, usize); 4] = [
    ("6b_finetuning", 286),
    ("6b_verification", 515),
    ("175b_finetuning", 458),
    ("175b_verification", 742),
];

/// Where our grader disagrees with the publisher, each explained in docs/gsm8k_model_solutions.md.
const EXPLAINED: [(&str, &str); 0] = [];

#[test]
fn published_solutions_of_gsm8k_are_graded_as_their_publisher_did() {
    let Some(path) = shared("gsm8k_model_solutions/example_model_solutions.jsonl") else { return };
    let rows: Vec<Value> = howard::jsonl::read(&path).unwrap();
    let gsm8k = bench::find("gsm8k").unwrap();
    let problems = gsm8k.load(&Local { root: shared("") }).unwrap();
    assert_eq!(rows.len(), problems.len());

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("solutions.jsonl");
    let mut lines = howard::jsonl::Appender::open(&file).unwrap();
    for row in &rows {
        for (model, _) in MODELS {
            lines
                .append(&Line {
                    problem: row["question"].as_str().unwrap().into(),
                    completion: row[model]["solution"].as_str().unwrap().into(),
                    model: model.into(),
                    finish: None,
                    prompt_tokens: None,
                    completion_tokens: None,
                })
                .unwrap();
        }
    }
    let import = Import { path: file.clone(), mark: "A:".into() };
    let several = Recorded::load(&import, "", &problems).map(|_| ()).unwrap_err().to_string();
    assert!(several.contains("175b_finetuning, 175b_verification, 6b_finetuning"), "{several}");

    let task = Task { benchmark: "gsm8k".into(), prompt: PromptStyle::Study, problems };
    let mut outcomes = Vec::new();
    let mut disagreements: Vec<(String, bool, EvalRecord)> = Vec::new();
    for (model, correct) in MODELS {
        let mut sampler = Recorded::load(&import, model, &task.problems).unwrap();
        assert_eq!((sampler.unused(), sampler.samples()), (0, 1));
        let options = EvalOptions {
            run: model.into(),
            model: model.into(),
            samples: 1,
            params: SamplingParams::default(),
            seed: 0,
            wave: 0,
            grader: Grader::default(),
        };
        let records = dir.path().join(format!("{model}.jsonl"));
        let tasks = std::slice::from_ref(&task);
        let records = eval::run(&mut sampler, tasks, &options, &records, &mut Silent).unwrap();
        let count = |v: Verdict| records.iter().filter(|r| r.verdict == v).count();
        outcomes.push([count(Verdict::Correct), count(Verdict::Wrong), count(Verdict::NoAnswer)]);
        let published: Vec<bool> =
            rows.iter().map(|r| r[model]["is_correct"].as_bool().unwrap()).collect();
        assert_eq!(published.iter().filter(|c| **c).count(), correct);
        for (record, published) in records.into_iter().zip(published) {
            if (record.verdict == Verdict::Correct) != published {
                disagreements.push((model.into(), published, record));
            }
        }
    }
    let found: Vec<(&str, &str)> = disagreements
        .iter()
        .map(|(model, _, record)| (model.as_str(), record.problem.0.as_str()))
        .collect();
    let published: Vec<_> = disagreements.iter().map(|(_, p, r)| (p, &r.gold, &r.answer)).collect();
    assert_eq!(found, EXPLAINED, "explain these in docs/gsm8k_model_solutions.md: {published:?}");
    for (outcome, (model, correct)) in outcomes.iter().zip(MODELS) {
        assert_eq!((outcome[0], outcome.iter().sum()), (correct, 1319), "{model}");
    }
}
