//! Predictions and their plan become a map: a grid of cells over the whole slide, each cell scored, failed or without
//! tissue.
//!
//! Invariant: the three states never collapse into one another, and every score in a map is finite. Nothing here knows
//! models, devices or files.

mod axis;
mod compartment;
mod config;
mod contour;
mod cover;
mod decision;
mod distance;
mod heat_ramp;
mod lay;
pub mod palette;
mod scale_bar;
mod shade;
mod smooth;
mod state;
mod summary;
mod uncertainty;

pub use compartment::clean;
pub use config::MapConfig;
pub use contour::{Polygon, contours};
pub use distance::signed_distance_um;
pub use heat_ramp::heat;
pub use scale_bar::scale_bar_mm;
pub use shade::Shade;
pub use state::{Cell, TileCounts, finite_scores};
pub use summary::{ClassSummary, MapSummary};
pub use uncertainty::entropy;

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::tile::{Meaning, Predictions, TilePlan};
use crate::units::Mpp;
use axis::Axis;
use lay::{Laid, lay};
use state::{FAILED, NO_TISSUE};

/// Cells of one map: a slide of 10 cm by 10 cm has 4 million at 50 um; beyond this bound the step is wrong.
const MAX_CELLS: u64 = 1 << 25;
/// No tile lies farther from the slide's corner, pixels; beyond it sums of coordinates could overflow.
const FARTHEST_L0: u64 = 1 << 40;

/// Scores on a regular grid over the whole slide.
///
/// Cells are squares of a stated side, or, where none was stated, one for each step of the plan; these leave gaps when the
/// tiles do. A cell is scored when a scored tile covers the centre of its part on the slide, and failed when only lost ones
/// do. One that is larger than the plan's step is tissue when tiles cover at least half of that part, and scored when at
/// least half of what they cover is of scored tiles, else failed (`cover.rs`). Its scores are the mean of all scored tiles
/// that reach into it, weighed by windows around the tiles' centres (`lay.rs`).
///
/// # Coordinates
/// Level-0 pixels, origin top-left, x right, y down. Cells of the last column and row may reach over the slide's edges;
/// so do those of the first ones when the cells are the plan's and it does not start at a multiple of its step.
#[derive(Debug, Clone, PartialEq)]
pub struct BiomarkerMap {
    meaning: Meaning,
    class_names: Vec<String>,
    slide_l0: Size,
    mpp: Mpp,
    x: Axis,
    y: Axis,
    tiles: TileCounts,
    /// Per class the score from which on it is present, if it has one; empty without any.
    thresholds: Vec<Option<f32>>,
    /// Per cell, row by row: a row of `scores`, or one of the two other states.
    cells: Vec<u32>,
    /// `[scored cells, K]`.
    scores: Vec<f32>,
}

