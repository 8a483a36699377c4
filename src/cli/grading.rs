//! Grading files: JSON lines with a gold answer and a prediction each, and frames of earlier evaluations.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::answer::{Gold, Grade, Grader, Outcome, Tolerance};
use crate::types::{EvalRecord, Verdict};

/// Fields that a graded line gets.
pub const FIELDS: [&str; 8] = [
    "correct",
    "verdict",
    "extracted",
    "found",
    "canonical_gold",
    "canonical_pred",
    "reason",
    "grader",
];

/// How lines are graded.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The grader.
    pub grader: Grader,
    /// Predictions are bare answers, not completions.
    pub answers: bool,
    /// Show what was read instead of JSON.
    pub explain: bool,
    /// Threads, at least 1.
    pub threads: usize,
}

/// What became of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graded {
    /// The graded lines, in order, each with its line break.
    pub text: String,
    /// Malformed lines: number, counted from 1, and what is wrong.
    pub malformed: Vec<(usize, String)>,
    /// Lines with each outcome: equal, different, no answer, undecided.
    pub counts: [u64; 4],
}

impl Graded {
    /// All graded lines.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn add(&mut self, other: Graded) {
        self.text.push_str(&other.text);
        self.malformed.extend(other.malformed);
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
    }
}

impl Lines {
    /// Grades every line; malformed ones are reported and left out. The result does not depend on the threads.
    pub fn run(&self, bytes: &[u8]) -> Graded {
        let lines: Vec<(usize, &[u8])> = bytes
            .split(|&b| b == b'\n')
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace))
            .collect();
        let chunk = lines.len().div_ceil(self.threads.max(1)).max(1);
        let mut total = Graded::default();
        std::thread::scope(|scope| {
            let workers: Vec<_> =
                lines.chunks(chunk).map(|lines| scope.spawn(|| self.chunk(lines))).collect();
            for worker in workers {
                total.add(worker.join().expect("a grading thread does not panic"));
            }
        });
        total
    }

    fn chunk(&self, lines: &[(usize, &[u8])]) -> Graded {
        let mut graded = Graded::default();
        for &(number, line) in lines {
            match self.line(line) {
                Ok((text, outcome)) => {
                    graded.text.push_str(&text);
                    graded.text.push('\n');
                    graded.counts[outcome as usize] += 1;
                }
                Err(problem) => graded.malformed.push((number, problem)),
            }
        }
        graded
    }

    fn line(&self, line: &[u8]) -> Result<(String, Outcome), String> {
        let line = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_string())?.trim();
        let fields: Fields = serde_json::from_str(line)
            .map_err(|e| format!("not a JSON object: {}", crate::jsonl::cause(&e)))?;
        let (gold_text, pred) = (fields.text("gold")?, fields.text("pred")?);
        let grader = Grader {
            decimal_comma: fields.switch("decimal_comma")?.unwrap_or(self.grader.decimal_comma),
            same_form: fields.switch("same_form")?.unwrap_or(self.grader.same_form),
            ..self.grader.clone()
        };
        let gold = match fields.tolerance()? {
            Some(tolerance) => grader.gold_within(&gold_text, &tolerance),
            None => grader.gold(&gold_text),
        };
        let grade = if self.answers {
            grader.grade_answer(&gold, &pred)
        } else {
            grader.grade(&gold, &pred)
        };
        let answer = grade.extracted.as_deref().map(|answer| grader.gold(answer));
        let outcome = grade.outcome;
        if self.explain {
            let read = answer.as_ref().map_or_else(|| "no answer".into(), Gold::explain);
            let extracted = grade.extracted.as_deref().unwrap_or("-");
            let verdict = name(&json!(outcome));
            let text = format!(
                "{verdict} ({})\n  gold  {gold_text}\n        {}\n  pred  {extracted}\n        {read}",
                name(&json!(grade.reason)),
                gold.explain()
            );
            return Ok((text, outcome));
        }
        let canonical = answer.and_then(|answer| answer.canonical());
        let gold = gold.canonical();
        let added = added(&grader, &grade, gold.as_deref(), canonical.as_deref());
        Ok((fields.with(line, &added), outcome))
    }
}

