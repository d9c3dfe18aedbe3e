//! Truth, predictions and where the tiles come from → everything there is to report of a model, as one plain value.
//!
//! Invariant: what the tiles do not define is absent, never 0. Means over classes are over those that a sample holds: with
//! few clusters a rare class is missing from some samples, and when from more than a tenth, its own figures have no interval.

mod classes;
mod comparison;
mod estimates;
mod figures;
mod findings;
mod groups;
mod judged;

pub use classes::{ClassAssessment, ClassInput, ClassRow, assess_classes};
pub use comparison::{Comparison, Difference, compare_classes, compare_estimates, compare_findings};
pub use estimates::{EstimateAssessment, EstimateInput, EstimateRow, assess_estimates};
pub use figures::{ClassFigures, EstimateFigures, FindingFigures, OverallFigures};
pub use findings::{FindingAssessment, FindingInput, FindingRow, assess_findings};
pub use groups::{Basis, Groups, NamedFigure, SiteRow, Unit};

use serde::{Deserialize, Serialize};

/// Bins of the calibration error, as Guo et al. 2017 have them.
const BINS: usize = 15;
/// Points of a curve; more are not seen in a figure.
const POINTS: usize = 200;

/// The assessment of a model, by what its numbers mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "meaning", rename_all = "snake_case")]
pub enum Assessment {
    /// It decides between classes.
    Classes(Box<ClassAssessment>),
    /// It looks for findings.
    Findings(FindingAssessment),
    /// It estimates quantities.
    Estimates(EstimateAssessment),
}
