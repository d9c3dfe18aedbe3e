//! Bytes of tiles → how they are stained, and from two such fits the map that makes one look like the other.
//!
//! Invariant: only pixels that absorb light in all three channels count, so the share of bare glass changes nothing; and
//! what such pixels cannot tell is refused with a reason, never guessed. Many tiles make one fit: their bytes are given
//! one after another.

use super::colour::ColourMap;
use super::matrix::{
    IDENTITY, Matrix, Vector, add, apply, cross, diagonal, dot, eigen, inverse, product, transpose, unit,
};
use std::fmt;

/// A pixel is tissue when its natural optical density, `-ln(max(byte, 1) / 255)`, is at least this in R, G and B.
///
/// # Source
/// Macenko et al. 2009, doi:10.1109/ISBI.2009.5193250, who say 0.15 and leave the base of the logarithm open.
pub const MIN_DENSITY: f64 = 0.15;

/// Fewer pixels of tissue make no fit.
pub const MIN_PIXELS: usize = 256;

/// Two stains are told apart when their directions differ by this, radians; rounding to bytes alone makes a third of it.
const MIN_ANGLE: f64 = 0.05;

/// Share of angles that is left out on either side, and of amounts at the top, per cent.
const OUTLIERS: f64 = 1.0;

/// Smaller amounts and spreads are rounding of bytes, not stain.
const MIN_SPREAD: f64 = 1e-3;

/// Why tiles have no fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Fewer pixels of tissue than [`MIN_PIXELS`]; how many.
    TooFewPixels(usize),
    /// All tissue is of one colour or of one stain.
    OneStain,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewPixels(found) => write!(f, "expected {MIN_PIXELS} pixels of tissue or more, found {found}"),
            Self::OneStain => f.write_str("expected tissue of two stains, found colours that tell of one at most"),
        }
    }
}

/// The two stains of tiles, and how much there is of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Macenko {
    /// Optical densities (R, G, B) of haematoxylin and of eosin, each of length 1.
    pub stains: [[f64; 3]; 2],
    /// The 99th percentile of the amount of each in the tissue.
    pub amounts: [f64; 2],
}

impl Macenko {
    /// The reference of most programs, so that results look as theirs do.
    ///
    /// # Source
    /// Defaults of M. Veta's `normalizeStaining` (github.com/mitkovetta/staining-normalization), which torchstain and
    /// MONAI took over. Their white is 240, ours 255: results here are lighter by that factor.
    pub const REFERENCE: Self =
        Self { stains: [[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]], amounts: [1.9705, 1.0308] };

    /// Finds the stains of tiles.
    ///
    /// Densities lie in the plane that two stains span: that of the two leading eigenvectors of their covariance. The
    /// directions in it that leave 1 % of the tissue on either side are the stains; the redder absorber is haematoxylin.
    ///
    /// # Shapes
    /// `bytes`: `[.., 3]` u8, RGB.
    ///
    /// # Errors
    /// [`Unfit`] when the tissue does not tell.
    ///
    /// # Source
    /// Macenko et al. 2009, doi:10.1109/ISBI.2009.5193250, section 2; with natural logarithms and a white of 255.
    pub fn fit(bytes: &[u8]) -> Result<Self, Unfit> {
        let densities: Vec<Vector> = tissue(bytes).collect();
        let (mean, covariance) = moments(&densities)?;
        let (_, [_, _, normal]) = eigen(covariance);
        // From the mean, angles are small and do not jump at half a turn, as they may from the eigenvectors.
        let along = unit(add(mean, normal.map(|part| -part * dot(normal, mean))));
        let across = cross(normal, along);
        let mut angles: Vec<f64> = densities.iter().map(|&d| dot(d, across).atan2(dot(d, along))).collect();
        let (low, high) = (percentile(&mut angles, OUTLIERS), percentile(&mut angles, 100.0 - OUTLIERS));
        let told_apart = high - low >= MIN_ANGLE;
        if !told_apart {
            return Err(Unfit::OneStain);
        }
        let direction = |angle: f64| add(along.map(|part| part * angle.cos()), across.map(|part| part * angle.sin()));
        let (low, high) = (direction(low), direction(high));
        let stains = if low[0] > high[0] { [low, high] } else { [high, low] };
        let unmix = inverse(mixing(stains));
        let amounts = [0, 1].map(|stain| {
            let mut amounts: Vec<f64> = densities.iter().map(|&d| dot(unmix[stain], d)).collect();
            percentile(&mut amounts, 100.0 - OUTLIERS)
        });
        if amounts.iter().any(|&amount| amount < MIN_SPREAD) {
            return Err(Unfit::OneStain);
        }
        Ok(Self { stains, amounts })
    }
}

