//! Weights into a network and out of it, strictly: a tensor that is missing, unknown or of another shape is an error.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::layers::Layer;
use crate::nn::names::{Naming, unwrap};
use crate::nn::network::Network;
use crate::nn::spec::NetworkSpec;
use crate::nn::tensor_map::{TensorMap, Weight};
use burn::tensor::Device;

/// Names listed in one message before the rest is only counted.
const LISTED: usize = 5;

/// What becomes of the last layer when weights are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// It is loaded as all others.
    FromFile,
    /// It stays as it is in the network and the file's own is ignored, whatever its number of classes: for fine-tuning.
    Fresh,
}

/// Puts weights into a network, on the device where the network is. Names are timm's; those of torchvision and
/// transformers, numbered layers of a folded `MobileNetV2`, and prefixes of wrappers such as `module.` are understood.
///
/// # Errors
/// [`ErrorKind::Model`] (`MOD-0105`) naming the tensors that are missing, unknown or of another shape; `MOD-0103` for a
/// running variance that is negative.
pub fn load(network: Network, map: &TensorMap, head: Head) -> Result<Network> {
    let map = canonical(network.spec(), map.clone(), head)?;
    place(network, &map, head)
}

/// Puts weights with timm's names, which were checked, into a network.
///
/// # Errors
/// [`ErrorKind::Model`] (`MOD-0105`) when a tensor is missing.
pub(super) fn place(mut network: Network, map: &TensorMap, head: Head) -> Result<Network> {
    for layer in network.layers() {
        if head == Head::Fresh && layer.is_head {
            continue;
        }
        for (name, slot) in layer.slots() {
            slot.set(map.get(&name).ok_or_else(|| unfit(vec![format!("missing {name}")]))?);
        }
    }
    Ok(network)
}

/// Takes the weights of a network, with timm's names.
///
/// # Errors
/// [`ErrorKind::Device`] when the device cannot give them.
pub fn save(network: &Network) -> Result<TensorMap> {
    // The walk is written once, for mutable networks; a clone shares its tensors.
    let mut network = network.clone();
    let slots = network.layers().into_iter().flat_map(Layer::slots);
    slots.map(|(name, slot)| Ok((name, slot.get()?))).collect()
}

/// Checks weights against a network and gives them timm's names.
///
/// # Errors
/// Those of [`load`].
pub(super) fn canonical(spec: &NetworkSpec, map: TensorMap, head: Head) -> Result<TensorMap> {
    let map = unwrap(map);
    let naming = Naming::of(spec.architecture, &map);
    let mut map = naming.tidy(map)?;
    // Only names and shapes are asked of it, so no value is ever drawn.
    let mut network = spec.init(&Device::flex())?;
    let ours: Vec<String> = slots(&mut network, Naming::Timm).into_iter().map(|(name, ..)| name).collect();
    let mut problems = Vec::new();
    let mut canonical = TensorMap::default();
    for (ours, (theirs, shape, is_head)) in ours.into_iter().zip(slots(&mut network, naming)) {
        let found = map.remove(&theirs);
        if is_head && head == Head::Fresh {
            continue;
        }
        match found {
            None => problems.push(format!("missing {theirs} {shape:?}")),
            Some(found) if significant(&found.shape) != significant(&shape) => {
                problems.push(format!("{theirs}: expected {shape:?}, found {:?}", found.shape));
            }
            Some(found) => {
                check_variance(&theirs, &found)?;
                canonical.insert(ours, Weight { shape, ..found });
            }
        }
    }
    problems.extend(map.into_iter().map(|(name, weight)| format!("unknown {name} {:?}", weight.shape)));
    if problems.is_empty() { Ok(canonical) } else { Err(unfit(problems)) }
}

/// Sides up to the last that is not 1: a 1x1 kernel is a matrix, and libraries differ in which they keep.
fn significant(shape: &[usize]) -> &[usize] {
    let end = shape.iter().rposition(|&side| side != 1).map_or(0, |last| last + 1);
    &shape[..end]
}

/// Name, shape and whether it is the head's, of every tensor.
fn slots(network: &mut Network, naming: Naming) -> Vec<(String, Vec<usize>, bool)> {
    let mut layers = network.layers();
    naming.apply(&mut layers);
    let slots = layers.into_iter().flat_map(|layer| {
        let is_head = layer.is_head;
        layer.slots().into_iter().map(move |(name, slot)| (name, slot.shape(), is_head))
    });
    slots.collect()
}

fn check_variance(name: &str, weight: &Weight) -> Result<()> {
    match weight.data.iter().find(|&&value| name.ends_with("running_var") && value < 0.0) {
        Some(bad) => Err(Error::new(
            ErrorKind::Model,
            "MOD-0103",
            format!("expected no negative variance, found {bad} in {name}"),
        )),
        None => Ok(()),
    }
}

fn unfit(mut problems: Vec<String>) -> Error {
    let more = problems.len().saturating_sub(LISTED);
    problems.truncate(LISTED);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Error::new(ErrorKind::Model, "MOD-0105", format!("weights do not fit the network: {}", problems.join("; ")))
}
