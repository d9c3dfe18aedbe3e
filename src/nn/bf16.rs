//! How far a model's scores move when its convolutions are computed in bf16, and how far they may.
//!
//! Rounding to 8 bits moves some networks more than others, so it is measured for each with its own weights: without this
//! table nobody has, and nothing but an explicit wish computes the model so.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The table `[bf16]` of a card: differences of scores from those in f32, as scores come out at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bf16Difference {
    /// The largest difference of any score of any tile.
    pub max: f64,
    /// The median over tiles of the largest difference of each.
    pub median: f64,
    /// Tiles whose decision changed.
    pub flips: u64,
    /// Tiles that were measured.
    pub tiles: u64,
    /// How far a score may move; only with `max` below it are scores taken in bf16 without being asked for.
    pub bound: f64,
    /// What it was measured on and what computed, such as `test tiles, the twin of AMX`.
    pub measured_on: String,
}

impl Bf16Difference {
    /// Whether scores in bf16 are as good as the card wants them.
    pub fn is_within_bound(&self) -> bool {
        self.max < self.bound
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] `MOD-0204` for a value out of range and for words that are missing.
    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::new(ErrorKind::Model, "MOD-0204", format!("bf16.{message}")));
        for (name, value) in [("max", self.max), ("median", self.median), ("bound", self.bound)] {
            if !(value.is_finite() && value >= 0.0) {
                return fault(format!("{name}: expected a number of 0 or more, found {value}"));
            }
        }
        if self.median > self.max {
            return fault(format!(
                "median: expected {} at most, which is the largest, found {}",
                self.max, self.median
            ));
        }
        if self.tiles == 0 || self.flips > self.tiles {
            return fault(format!("flips: expected some of the tiles, found {} of {}", self.flips, self.tiles));
        }
        if self.measured_on.trim().is_empty() {
            return fault("measured_on: expected what it was measured on, found nothing".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_only_when_it_was_measured_and_is_below_its_bound() {
        let good = Bf16Difference {
            max: 8e-3,
            median: 1e-4,
            flips: 1,
            tiles: 900,
            bound: 1e-2,
            measured_on: "test tiles".to_owned(),
        };
        assert!(good.check().is_ok() && good.is_within_bound());
        assert!(!Bf16Difference { bound: 8e-3, ..good.clone() }.is_within_bound());
        for (word, bad) in [
            ("max", Bf16Difference { max: f64::NAN, ..good.clone() }),
            ("max", Bf16Difference { max: -1.0, ..good.clone() }),
            ("bound", Bf16Difference { bound: f64::INFINITY, ..good.clone() }),
            ("median", Bf16Difference { median: 9e-3, ..good.clone() }),
            ("flips", Bf16Difference { flips: 901, ..good.clone() }),
            ("flips", Bf16Difference { tiles: 0, flips: 0, ..good.clone() }),
            ("measured_on", Bf16Difference { measured_on: " ".to_owned(), ..good.clone() }),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.code(), "MOD-0204", "{word}");
            assert!(error.message().contains(&format!("bf16.{word}")), "{error}");
        }
    }
}
