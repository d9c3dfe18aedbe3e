//! What varies between two networks of one architecture, and how other libraries call the variants.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::layers::Layer;
use crate::nn::network::Network;
use crate::nn::registry::{Architecture, Colours, IMAGENET, without_tag};
use crate::nn::vit_shape::VitShape;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// How convolutions with a stride are padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// The same on all sides, as torch does.
    #[default]
    Torch,
    /// TensorFlow's "same": what is odd goes to the bottom and right.
    TfSame,
}

impl std::fmt::Display for Padding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Torch => "torch",
            Self::TfSame => "tf-same",
        })
    }
}

/// Everything needed to build a network without its weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The code.
    pub architecture: Architecture,
    /// `K`, the number of logits; 0 for a network that gives features only.
    pub classes: usize,
    /// False when the normalisation is part of the convolutions.
    pub batch_norm: bool,
    /// The padding of its convolutions.
    #[serde(default)]
    pub padding: Padding,
    /// What differs from the architecture's usual form.
    #[serde(default)]
    pub variant: Variant,
}

/// What a card may change in an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Factor on the numbers of channels; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// What normalisation adds to variances, where it is not the architecture's usual number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// The shape of a transformer, where it is not the architecture's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vit: Option<VitShape>,
}

/// More classes than any pathology model has; keeps the head's memory bounded.
const MAX_CLASSES: usize = 10_000;

/// A variant that other libraries know by a name of its own.
pub(super) struct Named {
    pub name: &'static str,
    pub architecture: Architecture,
    width: Option<f64>,
    pub epsilon: Option<f64>,
    pub padding: Padding,
    colours: Option<Colours>,
}

impl Named {
    fn find(name: &str) -> Option<&'static Self> {
        let base = without_tag(name);
        VARIANTS.iter().find(|variant| variant.name == base)
    }

    pub fn spec(&self, classes: usize) -> NetworkSpec {
        let variant = Variant { width: self.width, epsilon: self.epsilon, vit: None };
        NetworkSpec { padding: self.padding, variant, ..NetworkSpec::torch(self.architecture, classes) }
    }
}

const fn wide(name: &'static str, architecture: Architecture, width: f64) -> Named {
    Named { name, architecture, width: Some(width), epsilon: None, padding: Padding::Torch, colours: Some(IMAGENET) }
}

/// A network as TensorFlow's weights need it; batch normalisation adds 0.001 there.
const fn tf(name: &'static str, architecture: Architecture) -> Named {
    Named { name, architecture, width: None, epsilon: Some(1e-3), padding: Padding::TfSame, colours: None }
}

/// timm's names, torchvision's `mobilenet_v3_small`, which normalises with 0.001, and an encoder with its own number.
pub(super) static VARIANTS: [Named; 11] = [
    wide("wide_resnet50_2", Architecture::ResNet50, 2.0),
    wide("mobilenetv2_050", Architecture::MobileNetV2, 0.5),
    wide("mobilenetv2_140", Architecture::MobileNetV2, 1.4),
    wide("mobilenetv3_small_050", Architecture::MobileNetV3Small, 0.5),
    wide("mobilenetv3_small_075", Architecture::MobileNetV3Small, 0.75),
    Named {
        name: "mobilenet_v3_small",
        architecture: Architecture::MobileNetV3Small,
        width: None,
        epsilon: Some(1e-3),
        padding: Padding::Torch,
        colours: Some(IMAGENET),
    },
    // Its configuration adds 1e-12 where timm adds 1e-6.
    Named {
        name: "phikon",
        architecture: Architecture::VitBase16,
        width: None,
        epsilon: Some(1e-12),
        padding: Padding::Torch,
        colours: Some(IMAGENET),
    },
    tf("tf_mobilenetv3_small_100", Architecture::MobileNetV3Small),
    tf("tf_efficientnet_b0", Architecture::EfficientNetB0),
    tf("tf_efficientnet_b0_ns", Architecture::EfficientNetB0),
    tf("tf_efficientnet_b0_ap", Architecture::EfficientNetB0),
];

impl NetworkSpec {
    /// A network as torch libraries build it: batch normalisation, symmetric padding, width 1.
    pub fn torch(architecture: Architecture, classes: usize) -> Self {
        Self { architecture, classes, batch_norm: true, padding: Padding::Torch, variant: Variant::default() }
    }

