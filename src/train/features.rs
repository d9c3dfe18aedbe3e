//! What a frozen network says of all tiles, computed once.
//!
//! Each feature has mean 0 and deviation 1 over the training tiles, so that one rate suits all of them; the last layer
//! takes that back before the model is written. Invariant: depends on seed, tiles and network alone.

use crate::dataset::Split;
use crate::error::{Error, ErrorKind, Result};
use crate::nn::Network;
use crate::train::event::TrainEvent;
use crate::train::scale::Scale;
use crate::train::step::{Stage, View};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tiles between two progress reports.
const AT_ONCE: usize = 256;

/// Features of tiles.
pub(super) struct Features {
    /// Rows of `D`, one for each view of each tile.
    rows: HashMap<(usize, usize), Vec<f32>>,
    /// Views of a training tile; other tiles have the first only.
    views: usize,
    columns: usize,
    scale: Scale,
}

impl Features {
    /// Runs the network over variants of the training tiles and over the validation tiles as they are.
    ///
    /// # Errors
    /// Those of running the network.
    /// [`ErrorKind::Interrupted`] (`TRN-0001`); [`ErrorKind::Limits`] (`TRN-0201`) when they do not fit into the memory
    /// allowed.
    pub fn gather(
        stage: &Stage<'_>,
        network: &Network,
        split: &Split,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(TrainEvent),
    ) -> Result<Self> {
        let (train, views) = (&split.train, stage.config.views);
        let total = train.len() * views + split.validation.len();
        let needed = (total as u64).saturating_mul(network.spec().features() as u64 * 4);
        let allowed = stage.config.memory_bytes;
        if needed > allowed {
            let message = format!("expected features of at most {allowed} bytes, found {total} rows of {needed} bytes");
            return Err(Error::new(ErrorKind::Limits, "TRN-0201", message)
                .with_advice("allow more (`memory_bytes`), use fewer `views`, or choose `layers = \"last\"`"));
        }
        let (mut rows, mut done) = (HashMap::new(), 0);
        for view in 0..views {
            let tiles: Vec<usize> = if view == 0 { [&train[..], &split.validation].concat() } else { train.clone() };
            for tiles in tiles.chunks(AT_ONCE) {
                if cancel.load(Ordering::Relaxed) {
                    return Err(Error::new(ErrorKind::Interrupted, "TRN-0001", "stopped while features were computed")
                        .with_advice("nothing was changed: run the same again"));
                }
                let found =
                    stage.run(network, tiles, View::Variant(view), &|network, tiles| network.features(tiles))?;
                rows.extend(tiles.iter().map(|&tile| (tile, view)).zip(found));
                done += tiles.len();
                on_event(TrainEvent::Features { done, total });
            }
        }
        let plain: Vec<&[f32]> = train.iter().filter_map(|&tile| rows.get(&(tile, 0))).map(Vec::as_slice).collect();
        let scale = Scale::of(&plain).for_features();
        for row in rows.values_mut() {
            *row = scale.standard(row).collect();
        }
        Ok(Self { columns: network.spec().features(), rows, views, scale })
    }

    /// The features of one view of a tile; views repeat.
    pub fn row(&self, tile: usize, view: usize) -> &[f32] {
        self.rows.get(&(tile, view % self.views)).map_or(&[], Vec::as_slice)
    }

    /// `D`.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How they were made equally large.
    pub fn scale(&self) -> &Scale {
        &self.scale
    }
}
