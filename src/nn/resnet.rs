//! Residual networks: basic blocks (18 and 34 layers) and bottlenecks (50 layers), of any width.
//!
//! # Source
//! He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1; wider ones: Zagoruyko and
//! Komodakis 2016, arXiv:1605.07146. The layer names are timm's, which are also torchvision's.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{ConvNorm, ConvNormConfig};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::registry::Architecture;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// Channels of the four stages.
const STAGES: [usize; 4] = [64, 128, 256, 512];
/// How many times as many channels a bottleneck gives as its stage has.
const EXPANSION: usize = 4;

/// A residual network.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: ConvNorm,
    stages: Vec<Vec<Block>>,
}

/// Two 3x3 convolutions, or one between two 1x1, beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    convs: Vec<ConvNorm>,
    /// A 1x1 convolution where the shape changes.
    downsample: Option<ConvNorm>,
}

/// What sets one residual network apart from another.
struct Plan {
    depths: [usize; 4],
    bottleneck: bool,
    width: f64,
}

impl Plan {
    fn of(spec: &NetworkSpec) -> Self {
        let (depths, bottleneck) = match spec.architecture {
            Architecture::ResNet18 => ([2, 2, 2, 2], false),
            Architecture::ResNet50 => ([3, 4, 6, 3], true),
            _ => ([3, 4, 6, 3], false),
        };
        Self { depths, bottleneck, width: spec.width() }
    }

    /// A wide basic network is wide throughout; a wide bottleneck only inside, so that its features stay as many.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand channels at most")]
    fn inner(&self, stage: usize) -> usize {
        (stage as f64 * self.width).round() as usize
    }

    fn outer(&self, stage: usize) -> usize {
        if self.bottleneck { EXPANSION * stage } else { self.inner(stage) }
    }

    fn stem(&self) -> usize {
        if self.bottleneck { STAGES[0] } else { self.inner(STAGES[0]) }
    }
}

impl Block {
    fn init(channels_in: usize, stage: usize, stride: usize, plan: &Plan, spec: &NetworkSpec, device: &Device) -> Self {
        let (inner, outer) = (plan.inner(stage), plan.outer(stage));
        let convs = if plan.bottleneck {
            vec![
                ConvNormConfig::dense(channels_in, inner, 1),
                ConvNormConfig::dense(inner, inner, 3).stride(stride),
                ConvNormConfig::dense(inner, outer, 1),
            ]
        } else {
            vec![ConvNormConfig::dense(channels_in, inner, 3).stride(stride), ConvNormConfig::dense(inner, outer, 3)]
        };
        let changes = stride != 1 || channels_in != outer;
        Self {
            convs: convs.into_iter().map(|conv| conv.init(spec, device)).collect(),
            downsample: changes.then(|| ConvNormConfig::dense(channels_in, outer, 1).stride(stride).init(spec, device)),
        }
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        let shortcut = match &self.downsample {
            Some(downsample) => input.clone().conv(downsample, Act::None),
            None => input.clone(),
        };
        let last = self.convs.len() - 1;
        let inner = self.convs[..last].iter().fold(input, |maps, conv| maps.conv(conv, Act::Relu));
        inner.conv_onto(&self.convs[last], shortcut, Act::Relu)
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        let named = |(n, conv)| Layer::conv(format!("{at}.conv{n}"), format!("{at}.bn{n}"), conv);
        let mut layers: Vec<_> = (1..).zip(&mut self.convs).map(named).collect();
        if let Some(downsample) = &mut self.downsample {
            layers.push(Layer::conv(format!("{at}.downsample.0"), format!("{at}.downsample.1"), downsample));
        }
        layers
    }
}

impl ResNet {
    pub(super) fn feature_count(spec: &NetworkSpec) -> usize {
        Plan::of(spec).outer(STAGES[3])
    }

    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let plan = Plan::of(spec);
        let mut channels_in = plan.stem();
        let mut stage = |channels: usize, depth: usize| -> Vec<Block> {
            (0..depth)
                .map(|block| {
                    let stride = if block == 0 && channels != STAGES[0] { 2 } else { 1 };
                    let channels_in = std::mem::replace(&mut channels_in, plan.outer(channels));
                    Block::init(channels_in, channels, stride, &plan, spec, device)
                })
                .collect()
        };
        let stages = STAGES.into_iter().zip(plan.depths).map(|(channels, depth)| stage(channels, depth)).collect();
        Self { conv1: ConvNormConfig::dense(3, plan.stem(), 7).stride(2).init(spec, device), stages }
    }
}

impl<T: Flow> Backbone<T> for ResNet {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let stem = tiles.conv(&self.conv1, Act::Relu).max_pool(3, 2, 1);
        self.stages.iter().fold(stem, |maps, stage| {
            watch(&maps);
            stage.iter().fold(maps, |maps, block| block.forward(maps))
        })
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("conv1", "bn1", &mut self.conv1)];
        for (stage, blocks) in (1..).zip(&mut self.stages) {
            for (at, block) in blocks.iter_mut().enumerate() {
                layers.extend(block.layers(&format!("layer{stage}.{at}")));
            }
        }
        layers
    }
}
