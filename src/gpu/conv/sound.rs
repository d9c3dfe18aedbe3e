//! Whether a device's shared memory works, which is found out once for each device, by a small convolution of whole numbers.
//!
//! cubecl 0.11.3 declares shared memory with the wrong type on Vulkan devices that lack
//! `VK_KHR_workgroup_memory_explicit_layout` (`lower_shared_implicit` in `cubecl-spirv/src/ops/memory.rs` takes a pointer's
//! type for a value's), `SwiftShader` among them: kernels then give wrong numbers, fast and without an error, so tuning
//! would prefer them.

use super::launch::{Parts, by_tile};
use super::{Convolution, TILES, Way, conv2d_by};
use crate::cpu::Act;
use crate::ops::conv::{ConvShape, ConvSizes, conv as conv_on_cpu};
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Device, Tensor, TensorData, read_sync};
use burn_cubecl::{CubeBackend, CubeDevice};

/// A convolution that takes several steps through shared memory.
const SIZES: ConvSizes = ConvSizes {
    tiles: 1,
    channels: [16, 8],
    input: [3, 3],
    kernel: [3, 3],
    shape: ConvShape { stride: [1; 2], before: [1; 2], after: [1; 2] },
};

/// Whole numbers, so that no order of summation rounds.
fn numbers() -> [Vec<f32>; 2] {
    let whole = |count: usize, step: usize| (0..count).map(|at| (at * step % 11) as f32 - 5.0).collect();
    [whole(9 * 16, 7), whole(9 * 16 * 8, 5)]
}

/// Whether a device computes [`Way::Tile`] rightly. Other ways do not rest on it, and [`Way::Tuned`] finds it out by itself.
pub fn takes_tiles(device: &Device) -> bool {
    let [input, weight] = numbers();
    let expected = conv_on_cpu(&input, &weight, None, None, &SIZES, |x| x);
    let input = Tensor::from_data(TensorData::new(input, [1, 16, 3, 3]), device);
    let weight = Tensor::from_data(TensorData::new(weight, [8, 16, 3, 3]), device);
    let found = conv2d_by(Way::Tile(TILES[3].1), Convolution::new(input, weight, SIZES.shape));
    found.try_into_data().is_ok_and(|found| found.iter::<f32>().eq(expected))
}

/// The same, below the tensor graph.
pub(super) fn is_sound(device: &CubeDevice) -> bool {
    let [input, weight] = numbers();
    let expected = conv_on_cpu(&input, &weight, None, None, &SIZES, |x| x);
    // As they lie in memory on the device: channels last.
    let nhwc = |values: &[f32], images: usize| -> Vec<f32> {
        let places = (0..images).flat_map(|image| (0..9).map(move |place| (image, place)));
        places.flat_map(|(image, place)| (0..16).map(move |c| values[(image * 16 + c) * 9 + place])).collect()
    };
    let tensor =
        |values: Vec<f32>, shape: [usize; 4]| CubeBackend::float_from_data(TensorData::new(values, shape), device);
    let parts = Parts {
        input: tensor(nhwc(&input, 1), [1, 3, 3, 16]),
        weight: tensor(nhwc(&weight, 8), [8, 3, 3, 16]),
        bias: None,
        residual: None,
        sizes: SIZES,
        act: Act::None,
    };
    let found = by_tile(parts, TILES[3].1).ok().and_then(|out| read_sync(CubeBackend::float_into_data(out)).ok());
    let turned = (0..8).flat_map(|channel| (0..9).map(move |place| place * 8 + channel));
    found.is_some_and(|found| {
        let found: Vec<f32> = found.iter().collect();
        turned.map(|at| found[at]).eq(expected)
    })
}
