//! A linear layer.

use crate::nn::product::products;
use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

/// A linear layer, `y = x W^T + b`; its weights lie as in weights files, `[out, in]`.
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
        let product = products(flat.unsqueeze(), self.weight.val().unsqueeze()).reshape([rows, outputs]);
        let output = match &self.bias {
            Some(bias) => product + bias.val().unsqueeze(),
            None => product,
        };
        output.reshape(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

    #[test]
    fn each_output_is_the_weighed_sum_of_its_row() {
        let device = Device::flex();
        let layer = Dense::init(5, 3, &device);
        let input = Tensor::<3>::random([2, 4, 5], Distribution::Default, &device);
        let output = layer.forward(input.clone());
        assert_eq!((output.dims(), layer.sides()), ([2, 4, 3], (5, 3)));
        let numbers = |data: burn::tensor::TensorData| data.iter::<f32>().collect::<Vec<_>>();
        let (x, y) = (numbers(input.into_data()), numbers(output.into_data()));
        let weight = numbers(layer.weight.val().into_data());
        let bias = numbers(layer.bias.as_ref().unwrap().val().into_data());
        for (at, found) in y.into_iter().enumerate() {
            let (row, out) = (&x[at / 3 * 5..][..5], at % 3);
            let sum: f32 = row.iter().zip(&weight[out * 5..]).map(|(x, w)| x * w).sum();
            assert!((found - sum - bias[out]).abs() < 1e-6, "{at}");
        }
    }
}
