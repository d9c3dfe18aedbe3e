//! True and estimated values of one quantity → how well they agree.
//!
//! Invariant: a figure that the drawn tiles do not define (a correlation with a constant) is `None`.

use super::draws::{drawn_mean, total};
use super::order::Order;
use super::tree::Tree;

/// One quantity's true and estimated values, sorted once.
#[derive(Debug, Clone)]
pub struct Agreement {
    truth: Vec<f64>,
    estimate: Vec<f64>,
    /// By truth, and by estimate.
    orders: [Order; 2],
}

/// Sums over the drawn tiles: their number, means, and mean products of deviations.
struct Moments {
    count: f64,
    means: [f64; 2],
    variances: [f64; 2],
    covariance: f64,
}

impl Agreement {
    /// `None` when there are not as many estimates as truths, or when one is not a finite number.
    pub fn of(truth: &[f64], estimate: &[f64]) -> Option<Self> {
        let finite = truth.iter().chain(estimate).all(|value| value.is_finite());
        let orders = [Order::of(truth)?, Order::of(estimate)?];
        (finite && truth.len() == estimate.len()).then(|| Self {
            truth: truth.to_vec(),
            estimate: estimate.to_vec(),
            orders,
        })
    }

    /// True and estimated value of each tile.
    pub fn pairs(&self) -> impl Iterator<Item = (f64, f64)> {
        self.truth.iter().copied().zip(self.estimate.iter().copied())
    }

    /// Share of the truth's variance that the estimates explain, `1 - SSE / SST`; below 0 when the mean would do better.
    /// `None` when the truth is constant.
    pub fn r2(&self, draws: &[u32]) -> Option<f64> {
        let moments = Moments::of(&self.truth, &self.truth, draws)?;
        let rmse = self.rmse(draws)?;
        (moments.variances[0] > 0.0).then(|| 1.0 - rmse * rmse / moments.variances[0])
    }

    /// Mean absolute error, in the quantity's unit.
    pub fn mae(&self, draws: &[u32]) -> Option<f64> {
        self.mean_error(draws, f64::abs)
    }

    /// Root of the mean squared error, in the quantity's unit.
    pub fn rmse(&self, draws: &[u32]) -> Option<f64> {
        self.mean_error(draws, |error| error * error).map(f64::sqrt)
    }

    fn mean_error(&self, draws: &[u32], of: impl Fn(f64) -> f64) -> Option<f64> {
        let errors: Vec<f64> = self.pairs().map(|(truth, estimate)| of(estimate - truth)).collect();
        drawn_mean(&errors, draws)
    }

    /// Pearson's correlation; `None` when either is constant.
    pub fn pearson(&self, draws: &[u32]) -> Option<f64> {
        Moments::of(&self.truth, &self.estimate, draws)?.correlation()
    }

    /// Spearman's correlation: Pearson's of the mid-ranks.
    pub fn spearman(&self, draws: &[u32]) -> Option<f64> {
        let [truth, estimate] = self.orders.each_ref().map(|order| order.mid_ranks(draws));
        Moments::of(&truth, &estimate, draws)?.correlation()
    }

    /// Lin's concordance: 1 only when every estimate is the truth, not merely in line with it. `None` when both are one
    /// and the same constant.
    ///
    /// # Source
    /// Lin 1989, doi:10.2307/2532051, with variances over n.
    pub fn concordance(&self, draws: &[u32]) -> Option<f64> {
        let Moments { means: [a, b], variances, covariance, .. } = Moments::of(&self.truth, &self.estimate, draws)?;
        let whole = variances[0] + variances[1] + (a - b).powi(2);
        (whole > 0.0).then(|| 2.0 * covariance / whole)
    }

    /// Kendall's tau-b: pairs in the same order less pairs in opposite order, over the pairs that are not tied. `None` when
    /// either is constant. O(n log n).
    ///
    /// # Source
    /// Kendall 1945, doi:10.1093/biomet/33.3.239. Pairs are counted with a binary indexed tree: Christensen 2005,
    /// doi:10.1007/BF02736122.
    pub fn kendall(&self, draws: &[u32]) -> Option<f64> {
        let [by_truth, by_estimate] = &self.orders;
        let times = |tile: u32| u64::from(draws[tile as usize]);
        let size = |ties: &[u32]| ties.iter().map(|&tile| times(tile)).sum::<u64>() as f64;
        let pairs = |count: f64| count * (count - 1.0) / 2.0;
        let rank = by_estimate.places();
        let mut seen = Tree::new(by_estimate.distinct());
        let (mut before, mut net) = (0.0, 0.0);
        for ties in by_truth.rising() {
            for &tile in ties.iter().filter(|&&tile| times(tile) > 0) {
                let (lower, up_to) = (seen.below(rank[tile as usize]), seen.below(rank[tile as usize] + 1));
                net += times(tile) as f64 * (lower as f64 - (before - up_to as f64));
            }
            for &tile in ties {
                seen.add(rank[tile as usize], times(tile));
            }
            before += size(ties);
        }
        let untied = |order: &Order| pairs(before) - order.rising().map(|ties| pairs(size(ties))).sum::<f64>();
        let whole = untied(by_truth) * untied(by_estimate);
        (whole > 0.0).then(|| net / whole.sqrt())
    }
}

