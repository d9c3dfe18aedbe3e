//! `shaders/colour.rs` equals `src/ops/colour.rs`.

use burn::tensor::{Tensor, TensorData};
use eosin::gpu::colour::colour;
use eosin::ops::colour::{ColourMap, colour as colour_on_cpu};
use eosin::ops::stain::{Macenko, Reinhard};
use eosin::ops::unpack::{Normalisation, UnpackShape};

/// Vulkan lets a logarithm and a power be a few units of the last place off; densities up to 6 and mixtures of lights
/// make that a hundredth of one level of 255, and normalisation divides by 57.
const TOLERANCE: f32 = 2e-4;

#[test]
fn the_kernel_equals_its_twin_at_awkward_sizes() {
    let Some(device) = super::device() else { return };
    let normalisation = Normalisation::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let made = Macenko { stains: [[0.68, 0.62, 0.39], [0.22, 0.85, 0.48]], amounts: [1.5, 1.2] };
    let tissue = Reinhard { mean: [-0.9, -0.08, 0.02], std: [0.5, 0.09, 0.03] };
    let jitter = ColourMap::stain_jitter([1.1, 0.9, 1.05], [0.02, -0.03, 0.0]);
    let maps = [
        ColourMap::IDENTITY,
        jitter.then(&ColourMap::contrast(1.2, 127.5)).unwrap(),
        ColourMap::saturation(0.7).then(&ColourMap::brightness(1.3)).unwrap(),
        ColourMap::macenko(&made, &Macenko::REFERENCE),
        ColourMap::reinhard(&tissue, &Reinhard::REFERENCE),
    ];
    for (tiles, side) in [(1, 1), (5, 1), (4, 3), (1, 16), (2, 17), (5, 33), (3, 224)] {
        let shape = UnpackShape { tiles, input_px: side, output_px: side };
        let values: Vec<f32> = (0..shape.values()).map(|at| (at * 31 % 2551) as f32 / 10.0).collect();
        let rows: Vec<f32> = maps.iter().rev().cycle().take(tiles).flat_map(ColourMap::row).collect();
        let data = TensorData::new(values.clone(), [tiles, side, side, 3]);
        let found = colour(Tensor::from_data(data, &device.device), &rows, shape, normalisation);
        assert_eq!(found.dims(), [tiles, 3, side, side]);
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let expected = colour_on_cpu(&values, &rows, shape, normalisation);
        let worst = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{shape:?}: {worst}");
    }
}
