//! A picture of a whole slide, small enough for memory: what tissue is found on and results are drawn over.
//!
//! Invariant: a pixel is decoded, or lies in a gap that is named. Damage to some chunks leaves gaps, so that it costs the
//! tiles that need these chunks and not the slide; damage to all of them is an error. A level is read in parts, so that
//! memory does not grow with it.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::raster::{RgbImage8, reduce};
use crate::slide::{Level, Slide};
use std::sync::atomic::{AtomicBool, Ordering};

/// Pixels of a level that are read at once, and that an overview should have at most.
const MAX_PART_PX: u64 = 48 << 20;
/// Sides of parts are multiples of chunks up to here, so that few chunks are decoded twice.
const MAX_UNIT_PX: u32 = 4096;
/// Pixels of a level that are looked at: a slide of half a million pixels a side.
const MAX_LEVEL_PX: u64 = 1 << 38;
/// What lies beyond the slide, was never scanned, or cannot be decoded.
const WHITE: [u8; 3] = [255; 3];

/// A level as far as it can be decoded.
#[derive(Debug)]
pub(super) struct Overview {
    /// The level, each box of pixels merged to one.
    pub(super) picture: RgbImage8,
    /// Size of the level.
    pub(super) level: Size,
    /// Rectangles of the level that cannot be decoded.
    pub(super) gaps: Vec<Rect>,
}

/// How many pixels along x and y have to be merged, so that a level fits into memory: few, and a power of two, as the
/// sides of chunks are.
pub(super) fn reduction_to_fit(level: Size) -> (u32, u32) {
    let mut factor = 1;
    while level.area() / (u64::from(factor) * u64::from(factor)) > MAX_PART_PX {
        factor *= 2;
    }
    (factor, factor)
}

/// Reads a whole level, or the next finer one when nothing of it can be decoded: coarse levels are a few chunks. As many
/// pixels become one as `reduction` asks for, given the level's size.
///
/// # Errors
/// Those of [`Slide::read_region`], damage only when no level can be decoded; [`ErrorKind::Limits`] `RUN-0007` for a level
/// that is too large to be looked at; [`ErrorKind::Interrupted`].
pub(super) fn overview(
    slide: &Slide,
    level: usize,
    reduction: &dyn Fn(Size) -> (u32, u32),
    cancel: &AtomicBool,
) -> Result<Overview> {
    match read_level(slide, level, reduction, cancel) {
        Err(error) if error.kind().is_local() && level > 0 => match overview(slide, level - 1, reduction, cancel) {
            Err(finer) if finer.kind().is_local() => Err(error),
            done => done,
        },
        done => done,
    }
}

fn read_level(
    slide: &Slide,
    level: usize,
    reduction: &dyn Fn(Size) -> (u32, u32),
    cancel: &AtomicBool,
) -> Result<Overview> {
    let Level { size, chunk, .. } = slide.levels()[level];
    if size.area() > MAX_LEVEL_PX {
        let message = format!("expected a level of at most {MAX_LEVEL_PX} pixels to find tissue on, found {size}");
        return Err(Error::new(ErrorKind::Limits, "RUN-0007", message).at_level(level));
    }
    let (fx, fy) = reduction(size);
    let mut reader = Reader { slide, level, gaps: Vec::new(), first: None };
    let mut picture = RgbImage8::filled(Size::new(size.w.div_ceil(fx), size.h.div_ceil(fy)), WHITE);
    for part in parts_of(size, Size::new(unit(fx, chunk.w), unit(fy, chunk.h))) {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "RUN-0008", "stopped while tissue was looked for"));
        }
        let pixels = reader.read(part)?;
        let small = if (fx, fy) == (1, 1) { pixels } else { reduce(&pixels, (fx, fy)) };
        picture.paste(&small, part.x / i64::from(fx), part.y / i64::from(fy));
    }
    let lost: u64 = reader.gaps.iter().map(|gap| Size::new(gap.w, gap.h).area()).sum();
    match reader.first {
        Some(error) if lost >= size.area() => Err(error),
        _ => Ok(Overview { picture, level: size, gaps: reader.gaps }),
    }
}

/// The least side of a part: whole boxes of merged pixels, and whole chunks where that is not too large.
fn unit(factor: u32, chunk: u32) -> u32 {
    let mut both = u64::from(factor);
    while both % u64::from(chunk.max(1)) != 0 {
        both += u64::from(factor);
        if both > u64::from(MAX_UNIT_PX) {
            return factor;
        }
    }
    u32::try_from(both).unwrap_or(factor)
}

