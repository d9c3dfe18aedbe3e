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

use crate::evaluate::Figure;
use serde::{Deserialize, Serialize};

/// Bins of the calibration error, as Guo et al. 2017 have them.
pub const BINS: usize = 15;
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

impl Assessment {
    /// Every figure in a list: those of all tiles, then those of each class, finding or quantity.
    pub fn figures(&self) -> Vec<NamedFigure> {
        let list = |column: Option<&String>, names: &[&str], values: Vec<Figure>| {
            let named = names.iter().zip(values);
            named
                .map(|(name, figure)| NamedFigure { name: (*name).to_owned(), column: column.cloned(), figure })
                .collect::<Vec<_>>()
        };
        match self {
            Self::Classes(found) => {
                let rows = found.classes.iter();
                let rows =
                    rows.map(|row| list(Some(&row.name), ClassFigures::<Figure>::NAMES, row.figures.into_values()));
                let overall = list(None, OverallFigures::<Figure>::NAMES, found.overall.into_values());
                [overall].into_iter().chain(rows).flatten().collect()
            }
            Self::Findings(found) => {
                let rows = found.findings.iter();
                rows.flat_map(|row| list(Some(&row.name), FindingFigures::<Figure>::NAMES, row.figures.into_values()))
                    .collect()
            }
            Self::Estimates(found) => {
                let rows = found.outputs.iter();
                let rows =
                    rows.map(|row| list(Some(&row.name), EstimateFigures::<Figure>::NAMES, row.figures.into_values()));
                [list(None, &["mean_r2"], vec![found.mean_r2])].into_iter().chain(rows).flatten().collect()
            }
        }
    }

    /// What the figures rest on.
    pub fn basis(&self) -> Basis {
        match self {
            Self::Classes(found) => found.basis,
            Self::Findings(found) => found.basis,
            Self::Estimates(found) => found.basis,
        }
    }
}
