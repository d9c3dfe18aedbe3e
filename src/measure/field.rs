//! The scored cells of a map as a list, each with its area, its scores and the square of tissue it lies in.
//!
//! Invariant: cells of a class that stands for background are no tissue; they take part in nothing but their own area.

use super::config::MeasureConfig;
use crate::map::{BiomarkerMap, Cell};
use crate::raster::Mask;
use crate::tile::{Meaning, Reading, Role};
use std::collections::HashMap;

/// One scored cell.
pub(super) struct Place<'a> {
    /// Column and row of the map.
    pub col: u32,
    /// Row of the map.
    pub row: u32,
    /// Its area on the slide, mm².
    pub mm2: f64,
    /// Its scores, `[K]`.
    pub scores: &'a [f32],
    /// The number of its square; of background the number after the last one.
    pub block: usize,
    /// False for background.
    pub tissue: bool,
}

/// All scored cells of a map.
pub(super) struct Field<'a> {
    pub map: &'a BiomarkerMap,
    pub readings: &'a [Reading],
    pub places: Vec<Place<'a>>,
    /// How many squares hold tissue.
    pub blocks: usize,
    /// Where each class is present, cell by cell of the map.
    pub present: Vec<Mask>,
}

impl<'a> Field<'a> {
    pub fn new(map: &'a BiomarkerMap, readings: &'a [Reading], config: &MeasureConfig) -> Self {
        let present: Vec<Mask> =
            readings.iter().enumerate().map(|(class, reading)| map.positive(class, reading.threshold)).collect();
        let background: Vec<&Mask> = of_role(&present, readings, Role::Background).collect();
        let side = cells_a_side(config.block_um, map.step_um());
        let mm2_per_px = (map.mpp().get() / 1000.0).powi(2);
        let mut blocks = HashMap::new();
        let mut places = Vec::new();
        for (col, row, cell) in map.cells() {
            let (Cell::Scored(scores), Some(rect)) = (cell, map.rect_l0(col, row)) else { continue };
            let mm2 = f64::from(rect.w) * f64::from(rect.h) * mm2_per_px;
            let tissue = !background.iter().any(|mask| mask.get(i64::from(col), i64::from(row)));
            let next = blocks.len();
            let block = if tissue { *blocks.entry((col / side, row / side)).or_insert(next) } else { usize::MAX };
            places.push(Place { col, row, mm2, scores, block, tissue });
        }
        let blocks = blocks.len();
        for place in &mut places {
            place.block = place.block.min(blocks);
        }
        Self { map, readings, places, blocks, present }
    }

    /// Whether a mask of the map's cells holds a place.
    pub fn holds(mask: &Mask, place: &Place<'_>) -> bool {
        mask.get(i64::from(place.col), i64::from(place.row))
    }

    /// The number of a place's cell, row by row of the map.
    pub fn cell(&self, place: &Place<'_>) -> usize {
        place.row as usize * self.map.cols() as usize + place.col as usize
    }

    /// The places for which something holds, as a mask of the map's cells.
    pub fn mask(&self, holds: impl Fn(&Place<'_>) -> bool) -> Mask {
        let mut mask = Mask::filled(self.map.size(), false);
        for place in self.places.iter().filter(|place| holds(place)) {
            mask.as_mut_slice()[self.cell(place)] = true;
        }
        mask
    }

    /// All scored tissue.
    pub fn tissue(&self) -> Mask {
        self.mask(|place| place.tissue)
    }

    /// Whether each cell is of one class only.
    pub fn exclusive(&self) -> bool {
        *self.map.meaning() == Meaning::Classes && self.readings.iter().all(|reading| reading.threshold.is_none())
    }

    /// Where any class of a role is present; none when no class has it.
    pub fn role(&self, role: Role) -> Option<Mask> {
        of_role(&self.present, self.readings, role).cloned().reduce(|mut all, more| {
            all.as_mut_slice().iter_mut().zip(more.as_slice()).for_each(|(all, &more)| *all |= more);
            all
        })
    }

    /// Names of the classes of a role, for words.
    pub fn names(&self, role: Role) -> Vec<&str> {
        let names = self.map.class_names().iter().zip(self.readings);
        names.filter(|(_, reading)| reading.role == Some(role)).map(|(name, _)| name.as_str()).collect()
    }
}

fn of_role<'m>(present: &'m [Mask], readings: &'m [Reading], role: Role) -> impl Iterator<Item = &'m Mask> {
    present.iter().zip(readings).filter(move |(_, reading)| reading.role == Some(role)).map(|(mask, _)| mask)
}

/// How many cells make a length; at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
pub(super) fn cells_a_side(length_um: f64, cell_um: f64) -> u32 {
    (length_um / cell_um).round().clamp(1.0, f64::from(u32::MAX)) as u32
}
