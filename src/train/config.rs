//! What a training is asked to do, as one TOML file, checked before anything is read.
//!
//! Invariant: a checked configuration has no value that would fail only after hours. Unknown keys are refused.

use crate::dataset::{DataSource, FolderSource, InputConfig, Request, SplitConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_TILE_SIDE_PX;
use crate::nn::{Architecture, NetworkSpec, Padding};
use crate::train::names;
use crate::units::Mpp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Folder of checkpoints, curves and, in the end, the model; a new one unless a run is resumed.
    pub out: PathBuf,
    /// Go on after the last complete epoch in `out`, if there is one.
    pub resume: bool,
    /// Start weights: a safetensors file or a model's folder; without them the network starts from chance.
    pub init: Option<PathBuf>,
    /// The network; not asked when `init` is a model's folder.
    pub architecture: Architecture,
    /// Padding of its convolutions; not asked when `init` is a model's folder.
    pub padding: Padding,
    /// Labels whose tiles are left out; each must occur.
    pub exclude: Vec<String>,
    /// Passes over the training tiles.
    pub epochs: usize,
    /// Tiles between two changes of the weights.
    pub batch: usize,
    /// Parts into which a batch is cut and computed side by side on the CPU. The results depend on it in the last bits, so
    /// it is fixed instead of following the computer. Networks with batch normalisation always use 1.
    pub shards: usize,
    /// Training tiles drawn for an epoch; without it as many as there are.
    pub epoch_tiles: Option<usize>,
    /// Highest learning rate.
    pub lr: f64,
    /// Epochs over which it rises from 0; afterwards it falls along a cosine to 1 % of the highest.
    pub warmup_epochs: f64,
    /// Decoupled weight decay of kernels and matrices.
    pub weight_decay: f32,
    /// Gradients longer than this are shortened to it.
    pub clip_norm: f64,
    /// Share of the label that is spread over all classes.
    pub label_smoothing: f32,
    /// What is done about rare classes.
    pub balance: Balance,
    /// Decides the split, the order of tiles, their augmentation and fresh weights.
    pub seed: u64,
    /// Memory for decoded tiles, bytes.
    pub memory_bytes: u64,
    /// Where tiles and labels come from.
    pub data: DataSource,
    /// What the network sees.
    pub input: InputConfig,
    /// How tiles are varied.
    pub augment: AugmentConfig,
    /// Which tiles train, which validate and which test.
    pub split: SplitConfig,
    /// The words of the model's card.
    pub card: CardConfig,
}

/// What is done about rare classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Nothing.
    None,
    /// A tile's loss is weighed by 1 / sqrt(tiles of its class).
    Loss,
    /// A class is drawn in proportion to sqrt(its tiles), rare tiles several times an epoch.
    Sampler,
}

/// How training tiles are varied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Mirror images.
    pub flips: bool,
    /// Quarter turns.
    pub rotations: bool,
    /// Brightness by up to this share.
    pub brightness: f32,
    /// Strength of haematoxylin and of eosin, each by up to this share.
    pub stain: f32,
}

/// The words of the model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CardConfig {
    /// The model's name, such as `tissue-mobilenetv2.crc01`, which is also that of its folder.
    pub name: String,
    /// What it predicts.
    pub task: String,
    /// Its version.
    pub version: String,
    /// Licence of the weights.
    pub licence: String,
    /// Whom to name: makers of the data and of the start weights.
    pub attribution: String,
    /// What it may be used for.
    pub intended_use: String,
    /// What it was trained on.
    pub training_data: String,
    /// What a user must beware of, a paragraph each.
    pub limits: Vec<String>,
    /// The command that made it.
    pub command: String,
    /// Colours of classes in maps, RGB; each must be that of a label that occurs.
    pub colors: BTreeMap<String, [u8; 3]>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            out: PathBuf::new(),
            resume: false,
            init: None,
            architecture: Architecture::MobileNetV2,
            padding: Padding::Torch,
            exclude: Vec::new(),
            epochs: 12,
            batch: 16,
            shards: 4,
            epoch_tiles: None,
            lr: 3e-4,
            warmup_epochs: 1.0,
            weight_decay: 0.01,
            clip_norm: 1.0,
            label_smoothing: 0.05,
            balance: Balance::Sampler,
            seed: 1,
            memory_bytes: 2 << 30,
            data: DataSource::Folder(FolderSource::default()),
            input: InputConfig::default(),
            augment: AugmentConfig::default(),
            split: SplitConfig::default(),
            card: CardConfig::default(),
        }
    }
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { flips: true, rotations: true, brightness: 0.1, stain: 0.15 }
    }
}

