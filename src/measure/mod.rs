//! A map becomes numbers about the slide: how much of what, where, how arranged, how sure, each with an interval and a
//! stated definition.
//!
//! Invariants: failed cells and glass are in no number but their own; a number that the tissue does not define has no value,
//! never 0; every interval is drawn over whole squares of tissue; the same map, settings and seed give the same numbers to
//! the bit. Nothing here knows slides, models or files.

mod agreement;
mod areas;
mod arrangement;
mod certainty;
mod clustering;
mod compartments;
mod config;
mod estimates;
mod field;
mod flags;
mod heterogeneity;
mod hot_spots;
mod local;
mod phenotype;
mod profile;
mod readout;
mod tally;
mod tils;

pub use agreement::{MapAgreement, MeasuredMap};
pub use arrangement::{LocalMap, PairTable};
pub use clustering::{ClusteringCurve, ClusteringStep};
pub use config::MeasureConfig;
pub use hot_spots::{HotSpot, HotSpots};
pub use local::{LocalStatistics, local_statistics};
pub use phenotype::{ImmunePhenotype, Phenotype};
pub use profile::{Profile, ProfileSeries, ProfileStep};
pub use readout::{Definition, Measure, Readout, Region, Topic};

use crate::error::Result;
use crate::map::BiomarkerMap;
use crate::spatial::benjamini_hochberg;
use crate::tile::{Predictions, Reading, Role, TilePlan};
use arrangement::Tissue;
use compartments::Compartments;
use field::Field;
use serde::{Deserialize, Serialize};
use tally::Tally;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Where the tiles lie.
    pub plan: &'a TilePlan,
    /// Their scores.
    pub predictions: &'a Predictions,
    /// The map made of both.
    pub map: &'a BiomarkerMap,
    /// How each class is read.
    pub readings: &'a [Reading],
    /// The same numbers by another method.
    pub measured: Option<&'a MeasuredMap>,
}

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// What each role stood for: the names of its classes.
    pub roles: Vec<(Role, Vec<String>)>,
    /// All single numbers.
    pub readouts: Vec<Readout>,
    /// How the tumour meets the immune system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phenotype: Option<ImmunePhenotype>,
    /// What changes with the distance to the tumour's border.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Where there is most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hot_spots: Vec<HotSpots>,
    /// Where there is more or less than chance; for pictures, and not stored.
    #[serde(skip)]
    pub local: Vec<LocalMap>,
    /// How clustered each class is, over distances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clustering: Vec<ClusteringCurve>,
    /// Numbers of pairs of classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<PairTable>,
    /// How the map agrees with a measured one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreement: Vec<MapAgreement>,
    /// What a reader must know; the grave ones begin with `WARNING: `.
    pub flags: Vec<String>,
}

impl Measurements {
    /// The read-out of a measure; the first one where there are several of it.
    pub fn find(&self, measure: Measure, of: Option<&str>, region: Region) -> Option<&Readout> {
        self.readouts
            .iter()
            .find(|found| found.measure == measure && found.of.as_deref() == of && found.region == region)
    }
}

/// Where the tumour's core, its margin and what is beyond are, cell by cell of a map; none for what is no tissue, and
/// everywhere when no class stands for tumour.
pub fn regions(map: &BiomarkerMap, readings: &[Reading], config: &MeasureConfig) -> Vec<Option<Region>> {
    let mut cells = vec![None; map.cols() as usize * map.rows() as usize];
    let field = Field::new(map, readings, config);
    let compartments = Compartments::new(&field, config);
    if compartments.tumour.is_none() {
        return cells;
    }
    let all = [Region::TumourCore, Region::MarginInside, Region::MarginOutside, Region::Beyond];
    for place in &field.places {
        let region = all.into_iter().find(|&region| compartments.holds(region, place));
        cells[field.cell(place)] = region;
    }
    cells
}

/// Chances of one measure are adjusted for each other: of many classes some stand out by chance.
fn adjust(readouts: &mut [Readout]) {
    // Read-outs of one measure stand beside each other.
    for of_measure in readouts.chunk_by_mut(|one, other| one.measure == other.measure) {
        let p: Vec<Option<f64>> = of_measure.iter().map(|readout| readout.p).collect();
        of_measure.iter_mut().zip(benjamini_hochberg(&p)).for_each(|(readout, adjusted)| readout.p = adjusted);
    }
}

