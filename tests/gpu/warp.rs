//! `shaders/warp.rs` equals `src/ops/warp.rs`.

use eosin::gpu::warp::warp;
use eosin::ops::unpack::UnpackShape;
use eosin::ops::warp::{Affine, warp as warp_on_cpu};

/// Places are sums of products; a GPU may round them once less, 3e-5 px at 500 px, between neighbours up to 255 apart.
const TOLERANCE: f32 = 0.02;

#[test]
fn the_kernel_equals_its_twin_at_awkward_sizes() {
    let Some(device) = super::device() else { return };
    // One pixel; odd sides; a cube of 256 threads and one line more; smaller and larger outputs; many cubes.
    for (tiles, input_px, output_px) in
        [(1, 1, 1), (2, 1, 3), (1, 3, 3), (3, 5, 3), (1, 16, 16), (1, 17, 17), (5, 33, 40), (2, 224, 224)]
    {
        let shape = UnpackShape { tiles, input_px, output_px };
        let bytes: Vec<u8> = (0..shape.bytes()).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect();
        let turned: Vec<f32> = (0..tiles)
            .flat_map(|tile| {
                let turn = Affine::turn(0.3 + 0.7 * tile as f64, 1.0 + 0.1 * tile as f64);
                turn.then(&Affine::shift(3.25 * tile as f64, -7.5)).row(shape)
            })
            .collect();
        let found = warp(&bytes, &turned, shape, &device.device);
        assert_eq!(found.dims(), [tiles, output_px, output_px, 3]);
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let expected = warp_on_cpu(&bytes, &turned, shape);
        let worst = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{shape:?}: {worst}");

        // Whole symmetries are exact on both sides.
        let symmetry = |tile: usize| Affine::symmetry(tile & 1 == 1, tile & 2 == 2, tile & 4 == 4).row(shape);
        let rows: Vec<f32> = (0..tiles).flat_map(symmetry).collect();
        let found = warp(&bytes, &rows, shape, &device.device).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(found, warp_on_cpu(&bytes, &rows, shape), "{shape:?}");
    }
}
