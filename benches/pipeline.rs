//! Does the loader starve the network? Tiles per second of the whole line on a slide against a plain forward pass of the
//! same model in burn-flex, in turn, in one process; and the peak of memory.
//!
//! `cargo bench --bench pipeline` uses a synthetic slide and random weights of ResNet-18; with `EOSIN_BENCH_SLIDE` and
//! `EOSIN_BENCH_MODEL` (a model's folder) it uses those. CPU only, f32. The ratio is the result: absolute figures are
//! those of a machine and a moment.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and ends when something is not there")]

#[path = "common/slide.rs"]
mod slide;

use burn::tensor::{Device, Tensor, TensorData};
use eosin::bench::{peak_bytes, words, write_random_model};
use eosin::device::{DeviceSpec, open};
use eosin::nn::{Architecture, Bundle, Input};
use eosin::pipeline::{ScoreConfig, score};
use eosin::units::Mpp;
use slide::synthetic_slide;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Rounds of both, in turn; medians are reported.
const ROUNDS: usize = 5;
/// Batches of the plain forward pass; the best one counts.
const BATCHES: [usize; 4] = [4, 8, 16, 32];
/// Tiles of one plain measurement.
const PLAIN_TILES: usize = 64;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let slide =
        from_env("EOSIN_BENCH_SLIDE").unwrap_or_else(|| synthetic_slide(folder.path(), 4096, Mpp::new(0.5).unwrap()));
    let model = from_env("EOSIN_BENCH_MODEL").unwrap_or_else(|| random_resnet18(folder.path()));
    let bundle = Bundle::open(&model).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("device: burn-flex, f32, {cores} cores; model: {}; rounds: {ROUNDS}", bundle.spec().architecture.name());
    // The line first: its peak of memory must not hide behind that of the plain pass's large batches.
    let mut line = vec![run_line(&bundle, &slide, folder.path())];
    println!("peak memory of the whole line: {}", peak_memory());
    let mut plain = BATCHES.map(|_| Vec::new());
    for round in 0..ROUNDS {
        for (batch, rates) in BATCHES.iter().zip(&mut plain) {
            rates.push(run_plain(&bundle, *batch));
        }
        if round > 0 {
            line.push(run_line(&bundle, &slide, folder.path()));
        }
    }
    let plain = plain.map(median);
    for (batch, rate) in BATCHES.iter().zip(&plain) {
        println!("flex/f32/batch={batch:<3} plain forward  {rate:>7.1} tiles/s");
    }
    let best = plain.iter().copied().fold(0.0, f64::max);
    let line = median(line);
    println!("flex/f32           whole line     {line:>7.1} tiles/s");
    println!("whole line / best plain forward: {:.2}", line / best);
}

fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

/// Tiles per second of reading, scoring and keeping the results of a slide, opening and writing left out.
fn run_line(bundle: &Bundle, slide: &Path, folder: &Path) -> f64 {
    let config =
        ScoreConfig { overwrite: true, ..ScoreConfig::usual(vec![slide.to_path_buf()], folder.join("results")) };
    let device = open(DeviceSpec::Cpu).unwrap();
    let outcome = score(&config, bundle, &device, None, &AtomicBool::new(false), &|_| {}).unwrap();
    let record = &outcome.records[0];
    assert!(record.error.is_none(), "{:?}", record.error);
    record.tiles.scored as f64 / record.seconds.network
}

/// Tiles per second of one forward pass after another, on pixels that are there already.
fn run_plain(bundle: &Bundle, batch: usize) -> f64 {
    let device = Device::flex();
    let network = bundle.network(&device).unwrap();
    let side = bundle.preprocess().input_px as usize;
    let values = vec![0.5_f32; batch * 3 * side * side];
    let input = Tensor::<4>::from_data(TensorData::new(values, [batch, 3, side, side]), &device);
    let pass = || network.forward(input.clone()).into_data();
    pass();
    let started = Instant::now();
    let passes = PLAIN_TILES.div_ceil(batch);
    for _ in 0..passes {
        pass();
    }
    (passes * batch) as f64 / started.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn peak_memory() -> String {
    peak_bytes().map_or_else(|| "not told by this system".to_string(), words::bytes)
}

fn random_resnet18(folder: &Path) -> PathBuf {
    let path = folder.join("model");
    let input = Input { mpp: 0.5, tile_px: 224, input_px: None, mean: [0.5; 3], std: [0.5; 3], stain: None };
    write_random_model(&path, "random", Architecture::ResNet18, input, 1).unwrap();
    path
}
