//! The block of mobile networks: expand with 1x1, filter each channel, weigh the channels, project with 1x1.
//!
//! # Source
//! Sandler et al. 2018, arXiv:1801.04381, section 3; squeeze and excitation: Hu et al. 2017, arXiv:1709.01507.

use crate::cpu::Act;
use crate::nn::blocks::{After, ConvNorm, ConvNormConfig};
use crate::nn::flow::Flow;
use crate::nn::layers::Layer;
use crate::nn::spec::NetworkSpec;
use burn::module::Module;
use burn::tensor::Device;

/// How a block's channels are weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Squeeze {
    /// Not at all.
    None,
    /// Through a quarter of the block's input channels, weighed by a sigmoid.
    QuarterOfInput,
    /// Through a quarter of the expanded channels, rounded to a multiple of 8, weighed by a piecewise linear sigmoid.
    QuarterOfExpanded,
}

/// The shape of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockPlan {
    pub channels: [usize; 2],
    pub expanded: usize,
    pub kernel: usize,
    pub stride: usize,
    pub squeeze: Squeeze,
    pub act: Act,
}

/// An inverted residual block.
#[derive(Module, Debug)]
pub(super) struct InvertedResidual {
    /// Absent where nothing is expanded.
    expand: Option<ConvNorm>,
    depthwise: ConvNorm,
    excite: Option<Excite>,
    project: ConvNorm,
    /// Whether the input is added to the output.
    residual: bool,
    #[module(skip)]
    act: Act,
}

/// Squeeze and excitation: the means of all channels decide the weight of each.
#[derive(Module, Debug)]
struct Excite {
    reduce: ConvNorm,
    expand: ConvNorm,
    #[module(skip)]
    act: Act,
    /// What makes the weights.
    #[module(skip)]
    gate: Act,
}

impl Excite {
    fn init(plan: &BlockPlan, spec: &NetworkSpec, device: &Device) -> Option<Self> {
        let (inner, act, gate) = match plan.squeeze {
            Squeeze::None => return None,
            Squeeze::QuarterOfInput => (plan.channels[0] / 4, plan.act, Act::Sigmoid),
            Squeeze::QuarterOfExpanded => (round_channels(plan.expanded as f64 / 4.0), Act::Relu, Act::HardSigmoid),
        };
        let conv = |from, to| ConvNormConfig::dense(from, to, 1).after(After::Bias).init(spec, device);
        Some(Self { reduce: conv(plan.expanded, inner), expand: conv(inner, plan.expanded), act, gate })
    }

    fn forward<T: Flow>(&self, input: T) -> T {
        let weights = input.clone().global_mean().conv(&self.reduce, self.act).conv(&self.expand, self.gate);
        input.weigh(weights)
    }
}

impl InvertedResidual {
    pub fn init(plan: &BlockPlan, spec: &NetworkSpec, device: &Device) -> Self {
        let BlockPlan { channels: [channels_in, channels_out], expanded, .. } = *plan;
        Self {
            expand: (expanded != channels_in)
                .then(|| ConvNormConfig::dense(channels_in, expanded, 1).init(spec, device)),
            depthwise: ConvNormConfig::depthwise(expanded, plan.kernel).stride(plan.stride).init(spec, device),
            excite: Excite::init(plan, spec, device),
            project: ConvNormConfig::dense(expanded, channels_out, 1).init(spec, device),
            residual: plan.stride == 1 && channels_in == channels_out,
            act: plan.act,
        }
    }

    pub fn forward<T: Flow>(&self, input: T) -> T {
        let shortcut = self.residual.then(|| input.clone());
        let expanded = match &self.expand {
            Some(expand) => input.conv(expand, self.act),
            None => input,
        };
        let filtered = expanded.conv(&self.depthwise, self.act);
        let weighed = match &self.excite {
            Some(excite) => excite.forward(filtered),
            None => filtered,
        };
        match shortcut {
            Some(shortcut) => weighed.conv_onto(&self.project, shortcut, Act::None),
            None => weighed.conv(&self.project, Act::None),
        }
    }

    pub fn layers(&mut self, at: &str) -> Vec<Layer<'_>> {
        let named = |conv: &str, norm: &str| (format!("{at}.{conv}"), format!("{at}.{norm}"));
        // timm calls the last 1x1 `conv_pw` in a block that does not expand, and the first one so in a block that does.
        let names = match self.expand {
            Some(_) => vec![named("conv_pw", "bn1"), named("conv_dw", "bn2"), named("conv_pwl", "bn3")],
            None => vec![named("conv_dw", "bn1"), named("conv_pw", "bn2")],
        };
        let parts = self.expand.iter_mut().chain([&mut self.depthwise, &mut self.project]);
        let mut layers: Vec<_> =
            names.into_iter().zip(parts).map(|((conv, norm), part)| Layer::conv(conv, norm, part)).collect();
        if let Some(Excite { reduce, expand, .. }) = &mut self.excite {
            let last = layers.len() - 1;
            layers.insert(last, Layer::conv(format!("{at}.se.conv_reduce"), "", reduce));
            layers.insert(last + 1, Layer::conv(format!("{at}.se.conv_expand"), "", expand));
        }
        layers
    }
}

/// The nearest multiple of 8 that takes away no more than a tenth.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand channels at most")]
pub(super) fn round_channels(channels: f64) -> usize {
    let nearest = (((channels + 4.0) / 8.0).floor() * 8.0).max(8.0);
    (if nearest < 0.9 * channels { nearest + 8.0 } else { nearest }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_rounded_as_the_papers_do() {
        let found = [60.0, 88.08, 4.0, 36.0, 11.0, 24.0].map(round_channels);
        assert_eq!(found, [64, 88, 8, 40, 16, 24]);
    }
}
