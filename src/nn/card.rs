//! The card of a model bundle (`model.toml`): what the model is, what it was trained on, what it expects.
//!
//! Invariant: a [`Card`] that was read has been checked; an unknown key is an error, because it is a misspelt known one.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::MAX_TILE_SIDE_PX;
use crate::nn::bf16::Bf16Difference;
use crate::nn::calibration::Calibration;
use crate::nn::familiarity::Familiarity;
use crate::nn::registry::Architecture;
use crate::nn::spec::{NetworkSpec, Padding, Variant};
use crate::nn::tensor_map::Precision;
use crate::nn::vit_shape::VitShape;
use crate::tile::{Reading, Role};
use crate::units::Mpp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// The version of the card's layout.
const SCHEMA: u32 = 1;
/// Below this side no network here has a pixel left at its end.
const MIN_TILE_SIDE_PX: u32 = 32;

/// Named results of an evaluation, such as `auc = 0.93`.
pub type Metrics = BTreeMap<String, f64>;

/// A model card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of this layout, 1.
    pub schema: u32,
    /// The model's name.
    pub name: String,
    /// What it predicts, in a few words.
    pub task: String,
    /// The model's version, free text.
    pub version: String,
    /// Licence of the weights, an SPDX expression where there is one.
    pub licence: String,
    /// Whom to name when it is used.
    pub attribution: String,
    /// What it may be used for, and what not.
    pub intended_use: String,
    /// What it was trained on.
    pub training_data: String,
    /// From logits to scores.
    pub activation: Activation,
    /// One per logit, in order; none in a model that describes tiles by features only.
    #[serde(default)]
    pub classes: Vec<Class>,
    /// What tiles must look like.
    pub input: Input,
    /// The network.
    pub architecture: CardArchitecture,
    /// The weights file beside the card.
    pub weights: WeightsFile,
    /// What makes its scores honest probabilities; without it they are as the network gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// What its training tiles look like to it; without it nobody knows which tiles are unlike them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub familiarity: Option<Familiarity>,
    /// How far its scores move in bf16; without it nobody has measured that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bf16: Option<Bf16Difference>,
    /// Results of its evaluation.
    #[serde(default)]
    pub metrics: Metrics,
}

/// From logits to scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Classes exclude each other; scores add up to 1.
    Softmax,
    /// Each class for itself: a tile may have several, or none.
    Sigmoid,
    /// Numbers as they are: a regression, or features.
    Identity,
}

/// A class of the model, or a number that it estimates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name, unique in the model.
    pub name: String,
    /// Its colour in maps, RGB; without one the map chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<[u8; 3]>,
    /// The unit of an estimated number, such as `cells/mm2`; scores of classes have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it stands for in read-outs of tumour and immune cells; without one a name such as `tumour` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Maps count it as present from this score on; without it the largest score decides, of findings 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
}

impl Class {
    /// A class or number of that name, and nothing more.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), color: None, unit: None, role: None, threshold: None }
    }

    /// How its scores are read in maps.
    pub fn reading(&self) -> Reading {
        Reading { role: self.role.or_else(|| Role::of_name(&self.name)), threshold: self.threshold }
    }
}

/// What a tile must look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Micrometres per pixel at which tiles are read.
    pub mpp: f64,
    /// Side of a tile at that resolution, pixels.
    pub tile_px: u32,
    /// Side after resizing, which is what the network sees, pixels; without it `tile_px`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_px: Option<u32>,
    /// Subtracted from each channel (RGB, 0 to 1).
    pub mean: [f32; 3],
    /// Divided by, after that.
    pub std: [f32; 3],
    /// How colours of tiles are made alike before; without it they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stain: Option<Stain>,
}

/// How colours of tiles are made alike, each tile by itself, towards a fixed reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stain {
    /// The tile's own two stains are replaced by those of the reference (Macenko et al. 2009).
    Macenko,
    /// The tile's mean and spread of colours are made those of the reference (Reinhard et al. 2001).
    Reinhard,
}

/// The network of a card.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardArchitecture {
    /// Its name in the registry.
    pub name: Architecture,
    /// The padding of its convolutions.
    pub padding: Padding,
    /// False when the normalisation is folded into the weights, and in networks that have none.
    pub batch_norm: bool,
    /// Factor on the numbers of channels; 1 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// What normalisation adds to variances, where it is not the architecture's usual number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// The shape of the architecture `vit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vit: Option<VitShape>,
}

