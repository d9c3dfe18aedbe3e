//! Predictions of a large section → its map: the plan's own cells, cells of a stated side, and smoothed ones.

use crate::group;
use crate::input::Input;
use crate::section::section;
use criterion::Criterion;
use eosin::map::{BiomarkerMap, MapConfig};
use std::hint::black_box;

/// Tiles of the section.
const TILES: u32 = 100_000;

pub(crate) fn bench(criterion: &mut Criterion, _: &Input) {
    let (plan, predictions) = section(TILES);
    let mut group = group(criterion, "cpu", "f32", "aggregate", plan.len());
    let cells = MapConfig { cell_um: Some(50.0), smooth_um: None };
    let smoothed = MapConfig { cell_um: None, smooth_um: Some(200.0) };
    for (name, config) in [("plan", MapConfig::default()), ("cells=50um", cells), ("smoothed=200um", smoothed)] {
        group.bench_function(format!("map/{name}"), |bencher| {
            bencher.iter(|| BiomarkerMap::with(black_box(&plan), &predictions, &config).unwrap());
        });
    }
    group.finish();
}