    /// What timm calls it: its variant's name where it has one, else the first name that others have for it, with `tf_`
    /// before it where it pads as TensorFlow does, which is timm's rule.
    pub fn timm_name(&self) -> String {
        let shape = |spec: &Self| (spec.architecture, spec.padding, spec.variant.width);
        let variant = VARIANTS.iter().find(|variant| shape(&variant.spec(self.classes)) == shape(self));
        let plain = Self::torch(self.architecture, self.classes);
        if let Some(variant) = variant.filter(|_| shape(&plain) != shape(self)) {
            return variant.name.to_owned();
        }
        let name = self.architecture.row().aliases.first().copied().unwrap_or(self.architecture.name());
        if self.padding == Padding::TfSame { format!("tf_{name}") } else { name.to_owned() }
    }

    /// Finds a network by its name here, in timm or in torchvision, variants included.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] (`MOD-0208`) with the names that exist.
    pub fn named(name: &str, classes: usize) -> Result<Self> {
        match Named::find(name) {
            Some(variant) => Ok(variant.spec(classes)),
            None => Ok(Self::torch(Architecture::parse(name)?, classes)),
        }
    }

    /// Mean and standard deviation of the colours that the weights of that name expect (RGB, 0 to 1); none where weights of
    /// one name are published with different ones.
    ///
    /// # Errors
    /// Those of [`NetworkSpec::named`].
    pub fn colours_of(name: &str) -> Result<Option<([f32; 3], [f32; 3])>> {
        match Named::find(name) {
            Some(variant) => Ok(variant.colours),
            None => Ok(Architecture::parse(name)?.colours()),
        }
    }

    /// The same network with its normalisation folded away.
    #[must_use]
    pub fn folded(self) -> Self {
        Self { batch_norm: false, ..self }
    }

    /// Factor on the numbers of channels.
    pub(super) fn width(&self) -> f64 {
        self.variant.width.unwrap_or(1.0)
    }

    /// What normalisation adds to variances.
    pub fn epsilon(&self) -> f64 {
        self.variant.epsilon.unwrap_or(self.architecture.row().epsilon)
    }

    /// The shape of a transformer; none for other networks.
    pub fn vit(&self) -> Option<VitShape> {
        self.variant.vit.or(self.architecture.row().vit)
    }

    /// `D`, the length of a tile's feature vector.
    pub fn features(&self) -> usize {
        Network::feature_count(self)
    }

    /// `K`, the length of what the network gives for a tile: logits, or features when it has no classes.
    pub fn outputs(&self) -> usize {
        if self.classes == 0 { self.features() } else { self.classes }
    }

