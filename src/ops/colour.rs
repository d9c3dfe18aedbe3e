//! Colours varied or normalised, and brought to what a network takes: the CPU twin of `shaders/colour.rs`, and the maps
//! of both.
//!
//! Invariant: the identity is `(value / 255 - mean) / std` and nothing else, to the bit of plain unpacking. Every map is
//! the one formula of [`ColourMap`], so augmentation and normalisation of stains are one kernel.

use super::exponential::{exp, ln};
use super::matrix::{IDENTITY, Matrix, Vector, add, apply, diagonal, inverse, product, transpose, unit};
use super::unpack::{Normalisation, UnpackShape};

/// Length of a [`ColourRow`].
pub const ROW: usize = 34;
/// What the kernel takes for a tile: what to do (0, 1 or 2), then the parts of a [`ColourMap`] in order.
pub type ColourRow = [f32; ROW];

/// Nothing but the normalisation.
const PLAIN: f32 = 0.0;
/// Light alone: neither logarithms nor powers.
const LIGHT: f32 = 1.0;
/// Everything.
const DENSITY: f32 = 2.0;

/// Two matrices undo each other when no entry of their product is further from the identity.
const SAME: f64 = 1e-6;

/// Optical densities (R, G, B) of haematoxylin, eosin and a residual.
///
/// # Source
/// Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23:291-299; the third is their diaminobenzidine.
const STAINS: Matrix = [[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]];

/// How the eye weighs red, green and blue.
///
/// # Source
/// ITU-R BT.601-7, section 2.5.1.
const LUMA: Vector = [0.299, 0.587, 0.114];

/// A map of colours, for values from 0 to 255:
///
/// 1. lights `q = max(A rgb, 1)`;
/// 2. densities `a = -ln(q / 255)`, natural logarithms;
/// 3. `rgb' = P (255 exp(-(M a + b))) + p`, held between 0 and 255.
///
/// Where `M` is the identity and `b` is 0, steps 1 and 2 leave `rgb' = P (A rgb) + p`, and black stays black.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColourMap {
    /// `A`: colours to the lights whose densities are mapped.
    pub(super) before: Matrix,
    /// `M`.
    pub(super) density: Matrix,
    /// `b`.
    pub(super) offset: Vector,
    /// `P`: lights to colours.
    pub(super) after: Matrix,
    /// `p`, levels of 255.
    pub(super) shift: Vector,
}

#[expect(clippy::float_cmp, reason = "parts that change nothing are exactly 0 or 1")]
impl ColourMap {
    /// Leaves colours as they are.
    pub const IDENTITY: Self =
        Self { before: IDENTITY, density: IDENTITY, offset: [0.0; 3], after: IDENTITY, shift: [0.0; 3] };

    /// A map of the densities of lights that a matrix makes of colours.
    pub(super) fn of_densities(before: Matrix, density: Matrix, offset: Vector) -> Self {
        let after = if before == IDENTITY { IDENTITY } else { inverse(before) };
        Self { before, density, offset, after, shift: [0.0; 3] }
    }

    /// More or less of haematoxylin, eosin and the residual: `amount' = factor amount + summand`, amounts in units of
    /// natural optical density. 1 and 0 change nothing; summands tint bare glass, too.
    ///
    /// # Source
    /// Tellez et al. 2019, arXiv:1902.06543, section 3.2, who draw factors from `1 - s..1 + s` and summands from
    /// `-s..s`; stains of Ruifrok and Johnston 2001, each of length 1.
    pub fn stain_jitter(factors: [f64; 3], summands: [f64; 3]) -> Self {
        if factors == [1.0; 3] && summands == [0.0; 3] {
            return Self::IDENTITY;
        }
        // Densities are the stains' columns times amounts.
        let columns = transpose(STAINS.map(unit));
        let density = product(columns, product(diagonal(factors), inverse(columns)));
        Self::of_densities(IDENTITY, density, apply(columns, summands))
    }

    /// More or less light: every value times `factor`.
    pub fn brightness(factor: f64) -> Self {
        Self { after: diagonal([factor; 3]), ..Self::IDENTITY }
    }

    /// Values are drawn away from a pivot level of 255 by `factor`.
    pub fn contrast(factor: f64, pivot: f64) -> Self {
        Self { after: diagonal([factor; 3]), shift: [(1.0 - factor) * pivot; 3], ..Self::IDENTITY }
    }

    /// Colours are drawn away from the grey of the same luma by `factor`; 0 is grey.
    pub fn saturation(factor: f64) -> Self {
        let row = |i: usize| [0, 1, 2].map(|j| factor * IDENTITY[i][j] + (1.0 - factor) * LUMA[j]);
        Self { after: [0, 1, 2].map(row), ..Self::IDENTITY }
    }

