//! `ConvNeXt`, tiny: depthwise 7x7 convolutions with layer normalisation, in blocks shaped like a transformer's.
//!
//! # Source
//! Liu et al. 2022, "A `ConvNet` for the 2020s", arXiv:2201.03545, table 9; the layer names are timm's.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig};
use crate::nn::dense::Dense;
use crate::nn::flow::{Flow, Perceptron};
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};

/// Channels and blocks of the four stages.
const STAGES: [(usize, usize); 4] = [(96, 3), (192, 3), (384, 9), (768, 3)];
/// What each branch is scaled with at the start of training.
const GAMMA: f64 = 1e-6;

/// A `ConvNeXt` network.
#[derive(Module, Debug)]
pub struct ConvNeXt {
    stem: ConvNorm,
    stem_norm: LayerNorm,
    stages: Vec<Stage>,
    head_norm: LayerNorm,
}

/// Blocks of one size.
#[derive(Module, Debug)]
struct Stage {
    /// Halves the sides, but for the first stage.
    downsample: Option<(LayerNorm, ConvNorm)>,
    blocks: Vec<Block>,
}

#[derive(Module, Debug)]
struct Block {
    conv_dw: ConvNorm,
    norm: LayerNorm,
    fc1: Dense,
    fc2: Dense,
    gamma: Param<Tensor<1>>,
}

impl Block {
    fn init(channels: usize, spec: &NetworkSpec, device: &Device) -> Self {
        Self {
            conv_dw: ConvNormConfig::depthwise(channels, 7).after(After::Bias).init(spec, device),
            norm: layer_norm(channels, spec, device),
            fc1: Dense::init(channels, 4 * channels, device),
            fc2: Dense::init(4 * channels, channels, device),
            gamma: Initializer::Constant { value: GAMMA }.init([channels], device),
        }
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        let Self { conv_dw, norm, fc1, fc2, gamma } = self;
        let filtered = input.clone().conv(conv_dw, Act::None);
        filtered.perceptron_onto(&Perceptron { norm, fc1, fc2, gamma }, input)
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        vec![
            Layer::vector(format!("{at}.gamma"), &mut self.gamma),
            Layer::conv(format!("{at}.conv_dw"), "", &mut self.conv_dw),
            Layer::layer_norm(format!("{at}.norm"), &mut self.norm),
            Layer::linear(format!("{at}.mlp.fc1"), &mut self.fc1),
            Layer::linear(format!("{at}.mlp.fc2"), &mut self.fc2),
        ]
    }
}

fn layer_norm(channels: usize, spec: &NetworkSpec, device: &Device) -> LayerNorm {
    LayerNormConfig::new(channels).with_epsilon(spec.epsilon()).init(device)
}

impl ConvNeXt {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let stride = |from, to, side| {
            let config = ConvNormConfig::dense(from, to, side).stride(side).unpadded();
            config.after(After::Bias).init(spec, device)
        };
        let mut channels_in = STAGES[0].0;
        let stages = STAGES.map(|(channels, depth)| {
            let from = std::mem::replace(&mut channels_in, channels);
            let downsample = (from != channels).then(|| (layer_norm(from, spec, device), stride(from, channels, 2)));
            Stage { downsample, blocks: (0..depth).map(|_| Block::init(channels, spec, device)).collect() }
        });
        Self {
            stem: stride(3, STAGES[0].0, 4),
            stem_norm: layer_norm(STAGES[0].0, spec, device),
            stages: stages.into(),
            head_norm: layer_norm(STAGES[3].0, spec, device),
        }
    }
}

impl<T: Flow> Backbone<T> for ConvNeXt {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let mut maps = tiles.conv(&self.stem, Act::None).layer_norm(&self.stem_norm);
        for Stage { downsample, blocks } in &self.stages {
            watch(&maps);
            if let Some((norm, conv)) = downsample {
                maps = maps.layer_norm(norm).conv(conv, Act::None);
            }
            maps = blocks.iter().fold(maps, |maps, block| block.forward(maps));
        }
        maps
    }

    fn pool(&self, maps: T) -> T {
        maps.global_mean().layer_norm(&self.head_norm)
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers =
            vec![Layer::conv("stem.0", "", &mut self.stem), Layer::layer_norm("stem.1", &mut self.stem_norm)];
        for (stage, Stage { downsample, blocks }) in self.stages.iter_mut().enumerate() {
            if let Some((norm, conv)) = downsample {
                layers.push(Layer::layer_norm(format!("stages.{stage}.downsample.0"), norm));
                layers.push(Layer::conv(format!("stages.{stage}.downsample.1"), "", conv));
            }
            for (at, block) in blocks.iter_mut().enumerate() {
                layers.extend(block.layers(&format!("stages.{stage}.blocks.{at}")));
            }
        }
        layers.push(Layer::layer_norm("head.norm", &mut self.head_norm));
        layers
    }
}
