//! Warping, blurring, recolouring and fits of stains against the numbers of other programs, made by
//! `tests/reference/augment.py`, where versions and differences of convention are told.

use super::shared::shared;
use eosin::ops::blur::{blur, row};
use eosin::ops::colour::{ColourMap, colour};
use eosin::ops::stain::{Macenko, Reinhard};
use eosin::ops::unpack::{Normalisation, UnpackShape};
use eosin::ops::warp::{Affine, warp};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use tiff::decoder::{Decoder, DecodingResult};

fn reference() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/augment.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// All numbers of nested lists, in order.
fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().map(|list| list.iter().flat_map(numbers).collect());
    list.unwrap_or_else(|| vec![value.as_f64().unwrap()])
}

fn close(found: &[f64], expected: &Value, tolerance: f64, what: &str) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance, "{what}: {worst} apart, {found:?} against {expected:?}");
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn formula(side: usize) -> Vec<u8> {
    (0..side * side * 3).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

/// Colours of single pixels.
#[expect(clippy::cast_possible_truncation, reason = "levels of 255")]
fn mapped(pixels: &Value, map: &ColourMap) -> Vec<f64> {
    let values: Vec<f32> = numbers(pixels).into_iter().map(|value| value as f32).collect();
    let rows = map.row().repeat(values.len() / 3);
    let shape = UnpackShape { tiles: values.len() / 3, input_px: 1, output_px: 1 };
    wide(&colour(&values, &rows, shape, Normalisation { scale: [1.0; 3], shift: [0.0; 3] }))
}

#[test]
fn a_warped_tile_is_that_of_scipy_and_a_turned_one_that_of_pillow() {
    let reference = reference();
    let expected = &reference["warp"];
    let number = |name: &str| expected[name].as_f64().unwrap();
    let [x_px, y_px] = [0, 1].map(|axis| expected["shift_px"][axis].as_f64().unwrap());
    let affine = Affine::shift(x_px, y_px).then(&Affine::turn(number("radians"), number("scale")));
    let shape = UnpackShape { tiles: 1, input_px: 9, output_px: 7 };
    // Rounding of places to f32 between values up to 250 apart.
    close(&wide(&warp(&formula(9), &affine.row(shape), shape)), &expected["out"], 2e-3, "scipy");

    let shape = UnpackShape { tiles: 1, input_px: 33, output_px: 33 };
    let turned = Affine::turn(reference["turn"]["degrees"].as_f64().unwrap().to_radians(), 1.0);
    let out = warp(&formula(33), &turned.row(shape), shape);
    let middle: Vec<f64> = (12..21).flat_map(|y| wide(&out[(y * 33 + 12) * 3..(y * 33 + 21) * 3])).collect();
    // Pillow cuts to whole levels.
    close(&middle, &reference["turn"]["middle"], 1.0, "pillow");
}

#[test]
fn a_blurred_tile_is_that_of_scipy() {
    let shape = UnpackShape { tiles: 1, input_px: 9, output_px: 9 };
    let values: Vec<f32> = formula(9).into_iter().map(f32::from).collect();
    for case in reference()["blur"].as_array().unwrap() {
        let sigma = case["sigma"].as_f64().unwrap();
        // Sums of up to 25 products in f32.
        close(&wide(&blur(&values, &row(sigma), shape)), &case["out"], 1e-4, &format!("sigma {sigma}"));
    }
}

#[test]
fn jittered_stains_are_those_of_scikit_image() {
    let reference = &reference()["jitter"];
    let factors = [0, 1, 2].map(|stain| reference["factors"][stain].as_f64().unwrap());
    let found = mapped(&reference["pixels"], &ColourMap::stain_jitter(factors, [0.0; 3]));
    // scikit-image has the stains of the paper with two digits, ours have three.
    close(&found, &reference["changed"], 0.5, "jitter");
}

#[test]
fn stains_and_normalised_colours_are_those_of_torchstain_and_histomicstk() {
    for (name, expected) in reference()["stain"].as_object().unwrap() {
        let Some(path) = shared(&format!("data/tiles/nct_sample9/{name}.tif")) else { return };
        let DecodingResult::U8(bytes) = Decoder::new(File::open(path).unwrap()).unwrap().read_image().unwrap() else {
            panic!("expected bytes");
        };
        let macenko = Macenko::fit(&bytes).unwrap();
        close(macenko.stains.as_flattened(), &expected["stains"], 2e-6, name);
        close(&macenko.amounts, &expected["amounts"], 2e-6, name);
        // torchstain cuts to whole levels.
        let map = ColourMap::macenko(&macenko, &Macenko::REFERENCE);
        let found: Vec<f64> =
            mapped(&expected["pixels"], &map).into_iter().map(|value| value + 1e-3).map(f64::floor).collect();
        close(&found, &expected["macenko"], 0.0, name);

        let reinhard = Reinhard::fit(&bytes).unwrap();
        close(&reinhard.mean, &expected["lab_mean"], 2e-6, name);
        close(&reinhard.std, &expected["lab_std"], 2e-6, name);
        // Colours amplify the rounding of densities to f32.
        let map = ColourMap::reinhard(&reinhard, &Reinhard::REFERENCE);
        close(&mapped(&expected["pixels"], &map), &expected["reinhard"], 2e-2, name);
    }
}
