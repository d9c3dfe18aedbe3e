//! Each stage by itself, from opening a slide to its files: what does it take, and what does a change to it do?
//!
//! `cargo bench --bench stages` runs all, `-- TEXT` those whose ids hold this text; benches/README.md tells the rest. An id is
//! `device/dtype/stage/what`. Invariant: what is timed ends on the host (a device is waited for), and is compiled and tuned
//! before the clock starts.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and ends when something is not there")]

mod aggregate;
mod conv;
mod decode;
mod engine;
mod export;
mod input;
mod keep;
mod load;
mod machine;
mod network;
mod open;
mod plan;
mod preprocess;
#[path = "../common/section.rs"]
mod section;
#[path = "../common/slide.rs"]
mod slide;
mod statistics;
mod tissue;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use input::Input;
use std::time::{Duration, Instant};

/// Runs before the clock starts, at most.
const MOST_WARM_UPS: usize = 20;

/// A stage of the line.
struct Stage {
    /// The third part of its ids.
    name: &'static str,
    /// What its throughput counts.
    unit: &'static str,
    bench: fn(&mut Criterion, &Input),
}

/// In the order of the line.
const STAGES: [Stage; 12] = [
    Stage { name: "open", unit: "slides", bench: open::bench },
    Stage { name: "decode", unit: "pixels", bench: decode::bench },
    Stage { name: "tissue", unit: "pixels", bench: tissue::bench },
    Stage { name: "plan", unit: "places", bench: plan::bench },
    Stage { name: "load", unit: "tiles", bench: load::bench },
    Stage { name: "preprocess", unit: "tiles", bench: preprocess::bench },
    Stage { name: "conv", unit: "multiply-adds", bench: conv::bench },
    Stage { name: "engine", unit: "tiles", bench: engine::bench },
    Stage { name: "network", unit: "tiles", bench: network::bench },
    Stage { name: "aggregate", unit: "tiles", bench: aggregate::bench },
    Stage { name: "statistics", unit: "cells", bench: statistics::bench },
    Stage { name: "export", unit: "tiles", bench: export::bench },
];

fn main() {
    let keep = keep::Keep::from_env();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    if let Some(keep) = &keep {
        criterion = criterion.output_directory(keep.estimates());
    }
    let input = Input::from_env();
    for stage in &STAGES {
        (stage.bench)(&mut criterion, &input);
    }
    criterion.final_summary();
    if let Some(keep) = keep {
        keep.write(&input);
    }
}

/// Measurements of a stage, all with as many runs a sample: then long ones need no more than one.
fn group<'a>(
    criterion: &'a mut Criterion,
    device: &str,
    dtype: &str,
    stage: &str,
    count: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("{device}/{dtype}/{stage}"));
    group.sampling_mode(SamplingMode::Flat).throughput(elements(count));
    group
}

/// So many slides, pixels, places, tiles or cells in one run.
fn elements(count: usize) -> Throughput {
    Throughput::Elements(count as u64)
}

/// Runs until a run is hardly faster than the one before: kernels are compiled and tuned in the first ones.
fn warm_up(mut run: impl FnMut()) {
    let mut before = f64::INFINITY;
    for _ in 0..MOST_WARM_UPS {
        let started = Instant::now();
        run();
        let now = started.elapsed().as_secs_f64();
        if now > 0.8 * before {
            return;
        }
        before = now;
    }
}

/// Says what is not measured, and why.
fn skipped(what: &str, why: &str) {
    println!("skipped {what}: {why}");
}
