//! `MobileNetV2` at width 1.0.
//!
//! # Source
//! Sandler et al. 2018, "`MobileNetV2`: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2; the layer
//! names are those of timm's `mobilenetv2_100`.

use crate::nn::blocks::{ConvNorm, ConvNormConfig, relu6};
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

/// The paper's table 2: expansion, channels out, blocks, stride of the first block.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
/// Channels after the first convolution.
const STEM: usize = 32;

/// `MobileNetV2` at width 1.0.
#[derive(Module, Debug)]
pub struct MobileNetV2 {
    conv_stem: ConvNorm,
    stages: Vec<Vec<InvertedResidual>>,
    conv_head: ConvNorm,
    classifier: Linear,
}

/// Expand with 1x1, filter each channel, project with 1x1; the last has no activation.
#[derive(Module, Debug)]
struct InvertedResidual {
    /// Absent in the first stage, which does not expand.
    expand: Option<ConvNorm>,
    depthwise: ConvNorm,
    project: ConvNorm,
    /// Whether the input is added to the output.
    residual: bool,
}

impl InvertedResidual {
    fn init(
        channels: [usize; 2],
        expansion: usize,
        stride: usize,
        spec: &NetworkSpec,
        device: &Device,
    ) -> InvertedResidual {
        let [channels_in, channels_out] = channels;
        let inner = channels_in * expansion;
        Self {
            expand: (expansion != 1).then(|| ConvNormConfig::dense(channels_in, inner, 1).init(spec, device)),
            depthwise: ConvNormConfig::depthwise(inner).stride(stride).init(spec, device),
            project: ConvNormConfig::dense(inner, channels_out, 1).init(spec, device),
            residual: stride == 1 && channels_in == channels_out,
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let shortcut = self.residual.then(|| input.clone());
        let expanded = match &self.expand {
            Some(expand) => relu6(expand.forward(input)),
            None => input,
        };
        let output = self.project.forward(relu6(self.depthwise.forward(expanded)));
        match shortcut {
            Some(shortcut) => output + shortcut,
            None => output,
        }
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        let named = |conv: &str, norm: &str| (format!("{at}.{conv}"), format!("{at}.{norm}"));
        // timm calls the last 1x1 `conv_pw` in a block that does not expand, and the first one so in a block that does.
        let names = match self.expand {
            Some(_) => [named("conv_pw", "bn1"), named("conv_dw", "bn2"), named("conv_pwl", "bn3")].to_vec(),
            None => [named("conv_dw", "bn1"), named("conv_pw", "bn2")].to_vec(),
        };
        let parts = self.expand.iter_mut().chain([&mut self.depthwise, &mut self.project]);
        names.into_iter().zip(parts).map(|((conv, norm), part)| Layer::conv(conv, norm, part)).collect()
    }
}

impl MobileNetV2 {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let features = spec.architecture.features();
        let mut channels_in = STEM;
        let mut stage = |(expansion, channels_out, depth, stride): (usize, usize, usize, usize)| -> Vec<_> {
            (0..depth)
                .map(|block| {
                    let channels = [std::mem::replace(&mut channels_in, channels_out), channels_out];
                    InvertedResidual::init(channels, expansion, if block == 0 { stride } else { 1 }, spec, device)
                })
                .collect()
        };
        let stages: Vec<Vec<InvertedResidual>> = STAGES.into_iter().map(&mut stage).collect();
        Self {
            conv_stem: ConvNormConfig::dense(3, STEM, 3).stride(2).init(spec, device),
            stages,
            conv_head: ConvNormConfig::dense(channels_in, features, 1).init(spec, device),
            classifier: LinearConfig::new(features, spec.classes).init(device),
        }
    }

    /// `[N, 3, H, W]` to `[N, 1280, H/32, W/32]`.
    pub(super) fn trunk(&self, input: Tensor<4>) -> Tensor<4> {
        let stem = relu6(self.conv_stem.forward(input));
        let blocks = self.stages.iter().flatten().fold(stem, |x, block| block.forward(x));
        relu6(self.conv_head.forward(blocks))
    }

    pub(super) fn head(&self) -> &Linear {
        &self.classifier
    }

    pub(super) fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("conv_stem", "bn1", &mut self.conv_stem)];
        for (stage, blocks) in self.stages.iter_mut().enumerate() {
            for (at, block) in blocks.iter_mut().enumerate() {
                layers.extend(block.layers(&format!("blocks.{stage}.{at}")));
            }
        }
        layers.push(Layer::conv("conv_head", "bn2", &mut self.conv_head));
        layers.push(Layer::linear("classifier", &mut self.classifier));
        layers
    }
}