impl From<&NetworkSpec> for CardArchitecture {
    fn from(spec: &NetworkSpec) -> Self {
        let Variant { width, epsilon, vit } = spec.variant;
        let NetworkSpec { architecture, padding, batch_norm, .. } = *spec;
        Self { name: architecture, padding, batch_norm, width, epsilon, vit }
    }
}

/// The weights file of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightsFile {
    /// Its name in the bundle's folder.
    pub file: String,
    /// BLAKE3 digest of its bytes, 64 hexadecimal digits.
    pub blake3: String,
    /// How its numbers are stored.
    pub dtype: Precision,
}

impl Card {
    /// Reads and checks a card.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0201` no such TOML (syntax, unknown or missing key, unknown architecture); and those of
    /// [`Card::check`].
    pub fn parse(text: &str) -> Result<Self> {
        let card: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text.bytes().take(span.start).filter(|&b| b == b'\n').count());
            fault("MOD-0201", format!("line {}: {}", line + 1, error.message()))
        })?;
        card.check()?;
        Ok(card)
    }

    /// The card as TOML.
    ///
    /// # Errors
    /// Those of [`Card::check`]: what could not be read again is not written.
    pub fn to_toml(&self) -> Result<String> {
        self.check()?;
        toml::to_string(self).map_err(|error| fault("MOD-0201", format!("cannot write the card: {error}")))
    }

    /// The network without its weights.
    pub fn spec(&self) -> NetworkSpec {
        NetworkSpec {
            architecture: self.architecture.name,
            classes: self.classes.len(),
            batch_norm: self.architecture.batch_norm,
            padding: self.architecture.padding,
            variant: Variant {
                width: self.architecture.width,
                epsilon: self.architecture.epsilon,
                vit: self.architecture.vit,
            },
        }
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0202` another schema, `MOD-0203` classes, or a calibration of what is no
    /// probability, `MOD-0204` a value out of range, `MOD-0205` a file's name or digest; [`ErrorKind::Unsupported`] as
    /// [`NetworkSpec::check`].
    pub fn check(&self) -> Result<()> {
        if self.schema != SCHEMA {
            return Err(fault("MOD-0202", format!("expected schema {SCHEMA}, found {}", self.schema)));
        }
        if self.name.trim().is_empty() {
            return Err(fault("MOD-0204", "expected a name, found none".to_owned()));
        }
        check_classes(&self.classes, self.activation)?;
        let spec = self.spec();
        spec.check()?;
        self.input.check()?;
        spec.check_input(self.input.input_px())?;
        if let Some((name, value)) = self.metrics.iter().find(|(_, value)| !value.is_finite()) {
            return Err(fault("MOD-0204", format!("expected a finite metric {name}, found {value}")));
        }
        if let Some(calibration) = &self.calibration {
            if self.activation == Activation::Identity {
                let message = "expected a calibration with the activations softmax and sigmoid only, found identity";
                return Err(fault("MOD-0203", message.to_owned()));
            }
            calibration.check()?;
        }
        if let Some(bf16) = &self.bf16 {
            bf16.check()?;
        }
        if let Some(familiarity) = &self.familiarity {
            familiarity.check()?;
            if familiarity.file == self.weights.file {
                let message = format!("expected another file for the familiarity, found {:?} twice", familiarity.file);
                return Err(fault("MOD-0205", message));
            }
        }
        check_file(&self.weights.file, &self.weights.blake3)
    }
}

/// Checks that class names can be told apart and that the activation makes sense for their number.
pub(super) fn check_classes(classes: &[Class], activation: Activation) -> Result<()> {
    let least = match activation {
        Activation::Softmax => 2,
        Activation::Sigmoid => 1,
        Activation::Identity => 0,
    };
    if classes.len() < least {
        let message = format!("expected {least} classes or more for {activation:?}, found {}", classes.len());
        return Err(fault("MOD-0203", message));
    }
    if let Some(class) = classes.iter().find(|class| class.unit.is_some() && activation != Activation::Identity) {
        let message = format!("expected units with the activation identity only, found one of {:?}", class.name);
        return Err(fault("MOD-0203", message));
    }
    if let Some(class) = classes.iter().find(|class| class.threshold.is_some_and(|threshold| !threshold.is_finite())) {
        return Err(fault("MOD-0203", format!("expected a finite threshold of {:?}, found another", class.name)));
    }
    let mut seen = BTreeSet::new();
    match classes.iter().find(|class| class.name.trim().is_empty() || !seen.insert(&class.name)) {
        Some(class) => {
            Err(fault("MOD-0203", format!("expected class names that differ, found {:?} again", class.name)))
        }
        None => Ok(()),
    }
}

impl Input {
    /// Side of what the network sees, pixels.
    pub fn input_px(&self) -> u32 {
        self.input_px.unwrap_or(self.tile_px)
    }

    /// Checks the ranges.
    pub(super) fn check(&self) -> Result<()> {
        Mpp::new(self.mpp).map_err(|error| fault("MOD-0204", format!("input.mpp: {}", error.message())))?;
        for (name, side) in [("tile_px", self.tile_px), ("input_px", self.input_px())] {
            if !(MIN_TILE_SIDE_PX..=MAX_TILE_SIDE_PX).contains(&side) {
                let range = format!("{MIN_TILE_SIDE_PX} to {MAX_TILE_SIDE_PX} px");
                return Err(fault("MOD-0204", format!("input.{name}: expected {range}, found {side}")));
            }
        }
        if let Some(bad) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return Err(fault("MOD-0204", format!("input.mean: expected finite numbers, found {bad}")));
        }
        match self.std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            Some(bad) => Err(fault("MOD-0204", format!("input.std: expected numbers above 0, found {bad}"))),
            None => Ok(()),
        }
    }
}

/// Checks the name and the digest of a file in the bundle's folder.
///
/// # Errors
/// [`ErrorKind::Model`] (`MOD-0205`).
pub(super) fn check_file(file: &str, blake3: &str) -> Result<()> {
    // A card may come from anywhere; it must not lead to a file outside its folder.
    let mut parts = Path::new(file).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == file);
    if !plain || file.contains('\\') {
        return Err(fault("MOD-0205", format!("expected a plain file name, found {file:?}")));
    }
    if blake3.len() != 64 || !blake3.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(fault("MOD-0205", format!("expected 64 hexadecimal digits, found {blake3:?}")));
    }
    Ok(())
}

fn fault(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Model, code, message)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A valid card.
    pub(in crate::nn) fn card() -> Card {
        Card {
            schema: 1,
            name: "tissue-mobilenetv2.test".to_owned(),
            task: "tissue classification".to_owned(),
            version: "1".to_owned(),
            licence: "MIT".to_owned(),
            attribution: "nobody".to_owned(),
            intended_use: "tests".to_owned(),
            training_data: "none".to_owned(),
            activation: Activation::Softmax,
            classes: ["stroma", "tumour"].map(|name| Class { color: Some([1, 2, 3]), ..Class::named(name) }).to_vec(),
            input: Input { mpp: 0.5, tile_px: 224, input_px: None, mean: [0.5; 3], std: [0.25; 3], stain: None },
            architecture: CardArchitecture::from(&NetworkSpec {
                padding: Padding::TfSame,
                ..NetworkSpec::torch(Architecture::MobileNetV2, 2).folded()
            }),
            weights: WeightsFile {
                file: "weights.safetensors".to_owned(),
                blake3: "0".repeat(64),
                dtype: Precision::F16,
            },
            calibration: Some(Calibration {
                temperature: 1.5,
                fitted_on: "validation tiles".to_owned(),
                ece_before: Some(0.08),
                ece_after: None,
            }),
            familiarity: Some(Familiarity {
                file: "familiarity.safetensors".to_owned(),
                blake3: "1".repeat(64),
                features: 168,
                directions: 32,
                fitted_on: "900 training tiles".to_owned(),
                judged_on: "200 validation tiles".to_owned(),
                tiles: 200,
                level: 0.99,
                median: 1200.5,
                threshold: 2400.5,
                flagged: Some(0.015),
            }),
            bf16: Some(Bf16Difference {
                max: 2e-3,
                median: 1e-4,
                flips: 0,
                tiles: 900,
                bound: 1e-2,
                measured_on: "test tiles, the twin of AMX".to_owned(),
            }),
            metrics: Metrics::from([("auc".to_owned(), 0.93)]),
        }
    }

    #[test]
    fn a_card_survives_its_own_text() {
        let text = card().to_toml().unwrap();
        assert_eq!(Card::parse(&text).unwrap(), card(), "{text}");
    }

    #[test]
    fn bad_cards_are_refused_by_code() {
        let cases = [
            ("schema = 1", "schema = 2", "MOD-0202"),
            ("schema = 1", "schema = ", "MOD-0201"),
            ("task =", "tusk =", "MOD-0201"),
            ("\"mobilenetv2\"", "\"vgg11\"", "MOD-0201"),
            ("\"mobilenetv2\"", "\"resnet18\"", "MOD-0208"),
            ("\"softmax\"", "\"argmax\"", "MOD-0201"),
            ("name = \"tumour\"", "name = \"stroma\"", "MOD-0203"),
            ("mpp = 0.5", "mpp = 0.0", "MOD-0204"),
            ("mpp = 0.5", "mpp = nan", "MOD-0204"),
            ("tile_px = 224", "tile_px = 16", "MOD-0204"),
            ("tile_px = 224", "tile_px = 4097", "MOD-0204"),
            ("std = [0.25, 0.25, 0.25]", "std = [0.25, 0.0, 0.25]", "MOD-0204"),
            ("std = [0.25, 0.25, 0.25]", "std = [0.25, 0.25]", "MOD-0201"),
            ("auc = 0.93", "auc = inf", "MOD-0204"),
            ("temperature = 1.5", "temperature = 0.0", "MOD-0204"),
            ("temperature = 1.5", "temperature = -1.5", "MOD-0204"),
            ("temperature = 1.5", "temperature = 100.5", "MOD-0204"),
            ("temperature = 1.5", "temperature = nan", "MOD-0204"),
            ("temperature = 1.5", "temperature = inf", "MOD-0204"),
            ("temperature = 1.5", "temperature = \"1.5\"", "MOD-0201"),
            ("temperature = 1.5", "", "MOD-0201"),
            ("\"validation tiles\"", "\" \"", "MOD-0204"),
            ("ece_before = 0.08", "ece_before = 1.08", "MOD-0204"),
            ("ece_before = 0.08", "ece_after = -0.1", "MOD-0204"),
            ("ece_before = 0.08", "ece = 0.08", "MOD-0201"),
            ("\"softmax\"", "\"identity\"", "MOD-0203"),
            ("weights.safetensors", "../weights.safetensors", "MOD-0205"),
            ("weights.safetensors", "/etc/passwd", "MOD-0205"),
            ("weights.safetensors", "..", "MOD-0205"),
            ("000000", "00000g", "MOD-0205"),
            ("111111", "11111g", "MOD-0205"),
            ("familiarity.safetensors", "../familiarity.safetensors", "MOD-0205"),
            ("familiarity.safetensors", "weights.safetensors", "MOD-0205"),
            ("features = 168", "features = 0", "MOD-0204"),
            ("features = 168", "features = 65537", "MOD-0204"),
            ("directions = 32", "directions = 0", "MOD-0204"),
            ("directions = 32", "directions = 1025", "MOD-0204"),
            ("directions = 32", "directions = -1", "MOD-0201"),
            ("directions = 32", "", "MOD-0201"),
            ("\"900 training tiles\"", "\"\"", "MOD-0204"),
            ("\"200 validation tiles\"", "\" \"", "MOD-0204"),
            ("tiles = 200", "tiles = 0", "MOD-0204"),
            ("level = 0.99", "level = 1.01", "MOD-0204"),
            ("level = 0.99", "level = nan", "MOD-0204"),
            ("median = 1200.5", "median = 2401.0", "MOD-0204"),
            ("threshold = 2400.5", "threshold = nan", "MOD-0204"),
            ("threshold = 2400.5", "threshold = inf", "MOD-0204"),
            ("threshold = 2400.5", "threshold = 0.0", "MOD-0204"),
            ("flagged = 0.015", "flagged = 1.5", "MOD-0204"),
            ("flagged = 0.015", "share = 0.015", "MOD-0201"),
        ];
        let text = card().to_toml().unwrap();
        for (from, to, code) in cases {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from} is not in {text}");
            let error = Card::parse(&changed).unwrap_err();
            assert_eq!(error.code(), code, "{to}: {error}");
        }
        let one = Card { classes: card().classes[..1].to_vec(), ..card() };
        assert_eq!(one.to_toml().unwrap_err().code(), "MOD-0203");
        assert!(Card { activation: Activation::Sigmoid, ..one }.to_toml().is_ok());
    }

    #[test]
    fn an_error_in_a_card_names_its_line() {
        let error = Card::parse("schema = 1\nname = \"a\"\nbogus = 3\n").unwrap_err();
        assert!(error.message().starts_with("line 3:") && error.message().contains("bogus"), "{error}");
    }
}
