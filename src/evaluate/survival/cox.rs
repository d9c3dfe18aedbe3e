//! Outcomes and covariates → hazards that are proportional: by how much each covariate multiplies the hazard.
//!
//! Covariates are brought to mean 0 and deviation 1 before they are fitted, so that units do not matter, and
//! coefficients are told in the units that were given.

use super::chi_squared::ChiSquared;
use super::cholesky::Cholesky;
use super::concordance::concordance;
use super::outcomes::Outcomes;
use super::partial_likelihood::{Point, linear};
use super::refused;
use crate::error::{Error, Result};
use crate::evaluate::delong::Z_95;
use serde::{Deserialize, Serialize};

/// Steps beyond which coefficients are taken to grow without end; five are usual.
const MOST_STEPS: usize = 50;
/// The coefficients have converged when no step is larger, in deviations of their covariates.
const SMALL_STEP: f64 = 1e-10;
/// How far a log likelihood may fall by rounding alone, relative to itself.
const ROUNDING: f64 = 1e-12;
/// Coefficients grow without end when less than this share is left of what was known of one at the start.
const LEAST_INFORMATION: f64 = 1e-9;
/// A step that must be made smaller than this share of itself leads nowhere.
const LEAST_SHARE: f64 = 1e-6;

/// What to make of events at one and the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// They came one after the other in an order that is not known: nearer to the truth where there are many.
    Efron,
    /// Each has the others at risk with it.
    Breslow,
}

/// The baseline hazard up to one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BaselineStep {
    /// In the unit of the outcomes.
    pub time: f64,
    /// Sum of the hazard until then of a patient whose covariates are the means.
    pub cumulative_hazard: f64,
}

/// What one covariate does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Logarithm of the factor on the hazard for each unit more of the covariate.
    pub coefficient: f64,
    /// Standard error of the coefficient.
    pub standard_error: f64,
    /// The coefficient in standard errors.
    pub z: f64,
    /// The chance of so large a coefficient, either way, if there is no effect (Wald).
    pub p: f64,
    /// The factor on the hazard with its 95 % interval: lower end, factor, upper end.
    pub hazard_ratio: [f64; 3],
}

/// A fitted model of proportional hazards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cox {
    /// One per covariate, `[P]`.
    pub coefficients: Vec<f64>,
    /// Their covariance, `[P, P]`, from the observed information.
    pub variance: Vec<Vec<f64>>,
    /// Means of the covariates, at which the baseline is, `[P]`.
    pub means: Vec<f64>,
    /// Log partial likelihood of the model.
    pub log_likelihood: f64,
    /// Log partial likelihood when no covariate has an effect.
    pub log_likelihood_null: f64,
    /// Breslow's estimate of the baseline hazard, a step at each time at which a follow-up ends.
    pub baseline: Vec<BaselineStep>,
    /// Harrell's [`concordance`] of [`Cox::risk`] with the very patients that were fitted, so too good for others.
    pub concordance: Option<f64>,
}

impl Cox {
    /// Fits the coefficients by Newton and Raphson's steps, which are halved until the likelihood does not fall.
    ///
    /// # Shapes
    /// `covariates`: `[N, P]`, a row for each patient.
    ///
    /// # Errors
    /// Kind [`Usage`](crate::error::ErrorKind::Usage): `SUR-0005` when the covariates are not one row of as many finite
    /// values per patient, `SUR-0006` when one is constant or follows from those before it, `SUR-0007` without an event,
    /// `SUR-0008` when the coefficients do not converge, as when a covariate tells all events apart from the rest
    /// (separation), so that the likelihood grows for ever.
    ///
    /// # Source
    /// Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x; baseline: Breslow 1974, doi:10.2307/2529620.
    pub fn fit(outcomes: &Outcomes, covariates: &[Vec<f64>], ties: Ties) -> Result<Self> {
        let (means, deviations) = check(outcomes, covariates)?;
        let rows: Vec<Vec<f64>> = covariates.iter().map(|row| standard(row, &means, &deviations)).collect();
        let at = |coefficients: &[f64]| Point::at(coefficients, outcomes, &rows, ties);

        let mut coefficients = vec![0.0; means.len()];
        let mut point = at(&coefficients);
        let log_likelihood_null = point.log_likelihood;
        let least: Vec<f64> = point.diagonal().map(|information| information * LEAST_INFORMATION).collect();
        let mut triangle = Cholesky::of(&point.information).map_err(dependent)?;
        for _ in 0..MOST_STEPS {
            let step = triangle.solve(&point.slope);
            if step.iter().all(|step| step.abs() <= SMALL_STEP) {
                let scaled = |a: usize, value: f64| value / deviations[a];
                let row = |(a, row): (usize, Vec<f64>)| {
                    row.into_iter().enumerate().map(|(b, value)| scaled(a, scaled(b, value))).collect()
                };
                let hazards: Vec<f64> = rows.iter().map(|row| linear(&coefficients, row).exp()).collect();
                return Ok(Self {
                    variance: triangle.inverse().into_iter().enumerate().map(row).collect(),
                    log_likelihood: point.log_likelihood,
                    log_likelihood_null,
                    baseline: baseline(outcomes, &hazards),
                    concordance: concordance(outcomes, &hazards),
                    coefficients: coefficients.iter().enumerate().map(|(a, &value)| scaled(a, value)).collect(),
                    means,
                });
            }
            (coefficients, point) = climb(&coefficients, &point, &step, at).ok_or_else(endless)?;
            // With the likelihood flat to the last bit, the steps would come to rest on any number.
            if point.diagonal().zip(&least).any(|(information, &least)| information <= least) {
                return Err(endless());
            }
            triangle = Cholesky::of(&point.information).map_err(|_| endless())?;
        }
        Err(endless())
    }

