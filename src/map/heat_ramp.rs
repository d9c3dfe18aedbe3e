//! Colours for how much something counts, over tissue: each step looks as large as any other, more is always lighter, and
//! none of the hues is one of haematoxylin and eosin.
//!
//! # Source
//! The space in which steps look equal is Oklab: Ottosson 2020, "A perceptual color space for image processing",
//! <https://bottosson.github.io/posts/oklab/>; transfer function of sRGB: IEC 61966-2-1.

/// Lightness 0 to 1, chroma and hue in degrees at a place from 0 to 1: dark blue, teal, yellow. Between them the lines stay
/// inside sRGB, so no step is cut off.
const STOPS: [(f32, [f32; 3]); 3] =
    [(0.0, [0.28, 0.12, 290.0]), (0.4, [0.54, 0.088, 217.0]), (1.0, [0.93, 0.16, 105.0])];

/// The colour of a value: 0 is dark blue, 1 yellow; values outside are clamped.
pub fn heat(value: f32) -> [u8; 3] {
    let place = value.clamp(0.0, 1.0);
    let [a, b, c] = STOPS;
    let ((from, start), (to, end)) = if place < b.0 { (a, b) } else { (b, c) };
    let part = (place - from) / (to - from);
    let [lightness, chroma, hue] = [0, 1, 2].map(|i| start[i] + (end[i] - start[i]) * part);
    let (sin, cos) = hue.to_radians().sin_cos();
    srgb(lightness, chroma * cos, chroma * sin)
}

/// From Oklab to sRGB.
fn srgb(lightness: f32, a: f32, b: f32) -> [u8; 3] {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(encoded)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn encoded(linear: f32) -> u8 {
    let value = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lightness of a colour in Oklab, by the inverse matrices of the same source.
    fn lightness(colour: [u8; 3]) -> f32 {
        let [r, g, b] = colour.map(|value| {
            let value = f32::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
        let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
        let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s
    }

    #[test]
    fn equal_steps_are_equally_lighter() {
        for step in 0..=64_u8 {
            let value = f32::from(step) / 64.0;
            // Half a level of 255 in the darkest colour is a hundredth.
            assert!((lightness(heat(value)) - (0.28 + 0.65 * value)).abs() < 0.01, "{value}: {:?}", heat(value));
        }
        assert_eq!([heat(-1.0), heat(2.0)], [heat(0.0), heat(1.0)]);
    }
}
