//! A picture to draw rectangles and words on, and its way to PNG. Whatever falls outside the picture is dropped.

use super::font;
use crate::geometry::{Rect, Size};
use crate::map::palette::mix;
use crate::raster::RgbImage8;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::io::{self, Write};

/// Paper.
pub(super) const WHITE: [u8; 3] = [255; 3];
/// Words.
pub(super) const INK: [u8; 3] = [33, 37, 41];
/// Words of less weight.
pub(super) const FAINT: [u8; 3] = [108, 117, 125];

/// A picture under construction.
pub(super) struct Canvas(RgbImage8);

impl Canvas {
    /// A white canvas.
    pub(super) fn white(size: Size) -> Self {
        Self(RgbImage8::filled(size, WHITE))
    }

    /// Copies an image so that its top-left corner lies at (`x`, `y`).
    pub(super) fn paste(&mut self, image: &RgbImage8, x: u32, y: u32) {
        self.0.paste(image, i64::from(x), i64::from(y));
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, rect: Rect, colour: [u8; 3]) {
        self.paint(rect, |_, _, _| colour);
    }

    /// Changes every pixel of a rectangle, given its place in the rectangle and its colour so far.
    pub(super) fn paint(&mut self, rect: Rect, colour: impl Fn(u32, u32, [u8; 3]) -> [u8; 3]) {
        let size = self.0.size();
        let Some(inside) = rect.intersect(Rect::new(0, 0, size.w, size.h)) else { return };
        let start = |value: i64| usize::try_from(value).unwrap_or(0);
        // Where the part inside begins, counted from the rectangle's own corner.
        let (dx, dy) = (offset(inside.x - rect.x), offset(inside.y - rect.y));
        let (left, row_bytes) = (start(inside.x) * 3, inside.w as usize * 3);
        let rows = self.0.as_mut_bytes().chunks_exact_mut(size.w as usize * 3).skip(start(inside.y));
        for (y, row) in (dy..).zip(rows).take(inside.h as usize) {
            for (x, pixel) in (dx..).zip(row[left..left + row_bytes].chunks_exact_mut(3)) {
                let painted = colour(x, y, [pixel[0], pixel[1], pixel[2]]);
                pixel.copy_from_slice(&painted);
            }
        }
    }

    /// Writes one line of text whose cell has its top-left corner at (`x`, `y`), each font pixel `scale` pixels wide.
    pub(super) fn text(&mut self, x: u32, y: u32, scale: u32, colour: [u8; 3], text: &str) {
        for (index, character) in (0_u32..).zip(text.chars()) {
            let left = x.saturating_add(index.saturating_mul(font::CELL_W * scale));
            let cell = Rect::new(i64::from(left), i64::from(y), font::CELL_W * scale, font::CELL_H * scale);
            self.paint(cell, |x, y, before| if font::inks(character, x / scale, y / scale) { colour } else { before });
        }
    }

    /// Writes a line of text with strokes of double width.
    pub(super) fn bold_text(&mut self, x: u32, y: u32, scale: u32, colour: [u8; 3], text: &str) {
        self.text(x, y, scale, colour, text);
        self.text(x + scale.div_ceil(2), y, scale, colour, text);
    }

    /// Encodes the picture.
    ///
    /// # Errors
    /// What the writer answers.
    pub(super) fn write_png(&self, out: &mut dyn Write) -> io::Result<()> {
        let size = self.0.size();
        PngEncoder::new_with_quality(out, CompressionType::Default, FilterType::Adaptive)
            .write_image(self.0.as_bytes(), size.w, size.h, ExtendedColorType::Rgb8)
            .map_err(io::Error::other)
    }
}

/// The rectangle with sides of whole pixels at (`x`, `y`).
pub(super) fn rect(x: u32, y: u32, w: u32, h: u32) -> Rect {
    Rect::new(i64::from(x), i64::from(y), w, h)
}

/// The pattern of failed cells: grey stripes, told apart from every class colour and from white by their shape.
pub(super) fn hatch(x: u32, y: u32, before: [u8; 3], opacity: f32) -> [u8; 3] {
    let stripe = if (x.wrapping_add(y) / 4).is_multiple_of(2) { [105; 3] } else { [205; 3] };
    mix(before, stripe, opacity)
}

/// A distance that is never negative, because what lies inside a rectangle is not left of it.
fn offset(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Decodes a PNG.
    pub(crate) fn decode(png: &[u8]) -> RgbImage8 {
        let image = image::load_from_memory_with_format(png, image::ImageFormat::Png).unwrap().into_rgb8();
        RgbImage8::from_vec(Size::new(image.width(), image.height()), image.into_raw()).unwrap()
    }

    #[test]
    fn drawing_outside_is_dropped_and_png_keeps_every_pixel() {
        let mut canvas = Canvas::white(Size::new(20, 10));
        canvas.fill(Rect::new(-5, -5, 7, 7), [1, 2, 3]);
        canvas.fill(Rect::new(18, 8, 100, 100), [4, 5, 6]);
        canvas.fill(Rect::new(500, 0, 3, 3), [9, 9, 9]);
        canvas.text(4, 1, 1, INK, "I am wider than this picture");
        let mut png = Vec::new();
        canvas.write_png(&mut png).unwrap();
        let image = decode(&png);
        assert_eq!(image, canvas.0);
        assert_eq!([image.pixel(1, 1), image.pixel(2, 1), image.pixel(19, 9)], [[1, 2, 3], WHITE, [4, 5, 6]]);
        // The capital I has its bar in the middle of its five columns and a serif on its first line.
        assert_eq!([image.pixel(5, 1), image.pixel(6, 4), image.pixel(5, 4)], [INK, INK, WHITE]);
    }
}
