//! Many slides through one model on one device.

use super::cohort::write_cohort;
use super::event::Event;
use super::map_settings::MapSettings;
use super::maps::{has_maps, map_and_tell};
use super::resume::has_results;
use super::slide_run::score_slide;
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::export::{RecordedError, RunFacts, SlideRecord, SlideStatus};
use crate::export::{
    assign_ids, check_maps_writable, check_writable, clear, remove_outcomes, write_run_metadata, write_summary,
};
use crate::infer::{Predictor, PredictorConfig};
use crate::limits::MAX_TILE_SIDE_PX;
use crate::nn::Bundle;
use crate::tile::GridRule;
use crate::tiling::wsinfer_grid;
use crate::tissue::{TissueConfig, TissueMethod};
use crate::units::Mpp;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The least side of a tile: below it a network sees hardly more than one colour.
const MIN_TILE_SIDE_PX: u32 = 16;

/// What to score, and how.
#[derive(Debug, Clone)]
pub struct ScoreConfig {
    /// Slides, as [`super::find_slides`] lists them.
    pub slides: Vec<PathBuf>,
    /// The results folder.
    pub out: PathBuf,
    /// Which rule places the tiles.
    pub grid: GridRule,
    /// Micrometres per pixel at which tiles are read, in place of the model's.
    pub spacing: Option<Mpp>,
    /// Side of a tile at that resolution, pixels, in place of the model's; what the network sees of it keeps its side.
    pub tile_px: Option<u32>,
    /// Overlap of neighbouring tiles, 0 to below 1; with WSInfer's grid also below 0, which leaves gaps.
    pub overlap: f64,
    /// Fraction of a tile that must be tissue; our own grid only.
    pub min_tissue: f64,
    /// Overrides the resolution that the file states.
    pub mpp: Option<Mpp>,
    /// How tissue is found; WSInfer's grid brings its own.
    pub tissue: TissueConfig,
    /// Memory for decoded chunks and batches, bytes.
    pub memory_bytes: u64,
    /// Threads that decode; 0 for one for each core.
    pub workers: usize,
    /// Score again what an earlier run has finished.
    pub overwrite: bool,
    /// What is made of the predictions.
    pub maps: MapSettings,
}

impl ScoreConfig {
    /// The command line's defaults, without maps.
    pub fn usual(slides: Vec<PathBuf>, out: PathBuf) -> Self {
        Self {
            slides,
            out,
            grid: GridRule::Eosin,
            spacing: None,
            tile_px: None,
            overlap: 0.0,
            min_tissue: 0.25,
            mpp: None,
            tissue: TissueConfig::default(),
            memory_bytes: 512 << 20,
            workers: 0,
            overwrite: false,
            maps: MapSettings { formats: Vec::new(), ..MapSettings::default() },
        }
    }

    /// Checks what no slide can make right.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: `RUN-0010` a number out of range, `TIS-0001` and `TIS-0002` as [`TissueConfig::check`].
    pub fn check(&self) -> Result<()> {
        let least = match self.grid {
            GridRule::WsInfer => wsinfer_grid::MIN_OVERLAP,
            GridRule::Eosin => 0.0,
        };
        let refuse = |expected: String| Err(Error::new(ErrorKind::Usage, "RUN-0010", format!("expected {expected}")));
        if !(least..1.0).contains(&self.overlap) {
            let only = if least < 0.0 { "" } else { "; gaps between tiles need the grid of WSInfer" };
            return refuse(format!("an overlap from {least} to below 1, found {}{only}", self.overlap));
        }
        if !(0.0..=1.0).contains(&self.min_tissue) {
            return refuse(format!("a tissue share from 0 to 1, found {}", self.min_tissue));
        }
        if let Some(side) = self.tile_px.filter(|side| !(MIN_TILE_SIDE_PX..=MAX_TILE_SIDE_PX).contains(side)) {
            return refuse(format!("a tile of {MIN_TILE_SIDE_PX} to {MAX_TILE_SIDE_PX} px, found {side}"));
        }
        self.maps.check()?;
        self.tissue.check()
    }

    /// The settings that change results, for the record and for telling whether older results are still good.
    pub(super) fn settings(&self) -> serde_json::Value {
        let method = match self.grid {
            GridRule::WsInfer => TissueMethod::WsInfer,
            GridRule::Eosin => self.tissue.method,
        };
        json!({
            "grid": self.grid,
            "spacing_um_override": self.spacing,
            "tile_px_override": self.tile_px,
            "overlap": self.overlap,
            "min_tissue": self.min_tissue,
            "mpp_override": self.mpp,
            "tissue": TissueConfig { method, ..self.tissue },
        })
    }
}

/// A model on a device, with what records say of both.
pub(super) struct Engine<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) device: &'a OpenDevice,
    pub(super) predictor: Predictor,
    /// Side of a tile and its resolution: the model's, or what the user gave in their place.
    pub(super) tile_px: u32,
    pub(super) spacing: Mpp,
}

/// How a run went.
#[derive(Debug)]
pub struct RunOutcome {
    /// One record per slide, in the order given; fewer when the run was interrupted.
    pub records: Vec<SlideRecord>,
    /// Slides that were scored, but of which no maps could be made.
    pub unmapped: usize,
    /// True when the cancel flag ended the run.
    pub interrupted: bool,
}

