//! A model and a source of labelled tiles → scores, figures and what they are of; for two models how far they differ.
//!
//! Invariant: tiles are read at the resolution and size of the model, and both models are judged by the same tiles.

use super::record::{ComparisonRecord, EvaluationRecord, TileFacts};
use super::targets::expect_scores;
use super::{ask, assess, compare, predict};
use crate::dataset::{self, DataSource, InputConfig, ReadEvent, Request, Side, SizeRule, TileSet};
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::Bootstrap;
use crate::nn::Bundle;
use crate::tile::Meaning;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

const OTHER_AREA: &str = "the models see tiles of different size or resolution: at the same places they judge different areas, \
                          and image files are taken to have the resolution of each";

/// What a model is evaluated on, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluateConfig {
    /// Where tiles and labels come from.
    pub source: DataSource,
    /// Labels whose tiles are left out; each must occur.
    pub exclude: Vec<String>,
    /// What is done about image files smaller than a tile.
    pub size: SizeRule,
    /// Labels or columns of the data that the model knows by another name.
    pub rename: BTreeMap<String, String>,
    /// The side of a split that the data give; all tiles without it.
    pub side: Option<Side>,
    /// Whether the model's classes are grades, in its order.
    pub ordered: bool,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
    /// Memory for decoded tiles, bytes; those of larger data are kept in a file without a name.
    pub memory_bytes: u64,
    /// The folder on whose disk that file is; the system's for temporary files when there is none.
    pub scratch: Option<PathBuf>,
}

/// Something happened in an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvaluateEvent {
    /// Tiles are being read.
    Data(ReadEvent),
    /// A model scores them.
    Scoring {
        /// Tiles scored so far.
        done: usize,
        /// Tiles to score.
        total: usize,
    },
    /// Figures are worked out, over all samples of the bootstrap.
    Judging,
}

/// A model that was evaluated.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// All tiles that were read, with what is asked of them in the model's order.
    pub set: TileSet,
    /// Those that were looked at.
    pub tiles: Vec<usize>,
    /// A row `[K]` for each of these.
    pub scores: Vec<Vec<f32>>,
    /// The figures, and what they are of.
    pub record: EvaluationRecord,
    /// How far another model differs.
    pub comparison: Option<ComparisonRecord>,
}

/// Evaluates a model, and compares it with another one of the same classes.
///
/// # Errors
/// Those of [`dataset::read`], [`ask`] and [`predict`]; [`ErrorKind::Usage`]: `EVA-0012` when there are no tiles to look at, or
/// the data give no split; `EVA-0013` when the models say different things or do not see the same tiles;
/// [`ErrorKind::Interrupted`].
pub fn evaluate(
    bundle: &Bundle,
    other: Option<&Bundle>,
    device: &OpenDevice,
    config: &EvaluateConfig,
    cancel: &AtomicBool,
    on_event: &(dyn Fn(EvaluateEvent) + Sync),
) -> Result<Evaluated> {
    expect_scores(bundle)?;
    let order = other.map(|other| columns_of(other, bundle)).transpose()?;
    let run = Run { bundle, device, config, cancel, on_event };
    let set = run.read(bundle)?;
    let tiles = run.chosen(&set)?;
    let scores = run.scores(bundle, &set, &tiles)?;
    let others = match other.zip(order) {
        Some((other, order)) => Some((other, run.scores_of_other(other, &order, &set, &tiles)?)),
        None => None,
    };
    on_event(EvaluateEvent::Judging);
    let (meaning, bootstrap) = (bundle.meaning(), config.bootstrap);
    let assessment = assess(&set, &tiles, &scores, &meaning, bootstrap)?;
    let comparison = match others {
        Some((other, others)) => {
            let comparison = compare(&set, &tiles, [&scores, &others], &meaning, bootstrap)?;
            let view = (!same_area(bundle, other)).then(|| OTHER_AREA.to_owned());
            let notes = [set.notes.as_slice(), view.as_slice()].concat();
            Some(ComparisonRecord::new([bundle, other], notes, comparison))
        }
        None => None,
    };
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "EVA-0007", "stopped while figures were worked out"));
    }
    let notes = [set.notes.as_slice(), run.note(&set).as_slice()].concat();
    let facts = TileFacts {
        side: config.side.map(|side| side.name().to_owned()),
        excluded: config.exclude.clone(),
        renamed: config.rename.clone(),
        ..TileFacts::of(&config.source, &set, &tiles)
    };
    let record = EvaluationRecord::new(bundle, device, facts, notes, assessment);
    Ok(Evaluated { set, tiles, scores, record, comparison })
}

struct Run<'a> {
    bundle: &'a Bundle,
    device: &'a OpenDevice,
    config: &'a EvaluateConfig,
    cancel: &'a AtomicBool,
    on_event: &'a (dyn Fn(EvaluateEvent) + Sync),
}

