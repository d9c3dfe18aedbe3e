//! Tiles → gradients, and tiles → what a network says of them.
//!
//! On the CPU a batch is cut in shards that are computed side by side: burn's convolutions use several cores badly, and
//! this is two to three times faster. Invariant: the result depends on the number of shards, never on the number of cores
//! or on which thread is done first.

use crate::dataset::{InputConfig, Targets, TileSet, Truth};
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::infer::{Eye, activate};
use crate::nn::{Activation, Network};
use crate::ops::augment::Variation;
use crate::ops::unpack::UnpackShape;
use crate::random::Random;
use crate::train::augment;
use crate::train::config::TrainConfig;
use crate::train::features::Features;
use crate::train::loss::Loss;
use crate::train::mixed;
use crate::train::scale::Scale;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

/// Keeps this file's random numbers apart from those of other uses of the seed.
const STREAM: u64 = 0xa067;
/// Tiles that a CPU thread scores at once: larger batches only leave the caches.
const CPU_LANE: usize = 4;
/// Tiles that a GPU scores at once.
const GPU_BATCH: usize = 64;

/// What stays the same over a training.
pub(super) struct Stage<'a> {
    pub set: &'a TileSet,
    /// A resolved configuration.
    pub config: &'a TrainConfig,
    pub device: &'a OpenDevice,
    /// Factor of each tile in the loss.
    pub weights: Vec<f32>,
    /// Of numbers.
    pub scale: Option<Scale>,
}

/// A batch of an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub epoch: u64,
    /// Place of its first tile in the epoch.
    pub first: usize,
    pub tiles: &'a [usize],
}

/// How a tile is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum View {
    /// As it is for 0, and varied for others, always in the same way.
    Variant(usize),
    /// As in one epoch at one place.
    Epoch { epoch: u64, place: usize },
}

