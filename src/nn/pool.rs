//! Pooling as the networks use it.

use burn::tensor::module::{adaptive_avg_pool2d, avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, FloatDType, Tensor};

/// `[N, C, H, W]` to the mean over height and width, `[N, C, 1, 1]`. Added up in f32: the sum over 112 x 112 places leaves f16 at
/// a mean of 6.
pub(super) fn global_mean(maps: Tensor<4>) -> Tensor<4> {
    let dtype: FloatDType = maps.dtype().into();
    adaptive_avg_pool2d(maps.cast(FloatDType::F32), [1, 1]).cast(dtype)
}

/// The same of large maps, `[N, C]`, f32 whatever they are. On the CPU it is a product, because burn's own sum over places is eight times as slow.
pub(super) fn mean_of_places(maps: &Tensor<4>) -> Tensor<2> {
    let [tiles, channels, height, width] = maps.dims();
    let (rows, places, device) = (tiles * channels, height * width, maps.device());
    let flat: Tensor<2> = maps.clone().cast(FloatDType::F32).reshape([rows, places]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_leaves_half_precision_is_still_a_mean() {
        let device = Device::flex();
        let maps = Tensor::<4>::full([1, 2, 112, 112], 20.0, &device).cast(FloatDType::F16);
        for mean in [global_mean(maps.clone()).flatten(1, 3).cast(FloatDType::F32), mean_of_places(&maps)] {
            let found: Vec<f32> = mean.into_data().iter().collect();
            assert!(found.iter().all(|mean| (mean - 20.0).abs() < 1e-3), "{found:?}");
        }
    }
}
