//! One slide, from its file to its record.

use super::event::Event;
use super::resume::{fingerprint, resume_key};
use super::score::{Engine, ScoreConfig};
use super::survey::{Survey, survey};
use crate::error::{Error, ErrorKind, Result};
use crate::export::{
    CardFacts, ChunkCounts, ColumnFacts, DeviceFacts, FamiliarityFacts, GridFacts, ModelFacts, SlideFacts,
    SlideOutputs, SlideRecord, SlideStatus, StageSeconds, write_all,
};
use crate::infer::{BatchFeed, Predictor, Scored};
use crate::map::palette::class_colours;
use crate::map::{BiomarkerMap, MapSummary};
use crate::nn::{Bundle, Class};
use crate::raster::Mask;
use crate::slide::Slide;
use crate::tile::{Batch, GridRule, Meaning, Predictions, TilePlan, Unfamiliarity};
use crate::tiling::loader::{BatchSource, LoadReport, Loaded, LoaderConfig, load};
use crate::tiling::plan::{SlideGeometry, TilingConfig, plan};
use crate::tiling::wsinfer_grid;
use crate::units::Mpp;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Scores one slide; the flag is true when an earlier run's results are still good.
pub(super) fn score_slide(
    config: &ScoreConfig,
    engine: &Engine<'_>,
    path: &Path,
    id: &str,
    cancel: &AtomicBool,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<(SlideRecord, bool)> {
    let started = Instant::now();
    let slide = Slide::open(path)?;
    let fingerprint = fingerprint(path)?;
    let key = resume_key(config, engine.bundle, engine.device.arithmetic, &fingerprint);
    if !config.overwrite
        && let Some(record) = SlideRecord::read(&config.out, id).filter(|record| record.is_done(&config.out, &key))
    {
        return Ok((record, true));
    }
    let (mpp, mpp_source) = resolution(config.mpp, &slide).map_err(|error| error.at_path(path))?;
    let mut clock = Clock { seconds: StageSeconds::default(), last: started };
    clock.lap(|seconds, lap| seconds.open = lap);
    let Survey { picture, overview, mask, tissue_mm2 } = survey(config, &slide, mpp, cancel)?;
    clock.lap(|seconds, lap| seconds.tissue = lap);
    let plan = plan_tiles(config, (engine.tile_px, engine.spacing), &slide, mpp, &mask)?;
    clock.lap(|seconds, lap| seconds.plan = lap);
    listen(Event::TilesPlanned { tiles: plan.len() });
    let (predictions, loaded) = score_tiles(config, (engine.bundle, &engine.predictor), &slide, &plan, cancel, listen)?;
    clock.lap(|seconds, lap| seconds.network = lap);
    let map = lay_map(&plan, &predictions)?;
    let thresholds = engine.bundle.classes().iter().map(|class| class.reading().threshold);
    let map = map.with_thresholds(thresholds.collect());
    clock.lap(|seconds, lap| seconds.map = lap);
    let model = model_facts(engine.bundle);
    let colours: Vec<[u8; 3]> = model.columns.iter().map(|column| column.color).collect();
    let outputs = SlideOutputs {
        id,
        model: engine.bundle.name(),
        plan: &plan,
        predictions: &predictions,
        map: &map,
        colours: &colours,
        thumbnail: &picture,
        overview: &overview,
        mask: &mask,
        spacing: engine.spacing,
        drafts: &config.out,
    };
    let written = write_all(&config.out, &outputs)?;
    clock.lap(|seconds, lap| seconds.write = lap);
    clock.seconds.load = loaded.as_ref().map_or(0.0, |report| report.read_s + report.decode_s + report.assemble_s);
    clock.seconds.total = started.elapsed().as_secs_f64();
    let status = if plan.is_empty() { SlideStatus::NoTissue } else { SlideStatus::Scored };
    let facts = SlideFacts {
        format: Some(slide.format_name().to_string()),
        vendor: Some(slide.vendor().to_string()),
        width: Some(slide.size().w),
        height: Some(slide.size().h),
        levels: Some(slide.levels().len()),
        mpp: Some(mpp.get()),
        mpp_source: Some(mpp_source),
        fingerprint: Some(fingerprint),
        ..facts_of_file(path, id)
    };
    let record = SlideRecord {
        grid: Some(GridFacts::of(&plan, engine.spacing)),
        device: Some(device_facts(engine)),
        tiles: map.tiles(),
        tissue_mm2: Some(tissue_mm2),
        familiarity: predictions.unfamiliarity.as_ref().map(FamiliarityFacts::of),
        summary: Some(MapSummary::of(&map)),
        seconds: clock.seconds,
        chunks: loaded.map(|report| ChunkCounts { decoded: report.chunks_decoded, distinct: report.chunks_distinct }),
        settings: config.settings(),
        outputs: written,
        ..SlideRecord::new(status, facts, model, key)
    };
    record.write(&config.out)?;
    Ok((record, false))
}

/// Seconds of each stage, from one lap to the next.
struct Clock {
    seconds: StageSeconds,
    last: Instant,
}

impl Clock {
    fn lap(&mut self, put: impl FnOnce(&mut StageSeconds, f64)) {
        put(&mut self.seconds, self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }
}

/// The resolution of a slide and where it comes from: what was given, or what the file states.
pub(super) fn resolution(given: Option<Mpp>, slide: &Slide) -> Result<(Mpp, String)> {
    if let Some(mpp) = given {
        return Ok((mpp, "given by the user".to_string()));
    }
    if let Some(calibration) = slide.calibration() {
        return Ok((calibration.mpp(), calibration.source.clone()));
    }
    let why = slide.calibration_note().map(|note| format!(": {note}")).unwrap_or_default();
    let message = format!("expected the slide to state its um/px, found none{why}");
    Err(Error::new(ErrorKind::Format, "RUN-0003", message).with_advice("give it with `--mpp`, for example `--mpp 0.5`"))
}

/// Places tiles of a side in pixels at a resolution.
pub(super) fn plan_tiles(
    config: &ScoreConfig,
    (tile_px, spacing): (u32, Mpp),
    slide: &Slide,
    mpp: Mpp,
    mask: &Mask,
) -> Result<TilePlan> {
    let geometry = SlideGeometry::new(slide.levels(), mpp);
    match config.grid {
        GridRule::WsInfer => wsinfer_grid::plan_wsinfer(&geometry, mask, tile_px, spacing, config.overlap),
        GridRule::Eosin => {
            let tiling = TilingConfig { overlap: config.overlap, min_tissue: config.min_tissue };
            plan(&geometry, mask, tile_px, spacing, &tiling)
        }
    }
}

/// The loader as the predictor sees it: batches only; lost tiles are noted on the way.
struct Feed<'a> {
    source: &'a BatchSource,
    listen: &'a (dyn Fn(Event<'_>) + Sync),
}

