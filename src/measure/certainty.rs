//! How sure the model is: entropy of its probabilities, and tiles unlike those it was trained on.

use super::config::MeasureConfig;
use super::field::{Field, cells_a_side};
use super::readout::{Measure, Readout};
use super::tally::Tally;
use crate::evaluate::Partition;
use crate::map::entropy as entropy_of;
use crate::tile::{Predictions, TilePlan};

/// From this entropy on a cell counts as unsure; of two classes it is that of 0.89 to 0.11.
const UNSURE_FROM: f64 = 0.5;

/// Mean entropy and the unsure share, of probabilities.
pub(super) fn entropy<'f>(field: &'f Field<'_>, tally: &mut Tally<'f>) {
    let entropies: Vec<Option<f64>> =
        field.places.iter().map(|place| entropy_of(field.map.meaning(), place.scores).map(f64::from)).collect();
    if entropies.iter().all(Option::is_none) {
        return;
    }
    let tissue = tally.area(|place| place.tissue);
    let value = |at: usize| entropies[at].unwrap_or(0.0);
    let sum = tally.sum(|at, place| if place.tissue { place.mm2 * value(at) } else { 0.0 });
    let unsure = tally.sum(|at, place| if place.tissue && value(at) >= UNSURE_FROM { place.mm2 } else { 0.0 });
    tally.read(Readout::of_all(Measure::Entropy), tissue, move |sums| sums.ratio(sum, tissue));
    tally.read(Readout::of_all(Measure::Unsure), tissue, move |sums| sums.ratio(unsure, tissue));
}

/// The share of scored tiles that are unlike the training data; none when the model cannot tell.
pub(super) fn unfamiliar(plan: &TilePlan, predictions: &Predictions, config: &MeasureConfig) -> Option<Readout> {
    let found = predictions.unfamiliarity.as_ref()?;
    let side_l0 = i64::from(cells_a_side(config.block_um, plan.mpp.get()));
    let tiles = plan.origins_l0.iter().enumerate();
    let tiles: Vec<_> = tiles.filter_map(|(tile, corner)| Some((corner, found.is_unlike(tile)?))).collect();
    let blocks = Partition::by(tiles.iter().map(|((x, y), _)| (x.div_euclid(side_l0), y.div_euclid(side_l0))));
    let share = |draws: &[u32]| {
        let of = |unlike_only: bool| -> f64 {
            let wanted = tiles.iter().zip(draws).filter(|((_, unlike), _)| *unlike || !unlike_only);
            wanted.map(|(_, &times)| f64::from(times)).sum()
        };
        let all = of(false);
        vec![(all > 0.0).then(|| of(true) / all)]
    };
    let figure = config.bootstrap().figures(&blocks, share).into_iter().next().unwrap_or_default();
    Some(Readout { figure, ..Readout::of_all(Measure::Unfamiliar) })
}
