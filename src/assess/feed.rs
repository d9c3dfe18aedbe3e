//! A set of labelled tiles → batches for the device, and scores back in the set's order.

use crate::dataset::TileSet;
use crate::device::OpenDevice;
use crate::error::{Error, ErrorKind, Result};
use crate::infer::{BatchFeed, Predictor, PredictorConfig, Scored};
use crate::nn::Bundle;
use crate::tile::Batch;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Scores some tiles of a set with a model.
///
/// `on_progress` gets how many are done.
///
/// # Errors
/// Those of running the model ([`Predictor::run`]) and of reading tiles back; [`ErrorKind::Usage`] (`EVA-0006`) when the
/// tiles have another side than the model sees; [`ErrorKind::Interrupted`] (`EVA-0007`).
pub fn predict(
    bundle: &Bundle,
    device: &OpenDevice,
    set: &TileSet,
    tiles: &[usize],
    cancel: &AtomicBool,
    on_progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Vec<f32>>> {
    let input_px = bundle.preprocess().input_px;
    if set.side_px != input_px {
        let message = format!("expected tiles of {input_px} px as the model sees them, found {} px", set.side_px);
        return Err(Error::new(ErrorKind::Usage, "EVA-0006", message));
    }
    let predictor = Predictor::new(bundle, device, PredictorConfig::for_device(device, None))?;
    predictor.warm_up(bundle)?;
    predict_with(&predictor, set, tiles, cancel, on_progress)
}

/// Scores some tiles of a set with a model that is loaded; they have the side that it sees.
///
/// # Errors
/// Those of [`predict`].
pub fn predict_with(
    predictor: &Predictor,
    set: &TileSet,
    tiles: &[usize],
    cancel: &AtomicBool,
    on_progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Vec<f32>>> {
    let feed = Feed { set, tiles, batch: predictor.config().batch, cancel, state: Mutex::default() };
    let scores = Mutex::new(vec![Vec::new(); tiles.len()]);
    let done = std::sync::atomic::AtomicUsize::new(0);
    let outcome = predictor.run(&feed, &|scored: Scored| {
        let count = scored.tiles.len();
        let mut scores = scores.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, row) in scored.tiles.into_iter().zip(scored.scores) {
            scores[at as usize] = row;
        }
        on_progress(done.fetch_add(count, Ordering::Relaxed) + count);
    });
    let state = feed.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failed.map_or(outcome, Err)?;
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "EVA-0007", "stopped while tiles were scored"));
    }
    Ok(scores.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Batches of a set, cut when they are asked for.
struct Feed<'a> {
    set: &'a TileSet,
    tiles: &'a [usize],
    batch: usize,
    cancel: &'a AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: usize,
    failed: Option<Error>,
}

impl BatchFeed for Feed<'_> {
    fn next_batch(&self) -> Option<Batch> {
        let places = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let end = (state.next + self.batch).min(self.tiles.len());
            let places = state.next..end;
            if places.is_empty() || state.failed.is_some() || self.cancel.load(Ordering::Relaxed) {
                return None;
            }
            state.next = end;
            places
        };
        let pixels: Result<Vec<Vec<u8>>> =
            self.tiles[places.clone()].iter().map(|&tile| self.set.pixels(tile)).collect();
        match pixels {
            Ok(pixels) => Some(Batch {
                tiles: places.filter_map(|place| u32::try_from(place).ok()).collect(),
                side_px: self.set.side_px,
                pixels: pixels.concat(),
            }),
            Err(error) => {
                self.state.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(error);
                None
            }
        }
    }

    fn recycle(&self, _: Batch) {}
}