/// A level in parts of as many units as may be read at once, whole rows of them where that is possible.
fn parts_of(level: Size, unit: Size) -> impl Iterator<Item = Rect> {
    let times = |used: u64| u32::try_from(MAX_PART_PX / used.max(1)).unwrap_or(u32::MAX).max(1);
    let wide = u64::from(level.w) * u64::from(unit.h) <= MAX_PART_PX;
    let w = if wide { level.w } else { unit.w.saturating_mul(times(unit.area())).min(level.w) };
    let h = unit.h.saturating_mul(times(u64::from(w) * u64::from(unit.h))).min(level.h);
    let frame = Rect::new(0, 0, level.w, level.h);
    let along = |side: u32, step: u32| (0..i64::from(side)).step_by(step.max(1) as usize);
    let rows = along(level.h, h);
    rows.flat_map(move |y| along(level.w, w).filter_map(move |x| Rect::new(x, y, w, h).intersect(frame)))
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
    /// Reads a rectangle at once, and only if that fails once more chunk by chunk.
    fn read(&mut self, rect: Rect) -> Result<RgbImage8> {
        match self.slide.read_region(self.level, rect, WHITE) {
            Err(error) if error.kind().is_local() => {
                self.first.get_or_insert(error);
                self.read_around(rect)
            }
            done => done,
        }
    }

    fn read_around(&mut self, rect: Rect) -> Result<RgbImage8> {
        let mut picture = RgbImage8::filled(Size::new(rect.w, rect.h), WHITE);
        for part in chunks_of(&self.slide.levels()[self.level], rect) {
            match self.slide.read_region(self.level, part, WHITE) {
                Ok(pixels) => picture.paste(&pixels, part.x - rect.x, part.y - rect.y),
                Err(error) if error.kind().is_local() => self.gaps.push(part),
                Err(error) => return Err(error),
            }
        }
        Ok(picture)
    }
}

/// A rectangle cut along the edges of chunks.
fn chunks_of(level: &Level, rect: Rect) -> impl Iterator<Item = Rect> {
    let Size { w, h } = level.chunk;
    let (cols, rows) = level.chunks_under(rect).unwrap_or_default();
    let places = rows.flat_map(move |row| cols.clone().map(move |col| (i64::from(col), i64::from(row))));
    places.filter_map(move |(col, row)| Rect::new(col * i64::from(w), row * i64::from(h), w, h).intersect(rect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{ChunkPlace, PyramidConfig, write_pyramid};
    use tempfile::TempDir;

    /// A slide of 150 x 100, 75 x 50 and 37 x 25 px in chunks of 64 px, of which some are cut.
    fn cut_slide(is_cut: impl Fn(ChunkPlace) -> bool) -> (TempDir, Slide) {
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
        (folder, slide)
    }

    /// The overview of its last level.
    fn overview_of(is_cut: impl Fn(ChunkPlace) -> bool) -> Result<Overview> {
        let (_folder, slide) = cut_slide(is_cut);
        overview(&slide, slide.levels().len() - 1, &reduction_to_fit, &AtomicBool::new(false))
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
    fn parts_cover_every_pixel_once_in_whole_boxes_and_fit_into_memory() {
        let levels = [(37, 25), (11_264, 14_340), (1 << 24, 1 << 14), (1 << 14, 1 << 24), (500_000, 500_000)];
        for (level, chunk) in levels.into_iter().flat_map(|level| [64, 240, 1024, 8192].map(|chunk| (level, chunk))) {
            let level = Size::new(level.0, level.1);
            for (fx, fy) in [reduction_to_fit(level), (3, 5), (4096, 4096)] {
                let mut area = 0;
                for part in parts_of(level, Size::new(unit(fx, chunk), unit(fy, chunk))) {
                    assert!(part.x % i64::from(fx) == 0 && part.y % i64::from(fy) == 0, "{level} {part:?}");
                    assert!(Size::new(part.w, part.h).area() <= MAX_PART_PX, "{level} {part:?}");
                    area += Size::new(part.w, part.h).area();
                }
                assert_eq!(area, level.area(), "{level}");
            }
        }
        assert_eq!((unit(16, 1024), unit(3, 256), unit(7, 1024)), (1024, 768, 7));
    }

    #[test]
    fn a_run_that_is_stopped_looks_no_further_for_tissue() {
        let (_folder, slide) = cut_slide(|_| false);
        let stopped = overview(&slide, 0, &reduction_to_fit, &AtomicBool::new(true)).unwrap_err();
        assert_eq!((stopped.kind(), stopped.code()), (ErrorKind::Interrupted, "RUN-0008"));
    }

    #[test]
    fn pixels_are_merged_as_asked_for() {
        let (_folder, slide) = cut_slide(|_| false);
        let found = overview(&slide, 0, &|_| (4, 3), &AtomicBool::new(false)).unwrap();
        assert_eq!((found.picture.size(), found.level), (Size::new(38, 34), Size::new(150, 100)));
        assert_eq!(found.picture.pixel(37, 33), [100; 3]);
    }
}
