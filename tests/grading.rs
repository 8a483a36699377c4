//! The grader against cases that others labelled, against the table of docs/grading.md, and against its own promises.

use std::path::Path;

use howard::answer::{Grader, Mode, Outcome, STEPS};
use howard::bench::{self, Local};
use proptest::prelude::*;
use serde_json::Value;

use crate::data::shared;
use crate::hostile;

/// Public cases we judge differently, each argued in docs/grading.md. All are marked in the file as depending on a policy.
const ARGUED: [&str; 3] = [
    "pc-3aec4fe711ed", // precision:2
    "pc-5d225e3c3209", // precision:[1e+34, 0.001]
    "pc-fb8f0eb269c1", // chain_last
];

fn equal(grader: &Grader, gold: &str, answer: &str) -> bool {
    grader.grade_answer(&grader.gold(gold), answer).outcome == Outcome::Equal
}

#[test]
fn public_cases_are_judged_as_their_sources_do() {
    let Some(path) = shared("grader/public_cases.jsonl") else { return };
    let rows: Vec<Value> = howard::jsonl::read(&path).unwrap();
    let grader = Grader::default();
    let (mut judged, mut switched) = (0, 0);
    let mut differing = Vec::new();
    for row in &rows {
        let text = |field: &str| row[field].as_str().unwrap_or_default();
        let gold = grader.gold(text("gold"));
        let grade = match text("extract") {
            "freeform" => continue,
            "bare" => grader.grade_answer(&gold, text("pred")),
            _ => grader.grade(&gold, text("pred")),
        };
        judged += 1;
        if (grade.outcome == Outcome::Equal) != row["expected"].as_bool().unwrap() {
            assert!(row["policy"].is_string(), "{row} was graded {grade:?}");
            differing.push(text("id"));
        }
        // The same with the switch that the case is marked with.
        let policy = row["policy"].as_str().unwrap_or_default();
        let comma = Grader { decimal_comma: policy == "decimal_comma", ..Grader::default() };
        let gold = match policy.strip_prefix("precision:") {
            // Rounded to two decimals.
            Some("2") => comma.gold_within(text("gold"), &"0.005".parse().unwrap()),
            Some(list) => {
                comma.gold_within(text("gold"), &list.trim_matches(['[', ']']).parse().unwrap())
            }
            None => comma.gold(text("gold")),
        };
        let grade = match text("extract") {
            "bare" => comma.grade_answer(&gold, text("pred")),
            _ => comma.grade(&gold, text("pred")),
        };
        switched +=
            usize::from((grade.outcome == Outcome::Equal) == row["expected"].as_bool().unwrap());
    }
    assert_eq!((judged, differing), (194, ARGUED.to_vec()));
    // All but the false chain `3+3 = 2`.
    assert_eq!(switched, 193);
}

/// Rows of the tables with four columns under "Cases".
pub fn documented() -> Vec<(String, String, bool, bool)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grading.md");
    let text = std::fs::read_to_string(path).unwrap();
    let cases = text.split("\n## ").find(|part| part.starts_with("Cases")).unwrap();
    let cell = |cell: &str| match cell.trim() {
        "(empty)" => String::new(),
        code => code.trim_matches('`').replace("\\|", "|"),
    };
    let yes = |cell: &str| match cell.trim() {
        "yes" => true,
        "no" => false,
        other => panic!("{other} is neither yes nor no"),
    };
    cases
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let line = line.replace("\\|", "\u{1}");
            let cells: Vec<String> = line.split('|').map(|c| c.replace('\u{1}', "\\|")).collect();
            assert_eq!(cells.len(), 6, "{line}");
            (cell(&cells[1]), cell(&cells[2]), yes(&cells[3]), yes(&cells[4]))
        })
        .collect()
}

#[test]
fn the_documented_cases_hold_in_both_policies() {
    let cases = documented();
    assert!(cases.len() > 280, "{}", cases.len());
    let (evaluation, training) = (Grader::default(), Grader::training());
    for (gold, answer, lenient, strict) in cases {
        assert_eq!(equal(&evaluation, &gold, &answer), lenient, "evaluation: {gold} | {answer}");
        assert_eq!(equal(&training, &gold, &answer), strict, "training: {gold} | {answer}");
        // The evaluation policy does not care which side is the gold answer.
        if !answer.is_empty() {
            assert_eq!(equal(&evaluation, &answer, &gold), lenient, "swapped: {answer} | {gold}");
        }
    }
}

