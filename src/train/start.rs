//! The network before the first step: start weights from a file, or from chance alone.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_WEIGHTS_BYTES;
use crate::nn::{Activation, Bundle, Head, NetworkSpec, TensorMap, fresh, load, read_weights, save};
use crate::train::config::{Layers, TrainConfig};
use crate::train::scale::Scale;
use burn::tensor::Device;
use std::path::Path;

/// A network's shape and first weights.
pub(super) struct Start {
    pub spec: NetworkSpec,
    pub weights: TensorMap,
    /// What the weights come from, for the card.
    pub origin: String,
    /// Digest of the weights they come from, whatever their file is called; empty without one.
    pub digest: String,
}

/// Prepares the weights of a network for these classes or numbers, which it is to give on this scale. The last layer is
/// kept only from a model of the same ones.
///
/// # Errors
/// Those of reading the weights; [`ErrorKind::Usage`] (`TRN-0103`) when a model normalises colours otherwise.
pub(super) fn start(config: &TrainConfig, classes: &[String], scale: Option<&Scale>) -> Result<Start> {
    let start = prepare(config, classes, scale)?;
    let (code, what) = match (scale, config.layers) {
        _ if start.spec.linear_head().is_some() => return Ok(start),
        (Some(_), _) => ("TRN-0106", "to estimate numbers"),
        (None, Layers::Head) => ("TRN-0107", "for `layers = \"head\"`"),
        (None, _) => return Ok(start),
    };
    let message = format!("expected a network with a linear last layer {what}, found {}", start.spec.architecture);
    Err(Error::new(ErrorKind::Usage, code, message).with_advice("choose another architecture, or layers = \"all\""))
}

fn prepare(config: &TrainConfig, classes: &[String], scale: Option<&Scale>) -> Result<Start> {
    let Some(path) = &config.init else {
        let spec = NetworkSpec { padding: config.padding, ..NetworkSpec::torch(config.architecture, classes.len()) };
        let (weights, origin) = (fresh(&spec, config.seed)?, "random weights".to_owned());
        return Ok(Start { spec, weights, origin, digest: String::new() });
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_dir() {
        let bundle = Bundle::open(path)?;
        let (theirs, ours) = (bundle.preprocess(), &config.input);
        if (theirs.mean, theirs.std) != (ours.mean, ours.std) {
            let message = format!(
                "expected mean {:?} and std {:?} as in the start model, found {:?} and {:?}",
                theirs.mean, theirs.std, ours.mean, ours.std
            );
            return Err(Error::new(ErrorKind::Usage, "TRN-0103", message).at_path(path));
        }
        if theirs.stain != config.stain {
            let message = format!("expected stain {:?} as in the start model, found {:?}", theirs.stain, config.stain);
            return Err(Error::new(ErrorKind::Usage, "TRN-0103", message).at_path(path));
        }
        let spec = NetworkSpec { classes: classes.len(), ..bundle.spec().folded() };
        let digest = bundle.digest().to_owned();
        let origin = format!("model {} (weights {digest})", bundle.name());
        let estimates = bundle.activation() == Activation::Identity;
        let weights = if bundle.class_names() == classes && estimates == scale.is_some() {
            let mut weights = bundle.weights().clone();
            if let Some(scale) = scale {
                scale.to_standard(&spec, &mut weights)?;
            }
            weights
        } else {
            with_fresh_head(config, &spec, bundle.weights())?
        };
        return Ok(Start { spec, weights, origin, digest });
    }
    let bytes = read(path)?;
    let (map, _) = read_weights(&bytes, None).map_err(|error| error.at_path(path))?;
    let spec =
        NetworkSpec { padding: config.padding, ..NetworkSpec::torch(config.architecture, classes.len()).as_in(&map) };
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let weights = with_fresh_head(config, &spec, &map).map_err(|error| error.at_path(path))?;
    Ok(Start { spec, weights, origin: format!("{name} (BLAKE3 {digest})"), digest })
}

/// Weights of a file for other classes: the last layer is drawn.
fn with_fresh_head(config: &TrainConfig, spec: &NetworkSpec, map: &TensorMap) -> Result<TensorMap> {
    let network = load(spec.init(&Device::flex())?, &fresh(spec, config.seed)?, Head::FromFile)?;
    save(&load(network, map, Head::Fresh)?)
}

/// Reads a weights file of bounded size.
fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, "read the start weights", error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_WEIGHTS_BYTES {
        let message = format!("expected at most {MAX_WEIGHTS_BYTES} bytes of weights, found {size}");
        return Err(Error::new(ErrorKind::Limits, "TRN-0104", message).at_path(path));
    }
    std::fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Padding;

    #[test]
    fn a_network_from_chance_has_the_padding_that_was_asked_for() {
        let classes = ["a", "b"].map(str::to_owned);
        for padding in [Padding::Torch, Padding::TfSame] {
            let found = start(&TrainConfig { padding, ..TrainConfig::default() }, &classes, None).unwrap();
            assert_eq!(found.spec.padding, padding);
        }
    }
}
