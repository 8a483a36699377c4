//! Sums of products, with every sum in a register while it grows.
//!
//! The loop that generation spends its time in. Plain Rust is compiled to code that reads each row of the matrix from memory
//! once per sum, which halves the speed of a processor that can read one vector at a time; so AVX-512 is written out.

use super::lanes::WIDTH;
use super::number::Number;

/// Some rows of [`WIDTH`] numbers, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, N> {
    /// The numbers; the last row may end with them.
    pub values: &'a [N],
    /// From the beginning of a row to that of the next.
    pub stride: usize,
}

/// `M` sums for each of `P` sets of rows.
pub type Sums<const M: usize, const P: usize> = [[[f32; WIDTH]; P]; M];

/// The vectors of a machine.
pub trait Vectors {
    /// Rows of a matrix that are multiplied at a time: as many as there are registers for their sums.
    const TILE: usize;

    /// `sums[m][p] += sum over i < count of coefficients[m][i] * rows[p][i]`, one after the other, as
    /// [`Number::multiply_add`].
    ///
    /// # Panics
    /// If there are fewer coefficients or rows than `count`.
    fn accumulate<N: Number, const M: usize, const P: usize>(
        sums: &mut Sums<M, P>,
        coefficients: [&[N]; M],
        rows: [Rows<'_, N>; P],
        count: usize,
    );
}

/// What the compiler makes of plain Rust, for AVX2 among others.
#[derive(Debug)]
pub struct Plain;

impl Vectors for Plain {
    const TILE: usize = 2;

    #[inline(always)]
    fn accumulate<N: Number, const M: usize, const P: usize>(
        sums: &mut Sums<M, P>,
        coefficients: [&[N]; M],
        rows: [Rows<'_, N>; P],
        count: usize,
    ) {
        for (p, rows) in rows.into_iter().enumerate() {
            let mut own: [[f32; WIDTH]; M] = std::array::from_fn(|m| sums[m][p]);
            let coefficients = coefficients.map(|values| &values[..count]);
            for i in 0..count {
                let row = &rows.values[i * rows.stride..][..WIDTH];
                for (own, coefficients) in own.iter_mut().zip(coefficients) {
                    for (sum, value) in own.iter_mut().zip(row) {
                        *sum = coefficients[i].multiply_add(*value, *sum);
                    }
                }
            }
            for m in 0..M {
                sums[m][p] = own[m];
            }
        }
    }
}

/// 32 registers of 16 numbers. `PAIRS`: the processor multiplies pairs of bf16.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
pub struct Avx512<const PAIRS: bool>;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
impl<const PAIRS: bool> Vectors for Avx512<PAIRS> {
    const TILE: usize = 8;

    #[inline(always)]
    fn accumulate<N: Number, const M: usize, const P: usize>(
        sums: &mut Sums<M, P>,
        coefficients: [&[N]; M],
        rows: [Rows<'_, N>; P],
        count: usize,
    ) {
        use std::arch::x86_64::{
            _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
        };
        if count == 0 {
            return;
        }
        for values in coefficients {
            assert!(values.len() >= count, "{} coefficients of {count}", values.len());
        }
        for rows in rows {
            assert!(rows.values.len() >= (count - 1) * rows.stride + WIDTH, "too few rows");
        }
        const { assert!(size_of::<N>() == size_of::<f32>(), "numbers of 32 bits") };
        // SAFETY: `Isa::run` calls this only where the processor has AVX-512, and pairs. Numbers have 32 bits. Every pointer is
        // of a coefficient `i < count`, of row `i < count` or of one of the sums, which the assertions above and the types say
        // are there.
        unsafe {
            let mut own = [[[_mm512_setzero_ps(); 2]; P]; M];
            for m in 0..M {
                for p in 0..P {
                    own[m][p][0] = _mm512_loadu_ps(sums[m][p].as_ptr());
                    own[m][p][1] = _mm512_loadu_ps(sums[m][p].as_ptr().add(16));
                }
            }
            let mut next: [*const f32; P] = std::array::from_fn(|p| rows[p].values.as_ptr().cast());
            for i in 0..count {
                let mut row = [[_mm512_setzero_ps(); 2]; P];
                for p in 0..P {
                    row[p] = [_mm512_loadu_ps(next[p]), _mm512_loadu_ps(next[p].add(16))];
                    // Not used, and so not wrong, where it points beyond the last row.
                    next[p] = next[p].wrapping_add(rows[p].stride);
                }
                for m in 0..M {
                    let factor = _mm512_set1_ps(*coefficients[m].as_ptr().cast::<f32>().add(i));
                    for p in 0..P {
                        let own = &mut own[m][p];
                        own[0] = N::multiply_add_16::<PAIRS>(factor, row[p][0], own[0]);
                        own[1] = N::multiply_add_16::<PAIRS>(factor, row[p][1], own[1]);
                    }
                }
            }
            for m in 0..M {
                for p in 0..P {
                    _mm512_storeu_ps(sums[m][p].as_mut_ptr(), own[m][p][0]);
                    _mm512_storeu_ps(sums[m][p].as_mut_ptr().add(16), own[m][p][1]);
                }
            }
        }
    }
}