/// `tests/golden/grade_vectors.jsonl`: 70 pairs as the study's grader judged them before its repair.
/// We differ where its LaTeX-to-text conversion loses structure and calls different things equal.
#[test]
fn normalised_strings_agree_with_the_studys_grader() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/grade_vectors.jsonl");
    let rows: Vec<Value> = howard::jsonl::read(&path).unwrap();
    let grader = Grader { mode: Mode::Normalized, ..Grader::default() };
    let mut differing = Vec::new();
    for row in &rows {
        let (gold, answer) = (row["truth"].as_str().unwrap(), row["given"].as_str().unwrap());
        if equal(&grader, gold, answer) != row["cookbook_before_643"].as_bool().unwrap() {
            differing.push((gold, answer));
        }
    }
    assert_eq!((rows.len(), differing), (70, Vec::new()));
}

#[test]
fn every_gold_answer_grades_itself_and_its_canonical_form() {
    let Some(root) = shared("") else { return };
    let shelf = Local { root: Some(root) };
    let grader = Grader::default();
    let (mut golds, mut words, mut canonical) = (0, 0, 0);
    let names = [
        "math-train",
        "math-test",
        "math-500",
        "olympiadbench",
        "gsm8k",
        "gsm8k-train",
        "aime-2024",
        "aime-2025",
    ];
    for name in names {
        for problem in bench::find(name).unwrap().load(&shelf).unwrap() {
            let gold = grader.gold(&problem.gold);
            golds += 1;
            words += usize::from(gold.is_text());
            let completion = format!("Hence $\\boxed{{{}}}$.", problem.gold);
            let grade = grader.grade(&gold, &completion);
            // One answer of MATH's training set is an empty box.
            let empty = problem.gold.trim().is_empty();
            assert_eq!(grade.outcome == Outcome::Equal, !empty, "{}", problem.gold);
            if let Some(form) = gold.canonical() {
                canonical += 1;
                assert!(equal(&grader, &problem.gold, &form), "{} became {form}", problem.gold);
                let again = grader.gold(&form).canonical();
                assert_eq!(again.as_ref(), Some(&form), "{} became {form}", problem.gold);
            }
        }
    }
    println!("{golds} gold answers, {words} read as words, {canonical} with a canonical form");
    assert!(golds > 22_000 && words < golds / 50 && canonical > golds * 98 / 100);
}

#[test]
fn hostile_answers_cost_little_and_are_wrong() {
    let grader = Grader::default();
    let gold = grader.gold("\\frac{7}{2}");
    let nested =
        |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    let hostile = [
        "9^{9^{9}}".into(),
        "9^{9^{9^{9^{9}}}}".into(),
        "99999999!".into(),
        "((10^9)!)!".into(),
        "\\binom{10^{9}}{10^{8}}".into(),
        "\\sum_{k=1}^{1000000000} k^k".into(),
        "\\prod_{k=1}^{200} \\sum_{j=1}^{200} \\sin(k j)".into(),
        "\\sin(10^{10^{10}})".into(),
        "e^{e^{e^{e^{10}}}}".into(),
        nested("{", "}", 100_000),
        nested("(", ")", 4_000),
        nested("\\frac{1}{", "}", 3_000),
        nested("\\sqrt{", "}", 50),
        "\\boxed{".repeat(50_000),
        "7".repeat(1_000_000),
        "7".repeat(10_000),
        "-".repeat(10_000),
        "x^".repeat(2_000) + "2",
        "2^{2^{2^{".repeat(20),
        "\\pm".repeat(1_000) + "5",
        "1,".repeat(2_000),
        "(x+1)^{99999}(x-1)^{99999}".into(),
        "!".repeat(3_000),
        "5".to_string() + &"!".repeat(3_000),
        "|".repeat(3_000),
        "\\left(".repeat(2_000),
        "\\begin{pmatrix}".repeat(500),
        "\u{202e}\u{0}\u{fffd}\u{1f600}".into(),
        String::from_utf8_lossy(&[0xff, 0xfe, b'5', 0x80]).into_owned(),
        "1/0".into(),
        "0^{-1}".into(),
        "\\log 0".into(),
        "\\tan(\\pi/2)".into(),
        "1e99999".into(),
        "0.0000000000000000000000000000000000000000001e-4000".into(),
    ];
    // On a small stack, as in a thread of a server.
    let worker = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for answer in &hostile {
            let outcome = grader.grade_answer(&gold, answer).outcome;
            assert_ne!(outcome, Outcome::Equal, "{answer:.60}");
            let boxed = format!("so \\boxed{{{answer}}} follows");
            assert_ne!(grader.grade(&gold, &boxed).outcome, Outcome::Equal, "{answer:.60}");
            let own = grader.gold(answer);
            let _ = (own.canonical(), own.explain());
        }
    });
    worker.unwrap().join().unwrap();
}

