//! What varying a tile costs on one core: each twin, and the whole through the tensor graph.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use criterion::{Criterion, criterion_group, criterion_main};
use eosin::gpu::augment::augment;
use eosin::gpu::unpack::unpack;
use eosin::ops::augment::Variation;
use eosin::ops::blur::{blur, row};
use eosin::ops::colour::{ColourMap, colour};
use eosin::ops::stain::Macenko;
use eosin::ops::unpack::{Normalisation, UnpackShape};
use eosin::ops::warp::{Affine, warp};
use std::hint::black_box;

fn twins(criterion: &mut Criterion) {
    let shape = UnpackShape { tiles: 1, input_px: 224, output_px: 224 };
    let bytes: Vec<u8> = (60..=240).cycle().step_by(7).take(shape.bytes()).collect();
    let normalisation = Normalisation::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let stain = ColourMap::stain_jitter([1.1, 0.9, 1.0], [0.01; 3]);
    let turned = Affine::turn(0.3, 1.1);
    let values = warp(&bytes, &turned.row(shape), shape);

    let mut group = criterion.benchmark_group("cpu/augment/224px");
    group.sample_size(20);
    for (name, affine) in [("symmetry", Affine::symmetry(true, true, false)), ("turn", turned)] {
        group.bench_function(format!("warp/{name}"), |bencher| {
            bencher.iter(|| warp(black_box(&bytes), &affine.row(shape), shape));
        });
    }
    for sigma in [1.0, 4.0] {
        group.bench_function(format!("blur/{sigma}"), |bencher| {
            bencher.iter(|| blur(black_box(&values), &row(sigma), shape));
        });
    }
    for (name, map) in [("none", ColourMap::IDENTITY), ("light", ColourMap::saturation(0.9)), ("stain", stain)] {
        group.bench_function(format!("colour/{name}"), |bencher| {
            bencher.iter(|| colour(black_box(&values), &map.row(), shape, normalisation));
        });
    }
    let device = burn::tensor::Device::flex();
    let whole = Variation { affine: turned, blur_px: 1.0, colour: stain };
    for (name, variation) in [("none", Variation::IDENTITY), ("all", whole)] {
        group.bench_function(format!("whole/{name}"), |bencher| {
            bencher.iter(|| augment(black_box(&bytes), &[variation], shape, normalisation, &device));
        });
    }
    group.bench_function("unpack", |bencher| {
        bencher.iter(|| unpack(black_box(&bytes), shape, normalisation, &device));
    });
    group.bench_function("macenko", |bencher| bencher.iter(|| Macenko::fit(black_box(&bytes))));
    group.finish();
}

criterion_group!(benches, twins);
criterion_main!(benches);
