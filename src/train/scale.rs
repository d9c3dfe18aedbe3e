//! Numbers and features in their own units ↔ those of mean 0 and deviation 1, with which a network learns best.
//!
//! Invariant: the model that is written knows no scale; it is in its last layer.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::{NetworkSpec, TensorMap, Weight};

/// A variance that is smaller than this share of the squared mean is that of rounding.
const CONSTANT: f64 = 1e-12;

/// How far rounding may move a last layer: some times what half precision does to numbers of usual size.
const ROUNDING: f64 = 2e-3;
/// The least deviation of a feature, as a share of their mean.
const LEAST_SHARE: f32 = 0.01;

/// Mean and standard deviation of each number over the training tiles.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scale {
    /// Measures numbers `[N][K]`; one that never changes keeps its size.
    #[expect(clippy::cast_possible_truncation, reason = "as exact as the numbers")]
    pub fn of(rows: &[&[f32]]) -> Self {
        let columns = rows.first().map_or(0, |row| row.len());
        let means = |value: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; columns];
            for row in rows {
                for (column, (sum, &number)) in sums.iter_mut().zip(*row).enumerate() {
                    *sum += value(column, f64::from(number));
                }
            }
            sums.into_iter().map(|sum| sum / rows.len().max(1) as f64).collect::<Vec<f64>>()
        };
        let mean = means(&|_, number| number);
        let variance = means(&|column, number| (number - mean[column]).powi(2));
        let deviation = variance
            .iter()
            .zip(&mean)
            .map(|(variance, mean)| if *variance > CONSTANT * mean * mean { variance.sqrt() as f32 } else { 1.0 });
        Self { deviation: deviation.collect(), mean: mean.iter().map(|&mean| mean as f32).collect() }
    }

    /// The same for features: one that hardly changes beside the others is not blown up, as it holds little but rounding.
    #[must_use]
    pub fn for_features(mut self) -> Self {
        let mean = self.deviation.iter().sum::<f32>() / self.deviation.len().max(1) as f32;
        for deviation in &mut self.deviation {
            *deviation = deviation.max(mean * LEAST_SHARE);
        }
        self
    }

    /// To mean 0 and deviation 1.
    pub fn standard<'a>(&'a self, numbers: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        numbers
            .iter()
            .zip(&self.mean)
            .zip(&self.deviation)
            .map(|((number, mean), deviation)| (number - mean) / deviation)
    }

    /// The opposite of [`Scale::standard`].
    pub fn natural<'a>(&'a self, numbers: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        numbers.iter().zip(&self.mean).zip(&self.deviation).map(|((number, mean), deviation)| number * deviation + mean)
    }

    /// Makes a network that gives standard numbers give them in their own units.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`TRN-0106`) when the last layer is not linear.
    pub fn to_natural(&self, spec: &NetworkSpec, weights: &mut TensorMap) -> Result<()> {
        behind(spec, weights, self.pairs().map(|(mean, deviation)| (deviation, mean)))
    }

    /// The opposite of [`Scale::to_natural`].
    ///
    /// # Errors
    /// As [`Scale::to_natural`].
    pub fn to_standard(&self, spec: &NetworkSpec, weights: &mut TensorMap) -> Result<()> {
        behind(spec, weights, self.pairs().map(|(mean, deviation)| (1.0 / deviation, -mean / deviation)))
    }

    /// Makes a last layer that takes standard features take them as they are: `W (f - m) / d = (W / d) f - W m / d`.
    ///
    /// # Errors
    /// As [`Scale::to_natural`].
    pub fn of_features(&self, spec: &NetworkSpec, weights: &mut TensorMap) -> Result<()> {
        let (mut weight, mut bias) = take_head(spec, weights)?;
        for (row, bias) in weight.data.chunks_mut(self.mean.len().max(1)).zip(&mut bias.data) {
            for (value, (mean, deviation)) in row.iter_mut().zip(self.pairs()) {
                *value /= deviation;
                *bias -= *value * mean;
            }
        }
        put_head(spec, weights, weight, bias);
        Ok(())
    }

    /// The opposite of [`Scale::of_features`].
    ///
    /// # Errors
    /// As [`Scale::to_natural`].
    pub fn to_features(&self, spec: &NetworkSpec, weights: &mut TensorMap) -> Result<()> {
        let (mut weight, mut bias) = take_head(spec, weights)?;
        for (row, bias) in weight.data.chunks_mut(self.mean.len().max(1)).zip(&mut bias.data) {
            for (value, (mean, deviation)) in row.iter_mut().zip(self.pairs()) {
                *bias += *value * mean;
                *value *= deviation;
            }
        }
        put_head(spec, weights, weight, bias);
        Ok(())
    }

    /// Whether a last layer that gives these numbers in their own units is the same after rounding, measured by what the
    /// numbers vary.
    pub fn survives(&self, spec: &NetworkSpec, exact: &TensorMap, rounded: &TensorMap) -> bool {
        let (mut exact, mut rounded) = (exact.clone(), rounded.clone());
        let (Ok(exact), Ok(rounded)) = (take_head(spec, &mut exact), take_head(spec, &mut rounded)) else {
            return true;
        };
        let columns = (exact.0.data.len() / self.deviation.len().max(1)).max(1);
        let rows = exact.0.data.chunks(columns).zip(rounded.0.data.chunks(columns));
        let biases = exact.1.data.iter().zip(&rounded.1.data).zip(&self.deviation);
        let length = |row: &mut dyn Iterator<Item = f32>| row.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        rows.zip(biases).all(|((before, after), ((bias, rounded), deviation))| {
            let moved = length(&mut before.iter().zip(after).map(|(a, b)| a - b));
            moved <= ROUNDING * length(&mut before.iter().copied())
                && f64::from((bias - rounded).abs()) <= ROUNDING * f64::from(*deviation)
        })
    }

    fn pairs(&self) -> impl Iterator<Item = (f32, f32)> + '_ {
        self.mean.iter().copied().zip(self.deviation.iter().copied())
    }
}

