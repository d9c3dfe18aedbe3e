//! Any network behind one type: tiles in, logits or features out.

use crate::cpu::Graph;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::backbone::Backbone;
use crate::nn::convnext::ConvNeXt;
use crate::nn::dense::Dense;
use crate::nn::densenet::DenseNet;
use crate::nn::flow::Flow;
use crate::nn::fold::fold;
use crate::nn::inception::InceptionV4;
use crate::nn::layers::{Layer, Part};
use crate::nn::mobilenet::MobileNet;
use crate::nn::pool::mean_of_places;
use crate::nn::preact::PreActResNet;
use crate::nn::registry::Architecture;
use crate::nn::resnet::ResNet;
use crate::nn::shufflenet::ShuffleNetV2;
use crate::nn::spec::NetworkSpec;
use crate::nn::squeezenet::SqueezeNet;
use crate::nn::trace::{Trace, Writer};
use crate::nn::vit::VisionTransformer;
use crate::nn::weights::{Head, load, save};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor};

/// A network of any architecture.
///
/// On a device with autodiff, batch normalisation uses the statistics of the batch and changes its own; for inference use
/// a plain device, or the network that `valid()` gives.
#[derive(Module, Debug)]
pub struct Network {
    #[module(skip)]
    spec: NetworkSpec,
    body: Body,
    /// The last layer; none in a network without classes and where the body itself ends in logits.
    head: Option<Dense>,
}

#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "one value per process")]
enum Body {
    ResNet(ResNet),
    PreAct(PreActResNet),
    MobileNet(MobileNet),
    DenseNet(DenseNet),
    SqueezeNet(SqueezeNet),
    ShuffleNetV2(ShuffleNetV2),
    InceptionV4(InceptionV4),
    ConvNeXt(ConvNeXt),
    Vit(VisionTransformer),
}

/// What to make of the network inside, shared or not, and what of a transformer.
macro_rules! backbone_of {
    ($body:expr, $network:ident => $made:expr, $transformer:pat => $otherwise:expr) => {
        match $body {
            Body::ResNet($network) => $made,
            Body::PreAct($network) => $made,
            Body::MobileNet($network) => $made,
            Body::DenseNet($network) => $made,
            Body::SqueezeNet($network) => $made,
            Body::ShuffleNetV2($network) => $made,
            Body::InceptionV4($network) => $made,
            Body::ConvNeXt($network) => $made,
            Body::Vit($transformer) => $otherwise,
        }
    };
}

impl Body {
    fn init(spec: &NetworkSpec, device: &Device) -> Self {
        match spec.architecture {
            Architecture::ResNet18 | Architecture::ResNet34 | Architecture::ResNet50 => {
                Self::ResNet(ResNet::init(spec, device))
            }
            Architecture::PreActResNet34 => Self::PreAct(PreActResNet::init(spec, device)),
            Architecture::MobileNetV2 | Architecture::MobileNetV3Small | Architecture::EfficientNetB0 => {
                Self::MobileNet(MobileNet::init(spec, device))
            }
            Architecture::DenseNet121 => Self::DenseNet(DenseNet::init(spec, device)),
            Architecture::SqueezeNet => Self::SqueezeNet(SqueezeNet::init(spec, device)),
            Architecture::ShuffleNetV2 => Self::ShuffleNetV2(ShuffleNetV2::init(spec, device)),
            Architecture::InceptionV4 => Self::InceptionV4(InceptionV4::init(spec, device)),
            Architecture::ConvNeXtTiny => Self::ConvNeXt(ConvNeXt::init(spec, device)),
            Architecture::VitSmall16
            | Architecture::VitBase16
            | Architecture::VitLarge16
            | Architecture::Virchow2
            | Architecture::HOptimus
            | Architecture::Vit => Self::Vit(VisionTransformer::init(spec, device)),
        }
    }

    fn backbone(&self) -> &dyn Backbone<Tensor<4>> {
        backbone_of!(self, network => network, transformer => transformer)
    }

    fn backbone_mut(&mut self) -> &mut dyn Backbone<Tensor<4>> {
        backbone_of!(self, network => network, transformer => transformer)
    }

    /// The backbone for what is no tensor; none of a transformer.
    fn convolutional<T: Flow>(&self) -> Option<&dyn Backbone<T>> {
        backbone_of!(self, network => Some(network), _ => None)
    }
}

impl Network {
    pub(super) fn init(spec: NetworkSpec, device: &Device) -> Self {
        let head = spec.linear_head().map(|_| Dense::init(spec.features(), spec.classes, device));
        Self { spec, body: Body::init(&spec, device), head }
    }

    /// `D` of a network that is not built.
    pub(super) fn feature_count(spec: &NetworkSpec) -> usize {
        match spec.architecture {
            Architecture::ResNet18 | Architecture::ResNet34 | Architecture::ResNet50 => ResNet::feature_count(spec),
            Architecture::MobileNetV2 | Architecture::MobileNetV3Small | Architecture::EfficientNetB0 => {
                MobileNet::feature_count(spec)
            }
            Architecture::PreActResNet34 | Architecture::SqueezeNet => 512,
            Architecture::DenseNet121 | Architecture::ShuffleNetV2 => 1024,
            Architecture::InceptionV4 => 1536,
            Architecture::ConvNeXtTiny => 768,
            Architecture::VitSmall16
            | Architecture::VitBase16
            | Architecture::VitLarge16
            | Architecture::Virchow2
            | Architecture::HOptimus
            | Architecture::Vit => spec.vit().map_or(0, |shape| shape.features()),
        }
    }

