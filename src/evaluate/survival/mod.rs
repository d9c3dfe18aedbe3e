//! Times until an event, some of them only known to be longer → curves, tests between groups, and hazards that depend on
//! covariates.
//!
//! One observation is one patient: those of one patient depend on each other, which nothing here accounts for. Invariant:
//! every number that comes out is finite; what the observations do not define is an error that says why, or `None`.
//!
//! Someone who is censored at the time of an event was still at risk of it.

mod association;
mod chi_squared;
mod cholesky;
mod concordance;
mod cox;
mod kaplan_meier;
mod logrank;
mod outcomes;
mod partial_likelihood;

pub use association::{Association, MedianSplit};
pub use chi_squared::ChiSquared;
pub use concordance::concordance;
pub use cox::{BaselineStep, Cox, Effect, Ties};
pub use kaplan_meier::{KaplanMeier, SurvivalStep};
pub use logrank::{GroupEvents, Logrank, Weighting, logrank};
pub use outcomes::Outcomes;

use crate::error::{Error, ErrorKind};

fn refused(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Usage, code, message)
}
