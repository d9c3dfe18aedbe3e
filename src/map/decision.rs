//! The scores of a cell become what is present there: by the thresholds of the classes that have one, else by the meaning of
//! the scores.
//!
//! Invariant: colours, legends, areas and labels all ask here; without thresholds a map decides as its [`Meaning`] does.

use super::BiomarkerMap;
use super::compartment::speaks_for;
use crate::tile::{Meaning, POSITIVE_FROM};

impl BiomarkerMap {
    /// The same map with a threshold for each class that has one, `[K]`; what is missing at the end has none.
    #[must_use]
    pub fn with_thresholds(self, thresholds: Vec<Option<f32>>) -> Self {
        Self { thresholds, ..self }
    }

    /// The score from which on a class is present, if it was given one.
    pub fn threshold(&self, class: usize) -> Option<f32> {
        self.thresholds.get(class).copied().flatten()
    }

    /// The score from which on a class is present, given or, of findings, [`POSITIVE_FROM`]; none where the largest score
    /// decides, or nothing.
    pub fn present_from(&self, class: usize) -> Option<f32> {
        self.threshold(class).or((self.meaning == Meaning::Findings).then_some(POSITIVE_FROM))
    }

    /// Whether a class is present where a cell has these scores: from its threshold on; without one of findings from
    /// [`POSITIVE_FROM`] on, of classes where its score is the largest, of estimates nowhere.
    pub fn is_present(&self, scores: &[f32], class: usize) -> bool {
        match (self.threshold(class), scores.get(class)) {
            (_, None) => false,
            (Some(threshold), Some(&score)) => score >= threshold,
            (None, Some(_)) => speaks_for(&self.meaning, scores, class),
        }
    }

    /// Whether a class can be present at all: an estimate only with a threshold.
    pub fn can_be_present(&self, class: usize) -> bool {
        self.threshold(class).is_some() || matches!(self.meaning, Meaning::Classes | Meaning::Findings)
    }

    /// The class that scores speak for: of those that are present, the one with the largest score; the first of equal ones.
    pub fn decide(&self, scores: &[f32]) -> Option<usize> {
        if self.thresholds.iter().all(Option::is_none) {
            return self.meaning.decide(scores);
        }
        let present = (0..scores.len()).filter(|&class| self.is_present(scores, class));
        present.reduce(|best, class| if scores[class] > scores[best] { class } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::*;
    use crate::tile::Predictions;

    fn map(meaning: Meaning, thresholds: &[Option<f32>]) -> BiomarkerMap {
        let predictions = Predictions { meaning, ..predictions(&["a", "b", "c"], &[None]) };
        BiomarkerMap::new(&plan(256, 256, &[(0, 0)]), &predictions).unwrap().with_thresholds(thresholds.to_vec())
    }

    #[test]
    fn without_thresholds_a_map_decides_as_its_meaning_does() {
        for meaning in [Meaning::Classes, Meaning::Findings, Meaning::Estimates(vec![]), Meaning::Features] {
            for thresholds in [&[][..], &[None; 3]] {
                let map = map(meaning.clone(), thresholds);
                for scores in [[0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [0.1, 0.8, 0.9], [0.6, 0.6, 0.1]] {
                    assert_eq!(map.decide(&scores), meaning.decide(&scores), "{meaning:?} {scores:?}");
                }
            }
        }
    }

    #[test]
    fn of_classes_a_threshold_finds_what_is_not_the_largest_and_hides_what_is() {
        let map = map(Meaning::Classes, &[Some(0.3), Some(0.7)]);
        assert_eq!(map.decide(&[0.4, 0.6, 0.0]), Some(0), "b is the largest, but below its own threshold");
        assert_eq!(map.decide(&[0.3, 0.7, 0.0]), Some(1), "both are present");
        assert_eq!(map.decide(&[0.29, 0.3, 0.41]), Some(2), "c has no threshold and is the largest");
        assert_eq!(map.decide(&[0.3, 0.3, 0.4]), Some(2), "a and c are present");
        assert_eq!(map.decide(&[0.2, 0.6, 0.2]), None);
        assert_eq!(map.decide(&[0.35, 0.3, 0.35]), Some(0), "the first of equal ones");
        assert_eq!(map.decide(&[]), None);
    }

    #[test]
    fn of_findings_those_without_a_threshold_keep_theirs() {
        let map = map(Meaning::Findings, &[Some(0.2), Some(0.9)]);
        assert_eq!(map.decide(&[0.2, 0.8, 0.4]), Some(0));
        assert_eq!(map.decide(&[0.2, 0.8, 0.5]), Some(2));
        assert_eq!(map.decide(&[0.2, 0.9, 0.5]), Some(1));
        assert_eq!(map.decide(&[0.1, 0.8, 0.4]), None);
        assert_eq!([0, 1, 2, 3].map(|class| map.present_from(class)), [Some(0.2), Some(0.9), Some(0.5), Some(0.5)]);
    }

    #[test]
    fn estimates_are_present_from_their_thresholds_on_only() {
        let map = map(Meaning::Estimates(vec![]), &[None, Some(100.0), Some(-1.0)]);
        assert_eq!(map.decide(&[5000.0, 99.0, -2.0]), None);
        assert_eq!(map.decide(&[5000.0, 100.0, -2.0]), Some(1));
        assert_eq!(map.decide(&[5000.0, 99.0, -1.0]), Some(2));
        assert_eq!([0, 1, 2].map(|class| map.can_be_present(class)), [false, true, true]);
    }
}
