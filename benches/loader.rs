//! Reading alone: tiles per second from a slide's file to batches of bytes, by number of workers.
//!
//! `cargo bench --bench loader` uses a synthetic slide; with `EOSIN_BENCH_SLIDE` it uses that one.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench ends when something is not there")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eosin::geometry::Size;
use eosin::raster::Mask;
use eosin::slide::Slide;
use eosin::synthetic::{SyntheticConfig, SyntheticSlide};
use eosin::tiling::loader::{BatchSource, Loaded, LoaderConfig, load};
use eosin::tiling::plan::{SlideGeometry, TilingConfig, plan};
use eosin::units::Mpp;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

fn drain(source: &BatchSource) {
    while let Some(loaded) = source.next() {
        if let Loaded::Batch(batch) = loaded {
            source.recycle(batch);
        }
    }
}

fn loader(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("EOSIN_BENCH_SLIDE").map_or_else(
        || {
            let config = SyntheticConfig { seed: 1, size: Size::new(4096, 4096), mpp: Mpp::new(0.5).unwrap() };
            let path = folder.path().join("bench.svs");
            SyntheticSlide::new(config).write_svs(&path, &|_, _| {}).unwrap();
            path
        },
        PathBuf::from,
    );
    let slide = Slide::open(&path).unwrap();
    let mpp = slide.mpp().unwrap();
    let geometry = SlideGeometry {
        size_l0: slide.size(),
        mpp,
        downsamples: slide.levels().iter().map(|level| (level.downsample_x, level.downsample_y)).collect(),
    };
    let everywhere = Mask::filled(Size::new(64, 64), true);
    let plan = plan(&geometry, &everywhere, 224, mpp, &TilingConfig::default()).unwrap();
    let mut group = criterion.benchmark_group("cpu/u8/loader");
    group.throughput(Throughput::Elements(plan.len() as u64)).sample_size(10);
    for workers in [1, 2, 4] {
        let config = LoaderConfig { input_px: 224, batch: 64, workers, memory_bytes: 1 << 30 };
        group.bench_function(format!("workers={workers}"), |bencher| {
            bencher.iter(|| load(&slide, &plan, &config, &AtomicBool::new(false), drain).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, loader);
criterion_main!(benches);
