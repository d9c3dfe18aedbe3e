//! What a map is asked to be: the side of its cells, and how much it is smoothed.
//!
//! Invariant: what is not believable is refused, with what was found; a cell's side is a whole number of level-0 pixels.

use super::axis::Axis;
use crate::error::{Error, ErrorKind, Result};
use crate::tile::TilePlan;
use serde::{Deserialize, Serialize};

/// The widest cell and the widest smoothing that still make a map: a centimetre is half of a common section.
const WIDEST_UM: f64 = 10_000.0;

/// Standard deviation of smoothing in cells; beyond it larger cells give the same picture in a fraction of the time.
const WIDEST_CELLS: f64 = 64.0;

/// How predictions become a map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapConfig {
    /// Side of a cell, micrometres, rounded to whole level-0 pixels; without it, one cell for each step of the plan.
    pub cell_um: Option<f64>,
    /// Standard deviation of the Gaussian that smooths the map, micrometres; without it, none.
    pub smooth_um: Option<f64>,
}

impl MapConfig {
    /// The two directions of the grid that was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`MAP-0004`).
    pub(super) fn axes(&self, plan: &TilePlan) -> Result<(Axis, Axis)> {
        let (w, h) = (plan.slide_l0.w, plan.slide_l0.h);
        let Some(cell_um) = self.cell_um else {
            let (step, (x, y)) = (plan.step_l0.max(1), plan.origins_l0.first().copied().unwrap_or((0, 0)));
            return Ok((Axis::new(w, step, plan.side_l0, x), Axis::new(h, step, plan.side_l0, y)));
        };
        let mpp = plan.mpp.get();
        if !(cell_um.is_finite() && (mpp..=WIDEST_UM).contains(&cell_um)) {
            let text = format!("expected map cells of {mpp} um (one pixel) to {WIDEST_UM} um, found {cell_um} um");
            return Err(Error::new(ErrorKind::Usage, "MAP-0004", text));
        }
        let side = nearest(cell_um / mpp);
        Ok((Axis::new(w, side, side, 0), Axis::new(h, side, side, 0)))
    }

    /// The standard deviation of smoothing, in cells.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`MAP-0005`).
    pub(super) fn sigma_cells(&self, step_um: f64) -> Result<Option<f64>> {
        let Some(smooth_um) = self.smooth_um else { return Ok(None) };
        let widest = WIDEST_UM.min(WIDEST_CELLS * step_um);
        if !(smooth_um > 0.0 && smooth_um <= widest) {
            let text = format!("expected smoothing by more than 0 and at most {widest:.1} um, found {smooth_um} um");
            return Err(Error::new(ErrorKind::Usage, "MAP-0005", text)
                .with_advice("larger cells of the map allow for wider smoothing"));
        }
        Ok(Some(smooth_um / step_um))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be from 1 to 200,000")]
fn nearest(px: f64) -> u32 {
    px.round() as u32
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    #[test]
    fn a_side_is_the_nearest_whole_number_of_pixels_and_odd_ones_are_refused() {
        let plan = plan(256, 256, &[(3, 3)]);
        let side = |cell_um: f64| {
            let config = MapConfig { cell_um: Some(cell_um), ..MapConfig::default() };
            config.axes(&plan).map(|(x, _)| (x.start, x.side)).map_err(|error| error.code())
        };
        assert_eq!([side(0.5), side(50.1), side(50.3)], [Ok((0, 1)), Ok((0, 100)), Ok((0, 101))]);
        for odd in [0.0, -50.0, 0.49, 10_001.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(side(odd), Err("MAP-0004"), "{odd}");
        }
        assert_eq!(MapConfig::default().axes(&plan).unwrap().0.start, 3 - 256);
    }

    #[test]
    fn smoothing_is_told_in_cells_and_odd_ones_are_refused() {
        let sigma = |smooth_um: f64| {
            let config = MapConfig { smooth_um: Some(smooth_um), ..MapConfig::default() };
            config.sigma_cells(50.0).map_err(|error| error.code())
        };
        assert_eq!(sigma(75.0), Ok(Some(1.5)));
        for odd in [0.0, -1.0, 3201.0, f64::NAN, f64::INFINITY] {
            assert_eq!(sigma(odd), Err("MAP-0005"), "{odd}");
        }
        assert_eq!(MapConfig::default().sigma_cells(50.0).unwrap(), None);
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert_eq!(toml::from_str::<MapConfig>("").unwrap(), MapConfig::default());
        assert_eq!(toml::from_str::<MapConfig>("cell_um = 50").unwrap().cell_um, Some(50.0));
        assert!(toml::from_str::<MapConfig>("cel_um = 50").is_err());
    }
}
