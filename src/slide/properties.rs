//! What a slide says about itself, in types: resolution and where it comes from, objective.
//!
//! Invariant: a value is either believable or absent, and when the resolution is absent a note says why. Texts of the
//! vendor are not kept: they hold names and dates of people.

use crate::units::Mpp;
use serde::Serialize;

/// The resolution of level 0 and its origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Micrometres per pixel along x.
    pub mpp_x: Mpp,
    /// Micrometres per pixel along y.
    pub mpp_y: Mpp,
    /// Where the values were found, such as `Aperio MPP field`.
    pub source: String,
}

/// Pixels whose sides differ by more are taken for a damaged calibration: no scanner makes them, and tiles are square.
const MAX_ASPECT: f64 = 1.05;

impl Calibration {
    /// Checks values as they were found.
    ///
    /// # Errors
    /// A note that says what is wrong with them.
    pub(crate) fn new(x_um: f64, y_um: f64, source: &str) -> Result<Self, String> {
        let refused = |value| format!("{source} says {value} um/px, outside {} to {}", Mpp::MIN, Mpp::MAX);
        let mpp_x = Mpp::new(x_um).map_err(|_| refused(x_um))?;
        let mpp_y = Mpp::new(y_um).map_err(|_| refused(y_um))?;
        if x_um.max(y_um) > MAX_ASPECT * x_um.min(y_um) {
            return Err(format!(
                "{source} says {x_um} um/px along x and {y_um} along y, which differ by more than 5 %"
            ));
        }
        Ok(Self { mpp_x, mpp_y, source: source.to_string() })
    }

    /// The mean of both axes, as WSInfer takes it.
    pub fn mpp(&self) -> Mpp {
        // Both values lie in the accepted range, and so does their mean.
        Mpp::new(f64::midpoint(self.mpp_x.get(), self.mpp_y.get())).unwrap_or(self.mpp_x)
    }
}

/// What a driver found besides the pixels.
#[derive(Debug, Clone)]
pub(crate) struct Properties {
    /// The resolution, or a note that says why there is none.
    pub(crate) calibration: Result<Calibration, String>,
    /// Power of the objective, such as 20.
    pub(crate) objective: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibrations_are_accepted_or_explained() {
        let good = Calibration::new(0.25, 0.2525, "test").unwrap();
        assert!((good.mpp().get() - 0.25125).abs() < 1e-12);
        for (x, y) in [(0.0, 0.5), (0.5, -0.499), (f64::NAN, 0.5), (f64::INFINITY, 0.5), (1e300, 1e300), (0.01, 0.01)] {
            assert!(Calibration::new(x, y, "test").unwrap_err().contains("outside 0.05 to 20"), "{x} {y}");
        }
        assert!(Calibration::new(0.25, 0.5, "test").unwrap_err().contains("5 %"));
    }
}
