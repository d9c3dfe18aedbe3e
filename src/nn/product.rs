//! Matrix products that are right on every device.
//!
//! On GPUs burn 0.22.1 tunes matrix products among kernels of which some give wrong numbers, silently: on `SwiftShader`
//! products with an inner side of 17 or 197 came out as zeros in part, and a sum that follows a product may be merged into
//! a kernel that is not made for its shape (burn issue 5122). There a product is written as a 1x1 convolution, whose
//! kernels were right in every shape that was tried.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

/// Products of `G` pairs of matrices, the right ones given turned around.
///
/// # Shapes
/// `[G, M, K]` and `[G, N, K]` to `[G, M, N]`.
pub(super) fn products(left: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    if left.device() == Device::flex() { left.matmul(right.swap_dims(1, 2)) } else { convolved(left, right) }
}

/// The rows of a left matrix are the pixels of an image, a pair is a group of channels.
fn convolved(left: Tensor<3>, right: Tensor<3>) -> Tensor<3> {
    let ([g, m, k], [_, n, _]) = (left.dims(), right.dims());
    let image = left.swap_dims(1, 2).reshape([1, g * k, m, 1]);
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], g);
    conv2d(image, right.reshape([g * n, k, 1, 1]), None, options).reshape([g, n, m]).swap_dims(1, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    #[test]
    fn convolutions_give_the_products() {
        let device = Device::flex();
        for [g, m, n, k] in [[1, 1, 1, 1], [1, 4, 3, 5], [6, 17, 9, 8]] {
            let left = Tensor::<3>::random([g, m, k], Distribution::Default, &device);
            let right = Tensor::<3>::random([g, n, k], Distribution::Default, &device);
            let expected = products(left.clone(), right.clone()).into_data();
            convolved(left, right).into_data().assert_approx_eq(&expected, Tolerance::<f32>::absolute(1e-5));
        }
    }
}
