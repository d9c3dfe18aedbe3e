//! Finished tiles of many workers → batches, in buffers whose number is fixed.
//!
//! Invariant: the tile at position `p` of the schedule goes to batch `p / N`, whoever cuts it and whenever; lost tiles
//! leave their batch shorter. A buffer is filling, waiting for the consumer, with the consumer, or free. Nobody waits
//! for ever: a consumer that gives no buffer back is given fresh ones, one that goes away stops the workers.

use crate::error::{Error, ErrorKind, Result};
use crate::tile::Batch;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What loading gives: pixels, or the reason why there are none.
#[derive(Debug)]
pub enum Loaded {
    /// Tiles, at least one; batches come in any order.
    Batch(Batch),
    /// A tile that needs a chunk which cannot be decoded.
    Lost {
        /// Index in the plan.
        tile: u32,
        /// Why; with the level and the chunk.
        error: Error,
    },
}

/// Batches that a consumer may hold while it asks for the next: one on the device, one on its way there.
const HELD_BATCHES: usize = 2;
/// How soon a worker that waits for a buffer notices that all is over.
const POLL: Duration = Duration::from_millis(10);

/// The number of buffers with which no worker waits for the consumer's two.
pub(super) fn buffer_count(workers: usize, batch: usize) -> usize {
    workers.div_ceil(batch) + HELD_BATCHES + 1
}

/// The consumer's end.
#[derive(Debug)]
pub struct BatchSource {
    ready: Receiver<Loaded>,
    free: Sender<Batch>,
    held: Mutex<usize>,
    stop: Arc<AtomicBool>,
}

impl BatchSource {
    /// The next batch or lost tile; `None` when all are through, and when loading failed.
    ///
    /// The consumer may hold two batches meanwhile; those beyond that count as kept, and cost a fresh buffer each.
    pub fn next(&self) -> Option<Loaded> {
        let kept = lock(&self.held).saturating_sub(HELD_BATCHES);
        (0..kept).for_each(|_| self.recycle(Batch::default()));
        let loaded = self.ready.recv().ok()?;
        if matches!(loaded, Loaded::Batch(_)) {
            *lock(&self.held) += 1;
        }
        Some(loaded)
    }

    /// Gives a buffer back.
    pub fn recycle(&self, batch: Batch) {
        let mut held = lock(&self.held);
        if *held > 0 {
            *held -= 1;
            // Full only when a batch was kept, replaced, and given back after all: then it is dropped.
            let _ = self.free.try_send(batch);
        }
    }
}

impl Drop for BatchSource {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The workers' end.
pub(super) struct Packer<'a> {
    shape: Shape,
    free: Receiver<Batch>,
    back: Sender<Batch>,
    stop: Arc<AtomicBool>,
    cancel: &'a AtomicBool,
    claims: Mutex<Claims>,
}

/// The number of tiles and what they look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) tiles: usize,
    pub(super) batch: usize,
    pub(super) side_px: u32,
    pub(super) tile_bytes: usize,
}

#[derive(Default)]
struct Claims {
    next: usize,
    filling: Arc<Mutex<Filling>>,
}

/// A batch that is being filled.
#[derive(Default)]
struct Filling {
    batch: Batch,
    /// Index in the plan of each place's tile, when it is there.
    tiles: Vec<Option<u32>>,
    missing: usize,
}

/// A position of the schedule that one worker has to fill.
pub(super) struct Place {
    pub(super) position: usize,
    slot: usize,
    filling: Arc<Mutex<Filling>>,
}

/// Connects workers and consumer by `buffers` buffers; workers send through the third end.
pub(super) fn connect(shape: Shape, buffers: usize, cancel: &AtomicBool) -> (Packer<'_>, BatchSource, Sender<Loaded>) {
    let (back, free) = crossbeam_channel::bounded(buffers);
    let (ready_in, ready) = crossbeam_channel::bounded(buffers);
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..buffers {
        let _ = back.try_send(Batch::default());
    }
    let source = BatchSource { ready, free: back.clone(), held: Mutex::new(0), stop: Arc::clone(&stop) };
    let packer = Packer { shape, free, back, stop, cancel, claims: Mutex::default() };
    (packer, source, ready_in)
}

