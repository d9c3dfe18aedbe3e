//! A map → frames of one size, left to right, then top to bottom; those at the right and bottom reach over its edge.

use crate::map::{BiomarkerMap, Cell};

/// The longest side of a frame: most maps are one frame.
const MOST: u32 = 512;

/// How a map is cut, and where its cells lie in millimetres.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a> {
    map: &'a BiomarkerMap,
    /// Columns and rows of a frame.
    pub size: (u32, u32),
    /// Distance between neighbouring cells.
    pub spacing_mm: f64,
    /// Centre of the first cell, from the left and from the bottom of level 0.
    origin_mm: (f64, f64),
}

impl<'a> Frames<'a> {
    pub fn of(map: &'a BiomarkerMap) -> Self {
        let mm = map.mpp().get() / 1000.0;
        let half = f64::from(map.cell_side_l0()) / 2.0;
        let (x, y) = map.origin_l0();
        let origin_mm = ((x as f64 + half) * mm, (f64::from(map.slide_l0().h) - y as f64 - half) * mm);
        let side = |count: u32| count.clamp(1, MOST);
        Self { map, size: (side(map.cols()), side(map.rows())), spacing_mm: f64::from(map.step_l0()) * mm, origin_mm }
    }

    /// The whole map: columns and rows, at least one, as there is no picture without pixels.
    pub fn whole(&self) -> (u32, u32) {
        (self.map.cols().max(1), self.map.rows().max(1))
    }

    /// How many frames the map takes.
    pub fn count(&self) -> usize {
        let (cols, rows) = self.whole();
        cols.div_ceil(self.size.0) as usize * rows.div_ceil(self.size.1) as usize
    }

    /// How many pixels the frames have together.
    pub fn pixels(&self) -> usize {
        self.count() * self.size.0 as usize * self.size.1 as usize
    }

    /// Column and row of the first cell of each frame.
    pub fn corners(&self) -> impl Iterator<Item = (u32, u32)> {
        let ((cols, rows), size) = (self.whole(), self.size);
        let steps = |most: u32, step: u32| (0..most).step_by(step as usize);
        steps(rows, size.1).flat_map(move |row| steps(cols, size.0).map(move |col| (col, row)))
    }

    /// All pixels, frame by frame, each row by row; beyond the map there is no tissue.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> {
        let ((wide, high), map) = (self.size, self.map);
        self.corners().flat_map(move |(col, row)| {
            (0..high).flat_map(move |down| (0..wide).map(move |right| map.cell(col + right, row + down)))
        })
    }

    /// The centre of a cell: millimetres from the left and from the bottom of level 0.
    pub fn place_mm(&self, (col, row): (u32, u32)) -> (f64, f64) {
        let (x, y) = self.origin_mm;
        (x + f64::from(col) * self.spacing_mm, y - f64::from(row) * self.spacing_mm)
    }
}
