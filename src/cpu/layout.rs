//! How maps lie in memory: blocks of 16 channels, each a picture of 64-byte pixels with zeros around it.

use super::kernels::{LANES, Maps};

/// What lies around maps, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Margin {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Margin {
    /// As wide as the wider one on each side.
    pub fn or(self, other: Self) -> Self {
        Self {
            top: self.top.max(other.top),
            left: self.left.max(other.left),
            bottom: self.bottom.max(other.bottom),
            right: self.right.max(other.right),
        }
    }
}

/// Size of maps with what lies around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub height: usize,
    pub width: usize,
    pub margin: Margin,
    /// Numbers of a pixel: a block of channels, or the colours of a tile.
    pub depth: usize,
}

impl Layout {
    /// From one row to the next, numbers.
    pub fn row(&self) -> usize {
        (self.margin.left + self.width + self.margin.right) * self.depth
    }

    /// From one block of channels to the next, numbers: an odd number of lines, so that the same pixel of many blocks does
    /// not fall into the same part of the cache.
    pub fn block(&self) -> usize {
        let rows = self.margin.top + self.height + self.margin.bottom;
        let lines = (rows * self.row()).div_ceil(LANES);
        (lines | 1) * LANES
    }

    /// From the beginning of the room to the first pixel of the maps.
    pub fn origin(&self) -> usize {
        self.margin.top * self.row() + self.margin.left * self.depth
    }
}

/// Where a value lies: in which layout, and from which number of an image or of passing memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub layout: Layout,
    /// Beginning of its first block, margin included.
    pub start: usize,
    pub channels: usize,
}

impl Place {
    pub fn maps(&self) -> Maps {
        Maps { place: self.start + self.layout.origin(), row: self.layout.row(), block: self.layout.block() }
    }

    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// Whether nothing lies between the rows of a block.
    pub fn is_flat(&self) -> bool {
        self.layout.row() == self.layout.width * self.layout.depth
    }
}
