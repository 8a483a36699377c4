//! Benchmarks: what is asked, how it is asked, and what the right answer is. One definition for training and
//! evaluation.
//!
//! `table` is the list; `source` says where the files of a benchmark are and how a row becomes a problem; `own` does
//! the same for a user's files; `overlap` compares what is trained on with what is asked.

pub mod overlap;
mod own;
mod prompt;
mod shelf;
mod source;
mod table;

use std::collections::HashMap;

use crate::arith;
use crate::disk;
use crate::error::{Error, Result};
use crate::types::{Problem, ProblemId};

pub use own::{Columns, load_file, load_jsonl};
pub use prompt::{INSTRUCTION, PromptStyle};
pub use shelf::{Local, Row, Shelf, read_json_rows};
pub use source::{Hub, Item, Source, bare_gold};
pub use table::{BENCHMARKS, SUITES};

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
    /// Licence of the problems, as their publisher names it.
    pub licence: &'static str,
    /// Where its files are; `None` for the arithmetic world, which is computed.
    pub source: Option<&'static Source>,
}

/// What [`Benchmark::check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Number of problems.
    pub problems: usize,
    /// SHA-256 over the sorted gold answers, first 16 hex digits.
    pub golds: String,
    /// SHA-256 over the sorted problems (text without white space, and gold), first 16 hex digits.
    pub content: String,
    /// Whether the texts are those of the copy that the table was made from, to the letter.
    pub same_texts: bool,
}

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
    /// Its problems, in the order of its files. `shelf` says where files come from.
    ///
    /// # Errors
    /// The files are not at hand or damaged, the number of problems is not the table's, a gold answer is empty, a
    /// problem stands twice, or the gold answers are not those that the table was made from.
    pub fn load(&self, shelf: &dyn Shelf) -> Result<Vec<Problem>> {
        let problems = match self.source {
            None => arith::benchmark(self.name)
                .ok_or_else(|| Error::data(self.name, "this benchmark has no data"))?,
            Some(source) => self.read(source, shelf)?,
        };
        let got = problems.len();
        let whole = self.source.is_none_or(|source| !source.repeats);
        if whole && got != self.rows {
            let problem = format!("expected {} problems, got {got}", self.rows);
            return Err(Error::data(self.name, problem));
        }
        if let Some(source) = self.source
            && !source.golds.is_empty()
            && gold_hash(&problems) != source.golds
        {
            let problem = format!(
                "the gold answers are not those of the published data (hash {}, expected {}): fetch the files again",
                gold_hash(&problems),
                source.golds
            );
            return Err(Error::data(self.name, problem));
        }
        Ok(problems)
    }

    /// Loads and compares with what the table says, to the letter.
    ///
    /// # Errors
    /// As [`Benchmark::load`].
    pub fn check(&self, shelf: &dyn Shelf) -> Result<Checked> {
        let problems = self.load(shelf)?;
        let content = content_hash(&problems);
        let same_texts = self.source.is_none_or(|source| source.content == content);
        Ok(Checked { problems: problems.len(), golds: gold_hash(&problems), content, same_texts })
    }

    fn read(&self, source: &Source, shelf: &dyn Shelf) -> Result<Vec<Problem>> {
        let mut problems = Vec::with_capacity(self.rows);
        let mut seen: HashMap<ProblemId, String> = HashMap::new();
        let mut rows = 0;
        for path in shelf.files(source)? {
            for (line, row) in shelf.rows(&path, source.columns)? {
                rows += 1;
                let item = (source.item)(&row).map_err(|e| Error::parse(&path, line, e))?;
                let Some(Item { text, gold, level, subject }) = item else { continue };
                if gold.is_empty() || text.trim().is_empty() {
                    let problem = "this problem has no text or no gold answer";
                    return Err(Error::parse(&path, line, problem));
                }
                let id = ProblemId::of(self.name, &text, &gold);
                let here = format!("{}:{line}", path.display());
                if let Some(first) = seen.insert(id.clone(), here) {
                    if source.repeats {
                        continue;
                    }
                    let problem = format!("the same problem stands at {first}");
                    return Err(Error::parse(&path, line, problem));
                }
                problems.push(Problem { id, text, gold, level, subject });
            }
        }
        if !source.file_rows.contains(&rows) {
            let problem = format!("expected {:?} rows in its files, got {rows}", source.file_rows);
            return Err(Error::data(self.name, problem));
        }
        Ok(problems)
    }
}

fn short_hash(mut parts: Vec<String>) -> String {
    parts.sort_unstable();
    let mut text = parts.join("\0");
    text.push('\0');
    disk::sha256(text.as_bytes())[..16].to_string()
}

/// First 16 hex digits of SHA-256 over the sorted gold answers, white space left out, each ended by a zero byte.
pub fn gold_hash(problems: &[Problem]) -> String {
    short_hash(problems.iter().map(|p| without_space(&p.gold)).collect())
}

/// First 16 hex digits of SHA-256 over the sorted problems: text without white space, a tab, gold without white
/// space, each ended by a zero byte. Neither order nor line breaks count, every other character does.
pub fn content_hash(problems: &[Problem]) -> String {
    let one = |p: &Problem| format!("{}\t{}", without_space(&p.text), without_space(&p.gold));
    short_hash(problems.iter().map(one).collect())
}

fn without_space(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        let mut names: Vec<&str> = BENCHMARKS.iter().map(|b| b.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BENCHMARKS.len(), "names are unique");
        for benchmark in BENCHMARKS {
            let Some(source) = benchmark.source else { continue };
            let hub = source.hub;
            let hex = hub.revision.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(hub.revision.len() == 40 && hex, "{}: a pinned revision", benchmark.name);
            assert!(!hub.files.is_empty());
        }
        for (suite, members) in SUITES {
            for member in *members {
                assert!(find(member).is_ok(), "{suite} names {member}");
            }
        }
    }

    #[test]
    fn hashes_ignore_order_and_line_breaks_only() {
        let problem = |text: &str, gold: &str| Problem {
            id: ProblemId::of("t", text, gold),
            text: text.into(),
            gold: gold.into(),
            level: None,
            subject: None,
        };
        let (a, b) = (problem("1 + 1?", "2"), problem("2+2?", "4"));
        let same = [problem("2+2?\n", "4"), problem("1+1?", "2")];
        assert_eq!(content_hash(&[a.clone(), b.clone()]), content_hash(&same));
        assert_ne!(content_hash(&[a.clone(), b.clone()]), content_hash(&[a, problem("2-2?", "4")]));
        // printf '2\0004\000' | sha256sum | cut -c1-16
        assert_eq!(gold_hash(&[b, same[1].clone()]), GOLDS);
    }

    const GOLDS: &str = "c8c5d47006b43a3b";
}
