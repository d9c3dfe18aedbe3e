//! The places where there is most of something: squares of a given area, found greedily and without overlap.
//!
//! A largest value is large by chance, too. So `p` is how often the largest of all squares reaches as much when the cells of
//! the tissue are shuffled; it holds for each spot, whichever its rank. A largest value has no honest interval by drawing
//! squares anew, so it has none.

use super::config::MeasureConfig;
use super::field::{Field, Place, cells_a_side};
use crate::geometry::Rect;
use crate::random::Random;
use crate::tile::{Meaning, Role};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A square counts when at least this share of it is scored tissue.
const LEAST_TISSUE: f64 = 0.5;
/// Kept apart from the random numbers of other purposes.
const STREAM: u64 = 0x5b07;
/// What rounding leaves of sums over a whole map.
const DUST: f64 = 1e-9;

/// The squares with most of one class or number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotSpots {
    /// The class or number.
    pub of: String,
    /// From the largest down.
    pub spots: Vec<HotSpot>,
}

/// One square.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HotSpot {
    /// Left edge, level-0 pixels.
    pub x_l0: i64,
    /// Upper edge, level-0 pixels.
    pub y_l0: i64,
    /// Width, level-0 pixels.
    pub w_l0: u32,
    /// Height, level-0 pixels.
    pub h_l0: u32,
    /// Scored tissue within it, mm².
    pub tissue_mm2: f64,
    /// The class's share of that tissue, or the number's mean over it.
    pub value: f64,
    /// How often chance alone makes a square with as much; none when no arrangement was drawn.
    pub p: Option<f64>,
}

/// Hot spots of immune cells and tumour, or of every estimated number.
pub(super) fn hot_spots(field: &Field<'_>, config: &MeasureConfig) -> Vec<HotSpots> {
    let names = field.map.class_names().iter().enumerate();
    let estimates = matches!(field.map.meaning(), Meaning::Estimates(_));
    let wanted = names.filter(|(class, _)| {
        let role = field.readings[*class].role;
        estimates || matches!(role, Some(Role::Immune | Role::Tumour)) || *field.map.meaning() == Meaning::Findings
    });
    let of = |(class, name): (usize, &String)| {
        let value = |place: &Place<'_>| {
            if estimates {
                f64::from(place.scores[class])
            } else {
                f64::from(u8::from(Field::holds(&field.present[class], place)))
            }
        };
        let values: Vec<f64> = field.places.iter().filter(|place| place.tissue).map(value).collect();
        HotSpots { of: name.clone(), spots: find(field, &values, !estimates, config) }
    };
    wanted.map(of).filter(|found| !found.spots.is_empty()).collect()
}

/// `shares` are of what is there or not, of which squares without any are no spots.
fn find(field: &Field<'_>, values: &[f64], shares: bool, config: &MeasureConfig) -> Vec<HotSpot> {
    let windows = Windows::new(field, config);
    if windows.places.is_empty() || (shares && values.iter().all(|value| *value <= 0.0)) {
        return Vec::new();
    }
    let mut best = windows.means(values);
    let largest = |arrangement: usize| {
        let mut shuffled = values.to_vec();
        Random::of(&[STREAM, config.seed, arrangement as u64]).shuffle(&mut shuffled);
        windows.means(&shuffled).into_iter().map(|(mean, _)| mean).fold(f64::MIN, f64::max)
    };
    let chance: Vec<f64> = (0..config.permutations).into_par_iter().map(largest).collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<(f64, usize)> = Vec::new();
    for (mean, window) in best {
        // Differences of sums leave some dust where there is nothing.
        if chosen.len() == config.hot_spots || (shares && mean <= DUST) {
            break;
        }
        if chosen.iter().all(|&(_, other)| windows.apart(window, other)) {
            chosen.push((mean, window));
        }
    }
    let spot = |(value, window): (f64, usize)| {
        let rect = windows.rect_l0(field, window);
        // Rounding of sums must not make the very arrangement that was found a chance that falls short of it.
        let reached = chance.iter().filter(|&&found| found >= value - DUST * (1.0 + value.abs())).count();
        let p = (!chance.is_empty()).then(|| (1 + reached) as f64 / (1 + chance.len()) as f64);
        let tissue_mm2 = windows.tissue_mm2[window];
        let value = if shares { value.clamp(0.0, 1.0) } else { value };
        HotSpot { x_l0: rect.x, y_l0: rect.y, w_l0: rect.w, h_l0: rect.h, tissue_mm2, value, p }
    };
    chosen.into_iter().map(spot).collect()
}

