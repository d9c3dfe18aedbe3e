//! Logits to scores, on the host: a few numbers per tile are not worth a kernel.

use crate::nn::Activation;

/// Turns the logits of one tile into scores; probabilities are those of the logits divided by the temperature.
///
/// Softmax subtracts the largest logit first, which changes nothing but keeps the exponentials finite.
pub fn activate(logits: &[f32], activation: Activation, temperature: f32) -> Vec<f32> {
    match activation {
        Activation::Identity => logits.to_vec(),
        Activation::Sigmoid => logits.iter().map(|&logit| 1.0 / (1.0 + (-logit / temperature).exp())).collect(),
        Activation::Softmax => {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exponentials: Vec<f32> = logits.iter().map(|&logit| ((logit - largest) / temperature).exp()).collect();
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
        let activate = |logits: &[f32], activation| activate(logits, activation, 1.0);
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

    #[test]
    fn a_temperature_spreads_or_sharpens_probabilities_and_keeps_the_decision() {
        let logits = [1.0, 2.0, 3.0];
        // At 2: e^-1, e^-0.5, 1 over their sum; at 0.5: e^-4, e^-2, 1 over theirs.
        for (temperature, expected) in
            [(2.0, [0.186_323_72, 0.307_195_87, 0.506_480_4]), (0.5, [0.015_876_24, 0.117_310_43, 0.866_813_3])]
        {
            let p = activate(&logits, Activation::Softmax, temperature);
            assert!(p.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{p:?}");
            assert_eq!(crate::tile::arg_max(&p), Some(2));
        }
        // 1 / (1 + e^-1), and even odds stay even.
        let p = activate(&[2.0, 0.0], Activation::Sigmoid, 2.0);
        assert!((p[0] - 0.731_058_6).abs() < 1e-6 && (p[1] - 0.5).abs() < 1e-6, "{p:?}");
        assert_eq!(activate(&[1000.0, -1000.0], Activation::Softmax, 0.01), [1.0, 0.0]);
        assert_eq!(activate(&logits, Activation::Identity, 1.0), logits);
    }
}
