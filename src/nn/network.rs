//! Any network behind one type: tiles in, logits or features out.

use crate::error::Result;
use crate::nn::fold::fold;
use crate::nn::layers::Layer;
use crate::nn::mobilenet::MobileNetV2;
use crate::nn::resnet::ResNet;
use crate::nn::spec::{Architecture, NetworkSpec};
use crate::nn::weights::{Head, load, save};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::module::{adaptive_avg_pool2d, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

/// A network of any architecture.
///
/// On a device with autodiff, batch normalisation uses the statistics of the batch and changes its own; for inference use
/// a plain device, or the network that `valid()` gives.
#[derive(Module, Debug)]
pub struct Network {
    #[module(skip)]
    spec: NetworkSpec,
    body: Body,
}

#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value per process")]
enum Body {
    ResNet(ResNet),
    MobileNetV2(MobileNetV2),
}

impl Network {
    pub(super) fn init(spec: NetworkSpec, device: &Device) -> Self {
        let body = match spec.architecture {
            Architecture::ResNet18 => Body::ResNet(ResNet::init([2, 2, 2, 2], &spec, device)),
            Architecture::ResNet34 => Body::ResNet(ResNet::init([3, 4, 6, 3], &spec, device)),
            Architecture::MobileNetV2 => Body::MobileNetV2(MobileNetV2::init(&spec, device)),
        };
        Self { spec, body }
    }

    /// What it was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Scores tiles.
    ///
    /// # Shapes
    /// `[N, 3, H, W]` normalised RGB to logits `[N, K]`.
    pub fn forward(&self, tiles: Tensor<4>) -> Tensor<2> {
        self.classify(self.features(tiles))
    }

    /// Describes tiles by what the last layer would get.
    ///
    /// # Shapes
    /// `[N, 3, H, W]` normalised RGB to features `[N, D]`, `D` as in [`Architecture::features`].
    pub fn features(&self, tiles: Tensor<4>) -> Tensor<2> {
        let maps = match &self.body {
            Body::ResNet(network) => network.trunk(tiles),
            Body::MobileNetV2(network) => network.trunk(tiles),
        };
        adaptive_avg_pool2d(maps, [1, 1]).flatten(1, 3)
    }

    /// Scores features.
    ///
    /// # Shapes
    /// `[N, D]` to logits `[N, K]`.
    pub fn classify(&self, features: Tensor<2>) -> Tensor<2> {
        let head = self.head();
        if features.device() == Device::flex() { head.forward(features) } else { product_apart(head, features) }
    }

    fn head(&self) -> &Linear {
        match &self.body {
            Body::ResNet(network) => network.head(),
            Body::MobileNetV2(network) => network.head(),
        }
    }

    /// Folds batch normalisation into the convolutions; the same results with fewer passes over memory. Nothing changes
    /// when there is none.
    ///
    /// # Errors
    /// As [`save`]; and `MOD-0103` when the running statistics are no longer finite.
    pub fn fold(self) -> Result<Self> {
        if !self.spec.batch_norm {
            return Ok(self);
        }
        let device = self.devices().into_iter().next().unwrap_or_else(Device::flex);
        let weights = fold(&self.spec, &save(&self)?)?;
        load(self.spec.folded().init(&device)?, &weights, Head::FromFile)
    }

    /// The layers that own weights, in network order, with timm's names.
    pub(super) fn layers(&mut self) -> Vec<Layer<'_>> {
        match &mut self.body {
            Body::ResNet(network) => network.layers(),
            Body::MobileNetV2(network) => network.layers(),
        }
    }
}

/// A linear layer whose matrix product is written as a 1x1 convolution.
///
/// On GPUs burn 0.22.1 merges a matrix product with the sum that follows it, and may then run a kernel that is not made
/// for its shape (burn issue 5122): the bias comes out alone, with no error. A convolution is never merged.
///
/// # Shapes
/// `[N, D]` to `[N, K]`.
fn product_apart(layer: &Linear, input: Tensor<2>) -> Tensor<2> {
    let ([n, d], [_, k]) = (input.dims(), layer.weight.lazy_shape().dims());
    let kernel = layer.weight.val().transpose().reshape([k, d, 1, 1]);
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    let output = conv2d(input.reshape([n, d, 1, 1]), kernel, None, options).reshape([n, k]);
    match &layer.bias {
        Some(bias) => output + bias.val().unsqueeze(),
        None => output,
    }
}
