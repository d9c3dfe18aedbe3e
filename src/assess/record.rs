//! An evaluation as it is kept: the figures, and what they are of.
//!
//! Invariant: no path, patient or slide is named, so that it can be handed on. Names of sites are in the figures where the data
//! have them, because figures by site are about them.

use crate::dataset::{DataSource, TileSet};
use crate::device::{Arithmetic, OpenDevice};
use crate::evaluate::{Assessment, Comparison};
use crate::export::RESEARCH_USE;
use crate::nn::Bundle;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The form of these records.
const SCHEMA: u32 = 1;

/// How good a model is on some tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The form of this record, 1.
    pub schema: u32,
    /// Version of the program.
    pub eosin: String,
    /// What it may be used for.
    pub note: String,
    /// The model.
    pub model: EvaluatedModel,
    /// What computed the scores.
    pub device: UsedDevice,
    /// The tiles.
    pub tiles: TileFacts,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
    /// The figures.
    pub assessment: Assessment,
}

/// How far two models differ on the same tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRecord {
    /// The form of this record, 1.
    pub schema: u32,
    /// Version of the program.
    pub eosin: String,
    /// What it may be used for.
    pub note: String,
    /// The model that is evaluated.
    pub first: EvaluatedModel,
    /// The one that it is compared with.
    pub second: EvaluatedModel,
    /// What a reader of the differences must know.
    pub notes: Vec<String>,
    /// The differences, second less first.
    pub comparison: Comparison,
}

/// Which model, and how it saw the tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedModel {
    /// Its name.
    pub name: String,
    /// BLAKE3 digest of its weights file.
    pub digest: String,
    /// Its network.
    pub architecture: String,
    /// What its scores are: `classes`, `findings` or `estimates`.
    pub scores: String,
    /// Names of its classes, findings or quantities, in the order of the scores.
    pub classes: Vec<String>,
    /// What logits were divided by before they became scores; none when they are as the network gives them.
    pub temperature: Option<f64>,
    /// Micrometres per pixel of a tile.
    pub um_per_px: f64,
    /// Side of a tile at that resolution, pixels.
    pub tile_px: u32,
    /// Side of what the network saw, pixels.
    pub input_px: u32,
}

/// Which device computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedDevice {
    /// The adapter's or processor's name.
    pub name: String,
    /// Its kind, such as `CPU`.
    pub kind: String,
    /// Backend, such as `vulkan`.
    pub backend: String,
    /// How it computed; records of before there was a choice are of f32.
    #[serde(default)]
    pub dtype: Arithmetic,
}

/// Which tiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileFacts {
    /// Where they come from: `folder`, `manifest`, `slide` or `annotations`.
    pub source: String,
    /// Tiles that were read.
    pub read: usize,
    /// The side of a given split that was looked at; none when all were.
    pub side: Option<String>,
    /// Tiles that were looked at.
    pub evaluated: usize,
    /// Labels that were left out.
    pub excluded: Vec<String>,
    /// Labels or columns of the data, and what the model calls them.
    pub renamed: BTreeMap<String, String>,
    /// BLAKE3 digest of the pixels of the tiles that were looked at, in order.
    pub digest: String,
}

impl TileFacts {
    /// Of some tiles of a set, all of whose labels were taken as they are.
    pub fn of(source: &DataSource, set: &TileSet, tiles: &[usize]) -> Self {
        let mut digest = blake3::Hasher::new();
        for &tile in tiles {
            digest.update(&set.tiles[tile].digest);
        }
        let source = match source {
            DataSource::Folder(_) => "folder",
            DataSource::Manifest(_) => "manifest",
            DataSource::Slide(_) => "slide",
            DataSource::Annotations(_) => "annotations",
        };
        Self {
            source: source.to_owned(),
            read: set.tiles.len(),
            side: None,
            evaluated: tiles.len(),
            excluded: Vec::new(),
            renamed: BTreeMap::new(),
            digest: digest.finalize().to_hex().to_string(),
        }
    }
}

impl EvaluationRecord {
    /// Of a model on a device and what it says of tiles.
    pub fn new(
        bundle: &Bundle,
        device: &OpenDevice,
        tiles: TileFacts,
        notes: Vec<String>,
        assessment: Assessment,
    ) -> Self {
        let device = UsedDevice {
            name: device.name.clone(),
            kind: device.kind.to_owned(),
            backend: device.backend.to_owned(),
            dtype: device.arithmetic,
        };
        let (eosin, note) = origin();
        Self { schema: SCHEMA, eosin, note, model: bundle.into(), device, tiles, notes, assessment }
    }
}

impl ComparisonRecord {
    pub(super) fn new(models: [&Bundle; 2], notes: Vec<String>, comparison: Comparison) -> Self {
        let (eosin, note) = origin();
        let [first, second] = models.map(EvaluatedModel::from);
        Self { schema: SCHEMA, eosin, note, first, second, notes, comparison }
    }
}

impl From<&Bundle> for EvaluatedModel {
    fn from(bundle: &Bundle) -> Self {
        let preprocess = bundle.preprocess();
        Self {
            name: bundle.name().to_owned(),
            digest: bundle.digest().to_owned(),
            architecture: bundle.spec().architecture.name().to_owned(),
            scores: bundle.meaning().name().to_owned(),
            classes: bundle.class_names(),
            temperature: bundle.calibration().map(|calibration| calibration.temperature),
            um_per_px: bundle.mpp(),
            tile_px: preprocess.tile_px,
            input_px: preprocess.input_px,
        }
    }
}

fn origin() -> (String, String) {
    (env!("CARGO_PKG_VERSION").to_owned(), RESEARCH_USE.to_owned())
}
