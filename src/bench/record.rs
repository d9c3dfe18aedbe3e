//! What a bench found, on what it was found, and what could not be found: everything that the table, the CSV and the page
//! say.
//!
//! Invariant: no path, host or user; a slide is named by its fingerprint alone.

use super::samples::Samples;
use serde::{Deserialize, Serialize};

/// The version of [`BenchRecord`]'s layout.
pub const SCHEMA: u32 = 1;

/// A whole bench.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What the figures may be used for.
    pub note: String,
    /// Version of this program.
    pub eosin: String,
    /// Version of burn, and which of its features work for the figures, such as `fusion`.
    pub burn: String,
    /// When it began, UTC, such as `2026-11-21T20:00:00Z`.
    pub date: String,
    /// What it ran on.
    pub machine: Machine,
    /// What was asked for.
    pub settings: Settings,
    /// The models, each with the tiles that it saw.
    pub models: Vec<ModelUsed>,
    /// How steady the machine was meanwhile.
    pub pace: Pace,
    /// What was measured, model by model; the first of each model is what others of it are compared with.
    pub cells: Vec<Cell>,
    /// Whole programs from their start to their last file, beside each other.
    pub runs: Vec<WholeRun>,
    /// What could not be measured, and why.
    pub absent: Vec<Absent>,
    /// Remarks; those that put figures in doubt begin with `WARNING: `.
    pub notes: Vec<String>,
}

/// A computer, without its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor as it names itself.
    pub cpu: String,
    /// What it computes with, the widest last, such as `avx2`, `avx512f`, `amx-bf16`.
    pub simd: Vec<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Main memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Operating system and its version, such as `Linux 6.1.0`.
    pub os: String,
    /// Whether it says that it is a virtual machine.
    pub is_virtual: Option<bool>,
    /// Clock of the cores when the bench began, lowest and highest, MHz.
    pub clock_mhz: Option<[f64; 2]>,
    /// What sets the clock, such as `performance`.
    pub governor: Option<String>,
    /// GPUs and software renderers that were found.
    pub adapters: Vec<AdapterFacts>,
}

/// A GPU or a software renderer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterFacts {
    /// How it is asked for, such as `vulkan:0`.
    pub device: String,
    /// Its name.
    pub name: String,
    /// Its kind, such as `discrete gpu`.
    pub kind: String,
    /// Its driver, with the version.
    pub driver: String,
    /// Its clock when the bench began, MHz, where the platform tells.
    pub clock_mhz: Option<f64>,
}

/// What was asked for, as resolved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often each process is started anew: one differs from the next, and a machine from itself some minutes later.
    pub starts: usize,
    /// Rounds of each figure after each start.
    pub rounds: usize,
    /// What a round of a figure aims at, seconds.
    pub seconds: f64,
    /// Tiles in memory, from which networks are fed and whose outputs are compared.
    pub tiles: usize,
    /// What everything random follows from.
    pub seed: u64,
    /// Whether kernel caches were empty at the start.
    pub empty_caches: bool,
}

/// A model that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelUsed {
    /// Its name.
    pub name: String,
    /// Its network.
    pub architecture: String,
    /// BLAKE3 digest of its weights file.
    pub digest: String,
    /// Side of a tile as it is cut from the slide, pixels.
    pub tile_px: u32,
    /// Its resolution, um/px.
    pub um_per_px: f64,
    /// Side of what the network sees, pixels.
    pub input_px: u32,
    /// Where its tiles come from: a synthetic slide is made at each model's own resolution.
    pub input: InputFacts,
}

/// Where tiles come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFacts {
    /// `synthetic`, or `slide`.
    pub kind: String,
    /// Digest of the file's size and ends, as in records of slides.
    pub fingerprint: String,
    /// Format of the file.
    pub format: String,
    /// Width, level-0 pixels.
    pub width: u32,
    /// Height, level-0 pixels.
    pub height: u32,
    /// Micrometres per level-0 pixel.
    pub mpp: f64,
}

/// How steady a machine was: the same piece of arithmetic on all cores before each round, and what the system says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// How long that piece took, ms.
    pub probe_ms: Samples,
    /// Processes that ran or waited, averaged by the system over a minute, at the start.
    pub load: Option<f64>,
    /// Share of the time in which another machine had the cores.
    pub stolen: Option<f64>,
}