/// All squares with enough tissue.
struct Windows {
    cols: usize,
    rows: usize,
    side: usize,
    /// For each cell of tissue its place in the grid and its area.
    cells: Vec<(usize, f64)>,
    /// First column and row of each square.
    places: Vec<(usize, usize)>,
    /// Tissue of each square.
    tissue_mm2: Vec<f64>,
}

impl Windows {
    fn new(field: &Field<'_>, config: &MeasureConfig) -> Self {
        let (cols, rows) = (field.map.cols() as usize, field.map.rows() as usize);
        let side = cells_a_side(config.hot_spot_mm2.sqrt() * 1000.0, field.map.step_um()) as usize;
        let tissue = field.places.iter().filter(|place| place.tissue);
        let cells = tissue.map(|place| (field.cell(place), place.mm2)).collect();
        let mut windows = Self { cols, rows, side, cells, places: Vec::new(), tissue_mm2: Vec::new() };
        if side > cols || side > rows {
            return windows;
        }
        let areas = windows.table(|_, mm2| mm2);
        let whole_mm2 = (field.map.cell_um() * side as f64 / 1000.0).powi(2);
        for row in 0..=rows - side {
            for col in 0..=cols - side {
                let tissue = windows.sum(&areas, col, row);
                if tissue >= LEAST_TISSUE * whole_mm2 {
                    windows.places.push((col, row));
                    windows.tissue_mm2.push(tissue);
                }
            }
        }
        windows
    }

    /// Sums over all rectangles that begin in the first cell, with a leading column and row of zeros.
    ///
    /// # Source
    /// Crow 1984, doi:10.1145/964965.808600.
    fn table(&self, value: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        let width = self.cols + 1;
        let mut table = vec![0.0; width * (self.rows + 1)];
        for (at, &(cell, mm2)) in self.cells.iter().enumerate() {
            table[(cell / self.cols + 1) * width + cell % self.cols + 1] = value(at, mm2);
        }
        for row in 1..=self.rows {
            let mut along = 0.0;
            for col in 1..=self.cols {
                along += table[row * width + col];
                table[row * width + col] = along + table[(row - 1) * width + col];
            }
        }
        table
    }

    fn sum(&self, table: &[f64], col: usize, row: usize) -> f64 {
        let at = |col: usize, row: usize| table[row * (self.cols + 1) + col];
        let (right, bottom) = (col + self.side, row + self.side);
        at(right, bottom) - at(col, bottom) - at(right, row) + at(col, row)
    }

    /// The mean over the tissue of each square, with the square's number.
    fn means(&self, values: &[f64]) -> Vec<(f64, usize)> {
        let table = self.table(|at, mm2| mm2 * values[at]);
        let mean = |(window, &(col, row)): (usize, &(usize, usize))| {
            (self.sum(&table, col, row) / self.tissue_mm2[window], window)
        };
        self.places.iter().enumerate().map(mean).collect()
    }

    fn apart(&self, one: usize, other: usize) -> bool {
        let ((a, b), (c, d)) = (self.places[one], self.places[other]);
        a.abs_diff(c) >= self.side || b.abs_diff(d) >= self.side
    }

    /// The square on the slide.
    fn rect_l0(&self, field: &Field<'_>, window: usize) -> Rect {
        let (col, row) = self.places[window];
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let rect = |col: usize, row: usize| field.map.rect_l0(number(col), number(row));
        let (Some(first), Some(last)) = (rect(col, row), rect(col + self.side - 1, row + self.side - 1)) else {
            return Rect::new(0, 0, 0, 0);
        };
        let length = |from: i64, to: i64| u32::try_from(to - from).unwrap_or(u32::MAX);
        Rect::new(first.x, first.y, length(first.x, last.right()), length(first.y, last.bottom()))
    }
}
