//! A model and tiles → the same model, whose card says how far its scores move when convolutions multiply in bf16.
//!
//! Invariant: all that the card names stays as it is, to the byte; another folder is written, whole or not at all. Labels are
//! not looked at: both scores are of the same network, and the truth has no part in how far they are apart.

use crate::assess::predict_with;
use crate::dataset::{self, DataSource, ReadEvent, Request, split};
use crate::device::{Arithmetic, DeviceSpec, open};
use crate::error::{Error, ErrorKind, Result};
use crate::infer::{Predictor, PredictorConfig};
use crate::nn::{Bf16Difference, Bundle, Card, card_text, recarded_bundle};
use crate::tile::Meaning;
use crate::train::config::TrainConfig;
use crate::train::familiarise::{carded, check_input};
use crate::train::section::with_section;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// How far a probability may move unless it is said. Whole percents are what people read off one, and a pixel that is one
/// grey level darker moves one by as much (see ARCHITECTURE.md on resizing): below this, arithmetic is the lesser doubt.
pub const PROBABILITY_BOUND: f64 = 0.01;

/// Heading of what a `CARD.md` says of it.
const HEADING: &str = "Scores in bf16";

/// What is measured beside what the configuration says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bf16Config {
    /// Only tiles that changed no weight: those that validate and test by the configuration's split.
    pub kept_apart: bool,
    /// How far a score may move; without it [`PROBABILITY_BOUND`], which is for probabilities only.
    pub bound: Option<f64>,
    /// What the tiles are, for the card; without it by where they come from.
    pub measured_on: Option<String>,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bf16Event {
    /// Tiles are being read.
    Data(ReadEvent),
    /// They are scored.
    Scoring {
        /// The numbers in which that is done.
        arithmetic: Arithmetic,
        /// Tiles scored so far.
        done: usize,
        /// Tiles to score.
        total: usize,
    },
}

/// What was found, and what computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Bf16Report {
    /// The card that was written.
    pub card: Card,
    /// Its table.
    pub difference: Bf16Difference,
    /// Tiles of which a score moved as far as the bound, or farther: whether the largest difference stands alone.
    pub beyond: usize,
    /// Engines that computed in f32 and in bf16, as records name them.
    pub engines: [String; 2],
}

/// Scores tiles in f32 and in bf16, and writes the model with how far both are apart to the folder `config.out`. bf16 is
/// computed by the processor's matrix unit, or where there is none by its twin.
///
/// Of the configuration data and input count, and split and seed where tiles must have been kept apart.
///
/// # Errors
/// [`ErrorKind::Usage`]: `MOD-0401` when `config.out` exists, `TRN-0601` for a model without a card, `TRN-0602` for tiles
/// that the model sees otherwise, `TRN-0604` without a bound for what is no probability, `TRN-0605` when there are no tiles;
/// [`ErrorKind::Device`] `DEV-0008` for a network that our own engine does not compute; those of reading data and running the
/// network.
pub fn measure_bf16(
    model: &Path,
    config: &TrainConfig,
    asked: &Bf16Config,
    cancel: &AtomicBool,
    on_event: &(dyn Fn(Bf16Event) + Sync),
) -> Result<Bf16Report> {
    let (bundle, card) = carded(model, config)?;
    check_input(&bundle, config)?;
    let bound = bound(&bundle, asked.bound)?;
    // Before tiles are read: a network that cannot be computed so is known by then.
    let device = open(DeviceSpec::Cpu)?;
    let sizes = PredictorConfig::for_device(&device, None);
    let (exact, rounded) = (Predictor::new(&bundle, &device, sizes)?, Predictor::bf16(&bundle, sizes)?);
    // f32 is what bf16 is measured against; bf16 may be as far off as it is, since that is the question.
    exact.warm_up(&bundle)?;

    let request = Request { scratch: None, trains: false, ..config.request() };
    let set = dataset::read(request, cancel, &mut |event| on_event(Bf16Event::Data(event)))?;
    let tiles = if asked.kept_apart {
        let split = split(&set, &config.split, config.seed)?;
        [split.validation, split.test].concat()
    } else {
        (0..set.tiles.len()).collect()
    };
    if tiles.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "TRN-0605", "expected tiles to score, found none"));
    }
    let total = tiles.len();
    let score = |predictor: &Predictor, arithmetic: Arithmetic| {
        let on_progress = |done| on_event(Bf16Event::Scoring { arithmetic, done, total });
        predict_with(predictor, &set, &tiles, cancel, &on_progress)
    };
    let scores = [score(&exact, Arithmetic::F32)?, score(&rounded, Arithmetic::Bf16)?];

    let engines = [exact.engine(), rounded.engine()];
    let which = asked.measured_on.clone().unwrap_or_else(|| usual_words(&config.data, asked.kept_apart).to_owned());
    let measured_on = format!("{which}, computed by {}", engines[1].trim_end_matches(", bf16"));
    let decision = |row: &[f32]| bundle.decision(row);
    let difference = Bf16Difference::between(&scores[0], &scores[1], decision, bound, measured_on)?;
    let beyond = Bf16Difference::of_tiles(&scores[0], &scores[1]).into_iter().filter(|&apart| apart >= bound).count();
    let body = format!("{} `eosin models bf16` measures it; the weights are as they were.", difference.describe());
    let text = with_section(&card_text(model, &card)?, HEADING, &body);
    let card = Card { bf16: Some(difference.clone()), ..card };
    recarded_bundle(model, &config.out, &card, &text)?;
    Ok(Bf16Report { card, difference, beyond, engines })
}

/// The bound that was asked for, or that of probabilities.
fn bound(bundle: &Bundle, asked: Option<f64>) -> Result<f64> {
    let fault = |message: String| Error::new(ErrorKind::Usage, "TRN-0604", message);
    match (asked, bundle.meaning()) {
        (Some(bound), _) if bound.is_finite() && bound > 0.0 => Ok(bound),
        (Some(bound), _) => Err(fault(format!("expected a bound above 0, found {bound}"))),
        (None, Meaning::Classes | Meaning::Findings) => Ok(PROBABILITY_BOUND),
        (None, meaning) => {
            let message = format!("expected a bound for a model of {}, found none", meaning.name());
            Err(fault(message).with_advice("say with --bound how far a number may move, in its own unit"))
        }
    }
}

/// What tiles are, by where they come from; a path must not get into a card.
fn usual_words(source: &DataSource, kept_apart: bool) -> &'static str {
    match source {
        _ if kept_apart => "tiles that were kept apart from the training",
        DataSource::Folder(_) => "tiles of a folder",
        DataSource::Manifest(_) => "tiles of a table",
        DataSource::Slide(_) => "places on slides",
        DataSource::Annotations(_) => "drawn areas of slides",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::FolderSource;

    #[test]
    fn words_for_the_card_name_no_path() {
        let source = DataSource::Folder(FolderSource { path: "home/of/someone".into() });
        assert_eq!(usual_words(&source, false), "tiles of a folder");
        assert!(usual_words(&source, true).contains("kept apart"));
    }
}
