//! Cells of a grid → for each cell the cells that touch it, in one flat list.
//!
//! Invariants: cells keep the order in which they were given; neighbours of a cell stand in reading order; if a is a
//! neighbour of b, b is one of a. A cell without neighbours, an island, stays a cell.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// Which cells touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contiguity {
    /// Those that share a side or a corner: up to 8.
    #[default]
    Queen,
    /// Those that share a side: up to 4.
    Rook,
}

impl Contiguity {
    /// Steps (columns, rows) to the neighbours, in reading order.
    fn steps(self) -> &'static [(i64, i64)] {
        match self {
            Self::Queen => &[(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)],
            Self::Rook => &[(0, -1), (-1, 0), (1, 0), (0, 1)],
        }
    }
}

/// The most neighbours that a cell can have.
pub(super) const MOST: usize = 8;

/// Which cells are neighbours of which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    /// Where the neighbours of each cell begin in `links`; one more for the end.
    starts: Vec<usize>,
    links: Vec<u32>,
}

impl Neighbours {
    /// Neighbours among `cells`, each (column, row).
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a cell is given twice, [`ErrorKind::Limits`] when there are 2^32 or more.
    pub fn of(cells: &[(u32, u32)], contiguity: Contiguity) -> Result<Self> {
        let order = reading_order(cells)?;
        let place = |cell: u32| (i64::from(cells[cell as usize].1), i64::from(cells[cell as usize].0));
        let mut found = vec![([0_u32; MOST], 0_usize); cells.len()];
        for &(columns, rows) in contiguity.steps() {
            // Cells and the places that are one step off stand in the same order, so one pass finds them all.
            let mut at = 0;
            for &cell in &order {
                let (row, column) = place(cell);
                let sought = (row + rows, column + columns);
                at += order[at..].iter().take_while(|&&other| place(other) < sought).count();
                let Some(&other) = order.get(at).filter(|&&other| place(other) == sought) else { continue };
                let (list, count) = &mut found[cell as usize];
                list[*count] = other;
                *count += 1;
            }
        }
        let mut starts = vec![0];
        let mut links = Vec::with_capacity(found.iter().map(|(_, count)| count).sum());
        for (list, count) in found {
            links.extend(&list[..count]);
            starts.push(links.len());
        }
        Ok(Self { starts, links })
    }

    /// The number of cells.
    pub fn cells(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of ordered pairs of neighbours: each pair counts twice.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// The neighbours of a cell.
    ///
    /// # Panics
    /// When there is no such cell.
    pub fn of_cell(&self, cell: usize) -> &[u32] {
        &self.links[self.starts[cell]..self.starts[cell + 1]]
    }

    /// The neighbours of each cell, cells in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.starts.windows(2).map(|ends| &self.links[ends[0]..ends[1]])
    }

    /// The cells that have no neighbour.
    pub fn islands(&self) -> impl Iterator<Item = usize> {
        self.iter().enumerate().filter(|(_, near)| near.is_empty()).map(|(cell, _)| cell)
    }

    /// For each cell the mean of its neighbours' values; `None` for an island.
    ///
    /// # Panics
    /// When there is not a value for each cell.
    pub fn means(&self, values: &[f64]) -> Vec<Option<f64>> {
        let mean = |near: &[u32]| (!near.is_empty()).then(|| sum(near, values) / near.len() as f64);
        self.iter().map(mean).collect()
    }
}

/// The sum of the values of some cells.
pub(super) fn sum(cells: &[u32], values: &[f64]) -> f64 {
    cells.iter().map(|&cell| values[cell as usize]).sum()
}

/// Cells by row, then by column.
///
/// # Errors
/// As [`Neighbours::of`].
pub(super) fn reading_order(cells: &[(u32, u32)]) -> Result<Vec<u32>> {
    let count = u32::try_from(cells.len()).map_err(|_| {
        Error::new(ErrorKind::Limits, "SPA-0001", format!("expected fewer than 2^32 cells, found {}", cells.len()))
    })?;
    let place = |&cell: &u32| (cells[cell as usize].1, cells[cell as usize].0);
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_unstable_by_key(place);
    if let Some([cell, _]) = order.array_windows().find(|[cell, next]| place(cell) == place(next)) {
        let (row, column) = place(cell);
        let message = format!("expected each cell once, found column {column}, row {row} twice");
        return Err(Error::new(ErrorKind::Usage, "SPA-0002", message));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_cells_are_neighbours_in_whatever_order_they_are_given() {
        // . 2 .
        // 0 1 .
        // . . 3      and 4 far off
        let cells = [(0, 1), (1, 1), (1, 0), (2, 2), (u32::MAX, u32::MAX)];
        let queen = Neighbours::of(&cells, Contiguity::Queen).unwrap();
        assert_eq!(queen.iter().collect::<Vec<_>>(), [&[2, 1][..], &[2, 0, 3], &[0, 1], &[1], &[]]);
        assert_eq!((queen.cells(), queen.links(), queen.islands().collect::<Vec<_>>()), (5, 8, vec![4]));
        assert_eq!(queen.means(&[1.0, 2.0, 4.0, 8.0, 9.0])[1..], [Some(13.0 / 3.0), Some(1.5), Some(2.0), None]);
        let rook = Neighbours::of(&cells, Contiguity::Rook).unwrap();
        assert_eq!(rook.iter().collect::<Vec<_>>(), [&[1][..], &[2, 0], &[1], &[], &[]]);
        assert_eq!(Neighbours::of(&[], Contiguity::Rook).unwrap().cells(), 0);
    }

    #[test]
    fn a_cell_that_is_given_twice_is_refused() {
        let error = Neighbours::of(&[(3, 4), (0, 0), (3, 4)], Contiguity::Queen).unwrap_err();
        assert_eq!(error.code(), "SPA-0002");
        assert!(error.message().contains("column 3, row 4"));
    }
}
