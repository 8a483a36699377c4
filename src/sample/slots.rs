//! Bookkeeping of continuous batching, without tensors: who waits, who decodes in which row, who moves when one leaves.

use std::collections::VecDeque;

/// Samples of one prompt that are admitted together, so that the prompt is prefilled once for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Index of the prompt.
    pub prompt: usize,
    /// Indices of the jobs (samples).
    pub jobs: Vec<usize>,
}

/// One sequence that is being decoded; its index in [`Slots::live`] is its row in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Index of the job.
    pub job: usize,
    /// Index of its prompt.
    pub prompt: usize,
    /// Tokens in the cache: prompt and all generated ones but the last.
    pub cached: usize,
    /// The newest token, to be fed next.
    pub last: u32,
}

/// The rows of a batch: live sequences are always rows `0..live().len()`, so finished ones cost nothing.
#[derive(Debug)]
pub struct Slots {
    waiting: VecDeque<Group>,
    live: Vec<Live>,
    capacity: usize,
}

impl Slots {
    /// Rows for some groups, admitted in order. A group larger than the capacity is cut into several.
    pub fn new(groups: impl IntoIterator<Item = Group>, capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let waiting = groups
            .into_iter()
            .flat_map(|group| {
                let prompt = group.prompt;
                group
                    .jobs
                    .chunks(capacity)
                    .map(|jobs| Group { prompt, jobs: jobs.to_vec() })
                    .collect::<Vec<_>>()
            })
            .collect();
        Self { waiting, live: Vec::new(), capacity }
    }

    /// Groups to prefill now; each needs a [`Slots::push`] per job. Nothing is admitted while less than an eighth of
    /// the rows is free, so that prefills are batched.
    pub fn admit(&mut self) -> Vec<Group> {
        let mut free = self.capacity - self.live.len();
        if free * 8 < self.capacity {
            return Vec::new();
        }
        let mut admitted = Vec::new();
        while let Some(group) = self.waiting.pop_front_if(|group| group.jobs.len() <= free) {
            free -= group.jobs.len();
            admitted.push(group);
        }
        admitted
    }

    /// Puts an admitted sequence into the next row, and returns the row.
    pub fn push(&mut self, live: Live) -> usize {
        self.live.push(live);
        self.live.len() - 1
    }

    /// Takes a finished sequence out. The last row, if it is another, moves into its place: returns its old index.
    pub fn remove(&mut self, row: usize) -> Option<usize> {
        self.live.swap_remove(row);
        (row < self.live.len()).then_some(self.live.len())
    }

    /// The live sequences by row.
    pub fn live(&self) -> &[Live] {
        &self.live
    }

    /// The live sequences by row, to be updated.
    pub fn live_mut(&mut self) -> &mut [Live] {
        &mut self.live
    }

    /// Whether nothing waits and nothing is live.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.live.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use proptest::prelude::*;

    proptest! {
        /// Sequences of random length: each job is decoded exactly its length and leaves once; rows follow the moves.
        #[test]
        fn no_job_is_lost_or_doubled(sizes in prop::collection::vec(1usize..9, 1..30), capacity in 1usize..12, seed in 0u64..1000) {
            let mut next = 0;
            let groups: Vec<Group> = sizes.iter().enumerate().map(|(prompt, &size)| {
                let jobs = (next..next + size).collect();
                next += size;
                Group { prompt, jobs }
            }).collect();
            let length = |job: usize| 1 + Seed(seed).index(job as u64).stream().below(7);
            let mut slots = Slots::new(groups, capacity);
            let mut rows: Vec<usize> = Vec::new();
            let mut finished = vec![0; next];
            while !slots.is_done() {
                let admitted = slots.admit();
                prop_assert!(!admitted.is_empty() || !slots.live().is_empty());
                for group in admitted {
                    for job in group.jobs {
                        let row = slots.push(Live { job, prompt: group.prompt, cached: 0, last: 0 });
                        prop_assert_eq!(row, rows.len());
                        rows.push(job);
                    }
                }
                prop_assert!(slots.live().len() <= capacity);
                slots.live_mut().iter_mut().for_each(|l| l.cached += 1);
                for row in (0..slots.live().len()).rev() {
                    let live = slots.live()[row].clone();
                    prop_assert_eq!(rows[row], live.job);
                    if live.cached == length(live.job) {
                        finished[live.job] += 1;
                        let moved = slots.remove(row);
                        let last = rows.pop().unwrap();
                        if moved.is_some() { rows[row] = last; }
                    }
                }
            }
            prop_assert!(finished.iter().all(|&n| n == 1));
        }
    }
}
