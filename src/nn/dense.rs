//! A linear layer that is right on every device.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

/// A linear layer, `y = x W^T + b`; its weights lie as in weights files, `[out, in]`.
///
/// On GPUs burn 0.22.1 merges a matrix product with the sum that follows it, and may then run a kernel that is not made
/// for its shape (burn issue 5122): the bias comes out alone, with no error. There the product is written as a 1x1
/// convolution, which is never merged.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[out, in]`.
    pub(super) weight: Param<Tensor<2>>,
    /// `[out]`.
    pub(super) bias: Option<Param<Tensor<1>>>,
}

impl Dense {
    /// A layer with a bias, drawn as torch does.
    pub fn init(inputs: usize, outputs: usize, device: &Device) -> Self {
        let draw = Initializer::KaimingUniform { gain: 1.0 / 3.0_f64.sqrt(), fan_out_only: false };
        Self {
            weight: draw.init_with([outputs, inputs], Some(inputs), Some(outputs), device),
            bias: Some(draw.init_with([outputs], Some(inputs), Some(outputs), device)),
        }
    }

    /// `(in, out)`, without drawing weights.
    pub fn sides(&self) -> (usize, usize) {
        let [outputs, inputs] = self.weight.lazy_shape().dims();
        (inputs, outputs)
    }

    /// # Shapes
    /// `[..., in]` to `[..., out]`.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let (inputs, outputs) = self.sides();
        let mut shape = input.dims();
        let rows = shape[..D - 1].iter().product();
        shape[D - 1] = outputs;
        let flat = input.reshape([rows, inputs]);
        let product = if flat.device() == Device::flex() { self.multiply(flat) } else { self.convolve(flat, rows) };
        let output = match &self.bias {
            Some(bias) => product + bias.val().unsqueeze(),
            None => product,
        };
        output.reshape(shape)
    }

    fn multiply(&self, input: Tensor<2>) -> Tensor<2> {
        input.matmul(self.weight.val().transpose())
    }

    fn convolve(&self, input: Tensor<2>, rows: usize) -> Tensor<2> {
        let (inputs, outputs) = self.sides();
        let kernel = self.weight.val().reshape([outputs, inputs, 1, 1]);
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        conv2d(input.reshape([rows, inputs, 1, 1]), kernel, None, options).reshape([rows, outputs])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    #[test]
    fn product_and_convolution_are_the_same_at_any_depth() {
        let device = Device::flex();
        let layer = Dense::init(5, 3, &device);
        let input = Tensor::<3>::random([2, 4, 5], Distribution::Default, &device);
        let whole = layer.forward(input.clone());
        assert_eq!(whole.dims(), [2, 4, 3]);
        let flat = input.reshape([8, 5]);
        let bias = layer.bias.as_ref().unwrap().val().unsqueeze();
        let convolved = layer.convolve(flat.clone(), 8) + bias;
        convolved.into_data().assert_approx_eq(&whole.reshape([8, 3]).into_data(), Tolerance::<f32>::absolute(1e-6));
        // By hand: the first output of the first row.
        let (x, w) = (flat.into_data(), layer.weight.val().into_data());
        let (x, w): (Vec<f32>, Vec<f32>) = (x.iter::<f32>().collect(), w.iter::<f32>().collect());
        let by_hand: f32 = x[..5].iter().zip(&w[..5]).map(|(x, w)| x * w).sum();
        let first = layer.multiply(Tensor::from_floats([[x[0], x[1], x[2], x[3], x[4]]], &device));
        assert!((first.into_data().iter::<f32>().next().unwrap() - by_hand).abs() < 1e-6);
    }
}
