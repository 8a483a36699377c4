//! Benchmarks: what is asked, how it is asked, and what the right answer is. One definition for training and
//! evaluation.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer;
use crate::arith;
use crate::error::{Error, Result};
use crate::jsonl;
use crate::types::{Message, Problem, ProblemId};

/// Appended to every problem, as in the study (tinker-cookbook, `recipes/math_rl/math_env.py`).
pub const INSTRUCTION: &str = " Write your answer in \\boxed{} format.";

const FEW_SHOT_QUESTION: &str = "How many r's are in strawberry?";
const FEW_SHOT_ANSWER: &str = "Let's spell the word out and number all the letters: 1) s 2) t 3) r 4) a 5) w 6) b \
     7) e 8) r 9) r 10) y. We have r's at positions 3, 8, and 9. \\boxed{3}";

/// How a problem becomes a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    /// The problem and the instruction.
    Instruction,
    /// One solved example as a turn of its own, then the problem and the instruction: the study's protocol.
    Study,
}

impl std::str::FromStr for PromptStyle {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "instruction" => Ok(Self::Instruction),
            "study" => Ok(Self::Study),
            _ => Err(Error::config(
                "prompt",
                format!("'{name}' is neither 'instruction' nor 'study'"),
            )),
        }
    }
}

impl PromptStyle {
    /// The conversation that asks `problem`.
    pub fn messages(self, problem: &str) -> Vec<Message> {
        let question = Message::user(format!("{problem}{INSTRUCTION}"));
        match self {
            Self::Instruction => vec![question],
            Self::Study => vec![
                Message::user(format!("{FEW_SHOT_QUESTION}{INSTRUCTION}")),
                Message::assistant(FEW_SHOT_ANSWER),
                question,
            ],
        }
    }
}

/// One row of the table of benchmarks.
#[derive(Clone, Copy, Debug)]
pub struct Benchmark {
    /// Name on the command line and in frames.
    pub name: &'static str,
    /// Number of problems; checked when loading.
    pub rows: usize,
    /// How it is asked.
    pub prompt: PromptStyle,
    /// One sentence for listings.
    pub about: &'static str,
}

/// All benchmarks, in the order of reports.
pub const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "mini-math-500",
        rows: 500,
        prompt: PromptStyle::Instruction,
        about: "arithmetic world, all five levels in MATH-500's proportions",
    },
    Benchmark {
        name: "mini-aime-2024",
        rows: 30,
        prompt: PromptStyle::Instruction,
        about: "arithmetic world, hardest level, 30 problems",
    },
    Benchmark {
        name: "mini-aime-2025",
        rows: 30,
        prompt: PromptStyle::Instruction,
        about: "arithmetic world, hardest level, 30 other problems",
    },
    Benchmark {
        name: "mini-gsm8k",
        rows: 1319,
        prompt: PromptStyle::Instruction,
        about: "arithmetic world, easy levels",
    },
    Benchmark {
        name: "mini-olympiadbench",
        rows: 572,
        prompt: PromptStyle::Instruction,
        about: "arithmetic world, hard levels",
    },
];

/// Names for several benchmarks at once: name and the benchmarks it stands for.
pub const SUITES: &[(&str, &[&str])] = &[(
    "mini",
    &["mini-math-500", "mini-aime-2024", "mini-aime-2025", "mini-gsm8k", "mini-olympiadbench"],
)];

/// Benchmarks for a list of benchmark and suite names, suites expanded, in order, each once.
///
/// # Errors
/// A name that is neither.
pub fn resolve(names: &[String]) -> Result<Vec<&'static Benchmark>> {
    let mut found: Vec<&'static Benchmark> = Vec::new();
    for name in names {
        let expanded = match SUITES.iter().find(|(suite, _)| suite == name) {
            Some((_, members)) => members.to_vec(),
            None => vec![name.as_str()],
        };
        for member in expanded {
            let benchmark = find(member)?;
            if !found.iter().any(|b| b.name == benchmark.name) {
                found.push(benchmark);
            }
        }
    }
    Ok(found)
}

/// Finds a benchmark by name.
///
/// # Errors
/// No benchmark has this name; the message lists those that exist.
pub fn find(name: &str) -> Result<&'static Benchmark> {
    BENCHMARKS.iter().find(|b| b.name == name).ok_or_else(|| {
        let suites = SUITES.iter().map(|(suite, _)| *suite);
        let names: Vec<&str> = BENCHMARKS.iter().map(|b| b.name).chain(suites).collect();
        let problem = format!("there is no benchmark '{name}'; there are {}", names.join(", "));
        Error::config("benchmark", problem)
    })
}

