//! Names of tensors: ours are timm's; files that name the same layers otherwise are recognised here.
//!
//! A file is never renamed: the network's layers take the file's names, so messages speak the file's language.

use crate::nn::layers::Layer;
use crate::nn::registry::Architecture;
use crate::nn::tensor_map::TensorMap;

/// How a file names the layers of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// timm's state dict, which for residual networks is also torchvision's.
    Timm,
    /// torchvision's `mobilenet_v2`: everything under `features.<block>`.
    TorchvisionMobileNetV2,
    /// Numbered in network order (`conv00`, `conv01_dw`, ..., `classifier`), normalisation folded: `MobileNetV2` taken from
    /// Coral's TensorFlow Lite file.
    Numbered,
}

/// What wrappers put before every name: torch's `DataParallel`, and Lightning modules that hold the network as `model`.
const WRAPPERS: [&str; 2] = ["module.", "model."];

/// Takes off a wrapper's prefix when every tensor has it.
pub(super) fn unwrap(mut map: TensorMap) -> TensorMap {
    for prefix in WRAPPERS {
        if !map.is_empty() && map.names().all(|name| name.starts_with(prefix)) {
            map = map.into_iter().map(|(name, weight)| (name[prefix.len()..].to_owned(), weight)).collect();
        }
    }
    map
}

impl Naming {
    /// Recognises the names of a file by that of the first convolution.
    pub fn of(architecture: Architecture, map: &TensorMap) -> Self {
        match architecture {
            Architecture::MobileNetV2 if map.contains("features.0.0.weight") => Self::TorchvisionMobileNetV2,
            Architecture::MobileNetV2 if map.contains("conv00.weight") => Self::Numbered,
            _ => Self::Timm,
        }
    }

    /// Gives the layers of a network, which come with timm's names, the names of this scheme.
    pub fn apply(self, layers: &mut [Layer<'_>]) {
        match self {
            Self::Timm => {}
            Self::TorchvisionMobileNetV2 => torchvision_mobilenet_v2(layers),
            Self::Numbered => numbered(layers),
        }
    }
}

/// `features.0` is the stem, `features.1` to `.17` the blocks, `features.18` the last convolution. In a block all
/// convolutions but the last sit with their normalisation in a `Sequential` (`conv.0.0`, `conv.0.1`); the last one and its
/// normalisation follow directly (`conv.2`, `conv.3`). The head is `classifier.1` because `classifier.0` is dropout.
fn torchvision_mobilenet_v2(layers: &mut [Layer<'_>]) {
    let mut feature = 0;
    let mut in_block = 0;
    for layer in layers {
        if layer.is_head {
            "classifier.1".clone_into(&mut layer.name);
        } else if !layer.name.starts_with("blocks.") {
            layer.norm = format!("features.{feature}.1");
            layer.name = format!("features.{feature}.0");
            feature += 1;
        } else if layer.name.ends_with("conv_pwl") || layer.norm.ends_with("bn2") && !layer.is_depthwise() {
            layer.norm = format!("features.{feature}.conv.{}", in_block + 1);
            layer.name = format!("features.{feature}.conv.{in_block}");
            (feature, in_block) = (feature + 1, 0);
        } else {
            layer.norm = format!("features.{feature}.conv.{in_block}.1");
            layer.name = format!("features.{feature}.conv.{in_block}.0");
            in_block += 1;
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
