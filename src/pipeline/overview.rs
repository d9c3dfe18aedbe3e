//! A picture of a whole slide, small enough for memory: what tissue is found on and results are drawn over.

use crate::error::Result;
use crate::geometry::{Rect, Size};
use crate::raster::RgbImage8;
use crate::slide::Slide;

/// Pixels that an overview may have; a level beyond it is averaged down while it is read.
const MAX_OVERVIEW_PX: u64 = 48 << 20;
/// Rows of the overview made from one band of the level.
const BAND_ROWS: u32 = 64;
/// What lies beyond the slide or was never scanned.
const WHITE: [u8; 3] = [255; 3];

/// Reads a whole level, averaged over square blocks where it would not fit.
///
/// # Errors
/// Those of [`Slide::read_region`].
pub(super) fn overview(slide: &Slide, level: usize) -> Result<RgbImage8> {
    let size = slide.levels()[level].size;
    let block = u32::try_from(size.area().div_ceil(MAX_OVERVIEW_PX)).unwrap_or(u32::MAX).isqrt().max(1);
    let block = if u64::from(block) * u64::from(block) * MAX_OVERVIEW_PX < size.area() { block + 1 } else { block };
    if block == 1 {
        return slide.read_region(level, Rect::new(0, 0, size.w, size.h), WHITE);
    }
    let small = Size::new(size.w.div_ceil(block), size.h.div_ceil(block));
    let mut picture = RgbImage8::filled(small, WHITE);
    let mut row = 0;
    while row < small.h {
        let rows = BAND_ROWS.min(small.h - row);
        let top = row * block;
        let height = (rows * block).min(size.h - top);
        let band = slide.read_region(level, Rect::new(0, i64::from(top), size.w, height), WHITE)?;
        picture.paste(&average(&band, block), 0, i64::from(row));
        row += rows;
    }
    Ok(picture)
}

/// The mean colour of each block of `block` x `block` pixels, and of what there is of it at the edges.
fn average(band: &RgbImage8, block: u32) -> RgbImage8 {
    let size = band.size();
    let small = Size::new(size.w.div_ceil(block), size.h.div_ceil(block));
    let mut data = Vec::with_capacity(small.w as usize * small.h as usize * 3);
    for y in 0..small.h {
        for x in 0..small.w {
            let (mut sum, mut count) = ([0_u32; 3], 0);
            for yy in y * block..((y + 1) * block).min(size.h) {
                for xx in x * block..((x + 1) * block).min(size.w) {
                    let pixel = band.pixel(xx, yy);
                    (0..3).for_each(|c| sum[c] += u32::from(pixel[c]));
                    count += 1;
                }
            }
            data.extend(sum.map(|sum| u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX)));
        }
    }
    RgbImage8::from_vec(small, data).unwrap_or_else(|| RgbImage8::filled(small, WHITE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_averaged_also_at_the_edges() {
        let band = RgbImage8::from_vec(Size::new(3, 1), vec![0, 10, 20, 2, 20, 40, 9, 9, 9]).unwrap();
        let small = average(&band, 2);
        assert_eq!(small.size(), Size::new(2, 1));
        assert_eq!((small.pixel(0, 0), small.pixel(1, 0)), ([1, 15, 30], [9, 9, 9]));
    }
}
