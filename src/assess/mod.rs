//! What a model says of labelled tiles → how good it is.
//!
//! [`assess`] turns scores into figures with intervals, [`predict`] runs a bundle over tiles as a scoring would,
//! [`evaluate`] is the whole way from a source of tiles. Invariant: the scores of a tile are those that the model would give it
//! on a slide, calibration included.

mod evaluate;
mod feed;
mod folder;
mod page;
mod predictions;
mod record;
mod targets;

pub use evaluate::{EvaluateConfig, EvaluateEvent, Evaluated, evaluate};
pub use feed::{predict, predict_with};
pub use folder::EvaluationFolder;
pub use page::{Material, page};
pub use predictions::{csv, read_csv, worst};
pub use record::{ComparisonRecord, EvaluatedModel, EvaluationRecord, TileFacts, UsedDevice};
pub use targets::ask;

use crate::dataset::{Grouping, Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{
    Assessment, Bootstrap, ClassInput, Comparison, EstimateInput, FindingInput, Groups, Partition, Unit,
    assess_classes, assess_estimates, assess_findings, compare_classes, compare_estimates, compare_findings,
};
use crate::tile::Meaning;
use serde::Serialize;

/// Figures of some tiles.
///
/// # Shapes
/// `scores`: a row `[K]` for each of `tiles`, in the order of the set's targets.
///
/// # Errors
/// [`ErrorKind::Usage`] (`EVA-....`) when rows do not fit.
pub fn assess(
    set: &TileSet,
    tiles: &[usize],
    scores: &[Vec<f32>],
    meaning: &Meaning,
    bootstrap: Bootstrap,
) -> Result<Assessment> {
    let sites = sites(set, tiles);
    let groups = groups(set, tiles, sites.as_deref());
    let names = set.targets.names();
    match truths(set, tiles, meaning) {
        Truths::Classes(truth) => {
            let input = ClassInput { names, truth: &truth, scores, ordered: set.ordered };
            Ok(Assessment::Classes(Box::new(assess_classes(&input, &groups, bootstrap)?)))
        }
        Truths::Findings(truth) => {
            let input = FindingInput { names, truth: &truth, scores };
            Ok(Assessment::Findings(assess_findings(&input, &groups, bootstrap)?))
        }
        Truths::Numbers(truth) => {
            let input = EstimateInput { names, truth: &truth, estimates: scores };
            Ok(Assessment::Estimates(assess_estimates(&input, &groups, bootstrap)?))
        }
    }
}

/// How far the figures of two models differ, second less first, on the same tiles.
///
/// # Shapes
/// As for [`assess`], for both models.
///
/// # Errors
/// Those of [`assess`].
pub fn compare(
    set: &TileSet,
    tiles: &[usize],
    scores: [&[Vec<f32>]; 2],
    meaning: &Meaning,
    bootstrap: Bootstrap,
) -> Result<Comparison> {
    let groups = groups(set, tiles, None);
    let names = set.targets.names();
    match truths(set, tiles, meaning) {
        Truths::Classes(truth) => {
            let [a, b] = scores.map(|scores| ClassInput { names, truth: &truth, scores, ordered: set.ordered });
            compare_classes([&a, &b], &groups, bootstrap)
        }
        Truths::Findings(truth) => {
            let [a, b] = scores.map(|scores| FindingInput { names, truth: &truth, scores });
            compare_findings([&a, &b], &groups, bootstrap)
        }
        Truths::Numbers(truth) => {
            let [a, b] = scores.map(|estimates| EstimateInput { names, truth: &truth, estimates });
            compare_estimates([&a, &b], &groups, bootstrap)
        }
    }
}

/// What is known of some tiles, in the form in which their scores are judged.
enum Truths {
    Classes(Vec<usize>),
    /// Of classes, where a model gives each a probability of its own.
    Findings(Vec<Vec<bool>>),
    Numbers(Vec<Vec<f32>>),
}

fn truths(set: &TileSet, tiles: &[usize], meaning: &Meaning) -> Truths {
    let truths = || tiles.iter().map(|&tile| &set.tiles[tile].truth);
    match &set.targets {
        Targets::Classes(names) => {
            let classes: Vec<usize> = truths().filter_map(Truth::class).collect();
            if *meaning != Meaning::Findings {
                return Truths::Classes(classes);
            }
            let one_of = |class: usize| (0..names.len()).map(|column| column == class).collect();
            Truths::Findings(classes.into_iter().map(one_of).collect())
        }
        Targets::Numbers(_) => Truths::Numbers(truths().map(|truth| truth.numbers().to_vec()).collect()),
    }
}

fn sites(set: &TileSet, tiles: &[usize]) -> Option<Vec<String>> {
    tiles.iter().map(|&tile| set.tiles[tile].site.clone()).collect()
}

fn groups<'a>(set: &TileSet, tiles: &[usize], sites: Option<&'a [String]>) -> Groups<'a> {
    let (grouping, clusters) = set.clusters();
    Groups { unit: unit(grouping), clusters: Partition::by(tiles.iter().map(|&tile| clusters[tile])), sites }
}

/// Figures as JSON.
///
/// # Errors
/// [`ErrorKind::Io`] (`EVA-0010`) for a number that JSON does not have.
pub fn json(figures: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(figures)
        .map_err(|error| Error::new(ErrorKind::Io, "EVA-0010", format!("cannot write the figures: {error}")))
}

fn unit(grouping: Grouping) -> Unit {
    match grouping {
        Grouping::Patient => Unit::Patient,
        Grouping::Slide => Unit::Slide,
        Grouping::Site => Unit::Site,
        Grouping::Block => Unit::Block,
        Grouping::Image => Unit::Tile,
    }
}
