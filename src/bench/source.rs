//! Where the files of a benchmark are, and how one row becomes a problem.

use serde_json::Value;

use super::Row;
use crate::answer;

/// Files of a data set on the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hub {
    /// `owner/name`.
    pub repo: &'static str,
    /// Commit, 40 hex digits.
    pub revision: &'static str,
    /// Files, in order.
    pub files: &'static [&'static str],
    /// SHA-256 of each file where it was published by somebody else too; empty = what the hub says is checked.
    pub sha256: &'static [&'static str],
    /// Split.
    pub split: &'static str,
}

/// What a row says about a problem; `Ok(None)` for a row that is not part of the benchmark.
pub type ReadItem = fn(&Row) -> Result<Option<Item>, String>;

/// Where the files of a benchmark are, and how a row becomes a problem.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// On the hub.
    pub hub: Hub,
    /// Below a data folder, for machines without network.
    pub local: &'static str,
    /// Columns that are read.
    pub columns: &'static [&'static str],
    /// Rows in the files, problems of other kinds included: one number per known edition.
    pub file_rows: &'static [usize],
    /// Whether a problem may stand more than once (the first counts, and the number of problems is not checked).
    pub repeats: bool,
    /// A row as a problem.
    pub item: ReadItem,
    /// Hash of the gold answers ([`super::gold_hash`]); checked when loading, empty = not checked.
    pub golds: &'static str,
    /// Hash of texts and answers ([`super::content_hash`]) of the copy that the table was made from.
    pub content: &'static str,
}

/// What a row says about a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The question.
    pub text: String,
    /// The gold answer, bare.
    pub gold: String,
    /// Level 1 to 5.
    pub level: Option<u8>,
    /// Subject.
    pub subject: Option<String>,
}

/// The answer in a gold field: what follows the last `####` (GSM8K), else the last balanced `\boxed{}`
/// (MATH solutions), else the whole text.
pub fn bare_gold(field: &str) -> String {
    if let Some((_, answer)) = field.rsplit_once("####") {
        return answer.trim().to_string();
    }
    answer::last_boxed(field)
        .map_or_else(|| field.trim().to_string(), |boxed| boxed.trim().to_string())
}

/// A level as a number or as a text that ends in one (`Level 5`).
pub fn level(text: &str) -> Option<u8> {
    text.trim_start_matches("Level ").trim().parse().ok()
}

