//! All slides of a results folder → the tables of what was measured, and the report of the cohort.

use super::cohort_outcomes::{findings, section};
use super::outcome_table::OutcomeTable;
use super::slide_facts::{device_facts, model_facts};
use super::slide_page::intervals;
use crate::error::Result;
use crate::evaluate::Figure;
use crate::export::{
    MapRecord, OutcomeRow, SlideRecord, SlideStatus, read_thumbnail, write_measurements, write_outcomes, write_text,
};
use crate::measure::{Measure, MeasureConfig, Readout, Region};
use crate::raster::RgbImage8;
use crate::report::{CohortColumn, CohortPage, CohortSlide, Fact, Note, ReadoutDefinition, Section, cohort_page};
use std::path::Path;

/// Columns of one measure, each of a class of its own; all numbers are in the tables.
const CLASSES: usize = 4;
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

/// Writes `report.html`, `cohort.csv` and `measurements.csv`, and with outcomes `outcomes.csv`. Slides without maps are in the report alone.
///
/// # Errors
/// A file that cannot be written, or a report that cannot be put together.
pub(super) fn write_cohort(results: &Path, records: &[SlideRecord], outcomes: Option<&OutcomeTable>) -> Result<()> {
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
    let sections = outcomes.map(|table| tie(results, table, records, &columns, &all)).transpose()?;
    let table = outcomes.map(|table| Fact::new("Outcomes (BLAKE3)", table.digest.as_str()));
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
        sections: sections.as_slice(),
        model: &with_maps.map(model_facts).unwrap_or_default(),
        settings: &all
            .first()
            .map(|map| vec![Fact::new("Maps and numbers", map.settings.to_string())])
            .unwrap_or_default(),
        device: &with_maps.map(device_facts).unwrap_or_default(),
        provenance: table.as_slice(),
    })?;
    write_text(results, "report.html", &page)?;
    Ok(())
}

/// Holds the numbers against outcomes: writes `outcomes.csv` and gives the report's section.
fn tie(
    results: &Path,
    table: &OutcomeTable,
    records: &[SlideRecord],
    columns: &[Readout],
    maps: &[MapRecord],
) -> Result<Section> {
    let findings = findings(table, columns, maps);
    let rows: Vec<OutcomeRow> = findings.iter().map(|finding| finding.row.clone()).collect();
    write_outcomes(results, &rows, &table.unit)?;
    let ids: Vec<&str> = records.iter().map(|record| record.slide.id.as_str()).collect();
    Ok(section(table, &findings, &ids, maps))
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
        let mut own: Vec<Readout> = Vec::new();
        for readout in readouts.filter(|readout| (readout.measure, readout.region) == (measure, region)) {
            if own.len() < CLASSES && !own.iter().any(|known| known.key() == readout.key()) {
                own.push(readout.clone());
            }
        }
        columns.extend(own);
    }
    columns
}

