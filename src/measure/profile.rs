//! What changes with the distance to the tumour's border.

use super::compartments::Compartments;
use super::config::MeasureConfig;
use super::field::Field;
use super::tally::Tally;
use crate::evaluate::Figure;
use crate::tile::Meaning;
use serde::{Deserialize, Serialize};

/// Shares of classes, or means of estimated numbers, against the distance to the tumour's border.
///
/// # Source
/// Infiltration profiles by distance to the invasive margin: Hendry et al. 2017, doi:10.1097/PAP.0000000000000161.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The steps from deep inside to far outside.
    pub steps: Vec<ProfileStep>,
    /// One for each class or number.
    pub series: Vec<ProfileSeries>,
}

/// One step of distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProfileStep {
    /// Where it begins, um; negative inside the tumour.
    pub from_um: f64,
    /// Where it ends, um.
    pub to_um: f64,
    /// Tissue within it, mm².
    pub mm2: f64,
}

/// One class or number over all steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileSeries {
    /// Its name.
    pub name: String,
    /// A figure for each step; no value where there is no tissue.
    pub figures: Vec<Figure>,
}

/// The profile; none without a border.
pub(super) fn profile(field: &Field<'_>, compartments: &Compartments, config: &MeasureConfig) -> Option<Profile> {
    (compartments.regions().len() > 2).then_some(())?;
    let steps = whole_steps(config, field.map.step_um());
    let step_of: Vec<Option<usize>> = field
        .places
        .iter()
        .map(|place| {
            let distance = compartments.distance_um(place).filter(|_| place.tissue)?;
            steps.iter().position(|&(from, to)| (from..to).contains(&distance))
        })
        .collect();
    let in_step = |step: usize, at: usize| step_of[at] == Some(step);
    let mut tally = Tally::<(usize, usize)>::new(field);
    let areas: Vec<_> =
        (0..steps.len()).map(|step| tally.sum(|at, place| if in_step(step, at) { place.mm2 } else { 0.0 })).collect();
    for class in 0..field.map.class_names().len() {
        for (step, &area) in areas.iter().enumerate() {
            let sum = tally.sum(|at, place| match field.map.meaning() {
                _ if !in_step(step, at) => 0.0,
                Meaning::Estimates(_) => place.mm2 * f64::from(place.scores[class]),
                _ if Field::holds(&field.present[class], place) => place.mm2,
                _ => 0.0,
            });
            tally.read((class, step), area, move |sums| sums.ratio(sum, area));
        }
    }
    let mut series: Vec<ProfileSeries> =
        field.map.class_names().iter().map(|name| ProfileSeries { name: name.clone(), figures: Vec::new() }).collect();
    for ((class, _), figure) in tally.figures(&config.bootstrap()) {
        series[class].figures.push(figure);
    }
    let mm2 = |step: usize| {
        let inside = field.places.iter().enumerate().filter(|(at, _)| in_step(step, *at));
        inside.map(|(_, place)| place.mm2).sum()
    };
    let steps = steps.iter().enumerate();
    let steps = steps.map(|(step, &(from_um, to_um))| ProfileStep { from_um, to_um, mm2: mm2(step) }).collect();
    Some(Profile { steps, series })
}

/// Steps of one width on both sides of the border, which lies between two of them; none is narrower than a cell, since many
/// would be empty.
fn whole_steps(config: &MeasureConfig, cell_um: f64) -> Vec<(f64, f64)> {
    let width = config.profile_step_um.max(cell_um);
    #[expect(clippy::cast_possible_truncation, reason = "the configuration is checked: at most 1,000 steps")]
    let reach = (config.profile_reach_um / width).ceil() as i32;
    (-reach..reach).map(|step| (f64::from(step) * width, f64::from(step + 1) * width)).collect()
}