    /// What each covariate does, `[P]`.
    pub fn effects(&self) -> Vec<Effect> {
        let effect = |(at, &coefficient): (usize, &f64)| {
            let standard_error = self.variance[at][at].sqrt();
            let z = coefficient / standard_error;
            let ratio = |reach: f64| (coefficient + reach * standard_error).exp();
            let p = libm::erfc(z.abs() / std::f64::consts::SQRT_2);
            Effect { coefficient, standard_error, z, p, hazard_ratio: [ratio(-Z_95), ratio(0.0), ratio(Z_95)] }
        };
        self.coefficients.iter().enumerate().map(effect).collect()
    }

    /// Tests whether the covariates together have an effect.
    pub fn likelihood_ratio(&self) -> ChiSquared {
        ChiSquared::new(2.0 * (self.log_likelihood - self.log_likelihood_null), self.coefficients.len())
    }

    /// Logarithm of a patient's hazard over that of one whose covariates are the means; covariates that are missing count
    /// as their means.
    pub fn risk(&self, covariates: &[f64]) -> f64 {
        covariates.iter().zip(&self.means).zip(&self.coefficients).map(|((x, mean), beta)| (x - mean) * beta).sum()
    }
}

/// Means and deviations of the covariates, when all is as it must be.
fn check(outcomes: &Outcomes, covariates: &[Vec<f64>]) -> Result<(Vec<f64>, Vec<f64>)> {
    let patients = outcomes.len();
    let width = covariates.first().map_or(0, Vec::len);
    if covariates.len() != patients || width == 0 || covariates.iter().any(|row| row.len() != width) {
        let text = format!("expected one row of as many covariates for each of {patients} patients, found other");
        return Err(refused("SUR-0005", text));
    }
    if let Some(value) = covariates.iter().flatten().find(|value| !value.is_finite()) {
        return Err(refused("SUR-0005", format!("expected covariates that are finite, found {value}")));
    }
    if outcomes.events() == 0 {
        return Err(refused("SUR-0007", "expected at least one event, found none".into()));
    }
    let column = |at: usize| covariates.iter().map(move |row| row[at]);
    let first = &covariates[0];
    if let Some(at) = (0..width).find(|&at| column(at).all(|value| value.total_cmp(&first[at]).is_eq())) {
        return Err(refused("SUR-0006", format!("expected covariates that vary, found covariate {at} constant")));
    }
    let mean_of = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / patients as f64;
    let means: Vec<f64> = (0..width).map(|at| mean_of(&mut column(at))).collect();
    let deviation = |at: usize| mean_of(&mut column(at).map(|value| (value - means[at]).powi(2))).sqrt();
    let deviations: Vec<f64> = (0..width).map(deviation).collect();
    match (0..width).find(|&at| !deviations[at].is_normal()) {
        Some(at) => Err(dependent(at)),
        None => Ok((means, deviations)),
    }
}

fn standard(row: &[f64], means: &[f64], deviations: &[f64]) -> Vec<f64> {
    row.iter().zip(means).zip(deviations).map(|((value, mean), deviation)| (value - mean) / deviation).collect()
}

/// The step, or as much of it as does not lower the likelihood.
fn climb(from: &[f64], point: &Point, step: &[f64], at: impl Fn(&[f64]) -> Point) -> Option<(Vec<f64>, Point)> {
    let least = point.log_likelihood - ROUNDING * (1.0 + point.log_likelihood.abs());
    let mut share = 1.0;
    while share > LEAST_SHARE {
        let to: Vec<f64> = from.iter().zip(step).map(|(from, step)| from + share * step).collect();
        let next = at(&to);
        if next.log_likelihood.is_finite() && next.log_likelihood >= least {
            return Some((to, next));
        }
        share /= 2.0;
    }
    None
}

/// Sums over the events so far of one over the hazards at risk.
fn baseline(outcomes: &Outcomes, hazards: &[f64]) -> Vec<BaselineStep> {
    let mut at_risk = 0.0;
    let mut steps: Vec<BaselineStep> = outcomes
        .moments_back()
        .map(|moment| {
            at_risk += moment.leaving.iter().map(|&patient| hazards[patient as usize]).sum::<f64>();
            BaselineStep { time: moment.time, cumulative_hazard: moment.events as f64 / at_risk }
        })
        .collect();
    steps.reverse();
    let mut sum = 0.0;
    for step in &mut steps {
        sum += step.cumulative_hazard;
        step.cumulative_hazard = sum;
    }
    steps
}

fn dependent(covariate: usize) -> Error {
    let text = format!("expected covariates that the events tell apart, found that covariate {covariate} is not");
    refused("SUR-0006", text)
        .with_advice("it follows from those before it, or is constant while events come: leave it out")
}

fn endless() -> Error {
    refused("SUR-0008", "expected coefficients that converge, found one that grows without end".into()).with_advice(
        "a covariate tells all events apart from the rest: leave it out, or compare groups with a log-rank test",
    )
}
