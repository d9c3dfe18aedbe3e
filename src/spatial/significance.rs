//! How unusual a figure is: from its moments by the normal distribution, or from the same figure after values have
//! changed places.
//!
//! Invariant: a permutation follows from seed and number alone, so results are the same to the bit on any number of threads.

use crate::random::Random;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Figures that differ by less than this share are ties: the same terms summed in another order.
const TIE: f64 = 1e-10;

/// How often values change places, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permutations {
    /// The number of permutations.
    pub count: usize,
    /// What they follow from.
    pub seed: u64,
}

impl Default for Permutations {
    fn default() -> Self {
        Self { count: 999, seed: 0 }
    }
}

impl Permutations {
    /// What `figure` makes of each permutation of the values. `stream` keeps purposes apart.
    pub(super) fn shuffled<T, R, F>(self, stream: u64, values: &[T], figure: F) -> Vec<R>
    where
        T: Copy + Send + Sync,
        R: Send,
        F: Fn(&[T]) -> R + Sync,
    {
        let each = |shuffled: &mut Vec<T>, number: usize| {
            shuffled.copy_from_slice(values);
            Random::of(&[stream, self.seed, number as u64]).shuffle(shuffled);
            figure(shuffled)
        };
        (0..self.count).into_par_iter().map_init(|| values.to_vec(), each).collect()
    }
}

/// A figure against the normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormalTest {
    /// The figure's variance when there is no pattern.
    pub variance: f64,
    /// Its distance from the expectation in standard deviations.
    pub z: f64,
    /// The chance of so large a distance, either way.
    pub p: f64,
}

impl NormalTest {
    /// `None` without a variance above 0.
    pub(super) fn of(figure: f64, expectation: f64, variance: f64) -> Option<Self> {
        let z = (figure - expectation) / variance.sqrt();
        (variance > 0.0 && z.is_finite()).then(|| Self { variance, z, p: two_sided_p(z) })
    }
}

/// The chance that a standard normal variable is as far from 0 as `z`.
pub fn two_sided_p(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// A figure against the same figure after permutations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PermutationTest {
    /// The mean of the permuted figures.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The figure's distance from their mean in standard deviations; `None` when all permuted figures are the same.
    pub z: Option<f64>,
    /// (1 + hits) / (1 + permutations). A hit is as far as the figure from the mean of all figures, its own included,
    /// which keeps the level exact.
    ///
    /// # Source
    /// Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    pub p: f64,
}

impl PermutationTest {
    /// `None` without permuted figures, or when one is not a number.
    pub(super) fn of(figure: f64, permuted: &[f64]) -> Option<Self> {
        let count = permuted.len() as f64;
        let sum: f64 = permuted.iter().sum();
        if permuted.is_empty() || !(sum + figure).is_finite() {
            return None;
        }
        let mean = sum / count;
        let squares: f64 = permuted.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / count).sqrt();
        let centre = (sum + figure) / (count + 1.0);
        let scale = permuted.iter().fold(figure.abs(), |most, value| most.max(value.abs()));
        let reach = (figure - centre).abs() - TIE * scale;
        let hits = permuted.iter().filter(|&value| (value - centre).abs() >= reach).count();
        let z = (deviation > TIE * scale).then(|| (figure - mean) / deviation);
        Some(Self { mean, deviation, z, p: (1 + hits) as f64 / (count + 1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_counts_the_figure_itself_and_ties_are_hits() {
        let test = PermutationTest::of(5.0, &[1.0, -1.0, 0.0, 0.0]).unwrap();
        assert_eq!((test.mean, test.z, test.p), (0.0, Some(5.0 / 0.5_f64.sqrt()), 0.2));
        let all = PermutationTest::of(0.3, &[0.1 + 0.2; 9]).unwrap();
        assert_eq!((all.z, all.p), (None, 1.0));
        assert!(PermutationTest::of(1.0, &[]).is_none());
    }

    #[test]
    fn p_values_are_those_of_the_normal_distribution() {
        assert!((two_sided_p(1.959_963_984_540_054) - 0.05).abs() < 1e-15);
        assert!((two_sided_p(0.0) - 1.0).abs() < 1e-15);
        assert!(NormalTest::of(1.0, 0.0, 0.0).is_none());
    }
}
