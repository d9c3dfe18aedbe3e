//! Residual networks of basic blocks (18 and 34 layers).
//!
//! # Source
//! He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1; the layer names are timm's,
//! which are also torchvision's.

use crate::nn::blocks::{ConvNorm, ConvNormConfig};
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Channels of the four stages.
const STAGES: [usize; 4] = [64, 128, 256, 512];

/// A residual network of basic blocks.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: ConvNorm,
    maxpool: MaxPool2d,
    stages: Vec<Vec<BasicBlock>>,
    fc: Linear,
}

/// Two 3x3 convolutions beside a shortcut.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: ConvNorm,
    conv2: ConvNorm,
    /// A 1x1 convolution where the shape changes.
    downsample: Option<ConvNorm>,
}

impl BasicBlock {
    fn init(channels: [usize; 2], stride: usize, spec: &NetworkSpec, device: &Device) -> Self {
        let [channels_in, channels_out] = channels;
        let changes = stride != 1 || channels_in != channels_out;
        Self {
            conv1: ConvNormConfig::dense(channels_in, channels_out, 3).stride(stride).init(spec, device),
            conv2: ConvNormConfig::dense(channels_out, channels_out, 3).init(spec, device),
            downsample: changes
                .then(|| ConvNormConfig::dense(channels_in, channels_out, 1).stride(stride).init(spec, device)),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(downsample) => downsample.forward(input.clone()),
            None => input.clone(),
        };
        let inner = relu(self.conv1.forward(input));
        relu(self.conv2.forward(inner) + shortcut)
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        let mut layers = vec![
            Layer::conv(format!("{at}.conv1"), format!("{at}.bn1"), &mut self.conv1),
            Layer::conv(format!("{at}.conv2"), format!("{at}.bn2"), &mut self.conv2),
        ];
        if let Some(downsample) = &mut self.downsample {
            layers.push(Layer::conv(format!("{at}.downsample.0"), format!("{at}.downsample.1"), downsample));
        }
        layers
    }
}

impl ResNet {
    /// Builds a network with `depths[i]` blocks in stage `i`.
    pub(super) fn init(depths: [usize; 4], spec: &NetworkSpec, device: &Device) -> Self {
        let mut channels_in = STAGES[0];
        let mut stage = |channels_out: usize, depth: usize| -> Vec<BasicBlock> {
            (0..depth)
                .map(|block| {
                    let halves = block == 0 && channels_out != STAGES[0];
                    let channels = [std::mem::replace(&mut channels_in, channels_out), channels_out];
                    BasicBlock::init(channels, if halves { 2 } else { 1 }, spec, device)
                })
                .collect()
        };
        Self {
            conv1: ConvNormConfig::dense(3, STAGES[0], 7).stride(2).init(spec, device),
            maxpool: MaxPool2dConfig::new([3, 3])
                .with_strides([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(),
            stages: STAGES.into_iter().zip(depths).map(|(channels, depth)| stage(channels, depth)).collect(),
            fc: LinearConfig::new(spec.architecture.features(), spec.classes).init(device),
        }
    }

    /// `[N, 3, H, W]` to `[N, 512, H/32, W/32]`.
    pub(super) fn trunk(&self, input: Tensor<4>) -> Tensor<4> {
        let stem = self.maxpool.forward(relu(self.conv1.forward(input)));
        self.stages.iter().flatten().fold(stem, |x, block| block.forward(x))
    }

    pub(super) fn head(&self) -> &Linear {
        &self.fc
    }

    pub(super) fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("conv1", "bn1", &mut self.conv1)];
        for (stage, blocks) in (1..).zip(&mut self.stages) {
            for (at, block) in blocks.iter_mut().enumerate() {
                layers.extend(block.layers(&format!("layer{stage}.{at}")));
            }
        }
        layers.push(Layer::linear("fc", &mut self.fc));
        layers
    }
}
