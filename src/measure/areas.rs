//! How much of what, where: areas and shares of classes, the tumour and its stroma, immune cells.

use super::compartments::Compartments;
use super::field::{Field, Place};
use super::readout::{Measure, Readout, Region};
use super::tally::{Sum, Tally};
use crate::map::{Cell, signed_distance_um};
use crate::raster::Mask;
use crate::tile::{Meaning, Role};

/// Area of cells whose tiles were all lost, mm²; it has no interval, since it is counted and not sampled.
pub(super) fn failed(field: &Field<'_>) -> Readout {
    let map = field.map;
    let failed = map.cells().filter(|(.., cell)| *cell == Cell::Failed);
    let rects = failed.filter_map(|(col, row, _)| map.rect_l0(col, row));
    let px: u64 = rects.map(|rect| u64::from(rect.w) * u64::from(rect.h)).sum();
    let mut readout = Readout::of_all(Measure::FailedArea);
    readout.figure.value = Some(px as f64 * (map.mpp().get() / 1000.0).powi(2));
    readout
}

/// Areas and shares.
pub(super) fn areas<'f>(field: &'f Field<'_>, compartments: &'f Compartments, tally: &mut Tally<'f>) {
    let regions: Vec<_> = compartments
        .regions()
        .into_iter()
        .map(|region| (region, tally.area(|place| compartments.holds(region, place))))
        .collect();
    for &(region, area) in &regions {
        tally.read(Readout::of_all(Measure::TissueArea).within(region), area, move |sums| Some(sums[area]));
    }
    let mixed = compartments.mixed_regions();
    let mixed: Vec<_> = regions.into_iter().filter(|(region, _)| mixed.contains(region)).collect();
    for (class, name) in field.map.class_names().iter().enumerate() {
        let reading = field.readings[class];
        if matches!(field.map.meaning(), Meaning::Estimates(_)) && reading.threshold.is_none() {
            continue;
        }
        let present = &field.present[class];
        let whole = tally.area(|place| Field::holds(present, place));
        tally.read(Readout::of(Measure::ClassArea, name), whole, move |sums| Some(sums[whole]));
        if reading.role == Some(Role::Background) {
            continue;
        }
        for &(region, area) in &mixed {
            let part = tally.area(|place| compartments.holds(region, place) && Field::holds(present, place));
            tally.read(Readout::of(Measure::ClassFraction, name).within(region), area, move |sums| {
                sums.ratio(part, area)
            });
        }
    }
    tumour(field, compartments, tally);
    immune(field, compartments, &mixed, tally);
}

fn tumour<'f>(field: &'f Field<'_>, compartments: &'f Compartments, tally: &mut Tally<'f>) {
    let (Some(cells), Some(stroma)) = (field.role(Role::Tumour), field.role(Role::Stroma)) else { return };
    let wanted = |region: &Region| matches!(region, Region::Tissue | Region::Tumour);
    for region in compartments.mixed_regions().into_iter().filter(wanted) {
        let part = |mask: &Mask, tally: &mut Tally<'f>| {
            tally.area(|place| compartments.holds(region, place) && Field::holds(mask, place))
        };
        let (cells, stroma) = (part(&cells, tally), part(&stroma, tally));
        tally.read(Readout::of_all(Measure::StromaShare).within(region), cells, move |sums| {
            let both = sums[cells] + sums[stroma];
            (both > 0.0).then(|| sums[stroma] / both)
        });
    }
}

fn immune<'f>(field: &'f Field<'_>, compartments: &'f Compartments, regions: &[(Region, Sum)], tally: &mut Tally<'f>) {
    let Some(immune) = field.role(Role::Immune) else { return };
    let stroma = field.role(Role::Stroma);
    for &(region, area) in regions {
        let within = |mask: &Mask, tally: &mut Tally<'f>| {
            tally.area(|place| compartments.holds(region, place) && Field::holds(mask, place))
        };
        let cells = within(&immune, tally);
        tally.read(Readout::of_all(Measure::ImmuneFraction).within(region), area, move |sums| sums.ratio(cells, area));
        if let Some(stroma) = stroma.as_ref().filter(|_| matches!(region, Region::Tissue | Region::Tumour)) {
            let stroma = within(stroma, tally);
            tally.read(Readout::of_all(Measure::StromalTils).within(region), stroma, move |sums| {
                let both = sums[cells] + sums[stroma];
                (both > 0.0).then(|| sums[cells] / both)
            });
        }
    }
}

/// Area of the tumour's region, mm², and length of the border between it and other scored tissue, mm, from the edges of
/// cells.
pub(super) fn border<'f>(field: &'f Field<'_>, compartments: &'f Compartments, tally: &mut Tally<'f>) {
    let Some(tumour) = &compartments.tumour else { return };
    let area = tally.area(|place| compartments.holds(Region::Tumour, place));
    tally.read(Readout::of_all(Measure::TumourArea), area, move |sums| Some(sums[area]));
    let tissue = field.tissue();
    let side_mm = field.map.cell_um() / 1000.0;
    // Each edge is counted from the tumour's side.
    let length = tally.sum(|_, place| {
        if !compartments.holds(Region::Tumour, place) {
            return 0.0;
        }
        let (col, row) = (i64::from(place.col), i64::from(place.row));
        let beside = [(col - 1, row), (col + 1, row), (col, row - 1), (col, row + 1)];
        side_mm * beside.iter().filter(|(col, row)| tissue.get(*col, *row) && !tumour.get(*col, *row)).count() as f64
    });
    tally.read(Readout::of_all(Measure::BorderLength), length, move |sums| Some(sums[length]));
}

/// Mean distance from immune cells to the nearest tumour cell, um, between centres.
pub(super) fn immune_to_tumour<'f>(field: &'f Field<'_>, tally: &mut Tally<'f>) {
    let (Some(immune), Some(tumour)) = (field.role(Role::Immune), field.role(Role::Tumour)) else { return };
    let (distances, half_um) = (signed_distance_um(&tumour, &field.tissue(), field.map), field.map.cell_um() / 2.0);
    let distance = |place: &Place<'_>| {
        let outside = place.tissue && Field::holds(&immune, place) && !Field::holds(&tumour, place);
        let found = distances.get(field.cell(place)).copied().flatten();
        found.filter(|_| outside).map(|distance| f64::from(distance) + half_um)
    };
    let cells = tally.sum(|_, place| f64::from(u8::from(distance(place).is_some())));
    let sum = tally.sum(|_, place| distance(place).unwrap_or(0.0));
    tally.read(Readout::of_all(Measure::ImmuneToTumour), cells, move |sums| sums.ratio(sum, cells));
}
