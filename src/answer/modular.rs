//! Arithmetic modulo primes of 61 bits, for identity tests at random points (Schwartz 1980, Zippel 1979).

/// Two primes, both 1 modulo 4 so that -1 has a square root (the second number of each, by sympy 1.14).
/// They are the first such primes above 2^60 + 12345678901234 and 2^60 + 98765432109876.
pub(super) const PRIMES: [Prime; 2] = [
    Prime { p: 1_152_933_850_285_748_249, i: 294_176_263_535_263_458 },
    Prime { p: 1_153_020_270_038_956_853, i: 373_964_200_685_577_366 },
];

/// A prime with a square root of -1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prime {
    pub(super) p: u64,
    pub(super) i: u64,
}

/// `a b` modulo `p`.
pub(super) fn mul(a: u64, b: u64, p: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(p)) as u64
}

/// `a + b` modulo `p`, both reduced.
pub(super) fn add(a: u64, b: u64, p: u64) -> u64 {
    let sum = a + b;
    if sum >= p { sum - p } else { sum }
}

/// `base^exponent` modulo `p`.
pub(super) fn pow(mut base: u64, mut exponent: u64, p: u64) -> u64 {
    let mut result = 1 % p;
    base %= p;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul(result, base, p);
        }
        base = mul(base, base, p);
        exponent >>= 1;
    }
    result
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a fixed pseudo-random function of its argument.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over a text, mixed: the seed of a symbol's random value.
pub(super) fn hash(text: &str) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325u64;
    for byte in text.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(state)
}
