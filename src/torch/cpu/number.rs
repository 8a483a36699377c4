//! What weights, keys and values are stored as: fp32, or pairs of bf16.
//!
//! A pair is one number of 32 bits, so that both kinds have the same loops: where fp32 multiplies two numbers and adds the
//! product to a sum, pairs multiply two times two. Sums are fp32 in either case. Processors with AVX-512-BF16 do that in
//! one instruction; elsewhere it is two products and sums, which give the same bits (tested on an AMD EPYC), but for
//! numbers below 1e-38, which that instruction takes for 0.

use std::fmt::Debug;
use std::marker::PhantomData;

use tch::{Device, Kind, Tensor};

/// Numbers of 32 bits that a product reads.
pub trait Number: Copy + Debug + Default + Send + Sync + 'static {
    /// Values in one.
    const PER: usize;

    /// The kind of tensor that is stored as these without loss.
    const KIND: Kind;

    /// Values next to each other as one number; there may be fewer than [`Number::PER`], missing ones are 0.
    fn of(values: &[f32]) -> Self;

    /// The value at some place.
    fn get(self, index: usize) -> f32;

    /// Puts a value at some place and 0 at all later ones.
    fn put(&mut self, index: usize, value: f32);

    /// `m` rows of `count` values, `stride` apart, as numbers, and how far apart these rows are; `room` is used again.
    fn rows<'a>(
        values: &'a [f32],
        stride: usize,
        m: usize,
        count: usize,
        room: &'a mut Vec<Self>,
    ) -> (&'a [Self], usize);

    /// `sum + self * other`, each product and sum rounded once; the last value of a number first.
    fn multiply_add(self, other: Self, sum: f32) -> f32;

    /// As [`Number::multiply_add`], 16 at a time. `PAIRS`: the processor multiplies pairs.
    ///
    /// # Safety
    /// The processor must have AVX-512F, and with `PAIRS` AVX-512-BF16.
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    unsafe fn multiply_add_16<const PAIRS: bool>(a: Vector, b: Vector, sum: Vector) -> Vector;
}

/// A tensor on the CPU as numbers, each row (of the last axis) whole ones.
#[derive(Debug)]
pub struct Numbers<N> {
    tensor: Tensor,
    kind: PhantomData<N>,
}

impl<N: Number> Numbers<N> {
    /// The numbers of a tensor of their kind; not a copy where its rows are whole numbers, one after the other.
    ///
    /// # Panics
    /// If it is of another kind or not on the CPU.
    pub fn of(tensor: &Tensor) -> Self {
        assert_eq!((tensor.kind(), tensor.device()), (N::KIND, Device::Cpu));
        let width = tensor.size().last().map_or(0, |&width| usize::try_from(width).unwrap_or(0));
        let missing = (width.next_multiple_of(N::PER) - width) as i64;
        let tensor = match missing {
            0 => tensor.detach().contiguous(),
            _ => tensor.detach().constant_pad_nd([0, missing]).contiguous(),
        };
        let aligned = tensor.data_ptr().addr().is_multiple_of(align_of::<N>());
        Self { tensor: if aligned { tensor } else { tensor.copy() }, kind: PhantomData }
    }

    /// All of them.
    #[allow(unsafe_code)]
    pub fn all(&self) -> &[N] {
        const { assert!(size_of::<N>() == size_of::<f32>() && N::PER <= 2, "numbers of 32 bits") };
        let count = self.tensor.numel() / N::PER;
        if count == 0 {
            return &[];
        }
        // SAFETY: the tensor is contiguous, on the CPU and has `count * PER` values of the kind whose bits, `PER` at a time, are
        // numbers (any bits are; the first value of a pair is in the lower half, as this machine stores them); it is aligned,
        // lives as long as `self`, and whoever prepares a model does not write its weights meanwhile.
        unsafe { std::slice::from_raw_parts(self.tensor.data_ptr().cast::<N>(), count) }
    }
}

/// 16 numbers of 32 bits, whatever they stand for.
#[cfg(target_arch = "x86_64")]
pub type Vector = std::arch::x86_64::__m512;

impl Number for f32 {
    const PER: usize = 1;
    const KIND: Kind = Kind::Float;

    #[inline(always)]
    fn of(values: &[f32]) -> Self {
        values[0]
    }

    #[inline(always)]
    fn get(self, _: usize) -> f32 {
        self
    }

    #[inline(always)]
    fn put(&mut self, _: usize, value: f32) {
        *self = value;
    }

    #[inline(always)]
    fn rows<'a>(
        values: &'a [f32],
        stride: usize,
        _: usize,
        _: usize,
        _: &'a mut Vec<Self>,
    ) -> (&'a [Self], usize) {
        (values, stride)
    }

    #[inline(always)]
    fn multiply_add(self, other: Self, sum: f32) -> f32 {
        self.mul_add(other, sum)
    }

    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn multiply_add_16<const PAIRS: bool>(a: Vector, b: Vector, sum: Vector) -> Vector {
        // SAFETY: the caller promises AVX-512F.
        unsafe { std::arch::x86_64::_mm512_fmadd_ps(a, b, sum) }
    }
}

/// Two bf16, the first in the lower half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Pair(u32);

/// The upper half of a pair as bits.
const UPPER: u32 = 0xffff_0000;

impl Pair {
    /// The nearest pair, ties to even.
    #[inline(always)]
    fn nearest(first: f32, second: f32) -> Self {
        Self(rounded(first) >> 16 | rounded(second) & UPPER)
    }
}

/// The bits of a number whose upper half is the nearest bf16.
#[inline(always)]
fn rounded(value: f32) -> u32 {
    let bits = value.to_bits();
    // What is not a number stays so: rounding could carry it to infinity or beyond.
    if value.is_nan() { bits | 0x0040_0000 } else { bits.wrapping_add(0x7fff + (bits >> 16 & 1)) }
}

