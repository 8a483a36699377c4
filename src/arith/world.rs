//! The splits of the arithmetic world: five held-out mini-benchmarks that mirror the study's five in size and order
//! of difficulty, and an endless train stream that never meets them.

use std::collections::HashSet;

use super::{Chain, text};
use crate::rng::Seed;
use crate::types::{Problem, ProblemId};

/// Seed of everything held out; changing it makes another world.
const HELD_OUT: Seed = Seed(0x0a17_43e7_1c00_0001);

/// The mini-benchmarks: name and number of problems of each level. `mini-math-500` has MATH-500's levels.
pub const BENCHMARKS: [(&str, [usize; 5]); 5] = [
    ("mini-math-500", [43, 90, 105, 128, 134]),
    ("mini-aime-2024", [0, 0, 0, 0, 30]),
    ("mini-aime-2025", [0, 0, 0, 0, 30]),
    ("mini-gsm8k", [440, 660, 219, 0, 0]),
    ("mini-olympiadbench", [0, 0, 172, 200, 200]),
];

/// Held out as well, beside the five: many hard problems, for differences that five hundred cannot show.
pub const LARGE: (&str, [usize; 5]) = ("mini-hard", [0, 0, 1500, 1500, 1500]);

/// A problem with its solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The problem.
    pub problem: Problem,
    /// Steps and boxed answer.
    pub solution: String,
}

fn draw(benchmark: &str, level: u8, seed: Seed) -> Example {
    let rng = &mut seed.stream();
    let chain = Chain::draw(level, rng);
    let form = rng.below(text::FORMS.len());
    let question = text::question(&chain, form, rng);
    let gold = chain.answer().to_string();
    let id = ProblemId::of(benchmark, &question, &gold);
    let subject = Some(text::FORMS[form].to_string());
    let problem = Problem { id, text: question, gold, level: Some(level), subject };
    Example { problem, solution: chain.solution() }
}

/// Every held-out problem, benchmark by benchmark; no text stands twice.
fn held_out() -> Vec<(&'static str, Vec<Problem>)> {
    let mut seen = HashSet::new();
    BENCHMARKS
        .iter()
        .chain([&LARGE])
        .map(|&(name, counts)| {
            let mut problems = Vec::new();
            for (level, &count) in (1..=5u8).zip(&counts) {
                let wanted = problems.len() + count;
                let mut index = 0;
                while problems.len() < wanted {
                    let seed = HELD_OUT.named(name).index(u64::from(level)).index(index);
                    let problem = draw(name, level, seed).problem;
                    index += 1;
                    if seen.insert(problem.text.clone()) {
                        problems.push(problem);
                    }
                }
            }
            HELD_OUT.named(name).named("order").stream().shuffle(&mut problems);
            (name, problems)
        })
        .collect()
}

/// The problems of a mini-benchmark, in their fixed order, or `None` for another name.
pub fn benchmark(name: &str) -> Option<Vec<Problem>> {
    held_out().into_iter().find(|(other, _)| *other == name).map(|(_, problems)| problems)
}

/// The train split: endless, indexed, disjoint from every benchmark by text.
#[derive(Clone, Debug)]
pub struct Train {
    seed: Seed,
    held_out: HashSet<String>,
}

impl Train {
    /// The train stream of a seed.
    pub fn new(seed: u64) -> Self {
        let held_out =
            held_out().into_iter().flat_map(|(_, problems)| problems).map(|p| p.text).collect();
        Self { seed: Seed(seed).named("arith-train"), held_out }
    }

    /// The `index`-th problem of a level (1 to 5), the same whenever it is asked for.
    ///
    /// # Panics
    /// If `level` is not 1 to 5.
    pub fn example(&self, level: u8, index: u64) -> Example {
        assert!((1..=5).contains(&level), "level {level} is not 1 to 5");
        let seed = self.seed.index(u64::from(level)).index(index);
        (0..)
            .map(|attempt| draw("arith-train", level, seed.index(attempt)))
            .find(|example| !self.held_out.contains(&example.problem.text))
            .expect("every level has more problems than are held out")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk;

    #[test]
    fn benchmarks_have_the_study_sizes_and_never_overlap() {
        let sizes: Vec<usize> = held_out().iter().map(|(_, problems)| problems.len()).collect();
        assert_eq!(sizes, [500, 30, 30, 1319, 572, 4500]);
        let mut hashes = HashSet::new();
        for problem in held_out().into_iter().flat_map(|(_, problems)| problems) {
            let hash = problem.id.0.split_once(':').unwrap().1.to_string();
            assert!(hashes.insert(hash), "{} stands twice", problem.text);
        }
        let train = Train::new(0);
        for level in 1..=5 {
            for index in 0..2_000 {
                let problem = train.example(level, index).problem;
                let hash = problem.id.0.split_once(':').unwrap().1.to_string();
                assert!(!hashes.contains(&hash), "{} is held out", problem.text);
            }
        }
    }

    #[test]
    fn the_held_out_problems_are_the_same_for_ever() {
        let hash = |benchmarks: &[(&str, Vec<Problem>)]| {
            let mut bytes = Vec::new();
            for problem in benchmarks.iter().flat_map(|(_, problems)| problems) {
                bytes.extend_from_slice(format!("{}\t{}\n", problem.text, problem.gold).as_bytes());
            }
            disk::sha256(&bytes)[..16].to_string()
        };
        let all = held_out();
        let (five, large) = all.split_at(5);
        // Changing these numbers means another benchmark: every result measured before is void.
        assert_eq!(hash(five), "933dfab28038d1a6");
        assert_eq!(hash(large), "28abe081b79bec95");
    }
}
