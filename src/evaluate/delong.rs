//! How sure an area under the curve is, and whether two scores of the same tiles differ, without resampling.
//!
//! Invariant: what is not defined is `None`: fewer than two positives or negatives, or a difference without variance.
//! Tiles are taken for independent. Tiles of one patient are not, so where there are patients or slides these intervals
//! are too narrow and these p-values too small; [`Bootstrap`](super::Bootstrap) draws whole patients.

use super::bootstrap::Figure;
use super::draws::once;
use super::ranking::Ranking;
use serde::{Deserialize, Serialize};

/// The quantile of the normal distribution that leaves 95 % between it and its negative.
pub(super) const Z_95: f64 = 1.959_963_984_540_054;

/// Areas under the receiver operating characteristic of `M` columns of scores for the same tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delong<const M: usize> {
    /// The areas.
    pub areas: [f64; M],
    /// Their covariance.
    pub covariance: [[f64; M]; M],
}

/// Whether two areas differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DelongTest {
    /// Second area minus first.
    pub difference: f64,
    /// The difference in standard errors.
    pub z: f64,
    /// The chance of so large a difference, either way, between equal areas; tiles are taken for independent.
    pub p: f64,
}

impl<const M: usize> Delong<M> {
    /// `None` unless all rankings are of the same truth, with at least two positives and two negatives.
    ///
    /// # Source
    /// `DeLong`, `DeLong` and Clarke-Pearson 1988, doi:10.2307/2531595; by mid-ranks as in Sun and Xu 2014,
    /// doi:10.1109/LSP.2014.2337313, algorithm 2.
    pub fn of(rankings: [&Ranking; M]) -> Option<Self> {
        let positive = &rankings.first()?.positive;
        if rankings.iter().any(|ranking| ranking.positive != *positive) {
            return None;
        }
        let tiles = |kind: bool| positive.iter().enumerate().filter(move |tile| *tile.1 == kind).map(|tile| tile.0);
        let (m, n) = (tiles(true).count(), tiles(false).count());
        if m < 2 || n < 2 {
            return None;
        }
        // For each positive the share of negatives that it beats, and for each negative of positives that beat it.
        let shares = rankings.map(|ranking| {
            let among = |draws: &[u32]| ranking.order.mid_ranks(draws);
            let only = |kind: bool| positive.iter().map(|&is| u32::from(is == kind)).collect::<Vec<_>>();
            let (all, positives, negatives) = (among(&once(m + n)), among(&only(true)), among(&only(false)));
            let wins: Vec<f64> = tiles(true).map(|tile| (all[tile] - positives[tile]) / n as f64).collect();
            let losses: Vec<f64> = tiles(false).map(|tile| 1.0 - (all[tile] - negatives[tile]) / m as f64).collect();
            (wins, losses)
        });
        let areas = std::array::from_fn(|at| shares[at].0.iter().sum::<f64>() / m as f64);
        let of = |a: usize, b: usize| {
            covariance([&shares[a].0, &shares[b].0], [areas[a], areas[b]]) / m as f64
                + covariance([&shares[a].1, &shares[b].1], [areas[a], areas[b]]) / n as f64
        };
        Some(Self { areas, covariance: std::array::from_fn(|a| std::array::from_fn(|b| of(a, b))) })
    }

    /// An area with its 95 % interval of the normal distribution, cut off at 0 and 1.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn figure(&self, column: usize) -> Figure {
        let (area, reach) = (self.areas[column], Z_95 * self.covariance[column][column].max(0.0).sqrt());
        Figure { value: Some(area), low: Some((area - reach).max(0.0)), high: Some((area + reach).min(1.0)) }
    }
}

impl Delong<2> {
    /// Tests whether the areas differ; `None` when their difference has no variance, as between equal rankings.
    pub fn test(&self) -> Option<DelongTest> {
        let [[first, both], [_, second]] = self.covariance;
        let variance = first + second - 2.0 * both;
        // What rounding leaves of a difference between equal rankings is no variance.
        if variance <= 1e-14 * (first + second) {
            return None;
        }
        let difference = self.areas[1] - self.areas[0];
        let z = difference / variance.sqrt();
        Some(DelongTest { difference, z, p: libm::erfc(z.abs() / std::f64::consts::SQRT_2) })
    }
}

/// Sample covariance of two lists of equal length with known means.
fn covariance([a, b]: [&[f64]; 2], [mean_a, mean_b]: [f64; 2]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / (a.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_has_no_test() {
        let positive = [true, true, false, false];
        let ranking = |scores: &[f64], positive: &[bool]| Ranking::of(scores, positive).unwrap();
        let one = ranking(&[0.9, 0.4, 0.5, 0.1], &positive);
        assert_eq!(Delong::of([&one, &one]).unwrap().test(), None);
        let other = ranking(&[0.9, 0.4, 0.5, 0.1], &[true, false, true, false]);
        assert!(Delong::of([&one, &other]).is_none());
        let few = ranking(&[0.9, 0.4, 0.5], &[true, false, false]);
        assert!(Delong::of([&few]).is_none());
        let none: [&Ranking; 0] = [];
        assert!(Delong::of(none).is_none());
    }

    #[test]
    fn the_area_is_that_of_the_ranking_and_its_interval_stays_within_0_and_1() {
        let positive: Vec<bool> = (0..30).map(|tile| tile % 3 == 0).collect();
        let scores: Vec<f64> =
            (0..30_u32).map(|tile| f64::from(tile * 7 % 11) + f64::from(tile % 3 == 0) * 6.0).collect();
        let ranking = Ranking::of(&scores, &positive).unwrap();
        let figure = Delong::of([&ranking]).unwrap().figure(0);
        assert!((figure.value.unwrap() - ranking.auroc(&once(30)).unwrap()).abs() < 1e-12);
        assert!(figure.low.unwrap() < figure.value.unwrap() && figure.high.unwrap() <= 1.0);
    }
}