impl Moments {
    /// `None` when no tile is drawn.
    fn of(a: &[f64], b: &[f64], draws: &[u32]) -> Option<Self> {
        let count = total(draws) as f64;
        let first = draws.iter().position(|&times| times > 0)?;
        // Around the first value, so that a constant has no variance at all, not even by rounding.
        let around = |values: &[f64]| {
            let shift = values[first];
            let shifted = values.iter().zip(draws).map(|(value, &times)| (value - shift) * f64::from(times));
            shift + shifted.sum::<f64>() / count
        };
        let means = [around(a), around(b)];
        let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
        for ((a, b), &times) in a.iter().zip(b).zip(draws) {
            let (a, b, times) = (a - means[0], b - means[1], f64::from(times));
            aa += a * a * times;
            bb += b * b * times;
            ab += a * b * times;
        }
        Some(Self { count, means, variances: [aa / count, bb / count], covariance: ab / count })
    }

    fn correlation(&self) -> Option<f64> {
        let whole = self.variances[0].sqrt() * self.variances[1].sqrt();
        (self.count > 0.0 && whole > 0.0).then(|| (self.covariance / whole).clamp(-1.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::once;
    use proptest::prelude::*;

    #[test]
    fn what_the_tiles_do_not_define_is_none() {
        let of = |truth: &[f64], estimate: &[f64]| {
            let agreement = Agreement::of(truth, estimate).unwrap();
            let draws = once(truth.len());
            [agreement.r2(&draws), agreement.pearson(&draws), agreement.spearman(&draws), agreement.kendall(&draws)]
        };
        assert_eq!(of(&[], &[]), [None; 4]);
        assert_eq!(of(&[0.1; 3], &[0.1, 0.2, 0.3]), [None; 4]);
        assert_eq!(of(&[1.0, 2.0, 4.0], &[0.1; 3])[1..], [None; 3]);
        let constant = Agreement::of(&[0.1; 3], &[0.1; 3]).unwrap();
        assert_eq!(constant.concordance(&once(3)), None);
        assert_eq!(constant.mae(&once(3)), Some(0.0));
        assert_eq!(constant.rmse(&[0; 3]), None);
        assert!(Agreement::of(&[1.0], &[f64::NAN]).is_none() && Agreement::of(&[1.0], &[]).is_none());
    }

    #[test]
    fn concordance_punishes_a_shift_that_correlation_does_not_see() {
        // Variance 2/3 of both, covariance 2/3, shift 1: 2 * 2/3 / (4/3 + 1) = 4/7.
        let agreement = Agreement::of(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0]).unwrap();
        assert!((agreement.concordance(&once(3)).unwrap() - 4.0 / 7.0).abs() < 1e-12);
        assert!((agreement.pearson(&once(3)).unwrap() - 1.0).abs() < 1e-12);
    }

    /// Tau-b by looking at every pair.
    fn kendall(values: &[(f64, f64)]) -> Option<f64> {
        let (mut net, mut by_truth, mut by_estimate) = (0.0, 0.0, 0.0);
        for (at, a) in values.iter().enumerate() {
            for b in &values[..at] {
                let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
                let (x, y) = (sign(a.0 - b.0), sign(a.1 - b.1));
                net += x * y;
                by_truth += x * x;
                by_estimate += y * y;
            }
        }
        (by_truth * by_estimate > 0.0).then(|| net / f64::sqrt(by_truth * by_estimate))
    }

    proptest! {
        #[test]
        fn kendall_counts_pairs_and_drawing_twice_is_two_tiles(
            tiles in proptest::collection::vec((0_u8..6, 0_u8..6, 0_u32..3), 0..40),
        ) {
            let truth: Vec<f64> = tiles.iter().map(|tile| f64::from(tile.0)).collect();
            let estimate: Vec<f64> = tiles.iter().map(|tile| f64::from(tile.1)).collect();
            let draws: Vec<u32> = tiles.iter().map(|tile| tile.2).collect();
            let agreement = Agreement::of(&truth, &estimate).unwrap();
            let copied: Vec<(f64, f64)> = agreement
                .pairs()
                .zip(&draws)
                .flat_map(|(pair, &times)| std::iter::repeat_n(pair, times as usize))
                .collect();
            prop_assert_eq!(agreement.kendall(&draws), kendall(&copied));
            let (truth, estimate): (Vec<f64>, Vec<f64>) = copied.into_iter().unzip();
            let copies = Agreement::of(&truth, &estimate).unwrap();
            let every = once(truth.len());
            for (drawn, copied) in [
                (agreement.r2(&draws), copies.r2(&every)),
                (agreement.mae(&draws), copies.mae(&every)),
                (agreement.pearson(&draws), copies.pearson(&every)),
                (agreement.spearman(&draws), copies.spearman(&every)),
                (agreement.concordance(&draws), copies.concordance(&every)),
            ] {
                prop_assert_eq!(drawn.is_some(), copied.is_some());
                prop_assert!(drawn.zip(copied).is_none_or(|(one, other)| (one - other).abs() < 1e-9));
            }
        }
    }
}
