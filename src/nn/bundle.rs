//! A model on disk: a folder with `model.toml`, its weights, `CARD.md` and what its training tiles look like, or a model of
//! WSInfer's zoo.
//!
//! Invariant: an open [`Bundle`] has been checked whole. Its weights fit its network, come from the very bytes that were
//! hashed, and their digest is that of the card. Trains nothing, computes nothing.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{MAX_FAMILIARITY_BYTES, MAX_WEIGHTS_BYTES};
use crate::nn::bf16::Bf16Difference;
use crate::nn::calibration::Calibration;
use crate::nn::card::{Activation, Card, Class, Input, Stain};
use crate::nn::familiarity::{Familiarity, FeatureModel};
use crate::nn::fold::fold;
use crate::nn::network::Network;
use crate::nn::spec::NetworkSpec;
use crate::nn::tensor_map::TensorMap;
use crate::nn::torch_file::read_weights;
use crate::nn::weights::{Head, canonical, place};
use crate::nn::wsinfer_config::WsinferConfig;
use crate::tile::{Meaning, POSITIVE_FROM};
use burn::tensor::Device;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(super) const CARD: &str = "model.toml";
const WSINFER_CONFIG: &str = "config.json";
/// Its weights, the plainest first.
const WSINFER_WEIGHTS: [&str; 3] = ["model.safetensors", "pytorch_model.bin", "torchscript_model.pt"];
/// Cards are a page of text.
const MAX_CARD_BYTES: u64 = 1 << 20;

/// A checked model with its weights in memory.
#[derive(Debug, Clone)]
pub struct Bundle {
    name: String,
    digest: String,
    classes: Vec<Class>,
    input: Input,
    activation: Activation,
    spec: NetworkSpec,
    /// Folded, with timm's names.
    weights: TensorMap,
    feature_model: Option<FeatureModel>,
    card: Option<Card>,
}

/// How the pixels of a tile become the input of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocess {
    /// Side of a tile at the model's resolution, pixels.
    pub tile_px: u32,
    /// Side after resizing, which is what the network sees, pixels.
    pub input_px: u32,
    /// Subtracted from each channel (RGB, 0 to 1).
    pub mean: [f32; 3],
    /// Divided by, after that.
    pub std: [f32; 3],
    /// How colours of tiles are made alike before.
    pub stain: Option<Stain>,
}

impl Bundle {
    /// Opens the model in a folder: a bundle, or a WSInfer model (`config.json` and `model.safetensors`, or else the zoo's
    /// PyTorch files).
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when card, weights and network do not fit together, or there is no model (`MOD-0209`);
    /// [`ErrorKind::Integrity`] (`MOD-0301`) when a file is not that of the card; [`ErrorKind::Io`].
    pub fn open(dir: &Path) -> Result<Self> {
        if dir.join(CARD).is_file() {
            Self::open_card(dir)
        } else if dir.join(WSINFER_CONFIG).is_file() {
            let (config, weights) = zoo_files(dir);
            let model = Self::open_wsinfer(&config, &weights)?;
            Ok(Self { name: folder_name(dir).unwrap_or(model.name), ..model })
        } else {
            Err(Error::new(ErrorKind::Model, "MOD-0209", format!("expected {CARD} or {WSINFER_CONFIG} in the folder"))
                .at_path(dir))
        }
    }

    fn open_card(dir: &Path) -> Result<Self> {
        let path = dir.join(CARD);
        let card = Card::parse(&read_text(&path)?).map_err(|error| error.at_path(&path))?;
        let path = dir.join(&card.weights.file);
        let (bytes, digest) = read_stated(&path, MAX_WEIGHTS_BYTES, &card.weights.blake3)?;
        let (weights, precision) = TensorMap::from_safetensors(&bytes).map_err(|error| error.at_path(&path))?;
        if precision != card.weights.dtype {
            let message = format!("expected weights stored as {:?}, found {precision:?}", card.weights.dtype);
            return Err(Error::new(ErrorKind::Model, "MOD-0205", message).at_path(&path));
        }
        drop(bytes); // before they are folded into as many numbers again
        let spec = card.spec();
        let feature_model = card.familiarity.as_ref().map(|stated| read_feature_model(dir, stated)).transpose()?;
        Ok(Self {
            name: card.name.clone(),
            digest,
            classes: card.classes.clone(),
            input: card.input.clone(),
            activation: card.activation,
            spec,
            weights: checked(&spec, weights).map_err(|error| error.at_path(&path))?,
            feature_model,
            card: Some(card),
        })
    }

