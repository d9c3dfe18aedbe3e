//! Batch normalisation folded into the convolution before it.
//!
//! Works on weights, not on a network: the sum is done once in f64 whatever the device computes in.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::spec::NetworkSpec;
use crate::nn::tensor_map::{TensorMap, Weight};
use burn::tensor::Device;

/// What batch normalisation adds to the variance; torch's default, which all networks here use.
pub(super) const EPSILON: f64 = 1e-5;

/// Gives the weights of `spec.folded()` from those of `spec` (timm's names).
///
/// With scale `s = gamma / sqrt(var + epsilon)` per output channel, `w' = s w` and `b' = beta - s mean`.
///
/// # Errors
/// [`ErrorKind::Model`]: `MOD-0105` when a tensor is missing, `MOD-0103` when a folded value does not fit f32.
///
/// # Source
/// Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2.
pub(super) fn fold(spec: &NetworkSpec, map: &TensorMap) -> Result<TensorMap> {
    let mut folded = TensorMap::default();
    for layer in spec.init(&Device::flex())?.layers() {
        let kernel = tensor(map, &layer.name, "weight")?;
        if layer.is_linear() || !spec.batch_norm {
            folded.insert(format!("{}.weight", layer.name), kernel.clone());
            folded.insert(format!("{}.bias", layer.name), tensor(map, &layer.name, "bias")?.clone());
            continue;
        }
        let [gamma, beta, mean, var] =
            ["weight", "bias", "running_mean", "running_var"].map(|part| tensor(map, &layer.norm, part));
        let (gamma, beta, mean, var) = (gamma?, beta?, mean?, var?);
        let scales: Vec<f64> = (gamma.data.iter().zip(&var.data))
            .map(|(&gamma, &var)| f64::from(gamma) / (f64::from(var) + EPSILON).sqrt())
            .collect();
        let per_channel = (kernel.data.len() / scales.len().max(1)).max(1);
        let weights = (kernel.data.chunks(per_channel).zip(&scales))
            .flat_map(|(kernel, scale)| kernel.iter().map(move |&weight| f64::from(weight) * scale));
        let biases = (beta.data.iter().zip(&mean.data).zip(&scales))
            .map(|((&beta, &mean), scale)| f64::from(beta) - f64::from(mean) * scale);
        folded.insert(format!("{}.weight", layer.name), narrowed(&layer.name, &kernel.shape, weights)?);
        folded.insert(format!("{}.bias", layer.name), narrowed(&layer.name, &beta.shape, biases)?);
    }
    Ok(folded)
}

fn tensor<'a>(map: &'a TensorMap, layer: &str, part: &str) -> Result<&'a Weight> {
    let name = format!("{layer}.{part}");
    map.get(&name).ok_or_else(|| {
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
