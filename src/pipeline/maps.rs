//! Stored predictions → maps, numbers and reports. Scoring ends with it, and `eosin map` repeats it with other settings;
//! neither the slide nor the model is needed.
//!
//! Invariant: what is made follows from the stored predictions, the record of the scoring, and the settings alone, so both
//! ways give the same bytes.

use super::cohort::write_cohort;
use super::event::Event;
use super::map_settings::MapSettings;
use super::slide_page::{PageFacts, slide_page};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{
    MapOutputs, MapRecord, SlideRecord, SlideStatus, StoredPredictions, WrittenFile, check_maps_writable,
    read_predictions, read_thumbnail, remove_outcomes, write_maps,
};
use crate::map::BiomarkerMap;
use crate::measure::{MeasuredMap, Subject, measure};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Makes everything of one slide's stored predictions; the flag is true when what is there is still good.
///
/// # Errors
/// [`ErrorKind::Integrity`] `MAP-0012` when stored files are not those of the record, `MAP-0013` when there are none; those of
/// reading them, of maps and measurements, and of writing.
pub fn map_slide(
    results: &Path,
    record: &SlideRecord,
    settings: &MapSettings,
    overwrite: bool,
) -> Result<(MapRecord, bool)> {
    let started = Instant::now();
    let id = record.slide.id.as_str();
    let readings = settings.readings(record)?;
    let stored = stored_file(record, "predictions/")?;
    let picture = stored_file(record, "thumbnails/")?;
    let table = settings.measured.as_deref().and_then(|place| table_of(place, id));
    let table_digest = table.as_deref().map(digest).transpose()?;
    let described = json!({ "map": settings, "readings": readings, "measured": table_digest });
    let key = key(record, [stored, picture], &described);
    if let Some(found) = MapRecord::read(results, id).filter(|found| !overwrite && found.is_done(results, &key)) {
        return Ok((found, true));
    }
    for file in [stored, picture] {
        check_digest(results, file)?;
    }
    let StoredPredictions { plan, predictions, .. } = read_predictions(&results.join(&stored.name))?;
    let thumbnail = read_thumbnail(&results.join(&picture.name))?;
    let measured = table.map(|table| read_table(&table, &predictions.class_names)).transpose()?;
    let thresholds = readings.iter().map(|reading| reading.threshold).collect();
    let map = BiomarkerMap::with(&plan, &predictions, &settings.cells)?.with_thresholds(thresholds);
    let subject =
        Subject { plan: &plan, predictions: &predictions, map: &map, readings: &readings, measured: measured.as_ref() };
    let measurements = measure(&subject, &settings.measure)?;
    let colours: Vec<[u8; 3]> = record.model.columns.iter().map(|column| column.color).collect();
    let facts = PageFacts {
        record,
        config: &settings.measure,
        settings: &described,
        map: &map,
        readings: &readings,
        colours: &colours,
        thumbnail: &thumbnail,
    };
    let page = slide_page(&facts, &measurements)?;
    let outputs = MapOutputs {
        id,
        model: &record.model.name,
        plan: &plan,
        predictions: &predictions,
        map: &map,
        colours: &colours,
        readings: &readings,
        measure: &settings.measure,
        thumbnail: &thumbnail,
        page: &page,
        drafts: results,
    };
    let written = write_maps(results, &outputs, &settings.formats)?;
    let seconds = started.elapsed().as_secs_f64();
    let found = MapRecord { outputs: written, seconds, ..MapRecord::new(id, key, described, measurements) };
    found.write(results)?;
    Ok((found, false))
}

/// Whether maps can be made of a slide at all: it was scored, by a model whose numbers have names.
pub(super) fn has_maps(record: &SlideRecord) -> bool {
    record.status != SlideStatus::Failed && !record.model.classes.is_empty()
}

