//! Which networks there are: one row per name.
//!
//! To add one: a variant, a row, an arm in `network.rs`, a test against reference logits.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::spec::VARIANTS;
use crate::nn::vit_shape::VitShape;
use serde::{Deserialize, Serialize};

/// A network whose code is in this crate, by the name that cards use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Architecture {
    /// 18 layers of basic residual blocks.
    ResNet18,
    /// 34 layers of basic residual blocks.
    ResNet34,
    /// 50 layers of bottleneck residual blocks.
    ResNet50,
    /// 34 layers of residual blocks that normalise before they convolve.
    PreActResNet34,
    /// Inverted residual blocks.
    MobileNetV2,
    /// Inverted residual blocks with squeeze and excitation, small.
    MobileNetV3Small,
    /// Inverted residual blocks with squeeze and excitation, scaled together.
    EfficientNetB0,
    /// Blocks of layers that all see each other.
    DenseNet121,
    /// Fire modules.
    SqueezeNet,
    /// Channels split and shuffled.
    ShuffleNetV2,
    /// Inception modules.
    InceptionV4,
    /// Depthwise 7x7 convolutions with layer normalisation.
    ConvNeXtTiny,
    /// Vision transformer, small, tiles of 16 px.
    VitSmall16,
    /// Vision transformer, base, tiles of 16 px: the shape of Phikon.
    VitBase16,
    /// Vision transformer, large, tiles of 16 px: the shape of UNI.
    VitLarge16,
    /// Vision transformer, huge, tiles of 14 px: Virchow2.
    Virchow2,
    /// Vision transformer, giant, tiles of 14 px: H-optimus.
    HOptimus,
    /// A vision transformer whose shape stands in its card.
    Vit,
}

/// What is known of an architecture before any weights are read.
#[derive(Debug)]
pub(super) struct Row {
    pub architecture: Architecture,
    pub name: &'static str,
    /// Names of the same network elsewhere.
    pub aliases: &'static [&'static str],
    /// Name of the last layer in weights files (timm's where it has the network).
    pub head: &'static str,
    /// Side of the tiles that the paper used, pixels.
    pub input_px: u32,
    /// Below this side nothing is left at the end, pixels.
    pub min_px: u32,
    /// Mean and standard deviation of the colours that its published weights expect (RGB, 0 to 1); none where weights of
    /// this network are published with different ones.
    pub colours: Option<Colours>,
    /// Added to variances before the root.
    pub epsilon: f64,
    /// Whether its width may be changed.
    pub scales: bool,
    /// Whether it is also known with TensorFlow's padding.
    pub tf_same: bool,
    /// The shape of a transformer.
    pub vit: Option<VitShape>,
    pub source: &'static str,
}

/// Mean and standard deviation of red, green and blue, 0 to 1.
pub(super) type Colours = ([f32; 3], [f32; 3]);

/// Of ImageNet's training images.
pub(super) const IMAGENET: Colours = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
/// -1 to 1.
const CENTRED: Colours = ([0.5; 3], [0.5; 3]);
/// Of the tiles that H-optimus-0 was trained on (its model card).
const H_OPTIMUS: Colours = ([0.707_223, 0.578_729, 0.703_617], [0.211_883, 0.230_117, 0.177_517]);

const RESIDUAL: &str = "He et al. 2015, arXiv:1512.03385";
const TRANSFORMER: &str = "Dosovitskiy et al. 2020, arXiv:2010.11929";

/// What most rows have in common.
const CNN: Row = Row {
    architecture: Architecture::ResNet18,
    name: "",
    aliases: &[],
    head: "fc",
    input_px: 224,
    min_px: 32,
    colours: Some(IMAGENET),
    epsilon: 1e-5,
    scales: false,
    tf_same: false,
    vit: None,
    source: "",
};

/// What most transformers have in common.
const VIT: Row = Row { head: "head", min_px: 14, colours: None, epsilon: 1e-6, source: TRANSFORMER, ..CNN };