    /// Name of the linear layer at the end, which turns features into logits; none in a network that ends otherwise.
    pub fn linear_head(&self) -> Option<&'static str> {
        // SqueezeNet's last layer comes before its mean, not after.
        let has_head = self.classes > 0 && self.architecture != Architecture::SqueezeNet;
        has_head.then(|| self.architecture.row().head)
    }

    /// Side of the input that the network was made for, pixels.
    pub fn input_px(&self) -> u32 {
        self.vit().map_or(self.architecture.input_px(), |shape| shape.input_px)
    }

    /// Checks that such a network can be built.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0203` absurdly many classes, `MOD-0204` a shape out of range; [`ErrorKind::Unsupported`]
    /// (`MOD-0208`) when the architecture has no such padding, width or shape.
    pub fn check(&self) -> Result<()> {
        let row = self.architecture.row();
        if self.classes > MAX_CLASSES {
            let message = format!("expected 0 to {MAX_CLASSES} classes, found {}", self.classes);
            return Err(Error::new(ErrorKind::Model, "MOD-0203", message));
        }
        let unsupported = |message: String| Err(Error::new(ErrorKind::Unsupported, "MOD-0208", message));
        if self.padding == Padding::TfSame && !row.tf_same {
            return unsupported(format!("{} has no tf-same padding, expected torch", row.name));
        }
        let fault = |message: String| Err(Error::new(ErrorKind::Model, "MOD-0204", message));
        match self.variant.width {
            Some(_) if !row.scales => return unsupported(format!("{} has one width, expected no other", row.name)),
            Some(width) if !(0.25..=4.0).contains(&width) => {
                return fault(format!("architecture.width: expected 0.25 to 4, found {width}"));
            }
            _ => {}
        }
        match self.variant.epsilon {
            Some(epsilon) if !(1e-12..=1.0).contains(&epsilon) => {
                return fault(format!("architecture.epsilon: expected 1e-12 to 1, found {epsilon}"));
            }
            _ => {}
        }
        match (self.vit(), self.architecture) {
            (Some(shape), Architecture::Vit) => shape.check(),
            (Some(_), _) if self.variant.vit.is_some() => {
                unsupported(format!("{} has one shape, expected the architecture vit for another", row.name))
            }
            (None, Architecture::Vit) => fault("architecture.vit: expected a shape, found none".to_owned()),
            _ => Ok(()),
        }
    }

    /// Checks that the network can see tiles of this side.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`MOD-0204`) with the sides that it can.
    pub fn check_input(&self, input_px: u32) -> Result<()> {
        let fault = |expected: String| {
            let message = format!("input: expected {expected} for {}, found {input_px} px", self.architecture);
            Err(Error::new(ErrorKind::Model, "MOD-0204", message).with_advice(
                "tiles are resized to the side that the model states: `input_px` in a card, `--input-px` for an import",
            ))
        };
        match self.vit() {
            Some(shape) if shape.input_px != input_px => fault(format!("{} px", shape.input_px)),
            None if input_px < self.architecture.row().min_px => {
                fault(format!("at least {} px", self.architecture.row().min_px))
            }
            _ => Ok(()),
        }
    }

    /// Names (timm's) and shapes of all tensors of such a network, in network order.
    ///
    /// # Errors
    /// Those of [`NetworkSpec::check`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let mut network = self.init(&Device::flex())?;
        let slots = network.layers().into_iter().flat_map(Layer::slots);
        Ok(slots.map(|(name, slot)| (name, slot.shape())).collect())
    }

    /// Builds the network on `device`. Its weights are drawn from the device's generator when they are first used, so a
    /// network that is loaded at once never draws them; for weights that a seed decides, load those of
    /// [`fresh`](crate::nn::fresh).
    ///
    /// # Errors
    /// Those of [`NetworkSpec::check`].
    pub fn init(&self, device: &Device) -> Result<Network> {
        self.check()?;
        Ok(Network::init(*self, device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variants_lead_to_what_they_change() {
        for known in &VARIANTS {
            let spec = NetworkSpec::named(known.name, 2).unwrap();
            assert_eq!((spec.architecture, spec.variant.width), (known.architecture, known.width));
            spec.check().unwrap();
        }
        assert_eq!(NetworkSpec::named("resnet18.a1_in1k", 2).unwrap(), NetworkSpec::torch(Architecture::ResNet18, 2));
        assert_eq!(NetworkSpec::named("vgg11", 2).unwrap_err().code(), "MOD-0208");
    }

    #[test]
    fn networks_have_timm_s_names() {
        let names = ["resnet18", "mobilenetv2_100", "mobilenetv2_050", "tf_efficientnet_b0", "wide_resnet50_2"];
        for name in names.into_iter().chain(["vit_small_patch16_224", "convnext_tiny", "mobilenetv3_small_100"]) {
            assert_eq!(NetworkSpec::named(name, 2).unwrap().folded().timm_name(), name);
        }
        let padded = NetworkSpec { padding: Padding::TfSame, ..NetworkSpec::torch(Architecture::MobileNetV2, 2) };
        assert_eq!(padded.timm_name(), "tf_mobilenetv2_100");
    }

    #[test]
    fn what_cannot_be_built_is_refused() {
        let of = |architecture| NetworkSpec::torch(architecture, 2);
        let spec = of(Architecture::ResNet18);
        assert!(spec.check().is_ok());
        let with = |variant| NetworkSpec { variant, ..spec };
        let width = |width| Variant { width: Some(width), ..Variant::default() };
        let vit = Variant { vit: Some(VitShape::SMALL_16), ..Variant::default() };
        for (wrong, code) in [
            (NetworkSpec { classes: 10_001, ..spec }, "MOD-0203"),
            (NetworkSpec { padding: Padding::TfSame, ..spec }, "MOD-0208"),
            (with(width(0.0)), "MOD-0204"),
            (with(width(f64::NAN)), "MOD-0204"),
            (with(width(1e9)), "MOD-0204"),
            (with(Variant { epsilon: Some(-1.0), ..Variant::default() }), "MOD-0204"),
            (with(vit), "MOD-0208"),
            (NetworkSpec { variant: width(2.0), ..of(Architecture::DenseNet121) }, "MOD-0208"),
            (NetworkSpec { variant: vit, ..of(Architecture::VitSmall16) }, "MOD-0208"),
            (of(Architecture::Vit), "MOD-0204"),
        ] {
            assert_eq!(wrong.check().unwrap_err().code(), code, "{wrong:?}");
        }
        NetworkSpec { variant: vit, ..of(Architecture::Vit) }.check().unwrap();
    }

    #[test]
    fn a_side_that_a_network_cannot_see_is_refused() {
        let of = |architecture| NetworkSpec::torch(architecture, 2);
        assert!(of(Architecture::ResNet18).check_input(32).is_ok());
        assert!(of(Architecture::ResNet18).check_input(31).is_err());
        assert!(of(Architecture::InceptionV4).check_input(74).is_err());
        assert!(of(Architecture::VitSmall16).check_input(224).is_ok());
        let error = of(Architecture::VitSmall16).check_input(256).unwrap_err();
        assert!(error.message().contains("224 px") && error.message().contains("256"), "{error}");
    }
}
