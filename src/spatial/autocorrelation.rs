//! Values of cells → whether neighbours resemble each other, over the whole grid: Moran's I and Geary's C.
//!
//! Neighbours of a cell weigh the same and 1 together. Islands have no weight, but count among the cells.

use super::neighbours::{Neighbours, sum};
use super::significance::{NormalTest, PermutationTest, Permutations};
use super::values::Deviations;
use super::weights::{WeightSums, both_ways, shares};
use serde::{Deserialize, Serialize};

/// Kept apart from the random numbers of other purposes.
const STREAM: u64 = 0x5a01;

/// A figure of the whole grid and how unusual it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// The figure.
    pub value: f64,
    /// What it is on average when there is no pattern.
    pub expectation: f64,
    /// Against values drawn from a normal distribution.
    pub normality: Option<NormalTest>,
    /// Against the same values in random places, by their moments.
    pub randomisation: Option<NormalTest>,
    /// Against the same values in random places, by trying.
    pub permutation: Option<PermutationTest>,
}

/// Moran's I and Geary's C of the same values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Autocorrelation {
    /// I = n / S0 * sum of `w_ij d_i d_j` / sum of `d_i^2`, with d the deviation from the mean; above its expectation
    /// of -1 / (n - 1) neighbours are alike, below it unlike.
    ///
    /// # Source
    /// Moran 1950, doi:10.1093/biomet/37.1-2.17; moments: Cliff and Ord 1981, Spatial Processes.
    pub moran: Association,
    /// C = (n - 1) / (2 S0) * sum of `w_ij (y_i - y_j)^2` / sum of `d_i^2`; below 1 neighbours are alike, above it unlike.
    ///
    /// # Source
    /// Geary 1954, doi:10.2307/2986645; moments: Cliff and Ord 1981, Spatial Processes.
    pub geary: Association,
}

/// Moran's I and Geary's C, both from the same permutations; `None` unless there is a finite value for each cell, not the
/// same for all, and a pair of neighbours.
pub fn autocorrelation(
    neighbours: &Neighbours,
    values: &[f64],
    permutations: Option<Permutations>,
) -> Option<Autocorrelation> {
    let values = Deviations::of(values, neighbours.cells())?;
    let figures = Figures::of(neighbours, &values)?;
    let [moran, geary] = figures.at(&values.deviations);
    let permuted: Vec<[f64; 2]> = permutations.map_or_else(Vec::new, |permutations| {
        permutations.shuffled(STREAM, &values.deviations, |shuffled| figures.at(shuffled))
    });
    let tested = |which: usize, value: f64| {
        PermutationTest::of(value, &permuted.iter().map(|figures| figures[which]).collect::<Vec<_>>())
    };
    Some(Autocorrelation {
        moran: figures.moran(moran, values.kurtosis(), tested(0, moran)),
        geary: figures.geary(geary, values.kurtosis(), tested(1, geary)),
    })
}

/// What does not depend on where which value stands.
struct Figures<'a> {
    neighbours: &'a Neighbours,
    shares: Vec<f64>,
    both_ways: Vec<f64>,
    sums: WeightSums,
    count: f64,
    squares: f64,
}

impl<'a> Figures<'a> {
    fn of(neighbours: &'a Neighbours, values: &Deviations) -> Option<Self> {
        let shares = shares(neighbours);
        let both_ways = both_ways(neighbours, &shares);
        let sums = WeightSums::row_standardised(neighbours, &shares, &both_ways);
        let (count, squares) = (values.count(), values.squares);
        (sums.s0 > 0.0).then_some(Self { neighbours, shares, both_ways, sums, count, squares })
    }

