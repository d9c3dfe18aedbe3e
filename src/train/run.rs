//! The whole training: data, split, epochs, and the model at the end.

use crate::assess::{self, EvaluationRecord, TileFacts};
use crate::dataset::{self, Split, Targets, TileSet, split};
use crate::device::OpenDevice;
use crate::draft::write_whole;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::Assessment;
use crate::nn::{Bundle, Card, Head, NetworkSpec, Precision, TensorMap, load, write_familiar_bundle};
use crate::report::{LineChart, line_chart};
use crate::train::card::Material;
use crate::train::checkpoint;
use crate::train::config::TrainConfig;
use crate::train::curves::{self, CURVES};
use crate::train::event::{ClassCount, EpochRow, TrainEvent};
use crate::train::familiarity;
use crate::train::finish::Outcome;
use crate::train::learn::Training;
use crate::train::mixed;
use crate::train::names;
use crate::train::sampler;
use crate::train::scale::Scale;
use crate::train::start::start;
use crate::train::step::Stage;
use crate::train::trial::trial;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Names beside the checkpoint: the resolved configuration, what was said of each tile, the figures
/// for programs and for people.
pub(super) const CONFIG: &str = "config.toml";
pub(super) const PREDICTIONS: &str = "predictions.csv";
pub(super) const EVALUATION: &str = "evaluation.json";
pub(super) const PAGE: &str = "evaluation.html";
/// The figures of a cross-validation.
pub(super) const CROSS_VALIDATION: &str = "cross-validation.json";

/// What a training gave.
#[derive(Debug, Clone)]
pub struct TrainReport {
    /// The model's folder.
    pub dir: PathBuf,
    /// Its card.
    pub card: Card,
    /// Whose tiles the figures are of: `test`, or `validation` where there are none.
    pub side: &'static str,
    /// Its figures, with the weights as stored.
    pub assessment: Assessment,
    /// The epoch that it comes from.
    pub best_epoch: usize,
    /// One row per epoch.
    pub history: Vec<EpochRow>,
}

