//! Logits to scores, on the host: a few numbers per tile are not worth a kernel.

use crate::nn::Activation;

/// Turns the logits of one tile into scores.
///
/// Softmax subtracts the largest logit first, which changes nothing but keeps the exponentials finite.
pub fn activate(logits: &[f32], activation: Activation) -> Vec<f32> {
    match activation {
        Activation::Identity => logits.to_vec(),
        Activation::Sigmoid => logits.iter().map(|&logit| 1.0 / (1.0 + (-logit).exp())).collect(),
        Activation::Softmax => {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exponentials: Vec<f32> = logits.iter().map(|&logit| (logit - largest).exp()).collect();
            let sum: f32 = exponentials.iter().sum();
            exponentials.into_iter().map(|value| value / sum).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_right_and_stay_finite_for_huge_logits() {
        let p = activate(&[1.0, 2.0, 3.0], Activation::Softmax);
        // e^-2, e^-1, 1 over their sum.
        for (found, expected) in p.iter().zip([0.090_030_57, 0.244_728_48, 0.665_240_94]) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert_eq!(activate(&[1000.0, -1000.0], Activation::Softmax), [1.0, 0.0]);
        assert_eq!(activate(&[0.0, 100.0], Activation::Sigmoid), [0.5, 1.0]);
        assert_eq!(activate(&[-3.0, 1e9], Activation::Identity), [-3.0, 1e9]);
        assert!(activate(&[f32::NAN, 0.0], Activation::Softmax).iter().all(|p| p.is_nan()));
    }
}