    /// I and C of deviations, in one pass: `(y_i - y_j)^2` is `d_i^2 + d_j^2 - 2 d_i d_j`, and the squares need no neighbours.
    fn at(&self, deviations: &[f64]) -> [f64; 2] {
        let (mut products, mut squares) = (0.0, 0.0);
        let cells = self.neighbours.iter().zip(deviations).zip(self.shares.iter().zip(&self.both_ways));
        for ((near, deviation), (share, both_ways)) in cells {
            products += share * deviation * sum(near, deviations);
            squares += both_ways * deviation * deviation;
        }
        let scale = self.sums.s0 * self.squares;
        [self.count * products / scale, (self.count - 1.0) * (squares - 2.0 * products) / (2.0 * scale)]
    }

    fn moran(&self, value: f64, kurtosis: f64, permutation: Option<PermutationTest>) -> Association {
        let (n, WeightSums { s0, s1, s2 }) = (self.count, &self.sums);
        let expectation = -1.0 / (n - 1.0);
        let square = expectation * expectation;
        let normal = (n * n * s1 - n * s2 + 3.0 * s0 * s0) / ((n * n - 1.0) * s0 * s0) - square;
        let random = (n * ((n * n - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * s0 * s0)
            - kurtosis * ((n * n - n) * s1 - 2.0 * n * s2 + 6.0 * s0 * s0))
            / ((n - 1.0) * (n - 2.0) * (n - 3.0) * s0 * s0)
            - square;
        self.association(value, expectation, [normal, random], permutation)
    }

    fn geary(&self, value: f64, kurtosis: f64, permutation: Option<PermutationTest>) -> Association {
        let (n, WeightSums { s0, s1, s2 }) = (self.count, &self.sums);
        let normal = ((2.0 * s1 + s2) * (n - 1.0) - 4.0 * s0 * s0) / (2.0 * (n + 1.0) * s0 * s0);
        let random = ((n - 1.0) * s1 * (n * n - 3.0 * n + 3.0 - (n - 1.0) * kurtosis)
            - (n - 1.0) * s2 * (n * n + 3.0 * n - 6.0 - (n * n - n + 2.0) * kurtosis) / 4.0
            + s0 * s0 * (n * n - 3.0 - (n - 1.0).powi(2) * kurtosis))
            / (n * (n - 2.0) * (n - 3.0) * s0 * s0);
        self.association(value, 1.0, [normal, random], permutation)
    }

    fn association(
        &self,
        value: f64,
        expectation: f64,
        [normal, random]: [f64; 2],
        permutation: Option<PermutationTest>,
    ) -> Association {
        // The moments under randomisation have n - 3 below.
        let enough = self.count > 3.0;
        Association {
            value,
            expectation,
            normality: NormalTest::of(value, expectation, normal),
            randomisation: NormalTest::of(value, expectation, random).filter(|_| enough),
            permutation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::neighbours::Contiguity;
    use super::*;

    #[test]
    fn two_cells_are_as_unlike_as_can_be_and_have_no_randomisation() {
        let two = Neighbours::of(&[(0, 0), (1, 0)], Contiguity::Rook).unwrap();
        let found = autocorrelation(&two, &[0.0, 1.0], None).unwrap();
        assert_eq!((found.moran.value, found.moran.expectation, found.geary.value), (-1.0, -1.0, 1.0));
        assert_eq!((found.moran.randomisation, found.moran.permutation), (None, None));
    }

    #[test]
    fn there_is_no_figure_without_spread_or_without_neighbours() {
        let row: Vec<(u32, u32)> = (0..9).map(|column| (column, 0)).collect();
        let near = Neighbours::of(&row, Contiguity::Queen).unwrap();
        assert!(autocorrelation(&near, &[0.1; 9], None).is_none());
        assert!(autocorrelation(&near, &[f64::NAN; 9], None).is_none());
        let apart: Vec<(u32, u32)> = (0..9).map(|column| (3 * column, 0)).collect();
        let apart = Neighbours::of(&apart, Contiguity::Queen).unwrap();
        assert!(autocorrelation(&apart, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], None).is_none());
    }
}
