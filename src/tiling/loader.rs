//! A plan of tiles → batches of their pixels, cut and resized by many workers within a budget of memory.
//!
//! Invariant: a tile's pixels are those of [`Slide::read_region`] and one antialiased resize, byte for byte, for any
//! number of workers and any budget; every chunk is decoded once, unless the budget asks for stripes; a tile is either
//! delivered or lost with a reason, and a chunk that cannot be decoded loses the tiles that need it and no others. Memory
//! depends on the configuration and the width of the slide, not on its area. Nothing is normalised here.

pub use super::batches::{BatchSource, Loaded};
use super::batches::{Shape, buffer_count, connect};
use super::chunk_pool::{ChunkPool, Decode};
use super::schedule::{Schedule, max_ahead};
use super::worker::{Job, panicked};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::limits::{MAX_REGION_PX, MAX_TILE_SIDE_PX};
use crate::slide::{Level, Slide};
use crate::tile::TilePlan;
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How tiles are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Side of a delivered tile, pixels; it is resized once, straight from what is read.
    pub input_px: u32,
    /// Tiles in a batch.
    pub batch: usize,
    /// Threads that decode, cut and resize; 0 for one for each core.
    pub workers: usize,
    /// Budget for decoded chunks, batches and the workers' own buffers, those of decoding among them, bytes.
    pub memory_bytes: u64,
}

/// What loading took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadReport {
    /// Threads that were used; fewer than asked for when memory is scarce.
    pub workers: usize,
    /// Vertical stripes the slide was cut into to keep to the budget; 1 when it fits.
    pub stripes: usize,
    /// Chunks read, among them those without bytes and those that could not be decoded.
    pub chunks_decoded: u64,
    /// Chunks that the plan needs; fewer than were decoded when there is more than one stripe.
    pub chunks_distinct: u64,
    /// Reading chunks, seconds summed over the workers.
    pub read_s: f64,
    /// Decoding them, seconds summed over the workers.
    pub decode_s: f64,
    /// Cutting tiles from them and resizing these, seconds summed over the workers.
    pub assemble_s: f64,
    /// Decoded chunks held at once at most, bytes.
    pub peak_cache_bytes: u64,
}

/// Loads all tiles of a plan; `consume` runs on the calling thread and takes them from the source that it is given.
///
/// A consumer that returns early ends the work, which is no error.
///
/// # Errors
/// [`ErrorKind::Usage`] for a plan that does not fit the slide; [`ErrorKind::Limits`] for a budget below what one column
/// of tiles takes, before anything is read; [`ErrorKind::Interrupted`] when `cancel` became true;
/// [`ErrorKind::Integrity`] and [`ErrorKind::Io`] when the file changed or cannot be read. Damaged chunks are no error:
/// their tiles are [`Loaded::Lost`].
pub fn load<R>(
    slide: &Slide,
    plan: &TilePlan,
    config: &LoaderConfig,
    cancel: &AtomicBool,
    consume: impl FnOnce(&BatchSource) -> R,
) -> Result<(R, LoadReport)> {
    let Some(level) = slide.levels().get(plan.level) else {
        let message = format!("expected a level below {}, found {}", slide.levels().len(), plan.level);
        return Err(Error::new(ErrorKind::Usage, "LOAD-0004", message));
    };
    let decode = |col: u32, row: u32| slide.read_chunk(plan.level, col, row);
    let before = slide.read_time();
    let (outcome, report) = load_from(level, slide.scratch_bytes(plan.level), &decode, plan, config, cancel, consume)?;
    let read_s = slide.read_time().saturating_sub(before).as_secs_f64();
    Ok((outcome, LoadReport { read_s, decode_s: (report.decode_s - read_s).max(0.0), ..report }))
}

