//! Reading alone: tiles from a slide's file to batches of bytes, by number of workers; and tiles that are resized, as no
//! level has the model's resolution.

use crate::input::Input;
use crate::{elements, group, skipped};
use criterion::Criterion;
use eosin::tile::TilePlan;
use eosin::tiling::loader::{BatchSource, Loaded, LoaderConfig, load};
use eosin::tiling::plan::{TilingConfig, plan};
use eosin::units::Mpp;
use std::sync::atomic::AtomicBool;

/// Side of a tile, pixels.
const TILE_PX: u32 = 224;
/// Tiles at most, from the middle of the plan.
const TILES: usize = 512;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    let afar = match input.overview() {
        Ok(afar) => afar,
        Err(why) => return skipped("load", why),
    };
    let mask = afar.mask();
    let planned = |coarser: f64| {
        let mpp = Mpp::new(afar.geometry.mpp.get() * coarser).unwrap();
        let plan = plan(&afar.geometry, &mask, TILE_PX, mpp, &TilingConfig::default()).unwrap();
        let first = plan.len().saturating_sub(TILES) / 2;
        let origins_l0: Vec<_> = plan.origins_l0.iter().copied().skip(first).take(TILES).collect();
        TilePlan { origins_l0, ..plan }
    };
    let plan = planned(1.0);
    if plan.is_empty() {
        return skipped("load", "no tissue was found on the slide");
    }
    let mut group = group(criterion, "cpu", "u8", "load", plan.len());
    for workers in [1, 2, 4] {
        group.bench_function(format!("workers={workers}"), |bencher| {
            bencher.iter(|| drained(input, &plan, workers));
        });
    }
    let resized = planned(1.5);
    group.throughput(elements(resized.len()));
    group.bench_function("resized/workers=4", |bencher| bencher.iter(|| drained(input, &resized, 4)));
    group.finish();
}

/// Loads a whole plan.
fn drained(input: &Input, plan: &TilePlan, workers: usize) {
    let config = LoaderConfig { input_px: TILE_PX, batch: 64, workers, memory_bytes: 1 << 30 };
    let drain = |source: &BatchSource| {
        while let Some(loaded) = source.next() {
            if let Loaded::Batch(batch) = loaded {
                source.recycle(batch);
            }
        }
    };
    load(&input.slide, plan, &config, &AtomicBool::new(false), drain).unwrap();
}