/// What was measured of how tiles lie in space.
struct Arranged {
    readouts: Vec<Readout>,
    curves: Vec<ClusteringCurve>,
    hot_spots: Vec<HotSpots>,
    local: Vec<LocalMap>,
}

/// Figures of the tiles' own grid. Tiles that overlap share pixels, so nothing is held against chance then.
fn arranged(field: &Field<'_>, config: &MeasureConfig, overlapping: bool) -> Result<Arranged> {
    let config = &MeasureConfig { permutations: if overlapping { 0 } else { config.permutations }, ..*config };
    let tissue = Tissue::of(field)?;
    let mut tally = Tally::new(field);
    let mut tests = arrangement::arrange(field, &tissue, &mut tally);
    areas::immune_to_tumour(field, &mut tally);
    let mut readouts = tally.readouts(&config.bootstrap());
    let clustering = clustering::clustering(field, &tissue, config)?;
    readouts.extend(clustering.readouts);
    tests.extend(clustering.immune_to_tumour.map(|p| (Readout::of_all(Measure::ImmuneToTumour), p)));
    if overlapping {
        tests.clear();
    } else {
        readouts.extend(arrangement::joins(field, &tissue));
    }
    for (of, p) in tests {
        readouts.iter_mut().filter(|readout| readout.key() == of.key()).for_each(|readout| readout.p = Some(p));
    }
    let local = if overlapping { Vec::new() } else { arrangement::local(field, &tissue) };
    Ok(Arranged { readouts, curves: clustering.curves, hot_spots: hot_spots::hot_spots(field, config), local })
}

/// The tables of all measures of pairs.
fn tables(readouts: &[Readout], names: &[String]) -> Vec<PairTable> {
    let measures = [Measure::Correlation, Measure::Lee, Measure::BivariateMoran, Measure::Interaction];
    measures.into_iter().filter_map(|measure| arrangement::table(readouts, measure, names)).collect()
}

/// Measures a slide.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for settings that [`MeasureConfig::check`] refuses; [`crate::ErrorKind::Limits`] when a map has
/// more cells than can be worked with.
pub fn measure(subject: &Subject<'_>, config: &MeasureConfig) -> Result<Measurements> {
    config.check()?;
    let field = Field::new(subject.map, subject.readings, config);
    let compartments = Compartments::new(&field, config);
    let bootstrap = config.bootstrap();
    let mut tally = Tally::new(&field);
    areas::areas(&field, &compartments, &mut tally);
    areas::border(&field, &compartments, &mut tally);
    estimates::means(&field, &compartments, &mut tally);
    heterogeneity::diversity(&field, &mut tally);
    certainty::entropy(&field, &mut tally);
    let mut readouts = tally.readouts(&bootstrap);
    // What lies how in space is asked of the tiles: cells of one tile, or smoothed ones, are not so many observations.
    let own = BiomarkerMap::new(subject.plan, subject.predictions)?;
    let own = Field::new(&own, subject.readings, config);
    let arranged = arranged(&own, config, subject.plan.step_l0 < subject.plan.side_l0)?;
    readouts.extend(arranged.readouts);
    readouts.push(areas::failed(&field));
    readouts.extend(estimates::quantiles(&field, &compartments, config));
    let mut flags = Vec::new();
    match tils::til_fraction(subject.plan, subject.predictions, subject.readings, config) {
        Ok(found) => readouts.extend(found),
        Err(error) => flags.push(format!("no TIL map of cells of {} um: {}", config.til_cell_um, error.message())),
    }
    readouts.extend(certainty::unfamiliar(subject.plan, subject.predictions, config));
    readouts.sort_by_key(|readout| readout.measure);
    adjust(&mut readouts);
    let of_role = |role: Role| (role, field.names(role).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>());
    let mut measurements = Measurements {
        roles: Role::ALL.into_iter().map(of_role).filter(|(_, names)| !names.is_empty()).collect(),
        phenotype: phenotype::phenotype(&readouts, config),
        profile: profile::profile(&field, &compartments, config),
        hot_spots: arranged.hot_spots,
        clustering: arranged.curves,
        local: arranged.local,
        pairs: tables(&readouts, subject.map.class_names()),
        agreement: subject
            .measured
            .map(|measured| agreement::agreement(&field, measured, subject.plan.side_l0, config))
            .unwrap_or_default(),
        readouts,
        flags: Vec::new(),
    };
    measurements.flags = flags::flags(subject, &field, &measurements, config);
    measurements.flags.extend(flags);
    Ok(measurements)
}