static REGISTRY: [Row; 18] = [
    Row { architecture: Architecture::ResNet18, name: "resnet18", scales: true, source: RESIDUAL, ..CNN },
    Row { architecture: Architecture::ResNet34, name: "resnet34", scales: true, source: RESIDUAL, ..CNN },
    Row { architecture: Architecture::ResNet50, name: "resnet50", scales: true, source: RESIDUAL, ..CNN },
    Row {
        architecture: Architecture::PreActResNet34,
        name: "preactresnet34",
        aliases: &["resnet34_preact", "preact_resnet34"],
        head: "linear",
        source: "He et al. 2016, arXiv:1603.05027; shortcuts and end as in WSInfer's zoo",
        ..CNN
    },
    Row {
        architecture: Architecture::MobileNetV2,
        name: "mobilenetv2",
        aliases: &["mobilenetv2_100", "mobilenet_v2"], // timm's and torchvision's name
        head: "classifier",
        scales: true,
        tf_same: true,
        source: "Sandler et al. 2018, arXiv:1801.04381",
        ..CNN
    },
    Row {
        architecture: Architecture::MobileNetV3Small,
        name: "mobilenetv3-small",
        aliases: &["mobilenetv3_small_100"],
        head: "classifier",
        scales: true,
        tf_same: true,
        source: "Howard et al. 2019, arXiv:1905.02244",
        ..CNN
    },
    Row {
        architecture: Architecture::EfficientNetB0,
        name: "efficientnet-b0",
        aliases: &["efficientnet_b0"],
        head: "classifier",
        scales: true,
        tf_same: true,
        source: "Tan and Le 2019, arXiv:1905.11946",
        ..CNN
    },
    Row {
        architecture: Architecture::DenseNet121,
        name: "densenet121",
        head: "classifier",
        source: "Huang et al. 2016, arXiv:1608.06993",
        ..CNN
    },
    Row {
        architecture: Architecture::SqueezeNet,
        name: "squeezenet1-0",
        aliases: &["squeezenet1_0"],
        head: "classifier.1",
        source: "Iandola et al. 2016, arXiv:1602.07360",
        ..CNN
    },
    Row {
        architecture: Architecture::ShuffleNetV2,
        name: "shufflenetv2",
        aliases: &["shufflenet_v2_x1_0"],
        source: "Ma et al. 2018, arXiv:1807.11164",
        ..CNN
    },
    Row {
        architecture: Architecture::InceptionV4,
        name: "inception-v4",
        aliases: &["inception_v4", "inceptionv4", "inception_v4nobn", "inceptionv4nobn"],
        head: "last_linear",
        input_px: 299,
        min_px: 75,
        colours: Some(CENTRED),
        epsilon: 1e-3,
        source: "Szegedy et al. 2016, arXiv:1602.07261",
        ..CNN
    },
    Row {
        architecture: Architecture::ConvNeXtTiny,
        name: "convnext-tiny",
        aliases: &["convnext_tiny"],
        head: "head.fc",
        epsilon: 1e-6,
        source: "Liu et al. 2022, arXiv:2201.03545",
        ..CNN
    },
    Row {
        architecture: Architecture::VitSmall16,
        name: "vit-small-16",
        aliases: &["vit_small_patch16_224"],
        vit: Some(VitShape::SMALL_16),
        ..VIT
    },
    Row {
        architecture: Architecture::VitBase16,
        name: "vit-base-16",
        aliases: &["vit_base_patch16_224"],
        vit: Some(VitShape::BASE_16),
        ..VIT
    },
    Row {
        architecture: Architecture::VitLarge16,
        name: "vit-large-16",
        aliases: &["uni"],
        colours: Some(IMAGENET),
        vit: Some(VitShape::LARGE_16),
        source: "Dosovitskiy et al. 2020, arXiv:2010.11929; scaled layers: Touvron et al. 2021, arXiv:2103.17239",
        ..VIT
    },
    Row {
        architecture: Architecture::Virchow2,
        name: "virchow2",
        colours: Some(IMAGENET),
        vit: Some(VitShape::VIRCHOW2),
        source: "Zimmermann et al. 2024, arXiv:2408.00738; registers: Darcet et al. 2023, arXiv:2309.16588",
        ..VIT
    },
    Row {
        architecture: Architecture::HOptimus,
        name: "h-optimus",
        aliases: &["h_optimus_0", "h-optimus-0", "h-optimus-1", "vit_giant_patch14_reg4_dinov2"],
        colours: Some(H_OPTIMUS),
        vit: Some(VitShape::H_OPTIMUS),
        source: "Oquab et al. 2023, arXiv:2304.07193; registers: Darcet et al. 2023, arXiv:2309.16588",
        ..VIT
    },
    Row { architecture: Architecture::Vit, name: "vit", ..VIT },
];

