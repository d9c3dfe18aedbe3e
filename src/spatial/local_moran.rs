//! Values of cells → for each cell whether it and its neighbours are high or low together: clusters and outliers.
//!
//! Neighbours of a cell weigh the same and 1 together. An island has no neighbourhood, and so no figure.

use super::conditional::Draws;
use super::cross::standardised;
use super::neighbours::{Neighbours, sum};
use super::significance::Permutations;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a cell and its neighbourhood stand against the mean; what is at the mean counts as low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quadrant {
    /// A high cell among high ones.
    HighHigh,
    /// A low cell among high ones.
    LowHigh,
    /// A low cell among low ones.
    LowLow,
    /// A high cell among low ones.
    HighLow,
}

/// A cell and its neighbourhood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LocalMoran {
    /// Above 0 when cell and neighbourhood are on the same side of the mean.
    pub value: f64,
    /// On which side each is.
    pub quadrant: Quadrant,
    /// Either way, against neighbours drawn at random from all other cells, the cell itself kept; the draws are the same
    /// for all cells.
    pub p: Option<f64>,
}

/// `I_i` = (n - 1) `d_i` * mean of the neighbours' d / sum of `d^2`, for each cell; `None` for an island, and for all as
/// [`super::autocorrelation`].
///
/// # Source
/// Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x.
pub fn local_moran(
    neighbours: &Neighbours,
    values: &[f64],
    permutations: Option<Permutations>,
) -> Option<Vec<Option<LocalMoran>>> {
    local_bivariate_moran(neighbours, values, values, permutations)
}

/// As [`local_moran`], of a cell's `x` with its neighbours' `y`, both standardised.
///
/// # Source
/// Anselin, Syabri and Smirnov 2002, Visualizing multivariate spatial correlation with dynamically linked windows.
pub fn local_bivariate_moran(
    neighbours: &Neighbours,
    x: &[f64],
    y: &[f64],
    permutations: Option<Permutations>,
) -> Option<Vec<Option<LocalMoran>>> {
    let (x, y) = (standardised(neighbours, x)?, standardised(neighbours, y)?);
    let count = neighbours.cells();
    let scale = (count - 1) as f64 / count as f64;
    let most = neighbours.iter().map(<[u32]>::len).max()?;
    let draws = permutations.map(|permutations| Draws::of(permutations, &y, most));
    let local = |cell: usize| {
        let near = neighbours.of_cell(cell);
        let total = sum(near, &y);
        let around = total / near.len() as f64;
        let quadrant = match (x[cell] > 0.0, around > 0.0) {
            (true, true) => Quadrant::HighHigh,
            (false, true) => Quadrant::LowHigh,
            (false, false) => Quadrant::LowLow,
            (true, false) => Quadrant::HighLow,
        };
        // A cell at the mean has 0 whatever its neighbours are.
        let p = draws.as_ref().and_then(|draws| {
            if x[cell].abs() > 0.0 { draws.p(cell, near.len(), total) } else { draws.p(cell, 0, 0.0) }
        });
        (!near.is_empty()).then(|| LocalMoran { value: scale * x[cell] * around, quadrant, p })
    };
    Some((0..count).into_par_iter().map(local).collect())
}