    /// This map and then `next`, as one map; `None` when the formula holds no such map, and the kernel must run twice.
    ///
    /// It holds: anything and then light alone; light alone without a shift, and then anything; two maps of the
    /// densities of the same lights. It does not hold light that is shifted, or mixed by a matrix after densities, and
    /// then a map of densities. Bounds (at least 1, 0 to 255) apply once instead of twice: saturated colours differ.
    pub fn then(&self, next: &Self) -> Option<Self> {
        if next.is_light() {
            let after = product(product(next.after, next.before), self.after);
            let shift = add(apply(product(next.after, next.before), self.shift), next.shift);
            return Some(Self { after, shift, ..*self });
        }
        if self.shift != [0.0; 3] {
            return None;
        }
        let between = product(next.before, self.after);
        if self.is_light() {
            return Some(Self { before: product(between, self.before), ..*next });
        }
        let same = (0..9).all(|at| (between[at / 3][at % 3] - IDENTITY[at / 3][at % 3]).abs() < SAME);
        same.then(|| Self {
            before: self.before,
            density: product(next.density, self.density),
            offset: add(apply(next.density, self.offset), next.offset),
            ..*next
        })
    }

    fn is_light(&self) -> bool {
        self.density == IDENTITY && self.offset == [0.0; 3]
    }

    /// The kernel's argument.
    #[expect(clippy::cast_possible_truncation, reason = "colours need no more than f32")]
    pub fn row(&self) -> ColourRow {
        let what = match self {
            _ if *self == Self::IDENTITY => PLAIN,
            _ if self.is_light() => LIGHT,
            _ => DENSITY,
        };
        let parts = [self.before.as_flattened(), self.density.as_flattened(), &self.offset];
        let parts = parts.into_iter().chain([self.after.as_flattened(), &self.shift]).flatten();
        let mut row = [what; ROW];
        row[1..].iter_mut().zip(parts).for_each(|(to, &part)| *to = part as f32);
        row
    }
}

/// Maps the colours of a batch and normalises them.
///
/// # Shapes
/// `values`: `[N, S, S, 3]`, 0 to 255; `rows`: `[N, ROW]`, of [`ColourMap::row`]; result `[N, 3, S, S]`.
///
/// # Panics
/// When `values` or `rows` are shorter than the shape says.
pub fn colour(values: &[f32], rows: &[f32], shape: UnpackShape, normalisation: Normalisation) -> Vec<f32> {
    let plane = shape.output_px * shape.output_px;
    let mut out = vec![0.0; shape.values()];
    let tiles = values.chunks_exact(plane * 3).zip(rows.as_chunks::<ROW>().0);
    for ((tile, row), out) in tiles.zip(out.chunks_exact_mut(plane * 3)) {
        let (red, rest) = out.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let runs = tile.chunks(3 * RUN).zip(red.chunks_mut(RUN)).zip(green.chunks_mut(RUN)).zip(blue.chunks_mut(RUN));
        for (((pixels, red), green), blue) in runs {
            let mut colours = [[0.0; RUN]; 3];
            for (at, pixel) in pixels.as_chunks::<3>().0.iter().enumerate() {
                (0..3).for_each(|c| colours[c][at] = pixel[c]);
            }
            map_run(&mut colours, row);
            for (c, to) in [red, green, blue].into_iter().enumerate() {
                let (scale, shift) = (normalisation.scale[c], normalisation.shift[c]);
                to.iter_mut().zip(&colours[c]).for_each(|(to, value)| *to = value * scale + shift);
            }
        }
    }
    out
}

/// Pixels that are mapped together, a channel at a time, so that each step is a loop of vectors.
const RUN: usize = 64;

fn map_run(colours: &mut [[f32; RUN]; 3], row: &ColourRow) {
    if row[0] == PLAIN {
        return;
    }
    let mut lights = times(&row[1..10], colours);
    if row[0] == DENSITY {
        let densities = lights.map(|channel| channel.map(|light| -ln(light.max(1.0) / 255.0)));
        lights = times(&row[10..19], &densities);
        for (channel, offset) in lights.iter_mut().zip(&row[19..22]) {
            for density in channel {
                *density = exp(-(*density + offset)) * 255.0;
            }
        }
    }
    *colours = times(&row[22..31], &lights);
    for (channel, shift) in colours.iter_mut().zip(&row[31..]) {
        for value in channel {
            *value = (*value + shift).clamp(0.0, 255.0);
        }
    }
}

