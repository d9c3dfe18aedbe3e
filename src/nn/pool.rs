//! Pooling as the networks use it.

use burn::tensor::module::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor};

/// `[N, C, H, W]` to the mean over height and width, `[N, C]`.
pub(super) fn global_mean(maps: Tensor<4>) -> Tensor<2> {
    adaptive_avg_pool2d(maps, [1, 1]).flatten(1, 3)
}

/// The same of large maps. On the CPU it is a product, because burn's own sum over places is eight times as slow.
pub(super) fn mean_of_places(maps: &Tensor<4>) -> Tensor<2> {
    let [tiles, channels, height, width] = maps.dims();
    let (rows, places, device) = (tiles * channels, height * width, maps.device());
    let flat: Tensor<2> = maps.clone().reshape([rows, places]);
    let means = if device == Device::flex() {
        flat.matmul(Tensor::full([places, 1], 1.0 / places as f64, &device))
    } else {
        flat.mean_dim(1)
    };
    means.reshape([tiles, channels])
}

/// Square maximum; what is padded never wins.
pub(super) fn max_pool(maps: Tensor<4>, side: usize, stride: usize, padding: usize) -> Tensor<4> {
    max_pool2d(maps, MaxPoolOptions::new([side; 2]).with_stride([stride; 2]).with_padding([padding; 2]))
}

/// Square maximum that also takes the incomplete squares at the right and bottom.
pub(super) fn max_pool_ceil(maps: Tensor<4>, side: usize, stride: usize) -> Tensor<4> {
    max_pool2d(maps, MaxPoolOptions::new([side; 2]).with_stride([stride; 2]).with_ceil_mode(true))
}

/// Square mean; what is padded is not counted.
pub(super) fn mean_pool(maps: Tensor<4>, side: usize, stride: usize, padding: usize) -> Tensor<4> {
    avg_pool2d(
        maps,
        AvgPoolOptions::new([side; 2])
            .with_stride([stride; 2])
            .with_padding([padding; 2])
            .with_count_include_pad(false),
    )
}
