//! A model as initialised: what it says has no meaning; whether, where and how fast it is said has. For benches, too.

use eosin::nn::{Activation, Architecture, Card, CardArchitecture, Class, Input, Metrics, NetworkSpec};
use eosin::nn::{Precision, WeightsFile, save, write_bundle};
use std::path::Path;

/// Writes a model of two classes, named `random`, into a new folder.
pub(crate) fn write_random_model(folder: &Path, architecture: Architecture, input: Input) {
    let spec = NetworkSpec::torch(architecture, 2).folded();
    let weights = save(&spec.init(&burn::tensor::Device::flex()).unwrap()).unwrap();
    let card = Card {
        schema: 1,
        name: "random".to_string(),
        task: "none".to_string(),
        version: "1".to_string(),
        licence: "MIT OR Apache-2.0".to_string(),
        attribution: "random weights".to_string(),
        intended_use: "research use only, not for diagnosis".to_string(),
        training_data: "none".to_string(),
        activation: Activation::Softmax,
        classes: vec![Class::named("a"), Class::named("b")],
        input,
        architecture: CardArchitecture::from(&spec),
        weights: WeightsFile { file: String::new(), blake3: "0".repeat(64), dtype: Precision::F16 },
        calibration: None,
        familiarity: None,
        metrics: Metrics::new(),
    };
    write_bundle(folder, &card, &weights, "random weights").unwrap();
}
