//! Real benchmark files, where they are at hand: beside the checkout in `../shared/data` or where HOWARD_SHARED says.

use std::path::{Path, PathBuf};

use howard::bench::{self, Benchmark, Columns, Local, load_jsonl, overlap};
use howard::types::Problem;

/// A file or folder of `../shared/data`, or `None` and a word about it.
pub fn shared(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("HOWARD_SHARED").map_or(beside, PathBuf::from);
    let path = folder.join("data").join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {file} is not at hand");
    None
}

fn load(name: &str) -> Option<Vec<Problem>> {
    let shelf = Local { root: Some(shared("")?) };
    Some(bench::find(name).unwrap().load(&shelf).unwrap())
}

#[test]
fn every_benchmark_is_what_its_publisher_counts_to_the_letter() {
    let Some(root) = shared("") else { return };
    let shelf = Local { root: Some(root) };
    // Rows as their publishers count them; OlympiadBench: those with a numerical answer, as in the study.
    let rows = [
        ("math-500", 500),
        ("aime-2024", 30),
        ("aime-2025", 30),
        ("gsm8k", 1319),
        ("olympiadbench", 572),
        ("math-train", 7500),
        ("math-test", 5000),
        ("math-train-hard", 3994),
        ("gsm8k-train", 7473),
    ];
    for (name, rows) in rows {
        let benchmark: &Benchmark = bench::find(name).unwrap();
        let problems = benchmark.load(&shelf).unwrap();
        assert_eq!(problems.len(), rows, "{name}");
        assert!(problems.iter().all(|p| !p.gold.trim().is_empty() && !p.text.is_empty()));
        let checked = benchmark.check(&shelf).unwrap();
        assert!(checked.same_texts, "{name}: {checked:?}");
    }
    let levels = |name: &str| {
        let problems = load(name).unwrap();
        (1..=5u8)
            .map(|l| problems.iter().filter(|p| p.level == Some(l)).count())
            .collect::<Vec<_>>()
    };
    // Published counts of the levels; two train problems have none.
    assert_eq!(levels("math-500"), [43, 90, 105, 128, 134]);
    assert_eq!(levels("math-train"), [564, 1348, 1592, 1690, 2304]);
    assert_eq!(levels("math-train-hard"), [0, 0, 0, 1690, 2304]);
}

#[test]
fn the_two_copies_of_aime_2024_ask_the_same() {
    let Some(root) = shared("aime2024") else { return };
    let source = bench::find("aime-2024").unwrap().source.unwrap();
    let read = |file: &str| -> Vec<(String, String)> {
        let rows = bench::read_json_rows(&root.join(file)).unwrap();
        let items = rows.iter().map(|(_, row)| (source.item)(row).unwrap().unwrap());
        items.map(|i| (i.text.split_whitespace().collect(), i.gold)).collect()
    };
    let (mut a, mut b) = (read("test_qwen25math.jsonl"), read("test_qwq.jsonl"));
    a.sort_by(|x, y| x.1.cmp(&y.1).then(x.0.cmp(&y.0)));
    b.sort_by(|x, y| x.1.cmp(&y.1).then(x.0.cmp(&y.0)));
    let golds = |all: &[(String, String)]| all.iter().map(|x| x.1.clone()).collect::<Vec<_>>();
    assert_eq!(golds(&a), golds(&b));
    assert!(b.iter().all(|(text, _)| !text.contains("reasonstepbystep")));
}

#[test]
fn a_damaged_or_shortened_file_is_refused() {
    let Some(path) = shared("aime2025/test_qwq.jsonl") else { return };
    let dir = tempfile::tempdir().unwrap();
    let shelf = Local { root: Some(dir.path().into()) };
    let copy = dir.path().join("aime2025/test_qwq.jsonl");
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    let benchmark = bench::find("aime-2025").unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(&copy, &text).unwrap();
    assert_eq!(benchmark.load(&shelf).unwrap().len(), 30);

    let (first, rest) = text.split_once('\n').unwrap();
    std::fs::write(&copy, rest).unwrap();
    let message = benchmark.load(&shelf).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("aime-2025: expected [30] rows in its files, got 29"), "{message}");
    std::fs::write(&copy, format!("{rest}{}", first.replace("\"answer\": 70", "\"answer\": 71")))
        .unwrap();
    let message = benchmark.load(&shelf).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("gold answers are not those of the published data"), "{message}");
    let reworded = format!("{rest}{}", first.replace("Find the sum", "Find the total"));
    std::fs::write(&copy, reworded).unwrap();
    assert!(!benchmark.check(&shelf).unwrap().same_texts);
    std::fs::write(&copy, format!("{text}{first}\n")).unwrap();
    let message = benchmark.load(&shelf).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("the same problem stands at"), "{message}");
}

/// Found by an independent script over the same files (letters and digits only, figures removed): the study's
/// training set shares two problems with OlympiadBench and, up to a sign, one with MATH-500; AIME none.
#[test]
fn the_overlap_of_training_set_and_benchmarks_is_the_known_one() {
    let (Some(train), Some(gsm)) = (load("math-train"), load("gsm8k-train")) else { return };
    let golds = |name: &str, train: &[Problem]| -> Vec<(String, String)> {
        let found = overlap::between(train, &load(name).unwrap());
        found.into_iter().map(|o| (o.train_gold, o.test_gold)).collect()
    };
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    assert_eq!(golds("math-500", &train), [pair("12", "6")]);
    let mut olympiad = golds("olympiadbench", &train);
    olympiad.sort();
    assert_eq!(olympiad, [pair("-50", "-50"), pair("\\frac{49}{3}", "\\frac{49}{3}")]);
    assert_eq!(golds("aime-2024", &train), []);
    assert_eq!(golds("aime-2025", &train), []);
    assert_eq!(golds("gsm8k", &gsm), []);
    // The test split holds MATH-500 as a whole: never train on it.
    assert_eq!(golds("math-500", &load("math-test").unwrap()).len(), 500);
}

