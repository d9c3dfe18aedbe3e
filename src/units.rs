//! Physical units as types: numbers that cross a module carry their unit.

use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;

/// Micrometres per pixel of level 0 of a slide, or of a model's input.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Mpp(f64);

impl Mpp {
    /// The finest believable value: an oil objective at 100x gives about 0.1 um/px.
    pub const MIN: f64 = 0.05;
    /// The coarsest believable value: a macro camera.
    pub const MAX: f64 = 20.0;

    /// Checks that a value is finite and believable for a microscope (0.05 to 20 um/px).
    ///
    /// # Errors
    /// [`ErrorKind::Format`] with the value found.
    pub fn new(um_per_px: f64) -> Result<Self> {
        if um_per_px.is_finite() && (Self::MIN..=Self::MAX).contains(&um_per_px) {
            Ok(Self(um_per_px))
        } else {
            Err(Error::new(
                ErrorKind::Format,
                "MPP-0001",
                format!("expected {} to {} um/px, found {um_per_px}", Self::MIN, Self::MAX),
            ))
        }
    }

    /// The value in micrometres per pixel.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl std::fmt::Display for Mpp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Four decimals are below the calibration error of any scanner; trailing zeros say nothing.
        let text = format!("{:.4}", self.0);
        write!(f, "{} um/px", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Rounds half to even, as Python's `round` does; grids of published tools depend on it.
pub fn round_half_even(value: f64) -> f64 {
    value.round_ties_even()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unbelievable_resolutions_are_refused() {
        for bad in [0.0, -0.499, f64::NAN, f64::INFINITY, 1e300, 0.01, 100.0] {
            assert_eq!(Mpp::new(bad).unwrap_err().code(), "MPP-0001", "{bad}");
        }
        assert_eq!(Mpp::new(0.499).unwrap().to_string(), "0.499 um/px");
        assert_eq!(Mpp::new(1.0).unwrap().to_string(), "1 um/px");
    }
}
