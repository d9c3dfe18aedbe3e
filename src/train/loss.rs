//! Logits and truth → what is made small.

use crate::train::config::{LossKind, TrainConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

/// A loss; all are means over the outputs of a tile and weighed sums over tiles.
#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    /// `-sum_k t_k (1 - p_k)^gamma ln p_k`; plain cross-entropy with `gamma` 0.
    ///
    /// # Source
    /// Lin et al. 2017, arXiv:1708.02002, equation 4.
    CrossEntropy { gamma: f64 },
    /// `d^2 / 2` up to `delta`, `delta (|d| - delta / 2)` beyond.
    ///
    /// # Source
    /// Huber 1964, doi:10.1214/aoms/1177703732.
    Huber { delta: f64 },
    /// `d^2 / 2`.
    Squared,
}

impl Loss {
    pub fn of(config: &TrainConfig) -> Self {
        match config.loss {
            LossKind::Focal => Self::CrossEntropy { gamma: config.focal_gamma },
            LossKind::Huber => Self::Huber { delta: config.huber_delta },
            LossKind::Squared => Self::Squared,
            LossKind::Auto | LossKind::CrossEntropy => Self::CrossEntropy { gamma: 0.0 },
        }
    }

    /// The weighed sum of the losses of some tiles.
    ///
    /// # Shapes
    /// `outputs`, `truth`: `[N, K]` logits and shares of classes, or numbers; `weights`: `[N, 1]`; the result `[1]`.
    pub fn sum(self, outputs: Tensor<2>, truth: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
        let [_, columns] = truth.dims();
        let each = match self {
            Self::CrossEntropy { gamma } => {
                let logs = log_softmax(outputs, 1);
                let loss = -(logs.clone() * truth);
                // The power of zero has no gradient that is a number.
                if gamma > 0.0 { loss * (-logs.exp() + 1.0).clamp_min(1e-6).powf_scalar(gamma) } else { loss }
            }
            Self::Huber { delta } => {
                let distance = (outputs - truth).abs();
                let small = distance.clone().clamp_max(delta);
                (small.clone().square().mul_scalar(0.5) + (distance - small).mul_scalar(delta))
                    .div_scalar(columns as f64)
            }
            Self::Squared => (outputs - truth).square().mul_scalar(0.5 / columns as f64),
        };
        (each * weights).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn value(loss: Loss, outputs: [f32; 2], truth: [f32; 2], weight: f32) -> f32 {
        let device = Device::flex();
        let row = |values| Tensor::<1>::from_floats(values, &device).unsqueeze::<2>();
        let weights = Tensor::<1>::from_floats([weight], &device).unsqueeze::<2>();
        loss.sum(row(outputs), row(truth), weights).into_scalar::<f32>()
    }

    #[test]
    fn losses_are_those_of_their_papers() {
        let close = |found: f32, expected: f64| {
            assert!((f64::from(found) - expected).abs() < 1e-6, "{found} against {expected}");
        };
        // Logits (0, ln 3): probabilities 1/4 and 3/4.
        let logits = [0.0, 3.0_f32.ln()];
        close(value(Loss::CrossEntropy { gamma: 0.0 }, logits, [0.0, 1.0], 2.0), 2.0 * (4.0_f64 / 3.0).ln());
        close(value(Loss::CrossEntropy { gamma: 2.0 }, logits, [0.0, 1.0], 1.0), (4.0_f64 / 3.0).ln() / 16.0);
        close(value(Loss::CrossEntropy { gamma: 2.0 }, logits, [1.0, 0.0], 1.0), 4.0_f64.ln() * 9.0 / 16.0);
        // Errors 0.5 and 3 with delta 1: 0.125 and 2.5, in the mean 1.3125; squared 0.125 and 4.5.
        close(value(Loss::Huber { delta: 1.0 }, [0.5, 3.0], [0.0, 0.0], 1.0), 1.3125);
        close(value(Loss::Squared, [0.5, 3.0], [0.0, 0.0], 1.0), 2.3125);
    }

    #[test]
    fn a_tile_that_is_surely_recognised_has_a_finite_gradient_in_the_focal_loss() {
        let device = Device::flex().autodiff();
        let outputs = Tensor::<2>::from_floats([[80.0, -80.0]], &device).require_grad();
        let truth = Tensor::<2>::from_floats([[1.0, 0.0]], &device);
        let weights = Tensor::<2>::from_floats([[1.0]], &device);
        let loss = Loss::CrossEntropy { gamma: 0.5 }.sum(outputs.clone(), truth, weights);
        let gradient = outputs.grad(&loss.backward()).unwrap();
        assert!(gradient.into_data().iter::<f32>().all(f32::is_finite));
    }
}
