//! WSInfer's `config.json`: the JSON of a model from its zoo, turned into what a bundle needs.
//!
//! Both schemas are read: specification 1.0, and the older one without `spec_version` and `architecture`. Only the chain
//! of transforms that the schema knows is taken, in its one sensible order; anything else would change results silently.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::bundle::read_text;
use crate::nn::card::{Activation, Class, Input, check_classes};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// A checked WSInfer configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct WsinferConfig {
    /// The network's name in timm; the older schema has none.
    pub architecture: Option<String>,
    /// One per logit, in order.
    pub classes: Vec<Class>,
    /// What tiles must look like.
    pub input: Input,
    /// From logits to scores.
    pub activation: Activation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    spec_version: Option<String>,
    architecture: Option<String>,
    num_classes: usize,
    patch_size_pixels: u32,
    spacing_um_px: f64,
    class_names: Vec<String>,
    transform: Vec<Transform>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transform {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl WsinferConfig {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// Those of [`WsinferConfig::parse`]; [`ErrorKind::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&read_text(path)?).map_err(|error| error.at_path(path))
    }

    /// Checks the text of a configuration.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0206` not such a JSON, `MOD-0203` classes, `MOD-0204` a value out of range;
    /// [`ErrorKind::Unsupported`]: `MOD-0206` another version, `MOD-0207` a transform that is not known here.
    pub fn parse(text: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Model, "MOD-0206", format!("expected a WSInfer model: {error}")))?;
        if let Some(version) = raw.spec_version.filter(|version| version != "1.0") {
            let message = format!("expected spec_version 1.0, found {version:?}");
            return Err(Error::new(ErrorKind::Unsupported, "MOD-0206", message));
        }
        if raw.num_classes != raw.class_names.len() {
            let message = format!("expected {} class names, found {}", raw.num_classes, raw.class_names.len());
            return Err(Error::new(ErrorKind::Model, "MOD-0203", message));
        }
        // WSInfer's own rule: one logit is a probability by itself, several exclude each other.
        let activation = if raw.num_classes == 1 { Activation::Sigmoid } else { Activation::Softmax };
        let classes: Vec<Class> = raw.class_names.into_iter().map(Class::named).collect();
        check_classes(&classes, activation)?;
        let mut input = Input {
            mpp: raw.spacing_um_px,
            tile_px: raw.patch_size_pixels,
            input_px: None,
            mean: [0.0; 3],
            std: [1.0; 3],
            stain: None,
        };
        apply(&raw.transform, &mut input)?;
        input.check()?;
        Ok(Self { architecture: raw.architecture, classes, input, activation })
    }
}

