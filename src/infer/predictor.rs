//! The device stage: takes batches of bytes from a feed, gives probabilities per tile.

use super::activation::activate;
use super::eye::Eye;
use super::judge::{Judge, Said};
use super::readback::Readback;
use crate::cpu::CHUNK;
use crate::device::{AdapterKind, Arithmetic, DeviceSpec, OpenDevice, open_in};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Activation, Bundle};
use crate::ops::unpack::UnpackShape;
use crate::tile::Batch;
use burn::tensor::Device;
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
    /// How far each of them is from the training tiles ([`crate::nn::FeatureModel::distance`]); none when the bundle cannot
    /// tell.
    pub distances: Option<Vec<f32>>,
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
    /// What suits a device. On the CPU one lane per core, each with as many tiles as our own engine computes at once: more
    /// would be computed one chunk after another, and burn's convolutions have single-threaded parts, for which other lanes
    /// do not wait.
    pub fn for_device(device: &OpenDevice, batch: Option<usize>) -> Self {
        if device.is_cpu {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            Self { batch: batch.unwrap_or(CHUNK), lanes: cores }
        } else {
            // A software renderer takes a minute for as many tiles as a GPU wants.
            let usual = if device.kind == AdapterKind::Software.name() { 4 } else { 64 };
            Self { batch: batch.unwrap_or(usual), lanes: 1 }
        }
    }
}

/// How far a score may be from the reference's, relative to the largest score and to 1: f32 arithmetic in another order, TF32
/// and transformed products included.
pub const PARITY: f32 = 1e-2;

/// The same for what was computed in f16, whose numbers are rounded to 11 bits after every layer.
///
/// Probabilities of real tiles moved by up to 4e-3 with trained models, by up to 7e-2 and mostly 9e-3 with a network
/// whose weights are numbers of a formula; some kernels of GPUs also add up in f16, where 4,608 terms lose some 2e-2 of
/// their sum. A kernel that is wrong, such as one that gives zeros, is further off than this.
pub const PARITY_F16: f32 = 5e-2;

/// The same for bf16 on the CPU: 8 bits and not 11, but only of what convolutions multiply, and never of sums.
pub const PARITY_BF16: f32 = 5e-2;

/// How far a score may be from the reference's.
pub fn parity(arithmetic: Arithmetic) -> f32 {
    match arithmetic {
        Arithmetic::F16 => PARITY_F16,
        Arithmetic::Bf16 => PARITY_BF16,
        Arithmetic::F32 | Arithmetic::Exact | Arithmetic::Reference => PARITY,
    }
}

/// Submitted but not yet read batches on a GPU: one computes while the other is copied back.
const IN_FLIGHT: usize = 2;

/// A model on a device.
#[derive(Debug)]
pub struct Predictor {
    pub(super) judge: Judge,
    pub(super) device: Device,
    is_cpu: bool,
    arithmetic: Arithmetic,
    input_px: usize,
    pub(super) eye: Eye,
    activation: Activation,
    /// What logits are divided by.
    temperature: f32,
    config: PredictorConfig,
}

impl Predictor {
    /// Loads a model onto a device.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the weights do not fit.
    pub fn new(bundle: &Bundle, device: &OpenDevice, config: PredictorConfig) -> Result<Self> {
        Ok(Self::with(bundle, device, config, Judge::new(bundle, device)?))
    }

    /// Loads a model onto the CPU, to compute as it would in bf16 with AMX, on every processor: slower than f32, and there
    /// to learn what rounding changes in a model's scores. Only the order of sums differs from what AMX gives.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when the weights do not fit; [`ErrorKind::Device`] `DEV-0008` when our own engine does not
    /// know the network.
    pub fn bf16_twin(bundle: &Bundle, config: PredictorConfig) -> Result<Self> {
        let device = OpenDevice { arithmetic: Arithmetic::Bf16, ..open_in(DeviceSpec::Cpu, Arithmetic::F32)? };
        let judge = Judge::on(bundle, &device, Some(crate::cpu::BF16_TWIN))?;
        Ok(Self::with(bundle, &device, config, judge))
    }

