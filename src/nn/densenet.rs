//! `DenseNet-121`: every layer of a block sees the outputs of all layers before it.
//!
//! # Source
//! Huang et al. 2016, "Densely Connected Convolutional Networks", arXiv:1608.06993, table 1; the layer names are timm's,
//! which are also torchvision's.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig, Norm};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// Layers of the four blocks.
const BLOCKS: [usize; 4] = [6, 12, 24, 16];
/// Channels after the first convolution.
const STEM: usize = 64;
/// Channels that each layer adds.
const GROWTH: usize = 32;
/// Channels inside a layer.
const BOTTLENECK: usize = 4 * GROWTH;

/// A densely connected network.
#[derive(Module, Debug)]
pub struct DenseNet {
    conv0: ConvNorm,
    blocks: Vec<Vec<DenseLayer>>,
    transitions: Vec<Transition>,
    norm5: Norm,
}

/// Adds [`GROWTH`] channels to what there is.
#[derive(Module, Debug)]
struct DenseLayer {
    norm1: Norm,
    /// With the second normalisation.
    conv1: ConvNorm,
    conv2: ConvNorm,
}

/// Halves channels and sides between two blocks.
#[derive(Module, Debug)]
struct Transition {
    norm: Norm,
    conv: ConvNorm,
}

impl DenseLayer {
    fn init(channels: usize, spec: &NetworkSpec, device: &Device) -> Self {
        Self {
            norm1: Norm::init(channels, spec, device),
            conv1: ConvNormConfig::dense(channels, BOTTLENECK, 1).init(spec, device),
            conv2: ConvNormConfig::dense(BOTTLENECK, GROWTH, 3).after(After::Nothing).init(spec, device),
        }
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        let inner = input.clone().norm(&self.norm1, Act::Relu).conv(&self.conv1, Act::Relu);
        T::join(vec![input, inner.conv(&self.conv2, Act::None)])
    }
}

impl Transition {
    fn init(channels: usize, spec: &NetworkSpec, device: &Device) -> Self {
        let conv = ConvNormConfig::dense(channels, channels / 2, 1).after(After::Nothing);
        Self { norm: Norm::init(channels, spec, device), conv: conv.init(spec, device) }
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        input.norm(&self.norm, Act::Relu).conv(&self.conv, Act::None).mean_pool(2, 2, 0)
    }
}

impl DenseNet {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let mut channels = STEM;
        let mut blocks = Vec::new();
        let mut transitions = Vec::new();
        for (block, layers) in BLOCKS.into_iter().enumerate() {
            let layer = |at| DenseLayer::init(channels + at * GROWTH, spec, device);
            blocks.push((0..layers).map(layer).collect());
            channels += layers * GROWTH;
            if block + 1 < BLOCKS.len() {
                transitions.push(Transition::init(channels, spec, device));
                channels /= 2;
            }
        }
        let conv0 = ConvNormConfig::dense(3, STEM, 7).stride(2).init(spec, device);
        Self { conv0, blocks, transitions, norm5: Norm::init(channels, spec, device) }
    }
}

impl<T: Flow> Backbone<T> for DenseNet {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let mut maps = tiles.conv(&self.conv0, Act::Relu).max_pool(3, 2, 1);
        for (at, block) in self.blocks.iter().enumerate() {
            watch(&maps);
            maps = block.iter().fold(maps, |maps, layer| layer.forward(maps));
            if let Some(transition) = self.transitions.get(at) {
                maps = transition.forward(maps);
            }
        }
        maps.norm(&self.norm5, Act::Relu)
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("features.conv0", "features.norm0", &mut self.conv0)];
        let mut transitions = self.transitions.iter_mut();
        for (block, dense) in (1..).zip(&mut self.blocks) {
            for (layer, DenseLayer { norm1, conv1, conv2 }) in (1..).zip(dense) {
                let at = format!("features.denseblock{block}.denselayer{layer}");
                layers.push(Layer::norm(format!("{at}.norm1"), norm1));
                layers.push(Layer::conv(format!("{at}.conv1"), format!("{at}.norm2"), conv1));
                layers.push(Layer::conv(format!("{at}.conv2"), "", conv2));
            }
            if let Some(Transition { norm, conv }) = transitions.next() {
                layers.push(Layer::norm(format!("features.transition{block}.norm"), norm));
                layers.push(Layer::conv(format!("features.transition{block}.conv"), "", conv));
            }
        }
        layers.push(Layer::norm("features.norm5", &mut self.norm5));
        layers
    }
}