/// Mean and standard deviation of the tissue in the space lαβ, of natural logarithms of `LMS / 255`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reinhard {
    /// Mean of l, α and β.
    pub mean: [f64; 3],
    /// Standard deviation of l, α and β (divided by the number of pixels).
    pub std: [f64; 3],
}

/// Linear R, G, B to the responses of long, middle and short cones.
///
/// # Source
/// Reinhard et al. 2001, doi:10.1109/38.946629, equation 4.
const LMS: Matrix = [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]];

/// Logarithms of LMS to l, α and β; orthogonal.
///
/// # Source
/// Ruderman, Cronin and Chiao 1998, doi:10.1364/JOSAA.15.002036; Reinhard et al. 2001, equation 6.
fn opponents() -> Matrix {
    [[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]].map(unit)
}

impl Reinhard {
    /// Tissue of a breast cancer of TCGA, the standard of the programs of Amgad et al.
    ///
    /// # Source
    /// Amgad et al. 2019, doi:10.1093/bioinformatics/btz083, slide TCGA-A2-A3XS-DX1; numbers as published with
    /// `HistomicsTK` (github.com/DigitalSlideArchive/HistomicsTK), l less `sqrt(3) ln 255` for our unit.
    pub const REFERENCE: Self = Self {
        mean: [8.741_081_09 - 9.597_75, -0.124_404_19, 0.044_498_2],
        std: [0.613_544_7, 0.109_895_45, 0.028_603_2],
    };

    /// Measures tiles.
    ///
    /// # Shapes
    /// `bytes`: `[.., 3]` u8, RGB.
    ///
    /// # Errors
    /// [`Unfit`] when there is too little tissue, or all of it has one colour.
    ///
    /// # Source
    /// Reinhard et al. 2001, doi:10.1109/38.946629; here over tissue alone, and channels are at least 1, as
    /// for [`ColourMap`].
    pub fn fit(bytes: &[u8]) -> Result<Self, Unfit> {
        let opponents = opponents();
        let values: Vec<Vector> = tissue_pixels(bytes)
            .map(|rgb| apply(opponents, apply(LMS, rgb.map(f64::from)).map(|q| (q.max(1.0) / 255.0).ln())))
            .collect();
        let (mean, covariance) = moments(&values)?;
        let std = [0, 1, 2].map(|i| covariance[i][i].sqrt());
        if std.iter().any(|&std| std < MIN_SPREAD) {
            return Err(Unfit::OneStain);
        }
        Ok(Self { mean, std })
    }
}

impl ColourMap {
    /// Gives tiles the stains and amounts of others: amounts are found by least squares, made as large as those of `to`,
    /// and mixed with its stains. What is neither stain is dropped.
    ///
    /// # Source
    /// Macenko et al. 2009, doi:10.1109/ISBI.2009.5193250, section 2.3.
    pub fn macenko(from: &Macenko, to: &Macenko) -> Self {
        let scale = [to.amounts[0] / from.amounts[0], to.amounts[1] / from.amounts[1], 0.0];
        let density = product(mixing(to.stains), product(diagonal(scale), inverse(mixing(from.stains))));
        Self::of_densities(IDENTITY, density, [0.0; 3])
    }