/// Follows `[Resize], ToTensor, [Normalize]`.
fn apply(transforms: &[Transform], input: &mut Input) -> Result<()> {
    let names: Vec<&str> = transforms.iter().map(|transform| transform.name.as_str()).collect();
    let inner = match names[..] {
        ["Resize", "ToTensor", "Normalize"] | ["Resize", "ToTensor"] | ["ToTensor", "Normalize"] | ["ToTensor"] => {
            transforms
        }
        _ => return Err(unknown(&format!("the transforms Resize, ToTensor, Normalize, found {}", names.join(", ")))),
    };
    for transform in inner {
        let arguments = &transform.arguments;
        let known: &[&str] = match &*transform.name {
            "Resize" => &["size"],
            "Normalize" => &["mean", "std"],
            _ => &[],
        };
        if let Some(other) = arguments.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(unknown(&format!("the arguments {known:?} of {}, found {other:?}", transform.name)));
        }
        match &*transform.name {
            "Resize" => input.input_px = Some(side(arguments.get("size"))?),
            "Normalize" => {
                input.mean = numbers(arguments.get("mean"))?;
                input.std = numbers(arguments.get("std"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A side, or two equal ones: tiles are square.
fn side(size: Option<&Value>) -> Result<u32> {
    let whole = |value: &Value| value.as_u64().and_then(|side| u32::try_from(side).ok());
    let side = match size {
        Some(Value::Array(sides)) => match &sides[..] {
            [one] => whole(one),
            [height, width] if height == width => whole(height),
            _ => None,
        },
        Some(one) => whole(one),
        None => None,
    };
    side.ok_or_else(|| unknown(&format!("one side as size of Resize, found {}", size.unwrap_or(&Value::Null))))
}

#[expect(clippy::cast_possible_truncation, reason = "torch keeps them as f32 too")]
fn numbers(value: Option<&Value>) -> Result<[f32; 3]> {
    let found: Option<Vec<f32>> = value
        .and_then(Value::as_array)
        .and_then(|numbers| numbers.iter().map(|number| number.as_f64().map(|number| number as f32)).collect());
    found.and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| {
        unknown(&format!("three numbers as mean and as std of Normalize, found {}", value.unwrap_or(&Value::Null)))
    })
}

fn unknown(expectation: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "MOD-0207", format!("expected {expectation}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The zoo's `breast-tumor-resnet34.tcga-brca`.
    const BREAST: &str = r#"{"spec_version": "1.0", "architecture": "resnet34", "num_classes": 2,
        "patch_size_pixels": 350, "spacing_um_px": 0.25, "class_names": ["Other", "Tumor"],
        "transform": [{"name": "Resize", "arguments": {"size": 224}}, {"name": "ToTensor"},
        {"name": "Normalize", "arguments": {"mean": [0.7238, 0.5716, 0.6779], "std": [0.112, 0.1459, 0.1089]}}]}"#;

    #[test]
    fn a_model_of_the_zoo_is_understood() {
        let config = WsinferConfig::parse(BREAST).unwrap();
        assert_eq!(config.architecture.as_deref(), Some("resnet34"));
        assert_eq!(config.activation, Activation::Softmax);
        let mean = [0.7238, 0.5716, 0.6779];
        let std = [0.112, 0.1459, 0.1089];
        assert_eq!(config.input, Input { mpp: 0.25, tile_px: 350, input_px: Some(224), mean, std, stain: None });
        let older = BREAST.replace(r#""spec_version": "1.0", "architecture": "resnet34","#, "");
        assert_eq!(WsinferConfig::parse(&older).unwrap().architecture, None);
    }

    #[test]
    fn one_logit_is_a_sigmoid_and_transforms_may_be_missing() {
        let text = BREAST
            .replace(r#"["Other", "Tumor"]"#, r#"["Tumor"]"#)
            .replace(r#""num_classes": 2"#, r#""num_classes": 1"#);
        assert_eq!(WsinferConfig::parse(&text).unwrap().activation, Activation::Sigmoid);
        let plain = r#"{"num_classes": 2, "patch_size_pixels": 96, "spacing_um_px": 1, "class_names": ["a", "b"],
            "transform": [{"name": "ToTensor"}]}"#;
        let input = WsinferConfig::parse(plain).unwrap().input;
        assert_eq!((input.input_px(), input.mean, input.std), (96, [0.0; 3], [1.0; 3]));
    }

    #[test]
    fn configurations_that_would_change_results_silently_are_refused() {
        let cases = [
            (r#""1.0""#, r#""2.0""#, "MOD-0206"),
            (r#""spec_version""#, r#""spec""#, "MOD-0206"),
            (r#""num_classes": 2"#, r#""num_classes": 3"#, "MOD-0203"),
            (r#""Tumor""#, r#""Other""#, "MOD-0203"),
            (r#""spacing_um_px": 0.25"#, r#""spacing_um_px": 0"#, "MOD-0204"),
            (r#"{"name": "ToTensor"}"#, r#"{"name": "CenterCrop"}"#, "MOD-0207"),
            (r#"{"name": "ToTensor"},"#, "", "MOD-0207"),
            (r#"{"size": 224}"#, r#"{"size": 224, "interpolation": 3}"#, "MOD-0207"),
            (r#"{"size": 224}"#, r#"{"size": [224, 300]}"#, "MOD-0207"),
            ("0.7238, ", "", "MOD-0207"),
            ("0.112,", "0.0,", "MOD-0204"),
        ];
        for (from, to, code) in cases {
            let changed = BREAST.replacen(from, to, 1);
            assert_ne!(changed, BREAST, "{from}");
            let error = WsinferConfig::parse(&changed).unwrap_err();
            assert_eq!(error.code(), code, "{to}: {error}");
        }
    }
}
