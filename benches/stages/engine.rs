//! Bytes of tiles → outputs on our own CPU engine and all cores: each architecture on the best kernels of the processor, in f32
//! and exact, and three of them on every other kind of kernels, too.

use crate::group;
use crate::input::Input;
use criterion::Criterion;
use eosin::cpu::{Engine, Options, Sums, Tiles};
use eosin::nn::{Architecture, Head, NetworkSpec, fresh, load};
use std::cell::LazyCell;

/// Tiles in a run, for each core.
const TILES: usize = 8;
/// Those that are measured on all kernels.
const ON_ALL: [Architecture; 3] = [Architecture::ResNet18, Architecture::ResNet50, Architecture::MobileNetV2];
/// Plain Rust is what others are held against, not what anyone runs.
const SLOW: &str = "portable";

pub(crate) fn bench(criterion: &mut Criterion, _: &Input) {
    let tiles = TILES * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut group = group(criterion, "cpu", "f32", "engine", tiles);
    for architecture in Architecture::all().filter(|architecture| architecture.has_graph()) {
        let others = if ON_ALL.contains(&architecture) { usize::MAX } else { 1 };
        for kernels in Engine::kernels().take(others).filter(|&kernels| kernels != SLOW) {
            for (sums, how) in [(Sums::Fast, "f32"), (Sums::Exact, "exact")] {
                // Planned when its turn comes, so that a choice of ids plans no others.
                let ready = LazyCell::new(|| planned(architecture, kernels, sums, tiles));
                group.bench_function(format!("{architecture}/{kernels}/{how}"), |bencher| {
                    let (engine, bytes) = &*ready;
                    let mut out = vec![0.0; tiles * engine.outputs()];
                    let side_px = engine.options().side_px;
                    let bytes = Tiles::Bytes { bytes, side_px, scale: [0.02; 3], shift: [-2.0; 3] };
                    bencher.iter(|| engine.run_all(bytes, tiles, &mut out));
                });
            }
        }
    }
    group.finish();
}

/// A network with random folded weights, and tiles for it.
fn planned(architecture: Architecture, kernels: &str, sums: Sums, tiles: usize) -> (Engine, Vec<u8>) {
    let spec = NetworkSpec::torch(architecture, 2).folded();
    let device = burn::tensor::Device::flex();
    let network = load(spec.init(&device).unwrap(), &fresh(&spec, 1).unwrap(), Head::FromFile).unwrap();
    let graph = network.graph(false).unwrap().unwrap();
    let side_px = spec.input_px() as usize;
    let engine = Engine::on(&graph, Options { side_px, sums }, Some(kernels)).unwrap();
    (engine, (0..=250_u8).cycle().step_by(7).take(tiles * side_px * side_px * 3).collect())
}