/// The values of [`FIELDS`].
fn added(grader: &Grader, grade: &Grade, gold: Option<&str>, pred: Option<&str>) -> [Value; 8] {
    [
        json!(grade.outcome == Outcome::Equal),
        json!(grade.outcome),
        json!(grade.extracted),
        json!(grade.found),
        json!(gold),
        json!(pred),
        json!(grade.reason),
        json!(grader.name()),
    ]
}

/// The text of a JSON string.
fn name(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('_', " ")
}

/// The fields of a JSON object in their order.
struct Fields(Vec<(String, Value)>);

impl Fields {
    /// A field that is a text or a number.
    fn text(&self, field: &str) -> Result<String, String> {
        match self.find(field) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(format!("field `{field}` is not a text")),
            None => Err(format!("field `{field}` is missing")),
        }
    }

    fn find(&self, field: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    /// A field that is true or false; nothing where it is absent or null.
    fn switch(&self, field: &str) -> Result<Option<bool>, String> {
        match self.find(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(set)) => Ok(Some(*set)),
            Some(_) => Err(format!("field `{field}` is neither true nor false")),
        }
    }

    /// The field `tolerance`: a number, a text with numbers between commas, or a list of numbers.
    fn tolerance(&self) -> Result<Option<Tolerance>, String> {
        let text = match self.find("tolerance") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) => {
                items.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
            }
            Some(other) => other.to_string(),
        };
        text.parse().map(Some)
    }

    /// The line with the added fields at its end. What stands there is kept letter by letter, unless the line was
    /// graded before.
    fn with(&self, line: &str, added: &[Value; 8]) -> String {
        let graded = self.0.iter().any(|(name, _)| FIELDS.contains(&name.as_str()));
        let mut text = if graded {
            let kept: Vec<String> = self
                .0
                .iter()
                .filter(|(name, _)| !FIELDS.contains(&name.as_str()))
                .map(|(name, value)| format!("{}:{value}", json!(name)))
                .collect();
            format!("{{{}", kept.join(","))
        } else {
            line[..line.len() - 1].trim_end().to_string()
        };
        for (name, value) in FIELDS.iter().zip(added) {
            text.push_str(&format!(",{}:{value}", json!(name)));
        }
        text.push('}');
        text
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

/// What regrading changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows.
    pub rows: u64,
    /// Rows that were correct and are correct now.
    pub correct: (u64, u64),
    /// Verdicts that changed: from, to, how many.
    pub verdicts: Vec<(Verdict, Verdict, u64)>,
}

/// Grades the completions of earlier records again; failed samples stay as they are. Without the text of a
/// completion, its extracted answer is graded.
pub fn regrade(records: &mut [EvalRecord], grader: &Grader) -> Changes {
    let mut changes = Changes { rows: records.len() as u64, ..Changes::default() };
    for record in records {
        let old = record.verdict;
        changes.correct.0 += u64::from(old == Verdict::Correct);
        if old != Verdict::Failed {
            let gold = grader.gold(&record.gold);
            let grade = match (&record.answer, record.text.is_empty()) {
                (Some(answer), true) => grader.grade_answer(&gold, answer),
                _ => grader.grade(&gold, &record.text),
            };
            record.verdict = grade.verdict(record.finish);
            record.answer = grade.extracted;
        }
        record.grader = grader.name();
        let new = record.verdict;
        changes.correct.1 += u64::from(new == Verdict::Correct);
        if new != old {
            match changes.verdicts.iter_mut().find(|(a, b, _)| (*a, *b) == (old, new)) {
                Some((_, _, count)) => *count += 1,
                None => changes.verdicts.push((old, new, 1)),
            }
        }
    }
    changes
}

