//! All slides of a results folder → the tables of what was measured, and the report of the cohort.

use super::slide_page::{device_facts, intervals, model_facts};
use crate::error::Result;
use crate::evaluate::Figure;
use crate::export::{MapRecord, SlideRecord, SlideStatus, read_thumbnail, write_measurements, write_text};
use crate::measure::{Measure, MeasureConfig, Readout, Region};
use crate::raster::RgbImage8;
use crate::report::{CohortColumn, CohortPage, CohortSlide, Fact, Note, ReadoutDefinition, cohort_page};
use std::path::Path;

/// Columns of the report; all numbers are in the tables.
const COLUMNS: usize = 12;
/// What is worth a column, in this order.
const WANTED: [(Measure, Region); 12] = [
    (Measure::TissueArea, Region::Tissue),
    (Measure::TumourArea, Region::Tissue),
    (Measure::StromaShare, Region::Tissue),
    (Measure::ImmuneFraction, Region::Tumour),
    (Measure::ImmuneFraction, Region::MarginOutside),
    (Measure::TilFraction, Region::Tissue),
    (Measure::ClassFraction, Region::Tissue),
    (Measure::Mean, Region::Tissue),
    (Measure::Shannon, Region::Tissue),
    (Measure::Moran, Region::Tissue),
    (Measure::Entropy, Region::Tissue),
    (Measure::Unfamiliar, Region::Tissue),
];

/// Writes `report.html`, `cohort.csv` and `measurements.csv`. Slides without maps are in the report alone.
///
/// # Errors
/// A file that cannot be written, or a report that cannot be put together.
pub(super) fn write_cohort(results: &Path, records: &[SlideRecord]) -> Result<()> {
    // Features have no names, so there is nothing to tell of them.
    if records.iter().all(|record| record.model.classes.is_empty()) {
        return Ok(());
    }
    let map = |record: &SlideRecord| {
        // A slide that failed now may have maps of an earlier run, which are not of this one.
        if record.status == SlideStatus::Failed { None } else { MapRecord::read(results, &record.slide.id) }
    };
    let maps: Vec<Option<MapRecord>> = records.iter().map(map).collect();
    let all: Vec<MapRecord> = maps.iter().flatten().cloned().collect();
    write_measurements(results, &all)?;
    let columns = columns(&all);
    let definitions: Vec<ReadoutDefinition> = columns.iter().map(definition).collect();
    let shown: Vec<CohortColumn<'_>> =
        definitions.iter().map(|definition| CohortColumn { definition, mark: None }).collect();
    // A picture that is gone costs a picture, not the report.
    let thumbnails: Vec<Option<RgbImage8>> = records.iter().map(|record| thumbnail(results, record)).collect();
    let pages: Vec<Option<String>> = maps.iter().map(|map| page_of(map.as_ref()?)).collect();
    let slides: Vec<CohortSlide<'_>> = records
        .iter()
        .zip(&maps)
        .zip(thumbnails.iter().zip(&pages))
        .map(|((record, map), (thumbnail, page))| CohortSlide {
            id: &record.slide.id,
            page: page.as_deref(),
            thumbnail: thumbnail.as_ref(),
            status: record.status,
            failure: record.error.as_ref().map(|error| error.message.as_str()),
            values: columns.iter().map(|column| value(map.as_ref(), column)).collect(),
            notes: notes(record, map.as_ref()),
        })
        .collect();
    let with_maps = records.iter().zip(&maps).find(|(_, map)| map.is_some()).map(|(record, _)| record);
    let config = all.first().and_then(settings).unwrap_or_default();
    let page = cohort_page(&CohortPage {
        title: "Cohort",
        notes: &cohort_notes(records, &all),
        columns: &shown,
        slides: &slides,
        intervals: &intervals(&config),
        figures: &[],
        model: &with_maps.map(model_facts).unwrap_or_default(),
        settings: &all
            .first()
            .map(|map| vec![Fact::new("Maps and numbers", map.settings.to_string())])
            .unwrap_or_default(),
        device: &with_maps.map(device_facts).unwrap_or_default(),
        provenance: &[],
    })?;
    write_text(results, "report.html", &page)?;
    Ok(())
}

/// The settings of the numbers, as they stand in a record.
fn settings(map: &MapRecord) -> Option<MeasureConfig> {
    serde_json::from_value(map.settings.pointer("/map/measure")?.clone()).ok()
}

/// One read-out of each kind that is worth a column.
fn columns(maps: &[MapRecord]) -> Vec<Readout> {
    let mut columns: Vec<Readout> = Vec::new();
    for (measure, region) in WANTED {
        let readouts = maps.iter().flat_map(|map| &map.measurements.readouts);
        for readout in readouts.filter(|readout| (readout.measure, readout.region) == (measure, region)) {
            if !columns.iter().any(|known| known.key() == readout.key()) {
                columns.push(readout.clone());
            }
        }
    }
    columns.truncate(COLUMNS);
    columns
}

fn definition(readout: &Readout) -> ReadoutDefinition {
    let definition = readout.measure.definition();
    let of = readout.of.as_deref().map(|of| format!(" of {of}")).unwrap_or_default();
    let region = if readout.region == Region::Tissue { String::new() } else { format!(", {}", readout.region.title()) };
    ReadoutDefinition {
        name: format!("{}{of}{region}", definition.title),
        unit: readout.unit().to_owned(),
        definition: definition.text.to_owned(),
        source: definition.source.to_owned(),
        decimals: None,
    }
}

fn value(map: Option<&MapRecord>, column: &Readout) -> Figure {
    let readout = map.and_then(|map| map.measurements.find(column.measure, column.of.as_deref(), column.region));
    readout.map(|readout| readout.figure).unwrap_or_default()
}

fn notes(record: &SlideRecord, map: Option<&MapRecord>) -> Vec<Note> {
    match map {
        Some(map) => map.measurements.flags.iter().map(|flag| Note::of(flag)).filter(|note| note.warning).collect(),
        None if record.status == SlideStatus::Failed => Vec::new(),
        None => vec![Note::of("WARNING: no maps were made")],
    }
}

fn cohort_notes(records: &[SlideRecord], maps: &[MapRecord]) -> Vec<Note> {
    let mut notes = Vec::new();
    let several = |values: Vec<&str>| values.windows(2).any(|pair| pair[0] != pair[1]);
    if several(records.iter().map(|record| record.model.digest.as_str()).collect()) {
        notes
            .push(Note::of("WARNING: the slides were scored by several models, of which the first is described below"));
    }
    let settings: Vec<String> =
        maps.iter().map(|map| map.settings.get("map").map(ToString::to_string).unwrap_or_default()).collect();
    if several(settings.iter().map(String::as_str).collect()) {
        notes.push(Note::of("WARNING: the maps were made with several settings, of which the first are given below"));
    }
    notes
}

fn thumbnail(results: &Path, record: &SlideRecord) -> Option<RgbImage8> {
    let file = record.outputs.iter().find(|file| file.name.starts_with("thumbnails/"))?;
    read_thumbnail(&results.join(&file.name)).ok()
}

/// The slide's own report, as seen from the results folder.
fn page_of(map: &MapRecord) -> Option<String> {
    map.outputs.iter().find(|file| file.name.starts_with("reports/")).map(|file| file.name.clone())
}
