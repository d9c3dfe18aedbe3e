//! Natural logarithm and exponential function in single precision, for many values at once.
//!
//! Textbook series in plain operations: the compiler makes vector instructions of them, which it cannot of the system's
//! functions, and results are the same on every platform. Within 3e-7 of the true value, relative or, for logarithms
//! within 1 of 0, absolute.

use std::f32::consts::{LN_2, LOG2_E, SQRT_2};

/// Beyond this, powers of two leave the exponents of f32.
const LARGEST: f32 = 87.0;
/// Adding it to a small number leaves the nearest whole one in the lowest bits.
const ROUND: f32 = 12_582_912.0;
/// `LN_2` in two parts: the first has few bits, so that its products with exponents are exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `e^x`; what is beyond 87 in either direction is taken for 87.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-LARGEST, LARGEST);
    let shifted = x * LOG2_E + ROUND;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let whole = shifted - ROUND;
    let r = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    // Taylor's series; the next term is below 6e-9 for |r| up to half of ln 2.
    let series = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * series);
    power * (1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * series))))
}

/// The natural logarithm of a normal, positive number.
#[inline]
pub(super) fn ln(x: f32) -> f32 {
    // x = m 2^e with m from the root of a half to the root of two.
    let offset = (SQRT_2 / 2.0).to_bits();
    let exponent = (x.to_bits().wrapping_sub(offset).cast_signed()) >> 23;
    let m = f32::from_bits(x.to_bits().wrapping_sub((exponent << 23).cast_unsigned()));
    // Twice the series of artanh; the next term is below 4e-9 of the first.
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = 1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0)));
    #[expect(clippy::cast_precision_loss, reason = "exponents are small")]
    let exponent = exponent as f32;
    exponent * LN_2 + (2.0 * s + 2.0 * s * z * series)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: f64 = 3e-7;

    #[test]
    fn powers_and_logarithms_are_right_in_all_their_range() {
        for at in -86_000..=86_000 {
            let x = at as f32 / 1000.0 + 0.000_37;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < TOLERANCE, "exp {x}");
            let y = exp(x);
            let expected = f64::from(y).ln();
            assert!((f64::from(ln(y)) - expected).abs() < TOLERANCE * expected.abs().max(1.0), "ln {y}");
        }
        assert!((exp(0.0) - 1.0).abs() < f32::EPSILON && ln(1.0).abs() < f32::EPSILON);
        assert!(exp(1e30).is_finite() && exp(-1e30) > 0.0 && exp(f32::NAN).is_nan());
    }
}
