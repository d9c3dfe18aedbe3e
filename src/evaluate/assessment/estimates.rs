//! Estimated and true quantities of each tile → their assessment.

use super::figures::EstimateFigures;
use super::groups::{Basis, Groups, SiteRow, expect_count, expect_rows};
use super::judged::{Judged, RowName, named, pick};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::draws::mean;
use crate::evaluate::{Agreement, Bootstrap, Figure};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// No scatter plot shows more points than these.
const SCATTER: usize = 2000;
/// Kept apart from the random numbers of other purposes.
const STREAM: u64 = 0x5ca7;

/// True and estimated quantities of the same tiles.
#[derive(Debug, Clone, Copy)]
pub struct EstimateInput<'a> {
    /// The names of the K quantities.
    pub names: &'a [String],
    /// True values `[K]` of each tile.
    pub truth: &'a [Vec<f32>],
    /// Estimates `[K]` of each tile.
    pub estimates: &'a [Vec<f32>],
}

/// How well quantities are estimated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimateAssessment {
    /// What it rests on.
    pub basis: Basis,
    /// Mean R2 of the quantities that have one.
    pub mean_r2: Figure,
    /// Each quantity.
    pub outputs: Vec<EstimateRow>,
    /// Each site; empty when sites are not known.
    pub sites: Vec<SiteRow>,
}

/// One quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimateRow {
    /// Its name.
    pub name: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: EstimateFigures,
    /// True and estimated value of at most 2,000 tiles, drawn at random and the same ones for all quantities.
    pub scatter: Vec<[f64; 2]>,
}

/// Assesses a model that estimates quantities.
///
/// # Errors
/// `Usage` when the parts are not of the same tiles (`EVA-0001`), rows have not K values (`EVA-0002`) or a value is not
/// finite (`EVA-0003`).
pub fn assess_estimates(
    input: &EstimateInput<'_>,
    groups: &Groups<'_>,
    bootstrap: Bootstrap,
) -> Result<EstimateAssessment> {
    let judged = JudgedEstimates::of(input)?;
    groups.check(input.truth.len())?;
    let mut figures = bootstrap.figures(&groups.clusters, |draws| judged.values(draws)).into_iter();
    let mean_r2 = figures.next().unwrap_or_default();
    let shown = sample(input.truth.len(), bootstrap.seed);
    let row = |(at, name): (usize, &String)| EstimateRow {
        name: name.clone(),
        figures: EstimateFigures::take(&mut figures),
        scatter: shown.iter().map(|&tile| [input.truth[tile][at], input.estimates[tile][at]].map(f64::from)).collect(),
    };
    Ok(EstimateAssessment {
        basis: groups.basis(bootstrap),
        mean_r2,
        outputs: input.names.iter().enumerate().map(row).collect(),
        sites: groups.by_site(bootstrap, |tiles| {
            let (truth, estimates) = (pick(input.truth, tiles), pick(input.estimates, tiles));
            JudgedEstimates::of(&EstimateInput { truth: &truth, estimates: &estimates, ..*input })
        })?,
    })
}

/// Some of the tiles, in their order.
fn sample(tiles: usize, seed: u64) -> Vec<usize> {
    let mut drawn: Vec<usize> = (0..tiles).collect();
    Random::of(&[STREAM, seed]).shuffle(&mut drawn);
    drawn.truncate(SCATTER);
    drawn.sort_unstable();
    drawn
}

/// All quantities, sorted once.
pub(super) struct JudgedEstimates {
    names: Vec<String>,
    columns: Vec<Agreement>,
}

impl JudgedEstimates {
    /// # Errors
    /// As [`assess_estimates`].
    pub fn of(input: &EstimateInput<'_>) -> Result<Self> {
        let EstimateInput { names, truth, estimates } = *input;
        expect_count("estimates", truth.len(), estimates.len())?;
        for rows in [truth, estimates] {
            expect_rows(rows, names.len(), f32::is_finite, "finite numbers")?;
        }
        let column = |at: usize| {
            let [truth, estimate] = [truth, estimates].map(|rows| {
                let values = rows.iter().map(|row| f64::from(row[at]));
                values.collect::<Vec<_>>()
            });
            Agreement::of(&truth, &estimate).ok_or_else(|| {
                let message = format!("expected finite numbers of {}, found others", names[at]);
                Error::new(ErrorKind::Usage, "EVA-0003", message)
            })
        };
        Ok(Self { names: names.to_vec(), columns: (0..names.len()).map(column).collect::<Result<_>>()? })
    }
}

fn figures(column: &Agreement, draws: &[u32]) -> EstimateFigures<Option<f64>> {
    EstimateFigures {
        r2: column.r2(draws),
        pearson: column.pearson(draws),
        spearman: column.spearman(draws),
        mae: column.mae(draws),
        rmse: column.rmse(draws),
        concordance: column.concordance(draws),
    }
}

impl Judged for JudgedEstimates {
    fn rows(&self) -> Vec<RowName> {
        let each = self.names.iter().flat_map(|name| named(EstimateFigures::<()>::NAMES, Some(name)));
        named(&["mean_r2"], None).chain(each).collect()
    }

    fn values(&self, draws: &[u32]) -> Vec<Option<f64>> {
        let each: Vec<_> = self.columns.iter().map(|column| figures(column, draws)).collect();
        let mean_r2 = mean(each.iter().filter_map(|figures| figures.r2));
        std::iter::once(mean_r2).chain(each.into_iter().flat_map(EstimateFigures::into_values)).collect()
    }

    fn site_rows(&self) -> Vec<RowName> {
        self.names.iter().flat_map(|name| named(&["r2", "pearson", "mae"], Some(name))).collect()
    }

    fn site_values(&self, draws: &[u32]) -> Vec<Option<f64>> {
        self.columns.iter().flat_map(|column| [column.r2(draws), column.pearson(draws), column.mae(draws)]).collect()
    }
}
