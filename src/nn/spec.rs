//! Which networks exist: one row per architecture, and what varies between two networks of one architecture.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::network::Network;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// A network whose code is in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// 18 layers of basic residual blocks.
    ResNet18,
    /// 34 layers of basic residual blocks.
    ResNet34,
    /// Inverted residual blocks at width 1.0.
    MobileNetV2,
}

/// What is known of an architecture before any weights are read.
struct Row {
    architecture: Architecture,
    name: &'static str,
    /// Names of the same network elsewhere.
    aliases: &'static [&'static str],
    /// Numbers that the last linear layer gets.
    features: usize,
    /// Side of the tiles that the paper used, pixels.
    input_px: u32,
    source: &'static str,
}

/// To add an architecture: a variant, a row here, an arm in `network.rs`, a test against reference logits.
static REGISTRY: [Row; 3] = [
    Row {
        architecture: Architecture::ResNet18,
        name: "resnet18",
        aliases: &[],
        features: 512,
        input_px: 224,
        source: "He et al. 2015, arXiv:1512.03385",
    },
    Row {
        architecture: Architecture::ResNet34,
        name: "resnet34",
        aliases: &[],
        features: 512,
        input_px: 224,
        source: "He et al. 2015, arXiv:1512.03385",
    },
    Row {
        architecture: Architecture::MobileNetV2,
        name: "mobilenetv2",
        aliases: &["mobilenetv2_100", "mobilenet_v2"], // timm's and torchvision's name
        features: 1280,
        input_px: 224,
        source: "Sandler et al. 2018, arXiv:1801.04381",
    },
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
        let base = name.split('.').next().unwrap_or(name).to_lowercase();
        let found = REGISTRY.iter().find(|row| row.name == base || row.aliases.contains(&base.as_str()));
        found.map(|row| row.architecture).ok_or_else(|| {
            let known = REGISTRY.each_ref().map(|row| row.name).join(", ");
            Error::new(
                ErrorKind::Unsupported,
                "MOD-0208",
                format!("expected an architecture among {known}, found {name:?}"),
            )
        })
    }

    fn row(self) -> &'static Row {
        match self {
            Self::ResNet18 => &REGISTRY[0],
            Self::ResNet34 => &REGISTRY[1],
            Self::MobileNetV2 => &REGISTRY[2],
        }
    }

    /// The name used in model cards.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// `D`, the length of a tile's feature vector.
    pub fn features(self) -> usize {
        self.row().features
    }

    /// Side of the input that the paper used, pixels; others work too.
    pub fn input_px(self) -> u32 {
        self.row().input_px
    }

    /// The paper.
    pub fn source(self) -> &'static str {
        self.row().source
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

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

/// Everything needed to build a network without its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The code.
    pub architecture: Architecture,
    /// `K`, the number of logits.
    pub classes: usize,
    /// False when the normalisation is part of the convolutions.
    pub batch_norm: bool,
    /// The padding of its convolutions.
    #[serde(default)]
    pub padding: Padding,
}

/// More classes than any pathology model has; keeps the head's memory bounded.
const MAX_CLASSES: usize = 10_000;

impl NetworkSpec {
    /// A network as torch libraries build it: batch normalisation, symmetric padding.
    pub fn torch(architecture: Architecture, classes: usize) -> Self {
        Self { architecture, classes, batch_norm: true, padding: Padding::Torch }
    }

    /// The same network with its normalisation folded away.
    #[must_use]
    pub fn folded(self) -> Self {
        Self { batch_norm: false, ..self }
    }

    /// Checks that such a network can be built.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when there are no or absurdly many classes, [`ErrorKind::Unsupported`] when the architecture
    /// has no such padding.
    pub fn check(&self) -> Result<()> {
        if !(1..=MAX_CLASSES).contains(&self.classes) {
            let message = format!("expected 1 to {MAX_CLASSES} classes, found {}", self.classes);
            return Err(Error::new(ErrorKind::Model, "MOD-0203", message));
        }
        if self.padding == Padding::TfSame && self.architecture != Architecture::MobileNetV2 {
            let message = format!("{} has no tf-same padding, expected torch", self.architecture);
            return Err(Error::new(ErrorKind::Unsupported, "MOD-0208", message));
        }
        Ok(())
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
    fn every_name_and_alias_leads_to_its_row() {
        for architecture in Architecture::all() {
            let row = architecture.row();
            assert_eq!(row.architecture, architecture);
            for name in row.aliases.iter().chain([&row.name]) {
                assert_eq!(Architecture::parse(name).unwrap(), architecture);
            }
            assert_eq!(serde_json::to_value(architecture).unwrap(), row.name);
        }
        assert_eq!(Architecture::parse("resnet18.a1_in1k").unwrap(), Architecture::ResNet18);
        let error = Architecture::parse("vgg11").unwrap_err();
        assert_eq!(error.code(), "MOD-0208");
        assert!(error.message().contains("mobilenetv2") && error.message().contains("vgg11"), "{error}");
    }

    #[test]
    fn what_cannot_be_built_is_refused() {
        let spec = NetworkSpec::torch(Architecture::ResNet18, 2);
        assert!(spec.check().is_ok());
        assert!(NetworkSpec { classes: 0, ..spec }.check().is_err());
        assert!(NetworkSpec { padding: Padding::TfSame, ..spec }.check().is_err());
    }
}
