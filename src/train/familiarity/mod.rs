//! A network and its tiles → what training tiles look like to it, and from where on others are unlike them.
//!
//! `ppca.rs` fits the cloud that they form, `threshold.rs` holds tiles against it that changed no weight. Invariant: the
//! cloud is judged with its numbers as they are stored.

mod ppca;
mod threshold;

use crate::dataset::{Side, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Familiarity, FeatureModel, Network};
use crate::train::event::TrainEvent;
use crate::train::step::{Stage, View};
use std::sync::atomic::{AtomicBool, Ordering};
use threshold::Threshold;

/// Heading of what a `CARD.md` says of it.
pub(super) const HEADING: &str = "Tiles unlike the training data";
/// Training tiles that the cloud is fitted on at most: more tell no more about it, and their features take memory.
const MOST_TILES: usize = 8192;
/// Tiles between two progress reports.
const AT_ONCE: usize = 256;

/// What a bundle can say of tiles unlike its training data.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    /// The card's table; file and digest are filled in when it is written.
    pub table: Familiarity,
    /// As it is stored.
    pub model: FeatureModel,
}

/// Fits it; none when there are too few training tiles, or the network says the same of all.
///
/// # Errors
/// Those of running the network; [`ErrorKind::Interrupted`] (`TRN-0001`).
pub(super) fn fit(
    stage: &Stage<'_>,
    network: &Network,
    split: &Split,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<Option<Fitted>> {
    let train = &split.train;
    let fitted: Vec<usize> = train.iter().step_by(train.len().div_ceil(MOST_TILES).max(1)).copied().collect();
    let kept = [&split.validation[..], &split.test].concat();
    let (total, mut done) = (fitted.len() + kept.len(), 0);
    let mut describe = |tiles: &[usize]| {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "TRN-0001", "stopped while training tiles were described")
                .with_advice("run the same again; epochs that are done are kept with --resume"));
        }
        let features =
            stage.run(network, tiles, View::Variant(0), &|network, tiles| network.forward_and_looks(tiles).1)?;
        done += tiles.len();
        on_event(TrainEvent::Features { done, total });
        Ok(features)
    };
    let rows = fitted.chunks(AT_ONCE).map(&mut describe).collect::<Result<Vec<_>>>()?.concat();
    let Some(model) = ppca::fit(&rows) else { return Ok(None) };
    let (_, model) = model.to_safetensors()?;
    let mut distances = Vec::with_capacity(kept.len());
    for tiles in kept.chunks(AT_ONCE) {
        distances.extend(describe(tiles)?.iter().map(|row| model.distance(row)));
    }
    let (_, clusters) = stage.set.clusters();
    let groups: Vec<usize> = kept.iter().map(|&tile| clusters[tile]).collect();
    let Some(found) = Threshold::of(&distances, &groups) else { return Ok(None) };
    Ok(table(&model, fitted.len(), split, found).map(|table| Fitted { table, model }))
}

/// None for a threshold that is no number above 0.
#[expect(clippy::cast_possible_truncation, reason = "distances of tiles are f32")]
fn table(model: &FeatureModel, fitted: usize, split: &Split, found: Threshold) -> Option<Familiarity> {
    let sides = split.sides();
    let count = |(side, tiles): &(Side, &[usize])| format!("{} {}", tiles.len(), side.name());
    let judged: Vec<String> = sides[1..].iter().filter(|(_, tiles)| !tiles.is_empty()).map(count).collect();
    let of = match split.train.len() {
        all if all == fitted => format!("{fitted} training tiles"),
        all => format!("{fitted} of {all} training tiles"),
    };
    let threshold = found.beyond as f32;
    // Four decimals are far below what so many tiles can tell.
    let flagged = found.flagged.map(|share| (share * 1e4).round() / 1e4);
    (threshold.is_finite() && found.median as f32 > 0.0).then(|| Familiarity {
        file: String::new(),
        blake3: String::new(),
        features: model.features(),
        directions: model.directions(),
        fitted_on: of,
        judged_on: format!("{} tiles", judged.join(" and ")),
        tiles: split.validation.len() + split.test.len(),
        level: (found.level * 1e4).round() / 1e4,
        median: found.median as f32,
        threshold,
        flagged,
    })
}
