//! Two values of each cell → whether one goes with the other's neighbours (bivariate Moran), or neighbourhoods of both with
//! each other (Lee's L).
//!
//! Neighbours of a cell weigh the same and 1 together; islands have no weight.

use super::neighbours::{Neighbours, sum};
use super::significance::{PermutationTest, Permutations};
use super::values::Deviations;
use super::weights::shares;
use serde::{Deserialize, Serialize};

const MORAN_STREAM: u64 = 0x5a02;
const LEE_STREAM: u64 = 0x5a03;

/// A figure of two values and how unusual it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CrossAssociation {
    /// The figure.
    pub value: f64,
    /// Against the second value in random places.
    pub permutation: Option<PermutationTest>,
}

/// Lee's L with what each value keeps of itself when it is smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lee {
    /// L, about -1 to 1.
    pub l: CrossAssociation,
    /// L of the first value with itself, its spatial smoothing scalar.
    pub smoothing_x: f64,
    /// L of the second value with itself.
    pub smoothing_y: f64,
}

/// Sum of `x_i` times the neighbours' mean of `y`, both standardised, over n: how the first value goes with the second in
/// the neighbourhood. Not symmetric. `None` as [`super::autocorrelation`].
///
/// # Source
/// Wartenberg 1985, doi:10.1111/j.1538-4632.1985.tb00849.x; with row-standardised weights: Anselin, Syabri and Smirnov 2002.
pub fn bivariate_moran(
    neighbours: &Neighbours,
    x: &[f64],
    y: &[f64],
    permutations: Option<Permutations>,
) -> Option<CrossAssociation> {
    let (x, y) = (standardised(neighbours, x)?, standardised(neighbours, y)?);
    // The weights move to the first value once, so that a permutation costs one product.
    let led_to = back(neighbours, &x);
    Some(associated(&led_to, &y, neighbours.cells() as f64, MORAN_STREAM, permutations))
}

/// L = sum of the neighbours' mean of `x` times that of `y`, both standardised, over the number of cells that have
/// neighbours. `None` as [`super::autocorrelation`].
///
/// # Source
/// Lee 2001, doi:10.1007/s101090100064, equation 18; the cell itself is not its own neighbour.
pub fn lee(neighbours: &Neighbours, x: &[f64], y: &[f64], permutations: Option<Permutations>) -> Option<Lee> {
    let (x, y) = (standardised(neighbours, x)?, standardised(neighbours, y)?);
    let count = neighbours.cells() - neighbours.islands().count();
    let smooth =
        |values: &[f64]| -> Vec<f64> { neighbours.means(values).into_iter().map(Option::unwrap_or_default).collect() };
    let (smooth_x, smooth_y) = (smooth(&x), smooth(&y));
    let own = |smooth: &[f64]| dot(smooth, smooth) / count as f64;
    Some(Lee {
        l: associated(&back(neighbours, &smooth_x), &y, count as f64, LEE_STREAM, permutations),
        smoothing_x: own(&smooth_x),
        smoothing_y: own(&smooth_y),
    })
}

/// Mean 0 and standard deviation 1; `None` when that, or the neighbourhood, is not defined.
pub(super) fn standardised(neighbours: &Neighbours, values: &[f64]) -> Option<Vec<f64>> {
    let mut values = Deviations::of(values, neighbours.cells())?;
    let scale = values.deviation();
    values.deviations.iter_mut().for_each(|value| *value /= scale);
    (neighbours.links() > 0).then_some(values.deviations)
}

/// What each cell gets when every cell gives its value in equal shares to its neighbours.
fn back(neighbours: &Neighbours, values: &[f64]) -> Vec<f64> {
    let given: Vec<f64> = shares(neighbours).iter().zip(values).map(|(share, value)| share * value).collect();
    neighbours.iter().map(|near| sum(near, &given)).collect()
}

fn associated(
    led_to: &[f64],
    y: &[f64],
    count: f64,
    stream: u64,
    permutations: Option<Permutations>,
) -> CrossAssociation {
    let figure = |y: &[f64]| dot(led_to, y) / count;
    let value = figure(y);
    let permuted = permutations.map(|permutations| permutations.shuffled(stream, y, figure));
    CrossAssociation { value, permutation: permuted.and_then(|permuted| PermutationTest::of(value, &permuted)) }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