    /// Loads a model onto the CPU, to compute in bf16: on the processor's matrix unit where there is one, else as
    /// [`Predictor::bf16_twin`]; [`Predictor::engine`] says which.
    ///
    /// # Errors
    /// Those of [`Predictor::bf16_twin`].
    pub fn bf16(bundle: &Bundle, config: PredictorConfig) -> Result<Self> {
        if crate::cpu::Engine::matrix_kernels().is_none() {
            return Self::bf16_twin(bundle, config);
        }
        Self::new(bundle, &open_in(DeviceSpec::Cpu, Arithmetic::Bf16)?, config)
    }

    fn with(bundle: &Bundle, device: &OpenDevice, config: PredictorConfig, judge: Judge) -> Self {
        let preprocess = bundle.preprocess();
        Self {
            judge,
            device: device.device.clone(),
            is_cpu: device.is_cpu,
            arithmetic: device.arithmetic,
            input_px: preprocess.input_px as usize,
            eye: Eye::new(preprocess.mean, preprocess.std, preprocess.stain),
            activation: bundle.activation(),
            temperature: bundle.temperature(),
            config,
        }
    }

    /// What computes the network: `burn`, or our own engine with its instructions and how it takes sums.
    pub fn engine(&self) -> String {
        self.judge.engine()
    }

    /// The sizes it works with.
    pub fn config(&self) -> PredictorConfig {
        self.config
    }

    /// Works in other sizes from now on; nothing is loaded again.
    pub fn resize(&mut self, config: PredictorConfig) {
        self.config = config;
    }

    /// Scores the one test tile that every device is tried with.
    ///
    /// # Errors
    /// As [`Predictor::run`].
    pub fn try_out(&self) -> Result<Vec<f32>> {
        Ok(self.scored_test_card(1)?.scores.concat())
    }

    /// Compiles and tunes the kernels before the clock starts, and holds what they compute against the reference, which is
    /// burn on the CPU in f32: a driver or a kernel that is wrong must not score a slide, nor may a model in numbers that
    /// cannot hold it.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] `DEV-0007` when a score is no number or differs from the reference's by more than [`parity`];
    /// else as [`Predictor::run`].
    pub fn warm_up(&self, bundle: &Bundle) -> Result<()> {
        // What burn computes on the CPU in f32 is the reference. Held against itself it would be there twice, and the largest
        // networks fill the memory once.
        if self.is_cpu && self.arithmetic.dtype() == "f32" && !self.judge.has_engine() {
            return Ok(());
        }
        // The reference first: a model that gives no numbers there is not the device's fault. It is made of the bundle's
        // weights, as a device has them on itself and our own engine in an order of its own; both keep no others.
        let device = open_in(DeviceSpec::Cpu, Arithmetic::Reference)?;
        let expected = Self::new(bundle, &device, PredictorConfig { batch: 1, lanes: 1 })?.scored_test_card(1)?;
        let parity = parity(self.arithmetic);
        let wrong = |found: &str| {
            let message = format!("expected the scores of the reference within {parity} on a test tile, found {found}");
            Error::new(ErrorKind::Device, "DEV-0007", message).with_advice(match self.arithmetic {
                Arithmetic::F16 => "this model may need numbers that f16 does not have; try `--precision f32`",
                Arithmetic::Bf16 => "this model may need more exact numbers than those of bf16; try `--precision f32`",
                _ if self.is_cpu => "a kernel computes this model wrongly; `--engine reference` computes it right",
                _ => "this device or its driver computes this model wrongly; `--device cpu` computes it right",
            })
        };
        let found = self
            .scored_test_card(self.config.batch)
            .map_err(|error| if error.kind() == ErrorKind::Model { wrong("no numbers") } else { error })?;
        // Probabilities are at most 1; numbers and features may be of any size.
        let largest = expected.scores.iter().flatten().fold(1.0, |max: f32, score| max.max(score.abs()));
        let scores = apart(found.scores.iter().flatten(), expected.scores.iter().flatten(), largest);
        let distances = |scored: &Scored| scored.distances.clone().unwrap_or_default();
        let (found, expected) = (distances(&found), distances(&expected));
        let distances =
            apart(found.iter(), expected.iter(), expected.first().map_or(1.0, |&distance| distance.max(1.0)));
        match (scores, distances) {
            (worst, _) if worst > parity => Err(wrong(&format!("them {worst} apart"))),
            (_, worst) if worst > parity => Err(wrong(&format!("its distance to the training tiles {worst} apart"))),
            _ => Ok(()),
        }
    }

