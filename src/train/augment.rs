//! A tile's bytes → a varied, normalised input of the network.
//!
//! Mirroring, quarter turns, brightness and the strength of haematoxylin and eosin: what differs between sections without
//! changing what they show. Everything is drawn from one stream of random numbers, so the same tile at the same place of
//! an epoch is varied in the same way.

use crate::dataset::InputConfig;
use crate::random::Random;
use crate::train::config::AugmentConfig;

/// Optical densities (R, G, B) of haematoxylin, eosin and a residual.
///
/// # Source
/// Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23:291-299.
const STAINS: [[f64; 3]; 3] = [[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]];

/// How one tile is varied.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recipe {
    flip_x: bool,
    flip_y: bool,
    transpose: bool,
    /// `None` leaves the colours as they are.
    colour: Option<Colour>,
}

/// An affine map of optical densities, `od' = od M + shift`.
#[derive(Debug, Clone, PartialEq)]
struct Colour {
    matrix: [[f32; 3]; 3],
    shift: f32,
}

impl Recipe {
    /// The tile as it is.
    pub fn plain() -> Self {
        Self { flip_x: false, flip_y: false, transpose: false, colour: None }
    }

    /// Draws a variation.
    pub fn draw(config: &AugmentConfig, random: &mut Random) -> Self {
        let (a, b, c) = (random.coin(), random.coin(), random.coin());
        // The eight symmetries of a square; a turn by 90 degrees is a transposition and one mirror image.
        let (transpose, flip_x, flip_y) = match (config.flips, config.rotations) {
            (true, true) => (a, b, c),
            (true, false) => (false, b, c),
            (false, true) => (a, b, a ^ b),
            (false, false) => (false, false, false),
        };
        let strengths = [random.within(config.stain), random.within(config.stain), 0.0];
        let brightness = random.within(config.brightness);
        let colour = (config.stain > 0.0 || config.brightness > 0.0).then(|| Colour::new(strengths, brightness));
        Self { flip_x, flip_y, transpose, colour }
    }

    /// Appends the varied and normalised tile.
    ///
    /// # Shapes
    /// `pixels`: `[side, side, 3]` u8, RGB; appended: `[3, side, side]` f32.
    pub fn apply(&self, pixels: &[u8], side: usize, input: &InputConfig, out: &mut Vec<f32>) {
        let start = out.len();
        out.resize(start + side * side * 3, 0.0);
        let planes = &mut out[start..];
        let turned = |flip: bool, at: usize| if flip { side - 1 - at } else { at };
        for y in 0..side {
            for x in 0..side {
                let (sx, sy) = (turned(self.flip_x, x), turned(self.flip_y, y));
                let (sx, sy) = if self.transpose { (sy, sx) } else { (sx, sy) };
                let from = (sy * side + sx) * 3;
                let rgb = [pixels[from], pixels[from + 1], pixels[from + 2]];
                let rgb = self.colour.as_ref().map_or_else(|| rgb.map(f32::from), |colour| colour.apply(rgb));
                for channel in 0..3 {
                    planes[(channel * side + y) * side + x] =
                        (rgb[channel] / 255.0 - input.mean[channel]) / input.std[channel];
                }
            }
        }
    }
}

impl Colour {
    /// `strengths`: relative changes of the three stains; `brightness`: relative change of the light.
    #[expect(clippy::cast_possible_truncation, reason = "colours need no more than f32")]
    fn new(strengths: [f32; 3], brightness: f32) -> Self {
        let stains = STAINS.map(|stain| {
            let length = stain.iter().map(|part| part * part).sum::<f64>().sqrt();
            stain.map(|part| part / length)
        });
        // Amounts = od S^-1; scale them; od' = amounts S.
        let inverse = invert(stains);
        let entry = |row: usize, column: usize| {
            let path = |k: usize| inverse[row][k] * (1.0 + f64::from(strengths[k])) * stains[k][column];
            (path(0) + path(1) + path(2)) as f32
        };
        let matrix = [0, 1, 2].map(|row| [0, 1, 2].map(|column| entry(row, column)));
        Self { matrix, shift: -(1.0 + brightness).ln() }
    }

