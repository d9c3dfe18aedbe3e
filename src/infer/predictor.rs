//! The device stage: takes batches of bytes from a feed, gives probabilities per tile.

use super::activation::activate;
use super::readback::Readback;
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::gpu::unpack::unpack;
use crate::nn::{Activation, Bundle, Network};
use crate::ops::unpack::{Normalisation, UnpackShape};
use crate::tile::Batch;
use burn::tensor::{Device, Tensor};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where batches come from and where their buffers go back to.
pub trait BatchFeed: Sync {
    /// The next batch, or `None` when there is no more.
    fn next_batch(&self) -> Option<Batch>;
    /// Takes a buffer back for another use.
    fn recycle(&self, batch: Batch);
}

/// Probabilities of the tiles of one batch.
#[derive(Debug)]
pub struct Scored {
    /// Index of each tile in its plan.
    pub tiles: Vec<u32>,
    /// Probabilities `[K]` of each of these tiles.
    pub scores: Vec<Vec<f32>>,
}

/// How many tiles are computed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PredictorConfig {
    /// Tiles in a batch; fixed, as every other size would be tuned and compiled again.
    pub batch: usize,
    /// Batches computed side by side; more than one only on the CPU.
    pub lanes: usize,
}

impl PredictorConfig {
    /// What suits a device. On the CPU one lane per core with small batches keeps all cores busy through the
    /// single-threaded parts of burn's convolutions, and the activations small.
    pub fn for_device(device: &OpenDevice, batch: Option<usize>) -> Self {
        if device.is_cpu {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            Self { batch: batch.unwrap_or(4), lanes: cores }
        } else {
            Self { batch: batch.unwrap_or(64), lanes: 1 }
        }
    }
}

/// Submitted but not yet read batches on a GPU: one computes while the other is copied back.
const IN_FLIGHT: usize = 2;

/// A model on a device.
#[derive(Debug)]
pub struct Predictor {
    network: Network,
    device: Device,
    is_cpu: bool,
    input_px: usize,
    normalisation: Normalisation,
    activation: Activation,
    config: PredictorConfig,
}

impl Predictor {
    /// Loads a model onto a device.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the weights do not fit.
    pub fn new(bundle: &Bundle, device: &OpenDevice, config: PredictorConfig) -> Result<Self> {
        let preprocess = bundle.preprocess();
        Ok(Self {
            network: bundle.network(&device.device)?,
            device: device.device.clone(),
            is_cpu: device.is_cpu,
            input_px: preprocess.input_px as usize,
            normalisation: Normalisation::new(preprocess.mean, preprocess.std),
            activation: bundle.activation(),
            config,
        })
    }

    /// The sizes it works with.
    pub fn config(&self) -> PredictorConfig {
        self.config
    }

    /// Runs one empty batch, so that kernels are compiled and tuned before the clock starts.
    ///
    /// # Errors
    /// As [`Predictor::run`].
    pub fn warm_up(&self) -> Result<()> {
        if self.is_cpu {
            return Ok(());
        }
        let bytes = vec![255; self.shape().bytes()];
        Readback::start(self.forward(&bytes)).wait().map(drop)
    }

    /// Scores everything that the feed has; `sink` gets each batch as it is done, in any order.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] when the device failed; [`ErrorKind::Model`] `INF-0001` when a score is not finite.
    pub fn run(&self, feed: &dyn BatchFeed, sink: &(dyn Fn(Scored) + Sync)) -> Result<()> {
        if !self.is_cpu {
            return self.run_in_order(feed, sink);
        }
        let failed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let lane = || {
                let done = self.run_lane(feed, sink, &failed);
                failed.fetch_or(done.is_err(), Ordering::Relaxed);
                done
            };
            let lanes: Vec<_> = (0..self.config.lanes.max(1)).map(|_| scope.spawn(lane)).collect();
            let panicked = || Error::new(ErrorKind::Device, "DEV-0003", "expected scores from the CPU, found a panic");
            lanes.into_iter().try_for_each(|lane| lane.join().unwrap_or_else(|_| Err(panicked())))
        })
    }

    /// One of several lanes on the CPU.
    fn run_lane(&self, feed: &dyn BatchFeed, sink: &(dyn Fn(Scored) + Sync), failed: &AtomicBool) -> Result<()> {
        while !failed.load(Ordering::Relaxed) {
            let Some(batch) = feed.next_batch() else { break };
            let shape = UnpackShape { tiles: batch.tiles.len(), ..self.shape_for(&batch) };
            let input = unpack(&batch.pixels[..shape.bytes()], shape, self.normalisation, &self.device);
            let tiles = batch.tiles.clone();
            feed.recycle(batch);
            let logits = Readback::start(self.network.forward(input)).wait()?;
            sink(self.score(tiles, &logits)?);
        }
        Ok(())
    }

    /// The one submission thread of a GPU.
    fn run_in_order(&self, feed: &dyn BatchFeed, sink: &(dyn Fn(Scored) + Sync)) -> Result<()> {
        let mut flying: VecDeque<(Vec<u32>, Readback)> = VecDeque::new();
        let land = |flying: &mut VecDeque<(Vec<u32>, Readback)>| {
            flying.pop_front().map_or(Ok(()), |(tiles, readback)| {
                sink(self.score(tiles, &readback.wait()?)?);
                Ok(())
            })
        };
        while let Some(mut batch) = feed.next_batch() {
            let shape = UnpackShape { tiles: self.config.batch, ..self.shape_for(&batch) };
            batch.pixels.resize(shape.bytes(), 0);
            let input = unpack(&batch.pixels, shape, self.normalisation, &self.device);
            flying.push_back((batch.tiles.clone(), Readback::start(self.network.forward(input))));
            feed.recycle(batch);
            if flying.len() >= IN_FLIGHT {
                land(&mut flying)?;
            }
        }
        while !flying.is_empty() {
            land(&mut flying)?;
        }
        Ok(())
    }

    fn shape(&self) -> UnpackShape {
        UnpackShape { tiles: self.config.batch, input_px: self.input_px, output_px: self.input_px }
    }

    fn shape_for(&self, batch: &Batch) -> UnpackShape {
        UnpackShape { input_px: batch.side_px as usize, ..self.shape() }
    }

    fn forward(&self, bytes: &[u8]) -> Tensor<2> {
        self.network.forward(unpack(bytes, self.shape(), self.normalisation, &self.device))
    }

    /// Cuts the padding off and turns logits into probabilities.
    fn score(&self, tiles: Vec<u32>, logits: &[f32]) -> Result<Scored> {
        let classes = self.network.spec().classes;
        let rows = logits.chunks(classes).take(tiles.len());
        let scores: Vec<Vec<f32>> = rows.map(|row| activate(row, self.activation)).collect();
        match scores.iter().position(|row| row.iter().any(|score| !score.is_finite())) {
            Some(at) => {
                let message = format!("expected finite scores, found {:?} for tile {}", scores[at], tiles[at]);
                Err(Error::new(ErrorKind::Model, "INF-0001", message))
            }
            None => Ok(Scored { tiles, scores }),
        }
    }
}
