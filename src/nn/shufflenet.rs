//! `ShuffleNetV2` at width 1.0: half of the channels pass a unit untouched, then both halves are shuffled.
//!
//! # Source
//! Ma et al. 2018, "`ShuffleNet` V2", arXiv:1807.11164, table 5 and figure 3; the layer names are torchvision's.

use crate::cpu::Act;
use crate::nn::backbone::Backbone;
use crate::nn::blocks::{ConvNorm, ConvNormConfig};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// Channels after the first convolution.
const STEM: usize = 24;
/// Channels and units of the three stages.
const STAGES: [(usize, usize); 3] = [(116, 4), (232, 8), (464, 4)];
/// Channels of the last convolution.
const LAST: usize = 1024;

/// A network of split and shuffled channels.
#[derive(Module, Debug)]
pub struct ShuffleNetV2 {
    conv1: ConvNorm,
    stages: Vec<Vec<Unit>>,
    conv5: ConvNorm,
}

/// Filters half of the channels, or, where sides are halved, all of them in two branches.
#[derive(Module, Debug)]
struct Unit {
    branch1: Option<[ConvNorm; 2]>,
    branch2: [ConvNorm; 3],
}

impl Unit {
    fn init(channels_in: usize, channels: usize, spec: &NetworkSpec, device: &Device) -> Self {
        let halves = channels_in != channels;
        let (stride, half) = (if halves { 2 } else { 1 }, channels / 2);
        let entry = if halves { channels_in } else { half };
        let init = |config: ConvNormConfig| config.init(spec, device);
        let filter = |channels| init(ConvNormConfig::depthwise(channels, 3).stride(stride));
        let point = |from| init(ConvNormConfig::dense(from, half, 1));
        Self {
            branch1: halves.then(|| [filter(channels_in), point(channels_in)]),
            branch2: [point(entry), filter(half), point(half)],
        }
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        let (kept, filtered) = if let Some([filter, point]) = &self.branch1 {
            (input.clone().conv(filter, Act::None).conv(point, Act::Relu), input)
        } else {
            let half = input.channels() / 2;
            (input.clone().part(0, half), input.part(half, half))
        };
        let [first, filter, last] = &self.branch2;
        let filtered = filtered.conv(first, Act::Relu).conv(filter, Act::None).conv(last, Act::Relu);
        T::join(vec![kept, filtered]).shuffle()
    }

    fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        // Numbers 2 and 7 of branch 2, and 4 of branch 1, are activations.
        let named = |(part, conv): (&str, _), first: usize| {
            Layer::conv(format!("{at}.{part}.{first}"), format!("{at}.{part}.{}", first + 1), conv)
        };
        let mut layers = Vec::new();
        for (conv, first) in self.branch1.iter_mut().flatten().zip([0, 2]) {
            layers.push(named(("branch1", conv), first));
        }
        for (conv, first) in self.branch2.iter_mut().zip([0, 3, 5]) {
            layers.push(named(("branch2", conv), first));
        }
        layers
    }
}

impl ShuffleNetV2 {
    pub(super) fn init(spec: &NetworkSpec, device: &Device) -> Self {
        let mut channels_in = STEM;
        let mut unit = |channels| Unit::init(std::mem::replace(&mut channels_in, channels), channels, spec, device);
        let stages = STAGES.map(|(channels, units)| (0..units).map(|_| unit(channels)).collect());
        Self {
            conv1: ConvNormConfig::dense(3, STEM, 3).stride(2).init(spec, device),
            stages: stages.into(),
            conv5: ConvNormConfig::dense(STAGES[2].0, LAST, 1).init(spec, device),
        }
    }
}

impl<T: Flow> Backbone<T> for ShuffleNetV2 {
    fn watched_maps(&self, tiles: T, watch: &mut dyn FnMut(&T)) -> T {
        let stem = tiles.conv(&self.conv1, Act::Relu).max_pool(3, 2, 1);
        let units = self.stages.iter().fold(stem, |maps, stage| {
            watch(&maps);
            stage.iter().fold(maps, |maps, unit| unit.forward(maps))
        });
        units.conv(&self.conv5, Act::Relu)
    }

    fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = vec![Layer::conv("conv1.0", "conv1.1", &mut self.conv1)];
        for (stage, units) in (2..).zip(&mut self.stages) {
            for (at, unit) in units.iter_mut().enumerate() {
                layers.extend(unit.layers(&format!("stage{stage}.{at}")));
            }
        }
        layers.push(Layer::conv("conv5.0", "conv5.1", &mut self.conv5));
        layers
    }
}
