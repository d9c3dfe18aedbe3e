//! How long each patient was followed and whether the event came, checked and sorted once.

use super::refused;
use crate::error::Result;
use crate::evaluate::order::Order;

/// Follow-up of at least one patient.
#[derive(Debug, Clone)]
pub struct Outcomes {
    times: Vec<f64>,
    events: Vec<bool>,
    order: Order,
}

/// Everyone whose follow-up ends at one time.
pub(super) struct Moment<'a> {
    pub time: f64,
    /// Those whose follow-up ends now, by event or not.
    pub leaving: &'a [u32],
    /// Those who were followed at least until now.
    pub at_risk: usize,
    /// Events now.
    pub events: usize,
}

impl Outcomes {
    /// Takes a time from the start, in any unit, and whether it ended with the event; without one the patient is
    /// censored.
    ///
    /// # Errors
    /// Kind [`Usage`](crate::error::ErrorKind::Usage): `SUR-0001` when there is no patient or not one event mark for each
    /// time, `SUR-0002` when a time is negative or not finite.
    pub fn new(times: &[f64], events: &[bool]) -> Result<Self> {
        if times.is_empty() || times.len() != events.len() {
            let text = format!("expected one event mark per time, found {} for {} times", events.len(), times.len());
            return Err(refused("SUR-0001", text));
        }
        let bad =
            |time: f64| refused("SUR-0002", format!("expected times that are finite and not negative, found {time}"));
        if let Some(&time) = times.iter().find(|time| !time.is_finite() || **time < 0.0) {
            return Err(bad(time));
        }
        let order = Order::of(times).ok_or_else(|| bad(f64::NAN))?;
        Ok(Self { times: times.to_vec(), events: events.to_vec(), order })
    }

    /// The number of patients.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Never true; there is at least one patient.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// How many patients had the event.
    pub fn events(&self) -> usize {
        self.events.iter().filter(|&&event| event).count()
    }

    /// The outcomes of some of the patients, by their place; `None` when there is no such patient.
    pub(super) fn only(&self, is_in: impl Fn(usize) -> bool) -> Option<Self> {
        let rows = self.times.iter().zip(&self.events).enumerate().filter(|(patient, _)| is_in(*patient));
        let (times, events): (Vec<f64>, Vec<bool>) = rows.map(|(_, (&time, &event))| (time, event)).unzip();
        Self::new(&times, &events).ok()
    }

    /// Whether a patient had the event.
    pub(super) fn has_event(&self, patient: u32) -> bool {
        self.events[patient as usize]
    }

    /// Each distinct time, the earliest first.
    pub(super) fn moments(&self) -> impl Iterator<Item = Moment<'_>> {
        let mut at_risk = self.len();
        self.order.rising().map(move |leaving| {
            let moment = self.moment(leaving, at_risk);
            at_risk -= leaving.len();
            moment
        })
    }

    /// Each distinct time, the latest first.
    pub(super) fn moments_back(&self) -> impl Iterator<Item = Moment<'_>> {
        let mut at_risk = 0;
        self.order.rising().rev().map(move |leaving| {
            at_risk += leaving.len();
            self.moment(leaving, at_risk)
        })
    }

    fn moment<'a>(&self, leaving: &'a [u32], at_risk: usize) -> Moment<'a> {
        let events = leaving.iter().filter(|&&patient| self.has_event(patient)).count();
        Moment { time: self.times[leaving[0] as usize], leaving, at_risk, events }
    }
}