/// A cell as text: texts and numbers; `None` for an absent or null cell.
pub fn cell(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(row: &Row, columns: &[&str]) -> Result<String, String> {
    columns.iter().find_map(|column| cell(row, column)).ok_or_else(|| {
        let names = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        format!("no column '{}'; the columns are {names}", columns.join("' or '"))
    })
}

/// GSM8K: the answer follows `####`.
pub fn gsm8k(row: &Row) -> Result<Option<Item>, String> {
    let gold = bare_gold(&text(row, &["answer"])?);
    Ok(Some(Item { text: text(row, &["question"])?, gold, level: None, subject: None }))
}

/// MATH-500: `answer` is the one that its publisher extracted.
pub fn math_500(row: &Row) -> Result<Option<Item>, String> {
    Ok(Some(Item { gold: text(row, &["answer"])?.trim().to_string(), ..math_row(row)? }))
}

/// MATH: the answer stands in the last box of the solution.
pub fn math(row: &Row) -> Result<Option<Item>, String> {
    math_row(row).map(Some)
}

/// MATH, levels 4 and 5 only: what the study trains on.
pub fn math_hard(row: &Row) -> Result<Option<Item>, String> {
    Ok(Some(math_row(row)?).filter(|item| item.level >= Some(4)))
}

/// Answers that MATH's own solutions leave out, by a part of the solution: both end in an empty box after a proof that
/// there are no such primes (train/number_theory/7115 and 7117).
const MATH_ERRATA: &[(&str, &str)] = &[
    ("Therefore there are $\\boxed{}$ primes in that range.", "0"),
    ("Therefore $P+n$ is not prime for any $n$, so the answer is $\\boxed{}$.", "0"),
];

fn math_row(row: &Row) -> Result<Item, String> {
    let solution = text(row, &["solution"])?;
    let gold = match MATH_ERRATA.iter().find(|(part, _)| solution.contains(part)) {
        Some((_, gold)) => (*gold).to_string(),
        // One solution of the original ends in a box that holds a dollar sign: `\boxed{2$}`.
        None => bare_gold(&solution).trim_matches('$').trim().to_string(),
    };
    Ok(Item {
        text: text(row, &["problem"])?,
        gold,
        level: cell(row, "level").and_then(|l| level(&l)),
        subject: cell(row, "subject").or_else(|| cell(row, "type")),
    })
}

/// Some copies of AIME carry this instruction in the question; it is not part of the problem.
const SUFFIX: &str = "\nPlease reason step by step, and put your final answer within \\boxed{}.";

/// AIME: the answers are integers from 0 to 999; copies differ in leading zeros.
pub fn aime(row: &Row) -> Result<Option<Item>, String> {
    let question = text(row, &["problem", "question", "prompt"])?;
    let answer = text(row, &["answer"])?;
    let gold: u32 = answer
        .trim()
        .trim_end_matches("^\\circ")
        .parse()
        .map_err(|_| format!("the answer '{answer}' is not an integer"))?;
    let text = question.strip_suffix(SUFFIX).unwrap_or(&question).trim().to_string();
    Ok(Some(Item { text, gold: gold.to_string(), level: None, subject: None }))
}

/// OlympiadBench: numerical answers only. Several answers of one problem stand in one text, joined by commas.
pub fn olympiad(row: &Row) -> Result<Option<Item>, String> {
    if text(row, &["answer_type"])? != "Numerical" {
        return Ok(None);
    }
    let question = text(row, &["question"])?;
    let text = match cell(row, "context").filter(|context| !context.trim().is_empty()) {
        Some(context) => format!("{context}\n{question}"),
        None => question,
    };
    let answers: Vec<&str> = row
        .get("final_answer")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let gold = without_dollars(answers.join(",").trim());
    Ok(Some(Item { text, gold, level: None, subject: cell(row, "subfield") }))
}

/// Text without the dollar signs that enclose all of it.
fn without_dollars(text: &str) -> String {
    let inner = text.strip_prefix('$').and_then(|t| t.strip_suffix('$'));
    inner.filter(|t| !t.contains('$')).unwrap_or(text).trim().to_string()
}

/// OpenR1-Math-220k: the problem, its answer and the collection it comes from; rows without an answer are left out.
pub fn openr1(row: &Row) -> Result<Option<Item>, String> {
    let gold = without_dollars(cell(row, "answer").unwrap_or_default().trim());
    let item =
        Item { text: text(row, &["problem"])?, gold, level: None, subject: cell(row, "source") };
    Ok(Some(item).filter(|item| !item.gold.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: &Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn gold_answers_are_taken_from_solutions() {
        assert_eq!(bare_gold("Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72"), "72");
        assert_eq!(bare_gold("so $x = \\boxed{\\frac{1}{2}}$."), "\\frac{1}{2}");
        assert_eq!(bare_gold(" 204 "), "204");
    }

    #[test]
    fn editions_of_one_problem_become_the_same_problem() {
        let hub = row(&json!({"problem": "Find $x$.", "answer": "025", "url": "u"}));
        let other = row(&json!({"prompt": format!("Find $x$.{SUFFIX}"), "answer": 25}));
        assert_eq!(aime(&hub), aime(&other));
        assert!(aime(&row(&json!({"problem": "p", "answer": "x+1"}))).is_err());
    }

    #[test]
    fn olympiad_keeps_numbers_and_puts_the_context_first() {
        let mut value = json!({"question": "q", "context": "c", "answer_type": "Numerical",
            "final_answer": ["$\\frac{49}{3}$"], "subfield": "Algebra"});
        let item = olympiad(&row(&value)).unwrap().unwrap();
        assert_eq!((item.text.as_str(), item.gold.as_str()), ("c\nq", "\\frac{49}{3}"));
        value["answer_type"] = json!("Expression");
        assert_eq!(olympiad(&row(&value)).unwrap(), None);
    }

    #[test]
    fn a_missing_column_is_named() {
        let message = gsm8k(&row(&json!({"q": "1+1?", "answer": "#### 2"}))).unwrap_err();
        assert_eq!(message, "no column 'question'; the columns are answer, q");
    }
}
