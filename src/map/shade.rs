//! The colour of a scored cell, the same in all pictures.
//!
//! - Classes: that of the largest score, the paler the nearer that score is to chance (1 / K).
//!   A class with a threshold is there from that on, the paler the nearer; where no class is present, there is no colour.
//! - Findings: one has the colours of a ramp from 0 to 1; of several a cell has the colour of its largest, the paler the
//!   nearer that is to its threshold, and none where none is present.
//! - Estimates: the first one, on a ramp from its smallest to its largest value on the slide.

use super::{BiomarkerMap, palette};
use crate::tile::Meaning;

/// Colour of a cell where nothing was found.
const NOTHING: [u8; 3] = [225; 3];
/// Opacity over tissue of a cell at chance and of a certain one: nuclei stay visible.
const OPACITY: (f32, f32) = (0.25, 0.65);

/// What colours the cells of a map.
#[derive(Debug, Clone, Copy)]
pub struct Shade<'a> {
    map: &'a BiomarkerMap,
    colours: &'a [[u8; 3]],
    range: (f32, f32),
}

impl<'a> Shade<'a> {
    /// For a map, with one colour per class.
    pub fn new(map: &'a BiomarkerMap, colours: &'a [[u8; 3]]) -> Self {
        let range = match map.meaning() {
            Meaning::Estimates(_) => map.range(0).unwrap_or((0.0, 1.0)),
            _ => (0.0, 1.0),
        };
        Self { map, colours, range }
    }

    /// The ends of the ramp.
    pub fn range(&self) -> (f32, f32) {
        self.range
    }

    /// The colour of a cell, and how strong it is from 0 to 1.
    pub fn of(&self, scores: &[f32]) -> ([u8; 3], f32) {
        match (self.map.meaning(), scores) {
            (Meaning::Findings, [only]) => (palette::ramp(*only), 1.0),
            (Meaning::Estimates(_), [first, ..]) => (palette::ramp(self.place(*first)), 1.0),
            _ => {
                let Some(class) = self.map.decide(scores) else { return (NOTHING, 0.0) };
                let least = self.map.present_from(class).unwrap_or(1.0 / scores.len().max(1) as f32);
                let above = (scores[class] - least) / (1.0 - least);
                // Of a threshold of 1 nothing is left to grow paler in.
                let strength = if least < 1.0 { above.clamp(0.0, 1.0) } else { 1.0 };
                (self.colours.get(class).copied().unwrap_or([0; 3]), strength)
            }
        }
    }

    /// The colour of a cell that is laid over tissue, and its opacity.
    pub fn over_tissue(&self, scores: &[f32]) -> ([u8; 3], f32) {
        let (colour, strength) = self.of(scores);
        (colour, OPACITY.0 + (OPACITY.1 - OPACITY.0) * strength)
    }

    /// Where a value lies between the ends of the ramp, 0 to 1.
    fn place(&self, value: f32) -> f32 {
        let (low, high) = self.range;
        if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::*;
    use crate::tile::Predictions;

    #[test]
    fn each_meaning_has_its_colours() {
        let rows = [Some(&[0.2_f32, 0.9][..]), Some(&[4.2, 0.1])];
        let map = |meaning: Meaning| {
            let predictions = Predictions { meaning, ..predictions(&["a", "b"], &rows) };
            BiomarkerMap::new(&plan(256, 256, &[(0, 0), (0, 256)]), &predictions).unwrap()
        };
        let colours = palette::class_colours(2);
        let findings = map(Meaning::Findings);
        let shade = Shade::new(&findings, &colours);
        assert_eq!(shade.of(&[0.2, 0.1]), (NOTHING, 0.0));
        let (colour, strength) = shade.of(&[0.2, 0.75]);
        assert_eq!(colour, colours[1]);
        assert!((strength - 0.5).abs() < 1e-6);
        assert!((shade.over_tissue(&[0.2, 0.75]).1 - 0.45).abs() < 1e-6);
        let strict = map(Meaning::Findings).with_thresholds(vec![Some(0.2), Some(1.0)]);
        let shade = Shade::new(&strict, &colours);
        let (colour, strength) = shade.of(&[0.6, 0.9]);
        assert_eq!(colour, colours[0]);
        assert!((strength - 0.5).abs() < 1e-6, "half of the way from 0.2 to 1");
        assert_eq!(shade.of(&[0.1, 0.9]), (NOTHING, 0.0));
        assert_eq!(shade.of(&[0.1, 1.0]), (colours[1], 1.0));
        let classes = map(Meaning::Classes).with_thresholds(vec![Some(0.2), None]);
        assert_eq!(Shade::new(&classes, &colours).of(&[0.6, 0.4]).0, colours[0]);
        let classes = classes.with_thresholds(vec![Some(0.9), None]);
        assert_eq!(Shade::new(&classes, &colours).of(&[0.6, 0.4]), (NOTHING, 0.0));
        let estimates = map(Meaning::Estimates(vec![]));
        let shade = Shade::new(&estimates, &colours);
        assert_eq!(shade.range(), (0.2, 4.2));
        assert_eq!(shade.of(&[0.2, 7.0]).0, palette::ramp(0.0));
        assert_eq!(shade.of(&[4.2, 7.0]).0, palette::ramp(1.0));
        assert_eq!(shade.of(&[2.2, 7.0]).0, palette::ramp(0.5));
    }
}
