//! Tiles → what their scores rest on, as heat maps.
//!
//! Invariant: the scores are those that the predictor gives for the same bytes. A heat map says which places spoke for an
//! output; it does not say that they are right to.

use super::activation::activate;
use super::eye::Eye;
use super::grad_cam::grad_cam;
use super::predictor::{PARITY, test_card};
use super::readback::Readback;
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Bundle, Network};
use crate::ops::unpack::UnpackShape;
use crate::raster::HeatMap;
use crate::tile::{Meaning, arg_max};
use burn::tensor::Device;

/// Tiles computed at once.
const BATCH: usize = 8;
/// Maps below it are all but empty: what remains of them are errors of rounding.
const LEAST_PEAK: f32 = 1e-3;

/// A model on a device that says what its scores rest on.
#[derive(Debug)]
pub struct Explainer<'a> {
    bundle: &'a Bundle,
    network: Network,
    device: Device,
    eye: Eye,
}

/// What speaks for one output in one tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Scores `[K]` of the tile.
    pub scores: Vec<f32>,
    /// The output that the map is of.
    pub output: usize,
    /// What speaks for it, as coarse as the network's last maps, in the unit of the output before softmax or sigmoid: behind
    /// a mean and one layer it is what a cell adds to it. To be compared between tiles of one model and output only.
    pub map: HeatMap,
}

impl<'a> Explainer<'a> {
    /// Loads a model; a device other than the CPU is held against it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] `MOD-0210` for a transformer; [`ErrorKind::Usage`] `INF-0002` for a model of features,
    /// which have no meaning to explain; [`ErrorKind::Device`] `DEV-0007` when the device computes another explanation than the CPU.
    pub fn new(bundle: &'a Bundle, device: &OpenDevice) -> Result<Self> {
        if bundle.meaning() == Meaning::Features {
            let message = "expected a model of classes, findings or estimates, found one of features";
            return Err(Error::new(ErrorKind::Usage, "INF-0002", message));
        }
        let explainer = Self::on(bundle, &device.device)?;
        let found = explainer.try_out()?;
        if !device.is_cpu {
            agree(&Self::on(bundle, &Device::flex())?.try_out()?, &found)?;
        }
        Ok(explainer)
    }

    fn on(bundle: &'a Bundle, device: &Device) -> Result<Self> {
        let preprocess = bundle.preprocess();
        let eye = Eye::new(preprocess.mean, preprocess.std, preprocess.stain);
        Ok(Self { bundle, network: bundle.network(device)?, device: device.clone(), eye })
    }

    /// Explains the first output in the one test tile that every device is tried with.
    fn try_out(&self) -> Result<Vec<Explanation>> {
        let side = self.bundle.preprocess().input_px as usize;
        self.explain(&test_card(UnpackShape { tiles: 1, input_px: side, output_px: side }), Some(0))
    }

    /// The output of that name; without one the output that each tile is decided by, when that is possible.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `INF-0003` with the names that there are.
    pub fn output(&self, name: Option<&str>) -> Result<Option<usize>> {
        let names = self.bundle.class_names();
        let refuse = |found: String| {
            let message = format!("expected one of {}, found {found}", names.join(", "));
            Err(Error::new(ErrorKind::Usage, "INF-0003", message))
        };
        match (name, self.bundle.meaning()) {
            (Some(name), _) => match names.iter().position(|known| known == name) {
                Some(output) => Ok(Some(output)),
                None => refuse(format!("{name:?}")),
            },
            // No estimate speaks for a tile more than another.
            (None, Meaning::Estimates(_)) if names.len() > 1 => refuse("none".to_owned()),
            (None, _) => Ok(None),
        }
    }

    /// Explains one output in each tile, or without one the output with the largest score.
    ///
    /// # Shapes
    /// `pixels`: `[N, S, S, 3]` u8, RGB, `S` the side that the network sees.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when that is not the length of `pixels` (`INF-0005`) or there is no such output (`INF-0004`);
    /// [`ErrorKind::Model`] `INF-0001` when a number is not finite; [`ErrorKind::Device`] when the device failed.
    pub fn explain(&self, pixels: &[u8], output: Option<usize>) -> Result<Vec<Explanation>> {
        let side = self.bundle.preprocess().input_px as usize;
        let bytes = side * side * 3;
        if !pixels.len().is_multiple_of(bytes) {
            let message = format!("expected whole tiles of {bytes} bytes, found {} bytes", pixels.len());
            return Err(Error::new(ErrorKind::Usage, "INF-0005", message));
        }
        let mut explained = Vec::with_capacity(pixels.len() / bytes);
        for batch in pixels.chunks(BATCH * bytes) {
            explained.extend(self.explain_batch(
                batch,
                UnpackShape { tiles: batch.len() / bytes, input_px: side, output_px: side },
                output,
            )?);
        }
        Ok(explained)
    }

    fn explain_batch(&self, pixels: &[u8], shape: UnpackShape, output: Option<usize>) -> Result<Vec<Explanation>> {
        let not_finite = |what: &str| Error::new(ErrorKind::Model, "INF-0001", format!("expected finite {what}"));
        let maps = self.network.maps(self.eye.see(pixels, shape, &self.device))?;
        let logits = Readback::start(self.network.finish(maps.clone())).wait()?;
        let (activation, temperature) = (self.bundle.activation(), self.bundle.temperature());
        let rows = logits.chunks(self.network.spec().outputs());
        let scores: Vec<Vec<f32>> = rows.map(|row| activate(row, activation, temperature)).collect();
        if scores.iter().flatten().any(|score| !score.is_finite()) {
            return Err(not_finite("scores"));
        }
        let outputs: Vec<usize> =
            scores.iter().map(|scores| output.or_else(|| arg_max(scores)).unwrap_or_default()).collect();
        let heat = grad_cam(&self.network, maps, &outputs)?;
        let [_, rows, cols] = heat.dims();
        let values = Readback::start(heat.flatten(1, 2)).wait()?;
        let tiles = scores.into_iter().zip(outputs).zip(values.chunks(rows * cols));
        tiles
            .map(|((scores, output), values)| {
                let map = HeatMap::from_vec(cols, rows, values.to_vec()).ok_or_else(|| not_finite("heat maps"))?;
                Ok(Explanation { scores, output, map })
            })
            .collect()
    }
}

/// Holds a device's explanations against the CPU's.
fn agree(expected: &[Explanation], found: &[Explanation]) -> Result<()> {
    let worst = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let largest = |values: &[f32]| values.iter().fold(0.0, |max: f32, value| max.max(value.abs()));
    for (expected, found) in expected.iter().zip(found) {
        let (scores, map) = (&expected.scores, &expected.map);
        let off = [
            worst(scores, &found.scores) / largest(scores).max(1.0),
            worst(map.values(), found.map.values()) / map.peak().max(LEAST_PEAK),
        ];
        if off.iter().any(|off| *off > PARITY) {
            let message =
                format!("expected the CPU's explanation of a test tile within {PARITY}, found them {off:?} apart");
            return Err(Error::new(ErrorKind::Device, "DEV-0007", message).with_advice(
                "this device or its driver computes this model wrongly; `--device cpu` computes it right",
            ));
        }
    }
    Ok(())
}
