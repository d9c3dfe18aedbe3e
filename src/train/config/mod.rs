//! What a training is asked to do, as one TOML file, checked before anything is read.
//!
//! `choice.rs` has what can be chosen, `check.rs` the ranges, `layered.rs` joins
//! file and flags, `resolve.rs` makes the choices that were left open.
//! Invariant: a checked configuration has no value that would fail only after hours. Unknown keys are refused.

mod check;
mod choice;
mod layered;
mod resolve;

pub use choice::{Balance, Compute, Layers, LossKind, Rule, Select};

use crate::dataset::{DataSource, FolderSource, InputConfig, Request, SplitConfig};
use crate::error::Result;
use crate::nn::{Architecture, Padding, Stain};
use crate::tile::Role;
use check::usage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Fewer training tiles than this train the last layer alone, where it is left open.
pub const FEW_TILES: usize = 1000;

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
    /// Which layers change.
    pub layers: Layers,
    /// Stages of the network, counted from its end, that change with `layers = "last"`.
    pub last_stages: usize,
    /// Variants of each training tile that are kept with `layers = "head"`; the first is the tile as it is.
    pub views: usize,
    /// Passes over the training tiles; without it 100 for the last layer alone, else 12.
    pub epochs: Option<usize>,
    /// Stops after so many epochs without a better one; 0 for never.
    pub patience: usize,
    /// What the best epoch is best at.
    pub select: Select,
    /// Tiles between two changes of the weights; without it 64 for the last layer alone, else 16.
    pub batch: Option<usize>,
    /// Parts into which a batch is cut and computed side by side on the CPU. The results depend on it in the last bits, so
    /// it is fixed instead of following the computer. Networks with batch normalisation always use 1.
    pub shards: usize,
    /// The numbers in which the network is run forth and back.
    pub compute: Compute,
    /// Training tiles drawn for an epoch; without it as many as there are.
    pub epoch_tiles: Option<usize>,
    /// How gradients change weights.
    pub optimiser: Rule,
    /// Highest learning rate; without it 0.001 for the last layer alone, else 0.0003, and a hundred times that for SGD.
    pub lr: Option<f64>,
    /// Epochs over which it rises from 0; afterwards it falls along a cosine to 1 % of the highest.
    pub warmup_epochs: f64,
    /// Share of the last change that is made again, of SGD.
    pub momentum: f64,
    /// Decoupled weight decay of kernels and matrices.
    pub weight_decay: f32,
    /// Gradients longer than this are shortened to it.
    pub clip_norm: f64,
    /// What is made small.
    pub loss: LossKind,
    /// How much less a tile counts in the focal loss the better it is recognised.
    pub focal_gamma: f64,
    /// Where Huber's loss turns from squares to sizes, in standard deviations of a number over the training tiles.
    pub huber_delta: f64,
    /// Share of the label that is spread over all classes.
    pub label_smoothing: f32,
    /// What is done about rare classes.
    pub balance: Balance,
    /// Decides the split, the order of tiles, their augmentation and fresh weights.
    pub seed: u64,
    /// Whether the model is to tell tiles that look unlike its training tiles, for which these are looked at once more.
    pub familiarity: bool,
    /// Memory for decoded tiles, bytes.
    pub memory_bytes: u64,
    /// Where tiles and labels come from.
    pub data: DataSource,
    /// What the network sees.
    pub input: InputConfig,
    /// How colours of tiles are made alike before anything else, in training and whenever the model is used.
    pub stain: Option<Stain>,
    /// How tiles are varied.
    pub augment: AugmentConfig,
    /// Which tiles train, which validate and which test.
    pub split: SplitConfig,
    /// The words of the model's card.
    pub card: CardConfig,
}

