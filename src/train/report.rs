//! A finished training → the words and numbers of the model's card.
//!
//! Invariant: every number in the text was measured with the very weights that are written, rounded as they are stored.

use crate::dataset::Split;
use crate::nn::{Activation, Card, CardArchitecture, Class, Input, Metrics, NetworkSpec, Precision, WeightsFile};
use crate::train::config::{Balance, TrainConfig};
use crate::train::evaluation::Evaluation;
use crate::train::event::ClassCount;
use std::fmt::Write;

/// What a card is made of.
pub(super) struct Material<'a> {
    pub config: &'a TrainConfig,
    pub spec: NetworkSpec,
    pub origin: &'a str,
    pub counts: &'a [ClassCount],
    pub split: &'a Split,
    pub notes: &'a [String],
    pub evaluation: &'a Evaluation,
    pub best_epoch: usize,
    pub device: &'a str,
}

impl Material<'_> {
    /// The card; file, digest and kind of the weights are filled in when they are written.
    pub fn card(&self) -> Card {
        let (config, spec) = (self.config, self.spec);
        let words = &config.card;
        let classes = self
            .counts
            .iter()
            .map(|class| Class { color: words.colors.get(&class.name).copied(), ..Class::named(class.name.as_str()) });
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
            },
            architecture: CardArchitecture::from(&spec),
            weights: WeightsFile {
                file: "weights.safetensors".to_owned(),
                blake3: "0".repeat(64),
                dtype: Precision::F16,
            },
            calibration: None,
            metrics: self.metrics(),
        }
    }

    fn metrics(&self) -> Metrics {
        // Four decimals are far below what so many tiles can tell.
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        let Evaluation { loss, figures } = self.evaluation;
        let figures = figures.iter().map(|(name, value)| (format!("validation_{name}"), rounded(*value)));
        figures.chain([("validation_loss".to_owned(), rounded(*loss))]).collect()
    }

    /// `CARD.md`.
    pub fn text(&self) -> String {
        let words = &self.config.card;
        let mut text = format!("# {}\n\n", words.name);
        let mut part = |title: &str, body: &str| {
            if !body.trim().is_empty() {
                let _ = write!(text, "## {title}\n\n{}\n\n", body.trim());
            }
        };
        part("Use", &format!("Task: {}. {}.", words.task, capital(&words.intended_use)));
        part("Training data", &words.training_data);
        part("Network", &self.network());
        part("Split", &self.split());
        part("Results", &self.results());
        part("Limits", &list(self.notes.iter().chain(&words.limits)));
        part("Licence and attribution", &format!("Licence: {}.\n\n{}", words.licence, words.attribution));
        part("Command", &format!("```\n{}\n```", words.command));
        text
    }

    fn network(&self) -> String {
        let (config, spec) = (self.config, self.spec);
        let input = &config.input;
        let norm =
            if spec.batch_norm { "with batch normalisation" } else { "with normalisation folded into the kernels" };
        format!(
            "{}, {norm}; all layers were trained, starting from {}. Tiles of {} px at {} um/px, seen at {} px, normalised \
             with mean {:?} and std {:?}.\n\nAdamW, {} epochs of {}, batches of {}, highest rate {:e} after a warm-up of \
             {} and then a cosine, weight decay {}, gradients limited to {}, label smoothing {}, {}, seed {}, on {}. The \
             weights are those of epoch {}, the best by balanced accuracy on the validation tiles, stored in half \
             precision.",
            spec.architecture,
            self.origin,
            input.tile_px,
            input.um_per_px,
            input.input_px,
            input.mean,
            input.std,
            config.epochs(),
            config.epoch_tiles.map_or("all training tiles".to_owned(), |count| format!("{count} draws")),
            config.batch(),
            config.lr(),
            epochs(config.warmup_epochs),
            config.weight_decay,
            config.clip_norm,
            config.label_smoothing,
            match config.balance {
                Balance::None => "classes as frequent as they are",
                Balance::Loss => "losses weighed by 1 / sqrt(tiles of the class)",
                Balance::Sampler => "classes drawn in proportion to sqrt(tiles of the class)",
                Balance::Equal => "classes drawn equally often",
            },
            config.seed,
            self.device,
            self.best_epoch,
        )
    }

    fn split(&self) -> String {
        let config = self.config;
        let how = self.split.describe(&config.split);
        let mut text = format!("{how}\n\n| class | training tiles | validation tiles |\n|---|---:|---:|\n");
        for class in self.counts {
            let _ = writeln!(text, "| {} | {} | {} |", class.name, class.train, class.validation);
        }
        if !config.exclude.is_empty() {
            let _ = writeln!(text, "\nTiles labelled {} were left out of both sides.", config.exclude.join(", "));
        }
        text
    }

    fn results(&self) -> String {
        let mut text = String::from(
            "On the validation tiles, with the weights as stored. The epoch was chosen on the same tiles, so the figures are \
             somewhat too good.\n\n| figure | value |\n|---|---:|\n",
        );
        for (name, value) in &self.evaluation.figures {
            let _ = writeln!(text, "| {name} | {value:.3} |");
        }
        text
    }
}

fn list<'a>(paragraphs: impl Iterator<Item = &'a String>) -> String {
    paragraphs
        .map(|paragraph| format!("- {}.", capital(paragraph.trim_end_matches('.'))))
        .collect::<Vec<_>>()
        .join("\n")
}

fn epochs(count: f64) -> String {
    let count = count.to_string();
    if count == "1" { "1 epoch".to_owned() } else { format!("{count} epochs") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
