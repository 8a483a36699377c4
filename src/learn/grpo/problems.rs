//! Where a run's problems come from: a sequence by index, the same whenever it is asked for.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::arith::Train;
use crate::bench::{self, Columns, Shelf};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::types::{Problem, ProblemId};

/// The source of the problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProblemsConfig {
    /// The arithmetic world's train split, endless.
    Arith {
        /// Levels to draw from; one that stands twice is drawn twice as often.
        levels: Vec<u8>,
    },
    /// A benchmark's problems, e.g. `math-train-hard`, in a new order each epoch (`data list` has the names).
    Benchmark {
        /// Its name.
        name: String,
        /// Only problems of these levels; empty = all.
        #[serde(default)]
        levels: Vec<u8>,
    },
    /// A file with named columns (JSON, JSON lines or parquet), in a new order each epoch.
    File {
        /// The file.
        path: PathBuf,
        /// Which columns hold what.
        columns: Columns,
        /// Only problems of these levels; empty = all.
        #[serde(default)]
        levels: Vec<u8>,
    },
}

impl ProblemsConfig {
    /// Checks levels.
    ///
    /// # Errors
    /// A level is not 1 to 5, or the arithmetic world has none to draw from.
    pub fn check(&self) -> Result<()> {
        let (levels, needed) = match self {
            Self::Arith { levels } => (levels, true),
            Self::Benchmark { levels, .. } | Self::File { levels, .. } => (levels, false),
        };
        if levels.iter().any(|level| !(1..=5).contains(level)) || (needed && levels.is_empty()) {
            return Err(Error::config("data.levels", "must be a list of levels from 1 to 5"));
        }
        Ok(())
    }
}

/// The problems of a run, by index.
#[derive(Debug)]
pub enum Problems {
    /// From the arithmetic world.
    Arith {
        /// The train split.
        train: Box<Train>,
        /// Levels to draw from.
        levels: Vec<u8>,
        /// Seed of the draw of levels.
        seed: Seed,
    },
    /// From a file.
    File {
        /// All problems that are wanted.
        problems: Vec<Problem>,
        /// Seed of the orders.
        seed: Seed,
    },
}

impl Problems {
    /// Opens the source.
    ///
    /// # Errors
    /// The file is missing or broken, or has no problem of the wanted levels.
    pub fn open(config: &ProblemsConfig, seed: u64, shelf: &dyn Shelf) -> Result<Self> {
        let seed = Seed(seed);
        match config {
            ProblemsConfig::Arith { levels } => Ok(Self::Arith {
                train: Box::new(Train::new(seed.0)),
                levels: levels.clone(),
                seed: seed.named("levels"),
            }),
            ProblemsConfig::Benchmark { name, levels } => {
                Self::of(bench::find(name)?.load(shelf)?, levels, name, seed)
            }
            ProblemsConfig::File { path, columns, levels } => {
                let problems = bench::load_file("train", path, columns, shelf)?;
                Self::of(problems, levels, &path.display().to_string(), seed)
            }
        }
    }

    fn of(mut problems: Vec<Problem>, levels: &[u8], whose: &str, seed: Seed) -> Result<Self> {
        problems.retain(|p| levels.is_empty() || p.level.is_some_and(|l| levels.contains(&l)));
        if problems.is_empty() {
            return Err(Error::data(whose, format!("has no problem of levels {levels:?}")));
        }
        Ok(Self::File { problems, seed: seed.named("order") })
    }

    /// How many there are before they repeat, if they do.
    pub fn epoch(&self) -> Option<u64> {
        match self {
            Self::Arith { .. } => None,
            Self::File { problems, .. } => Some(problems.len() as u64),
        }
    }

    /// The problem at `index`; of `levels` where the source is endless.
    fn at(&self, index: u64, levels_now: &[u8]) -> Problem {
        match self {
            Self::Arith { train, levels, seed } => {
                let levels = if levels_now.is_empty() { levels } else { levels_now };
                let level = levels[seed.index(index).stream().below(levels.len())];
                train.example(level, index).problem
            }
            Self::File { problems, seed } => {
                let (epoch, place) = (index / problems.len() as u64, index % problems.len() as u64);
                let mut order: Vec<usize> = (0..problems.len()).collect();
                seed.index(epoch).stream().shuffle(&mut order);
                problems[order[usize::try_from(place).unwrap_or(0)]].clone()
            }
        }
    }

    /// The next `count` different problems from `cursor` on that are wanted; `cursor` is moved behind them.
    ///
    /// # Errors
    /// A whole epoch has nothing left.
    pub fn next(&self, cursor: &mut u64, count: usize, which: &Which<'_>) -> Result<Vec<Problem>> {
        let mut chosen: Vec<Problem> = Vec::with_capacity(count);
        let limit = *cursor + self.epoch().map_or(u64::MAX / 2, |n| n.max(count as u64) * 2);
        while chosen.len() < count {
            if *cursor >= limit {
                return Err(Error::config("train.prompts_per_step", which.too_few(count)));
            }
            let problem = self.at(*cursor, which.levels);
            *cursor += 1;
            if which.wants(&problem) && chosen.iter().all(|other| other.id != problem.id) {
                chosen.push(problem);
            }
        }
        Ok(chosen)
    }
}

