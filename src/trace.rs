//! Reasoning traces: what a teacher wrote, graded, as conversations that a student can learn from.
//!
//! A trace is made from an evaluation's record, so that sampling, grading, resuming and statistics are those of
//! [`crate::eval`]; this module selects and writes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::answer::{Grader, Outcome};
use crate::bench::overlap::normalized;
use crate::bench::{PromptStyle, Row};
use crate::disk;
use crate::error::{Error, Result};
use crate::eval::Task;
use crate::types::{EvalRecord, Finish, Message, ProblemId, Role, Verdict};

/// One trace: a line of a file in chat format. `sft` reads `messages` and leaves the rest alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The question with its instruction, and the teacher's answer.
    pub messages: Vec<Message>,
    /// Problem id.
    pub problem: ProblemId,
    /// Data set.
    pub benchmark: String,
    /// Difficulty where the data set has one.
    pub level: Option<u8>,
    /// Subject or collection where the data set has one.
    pub subject: Option<String>,
    /// Name of the model that wrote the answer.
    pub teacher: String,
    /// SHA-256 over the messages that the teacher was shown, as JSON.
    pub prompt_sha256: String,
    /// Sample index.
    pub sample: u32,
    /// Outcome.
    pub verdict: Verdict,
    /// Extracted answer.
    pub answer: Option<String>,
    /// Reference answer.
    pub gold: String,
    /// Why the answer ended.
    pub finish: Finish,
    /// Tokens of the prompt, 0 = unknown.
    pub prompt_tokens: u32,
    /// Tokens of the answer, 0 = unknown.
    pub completion_tokens: u32,
}

/// Which correct traces of a problem are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// At most so many of a problem; 0 = all.
    pub per_problem: usize,
    /// The shortest first (in tokens, in characters where tokens are unknown), else in the order of sampling.
    pub shortest: bool,
}

/// Traces of an evaluation: those that are kept, and apart from them those that are not correct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Correct and selected, in the order of problems.
    pub kept: Vec<Trace>,
    /// Not correct, in the order of problems.
    pub apart: Vec<Trace>,
    /// Correct, but not selected.
    pub spare: usize,
}

/// Selects from the records of `tasks`.
///
/// # Errors
/// A record belongs to no task.
pub fn select(records: &[EvalRecord], tasks: &[Task], selection: Selection) -> Result<Selected> {
    let mut known = HashMap::new();
    for task in tasks {
        for problem in &task.problems {
            known.insert(&problem.id, (task, problem));
        }
    }
    let mut order: Vec<&ProblemId> = Vec::new();
    let mut groups: HashMap<&ProblemId, Vec<Trace>> = HashMap::new();
    let mut found = Selected::default();
    for record in records {
        let Some((task, problem)) = known.get(&record.problem) else {
            let what = record.problem.to_string();
            return Err(Error::data(what, "this record belongs to no problem that is asked"));
        };
        let trace = trace(record, task.prompt, &problem.text);
        if record.verdict != Verdict::Correct || record.finish != Finish::Stop {
            found.apart.push(trace);
            continue;
        }
        let group = groups.entry(&record.problem).or_default();
        if group.is_empty() {
            order.push(&record.problem);
        }
        group.push(trace);
    }
    for id in order {
        let mut group = groups.remove(id).unwrap_or_default();
        if selection.shortest {
            group.sort_by_key(|t| (t.completion_tokens, length(t), t.sample));
        }
        let most = if selection.per_problem == 0 { group.len() } else { selection.per_problem };
        found.spare += group.len().saturating_sub(most);
        group.truncate(most);
        found.kept.extend(group);
    }
    Ok(found)
}

/// Characters of the teacher's answer.
pub fn length(trace: &Trace) -> usize {
    trace.messages.last().map_or(0, |m| m.content.chars().count())
}

fn trace(record: &EvalRecord, asked: PromptStyle, problem: &str) -> Trace {
    let shown = serde_json::to_vec(&asked.messages(problem)).unwrap_or_default();
    let mut messages = PromptStyle::Instruction.messages(problem);
    messages.push(Message::assistant(record.text.clone()));
    Trace {
        messages,
        problem: record.problem.clone(),
        benchmark: record.benchmark.clone(),
        level: record.level,
        subject: record.subject.clone(),
        teacher: record.model.clone(),
        prompt_sha256: disk::sha256(&shown),
        sample: record.sample,
        verdict: record.verdict,
        answer: record.answer.clone(),
        gold: record.gold.clone(),
        finish: record.finish,
        prompt_tokens: record.prompt_tokens,
        completion_tokens: record.completion_tokens,
    }
}

/// How traces of several files are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Combined {
    /// The traces, in the order of files.
    pub kept: Vec<Trace>,
    /// Per file: lines, and lines left out because their problem had stood before.
    pub files: Vec<(usize, usize)>,
}