/// One model on one device in one dtype with one batch, or the same in another program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Program and version, such as `eosin 0.1.0`.
    pub program: String,
    /// The model's name.
    pub model: String,
    /// Its network.
    pub architecture: String,
    /// Side of what the network sees, pixels.
    pub input_px: u32,
    /// The device as it was asked for, such as `cpu` or `vulkan:0`.
    pub device: String,
    /// Its name.
    pub device_name: String,
    /// What runs the network there, such as `flex`, `vulkan` or `onnxruntime CPUExecutionProvider`.
    pub backend: String,
    /// Type of the numbers, such as `f32`.
    pub dtype: String,
    /// Tiles in a batch.
    pub batch: usize,
    /// What else was set, such as `4 lanes` or `4 threads, channels-last, inference mode`.
    pub setting: String,
    /// How long it took until it ran.
    pub start: Start,
    /// From bytes in memory to probabilities in memory, tiles/s.
    pub network: Samples,
    /// `network` over that of the model's first cell, round by round.
    pub ratio: Option<Samples>,
    /// From the slide's file to predictions; none for other programs.
    pub line: Option<Line>,
    /// Where the time goes; empty for other programs.
    pub stages: Vec<Stage>,
    /// Memory.
    pub memory: MemoryUse,
    /// Energy, where the platform tells.
    pub energy: Option<Energy>,
    /// How far outputs are from those of the reference, burn on the CPU in f32; none for that one itself.
    pub parity: Option<Parity>,
}

/// From the start of a process to a network that runs at its full speed, seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// From the start of the first process to its first scores; the same for all batches of a process, and of its smallest.
    pub cold_s: f64,
    /// Whether that one compiled or tuned kernels and kept them. Then figures are those of processes that find them.
    pub learnt: bool,
    /// As `cold_s`, of each process that was measured or started for its start alone: all is known to them, or there was
    /// nothing to learn.
    pub again_s: Samples,
    /// Of that, opening the device.
    pub open_s: f64,
    /// Of that, reading weights and bringing them to the device.
    pub load_s: f64,
    /// The first batch of this size: kernels are compiled and tuned.
    pub first_s: f64,
    /// Further batches until each takes as long as the one before.
    pub warm_up_s: f64,
    /// Whether they came to that, within a tenth.
    pub steady: bool,
}

/// The whole line on a slide, from its file to a map.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Tiles that were read and scored in each round.
    pub tiles: usize,
    /// Threads that read and decode.
    pub workers: usize,
    /// Tiles/s.
    pub rate: Samples,
}

/// One stage of the line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// `read`, `decode`, `assemble`, `upload`, `preprocess`, `network`, `readback` or `aggregate`.
    pub name: String,
    /// Time that a tile takes of one thread, lane or device, ms.
    pub ms_per_tile: Samples,
    /// Share of the line's time in which its threads, lanes or its device were at it: 1 is what the line waits for.
    pub utilisation: f64,
}

/// Memory at most, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryUse {
    /// Of the process, as the system counts it.
    pub host_bytes: Option<u64>,
    /// Reserved on the device.
    pub device_bytes: Option<u64>,
}

impl MemoryUse {
    /// The most of both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            host_bytes: self.host_bytes.max(other.host_bytes),
            device_bytes: self.device_bytes.max(other.device_bytes),
        }
    }
}

/// Energy of the parts of the machine that tell it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Energy {
    /// Who tells, such as `package (RAPL)` or `GPU (nvidia-smi)`.
    pub source: String,
    /// Joules per tile of the network alone, idle power included.
    pub joules_per_tile: Samples,
}

/// How far outputs are from a reference on the same tiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parity {
    /// Tiles compared.
    pub tiles: usize,
    /// Largest |difference| of an output.
    pub max: f64,
    /// Median |difference| over all outputs.
    pub median: f64,
    /// Tiles for which another class comes first; none where outputs are not classes.
    pub flips: Option<usize>,
}

/// Something that could not be measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// What, such as `resnet18 on cuda in f16`.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// A whole program on the slide, as a user runs it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeRun {
    /// Program and version.
    pub program: String,
    /// The model's name.
    pub model: String,
    /// The device as it was asked for.
    pub device: String,
    /// Type of the numbers.
    pub dtype: String,
    /// What else was set.
    pub setting: String,
    /// Tiles that it scored.
    pub tiles: usize,
    /// From its start to its end, seconds.
    pub seconds: Samples,
    /// Tiles/s over all that time.
    pub rate: Samples,
    /// `rate` over that of the model's first run, round by round.
    pub ratio: Option<Samples>,
}
