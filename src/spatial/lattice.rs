//! Cells of a grid → rows of bits, in which all pairs of marked cells at one step are counted with a few operations per 64.
//!
//! Invariant: one rectangle holds all cells, and is no larger than [`MOST_PLACES`].

use super::neighbours::reading_order;
use crate::error::{Error, ErrorKind, Result};

/// The most places that the rectangle round the cells may have: 1,000,000 cells with as much again fifteen times between.
const MOST_PLACES: u64 = 1 << 24;

/// Where cells stand in the smallest rectangle that holds them all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lattice {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Column and row of each cell within the rectangle.
    pub(super) places: Vec<(usize, usize)>,
}

impl Lattice {
    /// The lattice of `cells`, each (column, row).
    ///
    /// # Errors
    /// As [`Neighbours::of`](super::Neighbours::of), and [`ErrorKind::Limits`] when the cells are too far apart.
    pub fn of(cells: &[(u32, u32)]) -> Result<Self> {
        reading_order(cells)?;
        let ends = |of: fn(&(u32, u32)) -> u32| {
            let (low, high) = (cells.iter().map(of).min(), cells.iter().map(of).max());
            low.zip(high).unwrap_or_default()
        };
        let ((left, right), (top, bottom)) = (ends(|cell| cell.0), ends(|cell| cell.1));
        let (width, height) = (u64::from(right - left) + 1, u64::from(bottom - top) + 1);
        if width.saturating_mul(height) > MOST_PLACES {
            let message = format!("expected cells within {MOST_PLACES} places, found {width} x {height}");
            return Err(Error::new(ErrorKind::Limits, "SPA-0003", message));
        }
        let places = cells.iter().map(|cell| ((cell.0 - left) as usize, (cell.1 - top) as usize)).collect();
        Ok(Self { width: (right - left) as usize + 1, height: (bottom - top) as usize + 1, places })
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.places.len()
    }

    /// Bits of the marked cells, for steps of up to `reach` columns.
    pub(super) fn bits(&self, marked: &[bool], reach: usize) -> Bits {
        // As many empty words between rows as a step can lead over the edge.
        let stride = self.width.div_ceil(64) + reach.min(self.width) / 64 + 1;
        let mut words = vec![0_u64; stride * (self.height + 1)];
        for (&(column, row), _) in self.places.iter().zip(marked).filter(|(_, mark)| **mark) {
            words[row * stride + column / 64] |= 1 << (column % 64);
        }
        Bits { words, stride, rows: self.height }
    }
}

/// Marks of a lattice, rows one after another.
pub(super) struct Bits {
    words: Vec<u64>,
    stride: usize,
    rows: usize,
}

impl Bits {
    /// The number of marked cells from which a marked one lies `columns` to the right, or to the left when negative, and
    /// `rows` below. `columns` are no more than the reach or the width, whichever is less, and `rows` less than the height.
    pub fn pairs(&self, columns: isize, rows: usize) -> u64 {
        let below = rows * self.stride;
        let aside = columns.unsigned_abs();
        let (skipped, bit) = (aside / 64, aside % 64);
        // A step to the left is one to the right from the other end.
        let (fixed, moved) = if columns < 0 { (below, 0) } else { (0, below) };
        let count = (self.rows - rows) * self.stride;
        let fixed = &self.words[fixed..fixed + count];
        let moved = &self.words[moved + skipped..];
        if bit == 0 {
            return fixed.iter().zip(moved).map(|(a, b)| u64::from((a & b).count_ones())).sum();
        }
        let shifted = moved.iter().zip(&moved[1..]).map(|(low, high)| low >> bit | high << (64 - bit));
        fixed.iter().zip(shifted).map(|(a, b)| u64::from((a & b).count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn pairs_are_those_found_one_by_one() {
        let mut random = Random::of(&[4]);
        for (width, height) in [(1, 1), (7, 5), (64, 3), (150, 9)] {
            let cells: Vec<(u32, u32)> = (0..width * height)
                .map(|at| (at % width + 90, at / width + 7))
                .filter(|_| random.unit() < 0.7)
                .collect();
            let lattice = Lattice::of(&cells).unwrap();
            let marked: Vec<bool> = cells.iter().map(|_| random.coin()).collect();
            let set: std::collections::HashSet<_> =
                cells.iter().zip(&marked).filter(|(_, mark)| **mark).map(|(cell, _)| *cell).collect();
            let bits = lattice.bits(&marked, 140);
            for (columns, rows) in [(0, 0), (1, 0), (-1, 1), (0, 2), (63, 1), (-64, 2), (65, 0), (-129, 1), (140, 3)] {
                if isize::unsigned_abs(columns) >= lattice.width || rows as usize >= lattice.height {
                    continue;
                }
                let aside = i32::try_from(columns).unwrap();
                let step = |&&(column, row): &&(u32, u32)| {
                    column.checked_add_signed(aside).is_some_and(|column| set.contains(&(column, row + rows)))
                };
                let expected = set.iter().filter(step).count() as u64;
                let found = bits.pairs(columns, rows as usize);
                assert_eq!(found, expected, "{width} x {height}, {columns} {rows}");
            }
        }
    }

    #[test]
    fn cells_far_apart_are_refused_before_anything_is_allocated() {
        assert_eq!(Lattice::of(&[(0, 0), (u32::MAX, u32::MAX)]).unwrap_err().code(), "SPA-0003");
        assert_eq!(Lattice::of(&[(5, 5), (5, 5)]).unwrap_err().code(), "SPA-0002");
        assert_eq!(Lattice::of(&[]).unwrap().cells(), 0);
        assert_eq!(Lattice::of(&[(9, u32::MAX), (7, u32::MAX)]).unwrap().places, [(2, 0), (0, 0)]);
    }
}
