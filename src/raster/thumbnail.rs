//! Large image → thumbnail, bit for bit as Pillow's `Image.thumbnail(size, LANCZOS)` makes it.
//!
//! Invariant: same size, same two steps (integer box reduction, then a Lanczos pass along x and one along y), same
//! fixed-point rounding, so that a tissue mask made from it is the mask that Python tools get. Rows are shared out to
//! all cores: there is one thumbnail a slide.
//!
//! Source: the behaviour of Pillow 13.0.0 (`Image.thumbnail`, `Reduce.c`), reproduced and compared.

use super::RgbImage8;
use super::resample::{Filter, Weights};
use crate::geometry::Size;
use rayon::prelude::*;

/// How much larger than the thumbnail the box reduction leaves the image, Pillow's `reducing_gap`.
const REDUCING_GAP: f64 = 2.0;

/// The size Pillow gives a thumbnail of an image of `size` that has to fit into `max`; never larger than the image.
///
/// # Panics
/// When a side is zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number, at most a u32 side")]
pub fn thumbnail_size(size: Size, max: Size) -> Size {
    assert!(size.area() > 0 && max.area() > 0, "sides must not be zero");
    if max.w >= size.w && max.h >= size.h {
        return size;
    }
    let aspect = f64::from(size.w) / f64::from(size.h);
    // Of the two whole numbers around an exact side, Pillow takes the one whose aspect is nearer; the lower wins a tie.
    let nearest = |exact: f64, error: &dyn Fn(f64) -> f64| {
        let (low, high) = (exact.floor(), exact.ceil());
        (if error(high) < error(low) { high } else { low }).max(1.0) as u32
    };
    let (w, h) = (f64::from(max.w), f64::from(max.h));
    if w / h >= aspect {
        Size::new(nearest(h * aspect, &|n| (aspect - n / h).abs()), max.h)
    } else {
        let error = |n: f64| if n == 0.0 { 0.0 } else { (aspect - w / n).abs() };
        Size::new(max.w, nearest(w / aspect, &error))
    }
}

/// Shrinks an image to fit into `max`, aspect kept; an image that fits already is copied.
///
/// # Panics
/// When a side is zero.
pub fn thumbnail(image: &RgbImage8, max: Size) -> RgbImage8 {
    match reduction(image.size(), max) {
        (1, 1) => finish_thumbnail(image, image.size(), max),
        factors => finish_thumbnail(&reduce(image, factors), image.size(), max),
    }
}

/// How many pixels along x and y the first step of [`thumbnail`] merges, of an image of `size`.
///
/// # Panics
/// When a side is zero.
pub fn reduction(size: Size, max: Size) -> (u32, u32) {
    let to = thumbnail_size(size, max);
    (factor(size.w, to.w), factor(size.h, to.h))
}

/// The second step of [`thumbnail`]: `reduced` is what [`reduce`] with [`reduction`] made of an image of `size`. Large
/// images can so be reduced in parts.
///
/// # Panics
/// When a side is zero.
pub fn finish_thumbnail(reduced: &RgbImage8, size: Size, max: Size) -> RgbImage8 {
    let (to, (fx, fy)) = (thumbnail_size(size, max), reduction(size, max));
    let span = |side: u32, factor: u32| f64::from(side) / f64::from(factor);
    let fits = |from: u32, to: u32, factor: u32| u64::from(from) == u64::from(to) * u64::from(factor);
    let narrow = if fits(size.w, to.w, fx) {
        reduced.clone()
    } else {
        along_x(reduced, &Weights::new(Filter::Lanczos3, reduced.size().w, span(size.w, fx), to.w))
    };
    if fits(size.h, to.h, fy) {
        return narrow;
    }
    along_y(&narrow, &Weights::new(Filter::Lanczos3, narrow.size().h, span(size.h, fy), to.h))
}

/// Pixels that the box reduction merges along one axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a u32 side")]
fn factor(from: u32, to: u32) -> u32 {
    ((f64::from(from) / f64::from(to) / REDUCING_GAP) as u32).max(1)
}

