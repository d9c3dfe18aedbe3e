//! Bytes of tiles → what a network takes: each CPU twin on one tile and one core, and whole batches through the tensor graph
//! of a device.

use crate::input::Input;
use crate::{elements, group, warm_up};
use criterion::Criterion;
use eosin::device::OpenDevice;
use eosin::gpu::augment::augment;
use eosin::gpu::unpack::unpack;
use eosin::infer::PredictorConfig;
use eosin::ops::augment::Variation;
use eosin::ops::blur::{blur, row};
use eosin::ops::colour::{ColourMap, colour};
use eosin::ops::stain::Macenko;
use eosin::ops::unpack::{Normalisation, UnpackShape, unpack as unpack_twin};
use eosin::ops::warp::{Affine, warp};
use std::cell::LazyCell;
use std::hint::black_box;

/// Side of a tile, pixels.
const TILE_PX: usize = 224;

pub(crate) fn bench(criterion: &mut Criterion, input: &Input) {
    twins(criterion);
    for (name, device) in input.devices() {
        let batch = PredictorConfig::for_device(&device, input.batch).batch;
        on_device(criterion, name, &device, batch);
    }
}

fn normalisation() -> Normalisation {
    Normalisation::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
}

fn turned() -> Affine {
    Affine::turn(0.3, 1.1)
}

fn stain() -> ColourMap {
    ColourMap::stain_jitter([1.1, 0.9, 1.0], [0.01; 3])
}

fn pixels(shape: UnpackShape) -> Vec<u8> {
    (60..=240).cycle().step_by(7).take(shape.bytes()).collect()
}

fn twins(criterion: &mut Criterion) {
    let shape = UnpackShape { tiles: 1, input_px: TILE_PX, output_px: TILE_PX };
    let (bytes, normalisation) = (pixels(shape), normalisation());
    let values = warp(&bytes, &turned().row(shape), shape);
    let mut group = group(criterion, "cpu", "f32", "preprocess", shape.tiles);
    group.bench_function("twin/unpack", |bencher| {
        bencher.iter(|| unpack_twin(black_box(&bytes), shape, normalisation));
    });
    for (name, affine) in [("symmetry", Affine::symmetry(true, true, false)), ("turn", turned())] {
        group.bench_function(format!("twin/warp/{name}"), |bencher| {
            bencher.iter(|| warp(black_box(&bytes), &affine.row(shape), shape));
        });
    }
    for sigma in [1.0, 4.0] {
        group.bench_function(format!("twin/blur/{sigma}"), |bencher| {
            bencher.iter(|| blur(black_box(&values), &row(sigma), shape));
        });
    }
    for (name, map) in [("none", ColourMap::IDENTITY), ("light", ColourMap::saturation(0.9)), ("stain", stain())] {
        group.bench_function(format!("twin/colour/{name}"), |bencher| {
            bencher.iter(|| colour(black_box(&values), &map.row(), shape, normalisation));
        });
    }
    group.bench_function("macenko", |bencher| bencher.iter(|| Macenko::fit(black_box(&bytes))));
    group.finish();
}

fn on_device(criterion: &mut Criterion, name: &str, device: &OpenDevice, batch: usize) {
    let normalisation = normalisation();
    let mut group = group(criterion, name, "f32", "preprocess", 1);
    let device = &device.device;
    // One tile as in training on the CPU, and a batch as in scoring.
    for tiles in [1, batch] {
        let shape = UnpackShape { tiles, input_px: TILE_PX, output_px: TILE_PX };
        let bytes = pixels(shape);
        group.throughput(elements(tiles));
        let mut measure = |what: &str, run: &dyn Fn()| {
            let warm = LazyCell::new(|| warm_up(run));
            group.bench_function(format!("{what}/batch={tiles}"), |bencher| {
                LazyCell::force(&warm);
                bencher.iter(run);
            });
        };
        measure("unpack", &|| {
            let seen = unpack(black_box(&bytes), shape, normalisation, device);
            device.sync().unwrap();
            drop(seen);
        });
        let all = Variation { affine: turned(), blur_px: 1.0, colour: stain() };
        for (which, variation) in [("none", Variation::IDENTITY), ("all", all)] {
            measure(&format!("augment/{which}"), &|| {
                let seen = augment(black_box(&bytes), &vec![variation; tiles], shape, normalisation, device);
                device.sync().unwrap();
                drop(seen);
            });
        }
        if batch == 1 {
            break;
        }
    }
    group.finish();
}
