//! A plan of tiles → the order in which they are cut, so that every chunk is decoded once and few are held at a time.
//!
//! Tiles go by the chunk row of their upper edge, then by x: chunks are read about as they are stored, and about as many
//! rows of chunks are held as a tile is high. Where a row of a wide slide does not fit into memory the slide is cut into
//! vertical stripes, one after the other; chunks on a border are then decoded once for each stripe. Invariant: every
//! tile is scheduled exactly once, and the bound on held chunks holds for any timing of the workers. Reads nothing.

use crate::geometry::Rect;
use crate::slide::Level;
use crate::tile::TilePlan;
use std::ops::Range;

/// A chunk that a tile needs: where it lies on its level, and its number within the schedule. A chunk that two stripes
/// need has two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) col: u32,
    pub(super) row: u32,
    pub(super) slot: usize,
}

/// Tiles in order, and how many of them need each chunk.
#[derive(Debug)]
pub(super) struct Schedule<'a> {
    level: &'a Level,
    plan: &'a TilePlan,
    /// Stripe and tile.
    order: Vec<(u32, u32)>,
    stripes: Vec<Stripe>,
    /// For each slot the number of tiles that need it.
    uses: Vec<u32>,
    /// Chunks held at once by one worker.
    peak: u64,
    /// Most chunks that one tile needs.
    widest: u64,
}

/// The columns of chunks that a stripe's tiles reach.
#[derive(Debug, Clone)]
struct Stripe {
    first_slot: usize,
    cols: Range<u32>,
}

/// Columns and rows of the chunks under a tile.
#[derive(Debug, Clone)]
struct Cells {
    cols: Range<u32>,
    rows: Range<u32>,
}

impl<'a> Schedule<'a> {
    /// The schedule with the fewest stripes of which `workers` workers hold at most `max_chunks` chunks.
    ///
    /// # Errors
    /// The number of chunks that the narrowest stripes need, when that is still too much.
    pub(super) fn fit(level: &'a Level, plan: &'a TilePlan, workers: usize, max_chunks: u64) -> Result<Self, u64> {
        let fits = |schedule: &Self| schedule.max_held(workers) <= max_chunks;
        let mut schedule = Self::new(level, plan, 1);
        if fits(&schedule) {
            return Ok(schedule);
        }
        let narrowest = Self::new(level, plan, level.cols);
        if !fits(&narrowest) {
            return Err(narrowest.max_held(workers));
        }
        let mut count = 1;
        while !fits(&schedule) {
            // What is held shrinks at best in proportion, so the first term never jumps too far.
            let wanted = u64::from(count).saturating_mul(schedule.max_held(workers)) / max_chunks.max(1);
            count = u32::try_from(wanted).unwrap_or(u32::MAX).max(count + count / 8 + 1);
            if count >= level.cols {
                return Ok(narrowest);
            }
            schedule = Self::new(level, plan, count);
        }
        Ok(schedule)
    }

    fn new(level: &'a Level, plan: &'a TilePlan, count: u32) -> Self {
        let mut stripes = vec![Stripe { first_slot: 0, cols: 0..0 }; count as usize];
        let mut keyed = Vec::new();
        for (tile, index) in (0..plan.len()).zip(0u32..) {
            let cells = Cells::under(level, rect_lvl(plan, tile));
            let (col, row) = cells.as_ref().map_or((0, 0), |cells| (cells.cols.start, cells.rows.start));
            let number = u64::from(col) * u64::from(count) / u64::from(level.cols);
            let number = u32::try_from(number).unwrap_or(u32::MAX).min(count - 1);
            if let (Some(cells), Some(stripe)) = (cells, stripes.get_mut(number as usize)) {
                let cols = &mut stripe.cols;
                let start = if cols.start == cols.end { cells.cols.start } else { cols.start.min(cells.cols.start) };
                *cols = start..cols.end.max(cells.cols.end);
            }
            keyed.push((number, row, plan.origins_l0[tile], index));
        }
        keyed.sort_unstable();
        let mut slots = 0;
        for stripe in &mut stripes {
            stripe.first_slot = slots;
            slots += stripe.cols.len() * level.rows as usize;
        }
        let order = keyed.into_iter().map(|(stripe, _, _, tile)| (stripe, tile)).collect();
        let mut schedule = Self { level, plan, order, stripes, uses: vec![0; slots], peak: 0, widest: 0 };
        schedule.count_uses();
        schedule
    }

    /// Fills in what follows from the order.
    fn count_uses(&mut self) {
        let mut uses = std::mem::take(&mut self.uses);
        for position in 0..self.len() {
            let needs = self.needs(position);
            self.widest = self.widest.max(needs.len() as u64);
            for need in needs {
                uses[need.slot] += 1;
            }
        }
        let (mut left, mut held) = (uses.clone(), 0u64);
        for position in 0..self.len() {
            let needs = self.needs(position);
            held += needs.iter().filter(|need| left[need.slot] == uses[need.slot]).count() as u64;
            self.peak = self.peak.max(held);
            for need in needs {
                left[need.slot] -= 1;
                held -= u64::from(left[need.slot] == 0);
            }
        }
        self.uses = uses;
    }

    /// The number of tiles.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The number of stripes.
    pub(super) fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// For each slot the number of tiles that need it.
    pub(super) fn uses(&self) -> &[u32] {
        &self.uses
    }

