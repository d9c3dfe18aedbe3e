//! How classes lie against chance: clustered, beside each other, near each other. All against the same classes in random
//! places of the same tissue, so that edges and holes of the section need no correction.

use super::arrangement::{Tissue, classes};
use super::config::MeasureConfig;
use super::field::Field;
use super::readout::{Measure, Readout};
use crate::error::Result;
use crate::spatial::{Lattice, MarkedL, Permutations, class_distance, contacts, marked_l};
use crate::tile::Role;
use serde::{Deserialize, Serialize};

/// Distances of a curve; a pair of cells is looked up for each square of this.
const MAX_STEPS: u32 = 30;
/// Fewer cells of a class than these make no curve.
const FEW_CELLS: usize = 5;

/// How clustered one class is at each distance.
///
/// # Source
/// L of Besag 1977 after Ripley 1976, doi:10.2307/3212829, against random labelling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusteringCurve {
    /// The class.
    pub of: String,
    /// From near to far.
    pub steps: Vec<ClusteringStep>,
    /// Of the curve as a whole against chance.
    pub p: Option<f64>,
}

/// One distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClusteringStep {
    /// The distance, um; L of a class in random places.
    pub r_um: f64,
    /// L, um: above the distance where the class keeps together.
    pub l_um: Option<f64>,
    /// Lower end of what chance does in 95 of 100 curves, um.
    pub low_um: Option<f64>,
    /// Upper end of it, um.
    pub high_um: Option<f64>,
}

/// What is told against chance.
#[derive(Debug, Default)]
pub(super) struct Clustering {
    pub curves: Vec<ClusteringCurve>,
    pub readouts: Vec<Readout>,
    /// p of the mean distance from immune cells to tumour.
    pub immune_to_tumour: Option<f64>,
}

/// Curves and read-outs, and how likely it is by chance that immune cells are as near to or as far from tumour.
pub(super) fn clustering(field: &Field<'_>, tissue: &Tissue, config: &MeasureConfig) -> Result<Clustering> {
    if tissue.cells.is_empty() {
        return Ok(Clustering::default());
    }
    let lattice = Lattice::of(&tissue.cells)?;
    let permutations =
        (config.permutations > 0).then_some(Permutations { count: config.permutations, seed: config.seed });
    let mut readouts = Vec::new();
    let mut curves = Vec::new();
    for class in classes(field) {
        let name = &field.map.class_names()[class];
        let Some(curve) = curve(field, tissue, &lattice, class, config, permutations) else { continue };
        let over = curve.steps.iter().filter_map(|step| Some(step.l_um? - step.r_um)).reduce(f64::max);
        let mut readout = Readout::of(Measure::Clustering, name);
        readout.figure.value = over;
        readouts.push(Readout { p: curve.p, ..readout });
        curves.push(curve);
    }
    readouts.extend(interaction(field, tissue, permutations));
    let immune_to_tumour = immune_to_tumour(field, tissue, &lattice, permutations);
    Ok(Clustering { curves, readouts, immune_to_tumour })
}

fn curve(
    field: &Field<'_>,
    tissue: &Tissue,
    lattice: &Lattice,
    class: usize,
    config: &MeasureConfig,
    permutations: Option<Permutations>,
) -> Option<ClusteringCurve> {
    let marked = tissue.present(field, class);
    let count = marked.iter().filter(|&&mark| mark).count();
    if count < FEW_CELLS || count == marked.len() {
        return None;
    }
    let step_um = field.map.step_um();
    let steps = super::field::cells_a_side(config.profile_reach_um, step_um).clamp(2, MAX_STEPS);
    let radii: Vec<f64> = (1..=steps).map(f64::from).collect();
    let MarkedL { radii, p } = marked_l(lattice, &marked, &radii, permutations)?;
    let um = |cells: Option<f64>| cells.map(|cells| cells * step_um);
    let step = |at: &crate::spatial::MarkedRadius| ClusteringStep {
        r_um: at.radius * step_um,
        l_um: um(at.l),
        low_um: um(at.low),
        high_um: um(at.high),
    };
    Some(ClusteringCurve { of: field.map.class_names()[class].clone(), steps: radii.iter().map(step).collect(), p })
}

/// Neighbouring pairs of classes that exclude each other.
fn interaction(field: &Field<'_>, tissue: &Tissue, permutations: Option<Permutations>) -> Vec<Readout> {
    let decided = tissue.places.iter().map(|&at| field.map.meaning().decide(field.places[at].scores));
    let labels: Option<Vec<u8>> = decided.map(|class| u8::try_from(class?).ok()).collect();
    let names = field.map.class_names();
    let Some(found) = labels
        .filter(|_| field.exclusive())
        .and_then(|labels| contacts(&tissue.neighbours, &labels, names.len(), permutations))
    else {
        return Vec::new();
    };
    let read = |contact: &crate::spatial::Contact| {
        let test = contact.permutation?;
        let of = format!("{}|{}", names[usize::from(contact.from)], names[usize::from(contact.to)]);
        let mut readout = Readout::of(Measure::Interaction, &of);
        readout.figure.value = Some(test.z?);
        Some(Readout { p: Some(test.p), ..readout })
    };
    found.iter().filter(|contact| contact.from <= contact.to).filter_map(read).collect()
}

/// How near immune cells are to tumour cells, against chance.
fn immune_to_tumour(
    field: &Field<'_>,
    tissue: &Tissue,
    lattice: &Lattice,
    permutations: Option<Permutations>,
) -> Option<f64> {
    const IMMUNE: u8 = 1;
    const TUMOUR: u8 = 2;
    let (immune, tumour) = (field.role(Role::Immune)?, field.role(Role::Tumour)?);
    let label = |&at: &usize| match &field.places[at] {
        place if Field::holds(&tumour, place) => TUMOUR,
        place if Field::holds(&immune, place) => IMMUNE,
        _ => 0,
    };
    let labels: Vec<u8> = tissue.places.iter().map(label).collect();
    class_distance(lattice, &labels, IMMUNE, TUMOUR, permutations)?.permutation.map(|test| test.p)
}