/// A graded line's fields as a map, for tests and callers that read results back.
pub fn fields(line: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(threads: usize) -> Lines {
        Lines { grader: Grader::default(), answers: false, explain: false, threads }
    }

    #[test]
    fn a_line_may_set_its_own_switches() {
        let graded = |line: &str| {
            let lines = Lines { answers: true, ..lines(1) };
            let graded = lines.run(line.as_bytes());
            (graded.counts[0] == 1, graded.malformed.into_iter().next().map(|(_, problem)| problem))
        };
        let yes = (true, None);
        let no = (false, None);
        assert_eq!(graded(r#"{"gold": "4.2", "pred": "4.25"}"#), no);
        assert_eq!(graded(r#"{"gold": "4.2", "pred": "4.25", "tolerance": "1e-1"}"#), yes);
        assert_eq!(graded(r#"{"gold": "4.2", "pred": "4.25", "tolerance": 0.01}"#), no);
        assert_eq!(graded(r#"{"gold": "70, 2", "pred": "1, 71", "tolerance": [1, 1e0]}"#), yes);
        assert_eq!(graded(r#"{"gold": "1,22", "pred": "61/50"}"#), no);
        assert_eq!(graded(r#"{"gold": "1,22", "pred": "61/50", "decimal_comma": true}"#), yes);
        assert_eq!(graded(r#"{"gold": "1,22", "pred": "22,1", "decimal_comma": true}"#), no);
        assert_eq!(graded(r#"{"gold": "1,22", "pred": "22, 1", "decimal_comma": true}"#), yes);
        assert_eq!(graded(r#"{"gold": "(x+1)^2", "pred": "x^2+2x+1", "same_form": true}"#), no);
        assert_eq!(graded(r#"{"gold": "(x+1)^2", "pred": "(1+x)^2", "same_form": true}"#), yes);
        let problem = graded(r#"{"gold": "1", "pred": "1", "tolerance": "wide"}"#).1.unwrap();
        assert_eq!(problem, "tolerance `wide` is not a positive number like 0.1 or 1e-3");
        let problem = graded(r#"{"gold": "1", "pred": "1", "same_form": "yes"}"#).1.unwrap();
        assert_eq!(problem, "field `same_form` is neither true nor false");
    }

    #[test]
    fn lines_keep_their_text_and_order_whatever_the_threads() {
        let input = "{\"id\": 1.50, \"gold\": \"1/2\", \"pred\": \"\\\\boxed{0.5}\"}\n\n{\"gold\":7,\"pred\":\"none\",\"z\":{\"b\":1,\"a\":2}}\nnot json\n{\"pred\":\"x\"}\n";
        let one = lines(1).run(input.as_bytes());
        assert_eq!(one, lines(3).run(input.as_bytes()));
        let rows: Vec<&str> = one.text.lines().collect();
        assert!(rows[0].starts_with(
            "{\"id\": 1.50, \"gold\": \"1/2\", \"pred\": \"\\\\boxed{0.5}\",\"correct\":true"
        ));
        assert!(rows[1].starts_with(
            "{\"gold\":7,\"pred\":\"none\",\"z\":{\"b\":1,\"a\":2},\"correct\":false"
        ));
        assert_eq!(one.counts, [1, 0, 1, 0]);
        assert_eq!(one.malformed[0], (4, "not a JSON object: expected ident".into()));
        assert_eq!(one.malformed[1], (5, "field `gold` is missing".into()));
        // Graded again, a line has each field once.
        let again = lines(1).run(one.text.as_bytes());
        let first = fields(again.text.lines().next().unwrap()).unwrap();
        assert_eq!((first["canonical_gold"].as_str(), first.len()), (Some("\\frac{1}{2}"), 11));
        assert_eq!(again.text.matches("\"correct\"").count(), 2);
    }
}
