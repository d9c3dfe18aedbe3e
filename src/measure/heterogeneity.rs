//! How mixed a tissue is: diversity of classes as a whole and within squares, spread of estimated numbers.

use super::field::Field;
use super::readout::{Measure, Readout};
use super::tally::{Sum, Sums, Tally};
use crate::raster::Mask;
use crate::tile::Role;

/// Diversity of the classes' shares of the tissue; only of classes that exclude each other.
pub(super) fn diversity<'f>(field: &'f Field<'_>, tally: &mut Tally<'f>) {
    if !field.exclusive() {
        return;
    }
    let of_tissue = |class: &usize| field.readings[*class].role != Some(Role::Background);
    let classes: Vec<&Mask> = (0..field.present.len()).filter(of_tissue).map(|class| &field.present[class]).collect();
    let areas: Vec<Sum> =
        classes.iter().map(|mask| tally.area(|place| place.tissue && Field::holds(mask, place))).collect();
    let tissue = tally.area(|place| place.tissue);
    let largest = (classes.len() as f64).ln();
    let shannon = move |areas: &[Sum], sums: &Sums<'_>| entropy(areas.iter().map(|&area| sums[area]));
    let of = areas.clone();
    tally.read(Readout::of_all(Measure::Shannon), tissue, move |sums| shannon(&of, sums));
    let of = areas.clone();
    tally.read(Readout::of_all(Measure::Evenness), tissue, move |sums| {
        shannon(&of, sums).filter(|_| largest > 0.0).map(|found| found / largest)
    });
    tally.read(Readout::of_all(Measure::Rao), tissue, move |sums| {
        let total: f64 = areas.iter().map(|&area| sums[area]).sum();
        (total > 0.0).then(|| 1.0 - areas.iter().map(|&area| (sums[area] / total).powi(2)).sum::<f64>())
    });
    local(field, &classes, tally);
}

/// Diversity within a square of tissue, each square weighing as much as its tissue.
fn local<'f>(field: &'f Field<'_>, classes: &[&Mask], tally: &mut Tally<'f>) {
    let mut areas = vec![vec![0.0; classes.len()]; field.blocks];
    for place in field.places.iter().filter(|place| place.tissue) {
        for (area, mask) in areas[place.block].iter_mut().zip(classes) {
            *area += if Field::holds(mask, place) { place.mm2 } else { 0.0 };
        }
    }
    let within: Vec<f64> = areas.into_iter().map(|areas| entropy(areas.into_iter()).unwrap_or(0.0)).collect();
    let tissue = tally.area(|place| place.tissue);
    let sum = tally.sum(|_, place| if place.tissue { place.mm2 * within[place.block] } else { 0.0 });
    tally.read(Readout::of_all(Measure::LocalShannon), tissue, move |sums| sums.ratio(sum, tissue));
}

/// Shannon's entropy of parts of a whole, in nat; none of nothing.
fn entropy(parts: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let total: f64 = parts.clone().sum();
    let of = |part: f64| if part > 0.0 { -(part / total) * (part / total).ln() } else { 0.0 };
    (total > 0.0).then(|| parts.map(of).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_equal_parts_is_the_logarithm_of_their_number() {
        let of = |parts: &[f64]| entropy(parts.iter().copied());
        assert!((of(&[2.0, 2.0, 2.0, 0.0]).unwrap() - 3.0_f64.ln()).abs() < 1e-12);
        assert_eq!((of(&[5.0, 0.0]), of(&[0.0]), of(&[])), (Some(0.0), None, None));
    }
}
