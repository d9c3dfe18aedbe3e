//! Probabilities of findings, each for itself, and whether a tile has them → their assessment.

use super::figures::FindingFigures;
use super::groups::{Basis, Groups, SiteRow, expect_count, expect_rows, is_probability};
use super::judged::{Judged, RowName, named, pick, rank};
use super::{BINS, POINTS};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::draws::{drawn_mean, once};
use crate::evaluate::{
    Bootstrap, Confusion, Curves, Delong, Figure, Ranking, Reliability, binary_brier, cross_entropy,
};
use crate::tile::POSITIVE_FROM;
use serde::{Deserialize, Serialize};

/// What tiles have, and how probable it was said to be.
#[derive(Debug, Clone, Copy)]
pub struct FindingInput<'a> {
    /// The names of the K findings.
    pub names: &'a [String],
    /// Whether a tile has each finding, `[K]` of each tile.
    pub truth: &'a [Vec<bool>],
    /// Probabilities `[K]` of each tile.
    pub scores: &'a [Vec<f32>],
}

/// How well findings are recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingAssessment {
    /// What it rests on.
    pub basis: Basis,
    /// Each finding.
    pub findings: Vec<FindingRow>,
    /// Each site; empty when sites are not known.
    pub sites: Vec<SiteRow>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Its name.
    pub name: String,
    /// Tiles that have it.
    pub support: u64,
    /// Its figures.
    #[serde(flatten)]
    pub figures: FindingFigures,
    /// Its area with `DeLong`'s interval, which takes tiles for independent.
    pub auroc_delong: Option<Figure>,
    /// Tiles by truth (rows: without, with) and prediction (columns).
    pub confusion: Vec<Vec<u64>>,
    /// Its probability against its presence.
    pub reliability: Reliability,
    /// Its curves.
    pub curves: Curves,
}

/// Assesses a model that looks for findings.
///
/// # Errors
/// `Usage` when the parts are not of the same tiles (`EVA-0001`), rows have not K values (`EVA-0002`) or a score is no
/// probability (`EVA-0003`).
pub fn assess_findings(
    input: &FindingInput<'_>,
    groups: &Groups<'_>,
    bootstrap: Bootstrap,
) -> Result<FindingAssessment> {
    let judged = JudgedFindings::of(input)?;
    groups.check(input.truth.len())?;
    let every = once(input.truth.len());
    let mut figures = bootstrap.figures(&groups.clusters, |draws| judged.values(draws)).into_iter();
    let row = |(name, column): (&String, &Column)| {
        let table = column.confusion(&every);
        FindingRow {
            name: name.clone(),
            support: table.support(1),
            figures: FindingFigures::take(&mut figures),
            auroc_delong: Delong::of([&column.ranking]).map(|delong| delong.figure(0)),
            confusion: table.rows(),
            reliability: column.reliability(&every),
            curves: column.ranking.curves(POINTS),
        }
    };
    Ok(FindingAssessment {
        basis: groups.basis(bootstrap),
        findings: input.names.iter().zip(&judged.columns).map(row).collect(),
        sites: groups.by_site(bootstrap, |tiles| {
            let (truth, scores) = (pick(input.truth, tiles), pick(input.scores, tiles));
            JudgedFindings::of(&FindingInput { truth: &truth, scores: &scores, ..*input })
        })?,
    })
}

impl FindingInput<'_> {
    fn check(&self) -> Result<()> {
        expect_count("scores", self.truth.len(), self.scores.len())?;
        expect_rows(self.scores, self.names.len(), is_probability, "probabilities from 0 to 1")?;
        if let Some(row) = self.truth.iter().find(|row| row.len() != self.names.len()) {
            let message = format!("expected {} truths for each tile, found {}", self.names.len(), row.len());
            return Err(Error::new(ErrorKind::Usage, "EVA-0002", message));
        }
        Ok(())
    }
}

/// All findings, worked out once.
pub(super) struct JudgedFindings {
    names: Vec<String>,
    columns: Vec<Column>,
}

/// What each tile adds to the figures of one finding.
struct Column {
    truth: Vec<usize>,
    predicted: Vec<usize>,
    losses: Vec<f64>,
    briers: Vec<f64>,
    ranking: Ranking,
}

impl JudgedFindings {
    /// # Errors
    /// As [`assess_findings`].
    pub fn of(input: &FindingInput<'_>) -> Result<Self> {
        input.check()?;
        let column = |at: usize| {
            let positive: Vec<bool> = input.truth.iter().map(|row| row[at]).collect();
            let ranking = rank(input.scores, at, &positive)?;
            let pairs = || ranking.scores.iter().copied().zip(positive.iter().copied());
            Ok(Column {
                predicted: input.scores.iter().map(|row| usize::from(row[at] >= POSITIVE_FROM)).collect(),
                losses: pairs().map(|(score, is)| cross_entropy(if is { score } else { 1.0 - score })).collect(),
                briers: pairs().map(|(score, is)| binary_brier(score, is)).collect(),
                truth: positive.iter().map(|&is| usize::from(is)).collect(),
                ranking,
            })
        };
        Ok(Self { names: input.names.to_vec(), columns: (0..input.names.len()).map(column).collect::<Result<_>>()? })
    }
}

impl Column {
    fn confusion(&self, draws: &[u32]) -> Confusion {
        Confusion::drawn(2, &self.truth, &self.predicted, draws)
    }

    fn reliability(&self, draws: &[u32]) -> Reliability {
        Reliability::of(BINS, &self.ranking.scores, &self.ranking.positive, draws)
    }

    fn figures(&self, draws: &[u32]) -> FindingFigures<Option<f64>> {
        let table = self.confusion(draws);
        FindingFigures {
            accuracy: table.accuracy(),
            balanced_accuracy: table.balanced_accuracy(),
            recall: table.recall(1),
            specificity: table.recall(0),
            precision: table.precision(1),
            f1: table.f1(1),
            mcc: table.mcc(),
            auroc: self.ranking.auroc(draws),
            auprc: self.ranking.average_precision(draws),
            log_loss: drawn_mean(&self.losses, draws),
            brier: drawn_mean(&self.briers, draws),
            ece: self.reliability(draws).ece(),
        }
    }
}

impl Judged for JudgedFindings {
    fn rows(&self) -> Vec<RowName> {
        self.names.iter().flat_map(|name| named(FindingFigures::<()>::NAMES, Some(name))).collect()
    }

    fn values(&self, draws: &[u32]) -> Vec<Option<f64>> {
        self.columns.iter().flat_map(|column| column.figures(draws).into_values()).collect()
    }

    fn site_rows(&self) -> Vec<RowName> {
        self.names.iter().flat_map(|name| named(&["accuracy", "balanced_accuracy", "auroc"], Some(name))).collect()
    }

    fn site_values(&self, draws: &[u32]) -> Vec<Option<f64>> {
        let of = |column: &Column| {
            let table = column.confusion(draws);
            [table.accuracy(), table.balanced_accuracy(), column.ranking.auroc(draws)]
        };
        self.columns.iter().flat_map(of).collect()
    }

    fn ranking(&self, column: &str) -> Option<&Ranking> {
        Some(&self.columns.get(self.names.iter().position(|name| name == column)?)?.ranking)
    }
}
