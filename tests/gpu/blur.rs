//! `shaders/blur.rs` equals `src/ops/blur.rs`.

use burn::tensor::{Tensor, TensorData};
use eosin::gpu::blur::blur;
use eosin::ops::blur::{blur as blur_on_cpu, row};
use eosin::ops::unpack::UnpackShape;

/// 25 products of values up to 255, summed with one rounding less each.
const TOLERANCE: f32 = 2e-4;

#[test]
fn the_kernel_equals_its_twin_at_awkward_sizes() {
    let Some(device) = super::device() else { return };
    // Sharp, narrow, at the bound; the radius is larger than the small tiles, so mirrors are mirrored.
    let sigmas = [0.0, 0.4, 1.0, 4.0, 2.3];
    for (tiles, side) in [(1, 1), (4, 1), (4, 2), (5, 3), (3, 9), (1, 16), (2, 17), (5, 48), (2, 224)] {
        let shape = UnpackShape { tiles, input_px: side, output_px: side };
        let values: Vec<f32> = (0..shape.values()).map(|at| (at * 31 % 2551) as f32 / 10.0).collect();
        let rows: Vec<f32> = sigmas.iter().rev().cycle().take(tiles).flat_map(|&sigma| row(sigma)).collect();
        let data = TensorData::new(values.clone(), [tiles, side, side, 3]);
        let found = blur(Tensor::from_data(data, &device.device), &rows, shape);
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let expected = blur_on_cpu(&values, &rows, shape);
        let worst = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{shape:?}: {worst}");
        if tiles == sigmas.len() {
            // The last tile has sigma 0.
            let last = shape.values() / tiles * (tiles - 1);
            assert_eq!(found[last..], values[last..]);
        }
    }
}
