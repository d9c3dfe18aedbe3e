//! Networks of inverted residual blocks: `MobileNetV2`, `MobileNetV3` (small) and `EfficientNet-B0`, of any width.
//!
//! They differ in a table of blocks and in how they end. The layer names are timm's.
//!
//! # Source
//! Sandler et al. 2018, arXiv:1801.04381, table 2; Howard et al. 2019, arXiv:1905.02244, table 2; Tan and Le 2019,
//! arXiv:1905.11946, table 1.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig};
use crate::nn::flow::Flow;
use crate::nn::inverted::{BlockPlan, InvertedResidual, Squeeze, round_channels};
use crate::nn::layers::Layer;
use crate::nn::registry::Architecture;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// A network of inverted residual blocks.
#[derive(Module, Debug)]
pub struct MobileNet {
    conv_stem: ConvNorm,
    stages: Vec<Vec<InvertedResidual>>,
    last: ConvNorm,
    /// Convolves the means once more.
    after_mean: Option<ConvNorm>,
    #[module(skip)]
    act: Act,
}

/// Blocks of one kind: stage, kernel, expansion, channels out, blocks, stride of the first, squeeze, activation.
type Row = (usize, usize, f64, usize, usize, usize, Squeeze, Act);

/// What sets one of these networks apart from another.
struct Plan {
    stem: usize,
    /// Activation of stem and end.
    act: Act,
    rows: &'static [Row],
    /// Channels of the convolution before the mean.
    last: usize,
    /// Channels of the convolution after the mean.
    after_mean: Option<usize>,
}

const PLAIN: (Squeeze, Act) = (Squeeze::None, Act::Relu6);
const MOBILENET_V2: Plan = Plan {
    stem: 32,
    act: Act::Relu6,
    rows: &[
        (0, 3, 1.0, 16, 1, 1, PLAIN.0, PLAIN.1),
        (1, 3, 6.0, 24, 2, 2, PLAIN.0, PLAIN.1),
        (2, 3, 6.0, 32, 3, 2, PLAIN.0, PLAIN.1),
        (3, 3, 6.0, 64, 4, 2, PLAIN.0, PLAIN.1),
        (4, 3, 6.0, 96, 3, 1, PLAIN.0, PLAIN.1),
        (5, 3, 6.0, 160, 3, 2, PLAIN.0, PLAIN.1),
        (6, 3, 6.0, 320, 1, 1, PLAIN.0, PLAIN.1),
    ],
    last: 1280,
    after_mean: None,
};
const MOBILENET_V3_SMALL: Plan = Plan {
    stem: 16,
    act: Act::HardSwish,
    rows: &[
        (0, 3, 1.0, 16, 1, 2, Squeeze::QuarterOfExpanded, Act::Relu),
        (1, 3, 4.5, 24, 1, 2, Squeeze::None, Act::Relu),
        (1, 3, 3.67, 24, 1, 1, Squeeze::None, Act::Relu),
        (2, 5, 4.0, 40, 1, 2, Squeeze::QuarterOfExpanded, Act::HardSwish),
        (2, 5, 6.0, 40, 2, 1, Squeeze::QuarterOfExpanded, Act::HardSwish),
        (3, 5, 3.0, 48, 2, 1, Squeeze::QuarterOfExpanded, Act::HardSwish),
        (4, 5, 6.0, 96, 3, 2, Squeeze::QuarterOfExpanded, Act::HardSwish),
    ],
    last: 576,
    after_mean: Some(1024),
};
const EFFICIENTNET_B0: Plan = Plan {
    stem: 32,
    act: Act::Silu,
    rows: &[
        (0, 3, 1.0, 16, 1, 1, Squeeze::QuarterOfInput, Act::Silu),
        (1, 3, 6.0, 24, 2, 2, Squeeze::QuarterOfInput, Act::Silu),
        (2, 5, 6.0, 40, 2, 2, Squeeze::QuarterOfInput, Act::Silu),
        (3, 3, 6.0, 80, 3, 2, Squeeze::QuarterOfInput, Act::Silu),
        (4, 5, 6.0, 112, 3, 1, Squeeze::QuarterOfInput, Act::Silu),
        (5, 5, 6.0, 192, 4, 2, Squeeze::QuarterOfInput, Act::Silu),
        (6, 3, 6.0, 320, 1, 1, Squeeze::QuarterOfInput, Act::Silu),
    ],
    last: 1280,
    after_mean: None,
};

