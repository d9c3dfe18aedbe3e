//! Probabilities of classes that exclude each other, and the true class of each tile → their assessment.

use super::figures::{ClassFigures, OverallFigures};
use super::groups::{Basis, Groups, SiteRow, expect_count, expect_rows, is_probability};
use super::judged::{Judged, RowName, named, pick, rank};
use super::{BINS, POINTS};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::draws::{drawn_mean, mean, once};
use crate::evaluate::{Bootstrap, Confusion, Curves, Delong, Figure, Ranking, Reliability, brier, cross_entropy};
use crate::tile::arg_max;
use serde::{Deserialize, Serialize};

/// True classes and probabilities of the same tiles.
#[derive(Debug, Clone, Copy)]
pub struct ClassInput<'a> {
    /// The names of the K classes.
    pub names: &'a [String],
    /// The true class of each tile.
    pub truth: &'a [usize],
    /// Probabilities `[K]` of each tile.
    pub scores: &'a [Vec<f32>],
    /// Whether the classes are steps of one scale, so that a near miss is better than a far one.
    pub ordered: bool,
}

/// How well classes are recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassAssessment {
    /// What it rests on.
    pub basis: Basis,
    /// Figures of all classes together.
    pub overall: OverallFigures,
    /// For two classes, the area of the second one with `DeLong`'s interval, which takes tiles for independent.
    pub auroc_delong: Option<Figure>,
    /// Each class.
    pub classes: Vec<ClassRow>,
    /// Tiles by true class (rows) and predicted class (columns).
    pub confusion: Vec<Vec<u64>>,
    /// The largest probability against whether its class is the true one.
    pub reliability: Reliability,
    /// Each site; empty when sites are not known.
    pub sites: Vec<SiteRow>,
}

/// One class against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// Its name.
    pub name: String,
    /// Its tiles.
    pub support: u64,
    /// Its figures.
    #[serde(flatten)]
    pub figures: ClassFigures,
    /// Its curves.
    pub curves: Curves,
}

/// Assesses a model that decides between classes.
///
/// # Errors
/// `Usage` when the parts are not of the same tiles (`EVA-0001`), rows have not K values (`EVA-0002`), a score is no
/// probability (`EVA-0003`) or a truth is no class (`EVA-0004`).
pub fn assess_classes(input: &ClassInput<'_>, groups: &Groups<'_>, bootstrap: Bootstrap) -> Result<ClassAssessment> {
    let judged = JudgedClasses::of(input)?;
    groups.check(input.truth.len())?;
    let every = once(input.truth.len());
    let mut figures = bootstrap.figures(&groups.clusters, |draws| judged.values(draws)).into_iter();
    let overall = OverallFigures::take(&mut figures);
    let confusion = judged.confusion(&every);
    let row = |(at, name): (usize, &String)| ClassRow {
        name: name.clone(),
        support: confusion.support(at),
        figures: ClassFigures::take(&mut figures),
        curves: judged.rankings[at].curves(POINTS),
    };
    let classes = input.names.iter().enumerate().map(row).collect();
    let second = judged.rankings.get(1).filter(|_| judged.rankings.len() == 2);
    Ok(ClassAssessment {
        basis: groups.basis(bootstrap),
        overall,
        auroc_delong: second.and_then(|ranking| Delong::of([ranking])).map(|delong| delong.figure(0)),
        classes,
        confusion: confusion.rows(),
        reliability: judged.reliability(&every),
        sites: groups.by_site(bootstrap, |tiles| {
            let (truth, scores) = (pick(input.truth, tiles), pick(input.scores, tiles));
            JudgedClasses::of(&ClassInput { truth: &truth, scores: &scores, ..*input })
        })?,
    })
}

impl ClassInput<'_> {
    fn check(&self) -> Result<()> {
        expect_count("scores", self.truth.len(), self.scores.len())?;
        expect_rows(self.scores, self.names.len(), is_probability, "probabilities from 0 to 1")?;
        if let Some(class) = self.truth.iter().find(|class| **class >= self.names.len()) {
            let message = format!("expected a truth among {} classes, found class {class}", self.names.len());
            return Err(Error::new(ErrorKind::Usage, "EVA-0004", message));
        }
        Ok(())
    }
}

