//! Two models on the same tiles → how far their figures differ, and how sure that is.
//!
//! Invariant: both models see the same samples, so what makes a sample easy or hard for both cancels out.

use super::classes::{ClassInput, JudgedClasses};
use super::estimates::{EstimateInput, JudgedEstimates};
use super::findings::{FindingInput, JudgedFindings};
use super::groups::{Basis, Groups};
use super::judged::{Judged, RowName};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{Bootstrap, Delong, DelongTest, Figure, once};
use serde::{Deserialize, Serialize};

/// All figures of two models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What it rests on.
    pub basis: Basis,
    /// One for each figure.
    pub differences: Vec<Difference>,
}

/// One figure of two models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name, such as `balanced_accuracy`.
    pub name: String,
    /// The class, finding or output that it is of; `None` when it is of all.
    pub column: Option<String>,
    /// The first model's figure.
    pub first: Option<f64>,
    /// The second model's.
    pub second: Option<f64>,
    /// Second less first, with the interval of the paired bootstrap over clusters.
    pub difference: Figure,
    /// For areas, `DeLong`'s paired test, which takes tiles for independent.
    pub delong: Option<DelongTest>,
}

/// Compares two models that decide between the same classes.
///
/// # Errors
/// Those of [`assess_classes`](super::assess_classes), and `Usage` (`EVA-0005`) when names or truths differ.
pub fn compare_classes(models: [&ClassInput<'_>; 2], groups: &Groups<'_>, bootstrap: Bootstrap) -> Result<Comparison> {
    let [a, b] = models;
    expect_same(a.names == b.names && a.truth == b.truth && a.ordered == b.ordered)?;
    groups.check(a.truth.len())?;
    Ok(compare([&JudgedClasses::of(a)?, &JudgedClasses::of(b)?], groups, bootstrap))
}

/// Compares two models that look for the same findings.
///
/// # Errors
/// Those of [`assess_findings`](super::assess_findings), and `Usage` (`EVA-0005`) when names or truths differ.
pub fn compare_findings(
    models: [&FindingInput<'_>; 2],
    groups: &Groups<'_>,
    bootstrap: Bootstrap,
) -> Result<Comparison> {
    let [a, b] = models;
    expect_same(a.names == b.names && a.truth == b.truth)?;
    groups.check(a.truth.len())?;
    Ok(compare([&JudgedFindings::of(a)?, &JudgedFindings::of(b)?], groups, bootstrap))
}

/// Compares two models that estimate the same quantities.
///
/// # Errors
/// Those of [`assess_estimates`](super::assess_estimates), and `Usage` (`EVA-0005`) when names or truths differ.
pub fn compare_estimates(
    models: [&EstimateInput<'_>; 2],
    groups: &Groups<'_>,
    bootstrap: Bootstrap,
) -> Result<Comparison> {
    let [a, b] = models;
    expect_same(a.names == b.names && a.truth == b.truth)?;
    groups.check(a.truth.len())?;
    Ok(compare([&JudgedEstimates::of(a)?, &JudgedEstimates::of(b)?], groups, bootstrap))
}

fn expect_same(same: bool) -> Result<()> {
    if same {
        return Ok(());
    }
    let message = "expected two models with the same names and truths, found different ones";
    Err(Error::new(ErrorKind::Usage, "EVA-0005", message))
}

fn compare<J: Judged>(models: [&J; 2], groups: &Groups<'_>, bootstrap: Bootstrap) -> Comparison {
    let differences = |draws: &[u32]| {
        let [first, second] = models.map(|model| model.values(draws));
        first.iter().zip(second).map(|(first, second)| Some(second? - (*first)?)).collect()
    };
    let found = bootstrap.figures(&groups.clusters, differences);
    let values = models.map(|model| model.values(&once(groups.clusters.tiles())));
    let row = |(at, ((name, column), difference)): (usize, (RowName, Figure))| Difference {
        delong: column.as_deref().filter(|_| name == "auroc").and_then(|column| delong(models, column)),
        name: name.to_owned(),
        column,
        first: values[0][at],
        second: values[1][at],
        difference,
    };
    let rows = models[0].rows().into_iter().zip(found).enumerate();
    Comparison { basis: groups.basis(bootstrap), differences: rows.map(row).collect() }
}

fn delong<J: Judged>([first, second]: [&J; 2], column: &str) -> Option<DelongTest> {
    Delong::of([first.ranking(column)?, second.ranking(column)?])?.test()
}
