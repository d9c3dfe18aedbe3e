//! Bytes of tiles → varied, normalised inputs of a network: `warp`, `blur` and `colour` one after another on a device.
//!
//! Inputs are constants: the result is a plain tensor, and training wraps it with `Tensor::from_inner`.

use super::blur::blur;
use super::colour::colour;
use super::warp::warp;
use crate::ops::augment::{Rows, Variation};
use crate::ops::unpack::{Normalisation, UnpackShape};
use burn::tensor::{Device, Tensor};

/// Varies a batch of RGB bytes on a plain device, that is one without autodiff.
///
/// # Shapes
/// `bytes`: at least `[N, I, I, 3]` u8; `variations`: `N`; result `[N, 3, S, S]`, f32.
///
/// # Panics
/// When there are fewer variations than tiles.
pub fn augment(
    bytes: &[u8],
    variations: &[Variation],
    shape: UnpackShape,
    normalisation: Normalisation,
    device: &Device,
) -> Tensor<4> {
    assert!(variations.len() >= shape.tiles, "one variation for each tile");
    let rows = Rows::new(variations, shape);
    let mut values = warp(bytes, &rows.warp, shape, device);
    if let Some(rows) = &rows.blur {
        values = blur(values, rows, shape);
    }
    colour(values, &rows.colour, shape, normalisation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::unpack::unpack;

    const NORMALISATION: Normalisation = Normalisation { scale: [0.01, 0.02, 0.03], shift: [-0.5, -0.6, -0.7] };

    #[test]
    fn unvaried_tiles_are_unpacked_ones_to_the_bit() {
        for (input_px, output_px) in [(8, 8), (9, 6), (8, 5), (1, 1)] {
            let shape = UnpackShape { tiles: 2, input_px, output_px };
            let bytes: Vec<u8> = (0..=255).cycle().take(shape.bytes()).collect();
            let device = Device::flex();
            let found = augment(&bytes, &[Variation::IDENTITY; 2], shape, NORMALISATION, &device);
            found.into_data().assert_eq(&unpack(&bytes, shape, NORMALISATION, &device).into_data(), true);
        }
    }

    #[test]
    fn the_result_is_a_constant_of_an_autodiff_graph() {
        let shape = UnpackShape { tiles: 1, input_px: 4, output_px: 4 };
        let bytes: Vec<u8> = (0..48).collect();
        let plain = augment(&bytes, &[Variation::IDENTITY], shape, NORMALISATION, &Device::flex());
        let input = Tensor::from_inner(plain.clone());
        let weight = Tensor::<4>::ones([1, 3, 4, 4], &input.device()).require_grad();
        let gradients = (input * weight.clone()).sum().backward();
        weight.grad(&gradients).unwrap().into_data().assert_eq(&plain.into_data(), true);
    }
}
