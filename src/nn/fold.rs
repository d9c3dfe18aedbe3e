//! Batch normalisation folded into the convolution before it.
//!
//! Works on weights, not on a network: the sum is done once in f64 whatever the device computes in.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::layers::Part;
use crate::nn::spec::NetworkSpec;
use crate::nn::tensor_map::{TensorMap, Weight};
use burn::tensor::Device;

/// Gives the weights of `spec.folded()` from those of `spec` (timm's names).
///
/// With scale `s = gamma / sqrt(var + epsilon)` per output channel, `w' = s w` and `b' = beta - s mean`. A normalisation
/// that follows no convolution becomes `s` and `b'` alone.
///
/// # Errors
/// [`ErrorKind::Model`]: `MOD-0105` when a tensor is missing, `MOD-0103` when a folded value does not fit f32.
///
/// # Source
/// Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2.
pub(super) fn fold(spec: &NetworkSpec, mut map: TensorMap) -> Result<TensorMap> {
    let mut folded = TensorMap::default();
    for layer in spec.init(&Device::flex())?.layers() {
        let Some(epsilon) = layer.epsilon() else {
            for (name, _) in layer.slots() {
                let weight = taken(&mut map, &name)?;
                folded.insert(name, weight);
            }
            continue;
        };
        let is_conv = matches!(layer.part, Part::Conv(_));
        let norm = if is_conv { &layer.norm } else { &layer.name };
        let [gamma, beta, mean, var] =
            ["weight", "bias", "running_mean", "running_var"].map(|part| taken(&mut map, &format!("{norm}.{part}")));
        let (gamma, beta, mean, var) = (gamma?, beta?, mean?, var?);
        let line = Line::of_norm([&gamma.data, &beta.data, &mean.data, &var.data], epsilon);
        let name = &layer.name;
        let weight = if is_conv {
            let kernel = taken(&mut map, &format!("{name}.weight"))?;
            Weight { data: narrowed(name, line.of_weights(&kernel.data))?, shape: kernel.shape }
        } else {
            Weight { data: narrowed(name, line.scale.into_iter())?, shape: gamma.shape }
        };
        let bias = Weight { data: narrowed(name, line.shift.into_iter())?, shape: beta.shape };
        folded.insert(format!("{name}.weight"), weight);
        folded.insert(format!("{name}.bias"), bias);
    }
    Ok(folded)
}

/// Takes a tensor out: the largest networks would not fit twice.
fn taken(map: &mut TensorMap, name: &str) -> Result<Weight> {
    map.remove(name).ok_or_else(|| {
        Error::new(ErrorKind::Model, "MOD-0105", format!("weights do not fit the network: missing {name}"))
    })
}

/// A factor and a summand for each channel.
pub(super) struct Line {
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
}

impl Line {
    /// What batch normalisation is at inference, from its weight, bias, running mean and running variance.
    pub fn of_norm([gamma, beta, mean, var]: [&[f32]; 4], epsilon: f64) -> Self {
        let scale: Vec<f64> =
            gamma.iter().zip(var).map(|(&gamma, &var)| f64::from(gamma) / (f64::from(var) + epsilon).sqrt()).collect();
        let shift = (beta.iter().zip(mean).zip(&scale))
            .map(|((&beta, &mean), scale)| f64::from(beta) - f64::from(mean) * scale)
            .collect();
        Self { scale, shift }
    }

    /// Weights of the layer before, `[C, ...]`, times each channel's factor.
    pub fn of_weights(&self, weights: &[f32]) -> impl Iterator<Item = f64> {
        let per_channel = (weights.len() / self.scale.len().max(1)).max(1);
        (weights.chunks(per_channel).zip(&self.scale))
            .flat_map(|(weights, scale)| weights.iter().map(move |&weight| f64::from(weight) * scale))
    }
}

/// Rounds what was folded into a layer.
///
/// # Errors
/// [`ErrorKind::Model`] (`MOD-0103`) when a value does not fit f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point, and overflow is checked")]
pub(super) fn narrowed(layer: &str, values: impl Iterator<Item = f64>) -> Result<Vec<f32>> {
    let data: Vec<f32> = values.map(|value| value as f32).collect();
    match data.iter().find(|value| !value.is_finite()) {
        Some(bad) => {
            let message = format!("expected finite numbers after folding, found {bad} in {layer}");
            Err(Error::new(ErrorKind::Model, "MOD-0103", message))
        }
        None => Ok(data),
    }
}
