//! Products with a weight matrix that is stored in the order in which it is read.
//!
//! Axes: m rows, i inputs, o outputs.

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::lanes::{Task, WIDTH, exp};
use super::number::Number;
use super::team::{Team, cut, pool, shares};
use super::vectors::{Rows, Vectors};

/// A matrix `[o, i]` in panels of [`WIDTH`] outputs, each panel `[i, WIDTH]` (pairs of inputs with bf16); outputs beyond the
/// last are zeros.
#[derive(Debug)]
pub struct Panels<N> {
    values: Vec<N>,
    /// Numbers that hold an input row.
    depth: usize,
    /// Length of an input row.
    pub inputs: usize,
    /// Length of an output row.
    pub outputs: usize,
}

/// Numbers from which all threads put a matrix into panels.
const MANY: usize = 1 << 20;

/// Numbers of a row that are put into a panel at a time: those of a line of the cache.
const BLOCK: usize = 16;

/// Room that a row of `n` numbers takes: whole panels.
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(WIDTH)
}

/// What becomes of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is the result.
    Store,
    /// It is added to what is there.
    Add,
    /// Of the two halves of each panel, `silu(first) * second` is the result.
    Gate,
}

impl<N: Number> Panels<N> {
    /// The panels of a matrix `[o, i]`; each row is whole numbers.
    pub fn of(matrix: &[N], inputs: usize) -> Self {
        Self::arranged(matrix, inputs, matrix.len() / inputs.div_ceil(N::PER), Some)
    }

    /// The panels of two matrices `[f, i]`, gate and up, that stand one under the other: half a panel of the first, then
    /// the same rows of the second.
    pub fn gated(matrix: &[N], inputs: usize) -> Self {
        const HALF: usize = WIDTH / 2;
        let f = matrix.len() / inputs.div_ceil(N::PER) / 2;
        let outputs = 2 * f.next_multiple_of(HALF);
        Self::arranged(matrix, inputs, outputs, |output| {
            let (panel, lane) = (output / WIDTH, output % WIDTH);
            let unit = panel * HALF + lane % HALF;
            (unit < f).then_some(if lane < HALF { unit } else { f + unit })
        })
    }

    fn arranged(
        matrix: &[N],
        inputs: usize,
        outputs: usize,
        row: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Self {
        let depth = inputs.div_ceil(N::PER);
        let mut values = vec![N::default(); padded(outputs) * depth];
        // A few numbers of each row at a time, so that what they are put between stays near the processor.
        let fill = |(index, panel): (usize, &mut [N])| {
            for (block, places) in panel.chunks_mut(WIDTH * BLOCK).enumerate() {
                for lane in 0..WIDTH.min(outputs - index * WIDTH) {
                    let Some(row) = row(index * WIDTH + lane) else { continue };
                    let row = &matrix[row * depth..][..depth][block * BLOCK..];
                    for (place, &number) in places.iter_mut().skip(lane).step_by(WIDTH).zip(row) {
                        *place = number;
                    }
                }
            }
        };
        let panel = WIDTH * depth;
        match pool(if values.len() < MANY { 1 } else { crate::threads() }) {
            None => values.chunks_exact_mut(panel).enumerate().for_each(fill),
            Some(pool) => pool.install(|| {
                values.par_chunks_exact_mut(panel).enumerate().for_each(fill);
            }),
        }
        Self { values, depth, inputs, outputs }
    }

    /// Row `output` of the matrix, `[i]`.
    pub fn row(&self, output: usize, into: &mut [f32]) {
        let panel = &self.values[output / WIDTH * WIDTH * self.depth..][..WIDTH * self.depth];
        let places = panel.iter().skip(output % WIDTH).step_by(WIDTH);
        for (values, place) in into.chunks_mut(N::PER).zip(places) {
            for (index, value) in values.iter_mut().enumerate() {
                *value = place.get(index);
            }
        }
    }

    /// Bytes that the matrix takes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    /// Room that a row of a product takes: whole panels.
    pub fn length(&self, then: Then) -> usize {
        padded(if then == Then::Gate { padded(self.outputs) / 2 } else { self.outputs })
    }

    /// `x [m, i]` times the matrix; rows of `x` are `stride` apart, rows of `into` [`Panels::length`]. `room` is used again:
    /// with bf16, `x` is rounded into it.
    pub fn product(
        &self,
        team: Team,
        (x, stride): (&[f32], usize),
        m: usize,
        then: Then,
        into: &mut [f32],
        room: &mut Vec<N>,
    ) {
        let mut rows: (&[N], usize) = (&[], 0);
        team.isa.run(AsNumbers { x, stride, m, inputs: self.inputs, room, rows: &mut rows });
        let (x, stride) = rows;
        let panels = shares(self.values.len() / (WIDTH * self.depth), team.threads);
        let width = if then == Then::Gate { WIDTH / 2 } else { WIDTH };
        let length = self.length(then);
        let columns: Vec<_> = panels.iter().map(|p| p.start * width..p.end * width).collect();
        let pieces = cut(into.chunks_exact_mut(length).take(m), &columns);
        let parts = panels.into_iter().zip(pieces);
        team.run(parts.map(|(panels, into)| Tiles { matrix: self, panels, x, stride, then, into }));
    }
}

/// Rows as numbers of a product's kind.
struct AsNumbers<'a, 'b, N> {
    x: &'a [f32],
    stride: usize,
    m: usize,
    inputs: usize,
    room: &'a mut Vec<N>,
    rows: &'b mut (&'a [N], usize),
}

