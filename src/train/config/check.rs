//! Checks what the types of a configuration cannot say, before anything is read.

use super::{AugmentConfig, TrainConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::infer::Eye;
use crate::limits::MAX_TILE_SIDE_PX;
use crate::nn::NetworkSpec;
use crate::ops::colour::ColourMap;
use crate::train::config::choice::Layers;
use crate::train::names;
use crate::units::Mpp;

impl TrainConfig {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`TRN-0102`) with the key, the range and the value found; [`ErrorKind::Unsupported`]
    /// (`MOD-0208`) for a padding that the network does not have.
    pub fn check(&self) -> Result<()> {
        named("out", &self.out.to_string_lossy())
            .map_err(|error| error.with_advice("put it into the file, or use --out"))?;
        self.check_values()
    }

    pub(super) fn check_values(&self) -> Result<()> {
        names::check_model(&self.card.name)?;
        if self.init.is_none() {
            NetworkSpec { padding: self.padding, ..NetworkSpec::torch(self.architecture, 2) }.check()?;
            if matches!(self.layers, Layers::Head | Layers::Last) {
                let message = "layers: expected all or auto without `init`, found other layers of random weights";
                return Err(
                    usage("TRN-0102", message.to_owned()).with_advice("name weights or a model to start from (`init`)")
                );
            }
        }
        self.data.check()?;
        self.split.check()?;
        Mpp::new(self.input.um_per_px)
            .map_err(|error| usage("TRN-0102", format!("input.um_per_px: {}", error.message())))?;
        let side = |px: u32| f64::from(px);
        let largest = f64::from(MAX_TILE_SIDE_PX);
        let (smoothing, decay) = (f64::from(self.label_smoothing), f64::from(self.weight_decay));
        let epochs = self.epochs.unwrap_or(100_000) as f64;
        for (key, value, range) in [
            ("epochs", epochs, 1.0..=100_000.0),
            ("patience", self.patience as f64, 0.0..=100_000.0),
            ("batch", self.batch.unwrap_or(1) as f64, 1.0..=65_536.0),
            ("shards", self.shards as f64, 1.0..=256.0),
            ("last_stages", self.last_stages as f64, 1.0..=1000.0),
            ("views", self.views as f64, 1.0..=1000.0),
            ("epoch_tiles", self.epoch_tiles.unwrap_or(1) as f64, 1.0..=1e9),
            ("lr", self.lr.unwrap_or(1.0), 1e-8..=10.0),
            ("warmup_epochs", self.warmup_epochs, 0.0..=epochs),
            ("momentum", self.momentum, 0.0..=0.9999),
            ("weight_decay", decay, 0.0..=1.0),
            ("clip_norm", self.clip_norm, 1e-6..=1e6),
            ("label_smoothing", smoothing, 0.0..=0.5),
            ("focal_gamma", self.focal_gamma, 0.0..=10.0),
            ("huber_delta", self.huber_delta, 1e-3..=1e3),
            ("input.tile_px", side(self.input.tile_px), 32.0..=largest),
            ("input.input_px", side(self.input.input_px), 32.0..=largest),
        ] {
            if !range.contains(&value) {
                let (low, high) = (range.start(), range.end());
                return Err(usage("TRN-0102", format!("{key}: expected {low} to {high}, found {value}")));
            }
        }
        self.augment.check()?;
        let eye = Eye::new(self.input.mean, self.input.std, self.stain);
        if !eye.joins(&ColourMap::stain_jitter([1.1; 3], [0.0; 3]))
            && self.augment.stain.max(self.augment.stain_shift) > 0.0
        {
            let message =
                "augment.stain: expected 0 with `stain = \"reinhard\"`, which takes such differences away, found more";
            return Err(usage("TRN-0102", message.to_owned()));
        }
        let (mean, std) = (self.input.mean, self.input.std);
        if mean.iter().any(|mean| !mean.is_finite()) || std.iter().any(|std| !(std.is_finite() && *std > 0.0)) {
            return Err(usage("TRN-0102", "input: expected finite means and standard deviations above 0".to_owned()));
        }
        Ok(())
    }
}

impl AugmentConfig {
    fn check(&self) -> Result<()> {
        for (key, value, most) in [
            ("turn_degrees", self.turn_degrees, 180.0),
            ("scale", self.scale, 0.9),
            ("blur_px", self.blur_px, 4.0),
            ("brightness", self.brightness, 0.9),
            ("contrast", self.contrast, 0.9),
            ("saturation", self.saturation, 1.0),
            ("stain", self.stain, 0.9),
            ("stain_shift", self.stain_shift, 0.5),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(usage("TRN-0102", format!("augment.{key}: expected 0 to {most}, found {value}")));
            }
        }
        Ok(())
    }
}

fn named(key: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() { Err(usage("TRN-0102", format!("expected {key}, found none"))) } else { Ok(()) }
}

pub(super) fn usage(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Usage, code, message)
}