/// What each tile adds to the figures, worked out once.
pub(super) struct JudgedClasses {
    names: Vec<String>,
    ordered: bool,
    truth: Vec<usize>,
    predicted: Vec<usize>,
    /// The largest probability, and whether its class is the true one.
    confidence: Vec<f64>,
    right: Vec<bool>,
    losses: Vec<f64>,
    briers: Vec<f64>,
    /// The probabilities of each class.
    rankings: Vec<Ranking>,
}

impl JudgedClasses {
    /// # Errors
    /// As [`assess_classes`].
    pub fn of(input: &ClassInput<'_>) -> Result<Self> {
        input.check()?;
        let ClassInput { names, truth, scores, ordered } = *input;
        let predicted: Vec<usize> = scores.iter().map(|row| arg_max(row).unwrap_or_default()).collect();
        let rows = || scores.iter().zip(truth);
        let ranking = |class: usize| rank(scores, class, &truth.iter().map(|&of| of == class).collect::<Vec<_>>());
        Ok(Self {
            names: names.to_vec(),
            ordered,
            truth: truth.to_vec(),
            confidence: scores.iter().zip(&predicted).map(|(row, &class)| f64::from(row[class])).collect(),
            right: truth.iter().zip(&predicted).map(|(truth, predicted)| truth == predicted).collect(),
            losses: rows().map(|(row, &truth)| cross_entropy(f64::from(row[truth]))).collect(),
            briers: rows().map(|(row, &truth)| brier(row, truth)).collect(),
            rankings: (0..names.len()).map(ranking).collect::<Result<_>>()?,
            predicted,
        })
    }

    fn confusion(&self, draws: &[u32]) -> Confusion {
        Confusion::drawn(self.names.len(), &self.truth, &self.predicted, draws)
    }

    fn reliability(&self, draws: &[u32]) -> Reliability {
        Reliability::of(BINS, &self.confidence, &self.right, draws)
    }

    fn areas(&self, of: impl Fn(&Ranking) -> Option<f64>) -> Vec<Option<f64>> {
        self.rankings.iter().map(of).collect()
    }

    fn aurocs(&self, draws: &[u32]) -> Vec<Option<f64>> {
        self.areas(|ranking| ranking.auroc(draws))
    }
}

impl Judged for JudgedClasses {
    fn rows(&self) -> Vec<RowName> {
        let each = self.names.iter().flat_map(|name| named(ClassFigures::<()>::NAMES, Some(name)));
        named(OverallFigures::<()>::NAMES, None).chain(each).collect()
    }

    fn values(&self, draws: &[u32]) -> Vec<Option<f64>> {
        let table = self.confusion(draws);
        let (aurocs, auprcs) = (self.aurocs(draws), self.areas(|ranking| ranking.average_precision(draws)));
        let overall = OverallFigures {
            accuracy: table.accuracy(),
            balanced_accuracy: table.balanced_accuracy(),
            macro_f1: table.macro_f1(),
            kappa: table.kappa(),
            quadratic_kappa: table.quadratic_kappa().filter(|_| self.ordered),
            mcc: table.mcc(),
            macro_auroc: mean(aurocs.iter().copied().flatten()),
            macro_auprc: mean(auprcs.iter().copied().flatten()),
            log_loss: drawn_mean(&self.losses, draws),
            brier: drawn_mean(&self.briers, draws),
            ece: self.reliability(draws).ece(),
        };
        let each = (0..self.names.len()).flat_map(|class| {
            let figures = ClassFigures {
                recall: table.recall(class),
                precision: table.precision(class),
                f1: table.f1(class),
                auroc: aurocs[class],
                auprc: auprcs[class],
            };
            figures.into_values()
        });
        overall.into_values().into_iter().chain(each).collect()
    }

    fn site_rows(&self) -> Vec<RowName> {
        named(&["accuracy", "balanced_accuracy", "macro_auroc"], None).collect()
    }

    fn site_values(&self, draws: &[u32]) -> Vec<Option<f64>> {
        let table = self.confusion(draws);
        vec![table.accuracy(), table.balanced_accuracy(), mean(self.aurocs(draws).into_iter().flatten())]
    }

    fn ranking(&self, column: &str) -> Option<&Ranking> {
        self.rankings.get(self.names.iter().position(|name| name == column)?)
    }
}
