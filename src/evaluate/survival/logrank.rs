//! Outcomes of several groups → whether their hazards differ.

use super::chi_squared::ChiSquared;
use super::cholesky::Cholesky;
use super::outcomes::Outcomes;
use super::refused;
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// How much an event counts, by when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// All alike: the log-rank test, strongest where hazards are proportional.
    Equal,
    /// By the number at risk, so early ones more: Gehan's test, also called Wilcoxon's or Breslow's. Its weights follow
    /// the pattern of censoring, too.
    AtRisk,
    /// By the root of the number at risk: Tarone and Ware's.
    RootAtRisk,
    /// By the share without the event, so early ones more: Peto and Peto's.
    Survival,
}

/// The events of one group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroupEvents {
    /// Events that came.
    pub observed: usize,
    /// Events that would be expected if all groups had the hazard of all together.
    pub expected: f64,
}

/// The outcome of [`logrank`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logrank {
    /// The test; one degree of freedom less than there are groups.
    pub test: ChiSquared,
    /// One per group, not weighted.
    pub groups: Vec<GroupEvents>,
}

/// Tests whether groups differ in their hazard. `groups`: for each patient a number from 0 on.
///
/// # Errors
/// Kind [`Usage`](crate::error::ErrorKind::Usage): `SUR-0003` when the groups are not one number per patient, two at
/// least and each with a patient; `SUR-0004` when no event comes while there is more than one group to which it could.
///
/// # Source
/// Mantel 1966; Gehan 1965, doi:10.1093/biomet/52.1-2.203; Tarone and Ware 1977, doi:10.1093/biomet/64.1.156; Peto and
/// Peto 1972, doi:10.2307/2344317, with the estimate `prod (1 - d / (n + 1))` of the share without the event. Variance:
/// hypergeometric, with ties.
pub fn logrank(outcomes: &Outcomes, groups: &[usize], weighting: Weighting) -> Result<Logrank> {
    let mut at_risk = members(outcomes, groups)?;
    // The last group follows from the others.
    let free = at_risk.len() - 1;
    let mut found = vec![GroupEvents { observed: 0, expected: 0.0 }; at_risk.len()];
    let mut excess = vec![0.0; free];
    let mut variance = vec![vec![0.0; free]; free];
    let mut without_event = 1.0;
    for moment in outcomes.moments() {
        let (all, events) = (moment.at_risk as f64, moment.events as f64);
        without_event *= 1.0 - events / (all + 1.0);
        let weight = match weighting {
            Weighting::Equal => 1.0,
            Weighting::AtRisk => all,
            Weighting::RootAtRisk => all.sqrt(),
            Weighting::Survival => without_event,
        };
        for (group, &members) in at_risk.iter().enumerate() {
            let expected = events * members / all;
            found[group].expected += expected;
            if group < free {
                excess[group] -= weight * expected;
            }
        }
        if moment.at_risk > 1 {
            let spread = weight * weight * events * (all - events) / (all - 1.0);
            for a in 0..free {
                for b in 0..free {
                    let same = f64::from(u8::from(a == b));
                    variance[a][b] += spread * at_risk[a] / all * (same - at_risk[b] / all);
                }
            }
        }
        for &patient in moment.leaving {
            let group = groups[patient as usize];
            at_risk[group] -= 1.0;
            if outcomes.has_event(patient) {
                found[group].observed += 1;
                if group < free {
                    excess[group] += weight;
                }
            }
        }
    }
    let triangle = Cholesky::of(&variance).map_err(|_| {
        refused("SUR-0004", "expected events while several groups are at risk, found too few to compare them".into())
    })?;
    let value = triangle.solve(&excess).iter().zip(&excess).map(|(a, b)| a * b).sum();
    Ok(Logrank { test: ChiSquared::new(value, free), groups: found })
}

/// The number of patients of each group.
fn members(outcomes: &Outcomes, groups: &[usize]) -> Result<Vec<f64>> {
    if groups.len() != outcomes.len() {
        let text = format!("expected a group for each of {} patients, found {}", outcomes.len(), groups.len());
        return Err(refused("SUR-0003", text));
    }
    // Groups beyond the number of patients cannot all have one, so nothing large is allocated.
    let mut members = vec![0.0; groups.iter().max().map_or(0, |&last| last.min(groups.len()) + 1)];
    for &group in groups {
        if let Some(count) = members.get_mut(group) {
            *count += 1.0;
        }
    }
    if members.len() < 2 {
        return Err(refused("SUR-0003", format!("expected at least two groups, found {}", members.len())));
    }
    match members.iter().position(|&count| count < 1.0) {
        Some(group) => {
            Err(refused("SUR-0003", format!("expected a patient in each group, found none in group {group}")))
        }
        None => Ok(members),
    }
}