    /// The new colour, 0 to 255.
    fn apply(&self, rgb: [u8; 3]) -> [f32; 3] {
        let density = rgb.map(|value| -(f32::from(value.max(1)) / 255.0).ln());
        [0, 1, 2].map(|column| {
            let mapped = (0..3).map(|row| density[row] * self.matrix[row][column]).sum::<f32>() + self.shift;
            (255.0 * (-mapped).exp()).clamp(0.0, 255.0)
        })
    }
}

/// The inverse of a matrix that has one, by cofactors.
fn invert(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let minor = |r: usize, c: usize| {
        let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    [0, 1, 2].map(|r| [0, 1, 2].map(|c| minor(c, r) / determinant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const RAW: InputConfig = InputConfig {
        um_per_px: 1.0,
        tile_px: 32,
        input_px: 32,
        mean: [0.0; 3],
        std: [1.0 / 255.0; 3],
        size: crate::dataset::SizeRule::Exact,
    };

    fn reds(recipe: &Recipe, pixels: &[u8]) -> Vec<u32> {
        let mut out = Vec::new();
        recipe.apply(pixels, 2, &RAW, &mut out);
        out[..4].iter().map(|&value| format!("{value:.0}").parse().unwrap()).collect()
    }

    #[test]
    fn flips_and_turns_give_all_eight_symmetries_and_turns_alone_four() {
        let pixels: Vec<u8> = [10, 20, 30, 40].into_iter().flat_map(|red| [red, 0, 0]).collect();
        let seen = |flips: bool, rotations: bool| -> BTreeSet<Vec<u32>> {
            let config = AugmentConfig { flips, rotations, brightness: 0.0, stain: 0.0 };
            (0..200).map(|at| reds(&Recipe::draw(&config, &mut Random::of(&[at])), &pixels)).collect()
        };
        assert_eq!(seen(true, true).len(), 8);
        assert_eq!(
            seen(false, true),
            BTreeSet::from([vec![10, 20, 30, 40], vec![30, 10, 40, 20], vec![40, 30, 20, 10], vec![20, 40, 10, 30]])
        );
        assert_eq!(seen(true, false).len(), 4);
        assert_eq!(seen(false, false).len(), 1);
    }

    #[test]
    fn no_change_of_colour_is_none_and_more_light_is_lighter() {
        let same = Colour::new([0.0; 3], 0.0).apply([200, 100, 150]);
        assert!(same.iter().zip([200.0, 100.0, 150.0]).all(|(a, b)| (a - b).abs() < 0.01), "{same:?}");
        let lighter = Colour::new([0.0; 3], 0.1).apply([200, 100, 150]);
        assert!(lighter.iter().zip([220.0, 110.0, 165.0]).all(|(a, b)| (a - b).abs() < 0.01), "{lighter:?}");
    }

    #[test]
    fn more_haematoxylin_darkens_haematoxylin_by_its_own_density() {
        // A pixel of pure haematoxylin at density 0.5: 10 % more of it is 10 % more density in each channel.
        let pixel = [0.650_f64, 0.704, 0.286].map(|od| 255.0 * (-0.5 * od / 1.0).exp());
        let rounded = [pixel[0].round(), pixel[1].round(), pixel[2].round()];
        let rgb = rounded.map(|value| format!("{value}").parse::<u8>().unwrap());
        let changed = Colour::new([0.1, 0.0, 0.0], 0.0).apply(rgb);
        for (value, od) in changed.iter().zip([0.650_f64, 0.704, 0.286]) {
            let expected = 255.0 * (-0.55 * od).exp();
            assert!((f64::from(*value) - expected).abs() < 1.0, "{value} against {expected}");
        }
    }
}
