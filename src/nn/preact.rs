//! The residual network of 34 layers that normalises before it convolves.
//!
//! # Source
//! He et al. 2016, "Identity Mappings in Deep Residual Networks", arXiv:1603.05027, figure 4e. WSInfer's zoo uses it with
//! two peculiarities, kept here: a shortcut convolution sees the normalised input, and nothing normalises the end. The
//! layer names are the zoo's.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig, Norm};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// Channels and blocks of the four stages.
const STAGES: [(usize, usize); 4] = [(64, 3), (128, 4), (256, 6), (512, 3)];

/// A residual network with normalisation first.
#[derive(Module, Debug)]
pub struct PreActResNet {
    conv1: ConvNorm,
    stages: Vec<Vec<Block>>,
}

/// Normalise, convolve, twice, beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    norm: Norm,
    /// With the second normalisation.
    conv1: ConvNorm,
    conv2: ConvNorm,
    /// A 1x1 convolution where the shape changes.
    shortcut: Option<ConvNorm>,
}

impl Block {
    fn init(channels_in: usize, channels: usize, stride: usize, spec: &NetworkSpec, device: &Device) -> Self {
        let bare = |config: ConvNormConfig| config.after(After::Nothing).init(spec, device);
        let changes = stride != 1 || channels_in != channels;
        Self {
            norm: Norm::init(channels_in, spec, device),
            conv1: ConvNormConfig::dense(channels_in, channels, 3).stride(stride).init(spec, device),
            conv2: bare(ConvNormConfig::dense(channels, channels, 3)),
            shortcut: changes.then(|| bare(ConvNormConfig::dense(channels_in, channels, 1).stride(stride))),
        }
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        let normal = input.clone().norm(&self.norm, Act::Relu);
        let shortcut = match &self.shortcut {
            Some(shortcut) => normal.clone().conv(shortcut, Act::None),
            None => input,
        };
        normal.conv(&self.conv1, Act::Relu).conv_onto(&self.conv2, shortcut, Act::None)
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        let mut layers = vec![
            Layer::norm(format!("{at}.bn1"), &mut self.norm),
            Layer::conv(format!("{at}.conv1"), format!("{at}.bn2"), &mut self.conv1),
            Layer::conv(format!("{at}.conv2"), "", &mut self.conv2),
        ];
        layers.extend(self.shortcut.as_mut().map(|conv| Layer::conv(format!("{at}.shortcut.0"), "", conv)));
        layers
    }
}

impl PreActResNet {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let mut channels_in = STAGES[0].0;
        let mut block = |channels: usize, at: usize| {
            let stride = if at == 0 && channels != STAGES[0].0 { 2 } else { 1 };
            Block::init(std::mem::replace(&mut channels_in, channels), channels, stride, spec, device)
        };
        let stages = STAGES.map(|(channels, depth)| (0..depth).map(|at| block(channels, at)).collect());
        let conv1 = ConvNormConfig::dense(3, STAGES[0].0, 7).stride(2).after(After::Nothing);
        Self { conv1: conv1.init(spec, device), stages: stages.into() }
    }
}

impl<T: Flow> Backbone<T> for PreActResNet {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let stem = tiles.conv(&self.conv1, Act::None).max_pool(3, 2, 1);
        self.stages.iter().fold(stem, |maps, stage| {
            watch(&maps);
            stage.iter().fold(maps, |maps, block| block.forward(maps))
        })
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("conv1", "", &mut self.conv1)];
        for (stage, blocks) in (1..).zip(&mut self.stages) {
            for (at, block) in blocks.iter_mut().enumerate() {
                layers.extend(block.layers(&format!("layer{stage}.{at}")));
            }
        }
        layers
    }
}