    /// Opens a model of WSInfer's zoo, named after its network and digest. Without an architecture in the older schema, the
    /// names of the tensors tell it.
    ///
    /// # Errors
    /// As [`Bundle::open`]; [`ErrorKind::Unsupported`] for an architecture or transform that is not known here.
    pub fn open_wsinfer(config_json: &Path, weights: &Path) -> Result<Self> {
        let config = WsinferConfig::read(config_json)?;
        let bytes = read_file(weights, MAX_WEIGHTS_BYTES)?;
        let (map, _) = read_weights(&bytes, None).map_err(|error| error.at_path(weights))?;
        let spec = match &config.architecture {
            Some(name) => NetworkSpec::named(name, config.classes.len()),
            None => NetworkSpec::recognise(&map, config.classes.len()),
        };
        let spec = spec.map_err(|error| error.at_path(config_json))?.as_in(&map);
        spec.check_input(config.input.input_px()).map_err(|error| error.at_path(config_json))?;
        let digest = digest_of(&bytes);
        drop(bytes);
        Ok(Self {
            // Not after its folder: with `--config` that may be anyone's.
            name: format!("{}-{}", spec.architecture, &digest[..8]),
            digest,
            classes: config.classes,
            input: config.input,
            activation: config.activation,
            spec,
            weights: checked(&spec, map).map_err(|error| error.at_path(weights))?,
            feature_model: None,
            card: None,
        })
    }

    /// The models in some folders, by name, with no more than their cards read: a folder that is a model itself, or all models
    /// one level below it. A card that cannot be read has its folder's name.
    pub fn names(dirs: &[PathBuf]) -> Vec<(String, PathBuf)> {
        let name = |dir: PathBuf| {
            let card = read_text(&dir.join(CARD)).and_then(|text| Card::parse(&text));
            (card.map_or_else(|_| folder_name(&dir).unwrap_or_default(), |card| card.name), dir)
        };
        Self::folders(dirs).into_iter().flatten().map(name).collect()
    }

    /// Opens every model in some folders, one at a time.
    pub fn list(dirs: &[PathBuf]) -> impl Iterator<Item = Result<Self>> {
        Self::folders(dirs).into_iter().map(|dir| Self::open(&dir?))
    }

    /// The folders that hold a model.
    fn folders(dirs: &[PathBuf]) -> Vec<Result<PathBuf>> {
        let is_model = |dir: &Path| dir.join(CARD).is_file() || dir.join(WSINFER_CONFIG).is_file();
        let mut folders = Vec::new();
        for dir in dirs {
            if is_model(dir) {
                folders.push(Ok(dir.clone()));
                continue;
            }
            match fs::read_dir(dir) {
                Err(error) => folders.push(Err(Error::io(dir, "list models", error))),
                Ok(entries) => {
                    let mut inner: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
                    inner.sort();
                    folders.extend(inner.into_iter().filter(|dir| is_model(dir)).map(Ok));
                }
            }
        }
        folders
    }