impl Stage<'_> {
    /// Loss and gradients of a batch; the gradients of its shards have to be added. With features the last layer alone is
    /// run.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`TRN-0401`) when the loss is not finite, with the tiles of the batch; [`ErrorKind::Device`].
    pub fn gradients(
        &self,
        network: &Network,
        features: Option<&Features>,
        batch: Batch<'_>,
    ) -> Result<(f64, Vec<GradientsParams>)> {
        let total: f32 = batch.tiles.iter().map(|&tile| self.weights[tile]).sum();
        // Batch normalisation needs the statistics of the whole batch.
        let whole = network.spec().batch_norm || !self.device.is_cpu || features.is_some();
        let shards = if whole { 1 } else { self.config.shards };
        let size = batch.tiles.len().div_ceil(shards).max(1);
        let shard = |at: usize, tiles| Batch { first: batch.first + at * size, tiles, ..batch };
        let parts: Vec<(f64, GradientsParams)> = if whole {
            vec![self.shard(network, features, batch, total)?]
        } else {
            std::thread::scope(|scope| {
                let shards = batch.tiles.chunks(size).enumerate();
                let threads: Vec<_> = shards
                    .map(|(at, tiles)| {
                        // Threads that share tensors would wait for each other's graphs; a fork has its own.
                        let network = network.clone().fork(&self.device.device.clone().autodiff());
                        scope.spawn(move || self.shard(&network, None, shard(at, tiles), total))
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|_| Err(panicked())))
                    .collect::<Result<_>>()
            })?
        };
        let loss: f64 = parts.iter().map(|part| part.0).sum();
        if !loss.is_finite() {
            let names: Vec<&str> = batch.tiles.iter().map(|&tile| self.set.tiles[tile].name.as_str()).collect();
            let message = format!("expected a finite loss, found {loss} for the tiles {}", names.join("; "));
            return Err(Error::new(ErrorKind::Model, "TRN-0401", message)
                .with_advice("a lower learning rate (`lr`) or `clip_norm` may help; otherwise look at these tiles"));
        }
        Ok((loss, parts.into_iter().map(|part| part.1).collect()))
    }

    /// The part of a batch's loss that some of its tiles cause, and its gradients.
    fn shard(
        &self,
        network: &Network,
        features: Option<&Features>,
        batch: Batch<'_>,
        total: f32,
    ) -> Result<(f64, GradientsParams)> {
        let device = self.device.device.clone().autodiff();
        let count = batch.tiles.len();
        let outputs = if let Some(features) = features {
            let rows = batch.tiles.iter().enumerate().flat_map(|(at, &tile)| {
                let mut random = Random::of(&[STREAM, self.config.seed, batch.epoch, (batch.first + at) as u64]);
                features.row(tile, random.below(self.config.views)).iter().copied()
            });
            let rows = TensorData::new(rows.collect::<Vec<f32>>(), [count, features.columns()]);
            network.logits(Tensor::from_data(rows, &device)).ok_or_else(no_head)?
        } else {
            let view = |at: usize| View::Epoch { epoch: batch.epoch, place: batch.first + at };
            mixed::forward(network, Tensor::from_inner(self.input(batch.tiles, &view)?), self.config.compute)
        };
        let truth: Vec<f32> = batch.tiles.iter().flat_map(|&tile| self.truth(tile)).collect();
        let truth = Tensor::<2>::from_data(TensorData::new(truth, [count, self.set.targets.names().len()]), &device); // [N, K]
        let shares: Vec<f32> = batch.tiles.iter().map(|&tile| self.weights[tile] / total).collect();
        let shares = Tensor::<2>::from_data(TensorData::new(shares, [count, 1]), &device); // [N, 1]
        let loss = Loss::of(self.config).sum(outputs, truth, shares);
        let value = loss.clone().try_into_scalar::<f32>().map_err(failed)?;
        Ok((f64::from(value), GradientsParams::from_grads(loss.backward(), network)))
    }

    /// What the network should say of a tile: shares of classes with some of the label spread over all, or standard numbers.
    fn truth(&self, tile: usize) -> Vec<f32> {
        match (&self.set.tiles[tile].truth, &self.set.targets) {
            (Truth::Class(label), Targets::Classes(names)) => {
                let (spread, count) = (self.config.label_smoothing, names.len());
                let share = |class: usize| if class == *label { 1.0 - spread } else { 0.0 } + spread / count as f32;
                (0..count).map(share).collect()
            }
            (truth, _) => match &self.scale {
                Some(scale) => scale.standard(truth.numbers()).collect(),
                None => truth.numbers().to_vec(),
            },
        }
    }

    /// Logits of tiles, or the numbers that a network gives, one row each, in order.
    ///
    /// # Errors
    /// [`ErrorKind::Device`].
    pub fn outputs(&self, network: &Network, tiles: &[usize]) -> Result<Vec<Vec<f32>>> {
        self.run(network, tiles, View::Variant(0), &|network, tiles| network.forward(tiles))
    }

    /// The same from features.
    ///
    /// # Errors
    /// As [`Stage::outputs`]; [`ErrorKind::Usage`] (`TRN-0107`) when the last layer is not linear.
    pub fn of_features(&self, network: &Network, features: &Features, tiles: &[usize]) -> Result<Vec<Vec<f32>>> {
        let rows: Vec<f32> = tiles.iter().flat_map(|&tile| features.row(tile, 0)).copied().collect();
        let rows = TensorData::new(rows, [tiles.len(), features.columns()]);
        read(network.valid().logits(Tensor::from_data(rows, &self.device.device)).ok_or_else(no_head)?)
    }

    /// Probabilities of classes at a temperature; numbers stay as they are.
    pub fn scores(&self, outputs: &[Vec<f32>], temperature: f64) -> Vec<Vec<f32>> {
        let activation = if self.scale.is_some() { Activation::Identity } else { Activation::Softmax };
        #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
        let temperature = temperature as f32;
        outputs.iter().map(|row| activate(row, activation, temperature)).collect()
    }

    /// What a network says of tiles, one row each, in order.
    ///
    /// # Errors
    /// [`ErrorKind::Device`].
    pub fn run(
        &self,
        network: &Network,
        tiles: &[usize],
        view: View,
        say: &(dyn Fn(&Network, Tensor<4>) -> Tensor<2> + Sync),
    ) -> Result<Vec<Vec<f32>>> {
        let network = network.valid();
        let group = |tiles: &[usize]| -> Result<Vec<Vec<f32>>> { read(say(&network, self.input(tiles, &|_| view)?)) };
        let groups = |tiles: &[usize], size: usize| -> Result<Vec<Vec<f32>>> {
            Ok(tiles.chunks(size).map(group).collect::<Result<Vec<_>>>()?.concat())
        };
        if !self.device.is_cpu {
            return groups(tiles, GPU_BATCH);
        }
        let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Whole groups for each lane, so that the number of lanes changes no group and no result.
        let lane = tiles.len().div_ceil(lanes).next_multiple_of(CPU_LANE).max(CPU_LANE);
        std::thread::scope(|scope| {
            let lanes: Vec<_> = tiles.chunks(lane).map(|tiles| scope.spawn(|| groups(tiles, CPU_LANE))).collect();
            let rows = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err(panicked())));
            Ok(rows.collect::<Result<Vec<_>>>()?.concat())
        })
    }

    /// Normalised tiles `[N, 3, S, S]` on the plain device; `view` says how the tile at each place is shown.
    fn input(&self, tiles: &[usize], view: &dyn Fn(usize) -> View) -> Result<Tensor<4>> {
        let side = self.set.side_px as usize;
        let shape = UnpackShape { tiles: tiles.len(), input_px: side, output_px: side };
        let pixels = tiles.iter().map(|&tile| self.set.pixels(tile)).collect::<Result<Vec<_>>>()?.concat();
        let variations: Option<Vec<Variation>> =
            tiles.iter().enumerate().map(|(at, &tile)| self.variation(tile, view(at))).collect();
        let InputConfig { mean, std, .. } = self.config.input;
        let (eye, device) = (Eye::new(mean, std, self.config.stain), &self.device.device);
        Ok(match variations {
            Some(variations) => eye.see_varied(&pixels, &variations, shape, device),
            None => eye.see(&pixels, shape, device),
        })
    }

    /// None for a tile as it is.
    fn variation(&self, tile: usize, view: View) -> Option<Variation> {
        let seed = self.config.seed;
        let mut random = match view {
            View::Variant(0) => return None,
            View::Variant(view) => Random::of(&[STREAM, seed, 0, tile as u64, view as u64]),
            View::Epoch { epoch, place } => Random::of(&[STREAM, seed, epoch, place as u64]),
        };
        Some(augment::draw(&self.config.augment, &mut random))
    }
}

fn read(rows: Tensor<2>) -> Result<Vec<Vec<f32>>> {
    let [_, columns] = rows.dims();
    let flat: Vec<f32> = rows.try_into_data().map_err(failed)?.iter::<f32>().collect();
    Ok(flat.chunks(columns.max(1)).map(<[f32]>::to_vec).collect())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Device, "TRN-0403", format!("cannot read from the device: {error}"))
}

fn panicked() -> Error {
    Error::new(ErrorKind::Device, "TRN-0404", "expected gradients from the CPU, found a panic")
}

fn no_head() -> Error {
    Error::new(
        ErrorKind::Usage,
        "TRN-0107",
        "layers: expected a network with a linear last layer for head, found another",
    )
    .with_advice("choose `layers = \"last\"` or `\"all\"`")
}
