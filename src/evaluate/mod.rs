//! How good predictions are, as numbers. No files, no networks, no slides: labels and scores in, figures out.
//!
//! Statistics are functions of draws: how often each tile counts. [`once`] takes each tile once and gives the plain figure;
//! [`Bootstrap`] draws whole patients or slides anew and gives its interval.

mod assessment;
mod bootstrap;
mod calibration;
mod confusion;
mod curves;
mod delong;
mod draws;
mod order;
mod ranking;
mod regression;
pub mod survival;
mod temperature;
mod tree;

pub use assessment::{
    Assessment, BINS, Basis, ClassAssessment, ClassFigures, ClassInput, ClassRow, Comparison, Difference,
    EstimateAssessment, EstimateFigures, EstimateInput, EstimateRow, FindingAssessment, FindingFigures, FindingInput,
    FindingRow, Groups, NamedFigure, OverallFigures, SiteRow, Unit, assess_classes, assess_estimates, assess_findings,
    compare_classes, compare_estimates, compare_findings,
};
pub use bootstrap::{Bootstrap, Figure, LEAST_CLUSTERS, LEVEL, Partition};
pub use calibration::{Reliability, ReliabilityBin, binary_brier, brier, cross_entropy};
pub use confusion::Confusion;
pub use curves::{CurvePoint, Curves};
pub use delong::{Delong, DelongTest};
pub use draws::once;
pub use ranking::{Ranking, auroc, macro_auroc, one_against_one_auroc, top_accuracy};
pub use regression::Agreement;
pub use temperature::{sigmoid_temperature, softmax_temperature};
