//! Rectangles of pixels put together from chunks.
//!
//! Invariant: a pixel of the outcome is either decoded or the fill colour, and the fill colour stands only outside the
//! level and where the file holds no bytes; a chunk that cannot be decoded fails the whole region.

use super::driver::Driver;
use super::level::Level;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::limits::MAX_REGION_PX;
use crate::raster::RgbImage8;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// From this many chunks on a region is decoded by all cores; loaders read smaller ones, and are parallel themselves.
const PARALLEL_CHUNKS: usize = 16;

/// Reads `rect`, which may reach over the edges of the level.
///
/// # Errors
/// [`ErrorKind::Limits`] for a region that is too large, and those of [`Driver::read_chunk`].
pub(super) fn read(driver: &dyn Driver, index: usize, level: &Level, rect: Rect, fill: [u8; 3]) -> Result<RgbImage8> {
    let size = Size::new(rect.w, rect.h);
    if size.area() > MAX_REGION_PX {
        let message = format!("expected a region of at most {MAX_REGION_PX} px, found {size}");
        return Err(Error::new(ErrorKind::Limits, "WSI-0200", message));
    }
    let Some((inside, (cols, rows))) = level.overlap(rect).zip(level.chunks_under(rect)) else {
        return Ok(RgbImage8::filled(size, fill));
    };
    let pixels = Mutex::new(RgbImage8::filled(Size::new(inside.w, inside.h), fill));
    let place = |&(col, row): &(u32, u32)| -> Result<()> {
        if let Some(chunk) = driver.read_chunk(index, col, row)? {
            let x = i64::from(col) * i64::from(level.chunk.w) - inside.x;
            let y = i64::from(row) * i64::from(level.chunk.h) - inside.y;
            pixels.lock().unwrap_or_else(PoisonError::into_inner).paste(&chunk, x, y);
        }
        Ok(())
    };
    let chunks: Vec<(u32, u32)> = rows.flat_map(|row| cols.clone().map(move |col| (col, row))).collect();
    if chunks.len() < PARALLEL_CHUNKS {
        chunks.iter().try_for_each(place)?;
    } else {
        chunks.par_iter().try_for_each(place)?;
    }
    let pixels = pixels.into_inner().unwrap_or_else(PoisonError::into_inner);
    if inside == rect {
        return Ok(pixels);
    }
    // Chunks at the edge are stored full: what they hold beyond the level is padding, not glass.
    let mut whole = RgbImage8::filled(size, fill);
    whole.paste(&pixels, inside.x - rect.x, inside.y - rect.y);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slide::properties::Properties;

    /// A level of 5 x 3 pixels in chunks of 2 x 2, each filled with its own number; chunk 3 has no bytes, and those at
    /// the edge have padding that must never be seen.
    struct Numbered(Vec<Level>);

    impl Driver for Numbered {
        fn levels(&self) -> &[Level] {
            &self.0
        }

        fn properties(&self) -> &Properties {
            unreachable!("regions do not depend on properties")
        }

        fn read_chunk(&self, level: usize, col: u32, row: u32) -> Result<Option<RgbImage8>> {
            let number = u8::try_from(self.0[level].chunk_index(col, row).unwrap()).unwrap();
            Ok((number != 3).then(|| RgbImage8::filled(Size::new(2, 2), [number; 3])))
        }

        fn scratch_bytes(&self, _level: usize) -> u64 {
            0
        }

        fn read_time(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
    }

    fn region(x: i64, y: i64, w: u32, h: u32) -> Vec<u8> {
        let size = Size::new(5, 3);
        let level = Level::new(size, Size::new(2, 2), size).unwrap();
        let driver = Numbered(vec![level.clone()]);
        let image = read(&driver, 0, &level, Rect::new(x, y, w, h), [9; 3]).unwrap();
        image.as_bytes().chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn regions_join_chunks_and_fill_the_rest() {
        assert_eq!(region(1, 1, 3, 2), [0, 1, 1, 9, 4, 4]);
        assert_eq!(region(-1, -1, 3, 2), [9, 9, 9, 9, 0, 0]);
        assert_eq!(region(3, 1, 4, 3), [1, 2, 9, 9, 4, 5, 9, 9, 9, 9, 9, 9]);
        assert_eq!(region(0, 0, 5, 3), [0, 0, 1, 1, 2, 0, 0, 1, 1, 2, 9, 9, 4, 4, 5]);
    }

    #[test]
    fn regions_far_outside_are_fill_and_huge_ones_refused() {
        for (x, y) in [(5, 0), (0, 3), (i64::MAX, 0), (0, i64::MIN), (-(1 << 40), 1 << 40)] {
            assert_eq!(region(x, y, 2, 1), [9, 9], "{x}, {y}");
        }
        let size = Size::new(5, 3);
        let level = Level::new(size, Size::new(2, 2), size).unwrap();
        let driver = Numbered(vec![level.clone()]);
        let huge = read(&driver, 0, &level, Rect::new(0, 0, u32::MAX, u32::MAX), [9; 3]);
        assert_eq!(huge.unwrap_err().code(), "WSI-0200");
    }
}