/// Which problems a step may have.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// Only of these levels; empty = all.
    pub levels: &'a [u8],
    /// Solve rate of each problem when it was last sampled.
    pub solve_rates: &'a HashMap<ProblemId, f64>,
    /// Leave out those of at least this solve rate; 0 = none.
    pub skip_solved: f64,
}

impl Which<'_> {
    fn wants(&self, problem: &Problem) -> bool {
        let solved = self.skip_solved > 0.0
            && self.solve_rates.get(&problem.id).is_some_and(|rate| *rate >= self.skip_solved);
        let of_level =
            self.levels.is_empty() || problem.level.is_some_and(|l| self.levels.contains(&l));
        of_level && !solved
    }

    fn too_few(&self, count: usize) -> String {
        let (mut kind, mut advice) = (String::new(), String::from("lower train.prompts_per_step"));
        if !self.levels.is_empty() {
            kind += &format!(" of levels {:?}", self.levels);
            advice += ", name more levels";
        }
        if self.skip_solved > 0.0 {
            kind += &format!(" below a solve rate of {}", self.skip_solved);
            advice += ", raise train.skip_solved";
        }
        format!(
            "an epoch has fewer than {count} different problems{kind}: {advice} or give more problems"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &std::path::Path, count: usize) -> Problems {
        let rows: String = (0..count)
            .map(|i| {
                format!("{{\"q\": \"{i}+0\", \"a\": \"{i}\", \"l\": \"Level {}\"}}\n", 1 + i % 5)
            })
            .collect();
        let path = dir.join("p.jsonl");
        std::fs::write(&path, rows).unwrap();
        let columns = Columns {
            problem: "q".into(),
            answer: "a".into(),
            level: Some("l".into()),
            subject: None,
        };
        let config = ProblemsConfig::File { path, columns, levels: vec![4, 5] };
        Problems::open(&config, 1, &bench::Local::default()).unwrap()
    }

    fn all(solve_rates: &HashMap<ProblemId, f64>) -> Which<'_> {
        Which { levels: &[], solve_rates, skip_solved: 0.0 }
    }

    #[test]
    fn an_epoch_has_every_problem_of_the_levels_once() {
        let dir = tempfile::tempdir().unwrap();
        let problems = file(dir.path(), 20);
        let mut cursor = 0;
        let none = HashMap::new();
        let first = problems.next(&mut cursor, 8, &all(&none)).unwrap();
        let mut answers: Vec<u32> = first.iter().map(|p| p.gold.parse().unwrap()).collect();
        answers.sort_unstable();
        assert_eq!(answers, [3, 4, 8, 9, 13, 14, 18, 19]);
        let second = problems.next(&mut cursor, 8, &all(&none)).unwrap();
        assert_ne!(first, second, "each epoch has an order of its own");
        let mut again = 0;
        assert_eq!(problems.next(&mut again, 8, &all(&none)).unwrap(), first);
    }

    #[test]
    fn solved_problems_are_left_out_until_too_few_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let problems = file(dir.path(), 20);
        let chosen = problems.next(&mut 0, 8, &all(&HashMap::new())).unwrap();
        let rates: HashMap<ProblemId, f64> =
            chosen.iter().map(|p| (p.id.clone(), if p.gold == "8" { 0.5 } else { 1.0 })).collect();
        let which = Which { skip_solved: 1.0, ..all(&rates) };
        let left = problems.next(&mut 0, 1, &which).unwrap();
        assert_eq!(left[0].gold, "8");
        let message = problems.next(&mut 0, 2, &which).unwrap_err().to_string();
        assert!(message.contains("fewer than 2 different problems"), "{message}");
    }

    #[test]
    fn a_stage_has_its_levels_only() {
        let dir = tempfile::tempdir().unwrap();
        let none = HashMap::new();
        let which = Which { levels: &[5], ..all(&none) };
        let found = file(dir.path(), 20).next(&mut 0, 4, &which).unwrap();
        assert!(found.iter().all(|p| p.level == Some(5)));
        let config = ProblemsConfig::Arith { levels: vec![1] };
        let endless = Problems::open(&config, 1, &bench::Local::default()).unwrap();
        assert!(endless.next(&mut 0, 9, &which).unwrap().iter().all(|p| p.level == Some(5)));
        assert!(endless.next(&mut 0, 9, &all(&none)).unwrap().iter().all(|p| p.level == Some(1)));
    }
}