/// How training tiles are varied: `[augment]`. Each tile is changed by up to what is said here, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Mirror images.
    pub flips: bool,
    /// Quarter turns.
    pub rotations: bool,
    /// Other turns, degrees; what comes in from beyond the edge is mirrored.
    pub turn_degrees: f32,
    /// Larger or smaller by this share.
    pub scale: f32,
    /// Out of focus, the sigma of a Gaussian in pixels that the network sees; half of the tiles stay sharp.
    pub blur_px: f32,
    /// Light, by this share.
    pub brightness: f32,
    /// Contrast, by this share.
    pub contrast: f32,
    /// Saturation, by this share.
    pub saturation: f32,
    /// Strength of haematoxylin and of eosin, each by this share.
    pub stain: f32,
    /// More or less of both, in units of optical density; glass is tinted, too.
    pub stain_shift: f32,
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
    /// What classes stand for in read-outs: `tumour`, `stroma`, `immune` or `background`; others go by their names.
    pub roles: BTreeMap<String, Role>,
    /// From which score on maps count a class as present; others by the largest score, findings by 0.5.
    pub thresholds: BTreeMap<String, f32>,
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
            layers: Layers::Auto,
            last_stages: 2,
            views: 4,
            epochs: None,
            patience: 0,
            select: Select::Auto,
            batch: None,
            shards: 4,
            compute: Compute::F32,
            epoch_tiles: None,
            optimiser: Rule::AdamW,
            lr: None,
            warmup_epochs: 1.0,
            momentum: 0.9,
            weight_decay: 0.01,
            clip_norm: 1.0,
            loss: LossKind::Auto,
            focal_gamma: 2.0,
            huber_delta: 1.0,
            label_smoothing: 0.05,
            balance: Balance::Sampler,
            seed: 1,
            familiarity: true,
            memory_bytes: 2 << 30,
            data: DataSource::Folder(FolderSource::default()),
            input: InputConfig::default(),
            stain: None,
            augment: AugmentConfig::default(),
            split: SplitConfig::default(),
            card: CardConfig::default(),
        }
    }
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            flips: true,
            rotations: true,
            turn_degrees: 0.0,
            scale: 0.1,
            blur_px: 0.5,
            brightness: 0.1,
            contrast: 0.1,
            saturation: 0.1,
            stain: 0.15,
            stain_shift: 0.0,
        }
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
            roles: BTreeMap::new(),
            thresholds: BTreeMap::new(),
        }
    }
}

impl TrainConfig {
    /// Reads a configuration and checks all but `out`, which may be said elsewhere.
    ///
    /// # Errors
    /// Those of [`TrainConfig::layered`].
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::layered(text, toml::Table::new())
    }

    /// The configuration as TOML.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) (`TRN-0101`) for a value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| usage("TRN-0101", format!("cannot write the configuration: {error}")))
    }

    /// The tiles that it asks for.
    pub fn request(&self) -> Request<'_> {
        let Self { data: source, exclude, input, memory_bytes, out, .. } = self;
        Request { source, exclude, input, memory_bytes: *memory_bytes, scratch: Some(out), trains: true }
    }

    /// Digest of all here that decides the weights. Data and start weights count by their content, which is not here, so the
    /// spelling of paths does not matter.
    pub(super) fn digest(&self) -> String {
        let what = Self {
            out: PathBuf::new(),
            resume: false,
            init: None,
            familiarity: false,
            memory_bytes: 0,
            data: DataSource::Folder(FolderSource::default()),
            card: CardConfig::default(),
            ..self.clone()
        };
        // Maps and lists are ordered, so equal configurations have equal text.
        blake3::hash(format!("{what:?}").as_bytes()).to_hex().to_string()
    }
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
        assert_eq!((source.label_column.as_str(), config.epochs, config.balance), ("label", None, Balance::Loss));
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
        assert_eq!(config.digest(), TrainConfig { familiarity: false, ..config.clone() }.digest());
        assert_ne!(config.digest(), TrainConfig { seed: 2, ..config.clone() }.digest());
    }
}
