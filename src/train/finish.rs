//! The best weights → what is known of them: how good they are as they will be stored, and how sure they may be.
//!
//! The temperature is fitted on the validation tiles; figures of the test tiles, where there are some, are the ones that
//! nothing was chosen by.

use crate::assess::assess;
use crate::dataset::{Split, Targets, Truth};
use crate::error::Result;
use crate::evaluate::{Assessment, BINS, Bootstrap, Reliability, once, softmax_temperature};
use crate::nn::{Calibration, Head, NetworkSpec, TensorMap, load};
use crate::tile::{Meaning, arg_max};
use crate::train::step::Stage;
use std::ops::RangeInclusive;

/// Beyond it a fit says that there are too few validation tiles, or that all of them are recognised, and is not kept.
const PLAUSIBLE: RangeInclusive<f64> = 0.1..=10.0;

/// What is known of the tiles of one side.
pub(super) struct Judged {
    pub tiles: Vec<usize>,
    /// Probabilities or numbers, a row for each tile.
    pub scores: Vec<Vec<f32>>,
    pub assessment: Assessment,
}

/// What is known of a model.
pub(super) struct Outcome {
    pub validation: Judged,
    /// None without test tiles.
    pub test: Option<Judged>,
    pub calibration: Option<Calibration>,
}

impl Outcome {
    /// Judges weights as they will be stored.
    ///
    /// # Errors
    /// Those of running the network.
    pub fn of(stage: &Stage<'_>, spec: &NetworkSpec, split: &Split, weights: &TensorMap) -> Result<Self> {
        let network = load(spec.init(&stage.device.device)?, weights, Head::FromFile)?;
        let outputs = stage.outputs(&network, &split.validation)?;
        let calibration = calibrate(stage, &split.validation, &outputs);
        let temperature = calibration.as_ref().map_or(1.0, |calibration| calibration.temperature);
        let judge = |tiles: &[usize], outputs: &[Vec<f32>]| -> Result<Judged> {
            let scores = stage.scores(outputs, temperature);
            let meaning = if stage.scale.is_some() { Meaning::Estimates(Vec::new()) } else { Meaning::Classes };
            let bootstrap = Bootstrap { seed: stage.config.seed, ..Bootstrap::default() };
            let assessment = assess(stage.set, tiles, &scores, &meaning, bootstrap)?;
            Ok(Judged { tiles: tiles.to_vec(), scores, assessment })
        };
        let test = if split.test.is_empty() {
            None
        } else {
            Some(judge(&split.test, &stage.outputs(&network, &split.test)?)?)
        };
        Ok(Self { validation: judge(&split.validation, &outputs)?, test, calibration })
    }

    /// The side whose figures count, and its name.
    pub fn headline(&self) -> (&'static str, &Judged) {
        self.test.as_ref().map_or(("validation", &self.validation), |test| ("test", test))
    }
}

/// The temperature of the validation tiles, where there are classes.
fn calibrate(stage: &Stage<'_>, tiles: &[usize], logits: &[Vec<f32>]) -> Option<Calibration> {
    let Targets::Classes(_) = stage.set.targets else { return None };
    let truth: Vec<usize> = tiles.iter().filter_map(|&tile| Truth::class(&stage.set.tiles[tile].truth)).collect();
    let temperature = softmax_temperature(logits, &truth, None).filter(|found| PLAUSIBLE.contains(found))?;
    let error = |temperature: f64| {
        let rows = stage.scores(logits, temperature);
        let confidence: Vec<f64> = rows.iter().map(|row| f64::from(row.iter().copied().fold(0.0, f32::max))).collect();
        let right: Vec<bool> = rows.iter().zip(&truth).map(|(row, &truth)| arg_max(row) == Some(truth)).collect();
        Reliability::of(BINS, &confidence, &right, &once(truth.len())).ece()
    };
    let (ece_before, ece_after) = (error(1.0), error(temperature));
    Some(Calibration { temperature, fitted_on: "validation tiles".to_owned(), ece_before, ece_after })
}
