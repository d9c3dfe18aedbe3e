//! The map of lymphocytes at the usual cell size, and its positive share.

use super::config::MeasureConfig;
use super::field::Field;
use super::readout::{Measure, Readout};
use super::tally::Tally;
use crate::error::Result;
use crate::map::{BiomarkerMap, MapConfig};
use crate::tile::{Predictions, Reading, Role, TilePlan};

/// The positive share; none when no class stands for immune cells.
///
/// # Errors
/// Those of [`BiomarkerMap::with`], such as too many cells.
pub(super) fn til_fraction(
    plan: &TilePlan,
    predictions: &Predictions,
    readings: &[Reading],
    config: &MeasureConfig,
) -> Result<Option<Readout>> {
    if readings.iter().all(|reading| reading.role != Some(Role::Immune)) {
        return Ok(None);
    }
    let cells = MapConfig { cell_um: Some(config.til_cell_um), ..MapConfig::default() };
    let map = BiomarkerMap::with(plan, predictions, &cells)?;
    let field = Field::new(&map, readings, config);
    let Some(immune) = field.role(Role::Immune) else { return Ok(None) };
    let mut tally = Tally::new(&field);
    let tissue = tally.area(|place| place.tissue);
    let positive = tally.area(|place| place.tissue && Field::holds(&immune, place));
    tally.read(Readout::of_all(Measure::TilFraction), tissue, move |sums| sums.ratio(positive, tissue));
    Ok(tally.readouts(&config.bootstrap()).into_iter().next())
}
