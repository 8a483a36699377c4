//! Products with a weight matrix that is stored in the order in which it is read.
//!
//! Axes: m rows, i inputs, o outputs.

use super::lanes::{Isa, Task, WIDTH, exp};
use super::vectors::{Rows, Vectors};

/// A matrix `[o, i]` in panels of [`WIDTH`] outputs, each panel `[i, WIDTH]`; outputs beyond the last are zeros.
#[derive(Debug)]
pub struct Panels {
    values: Vec<f32>,
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

impl Panels {
    /// The panels of a matrix `[o, i]`.
    pub fn of(matrix: &[f32], inputs: usize) -> Self {
        Self::arranged(matrix, inputs, matrix.len() / inputs, Some)
    }

    /// The panels of two matrices `[f, i]`, gate and up, that stand one under the other: half a panel of the first, then
    /// the same rows of the second.
    pub fn gated(matrix: &[f32], inputs: usize) -> Self {
        const HALF: usize = WIDTH / 2;
        let f = matrix.len() / inputs / 2;
        let outputs = 2 * f.next_multiple_of(HALF);
        Self::arranged(matrix, inputs, outputs, |output| {
            let (panel, lane) = (output / WIDTH, output % WIDTH);
            let unit = panel * HALF + lane % HALF;
            (unit < f).then_some(if lane < HALF { unit } else { f + unit })
        })
    }

    fn arranged(
        matrix: &[f32],
        inputs: usize,
        outputs: usize,
        row: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let mut values = vec![0.0; padded(outputs) * inputs];
        for output in 0..outputs {
            let Some(row) = row(output) else { continue };
            let panel = &mut values[output / WIDTH * WIDTH * inputs..][..WIDTH * inputs];
            let lane = output % WIDTH;
            let row = &matrix[row * inputs..][..inputs];
            for (place, &value) in panel.iter_mut().skip(lane).step_by(WIDTH).zip(row) {
                *place = value;
            }
        }
        Self { values, inputs, outputs }
    }

    /// Row `output` of the matrix, `[i]`.
    pub fn row(&self, output: usize, into: &mut [f32]) {
        let panel = &self.values[output / WIDTH * WIDTH * self.inputs..][..WIDTH * self.inputs];
        for (value, place) in into.iter_mut().zip(panel.iter().skip(output % WIDTH).step_by(WIDTH))
        {
            *value = *place;
        }
    }

    /// `x [m, i]` times the matrix; rows of `x` are `stride` apart, rows of `into` `padded(o)`, or with [`Then::Gate`]
    /// half of that, rounded up to whole panels.
    pub fn product(
        &self,
        isa: Isa,
        x: &[f32],
        stride: usize,
        m: usize,
        then: Then,
        into: &mut [f32],
    ) {
        isa.run(Product { panels: self, x, stride, m, then, into });
    }
}

/// Panels that one row alone is multiplied with at a time.
const ALONE: usize = 4;

struct Product<'a> {
    panels: &'a Panels,
    x: &'a [f32],
    stride: usize,
    m: usize,
    then: Then,
    into: &'a mut [f32],
}

impl Task for Product<'_> {
    #[inline(always)]
    fn run<V: Vectors>(mut self) {
        let panels = self.panels.values.len() / (WIDTH * self.panels.inputs);
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
}

impl Product<'_> {
    /// `M` rows of `x`, from `row` on, times `P` panels, from `panel` on.
    #[inline(always)]
    fn tile<V: Vectors, const M: usize, const P: usize>(&mut self, panel: usize, row: usize) {
        let inputs = self.panels.inputs;
        let rows: [&[f32]; M] =
            std::array::from_fn(|m| &self.x[(row + m) * self.stride..][..inputs]);
        let size = WIDTH * inputs;
        let panels = std::array::from_fn(|p| Rows {
            values: &self.panels.values[(panel + p) * size..][..size],
            stride: WIDTH,
        });
        let mut sums = [[[0.0; WIDTH]; P]; M];
        V::accumulate(&mut sums, rows, panels, inputs);
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
    use super::*;
    use howard::rng::Seed;

    fn numbers(seed: u64, count: usize) -> Vec<f32> {
        (0..count as u64).map(|i| Seed(seed).uniform(i) as f32 - 0.5).collect()
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
                panels.product(isa, &x, inputs, m, Then::Add, &mut got);
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

    #[test]
    fn a_row_does_not_depend_on_its_company_and_both_vector_widths_agree() {
        let Some(isa) = Isa::detect() else { return };
        let (inputs, outputs, m) = (48, 40, 13);
        let panels = Panels::of(&numbers(3, inputs * outputs), inputs);
        let x = numbers(4, m * inputs);
        let product = |isa, x: &[f32], m| {
            let mut into = vec![0.0; m * padded(outputs)];
            panels.product(isa, x, inputs, m, Then::Store, &mut into);
            into
        };
        let all = product(isa, &x, m);
        assert_eq!(all, product(Isa::Avx2, &x, m));
        for row in 0..m {
            let alone = product(isa, &x[row * inputs..(row + 1) * inputs], 1);
            assert_eq!(alone, all[row * padded(outputs)..(row + 1) * padded(outputs)]);
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
        panels.product(isa, &x, inputs, m, Then::Gate, &mut got);
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
