//! A network with what its training tiles look like: tiles → outputs, and how far each tile is from those, in one pass.
//!
//! Invariant: outputs are the same, to the bit, whether distances are asked for or not.

use crate::device::Dtype;
use crate::error::Result;
use crate::nn::{Bundle, FamiliarityLayer, Network};
use burn::tensor::{Device, FloatDType, Tensor};

/// A model on a device.
#[derive(Debug)]
pub(super) struct Judge {
    network: Network,
    dtype: Dtype,
    familiarity: Option<FamiliarityLayer>,
}

/// What a model says of some tiles.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// Logits, numbers or features `[K]` of each tile.
    pub outputs: Vec<&'a [f32]>,
    /// Squared distances of each tile, where the model can tell.
    pub distances: Option<Vec<f32>>,
}

impl Judge {
    /// Loads a model onto a device, to compute in numbers of a type. Distances are f32: squares of what is far from the
    /// training data leave f16.
    ///
    /// # Errors
    /// Those of [`Bundle::network`].
    pub(super) fn new(bundle: &Bundle, device: &Device, dtype: Dtype) -> Result<Self> {
        let familiarity = bundle.feature_model().map(|model| model.layer(device));
        Ok(Self { network: bundle.network(device)?.cast(dtype.float()), dtype, familiarity })
    }

    /// All that it says, as one tensor: what is read back at once costs one wait.
    ///
    /// # Shapes
    /// `[N, 3, S, S]` normalised RGB f32 to `[N, K]` f32, with distances to `[N, K + 1]`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) (`MOD-0105`) when what the bundle says of its training tiles is of
    /// another network.
    pub(super) fn forward(&self, tiles: Tensor<4>) -> Result<Tensor<2>> {
        // Tiles are made in f32 and rounded once: places of a warp, in pixels, would be too coarse in f16.
        let tiles = tiles.cast(self.dtype.float());
        let Some(familiarity) = &self.familiarity else { return Ok(self.network.forward(tiles).cast(FloatDType::F32)) };
        let (outputs, looks) = self.network.forward_and_looks(tiles);
        Ok(Tensor::cat(vec![outputs.cast(FloatDType::F32), familiarity.distances(looks)?], 1))
    }

    /// Takes what was read back apart.
    ///
    /// # Shapes
    /// `values`: at least `tiles` rows of [`Judge::forward`].
    pub(super) fn said<'a>(&self, values: &'a [f32], tiles: usize) -> Said<'a> {
        let outputs = self.network.spec().outputs();
        let rows = || values.chunks(outputs + usize::from(self.familiarity.is_some())).take(tiles);
        let distances =
            self.familiarity.is_some().then(|| rows().filter_map(|row| row.get(outputs)).copied().collect());
        Said { outputs: rows().map(|row| &row[..outputs.min(row.len())]).collect(), distances }
    }
}
