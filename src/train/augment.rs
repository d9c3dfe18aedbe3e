//! How tiles are varied: what differs between sections, stainings and scanners without changing what they show.
//!
//! Everything is drawn from one stream of random numbers, so the same tile at the same place of an epoch is varied in the
//! same way; the pixels are changed on the device (`ops::augment`).

use crate::ops::augment::Variation;
use crate::ops::colour::ColourMap;
use crate::ops::warp::Affine;
use crate::random::Random;
use crate::train::config::AugmentConfig;

/// The level that contrast leaves as it is: the middle of the bytes.
const PIVOT: f64 = 127.5;

/// Draws a variation. Every number is drawn whatever the configuration, so that a range that is closed changes no other.
pub(super) fn draw(config: &AugmentConfig, random: &mut Random) -> Variation {
    let (a, b, c) = (random.coin(), random.coin(), random.coin());
    // The eight symmetries of a square; a turn by 90 degrees is a transposition and one mirror image.
    let (transpose, flip_x, flip_y) = match (config.flips, config.rotations) {
        (true, true) => (a, b, c),
        (true, false) => (false, b, c),
        (false, true) => (a, b, a ^ b),
        (false, false) => (false, false, false),
    };
    let mut within = |reach: f32| f64::from(random.within(reach));
    let turn = within(config.turn_degrees).to_radians();
    // As likely larger as smaller.
    let scale = (1.0 + f64::from(config.scale)).powf(within(1.0));
    let mut affine = Affine::symmetry(transpose, flip_x, flip_y);
    if config.turn_degrees > 0.0 || config.scale > 0.0 {
        affine = affine.then(&Affine::turn(turn, scale));
    }
    // Half of the tiles stay sharp.
    let blur_px = within(config.blur_px).max(0.0);
    let factors = [1.0 + within(config.stain), 1.0 + within(config.stain), 1.0];
    let summands = [within(config.stain_shift), within(config.stain_shift), 0.0];
    let brightness = 1.0 + within(config.brightness);
    let contrast = 1.0 + within(config.contrast);
    let saturation = 1.0 + within(config.saturation);
    let mut colour = ColourMap::IDENTITY;
    let steps = [
        (config.stain > 0.0 || config.stain_shift > 0.0).then(|| ColourMap::stain_jitter(factors, summands)),
        (config.saturation > 0.0).then(|| ColourMap::saturation(saturation)),
        (config.contrast > 0.0).then(|| ColourMap::contrast(contrast, PIVOT)),
        (config.brightness > 0.0).then(|| ColourMap::brightness(brightness)),
    ];
    for step in steps.into_iter().flatten() {
        // Stain first and light behind it can always be joined.
        colour = colour.then(&step).unwrap_or(colour);
    }
    Variation { affine, blur_px, colour }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::augment::{Rows, augment};
    use crate::ops::unpack::{Normalisation, UnpackShape};
    use std::collections::BTreeSet;

    const RAW: Normalisation = Normalisation { scale: [1.0; 3], shift: [0.0; 3] };
    const NONE: AugmentConfig = AugmentConfig {
        flips: false,
        rotations: false,
        turn_degrees: 0.0,
        scale: 0.0,
        blur_px: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        saturation: 0.0,
        stain: 0.0,
        stain_shift: 0.0,
    };

    fn seen(config: &AugmentConfig, seed: u64, bytes: &[u8], side: usize) -> Vec<f32> {
        let shape = UnpackShape { tiles: 1, input_px: side, output_px: side };
        let variation = draw(config, &mut Random::of(&[seed]));
        augment(bytes, &Rows::new(&[variation], shape), shape, RAW)
    }

    #[test]
    fn flips_and_turns_give_all_eight_symmetries_and_turns_alone_four() {
        let pixels: Vec<u8> = [10, 20, 30, 40].into_iter().flat_map(|red| [red, 0, 0]).collect();
        let reds = |flips: bool, rotations: bool| -> BTreeSet<String> {
            let config = AugmentConfig { flips, rotations, ..NONE };
            (0..200).map(|seed| format!("{:?}", &seen(&config, seed, &pixels, 2)[..4])).collect()
        };
        assert_eq!(reds(true, true).len(), 8);
        let turns =
            ["10.0, 20.0, 30.0, 40.0", "30.0, 10.0, 40.0, 20.0", "40.0, 30.0, 20.0, 10.0", "20.0, 40.0, 10.0, 30.0"];
        assert_eq!(reds(false, true), turns.map(|turn| format!("[{turn}]")).into());
        assert_eq!(reds(true, false).len(), 4);
        assert_eq!(reds(false, false).len(), 1);
    }

    #[test]
    fn nothing_asked_for_changes_nothing_and_everything_asked_for_something() {
        let bytes: Vec<u8> = (0..16 * 16 * 3).map(|at| u8::try_from(40 + at * 7 % 180).unwrap()).collect();
        let plain = seen(&NONE, 1, &bytes, 16);
        assert_eq!(plain, seen(&NONE, 2, &bytes, 16));
        let each: [fn(&mut AugmentConfig); 8] = [
            |config| config.turn_degrees = 20.0,
            |config| config.scale = 0.2,
            |config| config.blur_px = 2.0,
            |config| config.brightness = 0.2,
            |config| config.contrast = 0.2,
            |config| config.saturation = 0.3,
            |config| config.stain = 0.2,
            |config| config.stain_shift = 0.1,
        ];
        for (at, ask) in each.into_iter().enumerate() {
            let mut config = NONE;
            ask(&mut config);
            // Sharp for one seed in two.
            assert!((0..8).any(|seed| seen(&config, seed, &bytes, 16) != plain), "{at}");
            assert_eq!(seen(&config, 3, &bytes, 16), seen(&config, 3, &bytes, 16));
        }
    }
}
