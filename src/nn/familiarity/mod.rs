//! What a model's training tiles look like to its network, and from where on a tile is called unlike them.
//!
//! [`FeatureModel`] measures how far what a tile looks like lies from what the training tiles look like; [`Familiarity`] is what the card
//! says of it: the file, what it was fitted on, and the distance that all but a few kept-apart tiles stay below. Invariant: a
//! distance says how unusual a tile is to the network, not whether its scores are right.

mod feature_model;
mod layer;

pub use feature_model::FeatureModel;
pub(crate) use layer::FamiliarityLayer;

use crate::error::{Error, ErrorKind, Result};
use crate::nn::card::check_file;
use serde::{Deserialize, Serialize};

/// Most numbers of a tile.
const MAX_FEATURES: usize = 1 << 16;
/// Most leading directions; far above what tells tiles apart.
const MAX_DIRECTIONS: usize = 1024;

/// The table `[familiarity]` of a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Familiarity {
    /// The file of the [`FeatureModel`] in the bundle's folder.
    pub file: String,
    /// BLAKE3 digest of its bytes, 64 hexadecimal digits.
    pub blake3: String,
    /// Numbers by which it describes a tile.
    pub features: usize,
    /// Its leading directions.
    pub directions: usize,
    /// What it was fitted on, such as `1743 training tiles`.
    pub fitted_on: String,
    /// What the threshold comes from, such as `555 validation and test tiles`: tiles that changed no weight.
    pub judged_on: String,
    /// How many these are.
    pub tiles: usize,
    /// Share of tiles like these that are expected to stay below the threshold, 0 to 1: 0.99, or what so few tiles can tell.
    pub level: f64,
    /// The squared distance in the middle of these tiles.
    pub median: f32,
    /// The squared distance from which on a tile is called unlike the training data.
    pub threshold: f32,
    /// Share of these tiles that are beyond the threshold of the other groups (patients, slides, blocks of a slide or
    /// images), 0 to 1; none where all are of one group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flagged: Option<f64>,
}

impl Familiarity {
    /// What `CARD.md` says of it.
    pub fn describe(&self) -> String {
        let Self { fitted_on, judged_on, level, flagged, .. } = self;
        let flagged = flagged.map_or(String::new(), |share| {
            format!(" Each of their groups held against the others, {:.1} % of them are beyond it.", share * 100.0)
        });
        format!(
            "The bundle knows what {fitted_on} look like to the network, and gives each tile that it scores a distance to them. \
             A tile counts as unlike them beyond {:.4}, which {:.1} % of {judged_on} stay below; these changed no weight.{flagged} \
             What is called unlike may still be scored right, and what is not may be scored wrong.",
            self.threshold,
            level * 100.0
        )
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Model`]: `MOD-0204` for a value out of range and for words that are missing, `MOD-0205` for the file's
    /// name or digest.
    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::new(ErrorKind::Model, "MOD-0204", format!("familiarity.{message}")));
        check_file(&self.file, &self.blake3)?;
        for (name, found, most) in
            [("features", self.features, MAX_FEATURES), ("directions", self.directions, MAX_DIRECTIONS)]
        {
            if !(1..=most).contains(&found) {
                return fault(format!("{name}: expected 1 to {most}, found {found}"));
            }
        }
        for (name, text) in [("fitted_on", &self.fitted_on), ("judged_on", &self.judged_on)] {
            if text.trim().is_empty() {
                return fault(format!("{name}: expected some words, found none"));
            }
        }
        if self.tiles == 0 {
            return fault("tiles: expected 1 or more, found 0".to_owned());
        }
        for (name, share) in [("level", Some(self.level)), ("flagged", self.flagged)] {
            if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
                return fault(format!("{name}: expected 0 to 1, found {share}"));
            }
        }
        for (name, distance) in [("median", self.median), ("threshold", self.threshold)] {
            if !(distance.is_finite() && distance > 0.0) {
                return fault(format!("{name}: expected a number above 0, found {distance}"));
            }
        }
        if self.median > self.threshold {
            let (median, threshold) = (self.median, self.threshold);
            return fault(format!("median: expected no more than the threshold, {threshold}, found {median}"));
        }
        Ok(())
    }
}
