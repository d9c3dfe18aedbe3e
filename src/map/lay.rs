//! Tiles are laid on cells: which cells are scored, failed or empty, and what the scored ones hold.
//!
//! The tiles at the centre of a cell decide on its state; where cells are larger than the step between tiles, all tiles around
//! do, by the areas that they cover (`cover.rs`).
//!
//! Invariant: the order of the tiles has no say; a cell that one tile alone reaches has that tile's scores to the bit.
//!
//! A tile's score is about its middle more than about its rim, so each tile speaks through a Gaussian window: a cell's score
//! is the mean over all scored tiles that reach into it, each weighed by the integral of its window over what it shares with
//! the cell,
//!
//! `score = Σ w s / Σ w`, `w = ∫∫ exp(-((x - cx)² + (y - cy)²) / 2σ²)` over cell ∩ tile, σ a quarter of the tile's side.
//!
//! So overlapping tiles are blended without seams, and a cell much larger than tiles holds their mean by area. The integral
//! is a product of two differences of error functions.

use super::axis::Axis;
use super::cover::{Cover, Ground};
use super::{FAILED, NO_TISSUE, finite_scores, rounded};
use crate::tile::{Predictions, TilePlan};
use rayon::prelude::*;
use std::cmp::Ordering;

/// Standard deviation of a tile's window as a share of its side: at the middle of its edge a tile has an eighth of the weight
/// that it has at its centre.
const SIGMA_SIDES: f64 = 0.25;

/// The cells of a map.
pub(super) struct Laid {
    /// Per cell, row by row: a row of `scores`, or one of the two other states.
    pub cells: Vec<u32>,
    /// `[scored cells, K]`.
    pub scores: Vec<f32>,
}

/// A tile, its corner and, unless it was lost, its scores.
struct Tile<'a> {
    x: i64,
    y: i64,
    scores: Option<&'a [f32]>,
}

/// One row of cells.
struct Row {
    /// Per cell nothing, or whether it was scored.
    states: Vec<Option<bool>>,
    /// Of the scored ones, `[scored, K]`.
    scores: Vec<f32>,
}

/// Lays all tiles of a plan.
pub(super) fn lay(plan: &TilePlan, predictions: &Predictions, x: &Axis, y: &Axis) -> Laid {
    let tiles = plan.origins_l0.iter().zip(&predictions.rows);
    let tiles = tiles.map(|(&(x, y), row)| Tile { x, y, scores: finite_scores(row.as_deref()) });
    let mut tiles: Vec<Tile<'_>> = tiles.collect();
    // By row, so that the tiles of a row of cells are neighbours here; sums are then of one order, too.
    tiles.par_sort_by(|a, b| {
        (a.y, a.x).cmp(&(b.y, b.x)).then_with(|| a.scores.partial_cmp(&b.scores).unwrap_or(Ordering::Equal))
    });
    let window = Window::new(plan.side_l0);
    let ground = (x.step > i64::from(plan.step_l0)).then(|| Ground::new(plan));
    let classes = predictions.class_names.len();
    let rows: Vec<Row> =
        (0..y.count).into_par_iter().map(|row| lay_row(&tiles, classes, (&window, ground), (x, y), row)).collect();
    let mut laid = Laid { cells: Vec::with_capacity(rows.len() * x.count as usize), scores: Vec::new() };
    let mut next = 0;
    for row in rows {
        laid.cells.extend(row.states.into_iter().map(|state| match state {
            None => NO_TISSUE,
            Some(false) => FAILED,
            Some(true) => {
                next += 1;
                next - 1
            }
        }));
        laid.scores.extend(row.scores);
    }
    laid
}

