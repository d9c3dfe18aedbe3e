//! One number of each patient, and their outcomes → how the hazard goes with the number.
//!
//! Both looks are at the number alone: nothing is adjusted for anything else.

use super::cox::{Cox, Effect, Ties};
use super::kaplan_meier::KaplanMeier;
use super::logrank::{Logrank, Weighting, logrank};
use super::outcomes::Outcomes;
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// What a number does to the hazard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Association {
    /// Standard deviation of the number over the patients, of a sample (by `N - 1`).
    pub deviation: f64,
    /// What each deviation more does.
    pub effect: Effect,
    /// Harrell's [`concordance`](super::concordance()) of the fitted risk with the very patients that were fitted, so too
    /// good for others.
    pub concordance: Option<f64>,
}

impl Association {
    /// Fits proportional hazards to the number alone; events at one time by Efron's rule. `values`: one for each patient.
    ///
    /// # Errors
    /// As [`Cox::fit`].
    pub fn of(outcomes: &Outcomes, values: &[f64]) -> Result<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0)).sqrt();
        // What does not vary is refused by the fit, which says so.
        let unit = if deviation.is_normal() { deviation } else { 1.0 };
        let rows: Vec<Vec<f64>> = values.iter().map(|value| vec![value / unit]).collect();
        let cox = Cox::fit(outcomes, &rows, Ties::Efron)?;
        let effect = cox.effects().remove(0);
        Ok(Self { deviation, effect, concordance: cox.concordance })
    }
}

/// The outcomes of two halves of the patients. Where to divide them was not asked of anything but the number, yet a cut
/// throws away how far from it each one lies: a picture, and not a test of choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MedianSplit {
    /// The number's median.
    pub median: f64,
    /// How many have at most the median, and how many have more.
    pub patients: [usize; 2],
    /// Curves of those with at most the median, and of those with more.
    pub halves: [KaplanMeier; 2],
    /// Whether the halves differ; `None` when too few events come while both are at risk.
    pub logrank: Option<Logrank>,
}

impl MedianSplit {
    /// Divides the patients at the median of `values`, one for each of them. `None` when none has more than the median, and
    /// for values that are no numbers or not one for each patient.
    pub fn of(outcomes: &Outcomes, values: &[f64]) -> Option<Self> {
        if values.len() != outcomes.len() || values.iter().any(|value| value.is_nan()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
        let median = f64::midpoint(sorted[low], sorted[high]);
        let groups: Vec<usize> = values.iter().map(|&value| usize::from(value > median)).collect();
        let half = |group: usize| outcomes.only(|patient| groups[patient] == group);
        let halves = [half(0)?, half(1)?];
        Some(Self {
            median,
            patients: [halves[0].len(), halves[1].len()],
            halves: halves.each_ref().map(KaplanMeier::of),
            logrank: logrank(outcomes, &groups, Weighting::Equal).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [bool; 6] = [true, true, false, true, true, false];

    fn outcomes() -> Outcomes {
        Outcomes::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &EVENTS).unwrap()
    }

    #[test]
    fn the_unit_of_a_number_does_not_matter() {
        let values = [3.0, 1.0, 4.0, 1.5, 5.0, 0.5];
        let of = |factor: f64| Association::of(&outcomes(), &values.map(|value| value * factor)).unwrap();
        let (plain, large) = (of(1.0), of(1e6));
        assert!((large.deviation / plain.deviation - 1e6).abs() < 1e-3);
        let ratios = |of: Association| of.effect.hazard_ratio;
        let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-9 * a;
        assert!(ratios(plain).into_iter().zip(ratios(large)).all(near), "{plain:?} {large:?}");
        assert_eq!(plain.concordance, large.concordance);
    }

    #[test]
    fn what_does_not_vary_or_tells_all_events_apart_has_no_effect_that_is_defined() {
        let code = |values: &[f64]| Association::of(&outcomes(), values).unwrap_err().code();
        assert_eq!(code(&[2.0; 6]), "SUR-0006");
        assert_eq!(code(&[6.0, 5.0, 1.0, 4.0, 3.0, 0.0]), "SUR-0008");
        assert_eq!(code(&[1.0, 2.0]), "SUR-0005");
        let one = Outcomes::new(&[1.0], &[true]).unwrap();
        assert_eq!(Association::of(&one, &[1.0]).unwrap_err().code(), "SUR-0006");
    }

    #[test]
    fn those_at_the_median_are_in_the_lower_half() {
        let split = MedianSplit::of(&outcomes(), &[1.0, 1.0, 1.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!((split.median.total_cmp(&1.0).is_eq(), split.patients), (true, [4, 2]));
        assert_eq!(split.halves[0].survival_at(2.0), Some(0.5));
        assert_eq!(split.halves[1].survival_at(2.0), Some(1.0));
        let even = MedianSplit::of(&outcomes(), &[1.0, 6.0, 2.0, 5.0, 3.0, 4.0]).unwrap();
        assert_eq!((even.median.total_cmp(&3.5).is_eq(), even.patients), (true, [3, 3]));
        let observed: usize = even.logrank.unwrap().groups.iter().map(|group| group.observed).sum();
        assert_eq!(observed, 4);
        assert_eq!(MedianSplit::of(&outcomes(), &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0]), None, "nobody is above 2");
        assert_eq!(MedianSplit::of(&outcomes(), &[f64::NAN; 6]), None);
        assert_eq!(MedianSplit::of(&outcomes(), &[1.0]), None);
    }
}
