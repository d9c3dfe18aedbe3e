//! Tiles → gradients, and tiles → scores.
//!
//! On the CPU a batch is cut in shards that are computed side by side: burn's convolutions use several cores badly, and
//! this is two to three times faster. Invariant: the result depends on the number of shards, never on the number of cores
//! or on which thread is done first.

use crate::dataset::TileSet;
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::Network;
use crate::random::Random;
use crate::train::augment::Recipe;
use crate::train::config::TrainConfig;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

/// Keeps this file's random numbers apart from those of other uses of the seed.
const STREAM: u64 = 0xa067;
/// Tiles that a CPU thread scores at once: larger batches only leave the caches.
const CPU_LANE: usize = 4;
/// Tiles that a GPU scores at once.
const GPU_BATCH: usize = 64;

/// What stays the same over a training.
pub(super) struct Stage<'a> {
    pub set: &'a TileSet,
    pub config: &'a TrainConfig,
    pub device: &'a OpenDevice,
    /// Factor of each class in the loss.
    pub weights: Vec<f32>,
}

/// A batch of an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub epoch: u64,
    /// Place of its first tile in the epoch.
    pub first: usize,
    pub tiles: &'a [usize],
}

impl Stage<'_> {
    /// Loss and gradients of a batch; the gradients of its shards have to be added.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] (`TRN-0401`) when the loss is not finite, with the tiles of the batch; [`ErrorKind::Device`].
    pub fn gradients(&self, network: &Network, batch: Batch<'_>) -> Result<(f64, Vec<GradientsParams>)> {
        let total: f32 =
            batch.tiles.iter().map(|&tile| self.weights[self.set.tiles[tile].truth.class().unwrap_or_default()]).sum();
        // Batch normalisation needs the statistics of the whole batch.
        let whole = network.spec().batch_norm || !self.device.is_cpu;
        let shards = if whole { 1 } else { self.config.shards };
        let size = batch.tiles.len().div_ceil(shards).max(1);
        let shard = |at: usize, tiles| Batch { first: batch.first + at * size, tiles, ..batch };
        let parts: Vec<(f64, GradientsParams)> = if whole {
            vec![self.shard(network, batch, total)?]
        } else {
            std::thread::scope(|scope| {
                let shards = batch.tiles.chunks(size).enumerate();
                let threads: Vec<_> = shards
                    .map(|(at, tiles)| {
                        // Threads that share tensors would wait for each other's graphs; a fork has its own.
                        let network = network.clone().fork(&self.device.device.clone().autodiff());
                        scope.spawn(move || self.shard(&network, shard(at, tiles), total))
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
    fn shard(&self, network: &Network, batch: Batch<'_>, total: f32) -> Result<(f64, GradientsParams)> {
        let device = self.device.device.clone().autodiff();
        let side = self.set.side_px as usize;
        let mut values = Vec::with_capacity(batch.tiles.len() * side * side * 3);
        for (at, &tile) in batch.tiles.iter().enumerate() {
            let mut random = Random::of(&[STREAM, self.config.seed, batch.epoch, (batch.first + at) as u64]);
            let recipe = Recipe::draw(&self.config.augment, &mut random);
            recipe.apply(&self.set.pixels(tile)?, side, &self.config.input, &mut values);
        }
        let targets = self.targets(batch.tiles, total);
        let input = Tensor::<4>::from_data(TensorData::new(values, [batch.tiles.len(), 3, side, side]), &device); // [N, 3, S, S]
        let targets = Tensor::<2>::from_data(targets, &device); // [N, K]
        let loss = -(log_softmax(network.forward(input), 1) * targets).sum();
        let value = loss.clone().try_into_scalar::<f32>().map_err(failed)?;
        Ok((f64::from(value), GradientsParams::from_grads(loss.backward(), network)))
    }

    /// Smoothed labels, each row weighed by its class and divided by the weight of the whole batch: what remains of
    /// cross-entropy is a product with the logarithms of the probabilities.
    fn targets(&self, tiles: &[usize], total: f32) -> TensorData {
        let classes = self.set.targets.names().len();
        let spread = self.config.label_smoothing;
        let row = |&tile: &usize| {
            let label = self.set.tiles[tile].truth.class().unwrap_or_default();
            let share = self.weights[label] / total;
            (0..classes).map(move |class| {
                let hit = if class == label { 1.0 - spread } else { 0.0 };
                share * (hit + spread / classes as f32)
            })
        };
        TensorData::new(tiles.iter().flat_map(row).collect::<Vec<f32>>(), [tiles.len(), classes])
    }

    /// Probabilities `[K]` of each tile, in order, without any variation.
    ///
    /// # Errors
    /// [`ErrorKind::Device`].
    pub fn score(&self, network: &Network, tiles: &[usize]) -> Result<Vec<Vec<f32>>> {
        let network = network.valid();
        if !self.device.is_cpu {
            let rows = tiles.chunks(GPU_BATCH).map(|tiles| self.probabilities(&network, tiles));
            return Ok(rows.collect::<Result<Vec<_>>>()?.concat());
        }
        let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Whole groups for each lane, so that the number of lanes changes no group and no result.
        let lane = tiles.len().div_ceil(lanes).next_multiple_of(CPU_LANE).max(CPU_LANE);
        let work = |tiles: &[usize]| -> Result<Vec<Vec<f32>>> {
            let groups = tiles.chunks(CPU_LANE).map(|tiles| self.probabilities(&network, tiles));
            Ok(groups.collect::<Result<Vec<_>>>()?.concat())
        };
        std::thread::scope(|scope| {
            let lanes: Vec<_> = tiles.chunks(lane).map(|tiles| scope.spawn(|| work(tiles))).collect();
            let rows = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err(panicked())));
            Ok(rows.collect::<Result<Vec<_>>>()?.concat())
        })
    }

    fn probabilities(&self, network: &Network, tiles: &[usize]) -> Result<Vec<Vec<f32>>> {
        let side = self.set.side_px as usize;
        let mut values = Vec::with_capacity(tiles.len() * side * side * 3);
        for &tile in tiles {
            Recipe::plain().apply(&self.set.pixels(tile)?, side, &self.config.input, &mut values);
        }
        let device: &Device = &self.device.device;
        let input = Tensor::<4>::from_data(TensorData::new(values, [tiles.len(), 3, side, side]), device); // [N, 3, S, S]
        let data = log_softmax(network.forward(input), 1).exp().try_into_data().map_err(failed)?;
        let flat: Vec<f32> = data.iter::<f32>().collect();
        Ok(flat.chunks(self.set.targets.names().len()).map(<[f32]>::to_vec).collect())
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Device, "TRN-0403", format!("cannot read from the device: {error}"))
}

fn panicked() -> Error {
    Error::new(ErrorKind::Device, "TRN-0404", "expected gradients from the CPU, found a panic")
}
