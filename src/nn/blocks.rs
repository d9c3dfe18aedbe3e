//! The building blocks of convolutional networks: a convolution with what follows it, and a normalisation alone.

use crate::nn::spec::{NetworkSpec, Padding};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

/// A convolution followed by batch normalisation, by a bias, or by nothing.
///
/// On a GPU, burn has a fast depthwise kernel only without a bias, and a bias of a 1x1 convolution costs a pass that
/// nothing fuses with; added apart, it fuses with the activation. Only larger dense kernels take a bias for nothing.
#[derive(Module, Debug)]
pub struct ConvNorm {
    pub(super) conv: Conv2d,
    pub(super) norm: Option<BatchNorm>,
    /// The bias when it is added apart.
    pub(super) shift: Option<Param<Tensor<1>>>,
}

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Batch normalisation, or a bias when it is folded into the kernel.
    Norm,
    /// A bias.
    Bias,
    /// Nothing.
    Nothing,
}

/// Shape of a [`ConvNorm`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvNormConfig {
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    pub stride: usize,
    /// 1, or the number of channels for a depthwise convolution.
    pub groups: usize,
    /// Whether the image is padded so that a stride of 1 keeps its size.
    pub padded: bool,
    pub after: After,
}

impl ConvNormConfig {
    /// A dense convolution of stride 1.
    pub fn dense(channels_in: usize, channels_out: usize, kernel: usize) -> Self {
        let channels = [channels_in, channels_out];
        Self { channels, kernel: [kernel; 2], stride: 1, groups: 1, padded: true, after: After::Norm }
    }

    /// A square convolution that filters each channel alone.
    pub fn depthwise(channels: usize, kernel: usize) -> Self {
        Self { groups: channels, ..Self::dense(channels, channels, kernel) }
    }

    /// Another kernel, height and width.
    pub fn kernel(self, kernel: [usize; 2]) -> Self {
        Self { kernel, ..self }
    }

    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Takes whole kernels only: the image becomes smaller.
    pub fn unpadded(self) -> Self {
        Self { padded: false, ..self }
    }

    pub fn after(self, after: After) -> Self {
        Self { after, ..self }
    }

    pub fn init(self, spec: &NetworkSpec, device: &Device) -> ConvNorm {
        let [height, width] = self.kernel;
        let padding = match spec.padding {
            _ if self.kernel == [1, 1] || !self.padded => PaddingConfig2d::Valid,
            Padding::Torch => PaddingConfig2d::Explicit(height / 2, width / 2, height / 2, width / 2),
            Padding::TfSame => PaddingConfig2d::Same,
        };
        let mut conv = Conv2dConfig::new(self.channels, self.kernel)
            .with_stride([self.stride; 2])
            .with_groups(self.groups)
            .with_padding(padding)
            .with_bias(false)
            .with_initializer(Initializer::KaimingNormal { gain: std::f64::consts::SQRT_2, fan_out_only: true })
            .init(device);
        let channels = self.channels[1];
        let normalises = self.after == After::Norm && spec.batch_norm;
        let norm = normalises.then(|| batch_norm(channels, spec, device));
        let has_bias = !normalises && self.after != After::Nothing;
        let bias = has_bias.then(|| Initializer::Zeros.init([channels], device));
        let apart = self.kernel == [1, 1] || self.groups > 1;
        let (bias, shift) = if apart { (None, bias) } else { (bias, None) };
        conv.bias = bias;
        ConvNorm { conv, norm, shift }
    }
}

fn batch_norm(channels: usize, spec: &NetworkSpec, device: &Device) -> BatchNorm {
    BatchNormConfig::new(channels).with_epsilon(spec.epsilon()).init(device)
}

