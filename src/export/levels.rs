//! A map becomes a pyramid of planes: one plane of scores a class, and one of states.
//!
//! Each level has half the columns and rows of the one below, rounded up so that no cell is left out. Invariant: a score of
//! any level is the mean over the scored cells that it covers, however often it was halved; places without one are NaN.
//! A place is scored if a cell in it is, else failed if a cell in it is, else without tissue.

use super::MapOutputs;
use crate::map::{BiomarkerMap, Cell};

/// A level with this many columns and rows or fewer is the last.
const SMALL: usize = 64;

/// No tile was planned here.
pub(super) const NO_TISSUE: u8 = 0;
/// There are scores.
pub(super) const SCORED: u8 = 1;
/// The tiles planned here were lost.
pub(super) const FAILED: u8 = 2;
/// The states in words, each with its number and a colour.
pub(super) const STATES: [(u8, &str, [u8; 3]); 3] =
    [(NO_TISSUE, "no tissue", [255; 3]), (SCORED, "scored", [0, 158, 115]), (FAILED, "failed", [105; 3])];

/// One level of a map.
pub(super) struct Level {
    pub(super) cols: usize,
    pub(super) rows: usize,
    /// Cells of the map along one side of a place.
    pub(super) cells: u32,
    /// `[K, rows, cols]`.
    pub(super) scores: Vec<f32>,
    /// `[rows, cols]`.
    pub(super) states: Vec<u8>,
    /// Scored cells under each place, `[rows, cols]`.
    counts: Vec<u32>,
}

/// All levels of a map, the largest first. A map without cells has one place without tissue, as no picture is empty.
pub(super) fn levels(map: &BiomarkerMap) -> Vec<Level> {
    let classes = map.class_names().len();
    let mut levels = vec![Level::base(map)];
    while let Some(last) = levels.last().filter(|last| last.cols.max(last.rows) > SMALL) {
        let next = last.halved(classes);
        levels.push(next);
    }
    levels
}

/// Distance between the centres of two cells, level-0 pixels.
pub(super) fn cell_l0(outputs: &MapOutputs<'_>) -> u32 {
    outputs.map.step_l0().max(1)
}

impl Level {
    fn base(map: &BiomarkerMap) -> Self {
        let (cols, rows) = (map.cols().max(1), map.rows().max(1));
        let mut level = Self::blank(cols as usize, rows as usize, 1, map.class_names().len());
        let size = level.states.len();
        for (at, cell) in (0..rows).flat_map(|row| (0..cols).map(move |col| map.cell(col, row))).enumerate() {
            match cell {
                Cell::NoTissue => {}
                Cell::Failed => level.states[at] = FAILED,
                Cell::Scored(scores) => {
                    level.states[at] = SCORED;
                    level.counts[at] = 1;
                    scores.iter().enumerate().for_each(|(class, score)| level.scores[class * size + at] = *score);
                }
            }
        }
        level
    }

    fn blank(cols: usize, rows: usize, cells: u32, classes: usize) -> Self {
        let size = cols * rows;
        let (scores, states, counts) = (vec![f32::NAN; classes * size], vec![NO_TISSUE; size], vec![0; size]);
        Self { cols, rows, cells, scores, states, counts }
    }

    fn halved(&self, classes: usize) -> Self {
        let mut half = Self::blank(self.cols.div_ceil(2), self.rows.div_ceil(2), self.cells.saturating_mul(2), classes);
        let (size, half_size) = (self.states.len(), half.states.len());
        for row in 0..half.rows {
            for col in 0..half.cols {
                let at = row * half.cols + col;
                let below = || {
                    let rows = 2 * row..(2 * row + 2).min(self.rows);
                    rows.flat_map(|y| (2 * col..(2 * col + 2).min(self.cols)).map(move |x| y * self.cols + x))
                };
                half.counts[at] = below().map(|from| self.counts[from]).sum();
                half.states[at] = match below().any(|from| self.states[from] == FAILED) {
                    _ if half.counts[at] > 0 => SCORED,
                    true => FAILED,
                    false => NO_TISSUE,
                };
                for class in 0..classes {
                    let scored = below().filter(|&from| self.counts[from] > 0);
                    let sum: f64 = scored
                        .map(|from| f64::from(self.scores[class * size + from]) * f64::from(self.counts[from]))
                        .sum();
                    if half.counts[at] > 0 {
                        half.scores[class * half_size + at] = single(sum / f64::from(half.counts[at]));
                    }
                }
            }
        }
        half
    }

    /// Scores of one class, `[rows, cols]`.
    pub(super) fn plane(&self, class: usize) -> &[f32] {
        let size = self.states.len();
        &self.scores[class * size..][..size]
    }

    /// Scores of all classes at one place, if it has any.
    pub(super) fn scores_at(&self, at: usize) -> Option<Vec<f32>> {
        (self.states[at] == SCORED).then(|| self.scores.iter().skip(at).step_by(self.states.len()).copied().collect())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of single precision is stored in single precision")]
fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::tests::{plan, predictions};

    #[test]
    fn every_level_is_the_mean_of_the_scored_cells_below() {
        // 250 x 175 cells; each third is lost, and a corner has no tissue.
        let origins: Vec<(i64, i64)> =
            (0..250).flat_map(|x| (0..175).map(move |y| (x * 4, y * 4))).filter(|&(x, y)| x + y > 300).collect();
        let scores: Vec<Vec<f32>> = (0..origins.len()).map(|tile| vec![tile as f32, (tile % 7) as f32]).collect();
        let rows: Vec<Option<&[f32]>> =
            scores.iter().enumerate().map(|(tile, row)| (tile % 3 > 0).then_some(&row[..])).collect();
        let map = BiomarkerMap::new(&plan(4, 4, &origins), &predictions(&["a", "b"], &rows)).unwrap();
        let levels = levels(&map);
        let sizes: Vec<_> = levels.iter().map(|level| (level.cols, level.rows, level.cells)).collect();
        assert_eq!(sizes, [(250, 175, 1), (125, 88, 2), (63, 44, 4)]);
        for level in &levels {
            for at in 0..level.states.len() {
                let corner = |place: usize| u32::try_from(place).unwrap() * level.cells;
                let (x, y) = (corner(at % level.cols), corner(at / level.cols));
                let cells = (y..y + level.cells).flat_map(|row| (x..x + level.cells).map(move |col| (col, row)));
                let cells: Vec<Cell<'_>> = cells.map(|(col, row)| map.cell(col, row)).collect();
                let scored: Vec<&[f32]> = cells
                    .iter()
                    .filter_map(|cell| if let Cell::Scored(scores) = cell { Some(*scores) } else { None })
                    .collect();
                let failed = cells.contains(&Cell::Failed);
                let state = if scored.is_empty() { if failed { FAILED } else { NO_TISSUE } } else { SCORED };
                assert_eq!(level.states[at], state);
                for class in 0..2 {
                    let found = level.plane(class)[at];
                    if scored.is_empty() {
                        assert!(found.is_nan());
                    } else {
                        let sum: f64 = scored.iter().map(|scores| f64::from(scores[class])).sum();
                        let mean = sum / scored.len() as f64;
                        // Two roundings to single precision at most.
                        assert!((f64::from(found) - mean).abs() <= mean * 2e-7 + 1e-12, "{found} {mean}");
                    }
                }
            }
        }
    }
}
