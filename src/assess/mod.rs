//! What a model says of labelled tiles → how good it is.
//!
//! [`assess`] turns scores into figures with intervals, [`predict`] runs a bundle over tiles as a scoring would. Invariant:
//! the scores of a tile are those that the model would give it on a slide, calibration included.

mod feed;
mod predictions;
mod targets;

pub use feed::predict;
pub use predictions::{csv, read_csv, worst};
pub use targets::ask;

use crate::dataset::{Grouping, Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{
    Assessment, Bootstrap, ClassInput, EstimateInput, FindingInput, Groups, Partition, Unit, assess_classes,
    assess_estimates, assess_findings,
};
use crate::tile::Meaning;

/// Figures of some tiles.
///
/// # Shapes
/// `scores`: a row `[K]` for each of `tiles`, in the order of the set's targets.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) (`EVA-....`) when rows do not fit.
pub fn assess(
    set: &TileSet,
    tiles: &[usize],
    scores: &[Vec<f32>],
    meaning: &Meaning,
    bootstrap: Bootstrap,
) -> Result<Assessment> {
    let (grouping, clusters) = set.clusters();
    let sites: Option<Vec<String>> = tiles.iter().map(|&tile| set.tiles[tile].site.clone()).collect();
    let groups = Groups {
        unit: unit(grouping),
        clusters: Partition::by(tiles.iter().map(|&tile| clusters[tile])),
        sites: sites.as_deref(),
    };
    let truths = || tiles.iter().map(|&tile| &set.tiles[tile].truth);
    match &set.targets {
        Targets::Classes(names) => {
            let truth: Vec<usize> = truths().filter_map(Truth::class).collect();
            if *meaning == Meaning::Findings {
                let one_of = |class: usize| (0..names.len()).map(|column| column == class).collect();
                let truth: Vec<Vec<bool>> = truth.into_iter().map(one_of).collect();
                return Ok(Assessment::Findings(assess_findings(
                    &FindingInput { names, truth: &truth, scores },
                    &groups,
                    bootstrap,
                )?));
            }
            let input = ClassInput { names, truth: &truth, scores, ordered: false };
            Ok(Assessment::Classes(Box::new(assess_classes(&input, &groups, bootstrap)?)))
        }
        Targets::Numbers(names) => {
            let truth: Vec<Vec<f32>> = truths().map(|truth| truth.numbers().to_vec()).collect();
            let input = EstimateInput { names, truth: &truth, estimates: scores };
            Ok(Assessment::Estimates(assess_estimates(&input, &groups, bootstrap)?))
        }
    }
}

/// The figures as JSON.
///
/// # Errors
/// [`ErrorKind::Io`](crate::ErrorKind::Io) (`EVA-0010`) for a number that JSON does not have.
pub fn json(assessment: &Assessment) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(assessment)
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
