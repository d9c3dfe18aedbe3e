//! A sum of squares of standard normal values and how likely a larger one is.

use serde::{Deserialize, Serialize};

/// The outcome of a test whose statistic is chi-squared where there is no effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquared {
    /// The statistic.
    pub value: f64,
    /// Its degrees of freedom.
    pub degrees: usize,
    /// The chance of so large a value without an effect.
    pub p: f64,
}

impl ChiSquared {
    /// A statistic with its p-value. Rounding may leave a statistic a little below zero, which counts as zero.
    pub(super) fn new(value: f64, degrees: usize) -> Self {
        let value = value.max(0.0);
        Self { value, degrees, p: upper_tail(value, degrees) }
    }
}

/// The chance that a chi-squared value is larger than `value`.
///
/// # Source
/// `Q(x; k) = Q(x; k - 2) + (x/2)^(k/2 - 1) e^(-x/2) / gamma(k/2)`: Abramowitz and Stegun 1964, 26.4.8, from
/// `Q(x; 1) = erfc(sqrt(x/2))` or `Q(x; 0) = 0` on.
fn upper_tail(value: f64, degrees: usize) -> f64 {
    let half = value / 2.0;
    let (mut tail, mut shape) = if degrees % 2 == 1 { (libm::erfc(half.sqrt()), 0.5) } else { (0.0, 0.0) };
    let wanted = degrees as f64 / 2.0;
    while shape < wanted {
        // By logarithms, as power and gamma overflow long before their quotient does.
        tail += if half > 0.0 || shape == 0.0 {
            let log_power = if shape == 0.0 { 0.0 } else { shape * half.ln() };
            (log_power - half - libm::lgamma(shape + 1.0)).exp()
        } else {
            0.0
        };
        shape += 1.0;
    }
    tail.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        // The 5 % points of Abramowitz and Stegun, table 26.8.
        for (degrees, value) in
            [(1, 3.84146), (2, 5.99147), (3, 7.81473), (4, 9.48773), (5, 11.0705), (10, 18.3070), (30, 43.7729)]
        {
            assert!((upper_tail(value, degrees) - 0.05).abs() < 1e-6, "{degrees}");
            assert!((upper_tail(0.0, degrees) - 1.0).abs() < 1e-15);
        }
        assert!(upper_tail(2000.0, 600) < 1e-100 && upper_tail(2000.0, 2000) > 0.4);
    }
}
