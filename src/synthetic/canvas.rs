//! Stains of tissue and small shapes in, one picture out: a rectangle of the slide while it is painted.
//!
//! Invariant: each pixel depends on its place on the slide alone, never on the rectangle it is painted with. Shapes
//! are laid in the order of their grid, and one that touches no pixel changes none.

use super::noise::{Draws, Noise, Vec2, dot, floor, ramp, warped};
use super::stain::{Beer, Stain, blend};
use crate::geometry::{Rect, Size};
use crate::raster::RgbImage8;

/// A soft-edged ellipse: a nucleus, a vacuole, a blood cell, a speck. Lengths in micrometres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blot {
    pub(super) at: Vec2,
    /// Direction of the long axis, length 1.
    pub(super) axis: Vec2,
    /// Half the length along the axis and across it.
    pub(super) semi: Vec2,
    pub(super) core: Stain,
    pub(super) rim: Stain,
    /// How much of what is below it hides, 0 to 1.
    pub(super) cover: f32,
}

/// Outlines are ragged by this much, in waves of this length; micrometres.
const SHIFT_UM: f32 = 1.3;
const WAVE_UM: f32 = 3.0;

/// Stains of the pixels of one rectangle.
pub(super) struct Canvas {
    rect: Rect,
    mpp: f32,
    /// Where each pixel looks: a little beside its place, so that no outline is smooth.
    places: Vec<Vec2>,
    stains: Vec<Stain>,
}

impl Canvas {
    /// Paints the ground; `ground` takes the pixel's place and, a little beside it, the place to look at, both in
    /// micrometres from the slide's corner.
    pub(super) fn new(rect: Rect, mpp: f32, jitter: Noise, ground: impl Fn(Vec2, Vec2) -> Stain) -> Self {
        let pixels = (0..rect.h).flat_map(|y| (0..rect.w).map(move |x| pixel_um(rect, mpp, x, y)));
        let (places, stains) = pixels
            .map(|pixel| {
                let place = warped(jitter, pixel, WAVE_UM, SHIFT_UM);
                (place, ground(pixel, place))
            })
            .unzip();
        Self { rect, mpp, places, stains }
    }

    /// Lays one shape at most into each cell of a jittered grid; `shape` is given the place and draws of its own.
    pub(super) fn scatter(
        &mut self,
        noise: Noise,
        pitch_um: f32,
        reach_um: f32,
        shape: impl Fn(Vec2, &mut Draws) -> Option<Blot>,
    ) {
        const JITTER: f32 = 0.8;
        let cells = |from_px: i64, count_px: u32| {
            let (low, high) = (from_px as f32 * self.mpp, (from_px + i64::from(count_px)) as f32 * self.mpp);
            floor((low - reach_um) / pitch_um) - 1..=floor((high + reach_um) / pitch_um) + 1
        };
        let (rows, cols) = (cells(self.rect.y, self.rect.h), cells(self.rect.x, self.rect.w));
        for y in rows {
            for x in cols.clone() {
                let mut draws = noise.draws(x, y);
                let at = [x, y].map(|i| (i as f32 + 0.5 + JITTER * (draws.next() - 0.5)) * pitch_um);
                if let Some(blot) = shape(at, &mut draws) {
                    self.lay(&blot);
                }
            }
        }
    }

    fn lay(&mut self, blot: &Blot) {
        // The edge is as soft as one pixel, or as the microscope's resolution where pixels are finer.
        let soft_um = (0.75 * self.mpp).max(0.5);
        let reach = blot.semi[0].max(blot.semi[1]) + soft_um + SHIFT_UM;
        let pixels = |from_px: i64, count_px: u32, centre: f32| {
            let first = i64::from(floor((centre - reach) / self.mpp)) - from_px;
            let last = i64::from(floor((centre + reach) / self.mpp)) - from_px + 1;
            let clamp = |px: i64| u32::try_from(px.clamp(0, i64::from(count_px))).unwrap_or(0);
            clamp(first)..clamp(last)
        };
        let cols = pixels(self.rect.x, self.rect.w, blot.at[0]);
        for y in pixels(self.rect.y, self.rect.h, blot.at[1]) {
            for x in cols.clone() {
                let index = (y * self.rect.w + x) as usize;
                let place = self.places[index];
                let from = [place[0] - blot.at[0], place[1] - blot.at[1]];
                let along = dot(from, blot.axis) / blot.semi[0];
                let across = (from[1] * blot.axis[0] - from[0] * blot.axis[1]) / blot.semi[1];
                let radius = (along * along + across * across).sqrt();
                let cover = ((1.0 - radius) * blot.semi[1] / soft_um + 0.5).clamp(0.0, 1.0) * blot.cover;
                let stain = &mut self.stains[index];
                *stain = blend(*stain, blend(blot.core, blot.rim, ramp(0.4, 0.95, radius)), cover);
            }
        }
    }

    /// Develops the picture. Dye lies in fine grains, so that nothing but glass is smooth.
    pub(super) fn into_image(self, beer: &Beer, grain: Noise) -> RgbImage8 {
        const GRAIN_UM: f32 = 2.8;
        const CONTRAST: f32 = 0.7;
        let w = self.rect.w as usize;
        let mut samples = Vec::with_capacity(self.stains.len() * 3);
        for (y, row) in (0..).zip(self.stains.chunks_exact(w)) {
            for (x, &stain) in (0..).zip(row) {
                let place = pixel_um(self.rect, self.mpp, x, y);
                // Turned, so that the lattice does not show as a weave.
                let turned = [0.8 * place[0] + 0.6 * place[1], 0.8 * place[1] - 0.6 * place[0]];
                let amount = 1.0 + CONTRAST * (grain.rough(turned.map(|x| x / GRAIN_UM)) - 0.5);
                samples.extend(beer.colour(stain.map(|dye| dye * amount)));
            }
        }
        let size = Size::new(self.rect.w, self.rect.h);
        RgbImage8::from_vec(size, samples).unwrap_or_else(|| RgbImage8::filled(size, super::stain::GLASS))
    }
}

/// The centre of a pixel in micrometres from the slide's corner.
pub(super) fn pixel_um(rect: Rect, mpp: f32, x: u32, y: u32) -> Vec2 {
    [(rect.x + i64::from(x)) as f32 + 0.5, (rect.y + i64::from(y)) as f32 + 0.5].map(|px| px * mpp)
}
