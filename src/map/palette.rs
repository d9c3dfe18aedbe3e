//! Which colour a class has: fixed colours that people with any common colour vision tell apart, and a ramp for one
//! score.
//!
//! # Source
//! Okabe and Ito (2008), Color Universal Design. Our order begins with the hues that stay visible over the pinks of
//! haematoxylin and eosin.

/// The eight colours of Okabe and Ito.
const OKABE_ITO: [[u8; 3]; 8] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [240, 228, 66],
    [86, 180, 233],
    [213, 94, 0],
    [204, 121, 167],
    [0, 0, 0],
];

/// Ends and middle of the ramp: blue, yellow, vermillion.
const RAMP: [[u8; 3]; 3] = [OKABE_ITO[0], OKABE_ITO[3], OKABE_ITO[5]];

/// Colours for `classes` classes whose model card gives none.
///
/// From the ninth class on the colours come again, each time darker by a third; they are then distinct, but no longer
/// safe for every kind of colour vision.
pub fn class_colours(classes: usize) -> Vec<[u8; 3]> {
    (0..classes)
        .map(|class| {
            // Black cannot get darker, so later rounds leave it out.
            let (round, colour) = match class.checked_sub(OKABE_ITO.len()) {
                None => (0, OKABE_ITO[class]),
                Some(later) => (1 + later / 7, OKABE_ITO[later % 7]),
            };
            let strength = (2.0_f32 / 3.0).powi(i32::try_from(round).unwrap_or(i32::MAX));
            mix([0, 0, 0], colour, strength)
        })
        .collect()
}

/// The colour of one score: 0 is blue, 0.5 yellow, 1 vermillion; scores outside are clamped.
pub fn ramp(score: f32) -> [u8; 3] {
    let place = score.clamp(0.0, 1.0) * 2.0;
    if place < 1.0 { mix(RAMP[0], RAMP[1], place) } else { mix(RAMP[1], RAMP[2], place - 1.0) }
}

/// The colour of a value with two sides: -1 is blue, 0 nearly white, 1 vermillion; values outside are clamped.
pub fn diverging(value: f32) -> [u8; 3] {
    const MIDDLE: [u8; 3] = [247; 3];
    mix(MIDDLE, OKABE_ITO[if value < 0.0 { 0 } else { 5 }], value.abs())
}

/// Mixes two colours; a `strength` of 0 gives `from`, 1 gives `to`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mix of two bytes stays between them")]
pub fn mix(from: [u8; 3], to: [u8; 3], strength: f32) -> [u8; 3] {
    let strength = strength.clamp(0.0, 1.0);
    std::array::from_fn(|i| (f32::from(from[i]) + (f32::from(to[i]) - f32::from(from[i])) * strength).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn twenty_two_classes_have_twenty_two_colours() {
        let colours = class_colours(22);
        assert_eq!(colours[..8], OKABE_ITO);
        assert_eq!(colours.iter().collect::<HashSet<_>>().len(), 22);
    }

    #[test]
    fn the_ramp_hits_its_ends_and_middle_and_clamps() {
        assert_eq!([ramp(-3.0), ramp(0.5), ramp(9.0)], RAMP);
        assert_eq!(mix([0, 0, 0], [255, 255, 255], 0.5), [128, 128, 128]);
        assert_eq!([diverging(-4.0), diverging(0.0), diverging(1.0)], [OKABE_ITO[0], [247; 3], OKABE_ITO[5]]);
    }
}
