//! A network with what its training tiles look like: tiles → outputs, and how far each tile is from those, in one pass.
//!
//! Invariant: outputs are the same, to the bit, whether distances are asked for or not, and whether tiles come as bytes or
//! as numbers.

use crate::cpu::{Engine, Options, Sums, Tiles, Workspace};
use crate::device::{Arithmetic, OpenDevice};
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::backbone::backbone;
use crate::nn::{Bundle, FamiliarityLayer, Network};
use crate::ops::unpack::{Normalisation, UnpackShape};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use std::sync::Arc;

/// A model on a device.
#[derive(Debug)]
pub(super) struct Judge {
    computes: Computes,
    /// Numbers that the network gives for a tile, without distances.
    outputs: usize,
    arithmetic: Arithmetic,
    familiarity: Option<FamiliarityLayer>,
}

/// What computes the network, with the weights in the one form that it needs.
#[derive(Debug)]
enum Computes {
    Burn(Box<Network>),
    Engine(Arc<Engine>),
}

/// What a model says of some tiles.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// Logits, numbers or features `[K]` of each tile.
    pub outputs: Vec<&'a [f32]>,
    /// Squared distances of each tile, where the model can tell.
    pub distances: Option<Vec<f32>>,
}

/// One of several threads that compute side by side on our own engine.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    judge: &'a Judge,
    engine: &'a Engine,
    by: Normalisation,
    workspace: Workspace<'a>,
    out: Vec<f32>,
}

impl Judge {
    /// Loads a model onto a device, to compute as the device was opened for. Distances are f32: squares of what is far from
    /// the training data leave f16.
    ///
    /// # Errors
    /// Those of [`Bundle::network`]; [`ErrorKind::Device`] `DEV-0008` when the model cannot be computed so.
    pub(super) fn new(bundle: &Bundle, device: &OpenDevice) -> Result<Self> {
        Self::on(bundle, device, None)
    }

    /// The same on those kernels of our own engine that have a name.
    ///
    /// # Errors
    /// Those of [`Judge::new`].
    pub(super) fn on(bundle: &Bundle, device: &OpenDevice, kernels: Option<&str>) -> Result<Self> {
        let arithmetic = device.arithmetic;
        let familiarity = bundle.feature_model().map(|model| model.layer(&device.device));
        let computes = Computes::of(bundle, device, familiarity.is_some(), kernels)?;
        if arithmetic == Arithmetic::Bf16 && matches!(computes, Computes::Burn(_)) {
            let message = format!("expected a network that our own engine computes, for bf16, found {}", bundle.name());
            let advice = "`--precision f32` works with every network";
            return Err(Error::new(ErrorKind::Device, "DEV-0008", message).with_advice(advice));
        }
        Ok(Self { computes, outputs: bundle.spec().outputs(), arithmetic, familiarity })
    }

    /// What computes: `burn`, or our own engine with its instructions and how it takes sums.
    pub(super) fn engine(&self) -> String {
        let Computes::Engine(engine) = &self.computes else { return "burn".to_owned() };
        let how = match engine.options().sums {
            Sums::Fast => "",
            Sums::Exact => ", exact",
            Sums::Bf16 => ", bf16",
        };
        format!("eosin {}{how}", engine.name())
    }

    /// Whether our own engine computes.
    pub(super) fn has_engine(&self) -> bool {
        matches!(self.computes, Computes::Engine(_))
    }

