//! A weights file of another library → the tensors of a network here, checked.
//!
//! Invariant: what comes out fits its network to the last tensor; a network is told from its tensors only when they are
//! exactly those of one.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_WEIGHTS_BYTES;
use crate::nn::bundle::read_file;
use crate::nn::names::{Naming, unwrap};
use crate::nn::registry::Architecture;
use crate::nn::spec::{NetworkSpec, Padding, VARIANTS};
use crate::nn::tensor_map::{Precision, TensorMap};
use crate::nn::torch_file::read_weights;
use crate::nn::weights::{Head, canonical};
use std::path::Path;

/// Weights that were read from a file, and the network that they are for.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The network.
    pub spec: NetworkSpec,
    /// Its weights, with timm's names.
    pub weights: TensorMap,
    /// How the file stores them.
    pub precision: Precision,
    /// BLAKE3 digest of the file, hexadecimal.
    pub digest: String,
}

impl Imported {
    /// Reads the weights of a network from a safetensors file or one of PyTorch, of which `part` may name the key that
    /// holds them. Without a network the tensors tell it; without classes the network gives features only, and a last
    /// layer in the file is left out.
    ///
    /// # Errors
    /// Those of [`read_weights`]; [`ErrorKind::Unsupported`] (`MOD-0208`) for a network that is not known
    /// here; [`ErrorKind::Model`] (`MOD-0105`) when the tensors are not those of the network; [`ErrorKind::Io`].
    pub fn read(path: &Path, part: Option<&str>, network: Option<NetworkSpec>, classes: usize) -> Result<Self> {
        let bytes = read_file(path, MAX_WEIGHTS_BYTES)?;
        Self::from_bytes(&bytes, part, network, classes).map_err(|error| error.at_path(path))
    }

    fn from_bytes(bytes: &[u8], part: Option<&str>, network: Option<NetworkSpec>, classes: usize) -> Result<Self> {
        let (map, precision) = read_weights(bytes, part)?;
        let spec = match network {
            Some(spec) => NetworkSpec { classes, ..spec },
            None => NetworkSpec::recognise(&map, classes)?,
        };
        let spec = spec.as_in(&map);
        spec.check()?;
        let weights = if classes == 0 { without_head(spec, map)? } else { canonical(&spec, map, Head::FromFile)? };
        Ok(Self { spec, weights, precision, digest: blake3::hash(bytes).to_hex().to_string() })
    }
}

/// Whether batch normalisation is still apart from the convolutions.
pub(super) fn has_running_statistics(map: &TensorMap) -> bool {
    map.names().any(|name| name.ends_with("running_mean"))
}

/// Weights without a last layer, whether the file has one or not.
fn without_head(spec: NetworkSpec, map: TensorMap) -> Result<TensorMap> {
    let with_one_class = NetworkSpec { classes: 1, ..spec };
    canonical(&with_one_class, map, Head::Fresh)
}

impl NetworkSpec {
    /// The same network with what the tensors of a file tell of it beside their shapes: whether normalisation is apart, and,
    /// where its library has a number of its own, what it adds to variances.
    #[must_use]
    pub fn as_in(mut self, map: &TensorMap) -> Self {
        self.batch_norm = has_running_statistics(map);
        let naming = Naming::of(self.architecture, &unwrap(map.shapes()));
        self.variant.epsilon = self.variant.epsilon.or_else(|| naming.epsilon(self.architecture));
        self
    }

    /// Tells a network from the names and shapes of its tensors.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] (`MOD-0208`) when they are those of no network here, or of two that differ in padding,
    /// which leaves no trace in tensors; [`ErrorKind::Model`] (`MOD-0105`) when only the last layer differs.
    pub fn recognise(map: &TensorMap, classes: usize) -> Result<Self> {
        let shapes = map.shapes();
        let named = VARIANTS.iter().filter(|variant| variant.padding == Padding::Torch && variant.epsilon.is_none());
        let known = Architecture::all()
            .filter(|&architecture| architecture != Architecture::Vit)
            .map(|architecture| Self::torch(architecture, classes))
            .chain(named.map(|variant| variant.spec(classes)));
        let batch_norm = has_running_statistics(map);
        let known: Vec<Self> = known.map(|spec| Self { batch_norm, ..spec }).collect();
        let mut body = known.iter().filter(|spec| without_head(**spec, shapes.clone()).is_ok()).copied();
        let Some(spec) = body.next() else {
            let message = "expected the tensors of a known network, found others";
            return Err(Error::new(ErrorKind::Unsupported, "MOD-0208", message).with_advice(
                "name the architecture, to see which tensors differ; `eosin models architectures` lists them",
            ));
        };
        if classes > 0 {
            canonical(&spec, shapes.clone(), Head::FromFile)?;
        }
        let twin = VARIANTS.iter().find(|variant| {
            variant.padding == Padding::TfSame
                && variant.architecture == spec.architecture
                && spec.variant.width.is_none()
        });
        match (Naming::of(spec.architecture, &unwrap(shapes)), twin) {
            (Naming::Numbered, _) => Ok(Self { padding: Padding::TfSame, ..spec }),
            (Naming::Timm, Some(twin)) => {
                let message = format!(
                    "expected the name of a network, found tensors that {} and {} share",
                    spec.architecture, twin.name
                );
                let advice = format!(
                    "the two are padded differently; name one with --arch, or as \"architecture\" in config.json: {} or {}",
                    spec.architecture, twin.name
                );
                Err(Error::new(ErrorKind::Unsupported, "MOD-0208", message).with_advice(advice))
            }
            _ => Ok(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tensor_map::Weight;

    #[test]
    fn the_names_of_a_file_tell_the_number_of_its_library_unless_one_is_stated() {
        let with = |name: &str| -> TensorMap {
            [(name.to_owned(), Weight { shape: vec![0], data: Vec::new() })].into_iter().collect()
        };
        let epsilon = |spec: NetworkSpec, name: &str| spec.as_in(&with(name)).epsilon();
        let same = |found: f64, expected: f64| (found - expected).abs() < 1e-15;
        let mobile = NetworkSpec::torch(Architecture::MobileNetV3Small, 2);
        assert!(same(epsilon(mobile, "features.0.0.weight"), 1e-3) && same(epsilon(mobile, "conv_stem.weight"), 1e-5));
        let vit = NetworkSpec::torch(Architecture::VitBase16, 2);
        let transformers = "module.encoder.layer.0.layernorm_before.weight";
        assert!(same(epsilon(vit, transformers), 1e-12) && same(epsilon(vit, "cls_token"), 1e-6));
        let mut stated = vit;
        stated.variant.epsilon = Some(1e-6);
        assert!(same(epsilon(stated, transformers), 1e-6));
    }
}
