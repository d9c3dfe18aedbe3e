//! Estimated numbers: means and quantiles by region, their spread, and how they go together.

use super::compartments::Compartments;
use super::config::MeasureConfig;
use super::field::Field;
use super::readout::{Measure, Readout, Region};
use super::tally::Tally;
use crate::evaluate::Partition;
use crate::tile::Meaning;

/// The shares of area below which a quantile lies, and their measures.
const QUANTILES: [(Measure, f64); 3] =
    [(Measure::LowerDecile, 0.1), (Measure::Median, 0.5), (Measure::UpperDecile, 0.9)];

/// Means by region, of every number.
pub(super) fn means<'f>(field: &'f Field<'_>, compartments: &'f Compartments, tally: &mut Tally<'f>) {
    let Meaning::Estimates(_) = field.map.meaning() else { return };
    for region in compartments.regions() {
        let area = tally.area(|place| compartments.holds(region, place));
        for (class, name) in field.map.class_names().iter().enumerate() {
            let sum = tally.sum(|_, place| {
                if compartments.holds(region, place) { place.mm2 * f64::from(place.scores[class]) } else { 0.0 }
            });
            let readout = Readout { unit: unit(field, class), ..Readout::of(Measure::Mean, name).within(region) };
            tally.read(readout, area, move |sums| sums.ratio(sum, area));
        }
    }
}

fn unit(field: &Field<'_>, class: usize) -> Option<String> {
    field.map.meaning().unit(class).map(ToOwned::to_owned)
}

/// Quantiles by region, and the mean difference of two places.
pub(super) fn quantiles(field: &Field<'_>, compartments: &Compartments, config: &MeasureConfig) -> Vec<Readout> {
    let Meaning::Estimates(_) = field.map.meaning() else { return Vec::new() };
    let mut readouts = Vec::new();
    for region in compartments.regions() {
        for (class, name) in field.map.class_names().iter().enumerate() {
            let sorted = Sorted::of(field, class, |place| compartments.holds(region, place));
            let statistics = |draws: &[u32]| {
                let mut found: Vec<Option<f64>> = sorted.quantiles(draws, &QUANTILES.map(|row| row.1));
                found.push(sorted.mean_difference(draws));
                found
            };
            let figures = config.bootstrap().figures(&Partition::singles(field.blocks), statistics);
            let measures = QUANTILES.iter().map(|row| row.0).chain([Measure::Rao]);
            for (measure, figure) in measures.zip(figures) {
                if measure != Measure::Rao || region == Region::Tissue {
                    let readout = Readout::of(measure, name).within(region);
                    readouts.push(Readout { figure, unit: unit(field, class), ..readout });
                }
            }
        }
    }
    readouts
}

/// Values in order, each with its area and its square.
struct Sorted(Vec<(f64, f64, usize)>);

impl Sorted {
    fn of(field: &Field<'_>, class: usize, holds: impl Fn(&super::field::Place<'_>) -> bool) -> Self {
        let places = field.places.iter().filter(|place| holds(place));
        let mut values: Vec<_> = places.map(|place| (f64::from(place.scores[class]), place.mm2, place.block)).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(values)
    }

    /// For each share the least value with at least this share of the drawn area at or below it.
    fn quantiles(&self, draws: &[u32], shares: &[f64]) -> Vec<Option<f64>> {
        let weight = |&(_, mm2, block): &(f64, f64, usize)| mm2 * f64::from(draws[block]);
        let total: f64 = self.0.iter().map(weight).sum();
        let mut found = vec![None; shares.len()];
        let (mut below, mut next) = (0.0, 0);
        for entry in &self.0 {
            below += weight(entry);
            while next < shares.len() && total > 0.0 && below >= shares[next] * total {
                found[next] = Some(entry.0);
                next += 1;
            }
        }
        found
    }

    /// Expected absolute difference of two places drawn with replacement.
    fn mean_difference(&self, draws: &[u32]) -> Option<f64> {
        // Of sorted values x with weights w: 2 sum_i w_i (x_i W_i - S_i) / W^2, W_i and S_i being sums of w and w x before i.
        let (mut weights, mut products, mut sum) = (0.0, 0.0, 0.0);
        for &(value, mm2, block) in &self.0 {
            let weight = mm2 * f64::from(draws[block]);
            sum += weight * (value * weights - products);
            weights += weight;
            products += weight * value;
        }
        (weights > 0.0).then(|| 2.0 * sum / (weights * weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_mean_difference_follow_from_areas_and_draws() {
        let sorted = Sorted(vec![(1.0, 1.0, 0), (2.0, 1.0, 1), (4.0, 2.0, 2)]);
        assert_eq!(sorted.quantiles(&[1, 1, 1], &[0.1, 0.5, 0.9]), [Some(1.0), Some(2.0), Some(4.0)]);
        assert_eq!(sorted.quantiles(&[0, 1, 0], &[0.1, 0.9]), [Some(2.0), Some(2.0)]);
        assert_eq!(sorted.quantiles(&[0, 0, 0], &[0.5]), [None]);
        // Pairs of a place and a place: 2 (1*1*1 + 1*2*3 + 1*2*2) / 16.
        assert!((sorted.mean_difference(&[1, 1, 1]).unwrap() - 22.0 / 16.0).abs() < 1e-12);
        assert!((sorted.mean_difference(&[2, 2, 2]).unwrap() - 22.0 / 16.0).abs() < 1e-12);
        assert_eq!(sorted.mean_difference(&[0, 0, 0]), None);
    }
}