impl BatchFeed for Feed<'_> {
    fn next_batch(&self) -> Option<Batch> {
        loop {
            match self.source.next()? {
                Loaded::Batch(batch) => return Some(batch),
                // A tile without scores is a lost one; its row stays empty.
                Loaded::Lost { .. } => (self.listen)(Event::TilesDone { tiles: 1 }),
            }
        }
    }

    fn recycle(&self, batch: Batch) {
        self.source.recycle(batch);
    }
}

/// The map of a slide's predictions.
///
/// # Errors
/// Those of [`BiomarkerMap::new`].
pub fn lay_map(plan: &TilePlan, predictions: &Predictions) -> Result<BiomarkerMap> {
    match predictions.meaning {
        // Thousands of features a tile are not mapped, only which tiles have some.
        Meaning::Features => BiomarkerMap::new(plan, &predictions.without_scores()),
        _ => BiomarkerMap::new(plan, predictions),
    }
}

/// Scores the tiles of a plan; what the loader did is told unless there are none.
///
/// # Errors
/// Those of loading and scoring; [`ErrorKind::Format`] when no tile could be decoded.
pub fn score_tiles(
    config: &ScoreConfig,
    (bundle, predictor): (&Bundle, &Predictor),
    slide: &Slide,
    plan: &TilePlan,
    cancel: &AtomicBool,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<(Predictions, Option<LoadReport>)> {
    let (meaning, class_names) = (bundle.meaning(), bundle.class_names());
    // Of each tile its scores, and how far it is from the training tiles.
    let said = Mutex::new(vec![(None, None); plan.len()]);
    let mut report = None;
    if !plan.is_empty() {
        let loader = LoaderConfig {
            input_px: bundle.preprocess().input_px,
            batch: predictor.config().batch,
            workers: config.workers,
            memory_bytes: config.memory_bytes,
        };
        let keep = |scored: Scored| {
            let tiles = scored.tiles.len();
            let mut said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (at, (tile, scores)) in scored.tiles.into_iter().zip(scored.scores).enumerate() {
                let distance = scored.distances.as_ref().and_then(|distances| distances.get(at)).copied();
                said[tile as usize] = (Some(scores), distance);
            }
            drop(said);
            listen(Event::TilesDone { tiles });
        };
        let run = |source: &BatchSource| predictor.run(&Feed { source, listen }, &keep);
        let (ran, loaded) = load(slide, plan, &loader, cancel, run)?;
        ran?;
        report = Some(loaded);
    }
    let said = said.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (rows, distances): (Vec<Option<Vec<f32>>>, Vec<Option<f32>>) = said.into_iter().unzip();
    if !rows.is_empty() && rows.iter().all(Option::is_none) {
        let message = format!("expected pixels for {} tiles, found none that can be decoded", rows.len());
        return Err(Error::new(ErrorKind::Format, "RUN-0004", message)
            .with_advice("the file may have been damaged while it was copied; copy it again"));
    }
    let threshold = bundle.familiarity().map(|familiarity| familiarity.threshold);
    let unfamiliarity = threshold.map(|threshold| Unfamiliarity { distances, threshold });
    Ok((Predictions { meaning, class_names, rows, unfamiliarity }, report))
}

/// How classes are shown and read; the default palette fills in the colours that a card lacks.
fn columns(bundle: &Bundle) -> Vec<ColumnFacts> {
    let classes = bundle.classes().iter().zip(class_colours(bundle.classes().len()));
    let column =
        |(class, default): (&Class, _)| ColumnFacts { color: class.color.unwrap_or(default), reading: class.reading() };
    classes.map(column).collect()
}

pub(super) fn model_facts(bundle: &Bundle) -> ModelFacts {
    ModelFacts {
        name: bundle.name().to_string(),
        digest: bundle.digest().to_string(),
        task: bundle.card().map(|card| card.task.clone()).unwrap_or_default(),
        scores: bundle.meaning().name().to_string(),
        classes: bundle.class_names(),
        columns: columns(bundle),
        card: bundle.card().map(|card| CardFacts {
            version: card.version.clone(),
            licence: card.licence.clone(),
            attribution: card.attribution.clone(),
            intended_use: card.intended_use.clone(),
            training_data: card.training_data.clone(),
            metrics: card.metrics.clone(),
        }),
        temperature: bundle.calibration().map(|calibration| calibration.temperature),
    }
}

pub(super) fn device_facts(engine: &Engine<'_>) -> DeviceFacts {
    DeviceFacts {
        name: engine.device.name.clone(),
        backend: engine.device.backend.to_string(),
        kind: engine.device.kind.to_string(),
        dtype: engine.device.arithmetic.dtype().to_owned(),
        engine: engine.predictor.engine(),
        batch: engine.predictor.config().batch,
    }
}

/// What is known of a slide before it is opened.
pub(super) fn facts_of_file(path: &Path, id: &str) -> SlideFacts {
    let bytes = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    SlideFacts { id: id.to_string(), bytes, ..SlideFacts::default() }
}