/// One account pays for everything: no verdict takes more steps than there are, every byte that is read costs one, and
/// answers of a sensible size are decided.
#[test]
fn the_nastiest_answers_stay_within_the_account() {
    let grader = Grader::default();
    let mut undecided = std::collections::BTreeSet::new();
    for pair in hostile::pairs() {
        let gold = grader.gold(&pair.gold);
        let grade = if pair.completion {
            grader.grade(&gold, &pair.pred)
        } else {
            grader.grade_answer(&gold, &pair.pred)
        };
        assert!(grade.steps <= STEPS, "{}: {grade:?}", pair.name);
        if pair.gold.starts_with("\\frac{7}{2}") {
            assert_ne!(grade.outcome, Outcome::Equal, "{}", pair.name);
        }
        let bytes = [&pair.gold, &pair.pred].map(|text| text.trim().len());
        if !pair.completion && bytes.iter().all(|&bytes| (1..=16_384).contains(&bytes)) {
            let read = (bytes[0].min(2_000) + bytes[1].min(2_000)) as u64;
            assert!(grade.steps >= read, "{}: {grade:?}", pair.name);
        }
        let (name, size) = pair.name.rsplit_once(", ").unwrap_or((&pair.name, ""));
        if grade.outcome == Outcome::Undecided && size.parse().is_ok_and(|size: u32| size <= 3) {
            undecided.insert(name.to_string());
        }
    }
    // Functions that have no value at a real point, sums without an end or with millions of terms, and answers that
    // differ in the two hundredth decimal or hold dozens of roots.
    let known = [
        "common divisors",
        "huge factorials",
        "inequalities of plus-minus",
        "inverse tangents of variables",
        "lists of plus-minus",
        "sums in sums in sums",
    ];
    assert_eq!(undecided, known.map(String::from).into());
}

#[test]
fn classes_group_equal_answers() {
    let answers = [
        "1/2",
        "0.5",
        "2",
        "\\frac{1}{2}",
        "\\sqrt{4}",
        "x+1",
        "1+x",
        "\\text{even}",
        "even",
        "7",
        "2.0",
    ];
    assert_eq!(Grader::default().classes(&answers), [0, 0, 1, 0, 1, 2, 2, 3, 3, 4, 1]);
    // One canonical text, but not equal.
    let named = ["x=5, y=7", "a=5, b=7", "(C) 12", "(C) 13", "y=7, x=5"];
    assert_eq!(Grader::default().classes(&named), [0, 1, 2, 3, 0]);
    let normalized = Grader { mode: Mode::Normalized, ..Grader::default() };
    assert_eq!(normalized.classes(&answers[..4]), [0, 0, 1, 0]);
}

#[test]
fn settings_are_part_of_the_name() {
    let names: Vec<String> = [
        Grader::default(),
        Grader::training(),
        Grader { mode: Mode::Normalized, ..Grader::default() },
        Grader { fallback: true, ..Grader::default() },
        Grader { same_form: true, decimal_comma: true, ..Grader::training() },
    ]
    .iter()
    .map(Grader::name)
    .collect();
    assert_eq!(
        names,
        [
            "howard/3",
            "howard-training/3",
            "howard-normalized/3",
            "howard-fallback/3",
            "howard-training-decimal-comma-same-form/3"
        ]
    );
    let fallback = Grader { fallback: true, ..Grader::default() };
    let gold = fallback.gold("72");
    assert_eq!(fallback.grade(&gold, "clips.\n#### 72").outcome, Outcome::Equal);
    assert_eq!(fallback.grade(&gold, "So the answer is 72. Done").outcome, Outcome::Equal);
    assert_eq!(Grader::default().grade(&gold, "#### 72").outcome, Outcome::NoAnswer);
}

