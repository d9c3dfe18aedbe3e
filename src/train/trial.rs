//! The first gradient on a device, held against the CPU's: a driver or a kernel that computes wrongly must not train.

use crate::device::{DeviceSpec, open};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Head, Network, Trainable, load};
use crate::train::config::Layers;
use crate::train::start::Start;
use crate::train::step::{Batch, Stage};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Training tiles that are tried: the fewest that batch normalisation has statistics of.
const TILES: usize = 2;
/// The least cosine between both gradients; half as many digits, as in TF32 and bf16, leave it above.
const LEAST_COSINE: f64 = 0.98;
/// How far both losses may be apart, relative to the CPU's and to 1.
const LOSS: f64 = 2e-2;

/// Tries a device that is not the CPU.
///
/// # Errors
/// [`ErrorKind::Device`] `DEV-0007` when loss or gradient are not the CPU's; else as [`Stage::gradients`].
pub(super) fn trial(stage: &Stage<'_>, start: &Start, train: &[usize]) -> Result<()> {
    if stage.device.is_cpu {
        return Ok(());
    }
    let cpu = open(DeviceSpec::Cpu)?;
    let on_cpu = Stage { device: &cpu, weights: stage.weights.clone(), scale: stage.scale.clone(), ..*stage };
    // Tiles that do not count have no loss.
    let tiles: Vec<usize> = train.iter().copied().filter(|&tile| stage.weights[tile] > 0.0).take(TILES).collect();
    let (expected, found) = (gradient(&on_cpu, start, &tiles)?, gradient(stage, start, &tiles)?);
    agree(&expected, &found)
}

/// Loss and gradient of some tiles.
fn gradient(stage: &Stage<'_>, start: &Start, tiles: &[usize]) -> Result<(f64, Vec<f32>)> {
    let device = stage.device.device.clone().autodiff();
    let network = load(start.spec.init(&device)?, &start.weights, Head::FromFile)?;
    let network = match stage.config.layers {
        // Features come from the whole network, so that its gradient tells of them, too.
        Layers::Last => network.freeze_but(Trainable::Stages(stage.config.last_stages)),
        Layers::Head | Layers::All | Layers::Auto => network,
    };
    let (loss, parts) = stage.gradients(&network, None, Batch { epoch: 0, first: 0, tiles })?;
    Ok((loss, flat(&network, parts)))
}

/// The sum of the gradients of a batch's parts, in network order.
fn flat(network: &Network, parts: Vec<GradientsParams>) -> Vec<f32> {
    struct Flat(Vec<GradientsParams>, Vec<f32>);
    impl ModuleVisitor for Flat {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let parts = self.0.iter_mut().filter_map(|part| part.remove::<D>(param.id));
            if let Some(sum) = parts.reduce(|sum, part| sum + part) {
                // What cannot be read is missing, and so is not the CPU's.
                self.1.extend(sum.try_into_data().iter().flat_map(burn::tensor::TensorData::iter::<f32>));
            }
        }
    }
    let mut all = Flat(parts, Vec::new());
    network.visit(&mut all);
    all.1
}

fn agree((expected_loss, expected): &(f64, Vec<f32>), (loss, found): &(f64, Vec<f32>)) -> Result<()> {
    let wrong = |what: String| {
        Error::new(
            ErrorKind::Device,
            "DEV-0007",
            format!("expected the CPU's loss and gradient of two tiles, found {what}"),
        )
        .with_advice("this device or its driver computes this training wrongly; `--device cpu` computes it right")
    };
    let scale = expected_loss.abs().max(1.0);
    if loss.is_nan() || (loss - expected_loss).abs() > LOSS * scale {
        return Err(wrong(format!("a loss of {loss} for {expected_loss}")));
    }
    if expected.len() != found.len() {
        return Err(wrong(format!("{} numbers for {}", found.len(), expected.len())));
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(expected, expected) * dot(found, found)).sqrt();
    // Two that are nothing agree; one that is no number agrees with none.
    let cosine = if lengths == 0.0 { 1.0 } else { dot(expected, found) / lengths };
    if cosine >= LEAST_COSINE { Ok(()) } else { Err(wrong(format!("a gradient with a cosine of {cosine:.3} to it"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_of_another_direction_or_of_nothing_is_refused() {
        let expected = (0.7, vec![1.0, 2.0, 0.0]);
        agree(&expected, &(0.705, vec![1.01, 2.0, 0.01])).unwrap();
        for bad in [
            (0.8, vec![1.0, 2.0, 0.0]),
            (f64::NAN, vec![1.0, 2.0, 0.0]),
            (0.7, vec![2.0, 1.0, 0.0]),
            (0.7, vec![f32::NAN, 2.0, 0.0]),
            (0.7, vec![1.0, 2.0]),
        ] {
            let error = agree(&expected, &bad).unwrap_err();
            assert_eq!(error.code(), "DEV-0007", "{bad:?}");
        }
    }
}
