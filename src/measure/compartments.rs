//! Where the tumour is, and how far from its border every other place lies.
//!
//! Invariant: the border is that between the tumour's region and other scored tissue. The edge of the section and failed
//! cells make none: nobody knows what was beyond.

use super::config::MeasureConfig;
use super::field::{Field, Place};
use super::readout::Region;
use crate::map::{clean, signed_distance_um};
use crate::raster::Mask;
use crate::tile::Role;

/// The regions of a slide that has a class of tumour.
pub(super) struct Compartments {
    /// The tumour's region; none when no class stands for tumour, or nothing is left of it.
    pub tumour: Option<Mask>,
    /// For each cell of the map the distance to the border, um, negative inside; empty without any border.
    distance_um: Vec<Option<f32>>,
    cols: usize,
    margin_um: f64,
    /// Whether other classes can lie within the tumour's region at all.
    pub mixed: bool,
}

impl Compartments {
    pub fn new(field: &Field<'_>, config: &MeasureConfig) -> Self {
        let map = field.map;
        let um2 = |mm2: f64| mm2 * 1e6;
        let tumour = field.role(Role::Tumour).map(|mask| {
            let cells = clean(mask, map, um2(config.least_tumour_mm2), um2(config.largest_gap_mm2));
            // A gap may hold glass or failed cells; these are no tumour.
            field.mask(|place| place.tissue && Field::holds(&cells, place))
        });
        let tumour = tumour.filter(|mask| mask.count() > 0);
        let distance_um =
            tumour.as_ref().map(|mask| signed_distance_um(mask, &field.tissue(), map)).unwrap_or_default();
        let distance_um = if distance_um.iter().any(Option::is_some) { distance_um } else { Vec::new() };
        let mixed = !field.exclusive() || um2(config.largest_gap_mm2) > map.cell_um().powi(2);
        Self { tumour, distance_um, cols: map.cols() as usize, margin_um: config.margin_um, mixed }
    }

    /// Distance of a place to the border, um, negative inside the tumour's region; none without a border.
    pub fn distance_um(&self, place: &Place<'_>) -> Option<f64> {
        self.distance_um.get(place.row as usize * self.cols + place.col as usize).copied().flatten().map(f64::from)
    }

    /// The regions that there are.
    pub fn regions(&self) -> Vec<Region> {
        let all = [
            Region::Tissue,
            Region::Tumour,
            Region::TumourCore,
            Region::MarginInside,
            Region::MarginOutside,
            Region::Beyond,
        ];
        let known = match (&self.tumour, self.distance_um.is_empty()) {
            (None, _) => 1,
            (Some(_), true) => 2,
            (Some(_), false) => all.len(),
        };
        all[..known].to_vec()
    }

    /// The regions in which classes besides tumour can be found: where a class excludes the others and one cell is larger
    /// than any gap that is filled, the tumour's region is of tumour alone by definition, which would be told as a finding.
    pub fn mixed_regions(&self) -> Vec<Region> {
        let inside = [Region::Tumour, Region::TumourCore, Region::MarginInside];
        self.regions().into_iter().filter(|region| self.mixed || !inside.contains(region)).collect()
    }

    /// Whether a place is in a region; background is in none.
    pub fn holds(&self, region: Region, place: &Place<'_>) -> bool {
        if !place.tissue {
            return false;
        }
        let inside = self.tumour.as_ref().is_some_and(|mask| Field::holds(mask, place));
        let near = || self.distance_um(place).is_some_and(|distance| distance.abs() <= self.margin_um);
        match region {
            Region::Tissue => true,
            Region::Tumour => inside,
            Region::TumourCore => inside && !near(),
            Region::MarginInside => inside && near(),
            Region::MarginOutside => !inside && near(),
            Region::Beyond => !inside && !near(),
        }
    }
}
