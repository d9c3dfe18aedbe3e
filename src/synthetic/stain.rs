//! Amounts of dye in, colours out: light passes through haematoxylin, eosin, blood and dust by the law of Lambert and
//! Beer, as in Ruifrok and Johnston, "Quantification of histochemical staining by color deconvolution", 2001.
//!
//! The vectors are not theirs (another scanner) but were fitted to the colours of nuclei, mucin, muscle and blood on a
//! colorectal resection (Orion CRC01; Lin, Chen, Campton et al. 2023, doi:10.1038/s43018-023-00576-1), as are the
//! amounts in `tissue`.

use super::noise::lerp;

/// Amounts of haematoxylin, eosin, haemoglobin and neutral grey; 1 absorbs a natural logarithm of 1 in all.
pub(super) type Stain = [f32; 4];

/// The colour of glass: the scanner's white.
pub(super) const GLASS: [u8; 3] = [242; 3];

/// Optical density of each dye in red, green and blue.
const VECTORS: [[f32; 3]; 4] = [[0.63, 0.67, 0.39], [0.33, 0.80, 0.50], [0.14, 0.72, 0.68], [0.58, 0.58, 0.58]];

const STEPS_PER_UNIT: usize = 256;
const LARGEST: usize = 6;

/// Light that is left after an optical density, from a table: the exponential function of the system's library may
/// differ in the last bit from one platform to another.
pub(super) struct Beer {
    table: Vec<f32>,
}

impl Beer {
    pub(super) fn new() -> Self {
        const STEP: f64 = 0.996_101_369_470_117_5; // exp(-1/256)
        let powers = std::iter::successors(Some(1.0_f64), |left| Some(left * STEP));
        #[expect(clippy::cast_possible_truncation, reason = "rounded to single precision on purpose")]
        let table = powers.take(STEPS_PER_UNIT * LARGEST + 2).map(|left| left as f32).collect();
        Self { table }
    }

    /// The colour of a pixel.
    pub(super) fn colour(&self, stain: Stain) -> [u8; 3] {
        [0, 1, 2].map(|channel| {
            let density: f32 = (0..4).map(|dye| stain[dye] * VECTORS[dye][channel]).sum();
            let light = self.light(density) * f32::from(GLASS[channel]) + 0.5;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at 0 and 255")]
            let sample = light as u8;
            sample
        })
    }

    fn light(&self, density: f32) -> f32 {
        let place = density.clamp(0.0, LARGEST as f32) * STEPS_PER_UNIT as f32;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the table")]
        let index = place as usize;
        lerp(self.table[index], self.table[index + 1], place - index as f32)
    }
}

/// `a` at 0, `b` at 1.
pub(super) fn blend(a: Stain, b: Stain, t: f32) -> Stain {
    [0, 1, 2, 3].map(|dye| lerp(a[dye], b[dye], t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_dye_is_glass_and_the_table_is_the_exponential_function() {
        let beer = Beer::new();
        assert_eq!(beer.colour([0.0; 4]), GLASS);
        for density in [0.0_f32, 0.001, 0.5, 1.7, 5.99, 6.0] {
            // Linear interpolation at steps of 1/256 is off by at most 2^-19.
            assert!((beer.light(density) - (-density).exp()).abs() < 4e-6, "{density}");
        }
    }
}