/// A random expression in LaTeX, in x and y.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0..40i32).prop_map(|n| n.to_string()),
        (0..400i32).prop_map(|n| format!("{}.{:02}", n / 100, n % 100)),
        (-9..9i32, 1..9i32).prop_map(|(a, b)| format!("\\frac{{{a}}}{{{b}}}")),
        Just("x".to_string()),
        Just("y".to_string()),
        Just("\\pi".to_string()),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) + ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) - ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) \\cdot ({b})")),
            (inner.clone(), 1..4u32).prop_map(|(a, n)| format!("({a})^{n}")),
            (2..30u32).prop_map(|n| format!("\\sqrt{{{n}}}")),
            inner.clone().prop_map(|a| format!("\\sin({a})")),
            inner.prop_map(|a| format!("-({a})")),
        ]
    })
}

/// A random answer: an expression or several.
fn answer() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => expression(),
        1 => (expression(), expression()).prop_map(|(a, b)| format!("({a}, {b})")),
        1 => (expression(), expression()).prop_map(|(a, b)| format!("{a}, {b}")),
        1 => (expression(), expression()).prop_map(|(a, b)| format!("\\{{{a}, {b}\\}}")),
        1 => (0..9i32, 10..20i32).prop_map(|(a, b)| format!("[{a}, {b})")),
        1 => expression().prop_map(|a| format!("z = {a}")),
        1 => (1..500u32).prop_map(|n| format!("{n} \\text{{ cm}}")),
    ]
}

/// The harmless rewritings of docs/grading.md.
fn rewritings(text: &str) -> Vec<String> {
    vec![
        format!("  {text} "),
        format!("${text}$"),
        format!("\\({text}\\)"),
        format!("{text}."),
        format!("\\boxed{{{text}}}"),
        text.replace("\\frac", "\\dfrac"),
        text.replace('(', "\\left(").replace(')', "\\right)"),
        text.replace("\\cdot", "\\times"),
        text.replace('-', "\u{2212}"),
        text.replace("\\pi", "\u{3c0}"),
        text.replace(' ', "\\, "),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn grading_is_reflexive_symmetric_and_blind_to_harmless_rewritings(a in answer(), b in answer()) {
        let grader = Grader::default();
        prop_assert!(equal(&grader, &a, &a), "{a}");
        let forth = grader.grade_answer(&grader.gold(&a), &b).outcome;
        let back = grader.grade_answer(&grader.gold(&b), &a).outcome;
        prop_assert_eq!(forth == Outcome::Equal, back == Outcome::Equal);
        for rewritten in rewritings(&a) {
            prop_assert!(equal(&grader, &a, &rewritten), "{} became {}", a, rewritten);
            let other = grader.grade_answer(&grader.gold(&b), &rewritten).outcome;
            prop_assert_eq!(other, back, "{} became {} beside {}", a, rewritten, b);
        }
    }

    #[test]
    fn canonical_text_reads_back_as_the_same_value(a in answer()) {
        let grader = Grader::default();
        let gold = grader.gold(&a);
        if let Some(form) = gold.canonical() {
            prop_assert!(equal(&grader, &a, &form), "{} became {}", a, form);
            prop_assert_eq!(grader.gold(&form).canonical(), Some(form.clone()), "{} became {}", a, form);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(a in "\\PC{0,60}", b in "[-0-9a-z(){}\\\\^_,.+*/=|<>$%!:; ]{0,60}") {
        let grader = Grader::default();
        for text in [&a, &b] {
            let gold = grader.gold(text);
            let _ = (gold.canonical(), gold.explain());
            let _ = grader.grade(&gold, &format!("\\boxed{{{b}}} {a}"));
        }
    }
}
