//! The words around a chain: the same arithmetic as instructions, as an expression, as a small story.

use super::{Chain, Op};
use crate::rng::Stream;

const NAMES: [&str; 8] = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana"];
const THINGS: [&str; 8] =
    ["apples", "books", "coins", "cards", "shells", "stamps", "pens", "marbles"];

/// The forms a problem can take; their names are the problems' subjects.
pub(super) const FORMS: [&str; 3] = ["instructions", "expression", "story"];

/// The question in the given form (index into [`FORMS`]).
pub(super) fn question(chain: &Chain, form: usize, rng: &mut Stream) -> String {
    match form {
        0 => instructions(chain),
        1 => expression(chain),
        _ => story(chain, rng),
    }
}

fn instructions(chain: &Chain) -> String {
    let steps: Vec<String> = chain
        .ops
        .iter()
        .map(|op| match op {
            Op::Add(n) => format!("add {n}"),
            Op::Sub(n) => format!("subtract {n}"),
            Op::Mul(n) => format!("multiply by {n}"),
            Op::Div(n) => format!("divide by {n}"),
        })
        .collect();
    format!("Start with {}, {}. What is the result?", chain.start, steps.join(", "))
}

fn expression(chain: &Chain) -> String {
    let mut text = chain.start.to_string();
    for (index, op) in chain.ops.iter().enumerate() {
        let (sign, operand) = op.sign();
        text = format!("{text}{sign}{operand}");
        if index + 1 < chain.ops.len() {
            text = format!("({text})");
        }
    }
    format!("Compute {text}.")
}

fn story(chain: &Chain, rng: &mut Stream) -> String {
    let name = NAMES[rng.below(NAMES.len())];
    let things = THINGS[rng.below(THINGS.len())];
    let mut text = format!("{name} has {} {things}.", chain.start);
    for op in &chain.ops {
        text.push(' ');
        text.push_str(&match op {
            Op::Add(n) if rng.below(2) == 0 => format!("{name} finds {n} more."),
            Op::Add(n) => format!("A friend brings {n} more."),
            Op::Sub(n) if rng.below(2) == 0 => format!("{name} gives away {n}."),
            Op::Sub(n) => format!("{name} loses {n}."),
            Op::Mul(n) => format!("Then the number grows to {n} times as many."),
            Op::Div(n) => format!("They are split into {n} equal parts and one part is kept."),
        });
    }
    format!("{text} How many {things} are there now?")
}
