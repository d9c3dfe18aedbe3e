//! TIAToolbox's names: its classifiers hold a torchvision network without its end as `feat_extract`, whose parts a residual
//! network numbers.

use crate::nn::layers::Layer;

/// What comes before the stages of a residual network: convolution, normalisation, activation, pooling.
const BEFORE_STAGES: usize = 4;

pub(super) fn resnet(layers: &mut [Layer<'_>]) {
    for layer in layers {
        if layer.is_head {
            "classifier".clone_into(&mut layer.name);
            continue;
        }
        for name in [&mut layer.name, &mut layer.norm] {
            *name = match name.strip_prefix("layer").and_then(|rest| rest.split_once('.')) {
                Some((stage, rest)) => {
                    let stage = stage.parse::<usize>().unwrap_or(0);
                    format!("feat_extract.{}.{rest}", stage + BEFORE_STAGES - 1)
                }
                None => format!("feat_extract.{}", usize::from(name == "bn1")),
            };
        }
    }
}

pub(super) fn mobilenet_v2(layers: &mut [Layer<'_>]) {
    super::torchvision::mobilenet_v2(layers);
    for layer in layers {
        if layer.is_head {
            "classifier".clone_into(&mut layer.name);
            continue;
        }
        for name in [&mut layer.name, &mut layer.norm] {
            *name = name.replacen("features.", "feat_extract.", 1);
        }
    }
}
