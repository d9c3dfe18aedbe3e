//! A picture of a whole slide, small enough for memory: what tissue is found on and results are drawn over.
//!
//! Invariant: a pixel is decoded, or lies in a gap that is named. Damage to some chunks leaves gaps, so that it costs the
//! tiles that need these chunks and not the slide; damage to all of them is an error.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::raster::RgbImage8;
use crate::slide::Slide;

/// Pixels that an overview may have; a level beyond it is averaged down while it is read.
const MAX_OVERVIEW_PX: u64 = 48 << 20;
/// Rows of the overview made from one band of the level.
const BAND_ROWS: u32 = 64;
/// What lies beyond the slide, was never scanned, or cannot be decoded.
const WHITE: [u8; 3] = [255; 3];

/// A level as far as it can be decoded.
#[derive(Debug)]
pub(super) struct Overview {
    /// The level, averaged over square blocks where it would not fit.
    pub(super) picture: RgbImage8,
    /// Size of the level.
    pub(super) level: Size,
    /// Rectangles of the level that cannot be decoded.
    pub(super) gaps: Vec<Rect>,
}

/// Reads a whole level, or the next finer one when nothing of it can be decoded: coarse levels are a few chunks.
///
/// # Errors
/// Those of [`Slide::read_region`]; damage only when no level can be decoded.
pub(super) fn overview(slide: &Slide, level: usize) -> Result<Overview> {
    match read_level(slide, level) {
        Err(error) if is_damage(&error) && level > 0 => overview(slide, level - 1).or(Err(error)),
        done => done,
    }
}

fn read_level(slide: &Slide, level: usize) -> Result<Overview> {
    let size = slide.levels()[level].size;
    let mut reader = Reader { slide, level, gaps: Vec::new(), first: None };
    let picture = reader.read_whole(size)?;
    let lost: u64 = reader.gaps.iter().map(|gap| Size::new(gap.w, gap.h).area()).sum();
    match reader.first {
        Some(error) if lost >= size.area() => Err(error),
        _ => Ok(Overview { picture, level: size, gaps: reader.gaps }),
    }
}

/// Reads parts of a level and remembers what is damaged.
struct Reader<'a> {
    slide: &'a Slide,
    level: usize,
    gaps: Vec<Rect>,
    /// The first damage that was met.
    first: Option<Error>,
}

impl Reader<'_> {
    fn read_whole(&mut self, size: Size) -> Result<RgbImage8> {
        let block = u32::try_from(size.area().div_ceil(MAX_OVERVIEW_PX)).unwrap_or(u32::MAX).isqrt().max(1);
        let block = if u64::from(block) * u64::from(block) * MAX_OVERVIEW_PX < size.area() { block + 1 } else { block };
        if block == 1 {
            return self.read(Rect::new(0, 0, size.w, size.h));
        }
        let small = Size::new(size.w.div_ceil(block), size.h.div_ceil(block));
        let mut picture = RgbImage8::filled(small, WHITE);
        let mut row = 0;
        while row < small.h {
            let rows = BAND_ROWS.min(small.h - row);
            let top = row * block;
            let height = (rows * block).min(size.h - top);
            let band = self.read(Rect::new(0, i64::from(top), size.w, height))?;
            picture.paste(&average(&band, block), 0, i64::from(row));
            row += rows;
        }
        Ok(picture)
    }

    /// Reads a rectangle at once, and only if that fails once more chunk by chunk.
    fn read(&mut self, rect: Rect) -> Result<RgbImage8> {
        match self.slide.read_region(self.level, rect, WHITE) {
            Err(error) if is_damage(&error) => {
                self.first.get_or_insert(error);
                self.read_around(rect)
            }
            done => done,
        }
    }

    fn read_around(&mut self, rect: Rect) -> Result<RgbImage8> {
        let mut picture = RgbImage8::filled(Size::new(rect.w, rect.h), WHITE);
        for part in parts(rect, self.slide.levels()[self.level].chunk) {
            match self.slide.read_region(self.level, part, WHITE) {
                Ok(pixels) => picture.paste(&pixels, part.x - rect.x, part.y - rect.y),
                Err(error) if is_damage(&error) => self.gaps.push(part),
                Err(error) => return Err(error),
            }
        }
        Ok(picture)
    }
}

/// Damage to a chunk, as the loader of tiles has it; all else concerns the whole file.
fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Format | ErrorKind::Unsupported | ErrorKind::Limits)
}

/// A rectangle cut along the edges of chunks.
fn parts(rect: Rect, chunk: Size) -> impl Iterator<Item = Rect> {
    let (w, h) = (i64::from(chunk.w.max(1)), i64::from(chunk.h.max(1)));
    let corners =
        (rect.y / h..=rect.bottom() / h).flat_map(move |y| (rect.x / w..=rect.right() / w).map(move |x| (x, y)));
    corners.filter_map(move |(x, y)| Rect::new(x * w, y * h, chunk.w, chunk.h).intersect(rect))
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
    use crate::synthetic::{ChunkPlace, PyramidConfig, write_pyramid};

    /// The last level of a slide of 150 x 100, 75 x 50 and 37 x 25 px in chunks of 64 px, of which some are cut.
    fn overview_of(is_cut: impl Fn(ChunkPlace) -> bool) -> Result<Overview> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slide.svs");
        let config = PyramidConfig { chunk_px: 64, ..PyramidConfig::default() };
        let grey = |rect: Rect| RgbImage8::filled(Size::new(rect.w, rect.h), [100; 3]);
        let edit = |place, mut bytes: Vec<u8>| {
            bytes.truncate(if is_cut(place) { bytes.len() / 2 } else { bytes.len() });
            Some(bytes)
        };
        write_pyramid(&path, Size::new(150, 100), &config, &grey, Some(&edit), &|_, _| {}).unwrap();
        let slide = Slide::open(&path).unwrap();
        overview(&slide, slide.levels().len() - 1)
    }

    #[test]
    fn a_chunk_that_cannot_be_decoded_is_a_gap_and_the_rest_is_read() {
        // With the last level gone, too, the one before shows it.
        let found = overview_of(|place| place.level == 2 || (place.level, place.col) == (1, 1)).unwrap();
        assert_eq!(found.gaps, [Rect::new(64, 0, 11, 50)]);
        assert_eq!((found.picture.pixel(63, 49), found.picture.pixel(64, 0)), ([100; 3], WHITE));
        assert!(overview_of(|_| false).unwrap().gaps.is_empty());
    }

    #[test]
    fn a_level_of_which_nothing_can_be_decoded_is_replaced_by_a_finer_one() {
        let found = overview_of(|place| place.level == 2).unwrap();
        assert_eq!((found.level, found.gaps.len()), (Size::new(75, 50), 0));
        assert_eq!(overview_of(|_| true).unwrap_err().kind(), ErrorKind::Format);
    }

    #[test]
    fn blocks_are_averaged_also_at_the_edges() {
        let band = RgbImage8::from_vec(Size::new(3, 1), vec![0, 10, 20, 2, 20, 40, 9, 9, 9]).unwrap();
        let small = average(&band, 2);
        assert_eq!(small.size(), Size::new(2, 1));
        assert_eq!((small.pixel(0, 0), small.pixel(1, 0)), ([1, 15, 30], [9, 9, 9]));
    }
}
