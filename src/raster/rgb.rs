//! An RGB image of 8 bits a channel, rows top to bottom, `[H, W, 3]`.

use crate::geometry::{Rect, Size};

/// RGB pixels, `[H, W, 3]` u8, sRGB as scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbImage8 {
    size: Size,
    data: Vec<u8>,
}

impl RgbImage8 {
    /// An image of one colour.
    pub fn filled(size: Size, colour: [u8; 3]) -> Self {
        Self { size, data: colour.repeat(size.w as usize * size.h as usize) }
    }

    /// Wraps pixels, or gives `None` when the length is not `w * h * 3`.
    pub fn from_vec(size: Size, data: Vec<u8>) -> Option<Self> {
        (data.len() as u64 == size.area() * 3).then_some(Self { size, data })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// All samples, `[H, W, 3]`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.data
    }

    /// All samples, to be changed in place.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The samples, without a copy.
    pub fn into_vec(self) -> Vec<u8> {
        self.data
    }

    /// The colour of one pixel.
    ///
    /// # Panics
    /// When the pixel is outside the image.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = (y as usize * self.size.w as usize + x as usize) * 3;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    /// Copies `source`, whose top-left corner lies at (`x`, `y`) of this image's frame; what falls outside is dropped.
    pub fn paste(&mut self, source: &RgbImage8, x: i64, y: i64) {
        let here = Rect::new(0, 0, self.size.w, self.size.h);
        let there = Rect::new(x, y, source.size.w, source.size.h);
        let Some(common) = here.intersect(there) else { return };
        let row_bytes = common.w as usize * 3;
        for row in 0..i64::from(common.h) {
            let to = offset(self.size.w, common.x, common.y + row);
            let from = offset(source.size.w, common.x - x, common.y + row - y);
            self.data[to..to + row_bytes].copy_from_slice(&source.data[from..from + row_bytes]);
        }
    }
}

/// Byte offset of a pixel that is known to lie inside, so both coordinates are non-negative and small.
fn offset(width: u32, x: i64, y: i64) -> usize {
    usize::try_from((y * i64::from(width) + x) * 3).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasting_keeps_only_what_is_inside() {
        let mut canvas = RgbImage8::filled(Size::new(3, 2), [0, 0, 0]);
        let patch = RgbImage8::from_vec(Size::new(2, 2), (1..=12).collect()).unwrap();
        canvas.paste(&patch, 2, -1);
        assert_eq!(canvas.pixel(2, 0), [7, 8, 9]);
        assert_eq!(canvas.pixel(1, 0), [0, 0, 0]);
        assert_eq!(canvas.pixel(2, 1), [0, 0, 0]);
        canvas.paste(&patch, 50, 50);
    }
}
