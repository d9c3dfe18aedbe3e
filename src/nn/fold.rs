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
        let scales: Vec<f64> = (gamma.data.iter().zip(&var.data))
            .map(|(&gamma, &var)| f64::from(gamma) / (f64::from(var) + epsilon).sqrt())
            .collect();
        let name = &layer.name;
        let weight = if is_conv {
            let kernel = taken(&mut map, &format!("{name}.weight"))?;
            let per_channel = (kernel.data.len() / scales.len().max(1)).max(1);
            let scaled = (kernel.data.chunks(per_channel).zip(&scales))
                .flat_map(|(kernel, scale)| kernel.iter().map(move |&weight| f64::from(weight) * scale));
            narrowed(name, &kernel.shape, scaled)?
        } else {
            narrowed(name, &gamma.shape, scales.iter().copied())?
        };
        let biases = (beta.data.iter().zip(&mean.data).zip(&scales))
            .map(|((&beta, &mean), scale)| f64::from(beta) - f64::from(mean) * scale);
        folded.insert(format!("{name}.weight"), weight);
        folded.insert(format!("{name}.bias"), narrowed(name, &beta.shape, biases)?);
    }
    Ok(folded)
}

/// Takes a tensor out: the largest networks would not fit twice.
fn taken(map: &mut TensorMap, name: &str) -> Result<Weight> {
    map.remove(name).ok_or_else(|| {
        Error::new(ErrorKind::Model, "MOD-0105", format!("weights do not fit the network: missing {name}"))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point, and overflow is checked")]
fn narrowed(layer: &str, shape: &[usize], values: impl Iterator<Item = f64>) -> Result<Weight> {
    let data: Vec<f32> = values.map(|value| value as f32).collect();
    match data.iter().find(|value| !value.is_finite()) {
        Some(bad) => {
            let message = format!("expected finite numbers after folding, found {bad} in {layer}");
            Err(Error::new(ErrorKind::Model, "MOD-0103", message))
        }
        None => Ok(Weight { shape: shape.to_vec(), data }),
    }
}
