//! Cross-validation: as many trainings as there are folds, each tested on its own fold, and figures over all tiles.
//!
//! Every tile is judged once, by a model that has seen no tile of its patient. Each fold has a folder with its checkpoint
//! and model, so that what was done stays done when a run is resumed.

use crate::assess;
use crate::dataset::Targets;
use crate::device::OpenDevice;
use crate::draft::write_whole;
use crate::error::{Error, Result};
use crate::evaluate::{Assessment, Bootstrap};
use crate::export::RESEARCH_USE;
use crate::report::{EvaluationPage, Fact, Note, evaluation_page};
use crate::tile::Meaning;
use crate::train::config::TrainConfig;
use crate::train::event::TrainEvent;
use crate::train::run::{self, PAGE, PREDICTIONS};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// The figures of all folds.
const RECORD: &str = "cross-validation.json";

/// What a cross-validation gave.
#[derive(Debug, Clone)]
pub struct CrossReport {
    /// The folders of the folds' models.
    pub dirs: Vec<PathBuf>,
    /// The figures of all tiles, each judged by the model that did not see its fold.
    pub assessment: Assessment,
}

/// Trains a model for each fold of `split.folds` in `out/fold-N`, and writes figures and predictions of all to `out`.
///
/// # Errors
/// Those of [`train`](super::train()), of each fold.
pub fn cross_validate(
    config: &TrainConfig,
    device: &OpenDevice,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<CrossReport> {
    config.check()?;
    let folds = config.split.folds.unwrap_or_default();
    let of_fold = |fold: usize| {
        let mut each = config.clone();
        each.split.fold = Some(fold);
        each.out = config.out.join(format!("fold-{fold}"));
        each
    };
    // A fold that is done stays, when that is asked for.
    let is_done = |each: &TrainConfig| each.resume && each.out.join(&each.card.name).is_dir();
    for each in (1..=folds).map(of_fold).filter(|each| !is_done(each)) {
        run::check_out(&each)?;
    }
    let set = run::read(config, cancel, on_event)?;
    let (mut tiles, mut scores, mut dirs) = (Vec::new(), Vec::new(), Vec::new());
    for fold in 1..=folds {
        let each = of_fold(fold);
        let done = is_done(&each);
        on_event(TrainEvent::Fold { fold, folds, done });
        if !done {
            std::fs::create_dir_all(&each.out).map_err(|error| Error::io(&each.out, "make the folder", error))?;
            run::train_on(&set, &each, device, cancel, on_event)?;
        }
        let path = each.out.join(PREDICTIONS);
        let table = std::fs::read(&path).map_err(|error| Error::io(&path, "read the predictions", error))?;
        let (of, said) = assess::read_csv(&set, &table).map_err(|error| error.at_path(&path))?;
        tiles.extend(of);
        scores.extend(said);
        dirs.push(each.out.join(&each.card.name));
    }
    let meaning = match set.targets {
        Targets::Classes(_) => Meaning::Classes,
        Targets::Numbers(_) => Meaning::Estimates(Vec::new()),
    };
    let bootstrap = Bootstrap { seed: config.seed, ..Bootstrap::default() };
    let assessment = assess::assess(&set, &tiles, &scores, &meaning, bootstrap)?;
    let record = CrossRecord {
        schema: 1,
        eosin: env!("CARGO_PKG_VERSION").to_owned(),
        note: RESEARCH_USE.to_owned(),
        name: config.card.name.clone(),
        folds,
        notes: set.notes.clone(),
        assessment,
    };
    let write = |name: &str, bytes: &[u8]| write_whole(&config.out.join(name), bytes);
    write(PREDICTIONS, assess::csv(&set, &tiles, &scores).as_bytes())?;
    write(PAGE, page(&record, &meaning, device)?.as_bytes())?;
    write(RECORD, &assess::json(&record)?)?;
    Ok(CrossReport { dirs, assessment: record.assessment })
}

/// What is kept of a cross-validation.
#[derive(Debug, Serialize)]
struct CrossRecord {
    schema: u32,
    eosin: String,
    note: String,
    name: String,
    folds: usize,
    notes: Vec<String>,
    assessment: Assessment,
}

fn page(record: &CrossRecord, meaning: &Meaning, device: &OpenDevice) -> Result<String> {
    let model = [Fact::new("Model", record.name.as_str()), Fact::new("Folds", record.folds.to_string())];
    let data = [Fact::new("Tiles", "each judged once, by the model that did not see its fold")];
    let notes: Vec<Note> = record.notes.iter().map(|note| Note::of(note)).collect();
    evaluation_page(&EvaluationPage {
        title: &format!("Cross-validation of {}", record.name),
        model: &model,
        data: &data,
        notes: &notes,
        assessment: &record.assessment,
        meaning,
        calibration: None,
        training: &[],
        gallery: &[],
        gallery_choice: "",
        provenance: &[Fact::new("Device", format!("{} ({})", device.name, device.backend))],
    })
}