/// A matrix, its rows one after another, times each pixel.
fn times(matrix: &[f32], pixels: &[[f32; RUN]; 3]) -> [[f32; RUN]; 3] {
    let mut out = [[0.0; RUN]; 3];
    for (to, m) in out.iter_mut().zip(matrix.as_chunks::<3>().0) {
        for (at, to) in to.iter_mut().enumerate() {
            *to = m[0] * pixels[0][at] + m[1] * pixels[1][at] + m[2] * pixels[2][at];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::unpack::unpack;

    const RAW: Normalisation = Normalisation { scale: [1.0; 3], shift: [0.0; 3] };

    fn one(rgb: [f32; 3], map: &ColourMap) -> [f32; 3] {
        let shape = UnpackShape { tiles: 1, input_px: 1, output_px: 1 };
        let out = colour(&rgb, &map.row(), shape, RAW);
        [out[0], out[1], out[2]]
    }

    fn near(found: [f32; 3], expected: [f32; 3], tolerance: f32) {
        assert!((0..3).all(|c| (found[c] - expected[c]).abs() <= tolerance), "{found:?} against {expected:?}");
    }

    #[test]
    fn the_identity_is_plain_unpacking_to_the_bit() {
        let shape = UnpackShape { tiles: 1, input_px: 16, output_px: 16 };
        let bytes: Vec<u8> = (0..=255).cycle().take(shape.bytes()).collect();
        let values: Vec<f32> = bytes.iter().copied().map(f32::from).collect();
        let normalisation = Normalisation::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        for neutral in [
            ColourMap::IDENTITY,
            ColourMap::stain_jitter([1.0; 3], [0.0; 3]),
            ColourMap::brightness(1.0),
            ColourMap::contrast(1.0, 127.5),
            ColourMap::saturation(1.0),
        ] {
            assert_eq!(neutral, ColourMap::IDENTITY);
            assert_eq!(colour(&values, &neutral.row(), shape, normalisation), unpack(&bytes, shape, normalisation));
        }
        // The long way gives the same within the rounding of logarithms and powers.
        let long = ColourMap::of_densities(IDENTITY, IDENTITY, [1e-12; 3]);
        near(one([200.0, 1.0, 255.0], &long), [200.0, 1.0, 255.0], 1e-3);
    }

    #[test]
    fn more_of_a_stain_darkens_it_by_its_own_density() {
        #[expect(clippy::cast_possible_truncation, reason = "levels of 255")]
        let of = |stain: Vector, amount: f64| stain.map(|part| (255.0 * (-part * amount).exp()) as f32);
        for (which, stain) in STAINS.map(unit).into_iter().enumerate() {
            let mut factors = [1.0; 3];
            factors[which] = 1.2;
            near(one(of(stain, 0.7), &ColourMap::stain_jitter(factors, [0.0; 3])), of(stain, 0.84), 1e-2);
            let mut summands = [0.0; 3];
            summands[which] = 0.1;
            near(one(of(stain, 0.7), &ColourMap::stain_jitter([1.0; 3], summands)), of(stain, 0.8), 1e-2);
            let other = of(STAINS.map(unit)[(which + 1) % 3], 0.5);
            near(one(other, &ColourMap::stain_jitter(factors, [0.0; 3])), other, 1e-2);
        }
    }

    #[test]
    fn light_is_scaled_stretched_and_bleached_within_bounds() {
        near(one([100.0, 50.0, 0.0], &ColourMap::brightness(1.5)), [150.0, 75.0, 0.0], 1e-3);
        near(one([200.0, 50.0, 0.0], &ColourMap::brightness(1.5)), [255.0, 75.0, 0.0], 1e-3);
        near(one([150.0, 100.0, 10.0], &ColourMap::contrast(2.0, 100.0)), [200.0, 100.0, 0.0], 1e-3);
        let grey = 0.299 * 200.0 + 0.587 * 100.0 + 0.114 * 50.0;
        near(one([200.0, 100.0, 50.0], &ColourMap::saturation(0.0)), [grey; 3], 1e-3);
    }

    #[test]
    fn one_map_does_what_two_do_or_is_refused() {
        let stain = ColourMap::stain_jitter([1.1, 0.9, 1.0], [0.02, 0.03, 0.0]);
        let other = ColourMap::stain_jitter([0.95, 1.05, 1.0], [0.0; 3]);
        let (bright, contrast, saturation) =
            (ColourMap::brightness(0.9), ColourMap::contrast(0.9, 127.5), ColourMap::saturation(1.1));
        for (first, second) in [
            (stain, other),
            (stain, bright),
            (stain, contrast),
            (bright, stain),
            (saturation, stain),
            (contrast, saturation),
            (ColourMap::IDENTITY, stain),
            (stain, ColourMap::IDENTITY),
        ] {
            let rgb = [180.0, 90.0, 140.0];
            near(one(rgb, &first.then(&second).unwrap()), one(one(rgb, &first), &second), 1e-2);
        }
        assert_eq!(contrast.then(&stain), None);
        assert_eq!(stain.then(&saturation).unwrap().then(&stain), None);
    }
}
