//! Decoded chunks that several tiles need, shared by all workers.
//!
//! Invariant: a chunk is decoded once, by the first worker that needs it, and freed with the last tile that needs it;
//! one that could not be decoded stays so. How many are held at a time follows from the schedule, there is no eviction.

use super::schedule::Need;
use crate::error::Result;
use crate::raster::RgbImage8;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Decodes the chunk of a column and row; `None` when the file holds no bytes for it.
pub(super) type Decode<'a> = dyn Fn(u32, u32) -> Result<Option<RgbImage8>> + Sync + 'a;
/// What decoding a chunk gave.
pub(super) type Decoded = Result<Option<RgbImage8>>;

/// The chunks that are held.
pub(super) struct ChunkPool<'a> {
    decode: &'a Decode<'a>,
    state: Mutex<State>,
}

struct State {
    /// For each slot the number of tiles that still need it.
    uses: Vec<u32>,
    held: HashMap<usize, Arc<OnceLock<Decoded>>>,
    totals: Totals,
}

/// What a pool did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Chunks decoded, among them those without bytes and those that failed.
    pub(super) decoded: u64,
    /// Time that took, summed over the workers.
    pub(super) time: Duration,
    /// Most chunks held at once.
    pub(super) peak: u64,
}

/// The chunks of one tile, all decoded.
pub(super) struct Taken(Vec<Arc<OnceLock<Decoded>>>);

impl Taken {
    /// In the order in which they were asked for.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Decoded> {
        self.0.iter().filter_map(|chunk| chunk.get())
    }
}

impl<'a> ChunkPool<'a> {
    /// An empty pool; `uses` says how many tiles will ask for each slot.
    pub(super) fn new(decode: &'a Decode<'a>, uses: Vec<u32>) -> Self {
        Self { decode, state: Mutex::new(State { uses, held: HashMap::new(), totals: Totals::default() }) }
    }

    /// What was done until now.
    pub(super) fn totals(&self) -> Totals {
        self.lock().totals
    }

    /// Gives the chunks of a tile, decoding those that are not there.
    pub(super) fn take(&self, needs: &[Need]) -> Taken {
        let mut first = Vec::new();
        let chunks: Vec<_> = {
            let mut state = self.lock();
            let chunk = |need: &Need| {
                let entry = state.held.entry(need.slot);
                first.push(matches!(entry, Entry::Vacant(_)));
                Arc::clone(entry.or_default())
            };
            let chunks = needs.iter().map(chunk).collect();
            state.totals.peak = state.totals.peak.max(state.held.len() as u64);
            chunks
        };
        // One's own first; by then those that other workers began are mostly there, and nobody waits.
        for wanted in [true, false] {
            for ((need, chunk), _) in needs.iter().zip(&chunks).zip(&first).filter(|(_, first)| **first == wanted) {
                chunk.get_or_init(|| self.decode(need));
            }
        }
        Taken(chunks)
    }

    /// Says that a tile is done with its chunks.
    pub(super) fn release(&self, needs: &[Need], taken: Taken) {
        drop(taken);
        let mut state = self.lock();
        let mut unused = Vec::new();
        for need in needs {
            let left = state.uses[need.slot].saturating_sub(1);
            state.uses[need.slot] = left;
            if left == 0 {
                unused.extend(state.held.remove(&need.slot));
            }
        }
        // The memory goes back to the system after the lock is free.
        drop(state);
        drop(unused);
    }

    fn decode(&self, need: &Need) -> Decoded {
        let start = Instant::now();
        let decoded = (self.decode)(need.col, need.row);
        let time = start.elapsed();
        let totals = &mut self.lock().totals;
        totals.decoded += 1;
        totals.time += time;
        decoded
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A worker that panicked ends the whole load, and leaves nothing half done here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    #[test]
    fn chunks_are_decoded_once_and_freed_after_the_last_use() {
        let decode = |col: u32, _: u32| Ok((col > 0).then(|| RgbImage8::filled(Size::new(1, 1), [7; 3])));
        let pool = ChunkPool::new(&decode, vec![1, 8]);
        let needs: Vec<Need> = (0..2u32).map(|col| Need { col, row: 0, slot: col as usize }).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let taken = pool.take(&needs);
                assert!(matches!(taken.iter().collect::<Vec<_>>()[..], [Ok(None), Ok(Some(_))]));
                pool.release(&needs, taken);
            });
            for _ in 0..7 {
                scope.spawn(|| pool.release(&needs[1..], pool.take(&needs[1..])));
            }
        });
        assert_eq!((pool.totals().decoded, pool.lock().held.len()), (2, 0));
        assert!(pool.totals().peak <= 2);
    }
}
