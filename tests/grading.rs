//! The grader against cases that others labelled, and against the table of docs/grading.md.

use howard::answer::{Grader, Outcome};
use serde_json::Value;

use crate::data::shared;

/// Public cases we judge differently, each argued in docs/grading.md. All are marked in the file as depending on a policy.
const ARGUED: [&str; 7] = [
    "pc-30d9a004135b", // decimal_comma
    "pc-3aec4fe711ed", // precision:2
    "pc-5d225e3c3209", // precision:[1e+34, 0.001]
    "pc-844bba468648", // decimal_comma
    "pc-d0b567d775bd", // decimal_comma
    "pc-f395d034a560", // mcq_with_text
    "pc-fb8f0eb269c1", // chain_last
];

#[test]
fn public_cases_are_judged_as_their_sources_do() {
    let Some(path) = shared("grader/public_cases.jsonl") else { return };
    let rows: Vec<Value> = howard::jsonl::read(&path).unwrap();
    let grader = Grader::default();
    let (mut judged, mut differing) = (0, Vec::new());
    for row in &rows {
        let text = |field: &str| row[field].as_str().unwrap_or_default();
        let gold = grader.gold(text("gold"));
        let grade = match text("extract") {
            "freeform" => continue,
            "bare" => grader.grade_answer(&gold, text("pred")),
            _ => grader.grade(&gold, text("pred")),
        };
        judged += 1;
        let equal = grade.outcome == Outcome::Equal;
        if equal != row["expected"].as_bool().unwrap() {
            differing.push((text("id"), row["policy"].is_string()));
            println!(
                "{} {} | {:?} | {:?} | {:?} {:?}",
                text("id"),
                row["policy"],
                text("gold"),
                text("pred"),
                grade.outcome,
                grade.extracted
            );
        }
    }
    println!("{} of {judged} differ", differing.len());
    let found: Vec<&str> = differing.iter().map(|(id, _)| *id).collect();
    assert_eq!(found, ARGUED);
}
