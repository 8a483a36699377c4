//! Pi, e and the logarithm of 2 with 1,152 bits behind the point, by mpmath 1.3 (`floor(x 2^1152)`), least significant
//! word first. The tests sum their series.

use num_bigint::{BigInt, BigUint};

use super::ball::Ball;

/// Bits behind the point.
const BITS: u64 = 1152;

/// pi
const PI: &[u32] = &[
    0x728e_b658,
    0x0d95_748f,
    0xf493_3d7e,
    0xa458_fea3,
    0x7157_4e69,
    0x6369_20d8,
    0x858e_fc16,
    0x0801_f2e2,
    0xb391_6cf7,
    0x24a1_9947,
    0xf12c_7f99,
    0xba7c_9045,
    0x6a26_7e96,
    0xb8e1_afed,
    0xd01a_dfb7,
    0x2ffd_72db,
    0x98df_b5ac,
    0xd131_0ba6,
    0x8979_fb1b,
    0x9216_d5d9,
    0xb547_0917,
    0x3f84_d5b5,
    0xc97c_50dd,
    0xc0ac_29b7,
    0x34e9_0c6c,
    0xbe54_66cf,
    0x38d0_1377,
    0x4528_21e6,
    0xec4e_6c89,
    0x082e_fa98,
    0x299f_31d0,
    0xa409_3822,
    0x0370_7344,
    0x1319_8a2e,
    0x85a3_08d3,
    0x243f_6a88,
    0x0000_0003,
];

/// e
const E: &[u32] = &[
    0x835f_d1a0,
    0xe5ab_6add,
    0xcb23_8fee,
    0x4422_a52e,
    0xcc93_ed87,
    0xf02a_c60a,
    0x20e9_e5ea,
    0xc2b3_293d,
    0xdab7_9cd4,
    0x77c5_6284,
    0xcfbf_a1c8,
    0x8a9a_276b,
    0x839a_2ddf,
    0x613c_31c3,
    0xfd5f_24d6,
    0xd55c_4d79,
    0xf7b4_6bce,
    0x158d_9554,
    0x7c19_bb42,
    0x90cf_d47d,
    0x57f5_9584,
    0x4f7c_7b57,
    0xbb11_85eb,
    0xda06_c80a,
    0x8c31_d763,
    0xf4bf_8d8d,
    0x926c_fbe5,
    0x324e_7738,
    0x5190_cfef,
    0xa784_d904,
    0x38b4_da56,
    0x62e7_160f,
    0x9cf4_f3c7,
    0xbf71_5880,
    0x8aed_2a6a,
    0xb7e1_5162,
    0x0000_0002,
];

/// ln 2
const LN2: &[u32] = &[
    0x8fe5_51a2,
    0x610d_30f8,
    0xfb5b_fb90,
    0x07f4_ca11,
    0x0f3f_d5c6,
    0xda2d_97c5,
    0x2f20_e3a2,
    0x655f_a187,
    0x3830_3248,
    0xf5df_a6bd,
    0x9d65_48ca,
    0x72ce_87b1,
    0x7657_f74b,
    0x256f_a0ec,
    0xb136_603b,
    0xb9ea_9bc3,
    0x317c_387e,
    0x1acb_da11,
    0x224a_e8c5,
    0x3e96_ca16,
    0x1169_b825,
    0x2757_3b29,
    0xc138_2144,
    0xed2e_ae35,
    0x4afa_1b10,
    0x5595_52fb,
    0x6deb_ac98,
    0xe7b8_7620,
    0x8baa_fa2b,
    0x8a0d_175b,
    0x7298_b62d,
    0x40f3_4326,
    0x03f2_f6af,
    0xc9e3_b398,
    0xd1cf_79ab,
    0xb172_17f7,
];

fn ball(words: &[u32], prec: u64) -> Ball {
    let cut = BITS.saturating_sub(prec + 16);
    let mid = BigInt::from(BigUint::from_slice(words)) >> cut;
    Ball::new(mid, 2.into(), -((BITS - cut) as i64))
}

/// The circle constant, to at least `prec` bits up to 1,136.
pub(super) fn pi(prec: u64) -> Ball {
    ball(PI, prec)
}

/// Euler's number.
pub(super) fn e(prec: u64) -> Ball {
    ball(E, prec)
}

/// The natural logarithm of 2.
pub(super) fn ln2(prec: u64) -> Ball {
    ball(LN2, prec)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sum_{k >= 0} (+-1)^k / ((2k+1) n^(2k+1))`: arctan or artanh of `1/n`, in units of `2^-bits`.
    fn inverse_series(n: u64, alternating: bool, bits: u64) -> BigInt {
        let mut power = (BigInt::from(1) << bits) / n;
        let mut sum = power.clone();
        for k in 1u64.. {
            power /= n * n;
            let term = &power / (2 * k + 1);
            if power == BigInt::from(0) {
                break;
            }
            if alternating && k % 2 == 1 { sum -= term } else { sum += term }
        }
        sum
    }

    /// Machin: pi/4 = 4 arctan(1/5) - arctan(1/239); ln 2 = 2 artanh(1/3); e = sum 1/k!.
    #[test]
    fn the_words_are_those_of_the_series() {
        let bits = BITS + 32;
        let pi = (inverse_series(5, true, bits) * 4 - inverse_series(239, true, bits)) * 4;
        let ln2 = inverse_series(3, false, bits) * 2;
        let mut term = BigInt::from(1) << bits;
        let mut e = term.clone();
        for k in 1..300 {
            term /= k;
            e += &term;
        }
        for (words, sum) in [(PI, pi), (LN2, ln2), (E, e)] {
            assert_eq!(BigInt::from(BigUint::from_slice(words)), sum >> 32u32);
        }
    }
}