/// [`load`], from anything that decodes chunks and takes `scratch_bytes` beside their pixels meanwhile.
fn load_from<R>(
    level: &Level,
    scratch_bytes: u64,
    decode: &Decode<'_>,
    plan: &TilePlan,
    config: &LoaderConfig,
    cancel: &AtomicBool,
    consume: impl FnOnce(&BatchSource) -> R,
) -> Result<(R, LoadReport)> {
    check(plan, config)?;
    let (schedule, workers) = budget(level, scratch_bytes, plan, config)?;
    let pool = ChunkPool::new(decode, schedule.uses().to_vec(), schedule.first_needs(), max_ahead(workers));
    let input = Size::new(config.input_px, config.input_px);
    let tile_bytes = to_usize(rgb_bytes(input))?;
    let shape = Shape { tiles: plan.len(), batch: config.batch, side_px: config.input_px, tile_bytes };
    let (packer, source, ready) = connect(shape, buffer_count(workers, config.batch), cancel);
    let job = Job { level, plan, input, schedule: &schedule, pool: &pool, packer: &packer };
    let (outcome, ends) = std::thread::scope(|scope| {
        let spawn = |_| {
            let ready = ready.clone();
            scope.spawn(move || job.work_safely(&ready))
        };
        let handles: Vec<_> = (0..workers).map(spawn).collect();
        // From here on only workers can send, so the source ends with the last of them.
        drop(ready);
        let outcome = consume(&source);
        drop(source);
        let ends: Vec<_> =
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|_| Err(panicked()))).collect();
        (outcome, ends)
    });
    let assemble: Duration = ends.into_iter().sum::<Result<_>>()?;
    let totals = pool.totals();
    let report = LoadReport {
        workers,
        stripes: schedule.stripes(),
        chunks_decoded: totals.decoded,
        chunks_distinct: schedule.distinct(),
        read_s: 0.0,
        decode_s: totals.time.as_secs_f64(),
        assemble_s: assemble.as_secs_f64(),
        peak_cache_bytes: totals.peak * rgb_bytes(level.chunk),
    };
    Ok((outcome, report))
}

/// Finds a schedule, and a number of workers, that keep to the budget: first by stripes, then by fewer workers.
fn budget<'a>(
    level: &'a Level,
    scratch_bytes: u64,
    plan: &'a TilePlan,
    config: &LoaderConfig,
) -> Result<(Schedule<'a>, usize)> {
    let chunk_bytes = rgb_bytes(level.chunk);
    let mut workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    };
    workers = workers.min(plan.len()).max(1);
    loop {
        let fixed = fixed_bytes(scratch_bytes, plan, config, workers);
        let max_chunks = config.memory_bytes.saturating_sub(fixed) / chunk_bytes;
        match Schedule::fit(level, plan, workers, max_chunks) {
            Ok(schedule) if fixed <= config.memory_bytes => return Ok((schedule, workers)),
            _ if workers > 1 => workers /= 2,
            outcome => {
                let chunks = outcome.map_or_else(|chunks| chunks, |schedule| schedule.max_held(workers));
                let needed = fixed.saturating_add(chunks.saturating_mul(chunk_bytes));
                let message =
                    format!("expected at least {needed} bytes of memory for tiles, found {}", config.memory_bytes);
                return Err(Error::new(ErrorKind::Limits, "LOAD-0001", message)
                    .with_advice("allow more memory, or make the batches smaller"));
            }
        }
    }
}

/// Bytes that do not depend on the schedule: batches, what decoding takes in each worker, and the regions and tiles that
/// workers hold, of which resizing keeps a third of up to the size of a larger one.
fn fixed_bytes(scratch_bytes: u64, plan: &TilePlan, config: &LoaderConfig, workers: usize) -> u64 {
    let region = rgb_bytes(Size::new(plan.read_px, plan.read_px));
    let tile = rgb_bytes(Size::new(config.input_px, config.input_px));
    let between = rgb_bytes(Size::new(config.input_px, plan.read_px));
    let tiles = (buffer_count(workers, config.batch) as u64).saturating_mul(config.batch as u64);
    let worker = (region + tile + between).saturating_add(scratch_bytes);
    tile.saturating_mul(tiles).saturating_add(worker.saturating_mul(workers as u64))
}

