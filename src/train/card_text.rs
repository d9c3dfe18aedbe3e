//! A finished training → `CARD.md`, the card for people.
//!
//! Invariant: every number was measured with the very weights that are written, rounded as they are stored.

use crate::evaluate::{Assessment, ClassAssessment, Figure, Unit};
use crate::nn::{Familiarity, Precision, Stain};
use crate::train::card::Material;
use crate::train::config::{Balance, Layers, LossKind, Rule, Select};
use crate::train::familiarity::HEADING;
use crate::train::finish::Judged;
use std::fmt::Write;

impl Material<'_> {
    /// The whole text.
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
        part("Split", &self.division());
        part("Results", &self.results());
        part("Calibration", &self.calibration());
        part(HEADING, &self.familiarity.map_or_else(not_familiar, Familiarity::describe));
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
        let layers = match config.layers {
            Layers::Head => "the last layer alone was trained".to_owned(),
            Layers::Last => format!("the last layer and the last {} stages were trained", config.last_stages),
            Layers::All | Layers::Auto => "all layers were trained".to_owned(),
        };
        let rule = match config.optimiser {
            Rule::AdamW => "AdamW".to_owned(),
            Rule::Sgd => format!("Gradient descent with momentum {}", config.momentum),
        };
        let loss = match config.loss {
            LossKind::Focal => {
                format!("focal loss with gamma {}, label smoothing {}", config.focal_gamma, config.label_smoothing)
            }
            LossKind::Huber => format!("Huber's loss with delta {} standard deviations", config.huber_delta),
            LossKind::Squared => "squared error".to_owned(),
            LossKind::CrossEntropy | LossKind::Auto => {
                format!("cross-entropy with label smoothing {}", config.label_smoothing)
            }
        };
        let select = match config.select {
            Select::BalancedAccuracy | Select::Auto => "balanced accuracy",
            Select::Auroc => "macro AUROC",
            Select::R2 => "mean R2",
            Select::Loss => "loss",
        };
        let balance = match config.balance {
            _ if !config.loss.is_of_classes() => "",
            Balance::None => ", classes as frequent as they are",
            Balance::Loss => ", losses weighed by 1 / sqrt(tiles of the class)",
            Balance::Sampler => ", classes drawn in proportion to sqrt(tiles of the class)",
            Balance::Equal => ", classes drawn equally often",
        };
        let stain = match config.stain {
            None => "",
            Some(Stain::Macenko) => "stain normalised by Macenko's rule, ",
            Some(Stain::Reinhard) => "stain normalised by Reinhard's rule, ",
        };
        format!(
            "{}, {norm}; {layers}, starting from {}. Tiles of {} px at {} um/px, seen at {} px, {stain}normalised with mean \
             {:?} and std {:?}.\n\n{rule}, {loss}, at most {} of {}, batches of {}, highest rate {:e} after a warm-up of {} and \
             then a cosine, weight decay {}, gradients limited to {}{balance}, seed {}, on {}. The weights are those of epoch \
             {}, the best by {select} on the validation tiles, stored in {}.",
            spec.architecture,
            self.origin,
            input.tile_px,
            input.um_per_px,
            input.input_px,
            input.mean,
            input.std,
            epochs(config.epochs() as f64),
            config.epoch_tiles.map_or("all training tiles".to_owned(), |count| format!("{count} draws")),
            config.batch(),
            config.lr(),
            epochs(config.warmup_epochs),
            config.weight_decay,
            config.clip_norm,
            config.seed,
            self.device,
            self.best_epoch,
            if self.precision == Precision::F16 {
                "half precision"
            } else {
                "f32, as half precision does not hold them"
            },
        )
    }

    fn division(&self) -> String {
        let config = self.config;
        let mut text = format!("{}\n\n", self.split.describe(&config.split));
        if config.loss.is_of_classes() {
            text.push_str("| class | training tiles | validation tiles | test tiles |\n|---|---:|---:|---:|\n");
            for class in self.counts {
                let _ = writeln!(text, "| {} | {} | {} | {} |", class.name, class.train, class.validation, class.test);
            }
        } else if let Some(any) = self.counts.first() {
            let _ = writeln!(text, "{} tiles train, {} validate, {} test.", any.train, any.validation, any.test);
        }
        if !config.exclude.is_empty() {
            let _ = writeln!(text, "\nTiles labelled {} were left out of all sides.", config.exclude.join(", "));
        }
        text
    }

    fn results(&self) -> String {
        let validation = &self.outcome.validation;
        let chosen = "The epoch was chosen on these tiles, so the figures are somewhat too good.";
        match &self.outcome.test {
            None => format!("On the validation tiles, with the weights as stored. {chosen}\n\n{}", side(validation)),
            Some(test) => format!(
                "On the test tiles, by which nothing was chosen, with the weights as stored.\n\n{}\n### Validation tiles\n\n\
                 {chosen}\n\n{}",
                side(test),
                side(validation)
            ),
        }
    }

    fn calibration(&self) -> String {
        let Some(calibration) = &self.outcome.calibration else {
            let text =
                "Not calibrated: the validation tiles say no temperature, as they are too few or all recognised.";
            return if self.config.loss.is_of_classes() { text.to_owned() } else { String::new() };
        };
        let error = |value: Option<f64>| value.map_or("not defined".to_owned(), |value| format!("{value:.3}"));
        format!(
            "Logits are divided by the temperature {:.3}, which has the least cross-entropy on the {}; expected calibration \
             error there {} before and {} with it (15 bins).",
            calibration.temperature,
            calibration.fitted_on,
            error(calibration.ece_before),
            error(calibration.ece_after)
        )
    }
}