/// Trains a network and writes the model of its best epoch to `out/<name>`.
///
/// The same configuration, data, program and kind of device give the same weights to the bit, also when the run was
/// interrupted and resumed.
///
/// # Errors
/// [`ErrorKind::Usage`] for a configuration or data that make no sense, a leak between both sides, or `out` with another
/// run in it (`TRN-0501`, `TRN-0502`); [`ErrorKind::Model`] when loss or gradient is not finite, with the tiles of the
/// batch; [`ErrorKind::Interrupted`] (`TRN-0001`) when `cancel` became true: resume goes on after the last complete epoch;
/// those of reading data and weights and of writing files.
pub fn train(
    config: &TrainConfig,
    device: &OpenDevice,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<TrainReport> {
    config.check()?;
    check_out(config)?;
    let set = read(config, cancel, on_event)?;
    let split = split(&set, &config.split, config.seed)?;
    train_on(&set, &split, config, device, cancel, on_event)
}

/// Refuses a folder with another run in it. One that was killed behind its last epoch has a model, and no figures yet.
pub(super) fn check_out(config: &TrainConfig) -> Result<()> {
    let dir = config.out.join(&config.card.name);
    let has = |name: &str| config.out.join(name).exists();
    if dir.exists() && (!config.resume || has(EVALUATION)) {
        let message = "expected no model of this name yet, found one";
        return Err(Error::new(ErrorKind::Usage, "TRN-0501", message)
            .at_path(&dir)
            .with_advice("choose another `card.name` or another folder (--out)"));
    }
    let results = [checkpoint::MANIFEST, EVALUATION, PREDICTIONS, CROSS_VALIDATION];
    if let Some(found) = results.into_iter().find(|name| !config.resume && has(name)) {
        let message = format!("expected a new folder, found {found} of another run");
        return Err(Error::new(ErrorKind::Usage, "TRN-0501", message)
            .at_path(&config.out)
            .with_advice("go on with it (--resume), or choose another folder (--out)"));
    }
    Ok(())
}

/// Makes the run's folder and reads the tiles.
pub(super) fn read(config: &TrainConfig, cancel: &AtomicBool, on_event: &mut dyn FnMut(TrainEvent)) -> Result<TileSet> {
    std::fs::create_dir_all(&config.out).map_err(|error| Error::io(&config.out, "make the folder", error))?;
    let set = dataset::read(config.request(), cancel, &mut |event| on_event(TrainEvent::Data(event)))?;
    names::check_classes(config, set.targets.names())?;
    Ok(set)
}

/// Trains on tiles that were read.
pub(super) fn train_on(
    set: &TileSet,
    split: &Split,
    config: &TrainConfig,
    device: &OpenDevice,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<TrainReport> {
    let dir = config.out.join(&config.card.name);
    check_weights(set, split)?;
    let mut config = config.resolve(&set.targets, split.train.len())?;
    let estimates = matches!(set.targets, Targets::Numbers(_));
    let numbers = || split.train.iter().map(|&tile| set.tiles[tile].truth.numbers()).collect::<Vec<_>>();
    let scale = estimates.then(|| Scale::of(&numbers()));
    let start = start(&config, set.targets.names(), scale.as_ref())?;
    config.compute = mixed::resolve(config.compute, start.spec.batch_norm, device)?;
    let config = &config;
    let counts = counts(set, split);
    let notes = [set.notes.as_slice(), &split.notes].concat();
    on_event(TrainEvent::Prepared {
        config: Box::new(config.clone()),
        classes: counts.clone(),
        dropped: split.dropped,
        notes: notes.clone(),
    });

    let weights = sampler::loss_weights(set, &split.train, config.balance);
    let training = Training { stage: Stage { set, config, device, weights, scale }, split, start: &start };
    training.check_checkpoint()?;
    // Behind the check: what says how a run was begun is not written over by one that is refused.
    let kept = TrainConfig { resume: false, ..config.clone() };
    write_whole(&config.out.join(CONFIG), kept.to_toml()?.as_bytes())?;
    trial(&training.stage, &start, &split.train)?;
    let state = training.run(cancel, on_event)?;

    let (rounded, precision) = rounded(&state.best, training.stage.scale.as_ref(), &start.spec)?;
    let outcome = Outcome::of(&training.stage, &start.spec, split, &rounded)?;
    let familiarity = if config.familiarity {
        // As the bundle will have it: stored, and folded.
        let network = load(start.spec.init(&device.device)?, &rounded, Head::FromFile)?.fold()?;
        familiarity::fit(&training.stage, &network, split, cancel, on_event)?
    } else {
        None
    };
    let best_epoch = state.best_row().map_or(0, |row| row.epoch);
    let material = Material {
        config,
        spec: start.spec,
        precision,
        origin: &start.origin,
        counts: &counts,
        split,
        notes: &notes,
        outcome: &outcome,
        familiarity: familiarity.as_ref().map(|fitted| &fitted.table),
        best_epoch,
        device: &device.name,
    };
    let (side, judged) = outcome.headline();
    let write = |name: &str, bytes: &[u8]| write_whole(&config.out.join(name), bytes);
    write(PREDICTIONS, assess::csv(set, &judged.tiles, &judged.scores).as_bytes())?;
    let charts = curves::charts(&state.history);
    for (name, chart) in &charts {
        write(name, line_chart(chart).as_str().as_bytes())?;
    }
    write(CURVES, curves::csv(&state.history).as_bytes())?;
    if config.resume && dir.exists() {
        // Of this very run, which was killed before its figures were written.
        std::fs::remove_dir_all(&dir).map_err(|error| Error::io(&dir, "remove the unfinished model", error))?;
    }
    let model = familiarity.as_ref().map(|fitted| &fitted.model);
    let card = write_familiar_bundle(&dir, &material.card(), &rounded, model, &material.text())?;
    let bundle = &Bundle::open(&dir)?;
    let facts = TileFacts {
        side: Some(side.to_owned()),
        excluded: config.exclude.clone(),
        ..TileFacts::of(&config.data, set, &judged.tiles)
    };
    let record = EvaluationRecord::new(bundle, device, facts, notes.clone(), judged.assessment.clone());
    let training: Vec<LineChart> = charts.into_iter().map(|(_, chart)| chart).collect();
    let page =
        assess::Material { bundle, device, set, tiles: &judged.tiles, scores: &judged.scores, training: &training };
    write(PAGE, assess::page(&record, &page)?.as_bytes())?;
    write(EVALUATION, &assess::json(&record)?)?;
    on_event(TrainEvent::Written { dir: dir.clone() });
    let assessment = judged.assessment.clone();
    Ok(TrainReport { dir, card, side, assessment, best_epoch, history: state.history })
}

fn counts(set: &TileSet, split: &Split) -> Vec<ClassCount> {
    let sides = split.sides().map(|(_, tiles)| (set.counts(tiles), tiles.len()));
    // Every tile has every number.
    let of = |side: usize, class: usize| *sides[side].0.get(class).unwrap_or(&sides[side].1);
    let row = |(class, name): (usize, &String)| ClassCount {
        name: name.clone(),
        train: of(0, class),
        validation: of(1, class),
        test: of(2, class),
    };
    set.targets.names().iter().enumerate().map(row).collect()
}

/// Refuses a class whose training tiles all have weight 0: nothing would be learnt of it.
fn check_weights(set: &TileSet, split: &Split) -> Result<()> {
    let counting: Vec<usize> = split.train.iter().copied().filter(|&tile| set.tiles[tile].weight > 0.0).collect();
    match set.counts(&counting).iter().position(|&count| count == 0) {
        Some(class) => {
            let name = set.targets.names().get(class).map_or("", String::as_str);
            let message = format!("expected training tiles with a weight above 0 of every class, found none of {name}");
            Err(Error::new(ErrorKind::Usage, "TRN-0303", message))
        }
        None => Ok(()),
    }
}

/// Weights as they are after being stored, in half precision where they fit: those of numbers in a large or small unit may
/// not.
fn rounded(weights: &TensorMap, scale: Option<&Scale>, spec: &NetworkSpec) -> Result<(TensorMap, Precision)> {
    if let Ok(bytes) = weights.to_safetensors(Precision::F16) {
        let found = TensorMap::from_safetensors(&bytes)?.0;
        if scale.is_none_or(|scale| scale.survives(spec, weights, &found)) {
            return Ok((found, Precision::F16));
        }
    }
    Ok((TensorMap::from_safetensors(&weights.to_safetensors(Precision::F32)?)?.0, Precision::F32))
}
