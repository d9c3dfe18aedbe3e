//! Probabilities against what came true: reliability bins with what follows from them, and proper scores.

use serde::{Deserialize, Serialize};

/// In a logarithm no probability is nearer to 0 or 1 than this, so that one tile cannot make a loss infinite.
const LEAST: f64 = 1e-7;

/// The loss of a tile whose true class was given this probability: its negative natural logarithm.
pub fn cross_entropy(of_truth: f64) -> f64 {
    -of_truth.clamp(LEAST, 1.0 - LEAST).ln()
}

/// The squared distance of a row of probabilities from the truth, summed over the classes: 0 to 2.
///
/// # Source
/// Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
pub fn brier(row: &[f32], truth: usize) -> f64 {
    let off = |class: usize, score: f32| f64::from(score) - f64::from(u8::from(class == truth));
    row.iter().enumerate().map(|(class, &score)| off(class, score).powi(2)).sum()
}

/// The squared distance of one probability from what came true: 0 to 1, half of what the sum over both classes gives.
pub fn binary_brier(probability: f64, positive: bool) -> f64 {
    (probability - f64::from(u8::from(positive))).powi(2)
}

/// Tiles whose confidence lies in one interval, which is open below and closed above; 0 is in the first one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The tiles in it.
    pub count: u64,
    /// Their mean confidence; `None` without tiles.
    pub confidence: Option<f64>,
    /// The share of them that came true; `None` without tiles.
    pub share: Option<f64>,
}

impl ReliabilityBin {
    /// How far confidence and truth are apart.
    fn gap(&self) -> Option<f64> {
        Some((self.confidence? - self.share?).abs())
    }
}

/// Tiles by confidence, in bins of equal width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// From confidence 0 to 1.
    pub bins: Vec<ReliabilityBin>,
}

impl Reliability {
    /// Sorts drawn tiles into `bins` bins. A confidence beyond 0 to 1 counts to the nearest bin.
    ///
    /// For one class or finding confidence is its probability and `right` whether it is there; for several classes they
    /// are the largest probability and whether that class is the true one.
    pub fn of(bins: usize, confidence: &[f64], right: &[bool], draws: &[u32]) -> Self {
        let mut sums = vec![(0_u64, 0.0, 0_u64); bins.max(1)];
        for ((&confidence, &right), &times) in confidence.iter().zip(right).zip(draws) {
            let (count, sum, hits) = &mut sums[bin_of(confidence, bins.max(1))];
            *count += u64::from(times);
            *sum += confidence * f64::from(times);
            *hits += u64::from(times) * u64::from(right);
        }
        let share = |part: f64, count: u64| (count > 0).then(|| part / count as f64);
        let bin = |(count, sum, hits): (u64, f64, u64)| ReliabilityBin {
            count,
            confidence: share(sum, count),
            share: share(hits as f64, count),
        };
        Self { bins: sums.into_iter().map(bin).collect() }
    }

    /// Expected calibration error: the mean gap between confidence and truth, bins weighed by their tiles. `None` without
    /// tiles.
    ///
    /// # Source
    /// Naeini, Cooper and Hauskrecht 2015, doi:10.1609/aaai.v29i1.9602; Guo et al. 2017, arXiv:1706.04599, equation 3.
    pub fn ece(&self) -> Option<f64> {
        let total: u64 = self.bins.iter().map(|bin| bin.count).sum();
        let sum: f64 = self.bins.iter().filter_map(|bin| Some(bin.gap()? * bin.count as f64)).sum();
        (total > 0).then(|| sum / total as f64)
    }

    /// Maximum calibration error: the largest gap of a bin. `None` without tiles.
    ///
    /// # Source
    /// Guo et al. 2017, arXiv:1706.04599, equation 5.
    pub fn mce(&self) -> Option<f64> {
        self.bins.iter().filter_map(ReliabilityBin::gap).max_by(f64::total_cmp)
    }
}

/// The bin k, counted from 0, with k / bins < confidence <= (k + 1) / bins.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bins")]
fn bin_of(confidence: f64, bins: usize) -> usize {
    let at = (confidence * bins as f64).clamp(0.0, bins as f64) as usize;
    // The product is rounded; what decides is the bin's edge itself.
    let below = |edge: usize| confidence <= edge as f64 / bins as f64;
    (at.saturating_sub(1)..=at).find(|&bin| below(bin + 1)).unwrap_or(at + 1).min(bins - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::once;

    #[test]
    fn an_edge_belongs_to_the_bin_below_it() {
        for bins in 1..40 {
            assert_eq!((bin_of(0.0, bins), bin_of(1.0, bins)), (0, bins - 1));
            for edge in 1..bins {
                let at = edge as f64 / bins as f64;
                assert_eq!((bin_of(at, bins), bin_of(at.next_up(), bins)), (edge - 1, edge), "{edge} of {bins}");
            }
        }
        assert_eq!((bin_of(-0.1, 10), bin_of(1.1, 10)), (0, 9));
    }

    #[test]
    fn errors_are_those_worked_out_by_hand() {
        let table = Reliability::of(2, &[0.5, 0.25, 0.75], &[true, false, true], &once(3));
        // First bin: confidence 0.375, share 0.5. Second: 0.75 and 1.
        assert_eq!(table.bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [2, 1]);
        assert!((table.ece().unwrap() - (2.0 * 0.125 + 0.25) / 3.0).abs() < 1e-15);
        assert_eq!(table.mce(), Some(0.25));
        let empty = Reliability::of(2, &[0.5], &[true], &[0]);
        assert_eq!((empty.ece(), empty.mce()), (None, None));
    }

    #[test]
    fn losses_stay_finite_and_scores_are_distances() {
        assert!((cross_entropy(0.0) - 1e7_f64.ln()).abs() < 1e-12);
        assert!(cross_entropy(1.0).abs() < 1.1e-7);
        assert!((brier(&[0.25, 0.75], 0) - 2.0 * binary_brier(0.25, true)).abs() < 1e-12);
    }
}
