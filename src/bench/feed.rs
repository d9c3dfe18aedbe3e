//! Tiles in memory → batches, as a loader would hand them out, without anything to read.

use crate::infer::BatchFeed;
use crate::tile::Batch;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Buffers for one that computes, one that is read back and one that is handed over.
const SPARE: usize = 3;

/// Batches that were laid out before the clock started.
pub(super) struct MemoryFeed(Mutex<State>);

struct State {
    ready: Vec<Batch>,
    /// Batches still to be handed out.
    left: usize,
    /// Whether those that come back are handed out again.
    again: bool,
}

impl MemoryFeed {
    /// So many whole batches, of as few buffers as `lanes` need; tiles are taken from the first on, again and again.
    pub(super) fn new(tiles: &[u8], tile_bytes: usize, batch: usize, batches: usize, lanes: usize) -> Self {
        let count = tiles.len() / tile_bytes.max(1);
        let buffers = batches.min(lanes + SPARE).max(1);
        let laid_out = |buffer: usize| {
            let indices = (buffer * batch..(buffer + 1) * batch).map(|tile| tile % count.max(1));
            lay_out(tiles, tile_bytes, indices)
        };
        let ready = (0..buffers).rev().map(laid_out).collect();
        Self(Mutex::new(State { ready, left: batches, again: true }))
    }

    /// Each tile once, the last batch as short as it is.
    pub(super) fn once(tiles: &[u8], tile_bytes: usize, batch: usize) -> Self {
        let count = tiles.len() / tile_bytes.max(1);
        let starts = (0..count).step_by(batch.max(1)).rev();
        let ready: Vec<Batch> =
            starts.map(|start| lay_out(tiles, tile_bytes, start..count.min(start + batch.max(1)))).collect();
        let left = ready.len();
        Self(Mutex::new(State { ready, left, again: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatchFeed for MemoryFeed {
    fn next_batch(&self) -> Option<Batch> {
        let mut state = self.lock();
        if state.left == 0 {
            return None;
        }
        let batch = state.ready.pop()?;
        state.left -= 1;
        Some(batch)
    }

    fn recycle(&self, batch: Batch) {
        let mut state = self.lock();
        if state.again {
            state.ready.insert(0, batch);
        }
    }
}

fn lay_out(tiles: &[u8], tile_bytes: usize, indices: impl Iterator<Item = usize>) -> Batch {
    let mut batch = Batch::default();
    for index in indices {
        batch.tiles.push(u32::try_from(index).unwrap_or(u32::MAX));
        batch.pixels.extend(&tiles[index * tile_bytes..(index + 1) * tile_bytes]);
    }
    // A tile is a square of RGB pixels.
    batch.side_px = u32::try_from((tile_bytes / 3).isqrt()).unwrap_or(u32::MAX);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(feed: &MemoryFeed) -> Vec<(Vec<u32>, u8)> {
        let mut found = Vec::new();
        while let Some(batch) = feed.next_batch() {
            assert_eq!((batch.side_px, batch.pixels.len()), (2, batch.tiles.len() * 12));
            found.push((batch.tiles.clone(), batch.pixels[0]));
            feed.recycle(batch);
        }
        found
    }

    #[test]
    fn whole_batches_go_round_and_single_passes_end_short() {
        let tiles: Vec<u8> = (0..5).flat_map(|tile| [tile; 12]).collect();
        let round = drain(&MemoryFeed::new(&tiles, 12, 2, 4, 1));
        assert_eq!(round, [(vec![0, 1], 0), (vec![2, 3], 2), (vec![4, 0], 4), (vec![1, 2], 1)]);
        // More batches than buffers: they come again.
        assert_eq!(drain(&MemoryFeed::new(&tiles, 12, 2, 9, 1)).len(), 9);
        let once = drain(&MemoryFeed::once(&tiles, 12, 2));
        assert_eq!(once, [(vec![0, 1], 0), (vec![2, 3], 2), (vec![4], 4)]);
    }
}