impl Default for CardConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            task: "tissue classification".to_owned(),
            version: "1".to_owned(),
            licence: String::new(),
            attribution: String::new(),
            intended_use: "research use only, not for diagnosis".to_owned(),
            training_data: String::new(),
            limits: Vec::new(),
            command: "eosin train".to_owned(),
            colors: BTreeMap::new(),
        }
    }
}

impl TrainConfig {
    /// Reads a configuration and checks all but `out`, which may be said elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: `TRN-0101` no such TOML, and those of [`TrainConfig::check`].
    pub fn from_toml(text: &str) -> Result<Self> {
        let config: Self =
            toml::from_str(text).map_err(|error| usage("TRN-0101", format!("training: {}", error.message())))?;
        config.check_values()?;
        Ok(config)
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`TRN-0102`) with the key, the range and the value found; [`ErrorKind::Unsupported`]
    /// (`MOD-0208`) for a padding that the network does not have.
    pub fn check(&self) -> Result<()> {
        named("out", &self.out.to_string_lossy())
            .map_err(|error| error.with_advice("put it into the file, or use --out"))?;
        self.check_values()
    }

    fn check_values(&self) -> Result<()> {
        names::check_model(&self.card.name)?;
        if self.init.is_none() {
            NetworkSpec { padding: self.padding, ..NetworkSpec::torch(self.architecture, 2) }.check()?;
        }
        match &self.data {
            DataSource::Folder(source) => named("data.path", &source.path.to_string_lossy())?,
            DataSource::Slide(source) => named("data.label_column", &source.label_column)?,
        }
        Mpp::new(self.input.um_per_px)
            .map_err(|error| usage("TRN-0102", format!("input.um_per_px: {}", error.message())))?;
        let side = |px: u32| f64::from(px);
        let largest = f64::from(MAX_TILE_SIDE_PX);
        let (smoothing, decay) = (f64::from(self.label_smoothing), f64::from(self.weight_decay));
        let AugmentConfig { brightness, stain, .. } = self.augment;
        for (key, value, range) in [
            ("epochs", self.epochs as f64, 1.0..=100_000.0),
            ("batch", self.batch as f64, 1.0..=65_536.0),
            ("shards", self.shards as f64, 1.0..=256.0),
            ("epoch_tiles", self.epoch_tiles.unwrap_or(1) as f64, 1.0..=1e9),
            ("lr", self.lr, 1e-8..=10.0),
            ("warmup_epochs", self.warmup_epochs, 0.0..=self.epochs as f64),
            ("weight_decay", decay, 0.0..=1.0),
            ("clip_norm", self.clip_norm, 1e-6..=1e6),
            ("label_smoothing", smoothing, 0.0..=0.5),
            ("input.tile_px", side(self.input.tile_px), 32.0..=largest),
            ("input.input_px", side(self.input.input_px), 32.0..=largest),
            ("augment.brightness", f64::from(brightness), 0.0..=0.9),
            ("augment.stain", f64::from(stain), 0.0..=0.9),
            ("split.validation", self.split.validation, 0.01..=0.9),
            ("split.block_tiles", f64::from(self.split.block_tiles), 1.0..=4096.0),
        ] {
            if !range.contains(&value) {
                let (low, high) = (range.start(), range.end());
                return Err(usage("TRN-0102", format!("{key}: expected {low} to {high}, found {value}")));
            }
        }
        let InputConfig { mean, std, .. } = &self.input;
        if mean.iter().any(|mean| !mean.is_finite()) || std.iter().any(|std| !(std.is_finite() && *std > 0.0)) {
            return Err(usage("TRN-0102", "input: expected finite means and standard deviations above 0".to_owned()));
        }
        Ok(())
    }

