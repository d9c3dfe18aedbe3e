//! Values of cells → hot and cold spots: whether the values around each cell sum to more or less than they would at random.

use super::neighbours::{Neighbours, sum};
use super::values::Deviations;

/// Below this share of the whole spread, what is left without one cell is rounding.
const ROUNDING: f64 = 1e-12;

/// `G_i*` as z: the sum over a cell and its neighbours, less k times the mean, over s * sqrt(k (n - k) / (n - 1)), with k the
/// number of terms. `None` where k is n, and for all unless there is a finite value for each cell, not the same for all.
///
/// # Source
/// Getis and Ord 1992, doi:10.1111/j.1538-4632.1992.tb00261.x; Ord and Getis 1995,
/// doi:10.1111/j.1538-4632.1995.tb00912.x.
pub fn gi_star(neighbours: &Neighbours, values: &[f64]) -> Option<Vec<Option<f64>>> {
    let values = Deviations::of(values, neighbours.cells())?;
    let spread = values.deviation();
    let each = |(near, own): (&[u32], &f64)| {
        let total = own + sum(near, &values.deviations);
        z(total, spread, (near.len() + 1) as f64, values.count())
    };
    Some(neighbours.iter().zip(&values.deviations).map(each).collect())
}

/// `G_i` as z: as [`gi_star`] of the neighbours alone, with mean and spread of all cells but the one in the middle. `None`
/// also for an island.
///
/// # Source
/// Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x.
pub fn gi(neighbours: &Neighbours, values: &[f64]) -> Option<Vec<Option<f64>>> {
    let values = Deviations::of(values, neighbours.cells())?;
    let others = values.count() - 1.0;
    let each = |(near, own): (&[u32], &f64)| {
        let terms = near.len() as f64;
        let mean = -own / others;
        let variance = (values.squares - own * own) / others - mean * mean;
        let spread = (variance * others > ROUNDING * values.squares).then(|| variance.sqrt())?;
        z(sum(near, &values.deviations) - terms * mean, spread, terms, others)
    };
    Some(neighbours.iter().zip(&values.deviations).map(each).collect())
}

/// A sum of `terms` deviations out of `count`, in standard deviations of such sums.
fn z(total: f64, spread: f64, terms: f64, count: f64) -> Option<f64> {
    (0.0 < terms && terms < count).then(|| total / (spread * (terms * (count - terms) / (count - 1.0)).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::super::neighbours::Contiguity;
    use super::*;

    #[test]
    fn what_holds_all_cells_or_none_or_no_spread_has_no_z() {
        let cells: Vec<(u32, u32)> = (0..9).map(|at| (at % 3, at / 3)).collect();
        let block = Neighbours::of(&cells, Contiguity::Queen).unwrap();
        let mut spike = [0.0; 9];
        spike[4] = 1.0;
        // The middle cell touches all others; without it, all are the same.
        assert_eq!(gi_star(&block, &spike).unwrap()[4], None);
        assert_eq!(gi(&block, &spike).unwrap()[4], None);
        assert!(gi_star(&block, &spike).unwrap()[0].unwrap() > 0.0);
        assert_eq!(gi(&block, &[2.0; 9]), None);
        let alone = Neighbours::of(&[(0, 0), (2, 0), (4, 0)], Contiguity::Queen).unwrap();
        assert_eq!(gi(&alone, &[1.0, 2.0, 4.0]).unwrap(), [None; 3]);
        assert!(gi_star(&alone, &[1.0, 2.0, 4.0]).unwrap().iter().all(Option::is_some));
    }
}
