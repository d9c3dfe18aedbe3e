//! Cells in rows and columns under names, as of a matrix.

use super::canvas::{Anchor, Canvas, Look, shortened, text_px};

/// Names are cut beyond this.
const LONGEST_PX: f64 = 170.0;

/// Where the cells lie. Column names are turned by 45 degrees where they are wider than a cell.
pub(super) struct Cells {
    rows: Vec<String>,
    columns: Vec<String>,
    pub left: f64,
    pub top: f64,
    pub cell_w: f64,
    pub cell_h: f64,
    size: f64,
    flat: bool,
    /// How far the last column's name reaches beyond its cell.
    reach: f64,
}

impl Cells {
    /// Cells of `cell` pixels, names in letters of `size`.
    pub fn new(rows: &[String], columns: &[String], [cell_w, cell_h]: [f64; 2], size: f64) -> Self {
        let short = |names: &[String]| names.iter().map(|name| shortened(name, LONGEST_PX, size)).collect::<Vec<_>>();
        let widest = |names: &[String]| names.iter().map(|name| text_px(name, size)).fold(0.0, f64::max);
        let (rows, columns) = (short(rows), short(columns));
        let flat = widest(&columns) <= cell_w - 6.0;
        // Turned by 45 degrees, a name is as high as it reaches to the right.
        let slope = widest(&columns) * std::f64::consts::FRAC_1_SQRT_2;
        let (left, top) = (widest(&rows) + 38.0, if flat { 50.0 } else { slope + 48.0 });
        let reach = if flat { 0.0 } else { slope - cell_w / 2.0 + 8.0 };
        Self { rows, columns, left, top, cell_w, cell_h, size, flat, reach }
    }

    /// Where the last column ends.
    pub fn right(&self) -> f64 {
        self.left + self.cell_w * self.columns.len() as f64
    }

    /// Where the last row ends.
    pub fn bottom(&self) -> f64 {
        self.top + self.cell_h * self.rows.len() as f64
    }

    /// The width that cells and names take.
    pub fn width(&self) -> f64 {
        self.right() + self.reach.max(0.0)
    }

    /// The top-left corner of a cell.
    pub fn corner(&self, row: usize, column: usize) -> [f64; 2] {
        [self.left + self.cell_w * column as f64, self.top + self.cell_h * row as f64]
    }

    /// Writes what rows and columns are, and their names.
    pub fn names(&self, canvas: &mut Canvas, [row_title, column_title]: [&str; 2]) {
        canvas.text([f64::midpoint(self.left, self.right()), 14.0], Anchor::Middle, Look::HEAD, column_title);
        let upwards = Look { turned: -90, ..Look::HEAD };
        canvas.text([14.0, f64::midpoint(self.top, self.bottom())], Anchor::Middle, upwards, row_title);
        let look = Look { size: self.size, ..Look::PLAIN };
        for (at, name) in self.columns.iter().enumerate() {
            let x = self.left + self.cell_w * (at as f64 + 0.5);
            if self.flat {
                canvas.text([x, self.top - 10.0], Anchor::Middle, look, name);
            } else {
                canvas.text([x + 3.0, self.top - 8.0], Anchor::Start, Look { turned: -45, ..look }, name);
            }
        }
        for (at, name) in self.rows.iter().enumerate() {
            let y = self.top + self.cell_h * (at as f64 + 0.5);
            canvas.text([self.left - 8.0, y + 4.5], Anchor::End, look, name);
        }
    }
}