/// The same, with the outcome as an event; the number of slides that could not be mapped, 0 or 1.
///
/// # Errors
/// What no other slide would be spared: a folder that cannot be written.
pub(super) fn map_and_tell(
    results: &Path,
    record: &SlideRecord,
    settings: &MapSettings,
    overwrite: bool,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<usize> {
    let mapped = map_slide(results, record, settings, overwrite);
    let id = record.slide.id.as_str();
    match &mapped {
        Ok((found, reused)) => {
            listen(Event::Mapped { id, seconds: found.seconds, reused: *reused, error: None });
            Ok(0)
        }
        Err(error) if error.kind() == ErrorKind::Io && error.code().starts_with("OUT-") => mapped.map(|_| 0),
        Err(error) => {
            listen(Event::Mapped { id, seconds: 0.0, reused: false, error: Some(error) });
            Ok(1)
        }
    }
}

/// What happened to a folder of results.
#[derive(Debug)]
pub struct MapOutcome {
    /// How many slides there are that can be mapped.
    pub slides: usize,
    /// How many of them were, or are still good.
    pub mapped: usize,
    /// How many could not be.
    pub failed: usize,
    /// True when the cancel flag ended the run.
    pub interrupted: bool,
}

/// Makes maps, numbers and reports of all slides of a results folder anew, and the report of the cohort.
///
/// # Errors
/// [`ErrorKind::Usage`] `MAP-0014` when there is no result of a slide in the folder, `SUR-0020` to `SUR-0023` for a table of
/// outcomes that cannot be trusted; those of [`MapSettings::check`]; and a folder that cannot be written.
pub fn map_results(
    results: &Path,
    settings: &MapSettings,
    overwrite: bool,
    cancel: &AtomicBool,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<MapOutcome> {
    settings.check()?;
    let Stored { records, unreadable } = stored_records(results)?;
    let slides: Vec<&SlideRecord> = records.iter().filter(|record| has_maps(record)).collect();
    settings.check_measured(slides.len())?;
    let ids = records.iter().map(|record| record.slide.id.as_str());
    let outcomes = settings.read_outcomes(ids, !slides.is_empty())?;
    check_maps_writable(results, &settings.formats)?;
    // Before the first map changes, so that it never tells of others.
    remove_outcomes(results)?;
    let all = slides.len() + unreadable.len();
    let mut outcome = MapOutcome { slides: all, mapped: 0, failed: unreadable.len(), interrupted: false };
    for id in &unreadable {
        let message = "expected the record of a slide, found a file that is none of this version";
        let error = Error::new(ErrorKind::Integrity, "MAP-0016", message)
            .with_advice("it was damaged, or written by another version; score the slide again");
        listen(Event::Mapped { id, seconds: 0.0, reused: false, error: Some(&error) });
    }
    for record in slides {
        if cancel.load(Ordering::Relaxed) {
            outcome.interrupted = true;
            break;
        }
        listen(Event::SlideStarted { id: &record.slide.id });
        let failed = map_and_tell(results, record, settings, overwrite, listen)?;
        outcome.failed += failed;
        outcome.mapped += 1 - failed;
    }
    write_cohort(results, &records, outcomes.as_ref())?;
    Ok(outcome)
}

/// What a results folder holds.
struct Stored {
    records: Vec<SlideRecord>,
    /// Slides whose records cannot be read.
    unreadable: Vec<String>,
}

/// The records of all slides of a folder, by name.
fn stored_records(results: &Path) -> Result<Stored> {
    let refuse = |error| Error::io(results, "read the results folder", error);
    let entries = std::fs::read_dir(results).map_err(refuse)?.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    let mut ids: Vec<String> = entries
        .iter()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".json")?.to_owned()))
        .collect();
    ids.sort_unstable();
    // What the run was is told beside the slides.
    ids.retain(|id| !id.starts_with("run_metadata_"));
    let (records, unreadable): (Vec<_>, Vec<_>) =
        ids.into_iter().map(|id| (SlideRecord::read(results, &id), id)).partition(|(record, _)| record.is_some());
    let records: Vec<SlideRecord> = records.into_iter().filter_map(|(record, _)| record).collect();
    let unreadable = unreadable.into_iter().map(|(_, id)| id).collect();
    if records.is_empty() {
        let message = "expected the results of a scoring, found no record of a slide";
        return Err(Error::new(ErrorKind::Usage, "MAP-0014", message)
            .at_path(results)
            .with_advice("give the folder that was given to `eosin score --out`"));
    }
    Ok(Stored { records, unreadable })
}

/// A file of the scoring that maps are made of.
fn stored_file<'a>(record: &'a SlideRecord, folder: &str) -> Result<&'a WrittenFile> {
    record.outputs.iter().find(|file| file.name.starts_with(folder)).ok_or_else(|| {
        let message = format!("expected stored predictions in {folder}, found none in the slide's record");
        Error::new(ErrorKind::Integrity, "MAP-0013", message)
            .with_advice("it was scored by an older version; score it again")
    })
}

fn check_digest(results: &Path, file: &WrittenFile) -> Result<()> {
    let path = results.join(&file.name);
    let found = digest(&path)?;
    if found == file.blake3 {
        return Ok(());
    }
    let message = format!("expected the file that was written, {}, found {found}", file.blake3);
    Err(Error::new(ErrorKind::Integrity, "MAP-0012", message)
        .at_path(&path)
        .with_advice("it was changed since; score the slide again"))
}

fn digest(path: &Path) -> Result<String> {
    let refuse = |error| Error::io(path, "read the file", error);
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path).map_err(refuse)?).map_err(refuse)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The table of a slide, if it has one.
fn table_of(place: &Path, id: &str) -> Option<PathBuf> {
    if !place.is_dir() {
        return Some(place.to_path_buf());
    }
    Some(place.join(format!("{id}.csv"))).filter(|table| table.is_file())
}

fn read_table(path: &Path, names: &[String]) -> Result<MeasuredMap> {
    let file = File::open(path).map_err(|error| Error::io(path, "read the table", error))?;
    MeasuredMap::read(file, names).map_err(|error| error.at_path(path))
}

/// What the files of a slide depend on.
fn key(record: &SlideRecord, stored: [&WrittenFile; 2], described: &serde_json::Value) -> String {
    let mut hasher = blake3::Hasher::new();
    let colours = format!("{:?}", record.model.columns);
    let parts = [record.resume_key.as_str(), &stored[0].blake3, &stored[1].blake3, &colours, &described.to_string()];
    for part in parts {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}