    /// The model's name; a folder of WSInfer's zoo is its model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// BLAKE3 digest of the weights file, hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// One per logit, in order.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// Names of the classes, in order.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|class| class.name.clone()).collect()
    }

    /// Micrometres per pixel at which tiles are read.
    pub fn mpp(&self) -> f64 {
        self.input.mpp
    }

    /// From a tile's pixels to the network's input.
    pub fn preprocess(&self) -> Preprocess {
        let Input { tile_px, mean, std, stain, .. } = self.input;
        Preprocess { tile_px, input_px: self.input.input_px(), mean, std, stain }
    }

    /// From logits to scores.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// How its scores are made honest, where the card says so.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.card.as_ref()?.calibration.as_ref()
    }

    /// What logits are divided by before they become scores; 1 without a calibration.
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32; the card keeps it between 0.01 and 100")]
    pub fn temperature(&self) -> f32 {
        self.calibration().map_or(1.0, |calibration| calibration.temperature as f32)
    }

    /// How far its scores move in bf16, where the card says so.
    pub fn bf16(&self) -> Option<&Bf16Difference> {
        self.card.as_ref()?.bf16.as_ref()
    }

    /// The same model with its scores as the network gives them.
    #[must_use]
    pub fn uncalibrated(mut self) -> Self {
        if let Some(card) = &mut self.card {
            card.calibration = None;
            // Differences of scores were measured with it.
            card.bf16 = None;
        }
        self
    }

    /// From where on a tile is unlike the training data, where the card says so.
    pub fn familiarity(&self) -> Option<&Familiarity> {
        self.card.as_ref()?.familiarity.as_ref()
    }

    /// What its training tiles look like to the network; there when [`Bundle::familiarity`] is.
    pub fn feature_model(&self) -> Option<&FeatureModel> {
        self.feature_model.as_ref()
    }

    /// What the scores are.
    pub fn meaning(&self) -> Meaning {
        match self.activation {
            _ if self.classes.is_empty() => Meaning::Features,
            Activation::Softmax => Meaning::Classes,
            Activation::Sigmoid => Meaning::Findings,
            Activation::Identity => Meaning::Estimates(self.classes.iter().map(|class| class.unit.clone()).collect()),
        }
    }

    /// What a tile's scores decide: the column that they speak for, and of columns with a threshold which reach it.
    pub fn decision(&self, scores: &[f32]) -> (Option<usize>, Vec<bool>) {
        let meaning = self.meaning();
        let usual = (meaning == Meaning::Findings).then_some(POSITIVE_FROM);
        let reaches = |(class, &score): (&Class, &f32)| class.threshold.or(usual).map(|least| score >= least);
        (meaning.decide(scores), self.classes.iter().zip(scores).filter_map(reaches).collect())
    }

    /// The network as its weights file has it.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// The card, when the model has one.
    pub fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// The weights with normalisation folded and timm's names; they fit `spec().folded()`.
    pub fn weights(&self) -> &TensorMap {
        &self.weights
    }

    /// Builds the network on `device`, loaded and folded. Weights are folded in f64 before they reach the device, so one
    /// that computes in half precision rounds them once.
    ///
    /// # Errors
    /// None that an open bundle gives.
    pub fn network(&self, device: &Device) -> Result<Network> {
        place(self.spec.folded().init(device)?, &self.weights, Head::FromFile)
    }
}

/// Configuration and weights in a folder of WSInfer's zoo; the first kind of weights when there are none.
pub fn zoo_files(dir: &Path) -> (PathBuf, PathBuf) {
    let weights = WSINFER_WEIGHTS.map(|name| dir.join(name));
    let there = weights.iter().find(|path| path.is_file()).unwrap_or(&weights[0]);
    (dir.join(WSINFER_CONFIG), there.clone())
}

fn folder_name(dir: &Path) -> Option<String> {
    dir.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn checked(spec: &NetworkSpec, weights: TensorMap) -> Result<TensorMap> {
    fold(spec, canonical(spec, weights, Head::FromFile)?)
}

fn read_feature_model(dir: &Path, stated: &Familiarity) -> Result<FeatureModel> {
    let path = dir.join(&stated.file);
    let (bytes, _) = read_stated(&path, MAX_FAMILIARITY_BYTES, &stated.blake3)?;
    FeatureModel::from_safetensors(&bytes, stated.features, stated.directions).map_err(|error| error.at_path(&path))
}

/// Reads a file whose digest the card states.
///
/// # Errors
/// Those of [`read_file`]; [`ErrorKind::Integrity`] (`MOD-0301`) when it is another.
pub(super) fn read_stated(path: &Path, limit: u64, stated: &str) -> Result<(Vec<u8>, String)> {
    let bytes = read_file(path, limit)?;
    let digest = digest_of(&bytes);
    if digest.eq_ignore_ascii_case(stated) {
        return Ok((bytes, digest));
    }
    let message = format!("expected a file with digest {stated}, found {digest}");
    Err(Error::new(ErrorKind::Integrity, "MOD-0301", message).at_path(path))
}

pub(super) fn digest_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Reads a whole file of bounded size; the bound holds also for a file that grows meanwhile.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, "read the model", error);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        let message = format!("expected a file of at most {limit} bytes, found more");
        return Err(Error::new(ErrorKind::Limits, "MOD-0106", message).at_path(path));
    }
    Ok(bytes)
}

pub(super) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read_file(path, MAX_CARD_BYTES)?)
        .map_err(|_| Error::new(ErrorKind::Model, "MOD-0201", "expected text in UTF-8").at_path(path))
}
