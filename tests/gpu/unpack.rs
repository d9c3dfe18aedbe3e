//! `shaders/unpack.rs` equals `src/ops/unpack.rs`.

use eosin::gpu::unpack::unpack;
use eosin::ops::unpack::{Normalisation, UnpackShape, unpack as unpack_on_cpu};

/// The GPU may fuse the multiplication with the addition: one rounding less on values up to about 3.
const TOLERANCE: f32 = 1e-6;

#[test]
fn the_kernel_equals_its_twin_at_awkward_sizes() {
    let Some(device) = super::device() else { return };
    let normalisation = Normalisation::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    // One pixel; odd sides and a byte count that fills no whole word; a crop; a cube of 256 threads and one value more
    // or less; many cubes.
    let shapes = [(1, 1, 1), (1, 3, 3), (3, 5, 3), (1, 9, 9), (2, 16, 12), (4, 8, 8), (7, 33, 31), (2, 224, 224)];
    for (tiles, input_px, output_px) in shapes {
        let shape = UnpackShape { tiles, input_px, output_px };
        let bytes: Vec<u8> = (0..shape.bytes()).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect();
        let tensor = unpack(&bytes, shape, normalisation, &device.device);
        assert_eq!(tensor.dims(), [tiles, 3, output_px, output_px]);
        let found = tensor.into_data().try_to_vec::<f32>().unwrap();
        let expected = unpack_on_cpu(&bytes, shape, normalisation);
        let worst = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{shape:?}: {worst}");
    }
}