impl Plan {
    fn of(spec: &NetworkSpec) -> &'static Self {
        match spec.architecture {
            Architecture::MobileNetV3Small => &MOBILENET_V3_SMALL,
            Architecture::EfficientNetB0 => &EFFICIENTNET_B0,
            _ => &MOBILENET_V2,
        }
    }

    /// Channels of the first convolution; timm keeps those of a `MobileNetV3` narrower than 0.75.
    fn stem(&self, spec: &NetworkSpec) -> usize {
        let narrow = spec.architecture == Architecture::MobileNetV3Small && spec.width() < 0.75;
        if narrow { self.stem } else { scaled(self.stem, spec) }
    }

    /// Channels of the convolution before the mean; the papers never make the features of `MobileNetV2` fewer.
    fn last(&self, spec: &NetworkSpec) -> usize {
        let scaled = scaled(self.last, spec);
        if spec.architecture == Architecture::MobileNetV2 { scaled.max(self.last) } else { scaled }
    }
}

fn scaled(channels: usize, spec: &NetworkSpec) -> usize {
    round_channels(channels as f64 * spec.width())
}

impl MobileNet {
    pub(super) fn feature_count(spec: &NetworkSpec) -> usize {
        let plan = Plan::of(spec);
        plan.after_mean.unwrap_or_else(|| plan.last(spec))
    }

    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let plan = Plan::of(spec);
        let stem = plan.stem(spec);
        let mut channels_in = stem;
        let mut stages: Vec<Vec<InvertedResidual>> = Vec::new();
        for &(stage, kernel, expansion, channels, depth, stride, squeeze, act) in plan.rows {
            stages.resize_with(stage + 1, Vec::new);
            for at in 0..depth {
                let channels_out = scaled(channels, spec);
                let plan = BlockPlan {
                    channels: [channels_in, channels_out],
                    expanded: round_channels(channels_in as f64 * expansion),
                    kernel,
                    stride: if at == 0 { stride } else { 1 },
                    squeeze,
                    act,
                };
                stages[stage].push(InvertedResidual::init(&plan, spec, device));
                channels_in = channels_out;
            }
        }
        let last = plan.last(spec);
        let after = |features| ConvNormConfig::dense(last, features, 1).after(After::Bias).init(spec, device);
        let conv_stem = ConvNormConfig::dense(3, stem, 3).stride(2).init(spec, device);
        Self {
            conv_stem,
            stages,
            last: ConvNormConfig::dense(channels_in, last, 1).init(spec, device),
            after_mean: plan.after_mean.map(after),
            act: plan.act,
        }
    }
}

impl<T: Flow> Backbone<T> for MobileNet {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let stem = tiles.conv(&self.conv_stem, self.act);
        let blocks = self.stages.iter().fold(stem, |maps, stage| {
            watch(&maps);
            stage.iter().fold(maps, |maps, block| block.forward(maps))
        });
        blocks.conv(&self.last, self.act)
    }

    fn pool(&self, maps: T) -> T {
        match &self.after_mean {
            Some(conv) => maps.global_mean_of_few().conv(conv, self.act),
            None => maps.global_mean(),
        }
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("conv_stem", "bn1", &mut self.conv_stem)];
        let after_blocks = self.stages.len();
        for (stage, blocks) in self.stages.iter_mut().enumerate() {
            for (at, block) in blocks.iter_mut().enumerate() {
                layers.extend(block.layers(&format!("blocks.{stage}.{at}")));
            }
        }
        match &mut self.after_mean {
            Some(conv) => {
                let at = format!("blocks.{after_blocks}.0");
                layers.push(Layer::conv(format!("{at}.conv"), format!("{at}.bn1"), &mut self.last));
                layers.push(Layer::conv("conv_head", "", conv));
            }
            None => layers.push(Layer::conv("conv_head", "bn2", &mut self.last)),
        }
        layers
    }
}
