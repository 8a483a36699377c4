//! Randomness derived from what it is for: no global generator, every draw can be made again alone.
//!
//! A [`Seed`] is derived step by step (run, problem, sample ...); a uniform number is a pure function of a seed
//! and a counter, so a completion does not depend on who shares its batch or in which order work is done.
//! Mixing: the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
//! generators"), applied twice.

use serde::{Deserialize, Serialize};

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A named point in the tree of random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The child stream with this name, e.g. a problem id.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // FNV-1a over the name, then mixed with the parent: stable across platforms and versions.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.index(mix(hash ^ GOLDEN))
    }

    /// The child stream with this number, e.g. a step or a sample index.
    #[must_use]
    pub fn index(self, index: u64) -> Self {
        Self(mix(mix(self.0.wrapping_add(GOLDEN))
            ^ mix(index.wrapping_mul(GOLDEN) ^ 0x5851_f42d_4c95_7f2d)))
    }

    /// The `counter`-th random word of this stream.
    pub fn word(self, counter: u64) -> u64 {
        mix(mix(self.0 ^ counter.wrapping_mul(GOLDEN)).wrapping_add(GOLDEN))
    }

    /// The `counter`-th uniform number of this stream, in `[0, 1)`, with 53 random bits.
    #[allow(clippy::cast_precision_loss)]
    pub fn uniform(self, counter: u64) -> f64 {
        (self.word(counter) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A generator that walks this stream from its beginning.
    pub fn stream(self) -> Stream {
        Stream { seed: self, counter: 0 }
    }
}

/// A generator over one stream: its whole state is (seed, counter).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    seed: Seed,
    counter: u64,
}

impl Stream {
    /// Next random word.
    pub fn word(&mut self) -> u64 {
        let word = self.seed.word(self.counter);
        self.counter += 1;
        word
    }

    /// Next uniform number in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        let value = self.seed.uniform(self.counter);
        self.counter += 1;
        value
    }

    /// Next integer in `low..=high`; bias below 2^-32 for the small ranges used here.
    ///
    /// # Panics
    /// If `low > high`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        assert!(low <= high, "between({low}, {high})");
        let span = (high - low) as u64 + 1;
        low + ((u128::from(self.word()) * u128::from(span)) >> 64) as i64
    }

    /// Index below `len`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
    pub fn below(&mut self, len: usize) -> usize {
        self.between(0, len as i64 - 1) as usize
    }

    /// Standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniforms_have_the_moments_of_a_uniform() {
        let mut stream = Seed(7).stream();
        let draws: Vec<f64> = (0..100_000).map(|_| stream.uniform()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let var = draws.iter().map(|u| (u - 0.5) * (u - 0.5)).sum::<f64>() / 1e5;
        // Standard errors: sqrt(1/12/1e5) = 0.0009 for the mean, about 0.00024 for the variance.
        assert!((mean - 0.5).abs() < 0.004, "{mean}");
        assert!((var - 1.0 / 12.0).abs() < 0.001, "{var}");
    }

    #[test]
    fn streams_of_neighbours_are_uncorrelated() {
        let a: Vec<f64> = (0..50_000).map(|i| Seed(1).index(i).uniform(0) - 0.5).collect();
        let b: Vec<f64> = (0..50_000).map(|i| Seed(1).index(i + 1).uniform(0) - 0.5).collect();
        let corr = a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>() / 50_000.0 * 12.0;
        assert!(corr.abs() < 0.02, "{corr}"); // standard error 1/sqrt(50,000) = 0.0045
    }

    #[test]
    fn a_seed_depends_on_every_part_of_its_path() {
        let root = Seed(0);
        let seeds = [
            root,
            root.named("a"),
            root.named("b"),
            root.index(0),
            root.index(1),
            root.named("a").index(0),
        ];
        for (i, a) in seeds.iter().enumerate() {
            for b in &seeds[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn between_is_inclusive_and_even() {
        let mut stream = Seed(3).stream();
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[usize::try_from(stream.between(-2, 3) + 2).unwrap()] += 1;
        }
        for count in counts {
            assert!((9_600..10_400).contains(&count), "{counts:?}"); // 10,000 +- 4.4 standard deviations
        }
    }
}
