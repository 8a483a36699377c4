//! Before training: which problems of the training set are also asked by benchmarks. On by default, because a number on
//! a benchmark that was trained on says nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::library::Library;
use crate::bench::overlap::{self, Overlap};
use crate::bench::{self, INSTRUCTION, SUITES};
use crate::disk;
use crate::error::{Error, Result};
use crate::learn::batches;
use crate::learn::grpo::problems::Problems;

use crate::run::{OVERLAP, RunFolder};
use crate::types::{Problem, ProblemId, Role};

/// What was compared, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Different problems that are trained on.
    pub trained: usize,
    /// Benchmarks that were compared, with the number of their problems that are trained on.
    pub compared: BTreeMap<String, usize>,
    /// Benchmarks whose files are not on this machine.
    pub not_at_hand: Vec<String>,
    /// Every pair.
    pub found: Vec<Overlap>,
}

/// Compares with every benchmark of every suite that is at hand; nothing is fetched.
pub fn compare(train: &[Problem], library: &Library) -> Report {
    let library = library.at_hand();
    let mut report = Report { trained: train.len(), ..Report::default() };
    for name in SUITES.iter().flat_map(|(_, members)| members.iter()) {
        match bench::find(name).and_then(|benchmark| benchmark.load(&library)) {
            Ok(test) => {
                let found = overlap::between(train, &test);
                report.compared.insert((*name).to_string(), found.len());
                report.found.extend(found);
            }
            Err(_) => report.not_at_hand.push((*name).to_string()),
        }
    }
    report
}

impl Report {
    /// The report in one sentence or two.
    pub fn sentences(&self) -> String {
        let names: Vec<&str> = self.compared.keys().map(String::as_str).collect();
        let mut text = if self.found.is_empty() {
            format!("none of the {} problems is asked by {}", self.trained, names.join(", "))
        } else {
            let hit = self.compared.iter().filter(|(_, count)| **count > 0);
            let hit: Vec<String> = hit.map(|(name, count)| format!("{count} of {name}")).collect();
            let hit = hit.join(", ");
            format!(
                "warning: trained on and asked too: {hit} ({OVERLAP} in the run's folder lists them)"
            )
        };
        if !self.not_at_hand.is_empty() {
            let missing = self.not_at_hand.join(", ");
            text.push_str(&format!("; not compared, not at hand (`data fetch study`): {missing}"));
        }
        text
    }

    fn write(&self, folder: &RunFolder) -> Result<()> {
        let path = folder.path(OVERLAP);
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::file(&path, format!("cannot be written as JSON: {e}")))?;
        disk::write_atomic(&path, (text + "\n").as_bytes())
    }
}

/// The report on a reinforcement run's problems, on stderr and in the run's folder.
///
/// # Errors
/// The folder cannot be written.
pub fn of_problems(data: &Problems, library: &Library, folder: &RunFolder) -> Result<()> {
    // The arithmetic world keeps its train split apart by construction.
    let Problems::File { problems, .. } = data else { return Ok(()) };
    say(&compare(problems, library), folder)
}

/// The report on a supervised run's questions, on stderr and in the run's folder; `path` has its conversations.
///
/// # Errors
/// They cannot be read, or the folder cannot be written.
pub fn of_conversations(path: &Path, library: &Library, folder: &RunFolder) -> Result<()> {
    let rows = batches::read_chat(path)?;
    let mut questions: BTreeMap<&str, Problem> = BTreeMap::new();
    for message in rows.iter().flat_map(|(_, row)| row).filter(|m| m.role == Role::User) {
        let text = message.content.strip_suffix(INSTRUCTION).unwrap_or(&message.content);
        questions.entry(text).or_insert_with(|| Problem {
            id: ProblemId::of("train", text, ""),
            text: text.to_string(),
            gold: String::new(),
            level: None,
            subject: None,
        });
    }
    say(&compare(&questions.into_values().collect::<Vec<_>>(), library), folder)
}

fn say(report: &Report, folder: &RunFolder) -> Result<()> {
    eprintln!("overlap: {}", report.sentences());
    report.write(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::library::LibraryArgs;

    #[test]
    fn a_benchmark_that_is_trained_on_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let args = LibraryArgs { data_root: Some(dir.path().into()) };
        let library = Library::new(&args);
        let mut train = bench::find("mini-aime-2024").unwrap().load(&library).unwrap();
        train.truncate(2);
        let report = compare(&train, &library);
        assert_eq!((report.trained, report.compared["mini-aime-2024"]), (2, 2));
        assert_eq!(report.compared["mini-aime-2025"], 0);
        let text = report.sentences();
        assert!(
            text.starts_with("warning: trained on and asked too: 2 of mini-aime-2024 ("),
            "{text}"
        );
        train.iter_mut().for_each(|p| p.text.push_str(" Really?"));
        let text = compare(&train, &library).sentences();
        assert!(text.starts_with("none of the 2 problems is asked by mini-"), "{text}");
    }
}
