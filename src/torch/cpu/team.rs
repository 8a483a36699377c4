//! Threads that share each product and the attention of a step.
//!
//! For models whose weights are in no cache: each thread reads a part of them, where threads with sequences of their own would
//! each read all. Who computes a number does not change it. What a step of a small model does is over before a thread wakes.

use std::ops::Range;

use super::lanes::{Isa, Task};

/// How many threads share, and the vectors they compute with.
#[derive(Clone, Copy, Debug)]
pub struct Team {
    /// The vectors of the machine.
    pub isa: Isa,
    /// Threads, the one that asks included.
    pub threads: usize,
}

impl Team {
    /// Does some work with a team of `threads`, on one of its threads. Alone, if the system gives no threads.
    pub fn gather<R: Send>(isa: Isa, threads: usize, work: impl FnOnce(Self) -> R + Send) -> R {
        if threads > 1
            && let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build()
        {
            return pool.install(|| work(Self { isa, threads }));
        }
        work(Self { isa, threads: 1 })
    }

    /// Does all parts, and returns when the last is done.
    pub fn run<T: Task + Send>(self, parts: impl IntoIterator<Item = T>) {
        let isa = self.isa;
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return };
        if self.threads == 1 {
            isa.run(first);
            return parts.for_each(|part| isa.run(part));
        }
        rayon::in_place_scope(|scope| {
            parts.for_each(|part| scope.spawn(move |_| isa.run(part)));
            isa.run(first);
        });
    }
}

/// `0..count` in at most `parts` ranges of nearly the same length, none empty.
pub fn shares(count: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.min(count);
    (0..parts).map(|part| count * part / parts..count * (part + 1) / parts).collect()
}

/// The pieces of some rows that fall into each of some ranges of columns, which follow one another from 0 on: `[range][row]`.
pub fn cut<'a>(
    rows: impl Iterator<Item = &'a mut [f32]>,
    columns: &[Range<usize>],
) -> Vec<Vec<&'a mut [f32]>> {
    let mut pieces: Vec<Vec<&mut [f32]>> = columns.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let mut rest = row;
        for (pieces, columns) in pieces.iter_mut().zip(columns) {
            let (piece, after) = rest.split_at_mut(columns.len());
            pieces.push(piece);
            rest = after;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::vectors::Vectors;
    use super::*;

    #[test]
    fn shares_are_all_there_is() {
        assert_eq!(shares(7, 3), [0..2, 2..4, 4..7]);
        assert_eq!(shares(2, 5), [0..1, 1..2]);
        assert!(shares(0, 4).is_empty());
    }

    struct Fill<'a>(Vec<&'a mut [f32]>, f32);

    impl Task for Fill<'_> {
        #[inline(always)]
        fn run<V: Vectors>(self) {
            self.0.into_iter().for_each(|piece| piece.fill(self.1));
        }
    }

    #[test]
    fn every_part_is_done_in_its_place() {
        let Some(isa) = Isa::detect() else { return };
        for threads in [1, 3] {
            let mut matrix = [0.0; 10];
            Team::gather(isa, threads, |team| {
                let pieces = cut(matrix.chunks_mut(5), &[0..2, 2..3, 3..5]);
                team.run((1u8..).zip(pieces).map(|(n, piece)| Fill(piece, f32::from(n))));
            });
            assert_eq!(matrix, [1.0, 1.0, 2.0, 3.0, 3.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
        }
    }
}