impl Run<'_> {
    /// The tiles as a model sees them, and asked what the evaluated one says.
    fn read(&self, seen_by: &Bundle) -> Result<TileSet> {
        let EvaluateConfig { source, exclude, size, memory_bytes, scratch, .. } = self.config;
        let preprocess = seen_by.preprocess();
        let input = InputConfig {
            um_per_px: seen_by.mpp(),
            tile_px: preprocess.tile_px,
            input_px: preprocess.input_px,
            mean: preprocess.mean,
            std: preprocess.std,
            size: *size,
        };
        let source = &self.with_values(source);
        source.check()?;
        let memory_bytes = *memory_bytes;
        let request =
            Request { source, exclude, input: &input, memory_bytes, scratch: scratch.as_deref(), trains: false };
        let mut set = dataset::read(request, self.cancel, &mut |event| (self.on_event)(EvaluateEvent::Data(event)))?;
        ask(self.bundle, &mut set, &self.config.rename)?;
        set.ordered = self.config.ordered;
        Ok(set)
    }

    /// A source of numbers has those of the model, unless columns are named.
    fn with_values(&self, source: &DataSource) -> DataSource {
        let mut source = source.clone();
        if let (
            DataSource::Manifest(dataset::ManifestSource { values, .. })
            | DataSource::Slide(dataset::SlideSource { values, .. }),
            Meaning::Estimates(_),
        ) = (&mut source, self.bundle.meaning())
            && values.is_empty()
        {
            *values = self.bundle.class_names();
        }
        source
    }

    /// The tiles of the side that is asked for.
    fn chosen(&self, set: &TileSet) -> Result<Vec<usize>> {
        let fault = |message: String| Error::new(ErrorKind::Usage, "EVA-0012", message);
        let Some(side) = self.config.side else {
            let all: Vec<usize> = (0..set.tiles.len()).collect();
            return if all.is_empty() { Err(fault("expected tiles, found none".to_owned())) } else { Ok(all) };
        };
        if set.tiles.iter().all(|tile| tile.side.is_none()) {
            return Err(fault(format!(
                "expected data that say which tiles are on the {} side, found none",
                side.name()
            ))
            .with_advice(
                "a table says it in its column `split`; where that says the same of all tiles, leave --split out",
            ));
        }
        let chosen: Vec<usize> = (0..set.tiles.len()).filter(|&tile| set.tiles[tile].side == Some(side)).collect();
        if chosen.is_empty() { Err(fault(format!("expected {} tiles, found none", side.name()))) } else { Ok(chosen) }
    }

    fn scores(&self, bundle: &Bundle, set: &TileSet, tiles: &[usize]) -> Result<Vec<Vec<f32>>> {
        let total = tiles.len();
        let on_progress = |done| (self.on_event)(EvaluateEvent::Scoring { done, total });
        predict(bundle, self.device, set, tiles, self.cancel, &on_progress)
    }

    /// What another model says of the same tiles, in the order of the evaluated one's columns.
    fn scores_of_other(
        &self,
        other: &Bundle,
        order: &[usize],
        set: &TileSet,
        tiles: &[usize],
    ) -> Result<Vec<Vec<f32>>> {
        let scores =
            if same_area(self.bundle, other) && self.bundle.preprocess().input_px == other.preprocess().input_px {
                self.scores(other, set, tiles)?
            } else {
                let theirs = self.read(other)?;
                let same = theirs.tiles.len() == set.tiles.len()
                    && theirs.tiles.iter().zip(&set.tiles).all(|(a, b)| a.name == b.name && a.truth == b.truth);
                if !same {
                    let message = "expected both models to see the same tiles, found that they do not";
                    return Err(Error::new(ErrorKind::Usage, "EVA-0013", message).with_advice(
                        "they need other resolutions or sizes, in which other tiles can be read or have a class",
                    ));
                }
                self.scores(other, &theirs, tiles)?
            };
        Ok(scores.into_iter().map(|row| order.iter().map(|&column| row[column]).collect()).collect())
    }

    /// What is to be said of the choice of tiles.
    fn note(&self, set: &TileSet) -> Option<String> {
        let trained = set.tiles.iter().filter(|tile| tile.side == Some(Side::Train)).count();
        let all = self.config.side.is_none() && trained > 0;
        all.then(|| {
            format!(
                "WARNING: {trained} of these tiles are for training by the data's own split; a model that was trained on them \
                 looks better than it is"
            )
        })
    }
}

/// Whether a tile of two models is the same piece of a slide.
fn same_area(a: &Bundle, b: &Bundle) -> bool {
    (a.mpp() - b.mpp()).abs() <= 0.0 && a.preprocess().tile_px == b.preprocess().tile_px
}

/// Where another model has the columns of this one.
fn columns_of(other: &Bundle, bundle: &Bundle) -> Result<Vec<usize>> {
    let (ours, theirs) = (bundle.class_names(), other.class_names());
    let order: Option<Vec<usize>> = ours.iter().map(|name| theirs.iter().position(|other| other == name)).collect();
    let same_kind = std::mem::discriminant(&bundle.meaning()) == std::mem::discriminant(&other.meaning());
    order.filter(|order| same_kind && order.len() == theirs.len()).ok_or_else(|| {
        let kinds = [bundle, other].map(|bundle| bundle.meaning().name());
        let message = format!(
            "expected a model that also gives {} {}, found {} {}",
            kinds[0],
            ours.join(", "),
            kinds[1],
            theirs.join(", ")
        );
        Error::new(ErrorKind::Usage, "EVA-0013", message)
    })
}
