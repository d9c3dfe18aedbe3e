//! Measured again and again → a median and how far rounds lie apart.

use crate::evaluate::Figure;
use serde::{Deserialize, Serialize};

/// A figure of several rounds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// The middle round.
    pub median: f64,
    /// The lowest round. The median of many more rounds lies between the lowest and the highest of `n` with a probability
    /// of 1 - 2^(1 - n), 98 % for 7, as far as rounds do not depend on each other.
    pub low: f64,
    /// The highest round.
    pub high: f64,
    /// All rounds, in the order in which they were measured.
    pub rounds: Vec<f64>,
}

impl Samples {
    /// From all rounds; none when there are none, or one is no number.
    pub fn of(rounds: Vec<f64>) -> Option<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (&low, &high) = (sorted.first()?, sorted.last()?);
        if sorted.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { median, low, high, rounds })
    }

    /// Adds the rounds of another one.
    pub fn extend(&mut self, other: Self) {
        let rounds = self.rounds.iter().copied().chain(other.rounds).collect();
        *self = Self::of(rounds).unwrap_or_default();
    }

    /// Round by round over another figure of the same rounds; none when they are not as many, or one is 0.
    pub fn over(&self, other: &Self) -> Option<Self> {
        if self.rounds.len() != other.rounds.len() {
            return None;
        }
        Self::of(self.rounds.iter().zip(&other.rounds).map(|(ours, theirs)| ours / theirs).collect())
    }

    /// From lowest to highest, as a share of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.high - self.low) / self.median }
    }

    /// Whether the median of one lies between the lowest and the highest round of the other.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let holds = |of: &Self, value: f64| (of.low..=of.high).contains(&value);
        holds(self, other.median) || holds(other, self.median)
    }

    /// The median, with lowest and highest round in place of an interval.
    pub fn figure(&self) -> Figure {
        Figure { value: Some(self.median), low: Some(self.low), high: Some(self.high) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rounds: &[f64]) -> Samples {
        Samples::of(rounds.to_vec()).unwrap()
    }

    #[test]
    fn the_median_is_that_of_the_sorted_rounds_and_their_order_is_kept() {
        let found = of(&[3.0, 1.0, 2.0, 10.0]);
        assert_eq!((found.median, found.low, found.high, found.rounds[0]), (2.5, 1.0, 10.0, 3.0));
        assert!((of(&[4.0]).median - 4.0).abs() < f64::EPSILON);
        assert!(Samples::of(vec![]).is_none() && Samples::of(vec![1.0, f64::NAN]).is_none());
    }

    #[test]
    fn rounds_of_another_one_are_added_behind() {
        let mut found = of(&[2.0]);
        found.extend(of(&[1.0, 6.0]));
        assert_eq!(found, of(&[2.0, 1.0, 6.0]));
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        // Everything is twice as slow in the second round: the ratio does not see it.
        let ratio = of(&[20.0, 10.0, 20.0]).over(&of(&[10.0, 5.0, 10.0])).unwrap();
        assert_eq!((ratio.median, ratio.spread()), (2.0, 0.0));
        assert!(of(&[1.0]).over(&of(&[0.0])).is_none() && of(&[1.0]).over(&of(&[1.0, 2.0])).is_none());
    }

    #[test]
    fn figures_agree_when_one_median_lies_among_the_other_rounds() {
        let wide = of(&[8.0, 10.0, 12.0]);
        assert!(wide.agrees_with(&of(&[11.9, 11.9, 11.9])) && of(&[9.0, 14.0, 14.0]).agrees_with(&of(&[13.0; 3])));
        assert!(!wide.agrees_with(&of(&[11.0, 12.5, 13.0])) || of(&[11.0, 12.5, 13.0]).agrees_with(&wide));
        assert!(!wide.agrees_with(&of(&[12.1, 12.5, 13.0])));
    }
}
