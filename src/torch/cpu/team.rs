//! Threads that share each product and the attention of a step.
//!
//! For models whose weights are in no cache: each thread reads a part of them, where threads with sequences of their own would
//! each read all. Who computes a number does not change it. What a step of a small model does is over before a thread wakes.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

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
        match pool(threads) {
            Some(pool) => pool.install(|| work(Self { isa, threads })),
            None => work(Self { isa, threads: 1 }),
        }
    }

    /// What `work` makes of each item, given the number of the thread and of the item.
    pub fn each<T: Send, R: Send>(
        self,
        items: &mut [T],
        work: impl Fn(usize, usize, &mut T) -> R + Sync,
    ) -> Vec<R> {
        if self.threads == 1 {
            return items.iter_mut().enumerate().map(|(n, item)| work(0, n, item)).collect();
        }
        let thread = || rayon::current_thread_index().unwrap_or(0);
        items.par_iter_mut().enumerate().map(|(n, item)| work(thread(), n, item)).collect()
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

/// `threads` threads; none for one thread, or if the system gives no more.
pub fn pool(threads: usize) -> Option<rayon::ThreadPool> {
    let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok();
    (threads > 1).then(pool).flatten()
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
    let count = rows.size_hint().0;
    let mut pieces: Vec<Vec<&mut [f32]>> =
        columns.iter().map(|_| Vec::with_capacity(count)).collect();
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
    fn each_item_has_its_result() {
        let Some(isa) = Isa::detect() else { return };
        for threads in [1, 3] {
            let mut items: Vec<usize> = (0..50).collect();
            let doubled = Team::gather(isa, threads, |team| {
                team.each(&mut items, |thread, n, item| {
                    assert!(thread < threads && n == *item);
                    *item += 1;
                    2 * n
                })
            });
            assert!(doubled.into_iter().eq((0..50).map(|n| 2 * n)));
            assert_eq!(items, (1..=50).collect::<Vec<_>>());
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
