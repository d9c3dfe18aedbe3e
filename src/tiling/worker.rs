//! One worker of the loader: claim a tile, get its chunks, cut, resize, hand over.
//!
//! Invariant: pixels outside the level and those of chunks without bytes have the plan's fill colour, all others are
//! decoded. A damaged chunk ends a tile, a damaged file ends the load; nothing ends in a hang.

use super::batches::{Loaded, Packer};
use super::chunk_pool::{ChunkPool, Taken};
use super::loader::{rgb_bytes, to_usize};
use super::schedule::{Need, Schedule};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::raster::{Filter, Resizer, RgbImage8};
use crate::slide::Level;
use crate::tile::{GridRule, TilePlan};
use crossbeam_channel::Sender;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What every worker needs to know.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) level: &'a Level,
    pub(super) plan: &'a TilePlan,
    pub(super) input: Size,
    pub(super) schedule: &'a Schedule<'a>,
    pub(super) pool: &'a ChunkPool<'a>,
    pub(super) packer: &'a Packer<'a>,
}

impl Job<'_> {
    /// [`Self::work`]; whatever goes wrong, a panic among it, ends the work of the others too.
    pub(super) fn work_safely(&self, ready: &Sender<Loaded>) -> Result<Duration> {
        let end = catch_unwind(AssertUnwindSafe(|| self.work(ready))).unwrap_or_else(|_| Err(panicked()));
        if end.is_err() {
            self.packer.stop();
        }
        end
    }

    /// Loads tiles until there are no more; gives the time that cutting and resizing took.
    fn work(&self, ready: &Sender<Loaded>) -> Result<Duration> {
        let read = Size::new(self.plan.read_px, self.plan.read_px);
        let mut region = vec![0; to_usize(rgb_bytes(read))?];
        let mut tile = vec![0; if read == self.input { 0 } else { to_usize(rgb_bytes(self.input))? }];
        // WSInfer's figures are only reproduced with the very samples that its networks get.
        let mut resizer = match self.plan.rule {
            GridRule::WsInfer => Resizer::exact(),
            GridRule::Eosin => Resizer::new(),
        };
        let mut assemble_time = Duration::ZERO;
        while let Some(place) = self.packer.claim()? {
            let (index, rect) = self.schedule.tile(place.position);
            let needs = self.schedule.needs(place.position);
            let taken = self.pool.take(&needs);
            let lost = match taken.iter().find_map(|chunk| chunk.as_ref().err()) {
                Some(error) if !error.kind().is_local() => return Err(again(error, self.plan.level)),
                Some(error) => Some(again(error, self.plan.level)),
                None => {
                    let start = Instant::now();
                    self.cut(rect, &needs, &taken, &mut region);
                    assemble_time += start.elapsed();
                    None
                }
            };
            self.pool.release(&needs, taken);
            let batch = if let Some(error) = lost {
                if ready.send(Loaded::Lost { tile: index, error }).is_err() {
                    break;
                }
                self.packer.put(&place, None)
            } else if read == self.input {
                self.packer.put(&place, Some((index, &region)))
            } else {
                let start = Instant::now();
                resizer.resize_into(&region, read, &mut tile, self.input, Filter::Bilinear)?;
                assemble_time += start.elapsed();
                self.packer.put(&place, Some((index, &tile)))
            };
            if batch.is_some_and(|batch| ready.send(Loaded::Batch(batch)).is_err()) {
                break;
            }
        }
        Ok(assemble_time)
    }

    /// Copies what a tile shows out of its chunks.
    fn cut(&self, rect: Rect, needs: &[Need], taken: &Taken, region: &mut [u8]) {
        let inside = self.level.rect().intersect(rect);
        if inside != Some(rect) || taken.iter().any(|chunk| matches!(chunk, Ok(None))) {
            region.as_chunks_mut().0.fill(self.plan.fill);
        }
        let Some(inside) = inside else { return };
        for (need, chunk) in needs.iter().zip(taken.iter()) {
            if let Ok(Some(chunk)) = chunk {
                let x = i64::from(need.col) * i64::from(self.level.chunk.w);
                let y = i64::from(need.row) * i64::from(self.level.chunk.h);
                copy(chunk, Rect::new(x, y, chunk.size().w, chunk.size().h), inside, rect, region);
            }
        }
    }
}

/// Copies the pixels of `window` from a chunk, which lies at `from`, into a region, which lies at `to`.
fn copy(chunk: &RgbImage8, from: Rect, window: Rect, to: Rect, region: &mut [u8]) {
    let Some(common) = window.intersect(from) else { return };
    let offset = |frame: Rect, y: i64| {
        usize::try_from(((y - frame.y) * i64::from(frame.w) + common.x - frame.x) * 3).unwrap_or(usize::MAX)
    };
    let row_bytes = common.w as usize * 3;
    for y in common.y..common.bottom() {
        let (source, target) = (offset(from, y), offset(to, y));
        region[target..target + row_bytes].copy_from_slice(&chunk.as_bytes()[source..source + row_bytes]);
    }
}

/// The same error once more: every tile of a chunk has its own.
fn again(error: &Error, level: usize) -> Error {
    let mut copy = Error::new(error.kind(), error.code(), error.message()).at_level(level);
    if let Some(path) = error.path() {
        copy = copy.at_path(path);
    }
    if let Some(advice) = error.advice() {
        copy = copy.with_advice(advice);
    }
    copy
}

/// A panic in a worker, as an error.
pub(super) fn panicked() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "LOAD-0003",
        "a worker broke off while it loaded tiles, which is a defect of ours",
    )
}
