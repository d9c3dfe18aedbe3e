//! What convolutional networks do with maps, told apart from what the maps are: an architecture is written once, over
//! [`Flow`], and read by all who compute it.
//!
//! A tensor flows through a network on any device of burn, for scoring and training. A [`Trace`](crate::nn::trace::Trace)
//! flows through it once and leaves its operations as a graph for the CPU engine.

use crate::cpu::Act;
use crate::nn::activate::activate;
use crate::nn::blocks::{ConvNorm, Norm};
use crate::nn::dense::Dense;
use crate::nn::fused::fused;
use crate::nn::pool;
use burn::module::Param;
use burn::nn::LayerNorm;
use burn::tensor::Tensor;
use burn::tensor::activation::gelu;
use burn::tensor::module::adaptive_avg_pool2d;

/// Maps `[N, C, H, W]` on their way through a network.
pub(super) trait Flow: Clone {
    /// `C`.
    fn channels(&self) -> usize;

    /// Convolution, normalisation or bias, activation: `[N, C', H', W']`.
    fn conv(self, layer: &ConvNorm, act: Act) -> Self;

    /// The same, with a shortcut `[N, C', H', W']` added before the activation.
    fn conv_onto(self, layer: &ConvNorm, shortcut: Self, act: Act) -> Self;

    /// A normalisation that follows no convolution, activation.
    fn norm(self, layer: &Norm, act: Act) -> Self;

    /// Layer normalisation over the channels of each place.
    fn layer_norm(self, layer: &LayerNorm) -> Self;

    /// A perceptron over the channels of each place, added to a shortcut of the same shape.
    fn perceptron_onto(self, layer: &Perceptron<'_>, shortcut: Self) -> Self;

    /// Maps of one size, one after another by channel.
    fn join(parts: Vec<Self>) -> Self;

    /// `count` channels from `start` on.
    fn part(self, start: usize, count: usize) -> Self;

    /// Deals the channels of two halves out in turn.
    fn shuffle(self) -> Self;

    /// Each channel times its weight, `[N, C, 1, 1]`.
    fn weigh(self, weights: Self) -> Self;

    /// Square maximum; what is padded never wins.
    fn max_pool(self, side: usize, stride: usize, padding: usize) -> Self;

    /// Square maximum that also takes the incomplete squares at the right and bottom.
    fn max_pool_ceil(self, side: usize, stride: usize) -> Self;

    /// Square mean; what is padded is not counted.
    fn mean_pool(self, side: usize, stride: usize, padding: usize) -> Self;

    /// The mean over all places, `[N, C, 1, 1]`, added up in f32.
    fn global_mean(self) -> Self;

    /// The same of maps of few places, added up in their own type.
    fn global_mean_of_few(self) -> Self;
}

/// Layer normalisation, two linear layers with a GELU between them, and a factor for each channel.
pub(super) struct Perceptron<'a> {
    pub norm: &'a LayerNorm,
    pub fc1: &'a Dense,
    pub fc2: &'a Dense,
    pub gamma: &'a Param<Tensor<1>>,
}

/// `[N, C, H, W]` to `[N, H, W, C]`.
fn channels_last(maps: Tensor<4>) -> Tensor<4> {
    maps.permute([0, 2, 3, 1])
}

/// `[N, H, W, C]` to `[N, C, H, W]`.
fn channels_first(maps: Tensor<4>) -> Tensor<4> {
    maps.permute([0, 3, 1, 2])
}

/// On the device of the tensor; under autodiff, gradients flow back.
impl Flow for Tensor<4> {
    fn channels(&self) -> usize {
        self.dims()[1]
    }

    fn conv(self, layer: &ConvNorm, act: Act) -> Self {
        fused(&self, layer, None, act).unwrap_or_else(|| activate(layer.forward(self), act))
    }

    fn conv_onto(self, layer: &ConvNorm, shortcut: Self, act: Act) -> Self {
        match fused(&self, layer, Some(&shortcut), act) {
            Some(maps) => maps,
            None => activate(layer.forward(self) + shortcut, act),
        }
    }

    fn norm(self, layer: &Norm, act: Act) -> Self {
        activate(layer.forward(self), act)
    }

    fn layer_norm(self, layer: &LayerNorm) -> Self {
        channels_first(layer.forward(channels_last(self)))
    }

    fn perceptron_onto(self, layer: &Perceptron<'_>, shortcut: Self) -> Self {
        let inner = layer.norm.forward(channels_last(self));
        let outer = layer.fc2.forward(gelu(layer.fc1.forward(inner))) * layer.gamma.val().reshape([1, 1, 1, -1]);
        shortcut + channels_first(outer)
    }

    fn join(parts: Vec<Self>) -> Self {
        Tensor::cat(parts, 1)
    }

    fn part(self, start: usize, count: usize) -> Self {
        self.narrow(1, start, count)
    }

    fn shuffle(self) -> Self {
        let [n, c, h, w] = self.dims();
        self.reshape([n, 2, c / 2, h * w]).swap_dims(1, 2).reshape([n, c, h, w])
    }

    fn weigh(self, weights: Self) -> Self {
        self * weights
    }

    fn max_pool(self, side: usize, stride: usize, padding: usize) -> Self {
        pool::max_pool(self, side, stride, padding)
    }

    fn max_pool_ceil(self, side: usize, stride: usize) -> Self {
        pool::max_pool_ceil(self, side, stride)
    }

    fn mean_pool(self, side: usize, stride: usize, padding: usize) -> Self {
        pool::mean_pool(self, side, stride, padding)
    }

    fn global_mean(self) -> Self {
        pool::global_mean(self)
    }

    fn global_mean_of_few(self) -> Self {
        adaptive_avg_pool2d(self, [1, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn channels_of_two_halves_alternate_after_a_shuffle() {
        let maps = Tensor::<1>::from_floats([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &Device::flex()).reshape([1, 6, 1, 1]);
        assert_eq!(Flow::shuffle(maps).into_data().iter::<f32>().collect::<Vec<_>>(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