/// Puts `y -> factor y + summand` behind each output of the last layer.
fn behind(spec: &NetworkSpec, weights: &mut TensorMap, outputs: impl Iterator<Item = (f32, f32)>) -> Result<()> {
    let (mut weight, mut bias) = take_head(spec, weights)?;
    let columns = (weight.data.len() / bias.data.len().max(1)).max(1);
    for ((row, bias), (factor, summand)) in weight.data.chunks_mut(columns).zip(&mut bias.data).zip(outputs) {
        for value in row {
            *value *= factor;
        }
        *bias = *bias * factor + summand;
    }
    put_head(spec, weights, weight, bias);
    Ok(())
}

fn take_head(spec: &NetworkSpec, weights: &mut TensorMap) -> Result<(Weight, Weight)> {
    let mut take = |part: &str| weights.remove(&format!("{}.{part}", spec.linear_head()?));
    take("weight").zip(take("bias")).ok_or_else(|| {
        let message = format!("expected a network with a linear last layer, found {}", spec.architecture);
        Error::new(ErrorKind::Model, "TRN-0106", message)
    })
}

fn put_head(spec: &NetworkSpec, weights: &mut TensorMap, weight: Weight, bias: Weight) {
    if let Some(head) = spec.linear_head() {
        weights.insert(format!("{head}.weight"), weight);
        weights.insert(format!("{head}.bias"), bias);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Architecture, Head, Precision, fresh, load};
    use burn::tensor::{Device, Distribution, Tensor};

    #[test]
    fn numbers_have_mean_0_and_deviation_1_and_come_back() {
        let rows: [&[f32]; 2] = [&[1.0, 5.0], &[3.0, 5.0]];
        let scale = Scale::of(&rows);
        assert_eq!(scale.standard(rows[0]).collect::<Vec<_>>(), [-1.0, 0.0]);
        assert_eq!(scale.standard(rows[1]).collect::<Vec<_>>(), [1.0, 0.0]);
        assert_eq!(scale.natural(&[1.0, 0.0]).collect::<Vec<_>>(), rows[1]);
    }

    #[test]
    fn a_last_layer_of_standard_features_and_back_is_what_it_was() {
        let spec = NetworkSpec::torch(Architecture::ResNet18, 2);
        let count = spec.features();
        let scale = Scale { mean: vec![0.5; count], deviation: vec![0.25; count] };
        let before = fresh(&spec, 1).unwrap();
        let mut weights = before.clone();
        scale.to_features(&spec, &mut weights).unwrap();
        assert_ne!(weights, before);
        scale.of_features(&spec, &mut weights).unwrap();
        let (found, expected) = (weights.get("fc.bias").unwrap(), before.get("fc.bias").unwrap());
        assert!(found.data.iter().zip(&expected.data).all(|(a, b)| (a - b).abs() < 1e-5));
        assert_eq!(weights.get("fc.weight"), before.get("fc.weight"));
    }

    #[test]
    fn the_scale_in_the_last_layer_is_that_of_the_outputs() {
        let spec = NetworkSpec::torch(Architecture::ResNet18, 2);
        let scale = Scale { mean: vec![10.0, -1.0], deviation: vec![3.0, 0.5] };
        let standard = fresh(&spec, 1).unwrap();
        let mut natural = standard.clone();
        scale.to_natural(&spec, &mut natural).unwrap();
        let device = Device::flex();
        let tile = Tensor::<4>::random([1, 3, 32, 32], Distribution::Default, &device);
        let run = |map: &TensorMap| -> Vec<f32> {
            let network = load(spec.init(&device).unwrap(), map, Head::FromFile).unwrap();
            network.forward(tile.clone()).into_data().iter::<f32>().collect()
        };
        let (before, after) = (run(&standard), run(&natural));
        for column in 0..2 {
            let expected = before[column] * scale.deviation[column] + scale.mean[column];
            assert!((after[column] - expected).abs() < 1e-4, "{before:?} {after:?}");
        }
        scale.to_standard(&spec, &mut natural).unwrap();
        let back = run(&natural);
        assert!(back.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-4), "{before:?} {back:?}");
        let half = TensorMap::from_safetensors(&natural.to_safetensors(Precision::F16).unwrap()).unwrap().0;
        assert!(scale.survives(&spec, &natural, &half));
        // A mean of 40,000 is rounded by more than such a number varies, and weights of a tiny unit vanish.
        for (mean, deviation) in [(40_000.0, 10.0), (0.0, 1e-6)] {
            let odd = Scale { mean: vec![mean; 2], deviation: vec![deviation; 2] };
            let mut natural = standard.clone();
            odd.to_natural(&spec, &mut natural).unwrap();
            let half = TensorMap::from_safetensors(&natural.to_safetensors(Precision::F16).unwrap()).unwrap().0;
            assert!(!odd.survives(&spec, &natural, &half), "{mean}");
        }
        let squeeze = NetworkSpec::torch(Architecture::SqueezeNet, 2);
        assert_eq!(scale.to_natural(&squeeze, &mut natural).unwrap_err().code(), "TRN-0106");
    }
}
