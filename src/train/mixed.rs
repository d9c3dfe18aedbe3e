//! Mixed precision: a network is run in fewer bits, and its weights are changed in f32.
//!
//! The run is that of a copy whose weights are rounded, as an operation of the graph: gradients pass through the rounding
//! to the weights themselves.
//!
//! # Source
//! Micikevicius et al. 2017, arXiv:1710.03740, section 3.1; with bf16 instead of f16 the loss needs no scale (Kalamkar et
//! al. 2019, arXiv:1905.12322).

use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::Network;
use crate::train::config::Compute;
use burn::tensor::{FloatDType, Tensor};

/// What the network is run in on a device, without `Auto`.
///
/// # Errors
/// [`ErrorKind::Usage`] (`TRN-0108`) for bf16 with batch normalisation, whose statistics would be rounded away;
/// [`ErrorKind::Device`] (`TRN-0405`) where the device has none.
pub(super) fn resolve(compute: Compute, batch_norm: bool, device: &OpenDevice) -> Result<Compute> {
    let has = device.device.supports_dtype(FloatDType::BF16);
    match compute {
        Compute::Auto if has && !batch_norm && !device.is_cpu => Ok(Compute::Bf16),
        Compute::Auto | Compute::F32 => Ok(Compute::F32),
        Compute::Bf16 if batch_norm => {
            let message = "compute: expected f32 for a network with batch normalisation, found bf16";
            Err(Error::new(ErrorKind::Usage, "TRN-0108", message)
                .with_advice("start from a model, whose normalisation is folded into its weights"))
        }
        Compute::Bf16 if !has => {
            let message = format!("expected a device that computes in bf16, found {}", device.name);
            Err(Error::new(ErrorKind::Device, "TRN-0405", message).with_advice("use `compute = \"f32\"` or \"auto\""))
        }
        Compute::Bf16 => Ok(Compute::Bf16),
    }
}

/// What a network says of tiles, run in fewer bits where that is asked for.
///
/// # Shapes
/// `[N, 3, S, S]` f32 to `[N, K]` f32.
pub(super) fn forward(network: &Network, tiles: Tensor<4>, compute: Compute) -> Tensor<2> {
    match compute {
        Compute::Auto | Compute::F32 => network.forward(tiles),
        Compute::Bf16 => {
            let rounded = network.clone().cast(FloatDType::BF16);
            rounded.forward(tiles.cast(FloatDType::BF16)).cast(FloatDType::F32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DeviceSpec, open};
    use crate::nn::{Architecture, Head, NetworkSpec, fresh, load};
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Distribution};

    /// All gradients, in network order.
    struct Gradients(GradientsParams, Vec<f32>);

    impl ModuleVisitor for Gradients {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.remove::<D>(param.id).unwrap();
            self.1.extend(gradient.into_data().iter::<f32>());
        }
    }

    #[test]
    fn gradients_in_bf16_point_where_those_in_f32_do() {
        let device = Device::flex().autodiff();
        let spec = NetworkSpec::torch(Architecture::ResNet18, 2).folded();
        let network = load(spec.init(&device).unwrap(), &fresh(&spec, 1).unwrap(), Head::FromFile).unwrap();
        let tiles = Tensor::<4>::random([2, 3, 32, 32], Distribution::Default, &device);
        let gradients = |compute| {
            let loss = forward(&network, tiles.clone(), compute).square().sum();
            let mut all = Gradients(GradientsParams::from_grads(loss.backward(), &network), Vec::new());
            network.visit(&mut all);
            all.1
        };
        let (exact, rounded) = (gradients(Compute::F32), gradients(Compute::Bf16));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let cosine = dot(&exact, &rounded) / (dot(&exact, &exact) * dot(&rounded, &rounded)).sqrt();
        assert!(exact != rounded && cosine > 0.99, "{cosine}");
    }

    #[test]
    fn the_cpu_stays_at_f32_unless_it_is_told() {
        let cpu = open(DeviceSpec::Cpu).unwrap();
        assert_eq!(resolve(Compute::Auto, false, &cpu).unwrap(), Compute::F32);
        assert_eq!(resolve(Compute::Bf16, true, &cpu).unwrap_err().code(), "TRN-0108");
    }
}
