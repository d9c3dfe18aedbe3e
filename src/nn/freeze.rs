//! Which layers of a network a training changes.
//!
//! A layer that is frozen gets no gradient, and its normalisation uses what it has gathered and gathers no more. Gradients
//! are not computed for layers in front of the first one that changes, so a frozen start costs a forward pass only.

use crate::nn::layers::{Layer, Part};
use crate::nn::network::Network;
use burn::module::Module;

/// The part of a network that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trainable {
    /// Every layer.
    All,
    /// The last layer and so many stages in front of it. A stage is what the names of its layers have in common up to
    /// their first number, such as `blocks.6` or `layer4`.
    Stages(usize),
}

impl Network {
    /// Freezes all layers but some.
    #[must_use]
    pub fn freeze_but(mut self, trainable: Trainable) -> Self {
        let Trainable::Stages(count) = trainable else { return self };
        let mut layers = self.layers();
        let mut stages: Vec<&str> =
            layers.iter().filter(|layer| !layer.is_head).map(|layer| stage(&layer.name)).collect();
        stages.dedup();
        let kept: Vec<String> = stages.into_iter().rev().take(count).map(str::to_owned).collect();
        for layer in &mut layers {
            if !layer.is_head && !kept.iter().any(|kept| kept == stage(&layer.name)) {
                layer.freeze();
            }
        }
        drop(layers);
        self
    }
}

impl Layer<'_> {
    fn freeze(&mut self) {
        match &mut self.part {
            Part::Conv(part) => **part = part.clone().freeze(),
            Part::Norm(part) => **part = part.clone().freeze(),
            Part::Linear(part) => **part = part.clone().freeze(),
            Part::LayerNorm(part) => **part = part.clone().freeze(),
            Part::Vector(part) => **part = part.clone().set_require_grad(false),
            Part::Tokens(part) => **part = part.clone().set_require_grad(false),
        }
    }
}

/// A layer's name up to its first number.
fn stage(name: &str) -> &str {
    let digit = name.find(|sign: char| sign.is_ascii_digit()).unwrap_or(name.len());
    let end = name[digit..].find(|sign: char| !sign.is_ascii_digit()).map_or(name.len(), |length| digit + length);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::registry::Architecture;
    use crate::nn::spec::NetworkSpec;
    use burn::module::{ModuleVisitor, Param};
    use burn::tensor::{Device, Tensor};

    #[derive(Default)]
    struct Changing(usize, usize);

    impl ModuleVisitor for Changing {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1 += 1;
            self.0 += usize::from(param.val().is_require_grad());
        }
    }

    #[test]
    fn a_stage_is_a_name_up_to_its_number() {
        for (name, expected) in [
            ("blocks.6.0.conv", "blocks.6"),
            ("layer4.1.conv2", "layer4"),
            ("features.denseblock4.denselayer16.norm1", "features.denseblock4"),
            ("conv_head", "conv_head"),
            ("features.12.squeeze", "features.12"),
        ] {
            assert_eq!(stage(name), expected);
        }
    }

    #[test]
    fn only_the_last_stages_and_the_last_layer_change() {
        let device = Device::flex().autodiff();
        let changing = |trainable| {
            let network = NetworkSpec::torch(Architecture::MobileNetV2, 2).init(&device).unwrap().freeze_but(trainable);
            let mut count = Changing::default();
            network.visit(&mut count);
            count
        };
        let (all, last) = (changing(Trainable::All), changing(Trainable::Stages(2)));
        assert_eq!(all.1, last.1);
        // conv_head with its normalisation, blocks.6 with three convolutions and theirs, weight and bias of the last layer.
        assert_eq!(last.0, 3 + 9 + 2);
        assert_eq!(changing(Trainable::Stages(0)).0, 2);
        assert!(all.0 > 100, "{}", all.0);
    }
}