impl RunOutcome {
    /// The number of slides that failed.
    pub fn failed(&self) -> usize {
        self.records.iter().filter(|record| record.status == SlideStatus::Failed).count()
    }
}

/// Scores every slide and writes its results and the summary of all; at the end, unless it was stopped, what the run was.
///
/// # Errors
/// Only what concerns the whole run: settings that [`ScoreConfig::check`] refuses, a table of outcomes that cannot be
/// trusted, an output folder that cannot be written ([`ErrorKind::Io`]), a model that does not load, a device that fails. What concerns one slide is its record.
pub fn score(
    config: &ScoreConfig,
    bundle: &Bundle,
    device: &OpenDevice,
    batch: Option<usize>,
    cancel: &AtomicBool,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<RunOutcome> {
    config.check()?;
    let ids = assign_ids(&config.slides);
    let outcomes = config.maps.read_outcomes(ids.iter().map(String::as_str), !bundle.classes().is_empty())?;
    check_writable(&config.out, &bundle.meaning())?;
    if !bundle.classes().is_empty() {
        config.maps.check_names(&bundle.class_names())?;
        config.maps.check_measured(config.slides.len())?;
        check_maps_writable(&config.out, &config.maps.formats)?;
    }
    let predictor = Predictor::new(bundle, device, PredictorConfig::for_device(device, batch))?;
    predictor.warm_up(bundle)?;
    let tile_px = config.tile_px.unwrap_or(bundle.preprocess().tile_px);
    let spacing = config.spacing.map_or_else(|| Mpp::new(bundle.mpp()), Ok)?;
    let engine = Engine { bundle, device, predictor, tile_px, spacing };
    remove_outcomes(&config.out)?;
    let mut outcome = RunOutcome { records: Vec::new(), unmapped: 0, interrupted: false };
    for (path, id) in config.slides.iter().zip(ids) {
        if cancel.load(Ordering::Relaxed) {
            break;
        }
        listen(Event::SlideStarted { id: &id });
        // Decoders are made to refuse and not to panic, but a night's run must not hang on that.
        let scored = catch_unwind(AssertUnwindSafe(|| score_slide(config, &engine, path, &id, cancel, listen)));
        let (record, reused, advice) = match scored.unwrap_or_else(|_| Err(panicked(path))) {
            Ok((record, reused)) => (record, reused, None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                if !has_results(&config.out, &id, path) {
                    clear(&config.out, &id)?;
                }
                break;
            }
            // A disk that is full for one slide is full for all.
            Err(error) if error.kind() == ErrorKind::Io && error.code().starts_with("OUT-") => return Err(error),
            Err(error) => (fail(config, &engine, path, &id, &error)?, false, error.advice().map(String::from)),
        };
        listen(Event::SlideDone { record: &record, reused, advice: advice.as_deref() });
        if has_maps(&record) {
            outcome.unmapped += map_and_tell(&config.out, &record, &config.maps, config.overwrite, listen)?;
        }
        let device_lost = record.error.as_ref().is_some_and(|error| error.code == "DEV-0003");
        outcome.records.push(record);
        write_summary(&config.out, &outcome.records)?;
        if device_lost && !device.is_cpu {
            let message = "expected the device to go on, found it lost; the slides after this one were not tried";
            return Err(Error::new(ErrorKind::Device, "DEV-0005", message)
                .with_advice("run the same command again: finished slides are kept; or use `--device cpu`"));
        }
    }
    outcome.interrupted = cancel.load(Ordering::Relaxed) && outcome.records.len() < config.slides.len();
    write_cohort(&config.out, &outcome.records, outcomes.as_ref())?;
    if !outcome.interrupted {
        write_run_metadata(&config.out, &run_facts(config, &engine, &outcome))?;
    }
    Ok(outcome)
}

fn run_facts(config: &ScoreConfig, engine: &Engine<'_>, outcome: &RunOutcome) -> RunFacts {
    let preprocess = engine.bundle.preprocess();
    RunFacts {
        model: super::slide_run::model_facts(engine.bundle),
        architecture: engine.bundle.spec().architecture.name().to_string(),
        tile_px: engine.tile_px,
        spacing: engine.spacing,
        input_px: preprocess.input_px,
        mean: preprocess.mean,
        std: preprocess.std,
        device: super::slide_run::device_facts(engine),
        settings: config.settings(),
        slides: (config.slides.len(), outcome.failed()),
    }
}

/// The panic itself is on standard error.
fn panicked(path: &Path) -> Error {
    Error::new(ErrorKind::Format, "RUN-0009", "expected results or an error, found a defect of this program")
        .at_path(path)
        .with_advice("please report it, with the lines above; the slides after it are scored")
}

/// Removes what a failed slide left and writes why it failed, unless there are results of an earlier run to keep.
fn fail(config: &ScoreConfig, engine: &Engine<'_>, path: &Path, id: &str, error: &Error) -> Result<SlideRecord> {
    let facts = super::slide_run::facts_of_file(path, id);
    let model = super::slide_run::model_facts(engine.bundle);
    let record = SlideRecord {
        error: Some(RecordedError::from(error)),
        settings: config.settings(),
        ..SlideRecord::new(SlideStatus::Failed, facts, model, String::new())
    };
    if !has_results(&config.out, id, path) {
        clear(&config.out, id)?;
        record.write(&config.out)?;
    }
    Ok(record)
}
