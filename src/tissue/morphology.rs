//! Mask → mask: dilation, erosion, closing and opening by squares.
//!
//! Invariant: what lies outside the image has no say; it neither grows into the image nor eats from its edge.
//! Masks only: no grey values, no units but pixels of the mask.

use crate::geometry::Size;
use crate::raster::Mask;
use rayon::prelude::*;

/// A rectangle of ones that is square: how far it reaches before (left, above) and after (right, below) its origin.
///
/// # Units
/// Pixels of the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    before_px: usize,
    after_px: usize,
}

impl Square {
    /// A square of side `2 * radius_px + 1` around its origin.
    pub fn around(radius_px: usize) -> Self {
        Self { before_px: radius_px, after_px: radius_px }
    }

    /// A square of any side; the origin of an even one lies just right of and below its centre, as in scikit-image.
    pub fn of_side(side_px: usize) -> Self {
        Self { before_px: side_px / 2, after_px: side_px.saturating_sub(1) / 2 }
    }

    /// The square turned by 180 degrees.
    fn mirrored(self) -> Self {
        Self { before_px: self.after_px, after_px: self.before_px }
    }
}

/// True where any pixel under the mirrored square is true.
pub fn dilate(mask: &Mask, square: Square) -> Mask {
    let reach = square.mirrored();
    window(mask, reach, |count, _| count > 0)
}

/// True where every pixel under the square is true.
pub fn erode(mask: &Mask, square: Square) -> Mask {
    window(mask, square, |count, pixels| count == pixels)
}

/// Dilation, then erosion: closes gaps narrower than the square.
pub fn close(mask: &Mask, square: Square) -> Mask {
    erode(&dilate(mask, square), square)
}

/// Erosion, then dilation: removes what is narrower than the square.
pub fn open(mask: &Mask, square: Square) -> Mask {
    dilate(&erode(mask, square), square)
}

/// Decides each pixel by the number of true pixels in the window around it and the number of pixels there.
fn window(mask: &Mask, reach: Square, decide: impl Fn(u64, u64) -> bool + Sync) -> Mask {
    let sums = SummedArea::new(mask);
    let size = mask.size();
    let (width, height) = (size.w as usize, size.h as usize);
    let mut out = Mask::filled(size, false);
    if size.area() == 0 {
        return out;
    }
    out.as_mut_slice().par_chunks_mut(width).enumerate().for_each(|(y, row)| {
        let (top, bottom) = (y.saturating_sub(reach.before_px), (y + reach.after_px + 1).min(height));
        for (x, value) in row.iter_mut().enumerate() {
            let (left, right) = (x.saturating_sub(reach.before_px), (x + reach.after_px + 1).min(width));
            let pixels = ((bottom - top) * (right - left)) as u64;
            *value = decide(sums.count(left, top, right, bottom), pixels);
        }
    });
    out
}

/// For each corner between pixels the number of true pixels above and left of it: any rectangle's count in four reads.
///
/// # Source
/// F. C. Crow, Summed-area tables for texture mapping, SIGGRAPH 1984, doi:10.1145/800031.808600.
#[derive(Debug, Clone)]
pub struct SummedArea {
    columns: usize,
    sums: Vec<u32>,
}

impl SummedArea {
    /// Adds up a mask.
    pub fn new(mask: &Mask) -> Self {
        let Size { w, h } = mask.size();
        let columns = w as usize + 1;
        let mut sums = vec![0u32; columns * (h as usize + 1)];
        for (y, row) in mask.as_slice().chunks_exact((w as usize).max(1)).enumerate() {
            let mut here = 0;
            for (x, &value) in row.iter().enumerate() {
                here += u32::from(value);
                sums[(y + 1) * columns + x + 1] = sums[y * columns + x + 1] + here;
            }
        }
        Self { columns, sums }
    }

    /// The true pixels with `left <= x < right` and `top <= y < bottom`.
    ///
    /// # Panics
    /// When the rectangle leaves the mask.
    pub fn count(&self, left: usize, top: usize, right: usize, bottom: usize) -> u64 {
        let at = |x, y| u64::from(self.at(x, y));
        at(right, bottom) + at(left, top) - at(left, bottom) - at(right, top)
    }

    /// The true pixels above and left of a corner: `0 <= x <= w`, `0 <= y <= h`.
    ///
    /// # Panics
    /// When there is no such corner.
    pub fn at(&self, x: usize, y: usize) -> u32 {
        self.sums[y * self.columns + x]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let size = Size::new(u32::try_from(rows[0].len()).unwrap(), u32::try_from(rows.len()).unwrap());
        Mask::from_vec(size, rows.concat().chars().map(|c| c == '#').collect()).unwrap()
    }

    #[test]
    fn even_squares_reach_further_before_and_closing_does_not_shift() {
        let mut dot = Mask::filled(Size::new(9, 9), false);
        dot.as_mut_slice()[4 * 9 + 4] = true;
        let grown = dilate(&dot, Square::of_side(6));
        // scikit-image 0.26: a dot at 4 becomes 1 to 6 in a 6 x 6 dilation.
        let columns: Vec<i64> = (0..9).filter(|&x| grown.get(x, 4)).collect();
        assert_eq!(columns, [1, 2, 3, 4, 5, 6]);
        assert_eq!(close(&dot, Square::of_side(6)), dot);
    }

    #[test]
    fn closing_bridges_a_gap_and_opening_removes_a_line() {
        let gap = mask(&["###..###", "###..###", "###..###"]);
        assert_eq!(close(&gap, Square::around(1)).count(), 24);
        let line = mask(&["........", ".######.", "........"]);
        assert_eq!(open(&line, Square::around(1)).count(), 0);
    }
}
