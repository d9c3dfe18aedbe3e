//! Cross-validation: as many trainings as there are folds, each tested on its own fold, and figures over all tiles.
//!
//! Every tile is judged once, by a model that has seen no tile of its patient. Each fold has a folder with its checkpoint
//! and model, so that what was done stays done when a run is resumed.

use crate::assess;
use crate::dataset::{Split, Targets, TileSet, split};
use crate::device::OpenDevice;
use crate::draft::write_whole;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{Assessment, Bootstrap};
use crate::export::RESEARCH_USE;
use crate::report::{EvaluationPage, Fact, Note, evaluation_page};
use crate::tile::Meaning;
use crate::train::config::{Compute, TrainConfig};
use crate::train::event::TrainEvent;
use crate::train::run::{self, CONFIG, CROSS_VALIDATION, EVALUATION, PAGE, PREDICTIONS};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

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
    // A fold that is done stays, when that is asked for; its figures are written last.
    let is_done = |each: &TrainConfig| each.resume && each.out.join(EVALUATION).exists();
    run::check_out(config)?;
    for each in (1..=folds).map(of_fold).filter(|each| !is_done(each)) {
        run::check_out(&each)?;
    }
    let set = run::read(config, cancel, on_event)?;
    // All before the first training: a fold that cannot be made is no reason to stop after hours.
    let splits = (1..=folds).map(|fold| split(&set, &of_fold(fold).split, config.seed)).collect::<Result<Vec<_>>>()?;
    // One choice of layers for all.
    let fewest = splits.iter().map(|split| split.train.len()).min().unwrap_or_default();
    let layers = config.resolve(&set.targets, fewest)?.layers;
    let (mut tiles, mut scores, mut dirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut notes = set.notes.clone();
    for (fold, split) in (1..).zip(&splits) {
        let each = TrainConfig { layers, ..of_fold(fold) };
        let done = is_done(&each);
        on_event(TrainEvent::Fold { fold, folds, done });
        if done {
            check_same(&each, &set, split)?;
        } else {
            std::fs::create_dir_all(&each.out).map_err(|error| Error::io(&each.out, "make the folder", error))?;
            run::train_on(&set, split, &each, device, cancel, on_event)?;
        }
        tiles.extend_from_slice(&split.test);
        scores.extend(said(&each, &set, split)?);
        dirs.push(each.out.join(&each.card.name));
        notes.extend(split.notes.iter().filter(|note| !notes.contains(note)).cloned().collect::<Vec<_>>());
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
        notes,
        assessment,
    };
    let write = |name: &str, bytes: &[u8]| write_whole(&config.out.join(name), bytes);
    write(PREDICTIONS, assess::csv(&set, &tiles, &scores).as_bytes())?;
    write(PAGE, page(&record, &meaning, device)?.as_bytes())?;
    write(CROSS_VALIDATION, &assess::json(&record)?)?;
    Ok(CrossReport { dirs, assessment: record.assessment })
}

/// Refuses a fold that was trained otherwise.
fn check_same(each: &TrainConfig, set: &TileSet, split: &Split) -> Result<()> {
    let path = each.out.join(CONFIG);
    let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, "read the configuration", error))?;
    let found = toml::from_str::<TrainConfig>(&text).ok().map(|found| found.digest());
    let expected = each.resolve(&set.targets, split.train.len())?;
    // What depends on the device was resolved from this.
    let same = [Compute::F32, Compute::Bf16].map(|compute| TrainConfig { compute, ..expected.clone() }.digest());
    if found.is_some_and(|found| same.contains(&found)) { Ok(()) } else { Err(other_fold(each)) }
}

/// What the model of a fold says of the tiles of its fold, in their order.
fn said(each: &TrainConfig, set: &TileSet, split: &Split) -> Result<Vec<Vec<f32>>> {
    let path = each.out.join(PREDICTIONS);
    let table = std::fs::read(&path).map_err(|error| Error::io(&path, "read the predictions", error))?;
    let (_, said) = assess::read_csv(set, &table).map_err(|error| error.at_path(&path))?;
    // Names and truths must be those of today.
    let same = said.len() == split.test.len() && assess::csv(set, &split.test, &said).as_bytes() == table;
    if same { Ok(said) } else { Err(other_fold(each)) }
}

fn other_fold(each: &TrainConfig) -> Error {
    let message = "expected a fold of the same configuration and data, found another";
    Error::new(ErrorKind::Usage, "TRN-0502", message)
        .at_path(&each.out)
        .with_advice("go on as the run was begun, or begin a new one in another folder (--out)")
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
