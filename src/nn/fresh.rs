//! Fresh weights by formula: the same on every device, in every order of use and on any number of threads.
//!
//! A backend's own generator is one per process, and a network draws from it when it is first used; both make a seed mean
//! less than it says. Here a value depends on the seed, the tensor's name and the position alone.

use crate::error::Result;
use crate::nn::layers::Part;
use crate::nn::spec::NetworkSpec;
use crate::nn::tensor_map::{TensorMap, Weight};
use burn::tensor::Device;
use std::f64::consts::TAU;

/// What layers that scale a branch start with (Touvron et al. 2021, arXiv:2103.17239, section 2).
const SMALL: f32 = 1e-5;
/// Standard deviation of learnt tokens (Dosovitskiy et al.'s published code for arXiv:2010.11929).
const TOKEN_DEVIATION: f64 = 0.02;

/// Draws weights for a network (timm's names): He's normal initialisation for convolutions, torch's uniform one for
/// linear layers, normalisation that changes nothing.
///
/// # Errors
/// Those of [`NetworkSpec::check`].
///
/// # Source
/// He et al. 2015, arXiv:1502.01852, equation 14 (fan out, standard deviation `sqrt(2 / n)`).
pub fn fresh(spec: &NetworkSpec, seed: u64) -> Result<TensorMap> {
    let mut map = TensorMap::default();
    // Only names and shapes are asked of it.
    for layer in spec.init(&Device::flex())?.layers() {
        let groups = layer.groups();
        let bound = match &layer.part {
            Part::Linear(linear) => Some((linear.sides().0 as f64).sqrt().recip()),
            _ => None,
        };
        let (is_tokens, is_scale) = (matches!(layer.part, Part::Tokens(_)), matches!(layer.part, Part::Vector(_)));
        for (name, slot) in layer.slots() {
            let shape = slot.shape();
            let count: usize = shape.iter().product();
            let numbers = Numbers::new(seed, &name);
            let data = match (bound, &shape[..]) {
                (Some(bound), _) => numbers.uniform(count, bound),
                (None, &[out, _, height, width]) => {
                    let fan_out = (out / groups * height * width).max(1);
                    numbers.normal(count, (2.0 / fan_out as f64).sqrt())
                }
                _ if is_tokens => numbers.normal(count, TOKEN_DEVIATION),
                _ if is_scale => vec![SMALL; count],
                _ if name.ends_with("weight") || name.ends_with("running_var") => vec![1.0; count],
                _ => vec![0.0; count],
            };
            map.insert(name, Weight { shape, data });
        }
    }
    Ok(map)
}

/// A stream of numbers that is read at any position.
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64, name: &str) -> Self {
        let digest = blake3::Hasher::new().update(&seed.to_le_bytes()).update(name.as_bytes()).finalize();
        Self(digest.as_bytes().first_chunk().map_or(seed, |chunk| u64::from_le_bytes(*chunk)))
    }

    /// The number at a position, 0 to 1 without 0: `SplitMix64` (Steele et al. 2014, 10.1145/2660193.2660195).
    fn at(&self, index: usize) -> f64 {
        let z = self.0.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    fn uniform(&self, count: usize, bound: f64) -> Vec<f32> {
        (0..count).map(|index| ((2.0 * self.at(index) - 1.0) * bound) as f32).collect()
    }

    /// Box and Muller's transform of two uniform numbers each.
    #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
    fn normal(&self, count: usize, deviation: f64) -> Vec<f32> {
        let one =
            |index: usize| (-2.0 * self.at(2 * index).ln()).sqrt() * (TAU * self.at(2 * index + 1)).cos() * deviation;
        (0..count).map(|index| one(index) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::registry::Architecture;

    #[test]
    fn a_seed_gives_the_same_weights_and_another_seed_others() {
        let spec = NetworkSpec::torch(Architecture::MobileNetV2, 3);
        let map = fresh(&spec, 7).unwrap();
        assert_eq!(map, fresh(&spec, 7).unwrap());
        assert_ne!(map.get("conv_stem.weight"), fresh(&spec, 8).unwrap().get("conv_stem.weight"));
        assert!(map.get("bn1.running_var").unwrap().data.iter().all(|&var| (var - 1.0).abs() < f32::EPSILON));
        assert!(map.get("bn1.bias").unwrap().data.iter().all(|bias| bias.abs() < f32::EPSILON));
    }

    #[test]
    fn kernels_are_normal_with_he_s_deviation_and_the_head_is_uniform() {
        let map = fresh(&NetworkSpec::torch(Architecture::ResNet18, 10), 1).unwrap();
        let kernel = map.get("layer4.1.conv2.weight").unwrap(); // 512 x 512 x 3 x 3: the mean is known to 0.1 %
        let moment = |power: i32| {
            kernel.data.iter().map(|&weight| f64::from(weight).powi(power)).sum::<f64>() / kernel.data.len() as f64
        };
        let deviation = (2.0_f64 / (512.0 * 9.0)).sqrt();
        assert!(moment(1).abs() < 4e-3 * deviation, "mean {}", moment(1));
        assert!((moment(2).sqrt() / deviation - 1.0).abs() < 4e-3, "deviation {}", moment(2).sqrt());
        assert!((moment(4) / moment(2).powi(2) - 3.0).abs() < 0.03, "kurtosis of a normal distribution is 3");
        let head = map.get("fc.weight").unwrap();
        let bound = 512_f32.sqrt().recip();
        let largest = head.data.iter().fold(0.0, |max: f32, weight| max.max(weight.abs()));
        assert!(largest < bound && largest > 0.99 * bound);
    }
}
