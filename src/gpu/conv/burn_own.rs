//! burn's own convolution, and one pass for all that follows it.

use super::launch::{Parts, finish};
use crate::cpu::Act;
use burn::tensor::ops::ConvOptions;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward_nhwc};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

/// Convolves with the kernel that burn finds fastest. A bias alone is left to it, as its fast kernels start their sums with
/// it; all else is one pass behind it, as burn's merging of operations would make it.
pub(super) fn convolve(parts: Parts) -> Result<CubeTensor, String> {
    let Parts { input, weight, bias, residual, sizes, act } = parts;
    let shape = sizes.shape;
    let padding = [0, 1].map(|axis| (shape.before[axis], shape.after[axis]));
    let options = ConvOptions::new_with_padding(shape.stride, padding, [1, 1], 1);
    let alone = act == Act::None && residual.is_none();
    let (first, second) = if alone { (bias, None) } else { (None, bias) };
    let out = conv_forward_nhwc(input, weight, first, options, ConvStrategy::default());
    let out = out.map_err(|error| format!("{error:?}"))?;
    if alone { Ok(out) } else { finish(into_contiguous(out), second, residual, sizes.channels[1], act) }
}
