//! What a reader of the numbers must know before trusting them.

use super::config::MeasureConfig;
use super::field::Field;
use super::readout::{Measure, Region};
use super::{Measurements, Subject};
use crate::evaluate::LEAST_CLUSTERS;
use crate::tile::{Meaning, Role};

/// From this share of lost tiles on, the numbers are in doubt.
const LOST_FROM: f64 = 0.05;
/// From this share of tiles unlike the training data on, the numbers are in doubt; 0.01 is to be expected.
const UNLIKE_FROM: f64 = 0.1;
/// Fewer tiles than these are hardly a slide.
const FEW_TILES: usize = 50;

/// Sentences, the grave ones beginning with `WARNING: `.
pub(super) fn flags(
    subject: &Subject<'_>,
    field: &Field<'_>,
    measurements: &Measurements,
    config: &MeasureConfig,
) -> Vec<String> {
    let mut flags = Vec::new();
    let tiles = subject.map.tiles();
    if tiles.planned == 0 {
        return vec!["WARNING: no tissue was found".to_owned()];
    }
    let lost = tiles.lost as f64 / tiles.planned as f64;
    if lost >= LOST_FROM {
        let share = lost * 100.0;
        flags.push(format!("WARNING: {} of {} tiles ({share:.0} %) were lost", tiles.lost, tiles.planned));
    }
    let unlike = measurements.find(Measure::Unfamiliar, None, Region::Tissue).and_then(|readout| readout.figure.value);
    if let Some(unlike) = unlike.filter(|&share| share >= UNLIKE_FROM) {
        let share = unlike * 100.0;
        flags.push(format!("WARNING: {share:.0} % of the tiles are unlike those that the model was trained on"));
    }
    if tiles.scored < FEW_TILES {
        flags.push(format!("WARNING: only {} tiles were scored", tiles.scored));
    }
    if field.blocks < LEAST_CLUSTERS && config.replicates > 0 {
        flags.push(format!(
            "no intervals: they need at least {LEAST_CLUSTERS} squares of {} um with tissue, found {}",
            config.block_um, field.blocks
        ));
    }
    let tile_um = f64::from(subject.plan.side_l0) * subject.plan.mpp.get();
    if measurements.find(Measure::TilFraction, None, Region::Tissue).is_some() && tile_um > 1.5 * config.til_cell_um {
        flags.push(format!(
            "the cells of the TIL map are {} um, but the tiles they were judged by {tile_um:.0} um",
            config.til_cell_um
        ));
    }
    flags.extend(left_out(subject, field, config));
    flags.extend(roles(field));
    flags
}

/// Which read-outs are missing because of how tiles lie or classes are read.
fn left_out(subject: &Subject<'_>, field: &Field<'_>, config: &MeasureConfig) -> Vec<String> {
    let mut flags = Vec::new();
    let step_um = field.map.step_um();
    if subject.plan.step_l0 < subject.plan.side_l0 {
        flags
            .push("tiles overlap, so nothing is held against chance: there are no p-values and no z-scores".to_owned());
    }
    let tumour = !field.names(Role::Tumour).is_empty();
    if tumour && field.exclusive() && config.largest_gap_mm2 * 1e6 <= field.map.cell_um().powi(2) {
        flags.push(format!(
            "a cell of the map ({step_um:.0} um) is larger than any gap that is filled ({} mm2), so nothing but tumour can be \
             seen within the tumour's region: shares within it and the immune phenotype are left out",
            config.largest_gap_mm2
        ));
    }
    if tumour && config.margin_um < step_um / 2.0 {
        flags.push(format!("the margin of {} um is narrower than half a cell and holds none", config.margin_um));
    }
    let side_um = config.hot_spot_mm2.sqrt() * 1000.0;
    let (width, height) = (f64::from(field.map.cols()) * step_um, f64::from(field.map.rows()) * step_um);
    if side_um > width.min(height) {
        flags.push(format!("hot spots of {} mm2 are larger than the map", config.hot_spot_mm2));
    }
    if *field.map.meaning() == Meaning::Classes && !field.exclusive() {
        flags.push(
            "classes with thresholds may overlap: diversity and neighbourhood enrichment are left out".to_owned(),
        );
    }
    flags
}

/// Which read-outs are missing because no class stands for what they are about.
fn roles(field: &Field<'_>) -> Option<String> {
    if *field.map.meaning() == Meaning::Features || field.map.class_names().is_empty() {
        return None;
    }
    let missing: Vec<&str> = [Role::Tumour, Role::Stroma, Role::Immune]
        .into_iter()
        .filter(|&role| field.names(role).is_empty())
        .map(Role::name)
        .collect();
    let listed = missing.join(", ");
    (!missing.is_empty())
        .then(|| format!("no class stands for {listed}: read-outs that need it are left out; roles can be given"))
}
