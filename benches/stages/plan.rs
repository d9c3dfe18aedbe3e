//! A mask of tissue → the tiles to score, by both rules; counted are the places that were looked at.

use crate::input::Input;
use crate::{elements, group, skipped};
use criterion::Criterion;
use eosin::tiling::plan::{TilingConfig, plan};
use eosin::tiling::wsinfer_grid::plan_wsinfer;
use eosin::units::Mpp;
use std::hint::black_box;

/// Side of a tile, pixels at [`MODEL_MPP`].
const TILE_PX: u32 = 224;
const MODEL_MPP: f64 = 0.5;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    let afar = match input.section() {
        Ok(afar) => afar,
        Err(why) => return skipped("plan", why),
    };
    let (slide, mask, mpp) = (&afar.geometry, afar.mask(), Mpp::new(MODEL_MPP).unwrap());
    let mut group = group(criterion, "cpu", "u8", "plan", 1);
    for overlap in [0.0, 0.5] {
        let config = TilingConfig { overlap, ..TilingConfig::default() };
        let ours = || plan(black_box(slide), &mask, TILE_PX, mpp, &config).unwrap();
        group.throughput(elements(ours().places));
        group.bench_function(format!("eosin/overlap={overlap}"), |bencher| bencher.iter(ours));
        let theirs = || plan_wsinfer(black_box(slide), &mask, TILE_PX, mpp, overlap).unwrap();
        group.throughput(elements(theirs().places));
        group.bench_function(format!("wsinfer/overlap={overlap}"), |bencher| bencher.iter(theirs));
    }
    group.finish();
}