#[test]
fn real_files_load_as_a_users_own_json_lines() {
    let columns = |problem: &str, answer: &str, level: Option<&str>| Columns {
        problem: problem.into(),
        answer: answer.into(),
        level: level.map(String::from),
        subject: None,
    };
    for (file, columns, name) in [
        ("gsm8k/test.jsonl", columns("question", "answer", None), "gsm8k"),
        ("math500/test.jsonl", columns("problem", "answer", Some("level")), "math-500"),
    ] {
        let Some(path) = shared(file) else { continue };
        // The same problems as the table's, ids included.
        assert_eq!(load_jsonl(name, &path, &columns).unwrap().len(), load(name).unwrap().len());
    }
}

#[test]
fn gsm8k_answers_are_the_numbers_behind_the_marks() {
    let Some(problems) = load("gsm8k") else { return };
    // The first problem of the file: Janet's ducks, 18 dollars a day.
    assert!(problems[0].text.starts_with("Janet"));
    assert_eq!(problems[0].gold, "18");
    let numbers =
        problems.iter().filter(|p| p.gold.replace([',', '-', '.'], "").parse::<u64>().is_ok());
    assert_eq!(numbers.count(), 1319);
}

#[cfg(all(feature = "frame", feature = "cli"))]
mod parquet {
    use super::*;
    use howard::answer::Grader;
    use howard::bench::{Shelf, load_file};
    use howard::cli::library::{Library, LibraryArgs};
    use howard::trace::{OPENR1_COLUMNS, OpenR1, Reasons};

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/parquet").join(name)
    }

    fn library() -> Library {
        Library::new(&LibraryArgs::default())
    }

    /// Columns and types of the real files, written by pyarrow (`tests/golden/parquet.py` says what stands in each row).
    #[test]
    fn openr1_is_read_filtered_and_graded() {
        let rows = library().rows(&golden("openr1.parquet"), OPENR1_COLUMNS).unwrap();
        assert_eq!(rows.len(), 7);
        let take = |filter: &OpenR1| {
            let (mut kept, mut reasons) = (Vec::new(), Reasons::new());
            let rows = rows.iter().map(|(_, row)| row);
            filter.take_all(rows, &Grader::default(), &mut kept, &mut reasons);
            (kept, reasons)
        };
        let (kept, reasons) = take(&OpenR1::default());
        let texts: Vec<&str> = kept.iter().map(|t| t.messages[1].content.as_str()).collect();
        assert_eq!(
            texts,
            [
                "<think>\n</think>\n\n\\boxed{2}",
                "<think>\ntwo and two\n</think>\n\n\\boxed{4}",
                "the same again \\boxed{2}"
            ]
        );
        let expected = [
            ("no problem or no answer", 1),
            ("no solution of the right length", 1),
            ("no solution that its publisher verified", 1),
            ("our grader finds no correct answer", 1),
        ];
        assert_eq!(reasons, expected.into());
        assert_eq!(take(&OpenR1 { max_chars: 0, ..OpenR1::default() }).0.len(), 4);
        let olympiads = OpenR1 { sources: vec!["amc_aime".into()], ..OpenR1::default() };
        assert_eq!(take(&olympiads).0.len(), 1);
        assert_eq!(take(&OpenR1 { limit: 1, ..OpenR1::default() }).0.len(), 1);
        // The reader of the table's row finds the problems too, and cannot mistake this file for the whole.
        let source = bench::find("openr1-math").unwrap().source.unwrap();
        let items = rows.iter().filter_map(|(_, row)| (source.item)(row).unwrap()).count();
        assert_eq!(items, 6);
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join(source.local);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(golden("openr1.parquet"), copy).unwrap();
        let library = Library::new(&LibraryArgs { data_root: Some(dir.path().into()) });
        let message =
            bench::find("openr1-math").unwrap().load(&library).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "openr1-math: expected [93733] rows in its files, got 7");
    }

    #[test]
    fn a_users_own_parquet_is_read_by_named_columns() {
        let mut columns = Columns {
            problem: "question".into(),
            answer: "gold".into(),
            level: Some("difficulty".into()),
            subject: None,
        };
        let problems = load_file("sums", &golden("sums.parquet"), &columns, &library()).unwrap();
        assert_eq!(problems.len(), 40);
        let levels: Vec<_> = problems[7..10].iter().map(|p| p.level).collect();
        assert_eq!(levels, [Some(4), Some(5), None]);
        assert_eq!(
            (problems[39].text.as_str(), problems[39].gold.as_str()),
            ("What is 40 plus 40?", "80")
        );
        // Columns of other types do not matter until they are named.
        columns.level = Some("small".into());
        let message = load_file("sums", &golden("sums.parquet"), &columns, &library());
        let message = message.map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("Int8 (columns of this type cannot be read here"), "{message}");
        columns.level = None;
        columns.problem = "prompt".into();
        let message = load_file("sums", &golden("sums.parquet"), &columns, &library());
        let message = message.map(|_| ()).unwrap_err().to_string();
        assert!(
            message.ends_with("sums.parquet:1: no column 'prompt'; the columns are gold"),
            "{message}"
        );
    }
}
