//! A colour of a screen → the colour that DICOM recommends with: `CIELab`, in steps of 1/65535.
//!
//! # Source
//! sRGB: IEC 61966-2-1. To XYZ of the white D50, which DICOM takes: the matrix of sRGB, adapted from D65 by Bradford's
//! method (Lindbloom, brucelindbloom.com). `CIELab`: CIE 15. Steps: DICOM PS3.3, C.10.7.1.1.

/// Rows of X, Y and Z for linear red, green and blue.
const TO_XYZ: [[f64; 3]; 3] = [
    [0.436_074_7, 0.385_064_9, 0.143_080_4],
    [0.222_504_5, 0.716_878_6, 0.060_616_9],
    [0.013_932_2, 0.097_104_5, 0.714_173_3],
];
/// The white D50.
const WHITE: [f64; 3] = [0.964_22, 1.0, 0.825_21];

/// L from 0 to 100 and a, b from -128 to 127, each spread over all 16 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 16 bits")]
pub(super) fn cielab(colour: [u8; 3]) -> [u16; 3] {
    let linear = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    let [x, y, z] = std::array::from_fn(|at| {
        let part = TO_XYZ[at].iter().zip(linear).map(|(factor, part)| factor * part).sum::<f64>() / WHITE[at];
        if part > 216.0 / 24389.0 { part.cbrt() } else { (24389.0 / 27.0 * part + 16.0) / 116.0 }
    });
    let step = |value: f64, from: f64, to: f64| ((value - from) / (to - from) * 65535.0).round().clamp(0.0, 65535.0);
    let sides = [step(500.0 * (x - y), -128.0, 127.0), step(200.0 * (y - z), -128.0, 127.0)];
    [step(116.0 * y - 16.0, 0.0, 100.0), sides[0], sides[1]].map(|step| step as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_grey_black_and_red_are_where_they_belong() {
        let near = |found: [u16; 3], lab: [f64; 3]| {
            let [l, a, b] = found.map(f64::from);
            let found = [l / 655.35, a / 257.0 - 128.0, b / 257.0 - 128.0];
            assert!(found.iter().zip(lab).all(|(found, lab)| (found - lab).abs() < 0.05), "{found:?} against {lab:?}");
        };
        near(cielab([255; 3]), [100.0, 0.0, 0.0]);
        near(cielab([0; 3]), [0.0, 0.0, 0.0]);
        near(cielab([119; 3]), [50.03, 0.0, 0.0]);
        near(cielab([255, 0, 0]), [54.29, 80.81, 69.89]);
    }
}
