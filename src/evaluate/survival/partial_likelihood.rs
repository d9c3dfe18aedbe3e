//! Coefficients → Cox's log partial likelihood, its slope and its curvature.

use super::cox::Ties;
use super::outcomes::Outcomes;

/// The log partial likelihood at one choice of coefficients.
pub(super) struct Point {
    pub log_likelihood: f64,
    /// `[P]`.
    pub slope: Vec<f64>,
    /// Minus the second derivatives, `[P, P]`.
    pub information: Vec<Vec<f64>>,
}

/// Sums over patients of `exp(risk)`, times their covariates, times products of two covariates.
struct Sums {
    zeroth: f64,
    first: Vec<f64>,
    /// The lower triangle only.
    second: Vec<Vec<f64>>,
}

impl Sums {
    fn new(covariates: usize) -> Self {
        Self { zeroth: 0.0, first: vec![0.0; covariates], second: vec![vec![0.0; covariates]; covariates] }
    }

    fn add(&mut self, hazard: f64, row: &[f64]) {
        self.zeroth += hazard;
        for (a, &value) in row.iter().enumerate() {
            self.first[a] += hazard * value;
            for (b, &other) in row[..=a].iter().enumerate() {
                self.second[a][b] += hazard * value * other;
            }
        }
    }
}

impl Point {
    /// `rows`: covariates of each patient, `[N, P]`.
    ///
    /// # Source
    /// Breslow 1974, doi:10.2307/2529620, and Efron 1977, doi:10.1080/01621459.1977.10480613: of d events at one time the
    /// one that comes k-th, from 0, is at risk with all, less the share k / d of the d themselves; Breslow leaves k out.
    pub fn at(coefficients: &[f64], outcomes: &Outcomes, rows: &[Vec<f64>], ties: Ties) -> Self {
        let covariates = coefficients.len();
        let mut point = Self {
            log_likelihood: 0.0,
            slope: vec![0.0; covariates],
            information: vec![vec![0.0; covariates]; covariates],
        };
        let mut at_risk = Sums::new(covariates);
        for moment in outcomes.moments_back() {
            let mut tied = Sums::new(covariates);
            for &patient in moment.leaving {
                let row = &rows[patient as usize];
                let risk = linear(coefficients, row);
                at_risk.add(risk.exp(), row);
                if outcomes.has_event(patient) {
                    tied.add(risk.exp(), row);
                    point.log_likelihood += risk;
                    point.slope.iter_mut().zip(row).for_each(|(slope, value)| *slope += value);
                }
            }
            for k in 0..moment.events {
                let share = match ties {
                    Ties::Efron => k as f64 / moment.events as f64,
                    Ties::Breslow => 0.0,
                };
                point.take(&at_risk, &tied, share);
            }
        }
        for a in 0..covariates {
            for b in 0..a {
                point.information[b][a] = point.information[a][b];
            }
        }
        point
    }

    /// What is known of each coefficient by itself.
    pub fn diagonal(&self) -> impl Iterator<Item = f64> {
        self.information.iter().enumerate().map(|(at, row)| row[at])
    }

    /// Takes one event, of those at risk less a share of those who have it at the same time.
    fn take(&mut self, at_risk: &Sums, tied: &Sums, share: f64) {
        let whole = at_risk.zeroth - share * tied.zeroth;
        let mean = |a: usize| (at_risk.first[a] - share * tied.first[a]) / whole;
        self.log_likelihood -= whole.ln();
        for a in 0..self.slope.len() {
            self.slope[a] -= mean(a);
            for b in 0..=a {
                let product = (at_risk.second[a][b] - share * tied.second[a][b]) / whole;
                self.information[a][b] += product - mean(a) * mean(b);
            }
        }
    }
}

/// The sum of covariates times coefficients.
pub(super) fn linear(coefficients: &[f64], row: &[f64]) -> f64 {
    coefficients.iter().zip(row).map(|(coefficient, value)| coefficient * value).sum()
}
