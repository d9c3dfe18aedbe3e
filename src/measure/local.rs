//! What stands out where: local statistics of every class at every cell of the tiles' own grid.

use super::arrangement::{Tissue, classes};
use super::config::MeasureConfig;
use super::field::Field;
use crate::error::Result;
use crate::map::BiomarkerMap;
use crate::spatial::{
    LocalMoran, Permutations, Quadrant, benjamini_hochberg, gi_star, local_geary, local_moran, two_sided_p,
};
use crate::tile::{Predictions, Reading, TilePlan};

/// Draws for a p of local Moran: they are shared by all cells and cost little, and few of them make many cells wobble.
const DRAWS: usize = 9_999;

/// One class at one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalStatistics {
    /// Left edge of the cell, level-0 pixels.
    pub x_l0: i64,
    /// Upper edge of the cell, level-0 pixels.
    pub y_l0: i64,
    /// The class's place among the classes.
    pub class: usize,
    /// Its score.
    pub score: f64,
    /// Getis-Ord Gi*, standard deviations from chance: above 0 there is more here and around than elsewhere.
    pub gi_star_z: Option<f64>,
    /// How often chance alone does as much, adjusted for all cells of the class.
    pub gi_star_q: Option<f64>,
    /// Local Moran's I: above 0 where a cell is like its neighbours.
    pub moran: Option<f64>,
    /// On which side of the mean the cell and its neighbours are.
    pub moran_quadrant: Option<Quadrant>,
    /// How often chance alone does as much, adjusted for all cells of the class.
    pub moran_q: Option<f64>,
    /// Local Geary's c: mean squared difference to the neighbours, in variances; near 0 where they are alike.
    pub geary: Option<f64>,
}

/// Local statistics of all classes but background, cell by cell of each class. Tiles that overlap share pixels, so nothing is
/// held against chance then.
///
/// # Errors
/// Those of laying tiles on their grid.
///
/// # Source
/// Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x; Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x.
pub fn local_statistics(
    plan: &TilePlan,
    predictions: &Predictions,
    readings: &[Reading],
    config: &MeasureConfig,
) -> Result<Vec<LocalStatistics>> {
    let map = BiomarkerMap::new(plan, predictions)?;
    let field = Field::new(&map, readings, config);
    let tissue = Tissue::of(&field)?;
    let overlapping = plan.step_l0 < plan.side_l0;
    let permutations = (!overlapping).then_some(Permutations { count: DRAWS, seed: config.seed });
    let (origin, step) = (map.origin_l0(), i64::from(map.step_l0()));
    let mut rows = Vec::new();
    for class in classes(&field) {
        let scores = tissue.scores(&field, class);
        let cells = scores.len();
        let none = || vec![None; cells];
        let gi = gi_star(&tissue.neighbours, &scores).unwrap_or_else(none);
        let moran: Vec<Option<LocalMoran>> =
            local_moran(&tissue.neighbours, &scores, permutations).unwrap_or_else(|| vec![None; cells]);
        let geary = local_geary(&tissue.neighbours, &scores).unwrap_or_else(none);
        let chance = |z: &Option<f64>| z.filter(|_| !overlapping).map(two_sided_p);
        let gi_q = benjamini_hochberg(&gi.iter().map(chance).collect::<Vec<_>>());
        let moran_q =
            benjamini_hochberg(&moran.iter().map(|local| local.and_then(|local| local.p)).collect::<Vec<_>>());
        rows.extend((0..cells).map(|at| LocalStatistics {
            x_l0: origin.0 + step * i64::from(tissue.cells[at].0),
            y_l0: origin.1 + step * i64::from(tissue.cells[at].1),
            class,
            score: scores[at],
            gi_star_z: gi[at],
            gi_star_q: gi_q[at],
            moran: moran[at].map(|local| local.value),
            moran_quadrant: moran[at].map(|local| local.quadrant),
            moran_q: moran_q[at],
            geary: geary[at],
        }));
    }
    Ok(rows)
}
