//! Which problems that are trained on are also asked: equality of normalised text.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::types::{Problem, ProblemId};

/// A problem that stands both in the training set and in a benchmark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// The problem that is trained on.
    pub train: ProblemId,
    /// The problem that is asked.
    pub test: ProblemId,
    /// Gold answer of the first.
    pub train_gold: String,
    /// Gold answer of the second; another one means that signs or symbols differ: look at the pair.
    pub test_gold: String,
    /// Beginning of the text.
    pub text: String,
}

/// Text as it is compared: without figures (`[asy]`), ASCII letters and digits only, lower case.
pub fn normalized(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some(start) = rest.find("[asy]") {
        kept.push_str(&rest[..start]);
        rest = rest[start..].find("[/asy]").map_or("", |end| &rest[start + end + 6..]);
    }
    kept.push_str(rest);
    kept.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Every pair of a training and a test problem of equal normalised text, in the order of `test`.
pub fn between(train: &[Problem], test: &[Problem]) -> Vec<Overlap> {
    let mut known: HashMap<String, Vec<&Problem>> = HashMap::new();
    for problem in train {
        known.entry(normalized(&problem.text)).or_default().push(problem);
    }
    let mut found = Vec::new();
    for problem in test {
        for other in known.get(&normalized(&problem.text)).into_iter().flatten() {
            found.push(Overlap {
                train: other.id.clone(),
                test: problem.id.clone(),
                train_gold: other.gold.clone(),
                test_gold: problem.gold.clone(),
                text: problem.text.chars().take(80).collect(),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_spaces_case_and_punctuation_do_not_count() {
        assert_eq!(normalized("Find $x$: [asy]draw(1);[/asy] {2 + 2}"), "findx22");
        assert_eq!(normalized("open [asy] figure"), "open");
        let problem = |text: &str, gold: &str| Problem {
            id: ProblemId::of("t", text, gold),
            text: text.into(),
            gold: gold.into(),
            level: None,
            subject: None,
        };
        let train = [problem("What is 1+1?", "2"), problem("What is 7?", "7")];
        let test = [problem("what is $1 - 1$", "0")];
        let found = between(&train, &test);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].train_gold.as_str(), found[0].test_gold.as_str()), ("2", "0"));
    }
}