impl Packer<'_> {
    /// Ends the work of all.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The next place; `None` when there is none or the work ended. Waits until a buffer is free.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] when the user asked to stop.
    pub(super) fn claim(&self) -> Result<Option<Place>> {
        let mut claims = lock(&self.claims);
        let position = claims.next;
        if position >= self.shape.tiles {
            return Ok(None);
        }
        let slot = position % self.shape.batch;
        if slot == 0 {
            // The others wait for the lock meanwhile: they would need the same buffer.
            let Some(batch) = self.wait_for_buffer()? else { return Ok(None) };
            let count = self.shape.batch.min(self.shape.tiles - position);
            claims.filling = Arc::new(Mutex::new(Filling::new(batch, count, self.shape)));
        } else if !self.goes_on()? {
            return Ok(None);
        }
        claims.next += 1;
        Ok(Some(Place { position, slot, filling: Arc::clone(&claims.filling) }))
    }

    fn wait_for_buffer(&self) -> Result<Option<Batch>> {
        while self.goes_on()? {
            match self.free.recv_timeout(POLL) {
                Ok(batch) => return Ok(Some(batch)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(None)
    }

    fn goes_on(&self) -> Result<bool> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "LOAD-0002", "stopped while tiles were loaded"));
        }
        Ok(!self.stop.load(Ordering::Relaxed))
    }

    /// Fills a place, with `None` for a lost tile; gives the batch when this was its last one.
    pub(super) fn put(&self, place: &Place, tile: Option<(u32, &[u8])>) -> Option<Batch> {
        let mut filling = lock(&place.filling);
        if let Some((index, pixels)) = tile {
            let start = place.slot * self.shape.tile_bytes;
            filling.batch.pixels[start..start + pixels.len()].copy_from_slice(pixels);
            filling.tiles[place.slot] = Some(index);
        }
        filling.missing -= 1;
        if filling.missing > 0 {
            return None;
        }
        let batch = filling.close(self.shape.tile_bytes);
        if batch.tiles.is_empty() {
            let _ = self.back.try_send(batch);
            return None;
        }
        Some(batch)
    }
}

impl Filling {
    fn new(mut batch: Batch, count: usize, shape: Shape) -> Self {
        batch.tiles.clear();
        batch.side_px = shape.side_px;
        batch.pixels.resize(count * shape.tile_bytes, 0);
        Self { batch, tiles: vec![None; count], missing: count }
    }

    /// Takes the batch out and closes the gaps that lost tiles left.
    fn close(&mut self, tile_bytes: usize) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        for (slot, tile) in self.tiles.iter().enumerate() {
            if let Some(tile) = tile {
                let start = slot * tile_bytes;
                batch.pixels.copy_within(start..start + tile_bytes, batch.tiles.len() * tile_bytes);
                batch.tiles.push(*tile);
            }
        }
        batch.pixels.truncate(batch.tiles.len() * tile_bytes);
        batch
    }
}

/// A worker that panicked ends the whole load: what it leaves behind is not used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_tiles_leave_no_gap_and_a_batch_without_tiles_goes_back() {
        let shape = Shape { tiles: 5, batch: 3, side_px: 1, tile_bytes: 3 };
        let cancel = AtomicBool::new(false);
        let (packer, _source, _ready) = connect(shape, 1, &cancel);
        let places: Vec<Place> = (0..3).map(|_| packer.claim().unwrap().unwrap()).collect();
        assert!(packer.put(&places[2], Some((12, &[2; 3]))).is_none());
        assert!(packer.put(&places[0], None).is_none());
        let batch = packer.put(&places[1], Some((11, &[1; 3]))).unwrap();
        assert_eq!((batch.tiles, batch.pixels), (vec![11, 12], vec![1, 1, 1, 2, 2, 2]));
        packer.back.try_send(Batch::default()).unwrap();
        let places: Vec<Place> = (0..2).map(|_| packer.claim().unwrap().unwrap()).collect();
        assert!(packer.claim().unwrap().is_none());
        assert!(places.iter().all(|place| packer.put(place, None).is_none()));
        assert_eq!(packer.free.len(), 1);
    }
}
