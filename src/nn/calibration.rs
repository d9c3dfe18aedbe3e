//! How far a model's confidence is from what is true, and the one number that corrects it.
//!
//! Logits are divided by a temperature before they become probabilities: above 1 they become less certain, below 1 more.
//! The order of the logits, and so the decision between classes, stays.
//!
//! # Source
//! Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, equation 9.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Beyond it a fit has run away: the classes would be all but equal, or all but certain.
const TEMPERATURES: RangeInclusive<f64> = 0.01..=100.0;

/// The table `[calibration]` of a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What logits are divided by, 0.01 to 100.
    pub temperature: f64,
    /// What it was fitted on, such as `validation tiles`.
    pub fitted_on: String,
    /// Expected calibration error there without it, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece_before: Option<f64>,
    /// Expected calibration error there with it, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece_after: Option<f64>,
}

impl Calibration {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] `MOD-0204` for a value out of range and for words that are missing.
    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::new(ErrorKind::Model, "MOD-0204", format!("calibration.{message}")));
        if !TEMPERATURES.contains(&self.temperature) {
            let (least, most) = (TEMPERATURES.start(), TEMPERATURES.end());
            return fault(format!("temperature: expected {least} to {most}, found {}", self.temperature));
        }
        if self.fitted_on.trim().is_empty() {
            return fault("fitted_on: expected what it was fitted on, found nothing".to_owned());
        }
        for (name, error) in [("ece_before", self.ece_before), ("ece_after", self.ece_after)] {
            if let Some(error) = error.filter(|error| !(0.0..=1.0).contains(error)) {
                return fault(format!("{name}: expected 0 to 1, found {error}"));
            }
        }
        Ok(())
    }
}
