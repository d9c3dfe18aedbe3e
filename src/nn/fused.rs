//! A convolution with all that follows it, on GPUs as one operation.
//!
//! burn merges nothing into a convolution, and where a device has no matrix units for its numbers burn's own is a plain
//! loop. [`fused_conv2d`] is tuned against it on the device, so it is the faster of both. On the CPU and under autodiff
//! burn's layers stay: they are the reference, and have gradients.

use crate::cpu::Act;
use crate::gpu::conv::{Convolution, fused_conv2d, laid};
use crate::nn::blocks::ConvNorm;
use crate::ops::conv::ConvShape;
use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::tensor::{Device, Tensor};

/// Convolution, bias, shortcut and activation in one operation; none where burn's layers must do it.
///
/// # Shapes
/// `[N, C, H, W]` to `[N, C', H', W']`, which is also the shape of `shortcut`.
pub(super) fn fused(input: &Tensor<4>, layer: &ConvNorm, shortcut: Option<&Tensor<4>>, act: Act) -> Option<Tensor<4>> {
    let (device, conv) = (input.device(), &layer.conv);
    if layer.norm.is_some() || conv.groups > 1 || device.is_autodiff() || device == Device::flex() {
        return None;
    }
    let [_, _, height, width] = input.dims();
    let stride = conv.stride[0];
    let shape = match conv.padding {
        PaddingConfig2d::Valid => ConvShape::new(stride, [0; 2]),
        PaddingConfig2d::Same => ConvShape::same(stride, [height, width], conv.kernel_size),
        PaddingConfig2d::Explicit(top, left, bottom, right) => {
            ConvShape { stride: [stride; 2], before: [top, left], after: [bottom, right] }
        }
    };
    let bias = conv.bias.as_ref().or(layer.shift.as_ref()).map(Param::val);
    let (input, weight, residual) = (input.clone(), conv.weight.val(), shortcut.cloned());
    Some(fused_conv2d(Convolution { input, weight, bias, residual, shape, act }))
}

impl ConvNorm {
    /// Brings the weights into the order in which [`fused`] reads them.
    pub(super) fn lay(&mut self) {
        if self.conv.groups == 1 {
            self.conv.weight = self.conv.weight.clone().map(laid);
        }
    }
}
