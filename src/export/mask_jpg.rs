//! The mask becomes `masks/ID.jpg` as WSInfer 0.6 draws it: the slide in small with the outline of what counts as tissue,
//! cyan around it and yellow around its holes.
//!
//! At most [`LONGEST_PX`] a side; lines are [`LINE_PX`] wide in the picture that is given, as theirs are in their
//! thumbnail. What could not be decoded counts as tissue, because it is tried. A slide without tissue has no lines.

use super::SlideOutputs;
use crate::geometry::Size;
use crate::raster::{Mask, RgbImage8, thumbnail};
use crate::tissue::{Outline, outline};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::io::{self, Write};

/// The longest side, pixels.
const LONGEST_PX: u32 = 1024;
/// Width of a line, pixels of the picture before it is shrunk: OpenCV rounds lines of 7 off with discs of 9.
const LINE_PX: i64 = 9;
const AROUND: [u8; 3] = [0, 255, 255];
const AROUND_HOLES: [u8; 3] = [255, 255, 0];
/// Pillow's, which WSInfer leaves as it is.
const QUALITY: u8 = 75;

/// Writes the picture.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut picture = outputs.overview.clone();
    let Outline { outer, holes } = outline(outputs.mask);
    draw(&mut picture, &outer, AROUND);
    draw(&mut picture, &holes, AROUND_HOLES);
    let small = thumbnail(&picture, Size::new(LONGEST_PX, LONGEST_PX));
    let Size { w, h } = small.size();
    JpegEncoder::new_with_quality(out, QUALITY)
        .write_image(small.as_bytes(), w, h, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)
}

/// Draws a line through neighbouring border pixels of a mask that covers the whole picture.
fn draw(picture: &mut RgbImage8, border: &Mask, colour: [u8; 3]) {
    let (to, from) = (picture.size(), border.size());
    let width = (from.w as usize).max(1);
    let place = |index: i64, to: u32, from: u32| {
        let scale = f64::from(to) / f64::from(from.max(1));
        (index as f64 + 0.5) * scale - 0.5
    };
    for (at, _) in border.as_slice().iter().enumerate().filter(|(_, set)| **set) {
        let (x, y) = (to_i64(at % width), to_i64(at / width));
        let start = (place(x, to.w, from.w), place(y, to.h, from.h));
        dot(picture, start, colour);
        for (dx, dy) in [(1, 0), (0, 1), (1, 1), (-1, 1)] {
            if border.get(x + dx, y + dy) {
                line(picture, start, (place(x + dx, to.w, from.w), place(y + dy, to.h, from.h)), colour);
            }
        }
    }
}

/// Dots at most a pixel apart, both ends excluded.
fn line(picture: &mut RgbImage8, start: (f64, f64), end: (f64, f64), colour: [u8; 3]) {
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let steps = dx.abs().max(dy.abs()).ceil();
    let mut step = 1.0;
    while step < steps {
        dot(picture, (start.0 + dx * step / steps, start.1 + dy * step / steps), colour);
        step += 1.0;
    }
}

/// A disc of the width of a line.
#[expect(clippy::cast_possible_truncation, reason = "inside or near the picture")]
fn dot(picture: &mut RgbImage8, (x, y): (f64, f64), colour: [u8; 3]) {
    let (x, y) = (x.round() as i64, y.round() as i64);
    let reach = LINE_PX / 2;
    let Size { w, h } = picture.size();
    for dy in -reach..=reach {
        // A pixel belongs to the disc when its centre does.
        let half = (-reach..=reach).rev().find(|dx| 4 * (dx * dx + dy * dy) <= LINE_PX * LINE_PX).unwrap_or(0);
        let row = y + dy;
        let (left, right) = ((x - half).max(0), (x + half + 1).min(i64::from(w)));
        if !(0..i64::from(h)).contains(&row) || left >= right {
            continue;
        }
        let byte = |x: i64| usize::try_from((row * i64::from(w) + x) * 3).unwrap_or(0);
        picture.as_mut_bytes()[byte(left)..byte(right)].as_chunks_mut().0.fill(colour);
    }
}

fn to_i64(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn tissue_and_holes_have_lines_of_their_colours_and_the_rest_is_left_alone() {
        let mut example = example(&["a"], &[Some(&[0.5])]);
        example.overview = RgbImage8::filled(Size::new(2000, 1400), [230; 3]);
        example.mask = Mask::filled(Size::new(20, 14), false);
        for (at, pixel) in example.mask.as_mut_slice().iter_mut().enumerate() {
            let (x, y) = (at % 20, at / 20);
            *pixel = (2..18).contains(&x) && (2..12).contains(&y) && !((8..12).contains(&x) && (6..8).contains(&y));
        }
        let mut jpeg = Vec::new();
        write(&example.outputs(), &mut jpeg).unwrap();
        let image = image::load_from_memory_with_format(&jpeg, image::ImageFormat::Jpeg).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), (1024, 717));
        // A pixel of the mask is 51.2 px wide here; places are counted in its tenths.
        let near = |x: u32, y: u32, colour: [u8; 3]| {
            let pixel = image.get_pixel((x + 5) * 512 / 100, (y + 5) * 512 / 100).0;
            assert!(pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 60), "{pixel:?} at {x}, {y}");
        };
        near(20, 50, AROUND);
        near(105, 110, AROUND);
        near(70, 65, AROUND_HOLES);
        near(95, 50, AROUND_HOLES);
        for (x, y) in [(5, 5), (50, 50), (95, 65), (190, 120)] {
            near(x, y, [230; 3]);
        }
    }

    #[test]
    fn a_slide_without_tissue_is_a_picture_without_lines() {
        let mut example = example(&["a"], &[]);
        example.mask = Mask::filled(Size::new(20, 14), false);
        let mut jpeg = Vec::new();
        write(&example.outputs(), &mut jpeg).unwrap();
        let image = image::load_from_memory_with_format(&jpeg, image::ImageFormat::Jpeg).unwrap().to_rgb8();
        let expected = example.overview.pixel(0, 0);
        assert!(image.pixels().all(|pixel| pixel.0.iter().zip(expected).all(|(a, b)| a.abs_diff(b) < 4)));
    }
}