impl BiomarkerMap {
    /// Lays predictions on the grid of their plan, as they are.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn new(plan: &TilePlan, predictions: &Predictions) -> Result<Self> {
        Self::with(plan, predictions, &MapConfig::default())
    }

    /// Lays predictions on the grid that was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the predictions do not belong to the plan or differ in their number of classes,
    /// [`ErrorKind::Usage`] (`MAP-0004`, `MAP-0005`) for a cell or a smoothing that makes no map, [`ErrorKind::Limits`] when
    /// the grid is beyond 33 million cells or a tile is nowhere near the slide.
    pub fn with(plan: &TilePlan, predictions: &Predictions, config: &MapConfig) -> Result<Self> {
        let classes = predictions.class_names.len();
        let rows = &predictions.rows;
        if rows.len() != plan.len() {
            let text = format!("expected predictions for {} tiles, found {}", plan.len(), rows.len());
            return Err(Error::new(ErrorKind::Model, "MAP-0001", text));
        }
        if let Some(row) = rows.iter().flatten().find(|row| row.len() != classes) {
            let text = format!("expected {classes} scores a tile, found {}", row.len());
            return Err(Error::new(ErrorKind::Model, "MAP-0002", text));
        }
        if let Some((x, y)) = plan.origins_l0.iter().find(|(x, y)| x.unsigned_abs().max(y.unsigned_abs()) > FARTHEST_L0)
        {
            let text = format!("expected tiles within {FARTHEST_L0} pixels of the slide, found one at {x}, {y}");
            return Err(Error::new(ErrorKind::Limits, "MAP-0006", text));
        }
        let (x, y) = config.axes(plan)?;
        if Size::new(x.count, y.count).area() > MAX_CELLS {
            let text = format!("expected a map of at most {MAX_CELLS} cells, found {} x {}", x.count, y.count);
            return Err(Error::new(ErrorKind::Limits, "MAP-0003", text)
                .with_advice("larger cells, or a larger distance between tiles, make fewer"));
        }
        let sigma_cells = config.sigma_cells(x.step as f64 * plan.mpp.get())?;
        let mut laid = lay(plan, predictions, &x, &y);
        if let Some(sigma) = sigma_cells {
            smooth::smooth(&mut laid, Size::new(x.count, y.count), classes, sigma);
        }
        let Laid { cells, scores } = laid;
        let scored = rows.iter().filter(|row| finite_scores(row.as_deref()).is_some()).count();
        let tiles = TileCounts {
            planned: plan.len(),
            scored,
            lost: plan.len() - scored,
            skipped: plan.places.saturating_sub(plan.len()),
        };
        let meaning = predictions.meaning.clone();
        let class_names = predictions.class_names.clone();
        let (slide_l0, mpp, thresholds) = (plan.slide_l0, plan.mpp, Vec::new());
        Ok(Self { meaning, class_names, slide_l0, mpp, x, y, tiles, thresholds, cells, scores })
    }

    /// What the scores are.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Smallest and largest score of a class; none when nothing was scored.
    pub fn range(&self, class: usize) -> Option<(f32, f32)> {
        let scores = self.scores.chunks_exact(self.class_names.len().max(1)).filter_map(|row| row.get(class).copied());
        scores.fold(None, |range, score| {
            let (low, high) = range.unwrap_or((score, score));
            Some((score.min(low), score.max(high)))
        })
    }

    /// Names of the classes, in the order of the scores.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Columns of the grid.
    pub fn cols(&self) -> u32 {
        self.x.count
    }

    /// Rows of the grid.
    pub fn rows(&self) -> u32 {
        self.y.count
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        Size::new(self.x.count, self.y.count)
    }

    /// Side of a cell, level-0 pixels.
    pub fn cell_side_l0(&self) -> u32 {
        u32::try_from(self.x.side).unwrap_or(u32::MAX)
    }

    /// Side of a cell, micrometres.
    pub fn cell_um(&self) -> f64 {
        self.x.side as f64 * self.mpp.get()
    }

    /// From one cell's edge to the next one's, level-0 pixels: the side of a cell, and the gap where tiles leave one.
    pub fn step_l0(&self) -> u32 {
        u32::try_from(self.x.step).unwrap_or(u32::MAX)
    }

    /// From one cell's centre to the next one's, micrometres.
    pub fn step_um(&self) -> f64 {
        self.x.step as f64 * self.mpp.get()
    }

    /// Top-left corner of the first cell, level-0 pixels; never right of or below the slide's own corner.
    pub fn origin_l0(&self) -> (i64, i64) {
        (self.x.start, self.y.start)
    }

    /// All cells with the gaps between them, level-0 pixels; it may reach over the slide's edges.
    pub fn grid_l0(&self) -> Rect {
        let length = |axis: &Axis| u32::try_from(axis.step * i64::from(axis.count)).unwrap_or(u32::MAX);
        Rect::new(self.x.start, self.y.start, length(&self.x), length(&self.y))
    }

    /// Size of level 0 of the slide.
    pub fn slide_l0(&self) -> Size {
        self.slide_l0
    }

    /// The slide's resolution at level 0.
    pub fn mpp(&self) -> Mpp {
        self.mpp
    }

    /// How the tiles fared.
    pub fn tiles(&self) -> TileCounts {
        self.tiles
    }

    /// One cell; outside the grid there is no tissue.
    pub fn cell(&self, col: u32, row: u32) -> Cell<'_> {
        if col >= self.x.count || row >= self.y.count {
            return Cell::NoTissue;
        }
        match self.cells[row as usize * self.x.count as usize + col as usize] {
            NO_TISSUE => Cell::NoTissue,
            FAILED => Cell::Failed,
            scored => {
                let classes = self.class_names.len();
                Cell::Scored(&self.scores[scored as usize * classes..][..classes])
            }
        }
    }

    /// The cell that holds a level-0 pixel; gaps between cells and places outside the slide have no tissue.
    pub fn cell_at_l0(&self, x: i64, y: i64) -> Cell<'_> {
        match (self.x.cell_at(x), self.y.cell_at(y)) {
            (Some(col), Some(row)) => self.cell(col, row),
            _ => Cell::NoTissue,
        }
    }

    /// The part of a cell that lies on the slide, or `None` for a cell outside the grid.
    pub fn rect_l0(&self, col: u32, row: u32) -> Option<Rect> {
        let ((x, _), (y, _)) = (self.x.edges(col), self.y.edges(row));
        let side = self.cell_side_l0();
        Rect::new(x, y, side, side).intersect(Rect::new(0, 0, self.slide_l0.w, self.slide_l0.h))
    }

    /// All cells with column and row, row by row.
    pub fn cells(&self) -> impl Iterator<Item = (u32, u32, Cell<'_>)> {
        (0..self.y.count).flat_map(move |row| (0..self.x.count).map(move |col| (col, row, self.cell(col, row))))
    }
}

