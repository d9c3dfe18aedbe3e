//! Outcomes and a score of risk → how often the score puts patients in the order of their events.

use super::outcomes::Outcomes;
use crate::evaluate::order::Order;
use crate::evaluate::tree::Tree;

/// Harrell's concordance: of the pairs of which it is known who had the event first, the share in which that one has the
/// higher risk, equal risks counted half. Two events at one time are no pair. `None` without a pair, or unless there is
/// one number for each patient. O(n log n).
///
/// # Source
/// Harrell et al. 1982, doi:10.1001/jama.1982.03320430047030.
pub fn concordance(outcomes: &Outcomes, risk: &[f64]) -> Option<f64> {
    let by_risk = Order::of(risk).filter(|_| risk.len() == outcomes.len())?;
    let place = by_risk.places();
    let mut later = Tree::new(by_risk.distinct());
    let (mut right, mut pairs) = (0.0, 0.0);
    for moment in outcomes.moments_back() {
        let (with_event, without): (Vec<u32>, Vec<u32>) =
            moment.leaving.iter().partition(|&&patient| outcomes.has_event(patient));
        for &patient in &without {
            later.add(place[patient as usize], 1);
        }
        let survivors = (moment.at_risk - with_event.len()) as f64;
        for &patient in &with_event {
            let at = place[patient as usize];
            right += f64::midpoint(later.below(at) as f64, later.below(at + 1) as f64);
            pairs += survivors;
        }
        for &patient in &with_event {
            later.add(place[patient as usize], 1);
        }
    }
    (pairs > 0.0).then(|| right / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By looking at every pair.
    fn by_pairs(patients: &[(f64, bool, f64)]) -> Option<f64> {
        let (mut right, mut pairs) = (0.0, 0.0);
        for first in patients.iter().filter(|patient| patient.1) {
            for other in patients.iter().filter(|other| other.0 > first.0 || other.0 >= first.0 && !other.1) {
                pairs += 1.0;
                right += if first.2 > other.2 {
                    1.0
                } else if first.2 < other.2 {
                    0.0
                } else {
                    0.5
                };
            }
        }
        (pairs > 0.0).then(|| right / pairs)
    }

    proptest! {
        #[test]
        fn it_counts_pairs(patients in proptest::collection::vec((0_u8..6, any::<bool>(), 0_u8..6), 1..40)) {
            let patients: Vec<(f64, bool, f64)> =
                patients.iter().map(|patient| (f64::from(patient.0), patient.1, f64::from(patient.2))).collect();
            let column = |of: fn(&(f64, bool, f64)) -> f64| patients.iter().map(of).collect::<Vec<_>>();
            let events: Vec<bool> = patients.iter().map(|patient| patient.1).collect();
            let outcomes = Outcomes::new(&column(|patient| patient.0), &events).unwrap();
            prop_assert_eq!(concordance(&outcomes, &column(|patient| patient.2)), by_pairs(&patients));
        }
    }

    #[test]
    fn a_risk_that_is_no_number_has_no_concordance() {
        let outcomes = Outcomes::new(&[1.0, 2.0], &[true, false]).unwrap();
        assert_eq!(concordance(&outcomes, &[2.0, 1.0]), Some(1.0));
        assert_eq!(concordance(&outcomes, &[f64::NAN, 1.0]), None);
        assert_eq!(concordance(&outcomes, &[1.0]), None);
    }
}
