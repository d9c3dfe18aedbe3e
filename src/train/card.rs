//! A finished training → the model's card, without its weights.
//!
//! Invariant: every number in the text was measured with the very weights that are written, rounded as they are stored.

use crate::dataset::Split;
use crate::evaluate::NamedFigure;
use crate::nn::{
    Activation, Card, CardArchitecture, Class, Familiarity, Input, Metrics, NetworkSpec, Precision, WeightsFile,
};
use crate::train::config::TrainConfig;
use crate::train::event::ClassCount;
use crate::train::finish::Outcome;

/// What a card is made of.
pub(super) struct Material<'a> {
    pub config: &'a TrainConfig,
    pub spec: NetworkSpec,
    pub precision: Precision,
    pub origin: &'a str,
    pub counts: &'a [ClassCount],
    pub split: &'a Split,
    pub notes: &'a [String],
    pub outcome: &'a Outcome,
    pub familiarity: Option<&'a Familiarity>,
    pub best_epoch: usize,
    pub device: &'a str,
}

impl Material<'_> {
    /// The card; file, digest and kind of the weights are filled in when they are written.
    pub fn card(&self) -> Card {
        let (config, spec) = (self.config, self.spec);
        let words = &config.card;
        let classes = self.counts.iter().map(|class| Class {
            color: words.colors.get(&class.name).copied(),
            role: words.roles.get(&class.name).copied(),
            threshold: words.thresholds.get(&class.name).copied(),
            ..Class::named(class.name.as_str())
        });
        let input = &config.input;
        Card {
            schema: 1,
            name: words.name.clone(),
            task: words.task.clone(),
            version: words.version.clone(),
            licence: words.licence.clone(),
            attribution: words.attribution.clone(),
            intended_use: words.intended_use.clone(),
            training_data: words.training_data.clone(),
            activation: if config.loss.is_of_classes() { Activation::Softmax } else { Activation::Identity },
            classes: classes.collect(),
            input: Input {
                mpp: input.um_per_px,
                tile_px: input.tile_px,
                input_px: (input.input_px != input.tile_px).then_some(input.input_px),
                mean: input.mean,
                std: input.std,
                stain: config.stain,
            },
            architecture: CardArchitecture::from(&spec),
            weights: WeightsFile {
                file: "weights.safetensors".to_owned(),
                blake3: "0".repeat(64),
                dtype: self.precision,
            },
            calibration: self.outcome.calibration.clone(),
            familiarity: self.familiarity.cloned(),
            bf16: None,
            metrics: self.metrics(),
        }
    }

    /// The figures that count: of the test tiles where there are some, with their intervals.
    fn metrics(&self) -> Metrics {
        // Four decimals are far below what so many tiles can tell.
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        let (side, judged) = self.outcome.headline();
        let mut metrics = Metrics::from([(format!("{side}_tiles"), judged.tiles.len() as f64)]);
        for NamedFigure { name, column, figure } in judged.assessment.figures() {
            let name = column.map_or(format!("{side}_{name}"), |column| format!("{side}_{name}_{column}"));
            for (end, value) in [("", figure.value), ("_low", figure.low), ("_high", figure.high)] {
                metrics.extend(value.map(|value| (format!("{name}{end}"), rounded(value))));
            }
        }
        metrics
    }
}