fn not_familiar() -> String {
    "Not measured: the bundle cannot tell tiles that are unlike its training data.".to_owned()
}

/// The figures of one side's tiles as tables.
fn side(judged: &Judged) -> String {
    let basis = judged.assessment.basis();
    let unit = match basis.unit {
        Unit::Site => "sites",
        Unit::Patient => "patients",
        Unit::Slide => "slides",
        Unit::Block => "blocks of neighbouring tiles",
        Unit::Tile => "tiles",
    };
    let mut text = format!(
        "{} tiles of {} {unit}; intervals hold {:.0} % of {} bootstrap samples of {unit}.\n\n",
        basis.tiles,
        basis.clusters,
        basis.level * 100.0,
        basis.replicates
    );
    let figures = judged.assessment.figures();
    let names = |of: bool| {
        let mut names: Vec<&str> =
            figures.iter().filter(|row| row.column.is_some() == of).map(|row| row.name.as_str()).collect();
        names.dedup();
        names
    };
    let overall = names(false);
    if !overall.is_empty() {
        text.push_str("| figure | value | interval |\n|---|---:|---|\n");
        for row in figures.iter().filter(|row| row.column.is_none() && row.figure.value.is_some()) {
            let _ = writeln!(text, "| {} | {} | {} |", row.name, number(row.figure.value), interval(row.figure));
        }
    }
    // One row for each class or number, with the figures of the first as columns.
    let mut columns: Vec<&String> = figures.iter().filter_map(|row| row.column.as_ref()).collect();
    columns.dedup();
    if let Some(first) = columns.first() {
        let of = |column: &String| figures.iter().filter(|row| row.column.as_ref() == Some(column)).collect::<Vec<_>>();
        let head: Vec<&str> = of(first).iter().map(|row| row.name.as_str()).collect();
        let _ = writeln!(text, "\n| | {} |\n|---|{}", head.join(" | "), "---:|".repeat(head.len()));
        for column in columns {
            let cells: Vec<String> =
                of(column).iter().map(|row| format!("{} {}", number(row.figure.value), interval(row.figure))).collect();
            let _ = writeln!(text, "| {column} | {} |", cells.join(" | "));
        }
    }
    if let Assessment::Classes(found) = &judged.assessment {
        text.push_str(&confusion(found));
    }
    text
}

fn confusion(found: &ClassAssessment) -> String {
    let names: Vec<&str> = found.classes.iter().map(|class| class.name.as_str()).collect();
    let mut text = format!("\nTruth in rows, prediction in columns:\n\n| | {} |\n|---|", names.join(" | "));
    let _ = writeln!(text, "{}", "---:|".repeat(names.len()));
    for (name, row) in names.iter().zip(&found.confusion) {
        let counts: Vec<String> = row.iter().map(u64::to_string).collect();
        let _ = writeln!(text, "| {name} | {} |", counts.join(" | "));
    }
    text
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.3}"))
}

fn interval(figure: Figure) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!("({low:.3} to {high:.3})"),
        _ => String::new(),
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