    /// Gives tiles the mean and the spread of others in lαβ. Glass is moved, too, and may take on a tint.
    ///
    /// # Source
    /// Reinhard et al. 2001, doi:10.1109/38.946629, equations 10 and 11; an affine map of log LMS.
    pub fn reinhard(from: &Reinhard, to: &Reinhard) -> Self {
        let (there, back) = (opponents(), transpose(opponents()));
        let scale = [0, 1, 2].map(|i| to.std[i] / from.std[i]);
        let density = product(back, product(diagonal(scale), there));
        // Densities are logarithms with the other sign.
        let offset = apply(back, [0, 1, 2].map(|i| scale[i] * from.mean[i] - to.mean[i]));
        Self::of_densities(LMS, density, offset)
    }
}

/// Amounts of two stains and of what is neither, to densities.
fn mixing(stains: [Vector; 2]) -> Matrix {
    transpose([stains[0], stains[1], unit(cross(stains[0], stains[1]))])
}

fn tissue_pixels(bytes: &[u8]) -> impl Iterator<Item = [u8; 3]> {
    // The density falls with the byte: those up to here are dense enough.
    let darkest = (0..=u8::MAX).rev().find(|&byte| density(byte) >= MIN_DENSITY).unwrap_or_default();
    bytes.as_chunks::<3>().0.iter().copied().filter(move |rgb| rgb.iter().all(|&byte| byte <= darkest))
}

/// Densities of the pixels of tissue.
fn tissue(bytes: &[u8]) -> impl Iterator<Item = Vector> {
    let table: Vec<f64> = (0..=u8::MAX).map(density).collect();
    tissue_pixels(bytes).map(move |rgb| rgb.map(|byte| table[usize::from(byte)]))
}

fn density(byte: u8) -> f64 {
    -(f64::from(byte.max(1)) / 255.0).ln()
}

/// Mean and covariance, divided by the number of values.
fn moments(values: &[Vector]) -> Result<(Vector, Matrix), Unfit> {
    if values.len() < MIN_PIXELS {
        return Err(Unfit::TooFewPixels(values.len()));
    }
    let count = values.len() as f64;
    let mean = values.iter().fold([0.0; 3], |sum, &value| add(sum, value)).map(|sum| sum / count);
    let mut covariance = [[0.0; 3]; 3];
    for value in values {
        let off = [0, 1, 2].map(|i| value[i] - mean[i]);
        for (row, a) in covariance.iter_mut().zip(off) {
            *row = add(*row, off.map(|b| a * b / count));
        }
    }
    Ok((mean, covariance))
}

