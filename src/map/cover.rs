//! Areas that tiles cover become the states of cells that are larger than the steps between tiles.
//!
//! One tile at the centre would speak for dozens: a few lost ones among thousands would then fail, or spare, many times their
//! own area. So a cell has tissue when planned tiles cover at least half of its part on the slide, and it is scored when at
//! least half of what they cover is of scored ones, else failed.
//!
//! Invariant: a cell that is scored shares a pixel with a scored tile, one that failed with a tile; tiles that cover a grid
//! without holes cover it once, whether they overlap or leave gaps.

use super::axis::Axis;
use crate::tile::TilePlan;

/// What each tile of a plan stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    /// How far a tile's ground reaches beyond the tile, level-0 pixels: half the gap to the next one, 0 without gaps.
    pub before: i64,
    /// Side of a tile's ground.
    pub side: i64,
    /// How often a tile counts, 0 to 1: where tiles overlap, each counts for the square of its step.
    share: f64,
}

impl Ground {
    /// For the tiles of a plan.
    pub fn new(plan: &TilePlan) -> Self {
        let (side, step) = (i64::from(plan.side_l0.max(1)), i64::from(plan.step_l0.max(1)));
        let ground = side.max(step);
        Self { before: (ground - side) / 2, side: ground, share: (step as f64 / side as f64).powi(2).min(1.0) }
    }

    /// The pixels that a tile's ground shares with a cell's part on the slide, along one direction.
    pub fn over(&self, tile: i64, axis: &Axis, cell: u32) -> i64 {
        let ((from, to), start) = (axis.on_slide(cell), tile - self.before);
        ((start + self.side).min(to) - start.max(from)).max(0)
    }

    /// Nothing, or whether a cell of `area` was scored.
    pub fn state(&self, cover: &Cover, area: f64) -> Option<bool> {
        // Where tiles overlap, fewer of them reach the slide's edge, and yet one that lies on the cell covers it.
        let covered = (cover.planned * self.share).max(cover.largest);
        let is_tissue = cover.is_reached && 2.0 * covered >= area;
        is_tissue.then_some(cover.is_reached_by_scored && 2.0 * cover.scored >= cover.planned)
    }
}

/// What the tiles around a cell cover of it, square level-0 pixels, each for itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cover {
    planned: f64,
    scored: f64,
    /// The most that one tile covers.
    largest: f64,
    is_reached: bool,
    is_reached_by_scored: bool,
}

impl Cover {
    /// Adds a tile with the area that its ground shares with the cell; `is_reached` when the tile itself does so, too.
    pub fn add(&mut self, area: f64, is_scored: bool, is_reached: bool) {
        self.planned += area;
        self.scored += if is_scored { area } else { 0.0 };
        self.largest = self.largest.max(area);
        self.is_reached |= is_reached;
        self.is_reached_by_scored |= is_reached && is_scored;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::super::{BiomarkerMap, Cell, MapConfig, MapSummary};
    use super::*;
    use proptest::prelude::*;

    /// All tiles of a grid on the slide of 1000 x 700 px at 0.5 um/px.
    fn full(side: u32, step: u32) -> TilePlan {
        let starts = |length: u32| (0..length).step_by(step as usize).map(i64::from);
        let origins: Vec<(i64, i64)> = starts(700).flat_map(|y| starts(1000).map(move |x| (x, y))).collect();
        plan(side, step, &origins)
    }

    fn map(plan: &TilePlan, is_lost: impl Fn(usize) -> bool, cell_l0: u32) -> BiomarkerMap {
        let rows: Vec<Option<&[f32]>> = (0..plan.len()).map(|tile| (!is_lost(tile)).then_some(&[0.25][..])).collect();
        let config = MapConfig { cell_um: Some(f64::from(cell_l0) * 0.5), ..MapConfig::default() };
        BiomarkerMap::with(plan, &predictions(&["p"], &rows), &config).unwrap()
    }

    const MM2_PER_PX: f64 = 0.25e-6;

    #[test]
    fn a_few_lost_tiles_do_not_fail_cells_of_dozens() {
        let plan = full(20, 20);
        // 45 of 1750 tiles, 2.6 %, among them those at the centres of 40 of 54 cells of 6 x 6 tiles.
        let centres = |tile: usize| {
            let (x, y) = plan.origins_l0[tile];
            x % 120 == 60 && y % 120 == 60
        };
        let lost: Vec<usize> = (0..plan.len()).filter(|&tile| centres(tile)).take(40).chain(0..5).collect();
        let summary = MapSummary::of(&map(&plan, |tile| lost.contains(&tile), 120));
        assert!(summary.failed_mm2.abs() < 1e-12, "{summary:?}");
        assert!((summary.scored_mm2 - 0.175).abs() < 1e-9, "{summary:?}");
    }

    #[test]
    fn half_of_a_cell_is_enough_for_tissue_and_half_of_that_for_scores() {
        let column = |tiles: i64| (0..tiles).flat_map(|x| (0..4).map(move |y| (x * 50, y * 50))).collect::<Vec<_>>();
        let state = |tiles: i64, lost: usize| {
            let map = map(&plan(50, 50, &column(tiles)), |tile| tile < lost, 200);
            match map.cell(0, 0) {
                Cell::NoTissue => "none",
                Cell::Failed => "failed",
                Cell::Scored(_) => "scored",
            }
        };
        assert_eq!([state(1, 0), state(2, 0), state(2, 4), state(2, 5)], ["none", "scored", "scored", "failed"]);
    }

    #[test]
    fn a_sliver_at_the_edge_that_no_tile_reaches_has_no_tissue() {
        // Tiles end at 960, their grounds at 1000; the last cells hold 980..1000 only.
        let map = map(&full(60, 100), |_| false, 140);
        assert_eq!(map.cell(7, 0), Cell::NoTissue);
        assert!(matches!(map.cell(6, 0), Cell::Scored(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn what_fails_is_at_most_twice_what_was_lost(
            lost in proptest::collection::vec(proptest::bool::weighted(0.2), 1750),
            cell in 21_u32..300,
        ) {
            let plan = full(20, 20);
            let summary = MapSummary::of(&map(&plan, |tile| lost[tile], cell));
            let lost_mm2 = lost.iter().filter(|&&lost| lost).count() as f64 * 400.0 * MM2_PER_PX;
            prop_assert!(summary.failed_mm2 <= 2.0 * lost_mm2 + 1e-9, "{summary:?} {lost_mm2}");
            prop_assert!((summary.scored_mm2 + summary.failed_mm2 - 0.175).abs() < 1e-9);
        }

        #[test]
        fn a_full_grid_is_tissue_whether_its_tiles_overlap_or_leave_gaps(
            side in 20_u32..120,
            step_percent in 25_u32..300,
            cell_percent in 110_u32..500,
        ) {
            let step = side * step_percent / 100;
            let cell = (step * cell_percent).div_ceil(100);
            let map = map(&full(side, step), |_| false, cell);
            for (col, row, found) in map.cells() {
                // Slivers at the far edges may lie in a gap.
                let rect = map.rect_l0(col, row).unwrap();
                if rect.w == cell && rect.h == cell {
                    prop_assert!(matches!(found, Cell::Scored(_)), "{found:?} at {col}, {row}");
                }
            }
        }
    }
}