/// Lays one row of cells; with a ground, areas decide on their states.
fn lay_row(
    tiles: &[Tile<'_>],
    classes: usize,
    (window, ground): (&Window, Option<Ground>),
    (x, y): (&Axis, &Axis),
    row: u32,
) -> Row {
    let (side, count) = (window.side, x.count as usize);
    let (before, reach) = ground.map_or((0, side), |ground| (ground.before, ground.side));
    let ((top, bottom), centre) = (y.edges(row), y.double_centre(row));
    let first = tiles.partition_point(|tile| tile.y - before + reach <= top);
    let after = tiles.partition_point(|tile| tile.y - before < bottom);
    let mut states = vec![None; count];
    if first >= after {
        return Row { states, scores: Vec::new() };
    }
    let mut covers = vec![Cover::default(); if ground.is_some() { count } else { 0 }];
    let mut weights = vec![0.0_f64; count];
    let mut sums = vec![0.0_f64; count * classes];
    for tile in &tiles[first..after] {
        let beside = (2 * tile.y..2 * (tile.y + side)).contains(&centre);
        let weight_y = window.over(tile.y, top, bottom);
        for cell in x.cells_in(tile.x - before, tile.x - before + reach) {
            let at = cell as usize;
            let (left, right) = x.edges(cell);
            let weight = weight_y * window.over(tile.x, left, right);
            if let Some(ground) = ground {
                let area = ground.over(tile.x, x, cell) as f64 * ground.over(tile.y, y, row) as f64;
                covers[at].add(area, tile.scores.is_some(), weight > 0.0);
            } else if beside && (2 * tile.x..2 * (tile.x + side)).contains(&x.double_centre(cell)) {
                states[at] = states[at].max(Some(tile.scores.is_some()));
            }
            let Some(scores) = tile.scores else { continue };
            weights[at] += weight;
            let sums = &mut sums[at * classes..][..classes];
            sums.iter_mut().zip(scores).for_each(|(sum, &score)| *sum += weight * f64::from(score));
        }
    }
    if let Some(ground) = ground {
        let length = |(from, to): (i64, i64)| (to - from) as f64;
        for ((state, cover), cell) in states.iter_mut().zip(&covers).zip(0..) {
            *state = ground.state(cover, length(x.on_slide(cell)) * length(y.on_slide(row)));
        }
    }
    let scored = (0..count).filter(|&at| states[at] == Some(true));
    let scores = scored.flat_map(|at| sums[at * classes..][..classes].iter().map(move |sum| (at, sum)));
    let scores = scores.map(|(at, sum)| rounded(sum / weights[at])).collect();
    Row { states, scores }
}

/// The Gaussian window of a tile, along one direction.
struct Window {
    side: i64,
    /// Half a level-0 pixel in the unit of the error function, σ√2.
    half_px: f64,
}

impl Window {
    fn new(side_l0: u32) -> Self {
        let side = i64::from(side_l0.max(1));
        Self { side, half_px: 0.5 / (SIGMA_SIDES * side as f64 * std::f64::consts::SQRT_2) }
    }

    /// The integral over the part of `from..to` that lies in the tile at `tile`, but for a factor that all tiles share.
    fn over(&self, tile: i64, from: i64, to: i64) -> f64 {
        let up_to =
            |edge: i64| libm::erf((2 * (edge.clamp(tile, tile + self.side) - tile) - self.side) as f64 * self.half_px);
        up_to(to) - up_to(from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::super::{BiomarkerMap, Cell, MapConfig};
    use super::*;
    use crate::geometry::Rect;
    use proptest::prelude::*;

    fn map(plan: &TilePlan, rows: &[Option<&[f32]>], cell_um: f64) -> BiomarkerMap {
        let config = MapConfig { cell_um: Some(cell_um), ..MapConfig::default() };
        BiomarkerMap::with(plan, &predictions(&["a", "b"], rows), &config).unwrap()
    }

    #[test]
    fn tiles_that_are_cells_keep_their_scores_to_the_bit() {
        let origins: Vec<(i64, i64)> = (0..4).flat_map(|x| (0..3).map(move |y| (x * 256, y * 256))).collect();
        let scores: Vec<[f32; 2]> = (0..12_u8).map(|tile| [0.1 * f32::from(tile), 1.0 / 3.0]).collect();
        let rows: Vec<Option<&[f32]>> = scores.iter().map(|scores| Some(&scores[..])).collect();
        let (plan, predictions) = (plan(256, 256, &origins), predictions(&["a", "b"], &rows));
        for map in [BiomarkerMap::new(&plan, &predictions).unwrap(), map(&plan, &rows, 128.0)] {
            assert_eq!((map.cell_side_l0(), map.cell_um()), (256, 128.0));
            for (&(x, y), scores) in origins.iter().zip(&scores) {
                assert_eq!(map.cell_at_l0(x, y), Cell::Scored(scores));
            }
        }
    }

    #[test]
    fn cells_larger_than_tiles_are_means_by_area_and_smaller_ones_blend_without_a_seam() {
        let origins: Vec<(i64, i64)> = (0..10).flat_map(|x| (0..7).map(move |y| (x * 100, y * 100))).collect();
        let scores: Vec<[f32; 2]> = (0..70_u8).map(|tile| [f32::from(tile % 2), 0.5]).collect();
        let rows: Vec<Option<&[f32]>> = scores.iter().map(|scores| Some(&scores[..])).collect();
        assert_eq!(map(&plan(100, 100, &origins), &rows, 100.0).cell(0, 0), Cell::Scored(&[0.5, 0.5]));
        // Two tiles that overlap by half: a score rises from one to the other, never back.
        let two = plan(200, 100, &[(0, 0), (100, 0)]);
        let map = map(&two, &[Some(&[0.0, 1.0]), Some(&[1.0, 0.0])], 5.0);
        let along: Vec<f32> = (0..30)
            .map(|col| if let Cell::Scored(scores) = map.cell(col, 3) { scores[0] } else { panic!("not scored") })
            .collect();
        assert_eq!((along[0], along[9], along[20], along[29]), (0.0, 0.0, 1.0, 1.0));
        assert!(along.is_sorted() && along[14] < 0.5 && along[15] > 0.5, "{along:?}");
        assert!((along[14] + along[15] - 1.0).abs() < 1e-6);
        assert!(along[10] > 0.0 && along[10] < 0.2, "the rim of a tile says little: {along:?}");
    }

    /// What a cell holds, by adding up the windows at many points: a mean when it was scored, else whether it failed.
    fn by_brute_force(
        plan: &TilePlan,
        rows: &[Option<Vec<f32>>],
        map: &BiomarkerMap,
        col: u32,
        row: u32,
    ) -> (Option<f64>, bool) {
        const POINTS: i32 = 40;
        let side = f64::from(plan.side_l0);
        let cell = f64::from(map.cell_side_l0());
        let (left, top) = (f64::from(col) * cell, f64::from(row) * cell);
        let (mut weight, mut sum) = (0.0, 0.0);
        let rect = map.rect_l0(col, row).unwrap();
        let centre = [rect.x as f64 + f64::from(rect.w) / 2.0, rect.y as f64 + f64::from(rect.h) / 2.0];
        let [whole_x, whole_y] = [col, row].map(|at| i64::from(at) * i64::from(map.cell_side_l0()));
        let mut state = None;
        let (mut covered, mut largest, mut covered_by_scored) = (0.0, 0.0_f64, 0.0);
        let (mut reached, mut reached_by_scored) = (false, false);
        let gap = plan.step_l0.saturating_sub(plan.side_l0);
        for (&(x, y), row) in plan.origins_l0.iter().zip(rows) {
            let corner = [x as f64, y as f64];
            let beyond = i64::from(gap / 2);
            let ground = Rect::new(x - beyond, y - beyond, plan.side_l0 + gap, plan.side_l0 + gap);
            let shared = ground.intersect(rect).map_or(0.0, |shared| f64::from(shared.w) * f64::from(shared.h));
            covered += shared;
            largest = largest.max(shared);
            covered_by_scored += if row.is_some() { shared } else { 0.0 };
            let whole = Rect::new(whole_x, whole_y, map.cell_side_l0(), map.cell_side_l0());
            let touches = Rect::new(x, y, plan.side_l0, plan.side_l0).intersect(whole).is_some();
            reached |= touches;
            reached_by_scored |= touches && row.is_some();
            let inside = |point: [f64; 2]| (0..2).all(|i| point[i] >= corner[i] && point[i] < corner[i] + side);
            if inside(centre) {
                state = state.max(Some(row.is_some()));
            }
            let Some(row) = row else { continue };
            // Points of what the tile and the cell share, however little that is, each for as much ground as is around it.
            let start = [left.max(corner[0]), top.max(corner[1])];
            let end = [(left + cell).min(corner[0] + side), (top + cell).min(corner[1] + side)];
            let piece = [0, 1].map(|i| (end[i] - start[i]).max(0.0) / f64::from(POINTS));
            for i in 0..POINTS {
                for j in 0..POINTS {
                    let point =
                        [start[0] + (f64::from(i) + 0.5) * piece[0], start[1] + (f64::from(j) + 0.5) * piece[1]];
                    let far = (0..2).map(|i| (point[i] - corner[i] - side / 2.0).powi(2)).sum::<f64>();
                    let here = (-far / (2.0 * (0.25 * side).powi(2))).exp() * piece[0] * piece[1];
                    weight += here;
                    sum += here * f64::from(row[0]);
                }
            }
        }
        if map.step_l0() > plan.step_l0 {
            let share = (f64::from(plan.step_l0) / side).powi(2).min(1.0);
            let area = f64::from(rect.w) * f64::from(rect.h);
            let tissue = reached && largest.max(covered * share) >= area / 2.0;
            state = tissue.then_some(reached_by_scored && covered_by_scored >= covered / 2.0);
        }
        ((state == Some(true)).then(|| sum / weight), state == Some(false))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn scores_are_those_of_brute_force_and_the_order_of_tiles_has_no_say(
            tiles in proptest::collection::vec(((-50_i64..900, -50_i64..600), proptest::option::weighted(0.7, 0.0_f32..1.0)), 1..12),
            side in 100_u32..400,
            step in 50_u32..500,
            cell_um in 60.0_f64..200.0,
        ) {
            let origins: Vec<(i64, i64)> = tiles.iter().map(|tile| tile.0).collect();
            let rows: Vec<Option<Vec<f32>>> = tiles.iter().map(|tile| tile.1.map(|score| vec![score, 1.0 - score])).collect();
            let slices: Vec<Option<&[f32]>> = rows.iter().map(|row| row.as_deref()).collect();
            let forth = plan(side, step, &origins);
            let found = map(&forth, &slices, cell_um);
            for (col, row, cell) in found.cells() {
                match (cell, by_brute_force(&forth, &rows, &found, col, row)) {
                    (Cell::NoTissue, (None, false)) | (Cell::Failed, (None, true)) => {}
                    // The points of the sum lie up to 10 pixels apart.
                    (Cell::Scored(scores), (Some(slow), _)) => {
                        prop_assert!((f64::from(scores[0]) - slow).abs() < 0.03, "{scores:?} {slow}");
                    }
                    other => prop_assert!(false, "{other:?} at {col}, {row}"),
                }
            }
            let back: Vec<(i64, i64)> = origins.iter().rev().copied().collect();
            let back_rows: Vec<Option<&[f32]>> = slices.iter().rev().copied().collect();
            prop_assert_eq!(map(&plan(side, step, &back), &back_rows, cell_um), found);
        }
    }
}