/// Merges files of traces, at most `per_problem` for each problem (by normalised text; 0 = all that differ).
pub fn combine(files: Vec<Vec<Trace>>, per_problem: usize) -> Combined {
    let mut times: HashMap<String, usize> = HashMap::new();
    let mut texts: HashSet<(String, String)> = HashSet::new();
    let mut combined = Combined::default();
    for file in files {
        let (lines, before) = (file.len(), combined.kept.len());
        for trace in file {
            let turn = |role| trace.messages.iter().rev().find(|m: &&Message| m.role == role);
            let key = turn(Role::User).map_or_else(String::new, |m| normalized(&m.content));
            let answer = turn(Role::Assistant).map_or_else(String::new, |m| m.content.clone());
            let count = times.entry(key.clone()).or_default();
            if (per_problem > 0 && *count >= per_problem) || !texts.insert((key, answer)) {
                continue;
            }
            *count += 1;
            combined.kept.push(trace);
        }
        combined.files.push((lines, lines - (combined.kept.len() - before)));
    }
    combined
}

/// Which solutions of OpenR1-Math-220k are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenR1 {
    /// Longest solution in characters; 0 = any.
    pub max_chars: usize,
    /// Shortest solution in characters.
    pub min_chars: usize,
    /// Collections (column `source`), e.g. `olympiads`; empty = all.
    pub sources: Vec<String>,
    /// At most so many traces; 0 = all.
    pub limit: usize,
}

impl Default for OpenR1 {
    /// The study's: short solutions only, 5,000 of them.
    fn default() -> Self {
        Self { max_chars: 8000, min_chars: 0, sources: Vec::new(), limit: 5000 }
    }
}

/// Columns of OpenR1-Math-220k that are read.
pub const OPENR1_COLUMNS: &[&str] = &[
    "problem",
    "answer",
    "source",
    "generations",
    "correctness_math_verify",
    "is_reasoning_complete",
];

/// Why rows of OpenR1-Math-220k were left out, by reason.
pub type Reasons = BTreeMap<&'static str, usize>;

impl OpenR1 {
    /// The shortest solution of a row that its publisher verified, that is complete and not too long, and that our
    /// grader calls correct.
    ///
    /// # Errors
    /// The reason why the row is left out.
    pub fn take(&self, row: &Row, grader: &Grader) -> std::result::Result<Trace, &'static str> {
        let item = crate::bench::find("openr1-math")
            .ok()
            .and_then(|b| (b.source?.item)(row).ok().flatten())
            .ok_or("no problem or no answer")?;
        let source = item.subject.clone().unwrap_or_default();
        if !self.sources.is_empty() && !self.sources.contains(&source) {
            return Err("another source");
        }
        let list = |column: &str| row.get(column).and_then(|v| v.as_array());
        let flag = |column: &str, i: usize| {
            list(column)
                .and_then(|l| l.get(i))
                .and_then(serde_json::Value::as_bool)
                .unwrap_or(false)
        };
        let texts = list("generations").ok_or("no solutions")?;
        let verified = texts.iter().enumerate().filter_map(|(i, text)| {
            let good = flag("correctness_math_verify", i) && flag("is_reasoning_complete", i);
            text.as_str().filter(|_| good).map(|text| (text.chars().count(), i, text))
        });
        let mut verified: Vec<_> = verified.collect();
        if verified.is_empty() {
            return Err("no solution that its publisher verified");
        }
        verified.retain(|(chars, ..)| {
            *chars >= self.min_chars && (self.max_chars == 0 || *chars <= self.max_chars)
        });
        verified.sort_unstable();
        if verified.is_empty() {
            return Err("no solution of the right length");
        }
        let gold = grader.gold(&item.gold);
        let graded = verified.into_iter().find_map(|(_, i, text)| {
            let grade = grader.grade(&gold, text);
            (grade.outcome == Outcome::Equal).then_some((i, text, grade.extracted))
        });
        let (i, text, answer) = graded.ok_or("our grader finds no correct answer")?;
        let mut messages = PromptStyle::Instruction.messages(&item.text);
        let shown = serde_json::to_vec(&messages[..1]).unwrap_or_default();
        messages.push(Message::assistant(text));
        Ok(Trace {
            messages,
            problem: ProblemId::of("openr1-math", &item.text, &item.gold),
            benchmark: "openr1-math".into(),
            level: None,
            subject: item.subject,
            teacher: "deepseek-r1".into(),
            prompt_sha256: disk::sha256(&shown),
            sample: u32::try_from(i).unwrap_or(u32::MAX),
            verdict: Verdict::Correct,
            answer,
            gold: item.gold,
            finish: Finish::Stop,
            prompt_tokens: 0,
            completion_tokens: 0,
        })
    }

    /// Takes from rows until the limit is reached; counts why rows are left out.
    pub fn take_all<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a Row>,
        grader: &Grader,
        kept: &mut Vec<Trace>,
        reasons: &mut Reasons,
    ) {
        for row in rows {
            if self.limit > 0 && kept.len() >= self.limit {
                return;
            }
            match self.take(row, grader) {
                Ok(trace) => kept.push(trace),
                Err(reason) => *reasons.entry(reason).or_default() += 1,
            }
        }
    }
}

