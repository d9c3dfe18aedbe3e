//! Names of the transformers library, which pathology encoders are often published with.

use super::{renamed, replaced};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::layers::Layer;
use crate::nn::tensor_map::{TensorMap, Weight};

/// Names that both kinds share.
fn common(name: &str) -> Option<&'static str> {
    Some(match name {
        "cls_token" => "embeddings.cls_token",
        "reg_token" => "embeddings.register_tokens",
        "pos_embed" => "embeddings.position_embeddings",
        "patch_embed.proj" => "embeddings.patch_embeddings.projection",
        "norm" | "fc_norm" => "layernorm",
        "head" => "classifier",
        _ => return None,
    })
}

fn named(layers: &mut [Layer<'_>], parts: &[(&str, &str)]) {
    for layer in layers {
        layer.name = common(&layer.name)
            .map_or_else(|| replaced(&layer.name, parts).replacen("blocks.", "encoder.layer.", 1), ToOwned::to_owned);
    }
}

pub(super) fn vit(layers: &mut [Layer<'_>]) {
    let parts = [
        ("norm1", "layernorm_before"),
        ("norm2", "layernorm_after"),
        ("attn.qkv", "attention.attention.qkv"),
        ("attn.proj", "attention.output.dense"),
        ("mlp.fc1", "intermediate.dense"),
        ("mlp.fc2", "output.dense"),
    ];
    named(layers, &parts);
}

pub(super) fn dinov2(layers: &mut [Layer<'_>]) {
    // The first layer of an MLP is `weights_in` where it is gated.
    let parts = [
        ("ls1.gamma", "layer_scale1.lambda1"),
        ("ls2.gamma", "layer_scale2.lambda1"),
        ("attn.qkv", "attention.attention.qkv"),
        ("attn.proj", "attention.output.dense"),
    ];
    named(layers, &parts);
}

/// Joins queries, keys and values; leaves out the token that stands for hidden parts in training, and the layer that pools
/// the class token for another purpose.
pub(super) fn tidy(map: TensorMap) -> Result<TensorMap> {
    let kept = map.into_iter().filter(|(name, _)| name != "embeddings.mask_token" && !name.starts_with("pooler."));
    let parts = [("mlp.weights_in", "mlp.fc1"), ("mlp.weights_out", "mlp.fc2")];
    let mut map = renamed(kept.collect(), |name| replaced(name, &parts))?;
    let queries: Vec<String> =
        map.names().filter(|name| name.contains(".attention.query.")).map(ToOwned::to_owned).collect();
    for query in queries {
        let names = ["query", "key", "value"].map(|part| query.replacen(".query.", &format!(".{part}."), 1));
        let whole = query.replacen(".query.", ".qkv.", 1);
        if map.contains(&whole) {
            let message = format!("expected each tensor once, found {query} beside {whole}");
            return Err(Error::new(ErrorKind::Model, "MOD-0104", message));
        }
        let shapes = names.each_ref().map(|name| map.get(name).map(|weight| &weight.shape));
        // Parts that do not belong together are named when the network looks for the whole.
        let [Some(rows), Some(_), Some(_)] = shapes.map(|shape| shape.filter(|_| shape == shapes[0])) else { continue };
        let shape: Vec<usize> =
            rows.iter().enumerate().map(|(at, &side)| if at == 0 { 3 * side } else { side }).collect();
        let data = names.iter().filter_map(|name| map.remove(name)).flat_map(|part| part.data).collect();
        map.insert(whole, Weight { shape, data });
    }
    Ok(map)
}
