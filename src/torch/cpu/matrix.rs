//! Products with a weight matrix that is stored in the order in which it is read.
//!
//! Axes: m rows, i inputs, o outputs.

use super::lanes::{Isa, Task, WIDTH, exp};
use super::number::Number;
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
        row: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let depth = inputs.div_ceil(N::PER);
        let mut values = vec![N::default(); padded(outputs) * depth];
        for output in 0..outputs {
            let Some(row) = row(output) else { continue };
            let panel = &mut values[output / WIDTH * WIDTH * depth..][..WIDTH * depth];
            let lane = output % WIDTH;
            let row = &matrix[row * depth..][..depth];
            for (place, &number) in panel.iter_mut().skip(lane).step_by(WIDTH).zip(row) {
                *place = number;
            }
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

    /// `x [m, i]` times the matrix; rows of `x` are `stride` apart, rows of `into` `padded(o)`, or with [`Then::Gate`]
    /// half of that, rounded up to whole panels. `room` is used again: with bf16, `x` is rounded into it.
    pub fn product(
        &self,
        isa: Isa,
        (x, stride): (&[f32], usize),
        m: usize,
        then: Then,
        into: &mut [f32],
        room: &mut Vec<N>,
    ) {
        isa.run(Product { panels: self, x, stride, m, then, into, room });
    }
}

/// Panels that one row alone is multiplied with at a time.
const ALONE: usize = 4;

struct Product<'a, N> {
    panels: &'a Panels<N>,
    x: &'a [f32],
    stride: usize,
    m: usize,
    then: Then,
    into: &'a mut [f32],
    room: &'a mut Vec<N>,
}

impl<N: Number> Task for Product<'_, N> {
    #[inline(always)]
    fn run<V: Vectors>(self) {
        let Self { panels, x, stride, m, then, into, room } = self;
        let (x, stride) = N::rows(x, stride, m, panels.inputs, room);
        Tiles { panels, x, stride, m, then, into }.run::<V>();
    }
}

/// A product with rows that are numbers of the panels' kind.
struct Tiles<'a, N> {
    panels: &'a Panels<N>,
    x: &'a [N],
    stride: usize,
    m: usize,
    then: Then,
    into: &'a mut [f32],
}

impl<N: Number> Tiles<'_, N> {
    #[inline(always)]
    fn run<V: Vectors>(mut self) {
        let panels = self.panels.values.len() / (WIDTH * self.panels.depth);
        // One row alone waits for each sum before it adds to it, and for memory: several panels side by side fill the time.
        let mut panel = 0;
        while self.m == 1 && panel + ALONE <= panels {
            self.tile::<V, 1, ALONE>(panel, 0);
            panel += ALONE;
        }
        for panel in panel..panels {
            let mut row = 0;
            while row + V::TILE <= self.m {
                match V::TILE {
                    8 => self.tile::<V, 8, 1>(panel, row),
                    _ => self.tile::<V, 2, 1>(panel, row),
                }
                row += V::TILE;
            }
            match self.m - row {
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

    /// `M` rows of `x`, from `row` on, times `P` panels, from `panel` on.
    #[inline(always)]
    fn tile<V: Vectors, const M: usize, const P: usize>(&mut self, panel: usize, row: usize) {
        let depth = self.panels.depth;
        let rows: [&[N]; M] = std::array::from_fn(|m| &self.x[(row + m) * self.stride..][..depth]);
        let size = WIDTH * depth;
        let panels = std::array::from_fn(|p| Rows {
            values: &self.panels.values[(panel + p) * size..][..size],
            stride: WIDTH,
        });
        let mut sums = [[[0.0; WIDTH]; P]; M];
        V::accumulate(&mut sums, rows, panels, depth);
        for (m, sums) in sums.iter().enumerate() {
            for (p, sums) in sums.iter().enumerate() {
                self.put(row + m, panel + p, sums);
            }
        }
    }

    /// What becomes of one row's sums for one panel.
    #[inline(always)]
    fn put(&mut self, row: usize, panel: usize, sums: &[f32; WIDTH]) {
        let outputs = padded(self.panels.outputs);
        match self.then {
            Then::Store => {
                let at = row * outputs + panel * WIDTH;
                self.into[at..at + WIDTH].copy_from_slice(sums);
            }
            Then::Add => {
                let at = row * outputs + panel * WIDTH;
                let place = &mut self.into[at..at + WIDTH];
                for n in 0..WIDTH {
                    place[n] += sums[n];
                }
            }
            Then::Gate => {
                const HALF: usize = WIDTH / 2;
                let at = row * padded(outputs / 2) + panel * HALF;
                let place = &mut self.into[at..at + HALF];
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
    use super::super::number::Pair;
    use super::*;
    use howard::rng::Seed;

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
                panels.product(isa, (&x, inputs), m, Then::Add, &mut got, &mut vec![]);
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
        let (outputs, m) = (40, 13);
        let panels = Panels::<N>::of(&packed(&numbers(3, inputs * outputs), inputs), inputs);
        let x = numbers(4, m * inputs);
        let product = |isa, x: &[f32], m| {
            let mut into = vec![0.0; m * padded(outputs)];
            panels.product(isa, (x, inputs), m, Then::Store, &mut into, &mut vec![]);
            into
        };
        let all = product(isa, &x, m);
        for &other in isa.and_narrower() {
            assert_eq!(all, product(other, &x, m), "{isa:?} {other:?}");
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
            panels.product(isa, (&x, inputs), m, Then::Store, &mut got, &mut vec![]);
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
        let mut got = vec![0.0; m * padded(padded(panels.outputs) / 2)];
        panels.product(isa, (&x, inputs), m, Then::Gate, &mut got, &mut vec![]);
        let dot = |row: usize, output: usize| -> f64 {
            let terms = (0..inputs)
                .map(|i| f64::from(x[row * inputs + i]) * f64::from(matrix[output * inputs + i]));
            terms.sum()
        };
        for row in 0..m {
            for unit in 0..f {
                let gate = dot(row, unit);
                let expected = gate / (1.0 + (-gate).exp()) * dot(row, f + unit);
                let got = f64::from(got[row * padded(padded(panels.outputs) / 2) + unit]);
                assert!((got - expected).abs() < 1e-6, "{got} {expected}");
            }
        }
        let plain = Panels::of(&matrix, inputs);
        let mut row = vec![0.0; inputs];
        plain.row(40, &mut row);
        assert_eq!(row, matrix[40 * inputs..41 * inputs]);
    }
}
