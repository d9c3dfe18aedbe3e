//! How much each part of a picture counts: a coarse grid of numbers, and its way to the picture's pixels.

use crate::geometry::Size;

/// Numbers from 0 up over a picture, in equal cells, rows top to bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    cols: usize,
    rows: usize,
    values: Vec<f32>,
}

impl HeatMap {
    /// Wraps numbers `[rows, cols]`; `None` when there are none, not as many, or one is negative or not finite.
    pub fn from_vec(cols: usize, rows: usize, values: Vec<f32>) -> Option<Self> {
        let fits = !values.is_empty() && cols.checked_mul(rows) == Some(values.len());
        let sound = values.iter().all(|value| value.is_finite() && *value >= 0.0);
        (fits && sound).then_some(Self { cols, rows, values })
    }

    /// The numbers, `[rows, cols]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The largest number; 0 when nothing counts.
    pub fn peak(&self) -> f32 {
        self.values.iter().copied().fold(0.0, f32::max)
    }

    /// The centre of mass, as parts of the picture's width and height from its top-left corner; `None` when nothing counts.
    pub fn centre(&self) -> Option<(f64, f64)> {
        let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
        for (at, &value) in self.values.iter().enumerate() {
            let value = f64::from(value);
            sum += value;
            x += value * ((at % self.cols) as f64 + 0.5);
            y += value * ((at / self.cols) as f64 + 0.5);
        }
        (sum > 0.0).then(|| (x / sum / self.cols as f64, y / sum / self.rows as f64))
    }

    /// The numbers at each pixel of a picture, `[h, w]`: bilinear between the cells' centres, beyond them the nearest.
    pub fn at_size(&self, size: Size) -> Vec<f32> {
        let (columns, rows) = (taps(self.cols, size.w), taps(self.rows, size.h));
        let mut out = Vec::with_capacity(columns.len() * rows.len());
        for &(top, bottom, down) in &rows {
            let at = |row: usize, col: usize| self.values[row * self.cols + col];
            for &(left, right, along) in &columns {
                let above = at(top, left) + (at(top, right) - at(top, left)) * along;
                let below = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * along;
                out.push(above + (below - above) * down);
            }
        }
        out
    }
}

/// For each pixel of a side the two cells that its centre lies between, and how far it is from the first to the second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the cells")]
fn taps(cells: usize, side_px: u32) -> Vec<(usize, usize, f32)> {
    let last = (cells - 1) as f64;
    let scale = cells as f64 / f64::from(side_px);
    let tap = |px: u32| {
        let place = ((f64::from(px) + 0.5) * scale - 0.5).clamp(0.0, last);
        let first = place.floor() as usize;
        (first, (first + 1).min(cells - 1), (place - place.floor()) as f32)
    };
    (0..side_px).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bilinear_between_centres_and_constant_beyond() {
        let map = HeatMap::from_vec(2, 1, vec![0.0, 4.0]).unwrap();
        assert_eq!(map.at_size(Size::new(4, 2)), [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
        assert_eq!(map.at_size(Size::new(2, 1)), map.values());
        assert_eq!(map.at_size(Size::new(1, 1)), [2.0]);
        assert_eq!(map.at_size(Size::new(0, 5)), [0.0; 0]);
    }

    #[test]
    fn peak_and_centre_are_those_of_the_mass() {
        let map = HeatMap::from_vec(2, 2, vec![0.0, 1.0, 0.0, 3.0]).unwrap();
        assert_eq!((map.peak(), map.centre()), (3.0, Some((0.75, 0.625))));
        let nothing = HeatMap::from_vec(3, 1, vec![0.0; 3]).unwrap();
        assert_eq!((nothing.peak(), nothing.centre()), (0.0, None));
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for (cols, rows, values) in [
            (0, 0, vec![]),
            (2, 2, vec![1.0; 3]),
            (1, 1, vec![-1.0]),
            (1, 1, vec![f32::NAN]),
            (usize::MAX, 2, vec![1.0]),
        ] {
            assert_eq!(HeatMap::from_vec(cols, rows, values), None);
        }
    }
}