impl Benchmark {
    /// Its problems, in their fixed order.
    ///
    /// # Errors
    /// The data is absent or has another number of rows than the table says.
    pub fn load(&self) -> Result<Vec<Problem>> {
        let problems = arith::benchmark(self.name)
            .ok_or_else(|| Error::data(self.name, "this benchmark has no data"))?;
        if problems.len() != self.rows {
            let got = problems.len();
            return Err(Error::data(
                self.name,
                format!("expected {} problems, got {got}", self.rows),
            ));
        }
        Ok(problems)
    }
}

/// Which fields of a user's JSON lines hold what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Field of the question.
    pub problem: String,
    /// Field of the gold answer; see [`bare_gold`] for what is taken from it.
    pub answer: String,
    /// Field of the level, if any: a number 1 to 5 or a text that ends in one (`Level 5`).
    pub level: Option<String>,
    /// Field of the subject, if any.
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

/// Loads a user's problems from JSON lines with named columns.
///
/// # Errors
/// The file cannot be read; a line lacks a column or has an empty gold answer (named by line); the same problem
/// stands twice.
pub fn load_jsonl(name: &str, path: &Path, columns: &Columns) -> Result<Vec<Problem>> {
    let rows: Vec<(usize, serde_json::Map<String, Value>)> = jsonl::read_numbered(path)?;
    if rows.is_empty() {
        return Err(Error::file(path, "has no problems: expected one JSON object per line"));
    }
    let mut seen = std::collections::HashMap::new();
    let mut problems = Vec::with_capacity(rows.len());
    for (line, row) in &rows {
        let line = *line;
        let text = field(path, line, row, &columns.problem)?;
        let gold = bare_gold(&field(path, line, row, &columns.answer)?);
        if gold.is_empty() {
            let problem = format!("column '{}' holds no answer", columns.answer);
            return Err(Error::parse(path, line, problem));
        }
        let level = match &columns.level {
            Some(column) => level(&field(path, line, row, column)?),
            None => None,
        };
        let subject = match &columns.subject {
            Some(column) => Some(field(path, line, row, column)?),
            None => None,
        };
        let id = ProblemId::of(name, &text, &gold);
        if let Some(first) = seen.insert(id.clone(), line) {
            return Err(Error::parse(
                path,
                line,
                format!("the same problem stands on line {first}"),
            ));
        }
        problems.push(Problem { id, text, gold, level, subject });
    }
    Ok(problems)
}

fn field(
    path: &Path,
    line: usize,
    row: &serde_json::Map<String, Value>,
    column: &str,
) -> Result<String> {
    match row.get(column) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => {
            Err(Error::parse(path, line, format!("column '{column}' is neither text nor number")))
        }
        None => {
            let names = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(Error::parse(path, line, format!("no column '{column}'; the columns are {names}")))
        }
    }
}

fn level(text: &str) -> Option<u8> {
    text.trim_start_matches("Level ").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_study_prompt_is_example_then_question() {
        let messages = PromptStyle::Study.messages("What is 1+1?");
        assert_eq!(messages.len(), 3);
        assert!(messages[1].content.ends_with("\\boxed{3}"));
        assert_eq!(messages[2].content, "What is 1+1? Write your answer in \\boxed{} format.");
    }

    #[test]
    fn gold_answers_are_taken_from_solutions() {
        assert_eq!(bare_gold("Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72"), "72");
        assert_eq!(bare_gold("so $x = \\boxed{\\frac{1}{2}}$."), "\\frac{1}{2}");
        assert_eq!(bare_gold(" 204 "), "204");
    }

    #[test]
    fn a_missing_column_is_named_with_line_and_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.jsonl");
        std::fs::write(&path, "{\"question\": \"1+1?\", \"answer\": \"2\"}\n").unwrap();
        let columns = Columns {
            problem: "problem".into(),
            answer: "answer".into(),
            level: None,
            subject: None,
        };
        let message = load_jsonl("my", &path, &columns).unwrap_err().to_string();
        assert!(
            message.contains("my.jsonl:1: no column 'problem'; the columns are answer, question"),
            "{message}"
        );
    }
}
