//! The inverse cosine transform of a block, with the rounding of the reference implementation.
//!
//! Invariant: every sample equals that of libjpeg's and libjpeg-turbo's "slow integer" transform, so that a network sees
//! the pixels that it was trained on. T.83 lets decoders differ by 1; some trained networks turn that into a tenth of
//! a probability.
//!
//! # Source
//! ITU-T T.81 A.3.3. The 13-bit factors are those of the reference implementation's factorisation (Loeffler, Ligtenberg
//! and Moschytz, ICASSP 1989), multiplied out into one matrix for the even and one for the odd frequencies; between the
//! two passes 2 more bits are kept, and each pass rounds once.

use std::num::Wrapping;

/// Fraction bits of the factors.
const FACTOR_BITS: usize = 13;
/// Fraction bits between the passes.
const PASS_BITS: usize = 2;
/// What an 8-point transform without its normalisation scales by, squared: 8.
const SCALE_BITS: usize = 3;
/// Samples are stored around this (T.81 A.3.1).
const LEVEL_SHIFT: i16 = 128;

/// Rows of eight, vertical frequencies (or rows of pixels) downwards.
pub(super) type Block = [[i16; 8]; 8];

/// Coefficients to samples.
///
/// `last` is the zigzag index of the last coefficient that is not zero.
#[inline]
pub(super) fn inverse(coefficients: &Block, last: usize) -> [[u8; 8]; 8] {
    if last == 0 {
        // Both passes multiply by 1 and round once.
        let value = (i32::from(coefficients[0][0]) + (1 << (SCALE_BITS - 1))) >> SCALE_BITS;
        return [[sample(saturated(Wrapping(value))); 8]; 8];
    }
    let columns = pass::<{ FACTOR_BITS - PASS_BITS }>(coefficients);
    let rows = pass::<{ FACTOR_BITS + PASS_BITS + SCALE_BITS }>(&transposed(&columns));
    std::array::from_fn(|y| std::array::from_fn(|x| sample(rows[x][y])))
}

/// Transforms all eight columns.
#[inline]
fn pass<const SHIFT: usize>(input: &Block) -> Block {
    let mut output = [[0; 8]; 8];
    for lane in 0..8 {
        let x = |frequency: usize| Wrapping(i32::from(input[frequency][lane]));
        let f = |factor: i32, frequency: usize| Wrapping(factor) * x(frequency);
        let even = [
            ((x(0) + x(4)) << FACTOR_BITS) + f(10703, 2) + f(4433, 6),
            ((x(0) - x(4)) << FACTOR_BITS) + f(4433, 2) + f(-10704, 6),
            ((x(0) - x(4)) << FACTOR_BITS) - f(4433, 2) - f(-10704, 6),
            ((x(0) + x(4)) << FACTOR_BITS) - f(10703, 2) - f(4433, 6),
        ];
        let odd = [
            f(11363, 1) + f(9633, 3) + f(6437, 5) + f(2260, 7),
            f(9633, 1) + f(-2259, 3) + f(-11362, 5) + f(-6436, 7),
            f(6437, 1) + f(-11362, 3) + f(2261, 5) + f(9633, 7),
            f(2260, 1) + f(-6436, 3) + f(9633, 5) + f(-11363, 7),
        ];
        let half = Wrapping(1 << (SHIFT - 1));
        for k in 0..4 {
            output[k][lane] = saturated((even[k] + odd[k] + half) >> SHIFT);
            output[7 - k][lane] = saturated((even[k] - odd[k] + half) >> SHIFT);
        }
    }
    output
}

#[inline]
fn transposed(block: &Block) -> Block {
    std::array::from_fn(|row| std::array::from_fn(|column| block[column][row]))
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "clamped")]
fn saturated(value: Wrapping<i32>) -> i16 {
    value.0.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[inline]
#[expect(clippy::cast_sign_loss, reason = "clamped")]
fn sample(value: i16) -> u8 {
    value.saturating_add(LEVEL_SHIFT).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    /// The definition in T.81 A.3.3.
    fn exact(coefficients: &Block) -> [[f64; 8]; 8] {
        let c = |u: usize| if u == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos();
        let term =
            |x, y, u: usize, v: usize| c(u) * c(v) * f64::from(coefficients[v][u]) * cosine(x, u) * cosine(y, v) / 4.0;
        let sum = |x, y| (0..64).map(|i| term(x, y, i % 8, i / 8)).sum::<f64>();
        std::array::from_fn(|y| std::array::from_fn(|x| (sum(x, y) + 128.0).clamp(0.0, 255.0)))
    }

    /// A block of pseudorandom coefficients within `bound`, sparse as real ones are.
    fn block(seed: u64, bound: u64) -> Block {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let value = |random: u64| i16::try_from(random % (2 * bound + 1)).unwrap() - i16::try_from(bound).unwrap();
        std::array::from_fn(|_| std::array::from_fn(|_| if next() % 4 == 0 { value(next()) } else { 0 }))
    }

    #[test]
    fn every_sample_is_within_one_of_the_definition_and_most_are_its_rounding() {
        let (mut rounded, mut all) = (0, 0);
        for seed in 0..500 {
            let block = block(seed, [5, 60, 300][usize::try_from(seed % 3).unwrap()]);
            for (found, exact) in inverse(&block, 63).as_flattened().iter().zip(exact(&block).as_flattened()) {
                assert!((f64::from(*found) - exact).abs() < 1.0, "seed {seed}: {found} for {exact}");
                rounded += u32::from((f64::from(*found) - exact).abs() <= 0.5);
                all += 1;
            }
        }
        assert!(f64::from(rounded) > 0.97 * f64::from(all), "{rounded} of {all}");
    }

    #[test]
    fn a_block_of_one_value_is_flat_either_way() {
        for dc in [-1100, -1024, -5, -4, 0, 3, 4, 500, 1016, 1100] {
            let mut block = [[0; 8]; 8];
            block[0][0] = dc;
            assert_eq!(inverse(&block, 0), inverse(&block, 63), "{dc}");
        }
    }

    #[test]
    fn extreme_coefficients_saturate() {
        for value in [i16::MIN, i16::MAX] {
            let samples = inverse(&[[value; 8]; 8], 63);
            assert!([0, 255].contains(&samples[0][0]));
        }
    }
}
