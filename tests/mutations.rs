//! The grader's promises on texts that nobody would think of: documented cases and gold answers of the benchmarks with
//! characters and tokens left out, doubled, exchanged, and spliced into each other.

use howard::answer::{Gold, Grader, Outcome};
use howard::bench::{self, Local};
use howard::rng::{Seed, Stream};

use crate::data::shared;
use crate::grading::documented;

/// Texts of the everyday test, and of the long one.
const TEXTS: usize = 40_000;
const MANY: usize = 1_000_000;

/// Pieces that have a meaning of their own.
const PIECES: [&str; 64] = [
    "\\frac{1}{2}",
    "\\sqrt{2}",
    "\\pi",
    "i",
    "e",
    "x",
    "y",
    "0",
    "1",
    "-",
    "+",
    "=",
    "<",
    ">",
    "\\le",
    ",",
    ";",
    "(",
    ")",
    "[",
    "]",
    "\\{",
    "\\}",
    "{",
    "}",
    "^",
    "_",
    "!",
    "|",
    "\\%",
    "\\$",
    "^\\circ",
    "\\pm",
    "\\mp",
    "\\infty",
    "\\cup",
    "\\cap",
    "\\setminus",
    "\\in",
    "\\text{ cm}",
    "\\text{ or }",
    "\\text{ and }",
    "\\text{even}",
    ":",
    "/",
    "\\cdot",
    "\\ln",
    "\\log",
    "\\sin",
    "\\lfloor",
    "\\rfloor",
    "\\binom{5}{2}",
    "\\ne",
    "\\approx",
    "'",
    "&",
    "\\\\",
    "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
    "_{8}",
    "\\theta",
    "f(x)",
    "\\overline{3}",
    ".",
    " ",
];

fn pick<'a, T>(from: &'a [T], stream: &mut Stream) -> &'a T {
    &from[(stream.word() % from.len() as u64) as usize]
}

/// Commands, runs of digits and runs of letters stay whole.
fn pieces(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for c in text.chars() {
        let joins = out.last().is_some_and(|last| {
            let head = last.chars().next().unwrap_or(' ');
            (c.is_ascii_digit() && head.is_ascii_digit())
                || (c.is_ascii_alphabetic() && (head.is_ascii_alphabetic() || head == '\\'))
                || (last == "\\" && !c.is_whitespace())
        });
        match out.last_mut() {
            Some(last) if joins => last.push(c),
            _ => out.push(c.to_string()),
        }
    }
    out
}

/// One to three changes of one text.
fn mutated(seeds: &[String], stream: &mut Stream) -> String {
    let mut text = pick(seeds, stream).clone();
    for _ in 0..1 + stream.word() % 3 {
        let other = pick(seeds, stream);
        // By tokens three times out of four.
        let split = |t: &str, tokens| -> Vec<String> {
            if tokens { pieces(t) } else { t.chars().map(String::from).collect() }
        };
        let tokens = !stream.word().is_multiple_of(4);
        let mut parts = split(&text, tokens);
        let at = (stream.word() % (parts.len() as u64 + 1)) as usize;
        let to = (stream.word() % (parts.len() as u64 + 1)) as usize;
        match stream.word() % 6 {
            0 if at < parts.len() => drop(parts.remove(at)),
            1 if at < parts.len() => parts.insert(to, parts[at].clone()),
            2 if at < parts.len() && to < parts.len() => parts.swap(at, to),
            3 => parts.insert(at, pick(&PIECES, stream).to_string()),
            4 if at < parts.len() => parts[at] = pick(&PIECES, stream).to_string(),
            _ => {
                let mut tail = split(other, tokens);
                let from = (stream.word() % (tail.len() as u64 + 1)) as usize;
                parts.truncate(at);
                parts.extend(tail.drain(from..));
            }
        }
        text = parts.concat();
    }
    text
}

/// Documented cases, and where they are at hand some gold answers of every benchmark.
fn seeds() -> Vec<String> {
    let mut seeds: Vec<String> = documented().into_iter().flat_map(|(g, a, ..)| [g, a]).collect();
    if let Some(root) = shared("") {
        let shelf = Local { root: Some(root) };
        for name in ["math-test", "olympiadbench", "gsm8k", "aime-2024"] {
            let problems = bench::find(name).unwrap().load(&shelf).unwrap();
            seeds.extend(problems.into_iter().map(|problem| problem.gold));
        }
    }
    seeds.retain(|text| text.len() < 200);
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

/// Signs and commands that say nothing; what says nothing answers nothing, not even itself.
fn is_nothing(text: &str, gold: &Gold) -> bool {
    // What these commands take is not read.
    let unread = ["\\begin", "\\end", "\\phantom"];
    gold.is_text()
        && (unread.iter().any(|command| text.contains(command))
            || !pieces(text).iter().any(|piece| piece.starts_with(char::is_alphanumeric)))
}

/// What is wrong with the canonical text of an answer.
fn fault(grader: &Grader, text: &str, gold: &Gold) -> Option<String> {
    let form = gold.canonical()?;
    let again = grader.gold(&form);
    let forth = grader.grade_answer(gold, &form).outcome;
    let back = grader.grade_answer(&again, text).outcome;
    if (forth, back) != (Outcome::Equal, Outcome::Equal) {
        return Some(format!("{forth:?}, {back:?}"));
    }
    let twice = again.canonical();
    (twice.as_ref() != Some(&form)).then(|| format!("read back as {twice:?}"))
}

fn check(count: usize) {
    let seeds = seeds();
    let grader = Grader::default();
    let mut stream = Seed(1).named("mutations").stream();
    let (mut forms, mut faults) = (0, Vec::new());
    let mut last: Option<(String, Gold)> = None;
    for _ in 0..count {
        let text = mutated(&seeds, &mut stream);
        let gold = grader.gold(&text);
        forms += usize::from(gold.canonical().is_some());
        if let Some(fault) = fault(&grader, &text, &gold) {
            faults.push(format!("{text:?} became {:?}: {fault}", gold.canonical()));
        }
        let own = grader.grade_answer(&gold, &text).outcome;
        if own != Outcome::Equal && !is_nothing(&text, &gold) {
            faults.push(format!("{text:?} beside itself: {own:?}"));
        }
        if let Some((other_text, other)) = &last {
            let forth = grader.grade_answer(&gold, other_text).outcome == Outcome::Equal;
            let back = grader.grade_answer(other, &text).outcome == Outcome::Equal;
            if forth != back {
                faults.push(format!("{text:?} beside {other_text:?}: {forth}, {back}"));
            }
        }
        last = Some((text, gold));
    }
    println!("{count} texts, {forms} with a canonical form, {} faults", faults.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(forms > count / 3, "{forms} of {count} texts have a canonical form");
}

#[test]
fn mutated_answers_equal_themselves_and_their_canonical_texts() {
    check(TEXTS);
}

/// The same for many more; for changes of the reader or the renderer.
#[test]
#[ignore = "half a minute"]
fn a_million_mutated_answers_equal_themselves_and_their_canonical_texts() {
    check(MANY);
}