    /// What it was built from.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// Scores tiles; a network without classes describes them.
    ///
    /// # Shapes
    /// `[N, 3, H, W]` normalised RGB to logits `[N, K]`, or to features `[N, D]` without classes.
    pub fn forward(&self, tiles: Tensor<4>) -> Tensor<2> {
        self.finish(self.body.backbone().maps(tiles))
    }

    /// Describes tiles by what the last layer would get.
    ///
    /// # Shapes
    /// `[N, 3, H, W]` normalised RGB to features `[N, D]`, `D` as in [`NetworkSpec::features`].
    pub fn features(&self, tiles: Tensor<4>) -> Tensor<2> {
        let backbone = self.body.backbone();
        backbone.pool(backbone.maps(tiles)).flatten(1, 3)
    }

    /// Scores tiles and says how they look on the way there, in one pass: the means over all places of the maps that enter
    /// the first three quarters of the stages. What the last layer gets would not do: a trained network keeps there what
    /// tells its classes apart, and little of how unusual a tile is.
    ///
    /// # Shapes
    /// `[N, 3, H, W]` normalised RGB to what [`Self::forward`] gives, and looks `[N, D]` f32.
    pub fn forward_and_looks(&self, tiles: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let mut looks = Vec::new();
        let maps = self.body.backbone().watched_maps(tiles, &mut |maps| looks.push(mean_of_places(maps)));
        looks.truncate(looked_at(looks.len()));
        (self.finish(maps), Tensor::cat(looks, 1))
    }

    /// The first part of [`Self::forward`]: the last maps in which a place is still a place in the tile.
    ///
    /// # Shapes
    /// `[N, 3, H, W]` normalised RGB to `[N, C, h, w]`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] (`MOD-0210`) for a transformer: it reads its answer from one token, which has no place.
    pub fn maps(&self, tiles: Tensor<4>) -> Result<Tensor<4>> {
        if self.spec.architecture.is_transformer() {
            let message = format!("expected a convolutional network, found {}", self.spec.architecture);
            return Err(Error::new(ErrorKind::Unsupported, "MOD-0210", message));
        }
        Ok(self.body.backbone().maps(tiles))
    }

    /// The second part of [`Self::forward`]; on a device with autodiff, gradients reach the maps.
    ///
    /// # Shapes
    /// `[N, C, h, w]` of [`Self::maps`] to what [`Self::forward`] gives.
    pub fn finish(&self, maps: Tensor<4>) -> Tensor<2> {
        let backbone = self.body.backbone();
        match &self.head {
            Some(head) => head.forward(backbone.pool(maps).flatten(1, 3)),
            None => backbone.outputs(maps).flatten(1, 3),
        }
    }

    /// What [`Self::forward`] computes at inference, and [`Self::forward_and_looks`] where `looks` are asked for, as a graph
    /// for the [CPU engine](crate::cpu), weights included; none of a transformer. It is the same whether the network is
    /// folded or not.
    ///
    /// # Shapes
    /// A tile `[N, 3, H, W]`, normalised RGB, to logits `[N, K, 1, 1]`, or features `[N, D, 1, 1]` without classes; then,
    /// where they are asked for, the looks, `[N, C, 1, 1]` of each stage in network order, which joined by channel are those
    /// of [`Self::forward_and_looks`].
    ///
    /// # Errors
    /// [`ErrorKind::Device`] (`DEV-0110`) when the device cannot give the weights; `MOD-0103` when the running statistics of
    /// a batch normalisation are no longer finite.
    pub fn graph(&self, looks: bool) -> Result<Option<Graph>> {
        let Some(backbone) = self.body.convolutional::<Trace>() else { return Ok(None) };
        let (writer, tile) = Writer::start(self.spec.epsilon());
        let (mut watched, mut means) = (Vec::new(), Vec::new());
        let maps = backbone.watched_maps(tile, &mut |maps| {
            watched.push(maps.clone());
            // As soon as it is known that a mean is asked for: its maps need not be kept to the end.
            while looks && means.len() < looked_at(watched.len()) {
                means.push(watched[means.len()].clone().global_mean());
            }
        });
        let output = match &self.head {
            Some(head) => backbone.pool(maps).linear(head),
            None => backbone.outputs(maps),
        };
        means.insert(0, output);
        writer.graph(&means).map(Some)
    }

    /// What the last layer makes of features; none when the last layer is not linear.
    ///
    /// # Shapes
    /// `[N, D]` to logits `[N, K]`.
    pub fn logits(&self, features: Tensor<2>) -> Option<Tensor<2>> {
        self.head.as_ref().map(|head| head.forward(features))
    }

    /// Rounds all weights to numbers of a type, in which the network then computes; tiles must be of the same type. On a
    /// device with autodiff the rounding is an operation of the graph.
    #[must_use]
    pub fn cast(self, dtype: FloatDType) -> Self {
        self.map(&mut Cast(dtype))
    }

    /// Brings the weights of convolutions into the order in which kernels of GPUs read them; the same results without a copy
    /// in each of them. Comes after [`Network::cast`].
    #[must_use]
    pub fn laid(mut self) -> Self {
        for layer in self.layers() {
            if let Part::Conv(conv) = layer.part {
                conv.lay();
            }
        }
        self
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
        let weights = fold(&self.spec, save(&self)?)?;
        load(self.spec.folded().init(&device)?, &weights, Head::FromFile)
    }

    /// The layers that own weights, in network order, with timm's names.
    pub(super) fn layers(&mut self) -> Vec<Layer<'_>> {
        let mut layers = self.body.backbone_mut().layers();
        layers.extend(self.head.as_mut().map(|head| Layer::head(self.spec.architecture.row().head, head)));
        layers
    }
}

/// Of how many stages, the first ones, the looks are taken.
fn looked_at(stages: usize) -> usize {
    (stages * 3 / 4).max(1)
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}
