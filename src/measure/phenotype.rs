//! How a tumour meets the immune system, in one word.

use super::config::MeasureConfig;
use super::readout::{Measure, Readout, Region};
use crate::evaluate::Figure;
use serde::{Deserialize, Serialize};

/// Where immune cells are.
///
/// # Source
/// Chen and Mellman 2017, doi:10.1038/nature21349. The shares from which a place counts as infiltrated are settings of ours,
/// not theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phenotype {
    /// Within the tumour.
    Inflamed,
    /// Around the tumour, not within.
    Excluded,
    /// Neither within nor around.
    Desert,
}

impl Phenotype {
    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inflamed => "inflamed",
            Self::Excluded => "excluded",
            Self::Desert => "desert",
        }
    }
}

/// A phenotype with what it was decided by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ImmunePhenotype {
    /// The word.
    pub phenotype: Phenotype,
    /// Share of immune cells' area in the tumour's region.
    pub inside: Figure,
    /// Share of immune cells' area in the margin outside.
    pub outside: Figure,
    /// The share from which each counts as infiltrated.
    pub from: f64,
    /// False when an interval that decides holds that share, or is missing: another sample could have another word.
    pub clear: bool,
}

/// The phenotype, once immune cells inside and outside are known.
pub(super) fn phenotype(readouts: &[Readout], config: &MeasureConfig) -> Option<ImmunePhenotype> {
    let share = |region: Region| {
        let is = |readout: &&Readout| readout.measure == Measure::ImmuneFraction && readout.region == region;
        readouts.iter().find(is).map(|readout| readout.figure)
    };
    let (inside, outside) = (share(Region::Tumour)?, share(Region::MarginOutside)?);
    let from = config.inflamed_from;
    let phenotype = match (inside.value?, outside.value?) {
        (inside, _) if inside >= from => Phenotype::Inflamed,
        (_, outside) if outside >= from => Phenotype::Excluded,
        _ => Phenotype::Desert,
    };
    let clear = |figure: Figure| match (figure.low, figure.high) {
        // An interval without width knows of no spread at all.
        (Some(low), Some(high)) => low < high && (low >= from || high < from),
        _ => false,
    };
    let clear = clear(inside) && (phenotype == Phenotype::Inflamed || clear(outside));
    Some(ImmunePhenotype { phenotype, inside, outside, from, clear })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_follows_from_both_shares_and_is_clear_when_the_intervals_are() {
        let share = |region, value: f64, spread: f64| {
            let figure = Figure { value: Some(value), low: Some(value - spread), high: Some(value + spread) };
            Readout { figure, ..Readout::of_all(Measure::ImmuneFraction).within(region) }
        };
        let word = |inside: f64, outside: f64, spread: f64| {
            let readouts = [share(Region::Tumour, inside, spread), share(Region::MarginOutside, outside, spread)];
            phenotype(&readouts, &MeasureConfig::default()).map(|found| (found.phenotype, found.clear)).unwrap()
        };
        assert_eq!(word(0.3, 0.0, 0.05), (Phenotype::Inflamed, true));
        assert_eq!(word(0.12, 0.5, 0.05), (Phenotype::Inflamed, false));
        assert_eq!(word(0.01, 0.5, 0.05), (Phenotype::Excluded, true));
        assert_eq!(word(0.06, 0.5, 0.05), (Phenotype::Excluded, false));
        assert_eq!(word(0.01, 0.02, 0.05), (Phenotype::Desert, true));
        assert_eq!(phenotype(&[share(Region::Tumour, 0.1, 0.1)], &MeasureConfig::default()), None);
    }
}
