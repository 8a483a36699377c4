//! Sequences side by side in one long row, without padding.
//!
//! Axes: t tokens of all sequences, n scored tokens.

use tch::{Device, Kind, Tensor};

/// Adjacent sequences of one length: attention takes them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many.
    pub count: i64,
    /// Tokens of each.
    pub length: i64,
}

/// A batch of sequences, each attending to itself only.
#[derive(Debug)]
pub struct Packed {
    /// Token ids, `[1, t]`.
    pub ids: Tensor,
    /// Position of each token in its own sequence, `[1, t]`.
    pub positions: Tensor,
    /// Lengths, in order.
    pub runs: Vec<Run>,
    /// Places (in `t`) whose hidden state predicts a scored token, `[n]`.
    pub rows: Tensor,
    /// The scored tokens, `[n]`.
    pub targets: Tensor,
    /// Scored tokens of each sequence.
    pub scored: Vec<usize>,
}

impl Packed {
    /// Packs sequences: `(ids, wanted)` each, where `wanted(t)` says whether `ids[t]` is scored given what is before it.
    /// Position 0 has nothing before it and is never scored.
    pub fn new<'a>(
        sequences: impl IntoIterator<Item = &'a [u32]>,
        wanted: impl Fn(usize, usize) -> bool,
        device: Device,
    ) -> Self {
        let (mut ids, mut positions, mut rows, mut targets) = (vec![], vec![], vec![], vec![]);
        let (mut runs, mut scored) = (Vec::<Run>::new(), Vec::new());
        for (index, sequence) in sequences.into_iter().enumerate() {
            let (first, before) = (ids.len() as i64, targets.len());
            for (t, &id) in sequence.iter().enumerate() {
                ids.push(i64::from(id));
                positions.push(t as i64);
                if t > 0 && wanted(index, t) {
                    rows.push(first + t as i64 - 1);
                    targets.push(i64::from(id));
                }
            }
            scored.push(targets.len() - before);
            let length = sequence.len() as i64;
            match runs.last_mut() {
                Some(run) if run.length == length => run.count += 1,
                _ => runs.push(Run { count: 1, length }),
            }
        }
        let tensor =
            |values: &[i64]| Tensor::from_slice(values).to_kind(Kind::Int64).to_device(device);
        Self {
            ids: tensor(&ids).unsqueeze(0),
            positions: tensor(&positions).unsqueeze(0),
            runs,
            rows: tensor(&rows),
            targets: tensor(&targets),
            scored,
        }
    }
}

/// Groups of sequences (indices) of similar length, each of at most `budget` tokens or one sequence; longest first, so
/// that a batch that does not fit in memory fails at the start of a run and not somewhere in it.
pub fn plan(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    plan_at_most(lengths, budget, 0)
}

/// As [`plan`], each group of at most `most` sequences as well; 0 = no such bound.
pub fn plan_at_most(lengths: &[usize], budget: usize, most: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    for index in order {
        match groups.last_mut() {
            Some((tokens, group))
                if *tokens + lengths[index] <= budget && (most == 0 || group.len() < most) =>
            {
                *tokens += lengths[index];
                group.push(index);
            }
            _ => groups.push((lengths[index], vec![index])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// As [`plan_at_most`], but groups of nearly equal numbers of tokens, their count a multiple of `lanes`: so that lanes end
/// together. Every sequence is at most as long as `budget`.
pub fn balanced(lengths: &[usize], budget: usize, most: usize, lanes: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    let total: usize = lengths.iter().sum();
    let fits = |group: &Vec<usize>| {
        let tokens: usize = group.iter().map(|&i| lengths[i]).sum();
        tokens <= budget && (most == 0 || group.len() <= most)
    };
    let mut count = total.div_ceil(budget.max(1)).next_multiple_of(lanes.max(1));
    loop {
        let mut groups = vec![Vec::new(); count];
        let mut before = 0;
        for &index in &order {
            // The group in which the sequence's middle token lies.
            let place = (2 * before + lengths[index]) * count / (2 * total.max(1));
            groups[place.min(count - 1)].push(index);
            before += lengths[index];
        }
        // With a group for each sequence there is nothing left to divide.
        if groups.iter().all(fits) || count >= 2 * lengths.len() {
            groups.retain(|group| !group.is_empty());
            return groups;
        }
        count += lanes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_targets_by_hand() {
        let sequences: [&[u32]; 3] = [&[5, 6, 7], &[8, 9, 3], &[4, 2]];
        let masks = [[0, 0, 1], [1, 1, 1], [0, 1, 0]];
        let packed = Packed::new(sequences, |i, t| masks[i][t] == 1, Device::Cpu);
        let values = |x: &Tensor| Vec::<i64>::try_from(x.flatten(0, -1)).unwrap();
        assert_eq!(values(&packed.ids), [5, 6, 7, 8, 9, 3, 4, 2]);
        assert_eq!(values(&packed.positions), [0, 1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(packed.runs, [Run { count: 2, length: 3 }, Run { count: 1, length: 2 }]);
        assert_eq!(values(&packed.rows), [1, 3, 4, 6]);
        assert_eq!(values(&packed.targets), [7, 9, 3, 2]);
        assert_eq!(packed.scored, [1, 2, 1]);
    }

    #[test]
    fn balanced_groups_are_alike_and_within_the_budget() {
        // 20 tokens in 2 groups of 10.
        assert_eq!(balanced(&[4, 6, 4, 2, 4], 12, 0, 2), [vec![1, 0], vec![2, 4, 3]]);
        let lengths: Vec<usize> = (0..64).map(|i| 60 + (i * 37) % 80).collect();
        for (budget, most, lanes) in [(1024, 0, 2), (1024, 7, 2), (512, 0, 16), (139, 0, 4)] {
            let groups = balanced(&lengths, budget, most, lanes);
            let tokens = |g: &Vec<usize>| g.iter().map(|&i| lengths[i]).sum::<usize>();
            assert!(groups.iter().all(|g| tokens(g) <= budget && (most == 0 || g.len() <= most)));
            let mut all: Vec<usize> = groups.concat();
            all.sort_unstable();
            assert_eq!(all, (0..64).collect::<Vec<_>>());
        }
        assert!(balanced(&[], 8, 0, 2).is_empty());
    }

    #[test]
    fn groups_stay_within_the_budget() {
        assert_eq!(plan(&[3, 9, 4, 1], 8), [vec![1], vec![2, 0, 3]]);
        assert!(plan(&[], 8).is_empty());
        assert_eq!(plan_at_most(&[3, 9, 4, 1], 8, 2), [vec![1], vec![2, 0], vec![3]]);
    }
}
