//! `SqueezeNet` 1.0: fire modules, which squeeze channels with 1x1 and expand them with 1x1 and 3x3 side by side.
//!
//! Its last layer is a convolution before the mean, so its logits do not follow from its mean features.
//!
//! # Source
//! Iandola et al. 2016, "`SqueezeNet`", arXiv:1602.07360, table 1; the layer names are torchvision's.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// Channels after the first convolution.
const STEM: usize = 96;
/// Number in the file, channels squeezed to, channels of each half expanded to.
const FIRES: [(usize, usize, usize); 8] =
    [(3, 16, 64), (4, 16, 64), (5, 32, 128), (7, 32, 128), (8, 48, 192), (9, 48, 192), (10, 64, 256), (12, 64, 256)];
/// The modules before which sides are halved.
const POOLED: [usize; 3] = [3, 7, 12];
/// Channels of the last fire module.
const FEATURES: usize = 512;

/// A network of fire modules.
#[derive(Module, Debug)]
pub struct SqueezeNet {
    conv: ConvNorm,
    fires: Vec<Fire>,
    /// None in a network without classes.
    classifier: Option<ConvNorm>,
}

/// Squeeze and expand.
#[derive(Module, Debug)]
struct Fire {
    squeeze: ConvNorm,
    expand1x1: ConvNorm,
    expand3x3: ConvNorm,
}

impl Fire {
    fn forward<T: Flow>(&self, input: T) -> T {
        let squeezed = input.conv(&self.squeeze, Act::Relu);
        T::join([&self.expand1x1, &self.expand3x3].map(|conv| squeezed.clone().conv(conv, Act::Relu)).into())
    }
}

impl SqueezeNet {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let with_bias = |config: ConvNormConfig| config.after(After::Bias).init(spec, device);
        let mut channels_in = STEM;
        let fires = FIRES.map(|(_, squeezed, expanded)| Fire {
            squeeze: with_bias(ConvNormConfig::dense(std::mem::replace(&mut channels_in, 2 * expanded), squeezed, 1)),
            expand1x1: with_bias(ConvNormConfig::dense(squeezed, expanded, 1)),
            expand3x3: with_bias(ConvNormConfig::dense(squeezed, expanded, 3)),
        });
        Self {
            conv: with_bias(ConvNormConfig::dense(3, STEM, 7).stride(2).unpadded()),
            fires: fires.into(),
            classifier: (spec.classes > 0).then(|| with_bias(ConvNormConfig::dense(FEATURES, spec.classes, 1))),
        }
    }
}

impl<T: Flow> Backbone<T> for SqueezeNet {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let stem = tiles.conv(&self.conv, Act::Relu);
        self.fires.iter().zip(FIRES).fold(stem, |maps, (fire, (at, ..))| {
            if !POOLED.contains(&at) {
                return fire.forward(maps);
            }
            watch(&maps);
            fire.forward(maps.max_pool_ceil(3, 2))
        })
    }

    fn outputs(&self, maps: T) -> T {
        let last = match &self.classifier {
            Some(classifier) => maps.conv(classifier, Act::Relu),
            None => maps,
        };
        last.global_mean()
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("features.0", "", &mut self.conv)];
        for (Fire { squeeze, expand1x1, expand3x3 }, (at, ..)) in self.fires.iter_mut().zip(FIRES) {
            let parts = [("squeeze", squeeze), ("expand1x1", expand1x1), ("expand3x3", expand3x3)];
            layers.extend(parts.map(|(part, conv)| Layer::conv(format!("features.{at}.{part}"), "", conv)));
        }
        layers.extend(self.classifier.as_mut().map(|conv| Layer::conv("classifier.1", "", conv).into_head()));
        layers
    }
}
