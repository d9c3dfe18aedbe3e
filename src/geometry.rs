//! Sizes and rectangles in pixels. The frame is said by the name of each binding: `_l0` is level 0 of the slide,
//! `_lvl` a given level; the origin is top-left, x to the right, y down.

use serde::Serialize;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Size {
    /// Width in pixels.
    pub w: u32,
    /// Height in pixels.
    pub h: u32,
}

impl Size {
    /// Makes a size.
    pub const fn new(w: u32, h: u32) -> Self {
        Self { w, h }
    }

    /// The number of pixels.
    pub const fn area(self) -> u64 {
        self.w as u64 * self.h as u64
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {}", self.w, self.h)
    }
}

/// A rectangle that may reach over the edges of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: i64,
    /// Top edge.
    pub y: i64,
    /// Width.
    pub w: u32,
    /// Height.
    pub h: u32,
}

impl Rect {
    /// Makes a rectangle.
    pub const fn new(x: i64, y: i64, w: u32, h: u32) -> Self {
        Self { x, y, w, h }
    }

    /// The first column right of the rectangle.
    pub const fn right(self) -> i64 {
        self.x + self.w as i64
    }

    /// The first row below the rectangle.
    pub const fn bottom(self) -> i64 {
        self.y + self.h as i64
    }

    /// The common part of two rectangles, or `None` when they share no pixel.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let (right, bottom) = (self.right().min(other.right()), self.bottom().min(other.bottom()));
        (right > x && bottom > y).then(|| Self {
            x,
            y,
            w: u32::try_from(right - x).unwrap_or(u32::MAX),
            h: u32::try_from(bottom - y).unwrap_or(u32::MAX),
        })
    }
}
