//! torchvision's names, where they are not timm's.

use super::{renamed, replaced};
use crate::error::Result;
use crate::nn::layers::Layer;
use crate::nn::tensor_map::TensorMap;

/// `features.0` is the stem, `features.1` to `.17` the blocks, `features.18` the last convolution. In a block all
/// convolutions but the last sit with their normalisation in a `Sequential` (`conv.0.0`, `conv.0.1`); the last one and its
/// normalisation follow directly (`conv.2`, `conv.3`). The head is `classifier.1` because `classifier.0` is dropout.
pub(super) fn mobilenet_v2(layers: &mut [Layer<'_>]) {
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

/// `EfficientNet` numbers blocks within stages (`features.1.0.block`), `MobileNetV3` all of them (`features.1.block`), and
/// takes the convolution behind its mean for the first of two linear layers. The parts of a block are numbered in turn,
/// squeeze and excitation being one (`fc1`, `fc2`).
pub(super) fn mobile(layers: &mut [Layer<'_>]) {
    let by_stage = layers.iter().any(|layer| layer.name == "conv_head" && !layer.norm.is_empty());
    let mut blocks: Vec<String> = Vec::new();
    let mut part = 0;
    for layer in layers {
        let parts: Vec<&str> = layer.name.split('.').collect();
        let (name, norm) = match parts[..] {
            _ if layer.is_head => (if by_stage { "classifier.1" } else { "classifier.3" }.to_owned(), String::new()),
            ["conv_stem"] => ("features.0.0".to_owned(), "features.0.1".to_owned()),
            ["conv_head"] if !by_stage => ("classifier.0".to_owned(), String::new()),
            ["conv_head"] => ("features.8.0".to_owned(), "features.8.1".to_owned()),
            ["blocks", _, _, "conv"] => {
                let last = blocks.len() + 1;
                (format!("features.{last}.0"), format!("features.{last}.1"))
            }
            ["blocks", stage, block, ..] => {
                let at = format!("{stage}.{block}");
                if blocks.last() != Some(&at) {
                    blocks.push(at);
                    part = 0;
                }
                let stage: usize = stage.parse().unwrap_or(0);
                let block = if by_stage {
                    format!("features.{}.{block}.block", stage + 1)
                } else {
                    format!("features.{}.block", blocks.len())
                };
                let names = if layer.name.ends_with("se.conv_reduce") {
                    (format!("{block}.{part}.fc1"), String::new())
                } else if layer.name.ends_with("se.conv_expand") {
                    (format!("{block}.{part}.fc2"), String::new())
                } else {
                    (format!("{block}.{part}.0"), format!("{block}.{part}.1"))
                };
                part += usize::from(!layer.name.ends_with("se.conv_reduce"));
                names
            }
            _ => continue,
        };
        (layer.name, layer.norm) = (name, norm);
    }
}

/// Stages and the steps between them take turns: `features.1`, `.3`, `.5`, `.7` hold blocks, `.2`, `.4`, `.6` halve.
pub(super) fn convnext(layers: &mut [Layer<'_>]) {
    for layer in layers {
        let parts: Vec<&str> = layer.name.split('.').collect();
        let number = |stage: &str| stage.parse::<usize>().unwrap_or(0);
        layer.name = match parts[..] {
            ["stem", part] => format!("features.0.{part}"),
            ["stages", stage, "downsample", part] => format!("features.{}.{part}", 2 * number(stage)),
            ["stages", stage, "blocks", block, ref rest @ ..] => {
                let at = format!("features.{}.{block}", 2 * number(stage) + 1);
                match rest.join(".").as_str() {
                    "gamma" => format!("{at}.layer_scale"),
                    "conv_dw" => format!("{at}.block.0"),
                    "norm" => format!("{at}.block.2"),
                    "mlp.fc1" => format!("{at}.block.3"),
                    _ => format!("{at}.block.5"),
                }
            }
            ["head", "norm"] => "classifier.0".to_owned(),
            _ => "classifier.2".to_owned(),
        };
    }
}

pub(super) fn vit(layers: &mut [Layer<'_>]) {
    for layer in layers {
        layer.name = match layer.name.as_str() {
            "cls_token" => "class_token".to_owned(),
            "pos_embed" => "encoder.pos_embedding".to_owned(),
            "patch_embed.proj" => "conv_proj".to_owned(),
            "norm" => "encoder.ln".to_owned(),
            "head" => "heads.head".to_owned(),
            other => {
                let parts = [
                    ("norm1", "ln_1"),
                    ("norm2", "ln_2"),
                    ("attn.qkv", "self_attention.in_proj"),
                    ("attn.proj", "self_attention.out_proj"),
                    ("mlp.fc1", "mlp.0"),
                    ("mlp.fc2", "mlp.3"),
                ];
                replaced(other, &parts).replacen("blocks.", "encoder.layers.encoder_layer_", 1)
            }
        };
    }
}

/// Queries, keys and values are one tensor here, too, but its name has no point before `weight`; older files number the
/// linear layers otherwise.
pub(super) fn tidy(map: TensorMap) -> Result<TensorMap> {
    let pairs = [
        (".in_proj_weight", ".in_proj.weight"),
        (".in_proj_bias", ".in_proj.bias"),
        (".mlp.linear_1.", ".mlp.0."),
        (".mlp.linear_2.", ".mlp.3."),
    ];
    renamed(map, |name| replaced(name, &pairs))
}