/// The nearest number of half the digits: sums are of f64, what is kept of f32.
#[expect(clippy::cast_possible_truncation, reason = "means and distances are far below the largest f32")]
fn rounded(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tile::GridRule;

    /// A plan on a 1000 x 700 slide of 0.5 um/px.
    pub(crate) fn plan(side_l0: u32, step_l0: u32, origins_l0: &[(i64, i64)]) -> TilePlan {
        TilePlan {
            rule: GridRule::Eosin,
            slide_l0: Size::new(1000, 700),
            mpp: Mpp::new(0.5).unwrap(),
            side_l0,
            step_l0,
            level: 0,
            downsample: (1.0, 1.0),
            read_px: side_l0,
            tile_px: side_l0,
            fill: [255; 3],
            places: origins_l0.len(),
            origins_l0: origins_l0.to_vec(),
        }
    }

    pub(crate) fn predictions(names: &[&str], rows: &[Option<&[f32]>]) -> Predictions {
        Predictions {
            meaning: if names.len() == 1 { Meaning::Findings } else { Meaning::Classes },
            class_names: names.iter().map(ToString::to_string).collect(),
            rows: rows.iter().map(|row| row.map(<[f32]>::to_vec)).collect(),
            unfamiliarity: None,
        }
    }

    #[test]
    fn the_three_states_stay_apart_and_the_grid_covers_the_slide() {
        let plan = TilePlan { places: 12, ..plan(256, 256, &[(0, 0), (0, 256), (768, 512)]) };
        let rows = [Some(&[0.25_f32, 0.75][..]), None, Some(&[f32::NAN, 0.5])];
        let map = BiomarkerMap::new(&plan, &predictions(&["a", "b"], &rows)).unwrap();
        assert_eq!((map.cols(), map.rows(), map.origin_l0()), (4, 3, (0, 0)));
        assert_eq!(map.cell(0, 0), Cell::Scored(&[0.25, 0.75]));
        assert_eq!(map.cell(0, 1), Cell::Failed);
        assert_eq!(map.cell(3, 2), Cell::Failed, "a score that is no number is a lost tile");
        assert_eq!(map.cell(1, 0), Cell::NoTissue);
        assert_eq!(map.cell(4, 0), Cell::NoTissue);
        assert_eq!(map.tiles(), TileCounts { planned: 3, scored: 1, lost: 2, skipped: 9 });
        assert_eq!(map.rect_l0(3, 2), Some(Rect::new(768, 512, 232, 188)));
        assert_eq!(map.grid_l0(), Rect::new(0, 0, 1024, 768));
        assert_eq!(map.cell_at_l0(255, 256), Cell::Failed);
        assert_eq!(map.cell_at_l0(-1, 0), Cell::NoTissue);
    }

    #[test]
    fn tiles_that_share_a_cell_in_equal_parts_are_averaged_in_equal_parts() {
        let plan = plan(200, 100, &[(100, 0), (200, 0), (300, 0)]);
        let rows = [Some(&[0.0_f32][..]), Some(&[1.0]), None];
        let map = BiomarkerMap::new(&plan, &predictions(&["p"], &rows)).unwrap();
        let scores: Vec<Cell<'_>> = (0..6).map(|col| map.cell(col, 1)).collect();
        let (zero, half, one) = (Cell::Scored(&[0.0]), Cell::Scored(&[0.5]), Cell::Scored(&[1.0]));
        assert_eq!(scores, [Cell::NoTissue, zero, half, one, Cell::Failed, Cell::NoTissue]);
    }

    #[test]
    fn a_constant_stays_constant_under_any_overlap() {
        for step in [37, 64, 100, 256, 300] {
            let origins: Vec<(i64, i64)> =
                (0..8).flat_map(|x| (0..6).map(move |y| (-50 + x * step, -20 + y * step))).collect();
            let rows = vec![Some(&[0.3_f32, 0.7][..]); origins.len()];
            let plan = plan(256, u32::try_from(step).unwrap(), &origins);
            let map = BiomarkerMap::new(&plan, &predictions(&["a", "b"], &rows)).unwrap();
            let mut scored = 0;
            for (_, _, cell) in map.cells() {
                if let Cell::Scored(scores) = cell {
                    scored += 1;
                    assert_eq!(scores, [0.3, 0.7], "step {step}");
                }
            }
            assert!(scored > 0, "step {step}");
            assert!(map.origin_l0().0 <= 0 && map.origin_l0().0 > -step);
        }
    }

    #[test]
    fn predictions_of_another_plan_endless_grids_and_tiles_far_away_are_refused() {
        let one = plan(256, 256, &[(0, 0)]);
        let code = |plan: &TilePlan, rows: &[Option<&[f32]>]| {
            BiomarkerMap::new(plan, &predictions(&["a", "b"], rows)).unwrap_err().code()
        };
        assert_eq!(code(&one, &[]), "MAP-0001");
        assert_eq!(code(&one, &[Some(&[1.0])]), "MAP-0002");
        assert_eq!(code(&plan(256, 256, &[(i64::MIN, 0)]), &[None]), "MAP-0006");
        let mut endless = plan(1, 1, &[]);
        endless.slide_l0 = Size::new(1 << 24, 1 << 24);
        assert_eq!(code(&endless, &[]), "MAP-0003");
    }
}
