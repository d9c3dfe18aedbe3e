//! Where there is tissue on a slide: thumbnail → mask. Never opens a slide.
//!
//! Invariant: the mask covers exactly what the thumbnail covers, whatever its own size; it depends on the pixels and the
//! resolution alone, so that a run can be repeated from its record.

mod morphology;
mod otsu;
mod outline;
mod saturation;
mod stain;

pub use morphology::{Square, SummedArea, close, dilate, erode, open};
pub use otsu::otsu;
pub use outline::{Outline, outline};
pub use saturation::SaturationConfig;
pub use stain::StainConfig;

use crate::error::{Error, ErrorKind, Result};
use crate::raster::{Mask, RgbImage8};
use serde::{Deserialize, Serialize};

/// Which rule decides what tissue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TissueMethod {
    /// Our own: keeps fat and mucin, drops dust.
    #[default]
    Eosin,
    /// WSInfer 0.6.1's saturation threshold, bit for bit.
    WsInfer,
}

/// The rule and the settings of each.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TissueConfig {
    /// The rule in use.
    pub method: TissueMethod,
    /// Settings of [`TissueMethod::Eosin`].
    pub eosin: StainConfig,
    /// Settings of [`TissueMethod::WsInfer`].
    pub wsinfer: SaturationConfig,
}

impl TissueConfig {
    /// Checks that every setting is in range.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] that names the setting.
    pub fn check(&self) -> Result<()> {
        let (eosin, wsinfer) = (&self.eosin, &self.wsinfer);
        let within = |name: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            let message = format!("expected {name} from {low} to {high}, found {value}");
            Err(Error::new(ErrorKind::Usage, "TIS-0001", message))
        };
        within("eosin.working_um_per_px", eosin.working_um_per_px, 0.5, 64.0)?;
        within("eosin.threshold_share", eosin.threshold_share, 0.0, 1.0)?;
        within("eosin.bridge_um", eosin.bridge_um, 0.0, 1000.0)?;
        within("eosin.min_hole_um2", eosin.min_hole_um2, 0.0, 1e9)?;
        within("eosin.min_width_um", eosin.min_width_um, 0.0, 1000.0)?;
        within("eosin.min_object_um2", eosin.min_object_um2, 0.0, 1e9)?;
        within("eosin.min_coloured", eosin.min_coloured, 0.0, 1.0)?;
        for side in wsinfer.thumbnail_px {
            within("wsinfer.thumbnail_px", f64::from(side), 16.0, 4096.0)?;
        }
        within("wsinfer.median_filter_px", f64::from(wsinfer.median_filter_px), 3.0, 255.0)?;
        within("wsinfer.closing_px", f64::from(wsinfer.closing_px), 1.0, 255.0)?;
        within("wsinfer.min_object_um2", wsinfer.min_object_um2, 0.0, 1e9)?;
        within("wsinfer.min_hole_um2", wsinfer.min_hole_um2, 0.0, 1e9)?;
        if wsinfer.median_filter_px % 2 == 0 {
            let message = format!("expected an odd wsinfer.median_filter_px, found {}", wsinfer.median_filter_px);
            return Err(Error::new(ErrorKind::Usage, "TIS-0002", message));
        }
        Ok(())
    }
}

/// Finds the tissue on a thumbnail of the whole slide.
///
/// # Shapes
/// `thumbnail`: `[H, W, 3]` u8, RGB. The mask covers the same field with at most as many pixels.
///
/// # Units
/// `thumb_um_per_px`: micrometres per pixel of the thumbnail.
///
/// # Errors
/// [`ErrorKind::Usage`] for an empty thumbnail, a resolution that is not a positive number, or a setting out of range.
pub fn detect(thumbnail: &RgbImage8, thumb_um_per_px: f64, config: &TissueConfig) -> Result<Mask> {
    config.check()?;
    if thumbnail.size().area() == 0 || !(thumb_um_per_px.is_finite() && thumb_um_per_px > 0.0) {
        let message =
            format!("expected a thumbnail with pixels, found {} at {thumb_um_per_px} um/px", thumbnail.size());
        return Err(Error::new(ErrorKind::Usage, "TIS-0003", message));
    }
    match config.method {
        TissueMethod::Eosin => stain::detect(thumbnail, thumb_um_per_px, &config.eosin),
        TissueMethod::WsInfer => Ok(saturation::detect(thumbnail, thumb_um_per_px, &config.wsinfer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    #[test]
    fn settings_out_of_range_are_named() {
        let mut config = TissueConfig::default();
        assert!(config.check().is_ok());
        config.wsinfer.median_filter_px = 8;
        assert_eq!(config.check().unwrap_err().code(), "TIS-0002");
        config.eosin.working_um_per_px = f64::NAN;
        let error = config.check().unwrap_err();
        assert_eq!(error.message(), "expected eosin.working_um_per_px from 0.5 to 64, found NaN");
    }

    #[test]
    fn a_thumbnail_without_resolution_is_refused() {
        let image = RgbImage8::filled(Size::new(4, 4), [255; 3]);
        for um_per_px in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(detect(&image, um_per_px, &TissueConfig::default()).unwrap_err().code(), "TIS-0003");
        }
    }
}
