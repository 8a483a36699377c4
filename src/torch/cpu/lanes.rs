//! Inner loops compiled for the vector instructions of the machine.
//!
//! The loops are plain Rust over arrays of [`WIDTH`] numbers. A [`Task`] is such a loop; [`Isa::run`] calls the copy of
//! it that was compiled for AVX-512 or AVX2. Each sum is made in the same order in all copies, so results do not depend on
//! the machine. The one loop that is worth more than the compiler makes of it is in [`super::vectors`].

#[cfg(target_arch = "x86_64")]
use super::vectors::Avx512;
use super::vectors::{Plain, Vectors};

/// Numbers that are computed side by side.
pub const WIDTH: usize = 32;

/// What is left of the lanes when they are added by halves.
const HALVES: [usize; 5] = [WIDTH / 2, WIDTH / 4, WIDTH / 8, WIDTH / 16, WIDTH / 32];

/// The vector instructions of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// As [`Isa::Avx512`], and products of pairs of bf16.
    Avx512Bf16,
    /// 32 registers of 16 numbers.
    Avx512,
    /// 16 registers of 8 numbers, with fused multiplication and addition.
    Avx2,
}

/// A loop to be compiled for each kind of vectors. Mark `run`, and what it calls, `#[inline(always)]`.
pub trait Task {
    /// Does it with some kind of vectors.
    fn run<V: Vectors>(self);
}

impl Isa {
    /// What this machine has; none where this part of the program cannot be used.
    pub fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let has512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq");
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Some(match has512 {
                    true if is_x86_feature_detected!("avx512bf16") => Self::Avx512Bf16,
                    true => Self::Avx512,
                    false => Self::Avx2,
                });
            }
        }
        None
    }

    /// These vectors and all that a machine with them has as well.
    #[cfg(test)]
    pub(super) fn and_narrower(self) -> &'static [Self] {
        match self {
            Self::Avx512Bf16 => &[Self::Avx512Bf16, Self::Avx512, Self::Avx2],
            Self::Avx512 => &[Self::Avx512, Self::Avx2],
            Self::Avx2 => &[Self::Avx2],
        }
    }

    /// Runs the copy of a task that was compiled for these vectors.
    #[allow(unsafe_code)]
    #[inline]
    pub fn run<T: Task>(self, task: T) {
        match self {
            // SAFETY: a value of this type comes from `detect`, which has asked the processor for these features.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => unsafe { on_avx512_bf16(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { on_avx512(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { on_avx2(task) },
            #[cfg(not(target_arch = "x86_64"))]
            _ => task.run::<Plain>(),
        }
    }
}

/// Runs a task with the best vectors of this machine.
pub fn run<T: Task>(task: T) {
    match Isa::detect() {
        Some(isa) => isa.run(task),
        None => task.run::<Plain>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn on_avx512_bf16<T: Task>(task: T) {
    task.run::<Avx512<true>>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn on_avx512<T: Task>(task: T) {
    task.run::<Avx512<false>>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn on_avx2<T: Task>(task: T) {
    task.run::<Plain>();
}

/// The exponential of a number that is at most 88; below -87.3 it is 0. Relative error below 2e-7. No fused operations,
/// so that it is the same number on every machine (polynomial of Cephes' `expf`, Moshier 1992).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.max(-87.3);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    // The integer stands in the last bits of the rounded number: it moves into the exponent.
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.3 { 0.0 } else { p * power }
}

/// The sum of some numbers, in an order that vectors like.
#[inline(always)]
pub fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    let mut lanes = [0f32; WIDTH];
    for chunk in chunks {
        for n in 0..WIDTH {
            lanes[n] += chunk[n];
        }
    }
    total(lanes) + rest.iter().sum::<f32>()
}

/// The sum of the lanes, by halves: five additions, where one after the other would be as many as there are lanes.
#[inline(always)]
fn total(mut lanes: [f32; WIDTH]) -> f32 {
    for half in HALVES {
        for n in 0..half {
            lanes[n] += lanes[n + half];
        }
    }
    lanes[0]
}

/// The sum of the squares of some numbers.
#[inline(always)]
pub fn sum_of_squares(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    let mut lanes = [0f32; WIDTH];
    for chunk in chunks {
        for n in 0..WIDTH {
            lanes[n] = chunk[n].mul_add(chunk[n], lanes[n]);
        }
    }
    total(lanes) + rest.iter().map(|x| x * x).sum::<f32>()
}

/// The greatest of some numbers.
#[inline(always)]
pub fn max(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    let mut lanes = [f32::NEG_INFINITY; WIDTH];
    for chunk in chunks {
        for n in 0..WIDTH {
            lanes[n] = if chunk[n] > lanes[n] { chunk[n] } else { lanes[n] };
        }
    }
    for half in HALVES {
        for n in 0..half {
            lanes[n] = if lanes[n + half] > lanes[n] { lanes[n + half] } else { lanes[n] };
        }
    }
    rest.iter().fold(lanes[0], |a, &b| if b > a { b } else { a })
}

/// `x / sqrt(mean(x^2) + eps) * weight`.
#[inline(always)]
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, into: &mut [f32]) {
    #[allow(clippy::cast_precision_loss)]
    let mean = sum_of_squares(x) / x.len() as f32;
    let scale = 1.0 / (mean + eps).sqrt();
    for ((y, x), w) in into.iter_mut().zip(x).zip(weight) {
        *y = x * scale * w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_a_few_units_of_the_last_place() {
        let mut worst = 0f64;
        for i in -87_300..=88_000 {
            let x = i as f32 / 1000.0;
            let expected = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) / expected - 1.0).abs());
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!((exp(0.0), exp(-88.0), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
    }

    #[test]
    fn sums_and_maxima_by_hand() {
        let values: Vec<f32> = (1..=70u8).map(f32::from).collect();
        assert_eq!(sum(&values), 2485.0); // 70 * 71 / 2
        assert_eq!(sum_of_squares(&values), 116_795.0); // 70 * 71 * 141 / 6
        assert_eq!(max(&values), 70.0);
        assert_eq!(max(&[-3.0, -2.0]), -2.0);
    }
}
