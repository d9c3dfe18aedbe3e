//! Antialiased resampling in fixed point: exact, and several times slower than [`super::Resizer`]'s fast way.
//!
//! Invariant: the same samples as Pillow, bit for bit: pixel centres at +0.5, the filter widened by the scale, edges cut,
//! weights normalised and rounded to 22 bits, sums rounded once to 8 bits. So a network sees the tile it was trained on
//! behind torchvision's `Resize`, and a tissue mask is the mask that Python tools get.
//!
//! Source: the behaviour of Pillow 13.0.0 (`Resample.c`), reproduced and compared.

use crate::geometry::Size;
use std::f64::consts::PI;
use std::ops::Range;

/// Fraction bits of a weight: 32 less 8 for the sample and 2 for sums beyond one.
const WEIGHT_BITS: u32 = 22;
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// The kernel that weighs the source pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// A triangle, 1 pixel to each side of the centre; torchvision's default.
    Bilinear,
    /// A windowed sinc, 3 pixels to each side; for thumbnails.
    Lanczos3,
}

impl Filter {
    /// How many pixels the kernel reaches to each side.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Lanczos3 => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) };
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Lanczos3 if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos3 => 0.0,
        }
    }
}

/// For each output position where its source pixels start, and their weights in fixed point.
#[derive(Debug, Default)]
pub(super) struct Weights {
    places: Vec<(usize, Range<usize>)>,
    weights: Vec<i32>,
}

impl Weights {
    /// `span`: the part of the source's `side` that is resampled, from 0; not whole when a reduction left a rest.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the side; weights below 2")]
    pub(super) fn new(filter: Filter, side: u32, span: f64, out: u32) -> Self {
        // Pillow hands its box over in single precision.
        let scale = f64::from(span as f32) / f64::from(out);
        let stretch = scale.max(1.0);
        let support = filter.support() * stretch;
        let mut all = Self::default();
        for position in 0..out {
            let centre = (f64::from(position) + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let last = (centre + support + 0.5).min(f64::from(side)) as usize;
            let raw: Vec<f64> =
                (first..last).map(|source| filter.weight((source as f64 - centre + 0.5) * (1.0 / stretch))).collect();
            let total: f64 = raw.iter().sum();
            let start = all.weights.len();
            all.weights.extend(raw.iter().map(|weight| (weight / total * f64::from(1 << WEIGHT_BITS)).round() as i32));
            all.places.push((first, start..all.weights.len()));
        }
        all
    }

    /// Output positions.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Resamples a row, `[W, 3]` to `[len, 3]`; `padded` is room for it.
    pub(super) fn along_x(&self, source: &[u8], padded: &mut Vec<[u8; 4]>, out: &mut [u8]) {
        // Four channels fill a vector, three do not.
        padded.clear();
        padded.extend(source.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 0]));
        for (pixel, (first, range)) in out.as_chunks_mut::<3>().0.iter_mut().zip(&self.places) {
            let mut sums = [HALF; 4];
            for (samples, weight) in padded[*first..].iter().zip(&self.weights[range.clone()]) {
                for (sum, &sample) in sums.iter_mut().zip(samples) {
                    *sum = sum.wrapping_add(i32::from(sample).wrapping_mul(*weight));
                }
            }
            let [r, g, b, _] = sums.map(to_u8);
            *pixel = [r, g, b];
        }
    }

    /// Makes the row at an output position from the rows of an image of `row_bytes` a row; `sums` is room for it.
    pub(super) fn along_y(&self, position: usize, rows: &[u8], row_bytes: usize, sums: &mut Vec<i32>, out: &mut [u8]) {
        let (first, range) = &self.places[position];
        sums.clear();
        sums.resize(row_bytes, HALF);
        for (source, weight) in rows[first * row_bytes..].chunks_exact(row_bytes).zip(&self.weights[range.clone()]) {
            for (sum, &sample) in sums.iter_mut().zip(source) {
                *sum = sum.wrapping_add(i32::from(sample).wrapping_mul(*weight));
            }
        }
        for (sample, &sum) in out.iter_mut().zip(&*sums) {
            *sample = to_u8(sum);
        }
    }
}

/// Both passes of a resize, with weights and buffers kept for the next image of the same size.
#[derive(Debug, Default)]
pub(super) struct ExactResizer {
    /// What the weights are for: source, destination, filter.
    job: Option<(Size, Size, Filter)>,
    across: Weights,
    down: Weights,
    narrow: Vec<u8>,
    padded: Vec<[u8; 4]>,
    sums: Vec<i32>,
}

impl ExactResizer {
    /// Resizes `[H, W, 3]` to `[h, w, 3]`, along x first; the buffers have the lengths that the sizes say.
    pub(super) fn resize_into(&mut self, src: &[u8], src_size: Size, dst: &mut [u8], dst_size: Size, filter: Filter) {
        if self.job != Some((src_size, dst_size, filter)) {
            let weights = |from: u32, to: u32| Weights::new(filter, from, from.into(), to);
            self.across = weights(src_size.w, dst_size.w);
            self.down = weights(src_size.h, dst_size.h);
            self.job = Some((src_size, dst_size, filter));
        }
        let (from_bytes, row_bytes) = (src_size.w as usize * 3, dst_size.w as usize * 3);
        let narrow = if src_size.w == dst_size.w {
            src
        } else {
            self.narrow.resize(row_bytes * src_size.h as usize, 0);
            for (row, source) in self.narrow.chunks_exact_mut(row_bytes).zip(src.chunks_exact(from_bytes)) {
                self.across.along_x(source, &mut self.padded, row);
            }
            &self.narrow
        };
        if src_size.h == dst_size.h {
            dst.copy_from_slice(narrow);
        } else {
            for (y, row) in dst.chunks_exact_mut(row_bytes).enumerate() {
                self.down.along_y(y, narrow, row_bytes, &mut self.sums, row);
            }
        }
    }
}

/// Cuts the fraction off a sum and clamps it.
#[inline]
#[expect(clippy::cast_sign_loss, reason = "clamped")]
fn to_u8(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}