impl<N: Number> Task for AsNumbers<'_, '_, N> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        *self.rows = N::rows(self.x, self.stride, self.m, self.inputs, self.room);
    }
}

/// Panels that one row alone is multiplied with at a time.
const ALONE: usize = 4;

/// Some panels' part of a product.
struct Tiles<'a, N> {
    matrix: &'a Panels<N>,
    panels: Range<usize>,
    x: &'a [N],
    stride: usize,
    then: Then,
    /// For each row, the columns that the panels make.
    into: Vec<&'a mut [f32]>,
}

impl<N: Number> Task for Tiles<'_, N> {
    #[inline(always)]
    fn run<V: Vectors>(mut self) {
        let Range { start, end } = self.panels;
        let m = self.into.len();
        // One row alone waits for each sum before it adds to it, and for memory: several panels side by side fill the time.
        let mut panel = start;
        while m == 1 && panel + ALONE <= end {
            self.tile::<V, 1, ALONE>(panel, 0);
            panel += ALONE;
        }
        for panel in panel..end {
            let mut row = 0;
            while row + V::TILE <= m {
                match V::TILE {
                    8 => self.tile::<V, 8, 1>(panel, row),
                    _ => self.tile::<V, 2, 1>(panel, row),
                }
                row += V::TILE;
            }
            match m - row {
                0 => {}
                1 => self.tile::<V, 1, 1>(panel, row),
                2 => self.tile::<V, 2, 1>(panel, row),
                3 => self.tile::<V, 3, 1>(panel, row),
                4 => self.tile::<V, 4, 1>(panel, row),
                5 => self.tile::<V, 5, 1>(panel, row),
                6 => self.tile::<V, 6, 1>(panel, row),
                _ => self.tile::<V, 7, 1>(panel, row),
            }
        }
    }
}