fn check(plan: &TilePlan, config: &LoaderConfig) -> Result<()> {
    let sides = [(config.input_px, u64::from(MAX_TILE_SIDE_PX)), (plan.read_px, MAX_REGION_PX.isqrt())];
    for (side, max) in sides {
        if side == 0 || u64::from(side) > max {
            let message = format!("expected a tile of 1 to {max} pixels, found {side}");
            return Err(Error::new(ErrorKind::Usage, "LOAD-0004", message));
        }
    }
    if config.batch == 0 || u32::try_from(plan.len()).is_err() {
        let message = format!(
            "expected at least 1 tile in a batch and at most {} in a plan, found {} and {}",
            u32::MAX,
            config.batch,
            plan.len()
        );
        return Err(Error::new(ErrorKind::Usage, "LOAD-0004", message));
    }
    Ok(())
}

/// Bytes of an RGB image.
pub(super) fn rgb_bytes(size: Size) -> u64 {
    size.area() * 3
}

/// A number of bytes as a length in memory.
pub(super) fn to_usize(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| {
        Error::new(ErrorKind::Limits, "LOAD-0001", format!("expected tiles that can be addressed, found {bytes} bytes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::RgbImage8;
    use crate::tile::GridRule;
    use crate::units::Mpp;
    use std::sync::atomic::Ordering;

    const CONFIG: LoaderConfig = LoaderConfig { input_px: 4, batch: 3, workers: 4, memory_bytes: 1 << 20 };

    /// 100 tiles of 4 x 4 on a level of 40 x 40 in chunks of 8 x 8.
    fn case() -> (Level, TilePlan) {
        let size = Size::new(40, 40);
        let plan = TilePlan {
            rule: GridRule::Eosin,
            slide_l0: size,
            mpp: Mpp::new(0.5).unwrap(),
            side_l0: 4,
            step_l0: 4,
            level: 0,
            downsample: (1.0, 1.0),
            read_px: 4,
            tile_px: 4,
            fill: [255; 3],
            places: 100,
            origins_l0: (0..10).flat_map(|x| (0..10).map(move |y| (x * 4, y * 4))).collect(),
        };
        (Level::new(size, Size::new(8, 8), size).unwrap(), plan)
    }

    fn chunk(number: u32) -> RgbImage8 {
        RgbImage8::filled(Size::new(8, 8), [u8::try_from(number).unwrap(); 3])
    }

    fn load_with<R>(
        decode: &Decode<'_>,
        cancel: &AtomicBool,
        consume: impl FnOnce(&BatchSource) -> R,
    ) -> Result<(R, LoadReport)> {
        let (level, plan) = case();
        load_from(&level, 0, decode, &plan, &CONFIG, cancel, consume)
    }

    fn drain(source: &BatchSource) -> Vec<Loaded> {
        std::iter::from_fn(|| source.next()).collect()
    }

    #[test]
    fn a_consumer_that_keeps_all_batches_is_served() {
        let decode = |col: u32, row: u32| Ok(Some(chunk(row * 5 + col)));
        let (loaded, report) = load_with(&decode, &AtomicBool::new(false), drain).unwrap();
        assert_eq!((loaded.len(), report.chunks_decoded, report.chunks_distinct), (34, 25, 25));
        let (_, plan) = case();
        for batch in loaded {
            let Loaded::Batch(batch) = batch else { panic!("nothing is lost here") };
            for (&tile, pixels) in batch.tiles.iter().zip(batch.pixels.chunks(4 * 4 * 3)) {
                let (x, y) = plan.origins_l0[tile as usize];
                assert!(pixels.iter().all(|&sample| i64::from(sample) == y / 8 * 5 + x / 8), "tile {tile}");
            }
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_an_error() {
        let decode = |col: u32, row: u32| if (col, row) == (3, 3) { panic!("on purpose") } else { Ok(Some(chunk(0))) };
        assert_eq!(load_with(&decode, &AtomicBool::new(false), drain).unwrap_err().code(), "LOAD-0003");
    }

    #[test]
    fn a_file_that_changes_ends_the_load_and_a_damaged_chunk_does_not() {
        let changed = |_: u32, row: u32| match row {
            2 => Err(Error::new(ErrorKind::Integrity, "WSI-0002", "expected the file as it was opened")),
            _ => Ok(Some(chunk(0))),
        };
        assert_eq!(load_with(&changed, &AtomicBool::new(false), drain).unwrap_err().code(), "WSI-0002");
        let damaged = |_: u32, row: u32| match row {
            2 => Err(Error::new(ErrorKind::Format, "WSI-0300", "chunk")),
            _ => Ok(Some(chunk(0))),
        };
        let (loaded, _) = load_with(&damaged, &AtomicBool::new(false), drain).unwrap();
        let tiles = |loaded: &Loaded| if let Loaded::Batch(batch) = loaded { batch.tiles.len() } else { 0 };
        assert_eq!(loaded.iter().filter(|loaded| tiles(loaded) == 0).count(), 20);
        assert_eq!(loaded.iter().map(tiles).sum::<usize>(), 80);
    }

    #[test]
    fn cancelling_and_leaving_early_end_the_load_also_with_a_full_queue() {
        let decode = |_: u32, _: u32| Ok(Some(chunk(0)));
        let cancel = AtomicBool::new(false);
        let cancelled = load_with(&decode, &cancel, |source| {
            let first = source.next();
            cancel.store(true, Ordering::Relaxed);
            (first, drain(source).len())
        });
        assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Interrupted);
        let (first, _) = load_with(&decode, &AtomicBool::new(false), BatchSource::next).unwrap();
        assert!(first.is_some());
    }

    #[test]
    fn a_budget_too_small_is_refused_before_anything_is_read() {
        let decode = |_: u32, _: u32| panic!("nothing may be read");
        let (level, plan) = case();
        let refused = |config: LoaderConfig| {
            load_from(&level, 0, &decode, &plan, &config, &AtomicBool::new(false), drain).unwrap_err().code()
        };
        assert_eq!(refused(LoaderConfig { memory_bytes: 800, ..CONFIG }), "LOAD-0001");
        assert_eq!(refused(LoaderConfig { batch: usize::MAX, ..CONFIG }), "LOAD-0001");
        assert_eq!(refused(LoaderConfig { batch: 0, ..CONFIG }), "LOAD-0004");
        assert_eq!(refused(LoaderConfig { input_px: 1 << 20, ..CONFIG }), "LOAD-0004");
    }

    #[test]
    fn what_decoding_takes_is_counted_for_each_worker() {
        let (level, plan) = case();
        let workers = |scratch_bytes| budget(&level, scratch_bytes, &plan, &CONFIG).map(|(_, workers)| workers);
        assert_eq!(workers(0).unwrap(), 4);
        assert_eq!(workers(CONFIG.memory_bytes / 3).unwrap(), 2);
        assert_eq!(workers(CONFIG.memory_bytes).unwrap_err().code(), "LOAD-0001");
        assert_eq!(workers(u64::MAX).unwrap_err().code(), "LOAD-0001");
    }

    #[test]
    fn the_defaults_load_chunks_of_1024_px_with_16_workers() {
        // A slide of 100,000 px a side at the command line's default, its chunks as long as they may be in the file.
        let size = Size::new(100_000, 100_000);
        let level = Level::new(size, Size::new(1024, 1024), size).unwrap();
        let (_, small) = case();
        let origins_l0 = (0..50).flat_map(|x| (0..50).map(move |y| (x * 2000, y * 2000))).collect();
        let plan = TilePlan { slide_l0: size, read_px: 224, origins_l0, ..small };
        let config = LoaderConfig { input_px: 224, batch: 64, workers: 16, memory_bytes: 512 << 20 };
        let longest = (1 << 20) + 8 * 1024 * 1024;
        let (_, workers) = budget(&level, longest + 3 * 1055 * 1055, &plan, &config).unwrap();
        assert_eq!(workers, 16);
    }
}
