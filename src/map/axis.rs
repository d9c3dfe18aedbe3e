//! One direction of a map's grid: where its cells begin and end, in level-0 pixels.
//!
//! Invariant: the cells cover `0..length` but for the gaps between cells that are narrower than their step; every cell of a
//! grid without gaps holds at least one pixel of the slide.

use std::ops::Range;

/// Cells in a row, in level-0 pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// Where the first cell begins; at or before the slide's edge.
    pub start: i64,
    /// From the beginning of one cell to that of the next.
    pub step: i64,
    /// Side of a cell; smaller than the step where tiles leave gaps.
    pub side: i64,
    /// The number of cells.
    pub count: u32,
    /// Length of the slide.
    pub length: i64,
}

impl Axis {
    /// Covers `0..length` with cells, one of which begins at `anchor`.
    pub fn new(length: u32, step: u32, side: u32, anchor: i64) -> Self {
        let (length, step) = (i64::from(length), i64::from(step));
        let start = -(-anchor).rem_euclid(step);
        let count = u32::try_from(ceil_div(length - start, step)).unwrap_or(u32::MAX);
        Self { start, step, side: step.min(i64::from(side)), count, length }
    }

    /// The edges of a cell, which may lie beyond those of the slide.
    pub fn edges(&self, cell: u32) -> (i64, i64) {
        let from = self.start + i64::from(cell) * self.step;
        (from, from + self.side)
    }

    /// Where the cells before `at` and from `at` on meet, for cells without gaps; never beyond the slide.
    pub fn corner(&self, at: usize) -> i64 {
        let at = i64::try_from(at).unwrap_or(i64::MAX).min(i64::from(self.count));
        (self.start + at * self.step).clamp(0, self.length)
    }

    /// The edges of the part of a cell that lies on the slide.
    pub fn on_slide(&self, cell: u32) -> (i64, i64) {
        let (from, to) = self.edges(cell);
        (from.max(0), to.min(self.length))
    }

    /// Twice the centre of the part of a cell that lies on the slide; doubled, it is whole.
    pub fn double_centre(&self, cell: u32) -> i64 {
        let (from, to) = self.on_slide(cell);
        from + to
    }

    /// The cells that share a pixel with `from..to`.
    pub fn cells_in(&self, from: i64, to: i64) -> Range<u32> {
        let clamped = |cell: i64| u32::try_from(cell.clamp(0, i64::from(self.count))).unwrap_or(self.count);
        let first = (from - self.start - self.side).div_euclid(self.step) + 1;
        clamped(first)..clamped(ceil_div(to - self.start, self.step))
    }

    /// The cell that holds a coordinate; none in the gap between two cells or outside.
    pub fn cell_at(&self, at: i64) -> Option<u32> {
        let (cell, inside) = ((at - self.start).div_euclid(self.step), (at - self.start).rem_euclid(self.step));
        u32::try_from(cell).ok().filter(|&cell| cell < self.count && inside < self.side)
    }
}

/// Division that rounds up, for a positive divisor.
fn ceil_div(value: i64, by: i64) -> i64 {
    -(-value).div_euclid(by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cover_the_slide_and_are_found_by_pixel_and_by_range() {
        for (step, side, anchor) in [(100, 100, 0), (100, 100, 37), (100, 60, -20), (7, 7, 3), (2000, 2000, 0)] {
            let axis = Axis::new(1000, step, side, anchor);
            assert!(axis.start <= 0 && axis.start > -axis.step);
            assert!(axis.edges(axis.count - 1).0 < 1000 && axis.edges(axis.count).0 >= 1000);
            for (from, to) in [(0, 1), (-30, 15), (95, 105), (437, 791), (990, 1200)] {
                let slow: Vec<u32> =
                    (0..axis.count).filter(|&cell| axis.edges(cell).1 > from && axis.edges(cell).0 < to).collect();
                assert_eq!(axis.cells_in(from, to).collect::<Vec<_>>(), slow, "{from}..{to} of {axis:?}");
            }
            for at in -5..1005 {
                let slow = (0..axis.count).find(|&cell| (axis.edges(cell).0..axis.edges(cell).1).contains(&at));
                assert_eq!(axis.cell_at(at), slow, "{at} of {axis:?}");
            }
        }
    }

    #[test]
    fn the_centre_of_a_cell_at_the_edge_lies_on_the_slide() {
        let axis = Axis::new(1000, 300, 300, 0);
        assert_eq!([axis.double_centre(0), axis.double_centre(3)], [300, 1900]);
    }
}
