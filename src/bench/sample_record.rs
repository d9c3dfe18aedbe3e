//! A record made by hand for tests: two models on a CPU and a GPU in several batches, another program, an absent device.

use super::{
    Absent, AdapterFacts, BenchRecord, Cell, Energy, InputFacts, Line, Machine, MemoryUse, ModelUsed, Pace, Parity,
    SCHEMA, Samples, Settings, Stage, Start, WholeRun,
};

/// What rounds are of their median; the median is 1.
const ROUNDS: [f64; 7] = [0.995, 1.01, 1.0, 0.96, 1.02, 1.0, 1.005];
/// What would be markup, a formula or an order to a terminal, were it not text.
pub(crate) const ODD: &str = "=needs <libcuda.so> & a \"driver\", 'found' none";

/// A model's network, its side in pixels, and its tiles/s on the CPU.
type Model = (&'static str, &'static str, u32, f64);

const MODELS: [Model; 2] =
    [("lymphnodes-resnet18.pcam", "resnet18", 96, 410.0), ("tissue-vit-small.nct", "vit_small_patch16_224", 224, 14.2)];

/// Program, device, dtype, rate over that of the CPU, shares of it at batches of 1, 16 and 64.
type Runner = (&'static str, &'static str, &'static str, f64, [f64; 3]);

const RUNNERS: [Runner; 4] = [
    ("eosin 0.1.0", "cpu", "f32", 1.0, [0.62, 1.0, 0.97]),
    ("torch 2.9.1+cpu", "cpu", "f32", 1.34, [0.41, 0.93, 1.0]),
    ("eosin 0.1.0", "vulkan:0", "f32", 11.8, [0.09, 0.71, 1.0]),
    ("eosin 0.1.0", "vulkan:0", "f16", 19.3, [0.06, 0.62, 1.0]),
];

pub(crate) fn record() -> BenchRecord {
    let cells = MODELS.iter().flat_map(|model| {
        let cells: Vec<Cell> = RUNNERS
            .iter()
            .flat_map(|runner| [1, 16, 64].into_iter().zip(runner.4).map(|at| cell(model, runner, at)))
            .collect();
        let first = cells[0].network.clone();
        cells.into_iter().enumerate().map(move |(at, cell)| {
            let ratio = if at == 0 { None } else { cell.network.over(&first) };
            Cell { ratio, ..cell }
        })
    });
    let absent = |model: &Model, dtype: &str| Absent {
        what: format!("{} on cuda in {dtype}", model.0),
        why: format!("{ODD} [DEV-0003]"),
    };
    BenchRecord {
        schema: SCHEMA,
        note: "research use only".to_owned(),
        eosin: "0.1.0".to_owned(),
        burn: "0.22.1 (fusion, autotune)".to_owned(),
        date: "2026-11-21T20:00:00Z".to_owned(),
        machine: machine(),
        settings: Settings { starts: 1, rounds: 7, seconds: 2.0, tiles: 512, seed: 7, empty_caches: true },
        models: MODELS.iter().map(model_used).collect(),
        runs: runs(),
        pace: Pace {
            probe_ms: Samples::of((0..7).flat_map(|round| [4.1 * ROUNDS[round], 4.15]).collect()).unwrap_or_default(),
            load: Some(0.42),
            stolen: Some(0.013),
        },
        cells: cells.collect(),
        absent: MODELS.iter().flat_map(|model| [absent(model, "f32"), absent(model, "f16")]).collect(),
        notes: vec![
            "tuned kernels are kept for the next start".to_owned(),
            "WARNING: 1.3 % of the time another machine had the cores; figures of the CPU are too low by as much"
                .to_owned(),
        ],
    }
}

fn cell(model: &Model, runner: &Runner, (batch, share): (usize, f64)) -> Cell {
    let (name, architecture, input_px, cpu_rate) = *model;
    let (program, device, dtype, faster, _) = *runner;
    let (ours, gpu) = (program.starts_with("eosin"), device != "cpu");
    let rate = cpu_rate * faster * share;
    let reference = ours && !gpu;
    Cell {
        program: program.to_owned(),
        model: name.to_owned(),
        architecture: architecture.to_owned(),
        input_px,
        device: device.to_owned(),
        device_name: if gpu { "NVIDIA H100 PCIe" } else { "AMD EPYC 9554 64-Core Processor" }.to_owned(),
        backend: if gpu {
            "vulkan"
        } else if ours {
            "flex"
        } else {
            "torch CPU"
        }
        .to_owned(),
        dtype: dtype.to_owned(),
        batch,
        setting: if ours { "4 lanes" } else { "16 threads, channels-last, inference mode" }.to_owned(),
        start: Start {
            cold_s: if ours { 0.9 } else { 4.3 },
            learnt: false,
            steady: true,
            again_s: around(if ours { 0.9 } else { 4.3 }),
            open_s: if gpu { 0.31 } else { 0.02 },
            load_s: 0.11,
            first_s: if gpu { 6.4 } else { 0.05 },
            warm_up_s: if gpu { 12.9 } else { 0.4 },
        },
        network: around(rate),
        ratio: None,
        line: ours.then(|| Line { tiles: 2048, workers: 16, rate: around((rate * 0.93).min(2300.0)) }),
        stages: if ours { stages(rate) } else { Vec::new() },
        memory: MemoryUse {
            host_bytes: Some((512 << 20) + ((batch as u64 * 24) << 20)),
            device_bytes: gpu.then_some(3 << 30),
        },
        energy: gpu.then(|| Energy { source: "GPU (nvidia-smi)".to_owned(), joules_per_tile: around(310.0 / rate) }),
        parity: (!reference).then(|| Parity {
            tiles: 512,
            max: if dtype == "f16" { 4.2e-3 } else { 3.1e-6 },
            median: if dtype == "f16" { 2.7e-4 } else { 2.2e-8 },
            flips: Some(usize::from(dtype == "f16")),
        }),
    }
}

/// What a stage of 16 threads or of the device takes of a tile, and how busy it is, where `rate` tiles pass in a second.
fn stages(rate: f64) -> Vec<Stage> {
    let host = [("read", 0.012), ("decode", 1.9), ("assemble", 0.21)].map(|(name, ms)| (name, ms, ms * rate / 16e3));
    let device = [("upload", 0.03), ("preprocess", 0.01), ("network", 0.9), ("readback", 0.02)];
    let device = device.map(|(name, share)| (name, share * 1e3 / rate, share));
    let stages = host.into_iter().chain(device).chain([("aggregate", 0.001, 0.001)]);
    stages
        .map(|(name, ms, busy)| Stage { name: name.to_owned(), ms_per_tile: around(ms), utilisation: busy.min(0.99) })
        .collect()
}

fn machine() -> Machine {
    let adapter = |device: &str, name: &str, kind: &str, driver: &str| AdapterFacts {
        device: device.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        driver: driver.to_owned(),
        clock_mhz: None,
    };
    Machine {
        cpu: "AMD EPYC 9554 64-Core Processor".to_owned(),
        simd: ["avx2", "avx512f"].map(str::to_owned).to_vec(),
        cores: 16,
        memory_bytes: Some(128 << 30),
        os: "Linux 6.1.0".to_owned(),
        is_virtual: Some(true),
        clock_mhz: Some([3100.0, 3700.0]),
        governor: None,
        adapters: vec![
            AdapterFacts {
                clock_mhz: Some(1755.0),
                ..adapter("vulkan:0", "NVIDIA H100 PCIe", "discrete GPU", "NVIDIA 570.86")
            },
            adapter("vulkan:1", "SwiftShader Device (LLVM 16)", "software renderer", "SwiftShader 5.0"),
        ],
    }
}

/// Rounds with this median.
pub(crate) fn around(median: f64) -> Samples {
    Samples::of(ROUNDS.map(|round| median * round).to_vec()).unwrap_or_default()
}

fn model_used((name, architecture, input_px, _): &Model) -> ModelUsed {
    ModelUsed {
        name: (*name).to_owned(),
        architecture: (*architecture).to_owned(),
        digest: "4f1c9e".to_owned(),
        tile_px: *input_px,
        um_per_px: 0.5,
        input_px: *input_px,
        input: InputFacts {
            kind: "synthetic".to_owned(),
            fingerprint: "b3:4f1c9e".to_owned(),
            format: "Aperio SVS".to_owned(),
            width: 8192,
            height: 6144,
            mpp: 0.25,
        },
    }
}

fn runs() -> Vec<WholeRun> {
    let run = |program: &str, rate: f64| WholeRun {
        program: program.to_owned(),
        model: MODELS[0].0.to_owned(),
        device: "cpu".to_owned(),
        dtype: "f32".to_owned(),
        setting: "4 threads".to_owned(),
        tiles: 1200,
        seconds: around(1200.0 / rate),
        rate: around(rate),
        ratio: None,
    };
    let (ours, other) = (run("eosin 0.1.0", 150.0), run("wsinfer 0.6.1", 40.0));
    let ratio = other.rate.over(&ours.rate);
    vec![ours, WholeRun { ratio, ..other }]
}
