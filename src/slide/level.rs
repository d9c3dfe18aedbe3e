//! One step of a slide's pyramid: its size, and how it is cut into chunks.
//!
//! Invariant: columns and rows are what the sizes say, and no side is zero or beyond the limits. Knows no file.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::limits::{MAX_CHUNK_SIDE_PX, MAX_LEVEL_SIDE_PX};
use serde::Serialize;
use std::ops::Range;

/// A level of the pyramid.
///
/// # Units
/// Sizes are pixels of this level; downsamples are level-0 pixels per pixel of this level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// Width and height of the level.
    pub size: Size,
    /// Width and height of every chunk; those at the right and bottom edge are stored full too.
    pub chunk: Size,
    /// Chunks in a row.
    pub cols: u32,
    /// Chunks in a column.
    pub rows: u32,
    /// Width of level 0 / width of this level.
    pub downsample_x: f64,
    /// Height of level 0 / height of this level.
    pub downsample_y: f64,
}

impl Level {
    /// Checks the sizes and derives the rest.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] for a side of zero, [`ErrorKind::Limits`] for one beyond the limits.
    pub(crate) fn new(size: Size, chunk: Size, level_0: Size) -> Result<Self> {
        check_side("WSI-0110", "level", size, MAX_LEVEL_SIDE_PX)?;
        check_side("WSI-0111", "chunk", chunk, MAX_CHUNK_SIDE_PX)?;
        Ok(Self {
            size,
            chunk,
            cols: size.w.div_ceil(chunk.w),
            rows: size.h.div_ceil(chunk.h),
            downsample_x: f64::from(level_0.w) / f64::from(size.w),
            downsample_y: f64::from(level_0.h) / f64::from(size.h),
        })
    }

    /// Level-0 pixels per pixel of this level: the mean of both axes, as OpenSlide gives it.
    pub fn downsample(&self) -> f64 {
        f64::midpoint(self.downsample_x, self.downsample_y)
    }

    /// The number of chunks.
    pub fn chunk_count(&self) -> u64 {
        u64::from(self.cols) * u64::from(self.rows)
    }

    /// Place of a chunk in storage order, or `None` when there is no such chunk.
    pub(crate) fn chunk_index(&self, col: u32, row: u32) -> Option<usize> {
        let inside = col < self.cols && row < self.rows;
        inside.then(|| row as usize * self.cols as usize + col as usize)
    }

    /// The part of a rectangle that lies on the level; absurd coordinates are far outside, not an overflow.
    pub(crate) fn overlap(&self, rect: Rect) -> Option<Rect> {
        let reach = i64::from(u32::MAX);
        let near = (-reach..=reach).contains(&rect.x) && (-reach..=reach).contains(&rect.y);
        if near { self.rect().intersect(rect) } else { None }
    }

    /// Columns and rows of the chunks that a rectangle touches; `None` when it lies wholly outside.
    pub(crate) fn chunks_under(&self, rect: Rect) -> Option<(Range<u32>, Range<u32>)> {
        let inside = self.overlap(rect)?;
        let span = |from: i64, to: i64, step: u32| {
            let index = |px: i64| u32::try_from(px / i64::from(step)).unwrap_or(u32::MAX - 1);
            index(from)..index(to - 1) + 1
        };
        Some((span(inside.x, inside.right(), self.chunk.w), span(inside.y, inside.bottom(), self.chunk.h)))
    }

    /// The whole level as a rectangle.
    pub(crate) fn rect(&self) -> Rect {
        Rect::new(0, 0, self.size.w, self.size.h)
    }
}

fn check_side(code: &'static str, what: &str, size: Size, max_px: u32) -> Result<()> {
    if size.w == 0 || size.h == 0 {
        let message = format!("expected a {what} of at least 1 x 1 px, found {size}");
        return Err(Error::new(ErrorKind::Format, code, message));
    }
    if size.w > max_px || size.h > max_px {
        let message = format!("expected a {what} of at most {max_px} px a side, found {size}");
        return Err(Error::new(ErrorKind::Limits, code, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_chunks_count_as_whole_ones() {
        let level = Level::new(Size::new(2220, 2967), Size::new(240, 240), Size::new(4440, 5934)).unwrap();
        assert_eq!((level.cols, level.rows, level.chunk_count()), (10, 13, 130));
        assert_eq!(level.chunk_index(9, 12), Some(129));
        assert_eq!(level.chunk_index(10, 0), None);
        assert!((level.downsample() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn chunks_under_a_rectangle_are_those_it_touches() {
        let level = Level::new(Size::new(100, 50), Size::new(16, 20), Size::new(100, 50)).unwrap();
        let under = |x, y, w, h| level.chunks_under(Rect::new(x, y, w, h));
        assert_eq!(under(0, 0, 16, 20), Some((0..1, 0..1)));
        assert_eq!(under(15, 19, 2, 2), Some((0..2, 0..2)));
        assert_eq!(under(-50, -50, 1000, 1000), Some((0..7, 0..3)));
        assert_eq!(under(99, 49, 5, 5), Some((6..7, 2..3)));
        for (x, y) in [(100, 0), (0, 50), (-5, 0), (i64::MAX, 0), (0, i64::MIN), (-(1 << 40), 0)] {
            assert_eq!(under(x, y, 5, 5), None, "{x}, {y}");
        }
    }

    #[test]
    fn hostile_sizes_are_refused() {
        let chunk = Size::new(256, 256);
        let refused = |size, chunk| Level::new(size, chunk, size).unwrap_err().kind();
        assert_eq!(refused(Size::new(0, 5), chunk), ErrorKind::Format);
        assert_eq!(refused(Size::new(5, u32::MAX), chunk), ErrorKind::Limits);
        assert_eq!(refused(chunk, Size::new(65520, 16)), ErrorKind::Limits);
    }
}
