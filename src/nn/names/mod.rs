//! Names of tensors: ours are timm's; files that name the same layers otherwise are recognised here.
//!
//! A file is never renamed beyond what it splits: the network's layers take the file's names, so messages speak the
//! file's language.

mod tiatoolbox;
mod torchvision;
mod transformers;

use crate::error::{Error, ErrorKind, Result};
use crate::nn::layers::Layer;
use crate::nn::registry::Architecture;
use crate::nn::tensor_map::TensorMap;

/// How a file names the layers of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// timm's state dict, which for most networks is also torchvision's.
    Timm,
    /// torchvision's `mobilenet_v2`: everything under `features.<block>`.
    TorchvisionMobileNetV2,
    /// TIAToolbox's residual networks.
    TiatoolboxResNet,
    /// TIAToolbox's `mobilenet_v2`.
    TiatoolboxMobileNetV2,
    /// torchvision's `mobilenet_v3_small` and `efficientnet_b0`.
    TorchvisionMobile,
    /// torchvision's `convnext_tiny`.
    TorchvisionConvNeXt,
    /// torchvision's `vit_b_16` and others.
    TorchvisionVit,
    /// `ViTModel` of transformers, as Phikon.
    TransformersVit,
    /// `Dinov2Model` of transformers, with or without registers, as Phikon-v2.
    TransformersDinov2,
    /// Numbered in network order (`conv00`, `conv01_dw`, ..., `classifier`), normalisation folded: `MobileNetV2` taken from
    /// Coral's TensorFlow Lite file.
    Numbered,
}

/// What wrappers put before every name: torch's `DataParallel` and compiler, and modules that hold the network, Lightning's
/// among them.
const WRAPPERS: [&str; 6] = ["module.", "model.", "net.", "network.", "backbone.", "_orig_mod."];
/// What classifiers of transformers put before all names but those of their last layer.
const ENCODERS: [&str; 2] = ["vit.", "dinov2."];
/// That last layer.
const CLASSIFIER: &str = "classifier.";

/// Takes off the prefixes of wrappers, however many there are, where every tensor has them.
pub(super) fn unwrap(mut map: TensorMap) -> TensorMap {
    let wrapper = |map: &TensorMap| {
        WRAPPERS.into_iter().find(|prefix| !map.is_empty() && map.names().all(|name| name.starts_with(prefix)))
    };
    let encoder = |map: &TensorMap| {
        let fits = |prefix: &str| map.names().all(|name| name.starts_with(prefix) || name.starts_with(CLASSIFIER));
        ENCODERS.into_iter().find(|prefix| fits(prefix) && map.names().any(|name| name.starts_with(prefix)))
    };
    while let Some(prefix) = wrapper(&map).or_else(|| encoder(&map)) {
        let bare = |name: String| name.strip_prefix(prefix).map_or_else(|| name.clone(), ToOwned::to_owned);
        map = map.into_iter().map(|(name, weight)| (bare(name), weight)).collect();
    }
    map
}

/// Gives tensors other names.
///
/// # Errors
/// [`ErrorKind::Model`] (`MOD-0104`) when two would have the same.
fn renamed(map: TensorMap, name_of: impl Fn(&str) -> String) -> Result<TensorMap> {
    let mut renamed = TensorMap::default();
    for (name, weight) in map {
        let other = name_of(&name);
        if renamed.contains(&other) {
            let message = format!("expected each tensor once, found {name} beside another {other}");
            return Err(Error::new(ErrorKind::Model, "MOD-0104", message));
        }
        renamed.insert(other, weight);
    }
    Ok(renamed)
}

impl Naming {
    /// Recognises the names of a file by a tensor that only they have.
    pub fn of(architecture: Architecture, map: &TensorMap) -> Self {
        let schemes: &[(&str, Self)] = match architecture {
            Architecture::ResNet18 | Architecture::ResNet34 | Architecture::ResNet50 => {
                &[("feat_extract.0.weight", Self::TiatoolboxResNet)]
            }
            Architecture::MobileNetV2 => &[
                ("features.0.0.weight", Self::TorchvisionMobileNetV2),
                ("feat_extract.0.0.weight", Self::TiatoolboxMobileNetV2),
                ("conv00.weight", Self::Numbered),
            ],
            Architecture::MobileNetV3Small | Architecture::EfficientNetB0 => {
                &[("features.0.0.weight", Self::TorchvisionMobile)]
            }
            Architecture::ConvNeXtTiny => &[("features.0.0.weight", Self::TorchvisionConvNeXt)],
            _ if architecture.is_transformer() => &[
                ("conv_proj.weight", Self::TorchvisionVit),
                ("encoder.layer.0.layernorm_before.weight", Self::TransformersVit),
                ("encoder.layer.0.layer_scale1.lambda1", Self::TransformersDinov2),
            ],
            _ => &[],
        };
        schemes.iter().find(|(name, _)| map.contains(name)).map_or(Self::Timm, |&(_, scheme)| scheme)
    }

    /// Puts together what a file holds in parts, and leaves out what no tile needs.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`MOD-0104`) when a tensor is there whole and in parts.
    pub fn tidy(self, map: TensorMap) -> Result<TensorMap> {
        match self {
            Self::TransformersVit | Self::TransformersDinov2 => transformers::tidy(map),
            Self::TorchvisionVit => torchvision::tidy(map),
            _ => Ok(map),
        }
    }

    /// What normalisation adds to variances in files with these names, where that is not the architecture's usual number:
    /// torchvision builds `mobilenet_v3_small` with 0.001, transformers its `ViTModel` with 1e-12.
    pub fn epsilon(self, architecture: Architecture) -> Option<f64> {
        match self {
            Self::TorchvisionMobile if architecture == Architecture::MobileNetV3Small => Some(1e-3),
            Self::TransformersVit => Some(1e-12),
            _ => None,
        }
    }

    /// Gives the layers of a network, which come with timm's names, the names of this scheme.
    pub fn apply(self, layers: &mut [Layer<'_>]) {
        match self {
            Self::Timm => {}
            Self::TorchvisionMobileNetV2 => torchvision::mobilenet_v2(layers),
            Self::TiatoolboxResNet => tiatoolbox::resnet(layers),
            Self::TiatoolboxMobileNetV2 => tiatoolbox::mobilenet_v2(layers),
            Self::TorchvisionMobile => torchvision::mobile(layers),
            Self::TorchvisionConvNeXt => torchvision::convnext(layers),
            Self::TorchvisionVit => torchvision::vit(layers),
            Self::TransformersVit => transformers::vit(layers),
            Self::TransformersDinov2 => transformers::dinov2(layers),
            Self::Numbered => numbered(layers),
        }
    }
}

/// `convNN`, with `_dw` for a depthwise convolution; the head keeps its name.
fn numbered(layers: &mut [Layer<'_>]) {
    for (index, layer) in layers.iter_mut().enumerate().filter(|(_, layer)| !layer.is_head) {
        let depthwise = if layer.is_depthwise() { "_dw" } else { "" };
        layer.name = format!("conv{index:02}{depthwise}");
    }
}

/// Takes the first of some parts of a name that fits for another.
fn replaced(name: &str, pairs: &[(&str, &str)]) -> String {
    let found = pairs.iter().find(|(ours, _)| name.contains(ours));
    found.map_or_else(|| name.to_owned(), |(ours, theirs)| name.replacen(ours, theirs, 1))
}