/// Traces as JSON lines.
///
/// # Errors
/// Never for traces as they are made here.
pub fn to_jsonl(traces: &[Trace]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for trace in traces {
        serde_json::to_writer(&mut text, trace)
            .map_err(|e| Error::data(trace.problem.to_string(), e.to_string()))?;
        text.push(b'\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Problem;
    use serde_json::json;

    fn task() -> Task {
        let problem = |text: &str, gold: &str| Problem {
            id: ProblemId::of("t", text, gold),
            text: text.into(),
            gold: gold.into(),
            level: Some(4),
            subject: None,
        };
        let problems = vec![problem("1+1?", "2"), problem("2+2?", "4")];
        Task { benchmark: "t".into(), prompt: PromptStyle::Study, problems }
    }

    fn record(
        task: &Task,
        problem: usize,
        sample: u32,
        tokens: u32,
        verdict: Verdict,
    ) -> EvalRecord {
        EvalRecord {
            run: "r".into(),
            model: "teacher".into(),
            benchmark: "t".into(),
            problem: task.problems[problem].id.clone(),
            level: Some(4),
            subject: None,
            sample,
            seed: 0,
            verdict,
            answer: None,
            gold: task.problems[problem].gold.clone(),
            finish: Finish::Stop,
            prompt_tokens: 9,
            completion_tokens: tokens,
            logprob_sum: None,
            grader: "g".into(),
            text: format!("text {sample}"),
        }
    }

    #[test]
    fn the_shortest_are_kept_and_the_wrong_ones_stand_apart() {
        let task = task();
        let records = [
            record(&task, 0, 0, 30, Verdict::Correct),
            record(&task, 0, 1, 10, Verdict::Correct),
            record(&task, 0, 2, 20, Verdict::Correct),
            record(&task, 1, 0, 5, Verdict::Wrong),
        ];
        let tasks = std::slice::from_ref(&task);
        let of = |selection| select(&records, tasks, selection).unwrap();
        let shortest = of(Selection { per_problem: 2, shortest: true });
        let samples = |s: &Selected| s.kept.iter().map(|t| t.sample).collect::<Vec<_>>();
        assert_eq!((samples(&shortest), shortest.spare), (vec![1, 2], 1));
        assert_eq!(samples(&of(Selection { per_problem: 1, shortest: false })), [0]);
        assert_eq!(samples(&of(Selection::default())), [0, 1, 2]);
        assert_eq!(shortest.apart.len(), 1);
        // The student sees the question alone, whatever example the teacher was shown.
        assert_eq!(shortest.kept[0].messages.len(), 2);
        assert_eq!(shortest.kept[0].messages[1], Message::assistant("text 1"));
        assert_ne!(shortest.kept[0].prompt_sha256, shortest.apart[0].prompt_sha256);
    }

    #[test]
    fn combining_keeps_each_problem_once() {
        let task = task();
        let records = [
            record(&task, 0, 0, 1, Verdict::Correct),
            record(&task, 0, 1, 1, Verdict::Correct),
            record(&task, 1, 0, 1, Verdict::Correct),
        ];
        let all = select(&records, &[task], Selection::default()).unwrap().kept;
        let files = vec![all[..2].to_vec(), all[1..].to_vec()];
        let once = combine(files.clone(), 1);
        assert_eq!((once.kept.len(), once.files), (2, vec![(2, 1), (2, 1)]));
        let every = combine(files, 0);
        assert_eq!((every.kept, every.files), (all, vec![(2, 0), (2, 1)]));
    }

    #[test]
    fn openr1_takes_the_shortest_verified_solution() {
        let row = |value: serde_json::Value| value.as_object().unwrap().clone();
        let whole = json!({"problem": "1+1?", "answer": "2", "source": "olympiads",
            "generations": ["long, so \\boxed{2}", "\\boxed{2}", "\\boxed{3}", "x"],
            "correctness_math_verify": [true, true, true, false],
            "is_reasoning_complete": [true, true, true, true]});
        let take = |settings: OpenR1, value: &serde_json::Value| {
            settings.take(&row(value.clone()), &Grader::default()).map(|t| t.sample)
        };
        assert_eq!(take(OpenR1::default(), &whole), Ok(1));
        assert_eq!(take(OpenR1 { min_chars: 12, ..OpenR1::default() }, &whole), Ok(0));
        let short = OpenR1 { max_chars: 3, ..OpenR1::default() };
        assert_eq!(take(short, &whole), Err("no solution of the right length"));
        let other = OpenR1 { sources: vec!["amc_aime".into()], ..OpenR1::default() };
        assert_eq!(take(other, &whole), Err("another source"));
        let mut doubtful = whole.clone();
        doubtful["correctness_math_verify"] = json!([false, false, true, true]);
        assert_eq!(take(OpenR1::default(), &doubtful), Err("our grader finds no correct answer"));
    }
}