impl Number for Pair {
    const PER: usize = 2;
    const KIND: Kind = Kind::BFloat16;

    #[inline(always)]
    fn of(values: &[f32]) -> Self {
        Self::nearest(values[0], values.get(1).copied().unwrap_or(0.0))
    }

    #[inline(always)]
    fn get(self, index: usize) -> f32 {
        f32::from_bits(if index == 0 { self.0 << 16 } else { self.0 & UPPER })
    }

    #[inline(always)]
    fn put(&mut self, index: usize, value: f32) {
        let first = if index == 0 { value } else { self.get(0) };
        *self = Self::nearest(first, if index == 0 { 0.0 } else { value });
    }

    #[inline(always)]
    fn rows<'a>(
        values: &'a [f32],
        stride: usize,
        m: usize,
        count: usize,
        room: &'a mut Vec<Self>,
    ) -> (&'a [Self], usize) {
        let width = count.div_ceil(2);
        if room.len() < m * width {
            room.resize(m * width, Self::default());
        }
        for row in 0..m {
            let values = &values[row * stride..][..count];
            let (pairs, last) = values.as_chunks::<2>();
            let places = &mut room[row * width..][..width];
            for (place, &[first, second]) in places.iter_mut().zip(pairs) {
                *place = Self::nearest(first, second);
            }
            if let [value] = last {
                places[width - 1] = Self::nearest(*value, 0.0);
            }
        }
        (room, width)
    }

    #[inline(always)]
    fn multiply_add(self, other: Self, sum: f32) -> f32 {
        self.get(0).mul_add(other.get(0), self.get(1).mul_add(other.get(1), sum))
    }

    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn multiply_add_16<const PAIRS: bool>(a: Vector, b: Vector, sum: Vector) -> Vector {
        use std::arch::x86_64::{
            __m512bh, __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
            _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_set1_epi32, _mm512_slli_epi32,
        };
        // SAFETY: the caller promises the instructions; the vectors of 512 bits may be seen as any others.
        unsafe {
            let (a, b) = (_mm512_castps_si512(a), _mm512_castps_si512(b));
            if PAIRS {
                let pairs = |v: __m512i| std::mem::transmute::<__m512i, __m512bh>(v);
                return _mm512_dpbf16_ps(sum, pairs(a), pairs(b));
            }
            let upper = _mm512_set1_epi32(UPPER.cast_signed());
            let second = |v| _mm512_castsi512_ps(_mm512_and_si512(v, upper));
            let first = |v| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(v));
            let sum = _mm512_fmadd_ps(second(a), second(b), sum);
            _mm512_fmadd_ps(first(a), first(b), sum)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against libtorch's rounding: random bits, among them subnormal and infinite numbers and some that are none.
    #[test]
    fn rounding_is_libtorchs() {
        let mut stream = howard::rng::Seed(1).stream();
        let mut values: Vec<f32> =
            (0..100_000).map(|_| f32::from_bits(stream.below(1 << 32) as u32)).collect();
        values.extend([0.0, -0.0, f32::INFINITY, f32::NAN, f32::MAX, 1.0 + 1.0 / 256.0, 1e-40]);
        values.extend([0x7fff_ffff, 0xff80_0001].map(f32::from_bits));
        let expected = Tensor::from_slice(&values).to_kind(Kind::BFloat16).to_kind(Kind::Float);
        let expected = Vec::<f32>::try_from(expected).unwrap();
        let mut room = Vec::new();
        let (pairs, width) = Pair::rows(&values, 0, 1, values.len(), &mut room);
        assert_eq!(width, values.len().div_ceil(2));
        for (index, expected) in expected.into_iter().enumerate() {
            let got = pairs[index / 2].get(index % 2);
            assert!(
                got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                "{:?}: {got} {expected}",
                values[index]
            );
        }
    }

    /// Rows of odd length end with a pair whose second value is 0.
    #[test]
    fn tensors_are_seen_as_they_are() {
        let values = [1.5f32, -2.0, 3.0, 0.25, -0.5, 7.0];
        let tensor = Tensor::from_slice(&values).reshape([2, 3]);
        assert_eq!(Numbers::<f32>::of(&tensor).all(), values);
        let half = tensor.to_kind(Kind::BFloat16);
        let pairs = [[1.5, -2.0], [3.0, 0.0], [0.25, -0.5], [7.0, 0.0]].map(|pair| Pair::of(&pair));
        assert_eq!(Numbers::<Pair>::of(&half).all(), pairs);
        let pairs = [[1.5, 0.25], [-2.0, -0.5], [3.0, 7.0]].map(|pair| Pair::of(&pair));
        assert_eq!(Numbers::<Pair>::of(&half.transpose(0, 1)).all(), pairs);
        // Two values that begin in the middle of a pair.
        let pairs = [Pair::of(&[-2.0, 3.0])];
        assert_eq!(Numbers::<Pair>::of(&half.flatten(0, 1).narrow(0, 1, 2)).all(), pairs);
    }

    #[test]
    fn values_are_put_one_after_the_other() {
        let mut pair = Pair::of(&[7.0, 8.0]);
        pair.put(0, 1.5);
        assert_eq!((pair.get(0), pair.get(1)), (1.5, 0.0));
        pair.put(1, -2.5);
        assert_eq!(pair, Pair::of(&[1.5, -2.5]));
        // 3 * 4 + (1.5 * 2 + 1) by hand.
        assert_eq!(Pair::of(&[3.0, 1.5]).multiply_add(Pair::of(&[4.0, 2.0]), 1.0), 16.0);
    }
}