impl ConvNorm {
    /// Convolves and normalises; no activation.
    ///
    /// # Shapes
    /// `[N, C, H, W]` to `[N, C', H', W']`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = if self.as_matrix_product(&input) { self.multiply(input) } else { self.conv.forward(input) };
        match (&self.norm, &self.shift) {
            (Some(norm), _) => norm.forward(output),
            (None, Some(shift)) => output + shift.val().reshape([1, -1, 1, 1]),
            (None, None) => output,
        }
    }

    /// Whether to compute a 1x1 convolution as a matrix product: when training on the CPU, where burn takes the gradient
    /// of its weights for a convolution with a kernel as large as the image, ten times slower.
    fn as_matrix_product(&self, input: &Tensor<4>) -> bool {
        let device = input.device();
        let pointwise = self.conv.kernel_size == [1, 1] && self.conv.stride == [1, 1] && self.conv.bias.is_none();
        pointwise && device.is_autodiff() && device == Device::flex()
    }

    fn multiply(&self, input: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = input.dims();
        let [out, ..] = self.conv.weight.dims();
        let kernel = self.conv.weight.val().reshape([1, out, c]);
        kernel.matmul(input.reshape([n, c, h * w])).reshape([n, out, h, w])
    }
}

/// Batch normalisation that follows no convolution; a factor and a summand per channel once it is folded.
#[derive(Module, Debug)]
pub struct Norm {
    pub(super) batch: Option<BatchNorm>,
    /// `[scale, shift]`, without a batch normalisation.
    pub(super) affine: Option<[Param<Tensor<1>>; 2]>,
}

impl Norm {
    pub(super) fn init(channels: usize, spec: &NetworkSpec, device: &Device) -> Self {
        let batch = spec.batch_norm.then(|| batch_norm(channels, spec, device));
        let affine = batch
            .is_none()
            .then(|| [Initializer::Ones, Initializer::Zeros].map(|values| values.init([channels], device)));
        Self { batch, affine }
    }

    /// # Shapes
    /// `[N, C, H, W]` to the same.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        match (&self.batch, &self.affine) {
            (Some(batch), _) => batch.forward(input),
            (None, Some([scale, shift])) => {
                let [scale, shift] = [scale, shift].map(|values| values.val().reshape([1, -1, 1, 1]));
                input * scale + shift
            }
            (None, None) => input,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::registry::Architecture;
    use burn::tensor::{TensorData, Tolerance};

    #[test]
    fn a_matrix_product_gives_the_values_and_gradients_of_the_convolution() {
        let device = Device::flex().autodiff();
        let spec = NetworkSpec::torch(Architecture::MobileNetV2, 2).folded();
        let mut layer = ConvNormConfig::dense(5, 7, 1).init(&spec, &device);
        // Positive numbers: where terms cancel out, no order of summation is right to five digits.
        let numbers = |count: u16| (0..count).map(|at| 0.1 + f32::from(at * 37 % 101) / 101.0).collect::<Vec<_>>();
        layer.conv.weight = Param::from_data(TensorData::new(numbers(35), [7, 5, 1, 1]), &device);
        let input = Tensor::<4>::from_data(TensorData::new(numbers(240), [2, 5, 6, 4]), &device).require_grad();
        assert!(layer.as_matrix_product(&input) && !layer.as_matrix_product(&input.clone().inner()));
        let run = |output: Tensor<4>| {
            let gradients = output.clone().powi_scalar(2).sum().backward();
            let of_input = input.grad(&gradients).expect("the input requires gradients");
            let of_weight = layer.conv.weight.val().grad(&gradients).expect("weights require gradients");
            (output.into_data(), of_input.into_data(), of_weight.into_data())
        };
        let (product, convolution) = (run(layer.multiply(input.clone())), run(layer.conv.forward(input.clone())));
        let tolerance = Tolerance::<f32>::relative(1e-5);
        product.0.assert_approx_eq(&convolution.0, tolerance);
        product.1.assert_approx_eq(&convolution.1, tolerance);
        product.2.assert_approx_eq(&convolution.2, tolerance);
    }
}