/// The mean of each box of `fx` by `fy` pixels; boxes at the right and bottom edge may be smaller.
pub fn reduce(image: &RgbImage8, (fx, fy): (u32, u32)) -> RgbImage8 {
    let from = image.size();
    let size = Size::new(from.w.div_ceil(fx), from.h.div_ceil(fy));
    let mut out = RgbImage8::filled(size, [0; 3]);
    let row_bytes = from.w as usize * 3;
    let bands = image.as_bytes().par_chunks(row_bytes * fy as usize);
    out.as_mut_bytes().par_chunks_mut(size.w as usize * 3).zip(bands).for_each(|(row, band)| {
        let rows = band.len() / row_bytes;
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let left = x * fx as usize * 3;
            let right = (left + fx as usize * 3).min(row_bytes);
            let count = (rows * (right - left) / 3) as u64;
            let mut sums = [count / 2; 3];
            for line in band.chunks_exact(row_bytes) {
                for source in line[left..right].chunks_exact(3) {
                    for (sum, &sample) in sums.iter_mut().zip(source) {
                        *sum += u64::from(sample);
                    }
                }
            }
            for (sample, sum) in pixel.iter_mut().zip(sums) {
                *sample = to_u8(i64::try_from((sum * reciprocal(count)) >> 24).unwrap_or(i64::MAX));
            }
        }
    });
    out
}

/// 2^24 / `count` in single precision and cut, as Pillow does; its division by powers of two comes out the same.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^24")]
fn reciprocal(count: u64) -> u64 {
    ((1u32 << 24) as f32 / count as f32) as u64
}

fn along_x(image: &RgbImage8, weights: &Weights) -> RgbImage8 {
    let width = weights.len();
    let mut out = RgbImage8::filled(Size::new(u32::try_from(width).unwrap_or(u32::MAX), image.size().h), [0; 3]);
    let rows = image.as_bytes().par_chunks(image.size().w as usize * 3);
    out.as_mut_bytes()
        .par_chunks_mut(width * 3)
        .zip(rows)
        .for_each_init(Vec::new, |padded, (row, source)| weights.along_x(source, padded, row));
    out
}

fn along_y(image: &RgbImage8, weights: &Weights) -> RgbImage8 {
    let row_bytes = image.size().w as usize * 3;
    let height = u32::try_from(weights.len()).unwrap_or(u32::MAX);
    let mut out = RgbImage8::filled(Size::new(image.size().w, height), [0; 3]);
    out.as_mut_bytes().par_chunks_mut(row_bytes).enumerate().for_each_init(Vec::new, |sums, (y, row)| {
        weights.along_y(y, image.as_bytes(), row_bytes, sums, row);
    });
    out
}

fn to_u8(value: i64) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_pillow() {
        let max = Size::new(2048, 2048);
        for (from, to) in [
            ((11264, 14340), (1609, 2048)),
            ((2220, 2967), (1532, 2048)),
            ((4443, 3567), (2048, 1644)),
            ((72448, 152_080), (976, 2048)),
            ((100, 50), (100, 50)),
            ((5000, 1), (2048, 1)),
        ] {
            assert_eq!(thumbnail_size(Size::new(from.0, from.1), max), Size::new(to.0, to.1), "{from:?}");
        }
    }

    #[test]
    fn pixels_are_those_of_pillow() {
        // numpy: a[y, x] = (7x + 3y, 5xy, 11x ^ y) mod 256, 61 x 47; thumbnail((9, 9), LANCZOS): row 3.
        let sample = |x: u32, y: u32| [(7 * x + 3 * y) % 256, 5 * x * y % 256, ((11 * x) ^ y) % 256];
        let pixels = (0..47).flat_map(|y| (0..61).flat_map(move |x| sample(x, y))).map(to_byte).collect();
        let small = thumbnail(&RgbImage8::from_vec(Size::new(61, 47), pixels).unwrap(), Size::new(9, 9));
        assert_eq!(small.size(), Size::new(9, 7));
        assert_eq!(small.as_bytes()[3 * 27..4 * 27], PILLOW_ROW);
    }

    #[test]
    fn boxes_are_averaged_also_at_the_edges() {
        let band = RgbImage8::from_vec(Size::new(3, 1), vec![0, 10, 20, 2, 20, 40, 9, 9, 9]).unwrap();
        let small = reduce(&band, (2, 2));
        assert_eq!(small.size(), Size::new(2, 1));
        assert_eq!((small.pixel(0, 0), small.pixel(1, 0)), ([1, 15, 30], [9, 9, 9]));
    }

    fn to_byte(value: u32) -> u8 {
        to_u8(i64::from(value))
    }

    const PILLOW_ROW: [u8; 27] = [
        89, 110, 38, 135, 125, 106, 189, 128, 200, 213, 119, 131, 45, 119, 53, 65, 127, 168, 120, 127, 195, 163, 146,
        49, 218, 133, 107,
    ];
}
