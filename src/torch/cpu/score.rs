//! Log-probabilities of given tokens.

use std::sync::Mutex;

use super::forward::{Forward, ROWS, Row};
use super::lanes::{Isa, Task, exp, max, sum};
use super::number::Number;
use super::pages::{Pages, Table};
use super::team::Team;
use super::vectors::Vectors;
use super::weights::Weights;

/// Natural log-probability of each id but the first, given the ids before it; `threads` sequences at a time.
pub fn score<N: Number>(
    weights: &Weights<N>,
    sequences: &[Vec<u32>],
    threads: usize,
) -> Vec<Vec<f32>> {
    // Longest first, so that no thread begins a long one when the others are done.
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(sequences[i].len()));
    let queue = Mutex::new(order.into_iter());
    let scores = Mutex::new(vec![Vec::new(); sequences.len()]);
    let (workers, team) = weights.teams(threads, sequences.len());
    let work = |team| {
        let mut forward = Forward::new(weights, team);
        let mut pages = forward.pages();
        // No thread panics while it holds a lock.
        while let Some(index) = queue.lock().ok().and_then(|mut queue| queue.next()) {
            let found = one(weights.isa, &mut forward, &mut pages, &sequences[index]);
            if let Ok(mut scores) = scores.lock() {
                scores[index] = found;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| Team::gather(weights.isa, team, work));
        }
    });
    scores.into_inner().unwrap_or_default()
}

fn one<N: Number>(
    isa: Isa,
    forward: &mut Forward<'_, N>,
    pages: &mut Pages<N>,
    ids: &[u32],
) -> Vec<f32> {
    let mut scores = Vec::with_capacity(ids.len().saturating_sub(1));
    let mut table = Table::new();
    // The last id is only predicted.
    let given = &ids[..ids.len().saturating_sub(1)];
    pages.reserve(&mut table, given.len());
    for (index, chunk) in given.chunks(ROWS).enumerate() {
        let first = index * ROWS;
        let rows: Vec<Row<'_>> = chunk
            .iter()
            .enumerate()
            .map(|(t, &id)| Row { id, position: first + t, table: &table })
            .collect();
        let all: Vec<usize> = (0..rows.len()).collect();
        forward.run(pages, &rows, &all);
        for (t, &next) in ids[first + 1..][..chunk.len()].iter().enumerate() {
            let mut found = 0.0;
            isa.run(LogProb { logits: forward.logits(t), next, found: &mut found });
            scores.push(found);
        }
    }
    pages.release(table);
    scores
}

struct LogProb<'a> {
    logits: &'a [f32],
    next: u32,
    found: &'a mut f32,
}

impl Task for LogProb<'_> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        // Exponentials of so many numbers at a time as fit on the stack.
        let mut weights = [0f32; 1024];
        let greatest = max(self.logits);
        let mut total = 0f64;
        for chunk in self.logits.chunks(weights.len()) {
            for (weight, logit) in weights.iter_mut().zip(chunk) {
                *weight = exp(logit - greatest);
            }
            total += f64::from(sum(&weights[..chunk.len()]));
        }
        #[allow(clippy::cast_possible_truncation)]
        let value = (f64::from(self.logits[self.next as usize] - greatest) - total.ln()) as f32;
        *self.found = value;
    }
}
