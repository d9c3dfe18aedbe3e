//! Activations of tensors.

use crate::cpu::Act;
use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, relu, sigmoid, silu};

/// Bends each value as `act` says.
pub(super) fn activate(input: Tensor<4>, act: Act) -> Tensor<4> {
    match act {
        Act::None => input,
        Act::Relu => relu(input),
        Act::Relu6 => relu6(input),
        Act::Silu => silu(input),
        Act::HardSwish => input.clone() * hard_sigmoid(input),
        Act::Sigmoid => sigmoid(input),
        Act::HardSigmoid => hard_sigmoid(input),
        Act::Gelu => gelu(input),
    }
}

/// Clamps to 0..=6, as two simple passes: burn-flex's `clamp` is a scalar loop, these are not, and a GPU fuses them.
fn relu6(input: Tensor<4>) -> Tensor<4> {
    relu(input).clamp_max(6.0)
}

/// Howard et al. 2019, arXiv:1905.02244, section 5.2.
fn hard_sigmoid(input: Tensor<4>) -> Tensor<4> {
    relu6(input + 3.0) * (1.0 / 6.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// Largest difference from a formula in f64, of values up to 9.
    const TOLERANCE: f64 = 1e-5;

    #[test]
    fn relu6_keeps_what_lies_between_0_and_6() {
        let input = Tensor::<4>::from_floats([[[[-7.0, 0.5, 6.0, 9.0]]]], &Device::flex());
        assert_eq!(relu6(input).into_data().iter::<f32>().collect::<Vec<_>>(), [0.0, 0.5, 6.0, 6.0]);
    }

    #[test]
    fn activations_have_the_values_of_their_formulas() {
        let inputs = [-4.0_f32, -1.0, 0.0, 1.0, 4.0, 9.0];
        type Formula = fn(f64) -> f64;
        let sigmoid: Formula = |x| 1.0 / (1.0 + (-x).exp());
        let expected: [(Act, Formula); 8] = [
            (Act::None, |x| x),
            (Act::Relu, |x| x.max(0.0)),
            (Act::Relu6, |x| x.clamp(0.0, 6.0)),
            (Act::Silu, |x| x / (1.0 + (-x).exp())),
            (Act::HardSwish, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0),
            (Act::Sigmoid, sigmoid),
            (Act::HardSigmoid, |x| (x + 3.0).clamp(0.0, 6.0) / 6.0),
            (Act::Gelu, |x| x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)) / 2.0),
        ];
        for (act, formula) in expected {
            let input = Tensor::<1>::from_floats(inputs, &Device::flex()).reshape([1, 1, 1, 6]);
            for (found, x) in activate(input, act).into_data().iter::<f32>().zip(inputs) {
                assert!((f64::from(found) - formula(x.into())).abs() < TOLERANCE, "{act:?} of {x}: {found}");
            }
        }
    }
}
