//! A sampler that answers from a file: completions that something else produced.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Sampler;
use crate::bench::overlap::normalized;
use crate::error::{Error, Result};
use crate::jsonl;
use crate::types::{Completion, Finish, PolicyVersion, Problem, ProblemId, Request, Usage};

/// One line of a file of completions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Id or text of the problem.
    pub problem: String,
    /// What the model wrote.
    pub completion: String,
    /// Name of the model.
    pub model: String,
    /// Why it ended [default: stop].
    #[serde(default)]
    pub finish: Option<Finish>,
    /// Tokens of the prompt.
    #[serde(default)]
    pub prompt_tokens: Option<u32>,
    /// Tokens of the completion.
    #[serde(default)]
    pub completion_tokens: Option<u32>,
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Import {
    /// JSON lines of [`Line`].
    pub path: std::path::PathBuf,
    /// The answer is what follows the last of these marks on its line, for models that do not use a box: it is put
    /// into a box at the end of the text, where the grader looks. Empty = the completion is graded as it is.
    pub mark: String,
}

/// Answers with recorded completions, in the order of the file: the first line of a problem is sample 0.
#[derive(Clone, Debug)]
pub struct Recorded {
    model: String,
    lines: HashMap<ProblemId, Vec<Line>>,
    unused: usize,
}

impl Recorded {
    /// Name of the model that wrote the completions.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Reads the completions of `model` (empty = the only one in the file) for `problems`.
    ///
    /// # Errors
    /// The file cannot be read; it has several models and none is named; it has none of this name; no line belongs to
    /// a problem that is asked.
    pub fn load(import: &Import, model: &str, problems: &[Problem]) -> Result<Self> {
        let path: &Path = &import.path;
        let all: Vec<Line> = jsonl::read(path)?;
        let models: BTreeSet<&str> = all.iter().map(|line| line.model.as_str()).collect();
        let names = models.iter().copied().collect::<Vec<_>>().join(", ");
        if model.is_empty() && models.len() != 1 {
            let problem = format!("holds completions of {names}: choose one with --model");
            return Err(Error::file(path, problem));
        }
        if !model.is_empty() && !models.contains(model) {
            let problem = format!("holds no completions of '{model}', only of {names}");
            return Err(Error::file(path, problem));
        }
        let name = models.first().filter(|_| model.is_empty()).unwrap_or(&model).to_string();
        let mut known: HashMap<String, &ProblemId> = HashMap::new();
        for problem in problems {
            known.insert(problem.id.0.clone(), &problem.id);
            known.insert(problem.text.clone(), &problem.id);
            known.entry(normalized(&problem.text)).or_insert(&problem.id);
        }
        let mut found = Self { model: name, lines: HashMap::new(), unused: 0 };
        for mut line in all {
            if !model.is_empty() && line.model != model {
                continue;
            }
            let exact = known.get(&line.problem);
            let Some(id) = exact.or_else(|| known.get(&normalized(&line.problem))) else {
                found.unused += 1;
                continue;
            };
            if let Some(answer) = marked(&line.completion, &import.mark) {
                line.completion = format!("{}\n\\boxed{{{answer}}}", line.completion);
            }
            found.lines.entry((*id).clone()).or_default().push(line);
        }
        if found.lines.is_empty() {
            let problem =
                "no line belongs to a problem that is asked: `problem` is its id or its text";
            return Err(Error::file(path, problem));
        }
        Ok(found)
    }

    /// Lines of the model that belong to no problem that is asked.
    pub fn unused(&self) -> usize {
        self.unused
    }

    /// The smallest number of completions that every problem of the file has.
    pub fn samples(&self) -> u32 {
        let least = self.lines.values().map(Vec::len).min().unwrap_or(0);
        u32::try_from(least).unwrap_or(u32::MAX)
    }
}

/// What follows the last mark on its line, without a final full stop.
fn marked<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    if mark.is_empty() {
        return None;
    }
    let (_, after) = text.rsplit_once(mark)?;
    let answer = after.lines().next().unwrap_or_default().trim().trim_end_matches('.').trim();
    (!answer.is_empty()).then_some(answer)
}

impl Sampler for Recorded {
    fn version(&self) -> PolicyVersion {
        PolicyVersion(0)
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        for request in requests {
            let lines = self.lines.get(&request.problem);
            for &sample in &request.samples {
                let line = lines.and_then(|lines| lines.get(sample as usize));
                let (text, finish) = match line {
                    Some(line) => (line.completion.clone(), line.finish.unwrap_or(Finish::Stop)),
                    None => ("the file has no completion for this sample".into(), Finish::Error),
                };
                let usage = line.map(|line| Usage {
                    prompt: line.prompt_tokens.unwrap_or(0),
                    completion: line.completion_tokens.unwrap_or(0),
                });
                sink(Completion {
                    problem: request.problem.clone(),
                    sample,
                    prompt_ids: Vec::new(),
                    ids: Vec::new(),
                    logprobs: None,
                    usage,
                    text,
                    finish,
                    version: self.version(),
                    seconds: 0.0,
                })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_follows_the_last_mark_on_its_line() {
        assert_eq!(marked("A: 1\nso\nA: 18.\nbye", "A:"), Some("18"));
        assert_eq!(marked("A:", "A:"), None);
        assert_eq!(marked("18", "A:"), None);
    }
}
