//! What read-outs depend on besides the map, with defaults that are stated wherever results are.

use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::Bootstrap;
use serde::{Deserialize, Serialize};

/// Settings of the read-outs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureConfig {
    /// Depth of the invasive margin on either side of the tumour's border, um. 500 makes the 1 mm of Hendry et al. 2017,
    /// doi:10.1097/PAP.0000000000000161.
    pub margin_um: f64,
    /// Width of the steps in which distances to the margin are counted, um; at least a cell.
    pub profile_step_um: f64,
    /// How far from the margin they are counted, um.
    pub profile_reach_um: f64,
    /// Tumour of less than this area is not taken for a region of its own, mm².
    pub least_tumour_mm2: f64,
    /// What is enclosed by tumour and smaller than this belongs to the tumour's region, mm².
    pub largest_gap_mm2: f64,
    /// Side of the cells of the map of lymphocytes, um; 50 as Saltz et al. 2018, doi:10.1016/j.celrep.2018.03.086.
    pub til_cell_um: f64,
    /// Share of immune cells' area from which a tumour counts as inflamed, and its surroundings as infiltrated.
    pub inflamed_from: f64,
    /// Area of a hot spot, mm².
    pub hot_spot_mm2: f64,
    /// How many hot spots are looked for.
    pub hot_spots: usize,
    /// Side of the squares that are drawn anew as a whole for intervals, um: cells near each other resemble each other.
    pub block_um: f64,
    /// Samples drawn for intervals; 0 for none.
    pub replicates: usize,
    /// Random arrangements that an arrangement is compared with; 0 for none.
    pub permutations: usize,
    /// Where random numbers begin.
    pub seed: u64,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            margin_um: 500.0,
            profile_step_um: 100.0,
            profile_reach_um: 1000.0,
            least_tumour_mm2: 0.1,
            largest_gap_mm2: 0.1,
            til_cell_um: 50.0,
            inflamed_from: 0.1,
            hot_spot_mm2: 1.0,
            hot_spots: 3,
            block_um: 1000.0,
            replicates: 1000,
            permutations: 199,
            seed: 0,
        }
    }
}

/// Steps of a profile in one direction; more of them tell nothing.
const MAX_STEPS: f64 = 1000.0;
/// Squares that are looked for; more of them are no spots.
const MAX_SPOTS: usize = 1000;
/// Samples or arrangements; a million takes hours.
const MAX_DRAWS: usize = 1_000_000;

impl MeasureConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `MEA-0001` with the setting, what was expected and what was found.
    pub fn check(&self) -> Result<()> {
        let lengths = [
            ("margin_um", self.margin_um),
            ("profile_step_um", self.profile_step_um),
            ("profile_reach_um", self.profile_reach_um),
            ("til_cell_um", self.til_cell_um),
            ("hot_spot_mm2", self.hot_spot_mm2),
            ("block_um", self.block_um),
        ];
        if let Some((name, found)) = lengths.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            return Err(refused(format!("expected {name} above 0, found {found}")));
        }
        let areas = [("least_tumour_mm2", self.least_tumour_mm2), ("largest_gap_mm2", self.largest_gap_mm2)];
        if let Some((name, found)) = areas.into_iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            return Err(refused(format!("expected {name} of 0 or more, found {found}")));
        }
        if !(0.0..=1.0).contains(&self.inflamed_from) {
            return Err(refused(format!("expected inflamed_from from 0 to 1, found {}", self.inflamed_from)));
        }
        if self.profile_reach_um / self.profile_step_um > MAX_STEPS {
            let found = self.profile_reach_um / self.profile_step_um;
            return Err(refused(format!("expected at most {MAX_STEPS} steps of a profile, found {found}")));
        }
        if self.hot_spots > MAX_SPOTS {
            return Err(refused(format!("expected at most {MAX_SPOTS} hot spots, found {}", self.hot_spots)));
        }
        match [("replicates", self.replicates), ("permutations", self.permutations)]
            .iter()
            .find(|row| row.1 > MAX_DRAWS)
        {
            Some((name, found)) => Err(refused(format!("expected at most {MAX_DRAWS} {name}, found {found}"))),
            None => Ok(()),
        }
    }

    /// How intervals are drawn.
    pub(super) fn bootstrap(&self) -> Bootstrap {
        Bootstrap { replicates: self.replicates, seed: self.seed }
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Usage, "MEA-0001", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        assert!(MeasureConfig::default().check().is_ok());
        let usual = MeasureConfig::default();
        let cases = [
            (MeasureConfig { margin_um: 0.0, ..usual }, "margin_um"),
            (MeasureConfig { block_um: f64::NAN, ..usual }, "block_um"),
            (MeasureConfig { largest_gap_mm2: -1.0, ..usual }, "largest_gap_mm2"),
            (MeasureConfig { inflamed_from: 1.5, ..usual }, "inflamed_from"),
            (MeasureConfig { profile_step_um: 0.1, ..usual }, "steps"),
            (MeasureConfig { replicates: 2_000_000, ..usual }, "replicates"),
        ];
        for (config, word) in cases {
            let error = config.check().unwrap_err();
            assert!(error.code() == "MEA-0001" && error.message().contains(word), "{error}");
        }
    }
}