impl<N: Number> Tiles<'_, N> {
    /// `M` rows of `x`, from `row` on, times `P` panels, from `panel` on.
    #[inline(always)]
    fn tile<V: Vectors, const M: usize, const P: usize>(&mut self, panel: usize, row: usize) {
        let depth = self.matrix.depth;
        let rows: [&[N]; M] = std::array::from_fn(|m| &self.x[(row + m) * self.stride..][..depth]);
        let size = WIDTH * depth;
        let panels = std::array::from_fn(|p| Rows {
            values: &self.matrix.values[(panel + p) * size..][..size],
            stride: WIDTH,
        });
        let mut sums = [[[0.0; WIDTH]; P]; M];
        V::accumulate(&mut sums, rows, panels, depth);
        for (m, sums) in sums.iter().enumerate() {
            for (p, sums) in sums.iter().enumerate() {
                self.put(row + m, panel + p - self.panels.start, sums);
            }
        }
    }

    /// What becomes of one row's sums for the `panel`-th of the panels.
    #[inline(always)]
    fn put(&mut self, row: usize, panel: usize, sums: &[f32; WIDTH]) {
        const HALF: usize = WIDTH / 2;
        let row = &mut *self.into[row];
        match self.then {
            Then::Store => row[panel * WIDTH..][..WIDTH].copy_from_slice(sums),
            Then::Add => {
                let place = &mut row[panel * WIDTH..][..WIDTH];
                for n in 0..WIDTH {
                    place[n] += sums[n];
                }
            }
            Then::Gate => {
                let place = &mut row[panel * HALF..][..HALF];
                for n in 0..HALF {
                    let gate = sums[n];
                    place[n] = gate / (1.0 + exp((-gate).min(88.0))) * sums[HALF + n];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Isa;
    use super::super::number::Pair;
    use super::*;
    use howard::rng::Seed;

    fn alone(isa: Isa) -> Team {
        Team { isa, threads: 1 }
    }

    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        (0..count as u64).map(|i| Seed(seed).uniform(i) as f32 - 0.5).collect()
    }

    /// A matrix `[o, i]` as numbers.
    fn packed<N: Number>(matrix: &[f32], inputs: usize) -> Vec<N> {
        let mut room = Vec::new();
        N::rows(matrix, inputs, matrix.len() / inputs, inputs, &mut room).0.to_vec()
    }

    /// Against sums in f64, for shapes that are no multiples of anything, and every number of rows.
    #[test]
    fn products_equal_sums_of_products() {
        let Some(isa) = Isa::detect() else { return };
        for (inputs, outputs) in [(7, 5), (33, 70), (64, 96)] {
            let matrix = numbers(1, inputs * outputs);
            let panels = Panels::of(&matrix, inputs);
            for m in 1..=19 {
                let x = numbers(2, m * inputs);
                let mut got = vec![1.0; m * padded(outputs)];
                panels.product(alone(isa), (&x, inputs), m, Then::Add, &mut got, &mut vec![]);
                for row in 0..m {
                    for output in 0..outputs {
                        let expected: f64 = 1.0
                            + (0..inputs)
                                .map(|i| {
                                    f64::from(x[row * inputs + i])
                                        * f64::from(matrix[output * inputs + i])
                                })
                                .sum::<f64>();
                        let got = f64::from(got[row * padded(outputs) + output]);
                        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
                    }
                }
            }
        }
    }

    /// The same bits in any company and with any vectors that this machine has.
    fn one_result<N: Number>(inputs: usize) {
        let Some(isa) = Isa::detect() else { return };
        let (outputs, m) = (140, 13);
        let panels = Panels::<N>::of(&packed(&numbers(3, inputs * outputs), inputs), inputs);
        let x = numbers(4, m * inputs);
        let product = |isa, x: &[f32], m| {
            let mut into = vec![0.0; m * padded(outputs)];
            panels.product(alone(isa), (x, inputs), m, Then::Store, &mut into, &mut vec![]);
            into
        };
        let all = product(isa, &x, m);
        for &other in isa.and_narrower() {
            assert_eq!(all, product(other, &x, m), "{isa:?} {other:?}");
        }
        for threads in [2, 3, 16] {
            let mut into = vec![0.0; m * padded(outputs)];
            Team::gather(isa, threads, |team| {
                panels.product(team, (&x, inputs), m, Then::Store, &mut into, &mut vec![]);
            });
            assert_eq!(all, into, "{threads} threads");
        }
        for row in 0..m {
            let alone = product(isa, &x[row * inputs..(row + 1) * inputs], 1);
            assert_eq!(alone, all[row * padded(outputs)..(row + 1) * padded(outputs)]);
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_company_and_all_vectors_agree() {
        one_result::<f32>(48);
        one_result::<Pair>(48);
        one_result::<Pair>(47);
    }

    /// Pairs are what is left of numbers that are rounded to bf16 first.
    #[test]
    fn products_of_pairs_equal_sums_of_rounded_products() {
        let Some(isa) = Isa::detect() else { return };
        for (inputs, outputs, m) in [(7, 5, 3), (64, 96, 11)] {
            let (matrix, x) = (numbers(1, inputs * outputs), numbers(2, m * inputs));
            let panels = Panels::<Pair>::of(&packed(&matrix, inputs), inputs);
            let mut got = vec![0.0; m * padded(outputs)];
            panels.product(alone(isa), (&x, inputs), m, Then::Store, &mut got, &mut vec![]);
            let rounded = |values: &[f32]| -> Vec<f64> {
                let tensor = tch::Tensor::from_slice(values).to_kind(tch::Kind::BFloat16);
                Vec::try_from(tensor.to_kind(tch::Kind::Double)).unwrap()
            };
            let (matrix, x) = (rounded(&matrix), rounded(&x));
            for row in 0..m {
                for output in 0..outputs {
                    let terms =
                        (0..inputs).map(|i| x[row * inputs + i] * matrix[output * inputs + i]);
                    let (got, expected) = (got[row * padded(outputs) + output], terms.sum::<f64>());
                    assert!((f64::from(got) - expected).abs() < 1e-5, "{got} {expected}");
                }
            }
            let mut row = vec![0.0; inputs];
            panels.row(outputs - 1, &mut row);
            let row: Vec<f64> = row.into_iter().map(f64::from).collect();
            assert_eq!(row, matrix[(outputs - 1) * inputs..]);
        }
    }

    #[test]
    fn gate_and_up_meet_and_rows_come_back() {
        let Some(isa) = Isa::detect() else { return };
        let (inputs, f, m) = (9, 21, 3);
        let matrix = numbers(5, 2 * f * inputs);
        let x = numbers(6, m * inputs);
        let panels = Panels::gated(&matrix, inputs);
        let mut got = vec![0.0; m * panels.length(Then::Gate)];
        panels.product(alone(isa), (&x, inputs), m, Then::Gate, &mut got, &mut vec![]);
        let dot = |row: usize, output: usize| -> f64 {
            let terms = (0..inputs)
                .map(|i| f64::from(x[row * inputs + i]) * f64::from(matrix[output * inputs + i]));
            terms.sum()
        };
        for row in 0..m {
            for unit in 0..f {
                let gate = dot(row, unit);
                let expected = gate / (1.0 + (-gate).exp()) * dot(row, f + unit);
                let got = f64::from(got[row * panels.length(Then::Gate) + unit]);
                assert!((got - expected).abs() < 1e-6, "{got} {expected}");
            }
        }
        let plain = Panels::of(&matrix, inputs);
        let mut row = vec![0.0; inputs];
        plain.row(40, &mut row);
        assert_eq!(row, matrix[40 * inputs..41 * inputs]);
    }
}