    /// The chunks in the order in which they are first needed.
    pub(super) fn first_needs(&self) -> Vec<Need> {
        let mut seen = vec![false; self.uses.len()];
        let needs = (0..self.len()).flat_map(|position| self.needs(position));
        needs.filter(|need| !std::mem::replace(&mut seen[need.slot], true)).collect()
    }

    /// The number of different chunks that the plan needs.
    pub(super) fn distinct(&self) -> u64 {
        let mut needed = vec![false; self.level.cols as usize * self.level.rows as usize];
        for position in 0..self.len() {
            for need in self.needs(position) {
                needed[need.row as usize * self.level.cols as usize + need.col as usize] = true;
            }
        }
        needed.into_iter().filter(|&needed| needed).count() as u64
    }

    /// Chunks that are held at once at most: those of one worker alone, those that the tiles of the other workers hold
    /// longer than that, however slow they are, and those decoded ahead.
    pub(super) fn max_held(&self, workers: usize) -> u64 {
        self.peak + self.widest * (workers.saturating_sub(1) as u64) + max_ahead(workers) as u64
    }

    /// The tile at a position of the schedule: its index in the plan, and its rectangle on the level.
    pub(super) fn tile(&self, position: usize) -> (u32, Rect) {
        let (_, tile) = self.order[position];
        (tile, rect_lvl(self.plan, tile as usize))
    }

    /// The chunks that the tile at a position needs, row by row.
    pub(super) fn needs(&self, position: usize) -> Vec<Need> {
        let (stripe, tile) = self.order[position];
        let stripe = &self.stripes[stripe as usize];
        let Some(cells) = Cells::under(self.level, rect_lvl(self.plan, tile as usize)) else { return Vec::new() };
        let slot = |col: u32, row: u32| {
            stripe.first_slot + row as usize * stripe.cols.len() + (col - stripe.cols.start) as usize
        };
        cells.rows.flat_map(|row| cells.cols.clone().map(move |col| Need { col, row, slot: slot(col, row) })).collect()
    }
}

/// Chunks that may be decoded before a tile asks for them: one for each worker; one alone never waits for another.
pub(super) fn max_ahead(workers: usize) -> usize {
    if workers > 1 { workers } else { 0 }
}

impl Cells {
    /// Those under a rectangle of the level; `None` when it lies wholly outside.
    fn under(level: &Level, rect: Rect) -> Option<Self> {
        let (cols, rows) = level.chunks_under(rect)?;
        Some(Self { cols, rows })
    }
}

/// A tile's rectangle; absurd coordinates are far outside, not an overflow.
fn rect_lvl(plan: &TilePlan, tile: usize) -> Rect {
    let rect = plan.rect_lvl(tile);
    let reach = i64::from(u32::MAX);
    Rect::new(rect.x.clamp(-reach, reach), rect.y.clamp(-reach, reach), rect.w, rect.h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::tile::GridRule;
    use crate::units::Mpp;

    fn plan(origins_l0: Vec<(i64, i64)>, side: u32) -> TilePlan {
        TilePlan {
            rule: GridRule::Eosin,
            slide_l0: Size::new(100, 60),
            mpp: Mpp::new(0.5).unwrap(),
            side_l0: side,
            step_l0: side,
            level: 0,
            downsample: (1.0, 1.0),
            read_px: side,
            tile_px: side,
            fill: [255; 3],
            places: origins_l0.len(),
            origins_l0,
        }
    }

    fn level() -> Level {
        Level::new(Size::new(100, 60), Size::new(10, 10), Size::new(100, 60)).unwrap()
    }

    #[test]
    fn aligned_tiles_hold_one_chunk_and_straddling_ones_about_a_row() {
        let level = level();
        let grid = |offset: i64| (0..9).flat_map(move |x| (0..5).map(move |y| (x * 10 + offset, y * 10 + offset)));
        let aligned = plan(grid(0).collect(), 10);
        assert_eq!(Schedule::fit(&level, &aligned, 1, 1).unwrap().stripes(), 1);
        let straddling = plan(grid(5).collect(), 10);
        let schedule = Schedule::new(&level, &straddling, 1);
        // A row of ten, the two under the first tile of the next row, and the corner.
        assert_eq!((schedule.peak, schedule.widest, schedule.distinct()), (12, 4, 60));
        assert_eq!(schedule.uses().iter().sum::<u32>(), 45 * 4);
        let narrow = Schedule::fit(&level, &straddling, 2, 12).unwrap();
        assert!(narrow.stripes() > 1 && narrow.max_held(2) <= 12);
        assert_eq!((narrow.distinct(), schedule.first_needs().len()), (60, 60));
        assert!(narrow.first_needs().len() > 60);
        assert_eq!(Schedule::fit(&level, &straddling, 1, 3).unwrap_err(), 4);
    }

    #[test]
    fn every_tile_is_scheduled_once_also_outside_the_slide() {
        let level = level();
        let origins = vec![(-5, -5), (95, 55), (200, 0), (i64::MAX, i64::MIN), (i64::MIN, 0), (40, 20), (40, 20)];
        let plan = plan(origins, 10);
        for stripes in [1, 3, 10] {
            let schedule = Schedule::new(&level, &plan, stripes);
            let mut tiles: Vec<u32> = (0..schedule.len()).map(|position| schedule.tile(position).0).collect();
            tiles.sort_unstable();
            assert_eq!(tiles, (0..7).collect::<Vec<u32>>());
            assert_eq!(schedule.distinct(), 3);
        }
    }
}
