//! Outcomes → the share of patients without the event over time.

use super::outcomes::Outcomes;
use crate::evaluate::delong::Z_95;
use serde::{Deserialize, Serialize};

/// One time of a [`KaplanMeier`] curve, and what holds from then on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SurvivalStep {
    /// In the unit of the outcomes.
    pub time: f64,
    /// Patients followed at least until now.
    pub at_risk: usize,
    /// Events now.
    pub events: usize,
    /// Patients whose follow-up ends now without an event.
    pub censored: usize,
    /// Estimated share of patients without the event after now.
    pub survival: f64,
    /// Greenwood's variance of that share; `None` once it is zero.
    pub variance: Option<f64>,
    /// 95 % interval of the share; `None` once it is zero.
    pub interval: Option<(f64, f64)>,
}

/// The share of patients without the event: a step at the start and at each time at which a follow-up ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KaplanMeier {
    /// In the order of time; the first one is at 0.
    pub steps: Vec<SurvivalStep>,
}

impl KaplanMeier {
    /// The curve of all patients.
    ///
    /// # Source
    /// Kaplan and Meier 1958, doi:10.1080/01621459.1958.10501452. Variance: `S^2 sum d / (n (n - d))` (Greenwood 1926).
    /// Interval: normal on the scale of `ln(-ln S)`, `S^exp(+-z sd / (S ln S))` (Kalbfleisch and Prentice 2002, equation
    /// 1.13 and after), which stays within 0 and 1.
    pub fn of(outcomes: &Outcomes) -> Self {
        let (mut survival, mut sum) = (1.0, 0.0);
        let mut steps = Vec::new();
        for moment in outcomes.moments() {
            if steps.is_empty() && moment.time > 0.0 {
                steps.push(step(0.0, [outcomes.len(), 0, 0], 1.0, 0.0));
            }
            let (at_risk, events) = (moment.at_risk as f64, moment.events as f64);
            survival *= 1.0 - events / at_risk;
            sum += events / (at_risk * (at_risk - events));
            let counts = [moment.at_risk, moment.events, moment.leaving.len() - moment.events];
            steps.push(step(moment.time, counts, survival, sum));
        }
        Self { steps }
    }

    /// The share of patients without the event after a time; `None` beyond the end of the longest follow-up, of which
    /// nothing is known, and for what is no time.
    pub fn survival_at(&self, time: f64) -> Option<f64> {
        let last = self.steps.last()?;
        let reached = self.steps.partition_point(|step| step.time <= time);
        (time <= last.time).then(|| Some(self.steps.get(reached.checked_sub(1)?)?.survival)).flatten()
    }

    /// The first time at which at most `share` of the patients are without the event: 0.5 gives the median. `None` when
    /// so few never are.
    pub fn time_of(&self, share: f64) -> Option<f64> {
        self.steps.iter().find(|step| step.survival <= share).map(|step| step.time)
    }
}

/// `sum`: Greenwood's, over the events so far.
fn step(time: f64, [at_risk, events, censored]: [usize; 3], survival: f64, sum: f64) -> SurvivalStep {
    let known = survival > 0.0;
    let interval = known.then(|| {
        let reach = if survival < 1.0 { Z_95 * sum.sqrt() / survival.ln() } else { 0.0 };
        (survival.powf((-reach).exp()), survival.powf(reach.exp()))
    });
    let variance = known.then_some(survival * survival * sum);
    SurvivalStep { time, at_risk, events, censored, survival, variance, interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(times: &[f64], events: &[bool]) -> KaplanMeier {
        KaplanMeier::of(&Outcomes::new(times, events).unwrap())
    }

    #[test]
    fn one_censored_at_the_time_of_an_event_was_at_risk_of_it() {
        let curve = curve(&[2.0, 2.0, 1.0, 3.0], &[true, false, true, false]);
        let shares: Vec<f64> = curve.steps.iter().map(|step| step.survival).collect();
        assert_eq!(shares, [1.0, 0.75, 0.5, 0.5]);
        for (time, share) in [(0.5, 1.0), (1.0, 0.75), (1.5, 0.75), (2.0, 0.5), (3.0, 0.5)] {
            assert_eq!(curve.survival_at(time), Some(share));
        }
        assert_eq!([3.5, -1.0, f64::NAN].map(|time| curve.survival_at(time)), [None; 3]);
        assert_eq!((curve.time_of(0.5), curve.time_of(0.4)), (Some(2.0), None));
    }

    #[test]
    fn where_nobody_is_left_there_is_no_interval() {
        let curve = curve(&[0.0, 1.0], &[true, true]);
        assert_eq!(curve.steps.len(), 2, "an event at the start needs no step before it");
        assert!(curve.steps[0].interval.is_some());
        let last = curve.steps[1];
        assert_eq!((last.survival, last.variance, last.interval), (0.0, None, None));
        let (low, high) = curve.steps[0].interval.unwrap();
        assert!(0.0 < low && low < 0.5 && 0.5 < high && high < 1.0);
    }
}