pub(super) fn definition(readout: &Readout) -> ReadoutDefinition {
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

pub(super) fn value(map: Option<&MapRecord>, column: &Readout) -> Figure {
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

#[cfg(test)]
mod tests {
    use super::super::outcome_table::OutcomeSource;
    use super::*;
    use crate::evaluate::survival::{Association, Outcomes};
    use crate::export::{ModelFacts, SlideFacts};
    use crate::measure::Measurements;
    use std::fmt::Write;

    /// A slide whose area of tissue is known, or that failed.
    fn slide(results: &Path, id: &str, area: Option<f64>) -> SlideRecord {
        let status = if area.is_some() { SlideStatus::Scored } else { SlideStatus::Failed };
        let facts = SlideFacts { id: id.to_owned(), ..SlideFacts::default() };
        let model = ModelFacts { classes: vec!["a".to_owned()], ..ModelFacts::default() };
        let figure = |value| Figure { value: Some(value), ..Figure::default() };
        if let Some(area) = area {
            let all_alike = Readout { measure: Measure::Entropy, figure: figure(0.5), ..Readout::default() };
            let area = Readout { measure: Measure::TissueArea, figure: figure(area), ..Readout::default() };
            let measurements = Measurements { readouts: vec![area, all_alike], ..Measurements::default() };
            MapRecord::new(id, "key".into(), serde_json::json!({}), measurements).write(results).unwrap();
        }
        SlideRecord::new(status, facts, model, "key".into())
    }

    /// Two slides for each of some patients, and a thirteenth one; who has the event is drawn by lot.
    struct Cohort {
        results: tempfile::TempDir,
        records: Vec<SlideRecord>,
        table: String,
        times: Vec<f64>,
        events: Vec<bool>,
        areas: Vec<f64>,
    }

    fn cohort(patients: usize) -> Cohort {
        let results = tempfile::tempdir().unwrap();
        let mut of = Cohort {
            records: vec![slide(results.path(), "broken", None), slide(results.path(), "other", Some(1.0))],
            results,
            table: "id,time,event,patient\nbroken,4,1,somebody\n".to_owned(),
            times: Vec::new(),
            events: Vec::new(),
            areas: Vec::new(),
        };
        for patient in 0..patients {
            let (time, event, area) = ((patient * 7 % 20) as f64, patient % 5 != 2, (patient * 11 % 17) as f64);
            for (half, area) in [("l", area - 0.25), ("r", area + 0.25)] {
                let id = format!("s{patient}{half}");
                of.records.push(slide(of.results.path(), &id, Some(area)));
                writeln!(of.table, "{id},{time},{},Jane Doe {patient}", u8::from(event)).unwrap();
            }
            of.times.push(time);
            of.events.push(event);
            of.areas.push(area);
        }
        of
    }

    impl Cohort {
        /// Rows of `outcomes.csv`, and the report.
        fn write(&self) -> (Vec<csv::StringRecord>, String) {
            let dir = self.results.path();
            let path = dir.join("given.csv");
            std::fs::write(&path, &self.table).unwrap();
            let source = OutcomeSource { table: path.clone(), unit: "years".to_owned() };
            let table = source.read(self.records.iter().map(|record| record.slide.id.as_str())).unwrap();
            std::fs::remove_file(path).unwrap();
            write_cohort(dir, &self.records, Some(&table)).unwrap();
            let mut rows = csv::Reader::from_path(dir.join("outcomes.csv")).unwrap();
            let report = std::fs::read_to_string(dir.join("report.html")).unwrap();
            (rows.records().map(|row| row.unwrap()).collect(), report)
        }
    }

    /// Whether there is no figure in a row.
    fn is_bare(row: &csv::StringRecord) -> bool {
        row.iter().skip(7).take(9).all(str::is_empty)
    }

    #[test]
    fn a_patient_counts_once_with_the_mean_of_the_slides() {
        let of = cohort(30);
        let (rows, report) = of.write();
        let expected = Association::of(&Outcomes::new(&of.times, &of.events).unwrap(), &of.areas).unwrap();
        let row: Vec<&str> = rows[0].iter().collect();
        assert_eq!(row[..7], ["tissue_area", "", "tissue", "mm\u{b2}", "30", "24", "years"]);
        let number = |at: usize| row[at].parse::<f64>().unwrap();
        let [low, ratio, high] = expected.effect.hazard_ratio;
        let numbers = [expected.deviation, ratio, low, high, expected.effect.p];
        for (at, expected) in numbers.into_iter().enumerate() {
            assert!((number(at + 7) - expected).abs() < 1e-12 * expected, "{row:?}");
        }
        assert_eq!((row[12], row[16]), (row[11], ""), "only one number was tested");
        assert!(is_bare(&rows[1]), "nothing of what is the same in all: {:?}", rows[1]);
        assert!(rows[1][16].starts_with("not defined: ") && rows[1][16].contains("SUR-0006"), "{:?}", rows[1]);
        for words in ["Exploratory and unadjusted", "values are averaged", "not a test of choice", "Time [years]"] {
            assert!(report.contains(words), "{words}");
        }
        let fact = |label: &str, value: usize| format!("<dt>{label}</dt><dd>{value}</dd>");
        for fact in [fact("Patients", 30), fact("Their slides", 60), fact("Slides without an outcome, left out", 1)] {
            assert!(report.contains(&fact), "{fact}");
        }
        assert!(
            report.contains(&fact("Outcomes of slides without numbers, left out", 1)),
            "that of the slide that failed"
        );
    }

    #[test]
    fn no_file_names_a_patient() {
        let of = cohort(30);
        of.write();
        for file in std::fs::read_dir(of.results.path()).unwrap().map(|file| file.unwrap().path()) {
            let text = std::fs::read(&file).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&text).contains("Jane"), "{}", file.display());
        }
    }

    #[test]
    fn with_few_events_nothing_is_estimated() {
        let (rows, report) = cohort(11).write();
        assert_eq!(rows[0][5].parse(), Ok(9));
        assert!(rows.iter().all(|row| row[16].starts_with("fewer than 10 events")), "{rows:?}");
        assert!(rows.iter().all(is_bare), "{rows:?}");
        assert!(report.contains("so nothing is estimated") && !report.contains("At risk"));
    }

    #[test]
    fn without_outcomes_nothing_is_said_of_them() {
        let of = cohort(12);
        write_cohort(of.results.path(), &of.records, None).unwrap();
        let report = std::fs::read_to_string(of.results.path().join("report.html")).unwrap();
        assert!(!report.contains("Numbers and outcomes") && !of.results.path().join("outcomes.csv").exists());
    }
}