    /// Memory for one more thread on our own engine, for tiles whose bytes are normalised so and no more; none where burn
    /// computes.
    pub(super) fn lane(&self, by: Normalisation) -> Option<Lane<'_>> {
        let Computes::Engine(engine) = &self.computes else { return None };
        Some(Lane { judge: self, engine, by, workspace: engine.workspace(), out: Vec::new() })
    }

    /// All that it says, as one tensor: what is read back at once costs one wait.
    ///
    /// # Shapes
    /// `[N, 3, S, S]` normalised RGB f32 to `[N, K]` f32, with distances to `[N, K + 1]`.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`MOD-0105`) when what the bundle says of its training tiles is of another network.
    pub(super) fn forward(&self, tiles: Tensor<4>) -> Result<Tensor<2>> {
        match &self.computes {
            Computes::Engine(engine) => {
                let all = backbone(tiles, engine);
                let Some(familiarity) = &self.familiarity else { return Ok(all) };
                let [_, width] = all.dims();
                let looks = all.clone().narrow(1, self.outputs, width - self.outputs);
                Ok(Tensor::cat(vec![all.narrow(1, 0, self.outputs), familiarity.distances(looks)?], 1))
            }
            Computes::Burn(network) => {
                // Tiles are made in f32 and rounded once: places of a warp, in pixels, would be too coarse in f16.
                let tiles = tiles.cast(self.arithmetic.float());
                let Some(familiarity) = &self.familiarity else {
                    return Ok(network.forward(tiles).cast(FloatDType::F32));
                };
                let (outputs, looks) = network.forward_and_looks(tiles);
                Ok(Tensor::cat(vec![outputs.cast(FloatDType::F32), familiarity.distances(looks)?], 1))
            }
        }
    }

    /// Takes what was read back apart.
    ///
    /// # Shapes
    /// `values`: at least `tiles` rows of [`Judge::forward`].
    pub(super) fn said<'a>(&self, values: &'a [f32], tiles: usize) -> Said<'a> {
        let outputs = self.outputs;
        let rows = || values.chunks(outputs + usize::from(self.familiarity.is_some())).take(tiles);
        let distances =
            self.familiarity.is_some().then(|| rows().filter_map(|row| row.get(outputs)).copied().collect());
        Said { outputs: rows().map(|row| &row[..outputs.min(row.len())]).collect(), distances }
    }
}

impl Computes {
    /// Our own engine where the device is the CPU, was not opened otherwise, and there are kernels for the network, which
    /// gives what it looks at beside its outputs if asked to.
    fn of(bundle: &Bundle, device: &OpenDevice, looks: bool, kernels: Option<&str>) -> Result<Self> {
        let load = || Ok::<_, Error>(bundle.network(&device.device)?.cast(device.arithmetic.float()));
        let network = load()?;
        if !device.is_cpu {
            return Ok(Self::Burn(Box::new(network.laid())));
        }
        let sums = match device.arithmetic {
            Arithmetic::F32 => Sums::Fast,
            Arithmetic::Exact => Sums::Exact,
            Arithmetic::Bf16 => Sums::Bf16,
            Arithmetic::F16 | Arithmetic::Reference => return Ok(Self::Burn(Box::new(network))),
        };
        let Some(graph) = network.graph(looks)? else { return Ok(Self::Burn(Box::new(network))) };
        // The graph has the weights, too, and soon they are there once more, packed.
        drop(network);
        let side_px = bundle.preprocess().input_px as usize;
        match Engine::on(&graph, Options { side_px, sums }, kernels) {
            Ok(engine) => Ok(Self::Engine(Arc::new(engine))),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Self::Burn(Box::new(load()?))),
            Err(error) => Err(error),
        }
    }
}

impl Lane<'_> {
    /// What [`Judge::forward`] gives, on the calling thread alone, from bytes.
    ///
    /// # Shapes
    /// `bytes`: at least `[N, I, I, 3]` u8; result `[N, K]`, with distances `[N, K + 1]`.
    ///
    /// # Errors
    /// As [`Judge::forward`].
    pub(super) fn forward(&mut self, bytes: &[u8], shape: UnpackShape) -> Result<Vec<f32>> {
        let (width, outputs) = (self.engine.outputs(), self.judge.outputs);
        self.out.resize(shape.tiles * width, 0.0);
        let tiles = Tiles::Bytes { bytes, side_px: shape.input_px, scale: self.by.scale, shift: self.by.shift };
        self.engine.run(&mut self.workspace, tiles, shape.tiles, &mut self.out);
        let Some(familiarity) = &self.judge.familiarity else { return Ok(self.out.clone()) };
        let looks: Vec<f32> = self.out.chunks(width).flat_map(|row| &row[outputs..]).copied().collect();
        let looks = TensorData::new(looks, [shape.tiles, width - outputs]);
        let distances = familiarity.distances(Tensor::from_data(looks, &Device::flex()))?.into_data();
        let rows = self.out.chunks(width).zip(distances.iter::<f32>());
        Ok(rows.flat_map(|(row, distance)| row[..outputs].iter().copied().chain([distance])).collect())
    }
}