impl Architecture {
    /// All of them, in the order of the registry.
    pub fn all() -> impl Iterator<Item = Self> {
        REGISTRY.iter().map(|row| row.architecture)
    }

    /// Finds an architecture by its name here, in timm or in torchvision; a tag after a point (`resnet18.a1_in1k`) is
    /// ignored because it names weights.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] with the names that exist.
    pub fn parse(name: &str) -> Result<Self> {
        let base = without_tag(name);
        let found = REGISTRY.iter().find(|row| row.name == base || row.aliases.contains(&base.as_str()));
        found.map(|row| row.architecture).ok_or_else(|| unknown(name))
    }

    pub(super) fn row(self) -> &'static Row {
        // The order of the rows is that of the variants; a test holds it.
        &REGISTRY[self as usize]
    }

    /// Whether it is a vision transformer.
    pub(super) fn is_transformer(self) -> bool {
        self == Self::Vit || self.row().vit.is_some()
    }

    /// Whether the [CPU engine](crate::cpu) can take it: all but transformers, of which
    /// [`Network::graph`](crate::nn::Network::graph) gives none.
    pub fn has_graph(self) -> bool {
        !self.is_transformer()
    }

    /// The name used in model cards.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What timm and torchvision call it and its variants.
    pub fn aliases(self) -> Vec<&'static str> {
        let variants = VARIANTS.iter().filter(|variant| variant.architecture == self).map(|variant| variant.name);
        self.row().aliases.iter().copied().chain(variants).collect()
    }

    /// Side of the input that the paper used, pixels; others work too, but for transformers.
    pub fn input_px(self) -> u32 {
        self.row().input_px
    }

    /// Mean and standard deviation of the colours that its published weights expect (RGB, 0 to 1); none where weights of
    /// this network are published with different ones.
    pub fn colours(self) -> Option<([f32; 3], [f32; 3])> {
        self.row().colours
    }

    /// The paper.
    pub fn source(self) -> &'static str {
        self.row().source
    }
}

/// The name of a network without the tag of its weights, in lower case.
pub(super) fn without_tag(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_lowercase()
}

fn unknown(name: &str) -> Error {
    let known = REGISTRY.each_ref().map(|row| row.name).join(", ");
    let message = format!("expected an architecture among {known}, found {name:?}");
    Error::new(ErrorKind::Unsupported, "MOD-0208", message)
}

impl From<Architecture> for &'static str {
    fn from(architecture: Architecture) -> Self {
        architecture.name()
    }
}

impl TryFrom<String> for Architecture {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        let found = REGISTRY.iter().find(|row| row.name == name);
        // Cards use the registry's own names alone; other names are for files of others.
        found.map(|row| row.architecture).ok_or_else(|| unknown(&name))
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_leads_to_its_row() {
        for (at, architecture) in Architecture::all().enumerate() {
            let row = architecture.row();
            assert_eq!((architecture as usize, row.architecture), (at, architecture));
            for name in row.aliases.iter().chain([&row.name]) {
                assert_eq!(Architecture::parse(name).unwrap(), architecture);
            }
            assert_eq!(serde_json::to_value(architecture).unwrap(), row.name);
            assert_eq!(serde_json::from_value::<Architecture>(row.name.into()).unwrap(), architecture);
            assert!(!row.source.is_empty() && row.min_px <= row.input_px);
        }
        assert_eq!(Architecture::parse("resnet18.a1_in1k").unwrap(), Architecture::ResNet18);
        let error = Architecture::parse("vgg11").unwrap_err();
        assert_eq!(error.code(), "MOD-0208");
        assert!(error.message().contains("mobilenetv2") && error.message().contains("vgg11"), "{error}");
        assert!(serde_json::from_value::<Architecture>("mobilenet_v2".into()).is_err());
    }
}
