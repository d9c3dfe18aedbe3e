//! Decoded chunks that several tiles need, shared by all workers.
//!
//! Invariant: a chunk is decoded once, by the first worker that needs it, and freed with the last tile that needs it;
//! one that could not be decoded stays so. How many are held at a time follows from the schedule, there is no eviction.
//! A worker whose chunk is being decoded by another decodes one that will be needed soon: where a chunk holds many tiles
//! all workers want the same one, and would wait for each other.

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

type Cell = Arc<OnceLock<Decoded>>;

/// The chunks that are held.
pub(super) struct ChunkPool<'a> {
    decode: &'a Decode<'a>,
    /// All chunks in the order in which they are first needed.
    order: Vec<Need>,
    /// How many may be held before any tile asked for them.
    max_ahead: usize,
    state: Mutex<State>,
}

struct State {
    /// For each slot the number of tiles that still need it.
    uses: Vec<u32>,
    held: HashMap<usize, Held>,
    /// How many of those held no tile has asked for yet.
    ahead: usize,
    /// Where in the order to look for the next one.
    next: usize,
    totals: Totals,
}

struct Held {
    cell: Cell,
    ahead: bool,
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
pub(super) struct Taken(Vec<Cell>);

impl Taken {
    /// In the order in which they were asked for.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Decoded> {
        self.0.iter().filter_map(|chunk| chunk.get())
    }
}

impl<'a> ChunkPool<'a> {
    /// An empty pool; `uses` says how many tiles will ask for each slot, `order` which is wanted first.
    pub(super) fn new(decode: &'a Decode<'a>, uses: Vec<u32>, order: Vec<Need>, max_ahead: usize) -> Self {
        let state = State { uses, held: HashMap::new(), ahead: 0, next: 0, totals: Totals::default() };
        Self { decode, order, max_ahead, state: Mutex::new(state) }
    }

    /// What was done until now.
    pub(super) fn totals(&self) -> Totals {
        self.lock().totals
    }

    /// Gives the chunks of a tile, decoding those that are not there.
    pub(super) fn take(&self, needs: &[Need]) -> Taken {
        let mut new = Vec::new();
        let cells: Vec<Cell> = {
            let mut state = self.lock();
            needs.iter().map(|need| state.hold(need, false, || new.push(*need))).collect()
        };
        let wanted = || needs.iter().zip(&cells);
        for (need, cell) in wanted().filter(|(need, _)| new.contains(need)) {
            cell.get_or_init(|| self.decode(need));
        }
        for (need, cell) in wanted() {
            while cell.get().is_none() && self.decode_ahead() {}
            cell.get_or_init(|| self.decode(need));
        }
        Taken(cells)
    }

    /// Decodes the next chunk that no tile asked for yet; false when there is none, or when enough are held.
    fn decode_ahead(&self) -> bool {
        let mut state = self.lock();
        while let Some(need) = self.order.get(state.next)
            && state.ahead < self.max_ahead
        {
            state.next += 1;
            // One that is not held but still needed was never decoded.
            if state.uses[need.slot] > 0 && !state.held.contains_key(&need.slot) {
                let cell = state.hold(need, true, || {});
                drop(state);
                cell.get_or_init(|| self.decode(need));
                return true;
            }
        }
        false
    }

    /// Says that a tile is done with its chunks.
    pub(super) fn release(&self, needs: &[Need], taken: Taken) {
        drop(taken);
        let mut state = self.lock();
        let mut unused = Vec::new();
        for need in needs {
            state.uses[need.slot] -= 1;
            if state.uses[need.slot] == 0 {
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

impl State {
    /// The cell of a chunk, a new one when it is not held; `ahead` says that no tile asks for it.
    fn hold(&mut self, need: &Need, ahead: bool, new: impl FnOnce()) -> Cell {
        let held = match self.held.entry(need.slot) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                new();
                self.ahead += usize::from(ahead);
                entry.insert(Held { cell: Cell::default(), ahead })
            }
        };
        if held.ahead && !ahead {
            held.ahead = false;
            self.ahead -= 1;
        }
        let cell = Arc::clone(&held.cell);
        self.totals.peak = self.totals.peak.max(self.held.len() as u64);
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    /// Chunks decoded, held ahead, and held.
    fn counts(pool: &ChunkPool<'_>) -> (u64, usize, usize) {
        let state = pool.lock();
        (state.totals.decoded, state.ahead, state.held.len())
    }

    #[test]
    fn chunks_are_decoded_once_and_freed_after_the_last_use() {
        let decode = |col: u32, _: u32| Ok((col > 0).then(|| RgbImage8::filled(Size::new(1, 1), [7; 3])));
        let needs: Vec<Need> = (0..2u32).map(|col| Need { col, row: 0, slot: col as usize }).collect();
        let pool = ChunkPool::new(&decode, vec![1, 8], needs.clone(), 0);
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
        assert_eq!(counts(&pool), (2, 0, 0));
        assert!(pool.totals().peak <= 2);
    }

    #[test]
    fn whoever_waits_decodes_ahead_but_not_too_far() {
        let needs: Vec<Need> = (0..9u32).map(|col| Need { col, row: 0, slot: col as usize }).collect();
        let (begun, go_on) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        let decode = |col: u32, _: u32| {
            match col {
                0 => {
                    begun.wait();
                    go_on.wait();
                }
                3 => {
                    go_on.wait();
                }
                _ => {}
            }
            Ok(None)
        };
        let pool = ChunkPool::new(&decode, vec![2, 1, 1, 1, 1, 1, 1, 1, 1], needs.clone(), 3);
        std::thread::scope(|scope| {
            scope.spawn(|| pool.release(&needs[..1], pool.take(&needs[..1])));
            begun.wait();
            // The first chunk is only done when the third one ahead is under way.
            pool.release(&needs[..1], pool.take(&needs[..1]));
        });
        assert_eq!(counts(&pool), (4, 3, 3));
        pool.release(&needs[1..3], pool.take(&needs[1..3]));
        assert_eq!(counts(&pool), (4, 1, 1));
    }
}