/// The value below which a share lies, between its two neighbours in proportion; orders the values in part.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
fn percentile(values: &mut [f64], percent: f64) -> f64 {
    let place = (values.len() - 1) as f64 * percent / 100.0;
    let (_, &mut low, above) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::colour::colour;
    use crate::ops::unpack::{Normalisation, UnpackShape};

    const SIDE: usize = 64;
    /// Stains of a made-up laboratory.
    const MADE: [Vector; 2] = [[0.68, 0.62, 0.39], [0.22, 0.85, 0.48]];

    /// Amounts of two stains that vary by themselves; some pixels are of one stain alone, some bare.
    fn tile() -> Vec<u8> {
        let stains = MADE.map(unit);
        let pixel = |at: usize| {
            let (h, e) = ((at * 37 % 101) as f64 / 100.0, (at * 59 % 97) as f64 / 96.0);
            let [h, e] = match at % 10 {
                0 | 1 => [0.5 + h, 0.0],
                2 | 3 => [0.0, 0.8 + e],
                4 => [0.0; 2],
                _ => [0.3 + h, 0.2 + e],
            };
            add(stains[0].map(|s| s * h), stains[1].map(|s| s * e)).map(|d| byte(255.0 * (-d).exp()))
        };
        (0..SIDE * SIDE).flat_map(pixel).collect()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    fn byte(value: f64) -> u8 {
        value.round() as u8
    }

    fn mapped(bytes: &[u8], map: &ColourMap) -> Vec<u8> {
        let values: Vec<f32> = bytes.iter().copied().map(f32::from).collect();
        let shape = UnpackShape { tiles: 1, input_px: SIDE, output_px: SIDE };
        let planes = colour(&values, &map.row(), shape, Normalisation { scale: [1.0; 3], shift: [0.0; 3] });
        let plane = SIDE * SIDE;
        (0..plane).flat_map(|at| [0, 1, 2].map(|c| byte(f64::from(planes[c * plane + at])))).collect()
    }

    fn close(found: &[f64], expected: &[f64], tolerance: f64) {
        let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
        assert!(near && found.len() == expected.len(), "{found:?} against {expected:?}");
    }

    #[test]
    fn two_known_stains_are_found() {
        // Rounding to bytes moves a direction by up to 0.01.
        let fit = Macenko::fit(&tile()).unwrap();
        close(fit.stains.as_flattened(), MADE.map(unit).as_flattened(), 0.01);
        close(&fit.amounts, &[1.48, 1.78], 0.03);
    }

    #[test]
    fn normalised_tiles_have_the_reference_s_stains_and_stay_as_they_are() {
        let once = mapped(&tile(), &ColourMap::macenko(&Macenko::fit(&tile()).unwrap(), &Macenko::REFERENCE));
        let fit = Macenko::fit(&once).unwrap();
        close(fit.stains.as_flattened(), Macenko::REFERENCE.stains.map(unit).as_flattened(), 0.02);
        close(&fit.amounts, &Macenko::REFERENCE.amounts, 0.04);
        let twice = mapped(&once, &ColourMap::macenko(&fit, &Macenko::REFERENCE));
        // One rounding to bytes more, and the fit of rounded bytes.
        assert!(once.iter().zip(&twice).all(|(a, b)| a.abs_diff(*b) <= 4));

        let to = Reinhard { mean: [-0.9, -0.08, 0.02], std: [0.3, 0.05, 0.02] };
        let from = Reinhard::fit(&tile()).unwrap();
        let map = ColourMap::reinhard(&from, &to);
        // lαβ of a colour at the old mean is the new mean.
        let lights = apply(transpose(opponents()), from.mean).map(|log| 255.0 * log.exp());
        let pixel = apply(inverse(LMS), lights).map(byte);
        let found = mapped(&pixel.repeat(SIDE * SIDE), &map);
        let logs = apply(LMS, [0, 1, 2].map(|c| f64::from(found[c]))).map(|q| (q / 255.0).ln());
        close(&apply(opponents(), logs), &to.mean, 0.02);
    }

    #[test]
    fn too_little_tissue_and_one_stain_are_refused() {
        assert_eq!(Macenko::fit(&[255; 3000]), Err(Unfit::TooFewPixels(0)));
        assert_eq!(Macenko::fit(&[]), Err(Unfit::TooFewPixels(0)));
        assert_eq!(Reinhard::fit(&[100; 300]), Err(Unfit::TooFewPixels(100)));
        assert_eq!(Macenko::fit(&[120; 3000]), Err(Unfit::OneStain));
        assert_eq!(Reinhard::fit(&[120; 3000]), Err(Unfit::OneStain));
        let haematoxylin: Vec<u8> = (0..2000)
            .flat_map(|at| unit(MADE[0]).map(|s| byte(255.0 * (-s * (0.5 + f64::from(at % 100) / 100.0)).exp())))
            .collect();
        assert_eq!(Macenko::fit(&haematoxylin), Err(Unfit::OneStain));
        assert!(Unfit::TooFewPixels(3).to_string().contains("found 3"));
    }

    #[test]
    fn percentiles_lie_between_neighbours() {
        assert!((percentile(&mut [4.0, 1.0, 3.0, 2.0], 50.0) - 2.5).abs() < 1e-12);
        assert!((percentile(&mut [4.0, 1.0, 3.0, 2.0], 99.0) - 3.97).abs() < 1e-12);
        assert!((percentile(&mut [7.0], 1.0) - 7.0).abs() < 1e-12);
    }
}
