//! Values of cells → for each cell how much it differs from its neighbours.

use super::cross::standardised;
use super::neighbours::Neighbours;

/// The mean of `(z_i - z_j)^2` over the neighbours j of each cell i, z standardised; small where neighbours are alike. `None`
/// for an island, and for all as [`super::autocorrelation`].
///
/// # Source
/// Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x; with weights that sum to 1.
pub fn local_geary(neighbours: &Neighbours, values: &[f64]) -> Option<Vec<Option<f64>>> {
    let z = standardised(neighbours, values)?;
    let local = |(near, own): (&[u32], &f64)| {
        let squares: f64 = near.iter().map(|&other| (own - z[other as usize]).powi(2)).sum();
        (!near.is_empty()).then(|| squares / near.len() as f64)
    };
    Some(neighbours.iter().zip(&z).map(local).collect())
}