    /// What it says of so many tiles, all of them the test tile.
    fn scored_test_card(&self, tiles: usize) -> Result<Scored> {
        let shape = UnpackShape { tiles, ..self.shape() };
        let input = self.eye.see(&test_card(shape), shape, &self.device);
        let values = Readback::start(self.judge.forward(input)?).wait()?;
        self.score((0..tiles).filter_map(|tile| u32::try_from(tile).ok()).collect(), &values)
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
        // Where more is done to a tile than to normalise its bytes, the threads that do it compute the network, too.
        let mut lane = self.eye.plain().and_then(|by| self.judge.lane(by));
        while !failed.load(Ordering::Relaxed) {
            let Some(batch) = feed.next_batch() else { break };
            let shape = UnpackShape { tiles: batch.tiles.len(), ..self.shape_for(&batch) };
            let (tiles, bytes) = (batch.tiles.clone(), &batch.pixels[..shape.bytes()]);
            let values = match &mut lane {
                Some(lane) => lane.forward(bytes, shape)?,
                None => Readback::start(self.judge.forward(self.eye.see(bytes, shape, &self.device))?).wait()?,
            };
            feed.recycle(batch);
            sink(self.score(tiles, &values)?);
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
            let input = self.eye.see(&batch.pixels, shape, &self.device);
            flying.push_back((batch.tiles.clone(), Readback::start(self.judge.forward(input)?)));
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

    pub(super) fn shape(&self) -> UnpackShape {
        UnpackShape { tiles: self.config.batch, input_px: self.input_px, output_px: self.input_px }
    }

    fn shape_for(&self, batch: &Batch) -> UnpackShape {
        UnpackShape { input_px: batch.side_px as usize, ..self.shape() }
    }

    /// Cuts the padding off and turns logits into probabilities.
    pub(super) fn score(&self, tiles: Vec<u32>, values: &[f32]) -> Result<Scored> {
        let Said { outputs, distances } = self.judge.said(values, tiles.len());
        let activated = |row: &[f32]| activate(row, self.activation, self.temperature);
        let scores: Vec<Vec<f32>> = outputs.into_iter().map(activated).collect();
        let refuse = |what: &str, found: &dyn std::fmt::Debug, at: usize| {
            let message = format!("expected {what}, found {found:?} for tile {}", tiles[at]);
            let error = Error::new(ErrorKind::Model, "INF-0001", message);
            Err(match self.arithmetic {
                Arithmetic::F16 => error.with_advice("numbers of f16 end at 65,504; try `--precision f32`"),
                _ => error,
            })
        };
        if let Some(at) = scores.iter().position(|row| row.iter().any(|score| !score.is_finite())) {
            return refuse("finite scores", &scores[at], at);
        }
        if let Some((at, found)) = distances.iter().flatten().enumerate().find(|(_, distance)| !distance.is_finite()) {
            return refuse("a finite distance to the training tiles", found, at);
        }
        Ok(Scored { tiles, scores, distances })
    }
}

/// The largest difference from numbers that repeat, as a share of `scale`.
fn apart<'a>(found: impl Iterator<Item = &'a f32>, expected: impl Iterator<Item = &'a f32> + Clone, scale: f32) -> f32 {
    found.zip(expected.cycle()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
}

/// Equal tiles of smooth colour waves with fine structure on them, so that every layer has something to respond to.
pub(super) fn test_card(shape: UnpackShape) -> Vec<u8> {
    let side = shape.input_px;
    (0..shape.bytes())
        .map(|at| {
            let (channel, x, y) = (at % 3, at / 3 % side, at / 3 / side % side);
            let wave = (x * (channel + 2) + y * 3) % 256;
            let grain = (x * 7 + y * 13) % 31;
            u8::try_from((wave + grain) % 256).unwrap_or(0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::open;

    #[test]
    fn batches_are_as_large_as_the_device_is_fast() {
        let cpu = open(DeviceSpec::Cpu).unwrap();
        assert_eq!(PredictorConfig::for_device(&cpu, None).batch, CHUNK);
        for (kind, expected) in
            [(AdapterKind::DiscreteGpu, 64), (AdapterKind::IntegratedGpu, 64), (AdapterKind::Software, 4)]
        {
            let gpu = OpenDevice { kind: kind.name(), is_cpu: false, ..cpu.clone() };
            assert_eq!(PredictorConfig::for_device(&gpu, None), PredictorConfig { batch: expected, lanes: 1 });
            assert_eq!(PredictorConfig::for_device(&gpu, Some(7)).batch, 7);
        }
    }
}