    /// The tiles that it asks for.
    pub fn request(&self) -> Request<'_> {
        Request { source: &self.data, exclude: &self.exclude, input: &self.input, memory_bytes: self.memory_bytes }
    }

    /// Digest of all here that decides the weights. Data and start weights count by their content, which is not here, so the
    /// spelling of paths does not matter.
    pub(super) fn digest(&self) -> String {
        let what = Self {
            out: PathBuf::new(),
            resume: false,
            init: None,
            memory_bytes: 0,
            data: DataSource::Folder(FolderSource::default()),
            card: CardConfig::default(),
            ..self.clone()
        };
        // Maps and lists are ordered, so equal configurations have equal text.
        blake3::hash(format!("{what:?}").as_bytes()).to_hex().to_string()
    }
}

fn named(key: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() { Err(usage("TRN-0102", format!("expected {key}, found none"))) } else { Ok(()) }
}

fn usage(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Usage, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        out = "runs/a"
        exclude = ["mixed"]
        balance = "loss"
        [data]
        kind = "slide"
        slide = "a.tif"
        targets = "a.csv"
        [input]
        um_per_px = 1.3
        [card]
        name = "a.b"
        colors = { epithelium = [1, 2, 3] }
    "#;

    #[test]
    fn a_configuration_is_read_and_keeps_its_defaults() {
        let config = TrainConfig::from_toml(TEXT).unwrap();
        let DataSource::Slide(source) = &config.data else { panic!("expected a slide") };
        assert_eq!((source.label_column.as_str(), config.epochs, config.balance), ("label", 12, Balance::Loss));
    }

    #[test]
    fn misspelt_keys_and_senseless_values_are_refused() {
        let cases = [
            ("exclude", "exclud", "TRN-0101"),
            ("targets =", "target =", "TRN-0101"),
            ("targets = \"a.csv\"", "targets = \"a.csv\"\ncolumn = 1", "TRN-0101"),
            ("\"loss\"", "\"lots\"", "TRN-0101"),
            ("um_per_px = 1.3", "um_per_px = 0", "TRN-0102"),
            ("um_per_px = 1.3", "std = [0.5, 0.0, 0.5]", "TRN-0102"),
            ("balance = \"loss\"", "lr = nan", "TRN-0102"),
            ("balance = \"loss\"", "epochs = 0", "TRN-0102"),
            ("name = \"a.b\"", "", "TRN-0102"),
            ("name = \"a.b\"", "name = \"..\"", "TRN-0102"),
            ("balance = \"loss\"", "architecture = \"resnet18\"\npadding = \"tf-same\"", "MOD-0208"),
        ];
        for (from, to, code) in cases {
            let changed = TEXT.replacen(from, to, 1);
            assert_ne!(changed, TEXT);
            assert_eq!(TrainConfig::from_toml(&changed).unwrap_err().code(), code, "{to}");
        }
    }

    #[test]
    fn where_results_go_may_be_said_later_but_must_be_said() {
        let mut config = TrainConfig::from_toml(&TEXT.replacen("out = \"runs/a\"", "", 1)).unwrap();
        let error = config.check().unwrap_err();
        assert_eq!((error.code(), error.message()), ("TRN-0102", "expected out, found none"));
        config.out = "elsewhere".into();
        config.check().unwrap();
    }

    #[test]
    fn only_what_decides_the_weights_is_in_the_digest() {
        let config = TrainConfig::from_toml(TEXT).unwrap();
        let (source, init) = (FolderSource { path: "b".into() }, Some("c".into()));
        let moved = TrainConfig { data: DataSource::Folder(source), init, out: "d".into(), ..config.clone() };
        assert_eq!(config.digest(), TrainConfig { resume: true, ..moved }.digest());
        assert_ne!(config.digest(), TrainConfig { seed: 2, ..config.clone() }.digest());
    }
}
