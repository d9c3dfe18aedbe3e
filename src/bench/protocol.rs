//! What a bench and the processes that it measures say to each other: a line of JSON each, on standard input and output.
//!
//! The first line that a process gets is its [`Job`]; then each [`Request`] is met with one [`Answer`]. A process ends when
//! its input does. `benches/peers/README.md` says the same to those who write such a process in another language.

use crate::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a process is to measure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The device, such as `cpu` or `vulkan:0`.
    pub device: String,
    /// Type of the numbers: `f32`, `f16`, `bf16`.
    pub dtype: String,
    /// Threads that compute on the CPU.
    pub threads: usize,
    /// The model's folder.
    pub model: PathBuf,
    /// Its weights, safetensors in f32 with timm's names, for programs that do not read the folder.
    pub weights: PathBuf,
    /// timm's name of its network, such as `resnet18`.
    pub timm_name: String,
    /// Outputs of the network.
    pub outputs: usize,
    /// Whether batch normalisation is folded into the weights, as eosin always has it.
    pub folded: bool,
    /// What turns outputs into scores: `softmax`, `sigmoid` or `none`.
    pub activation: String,
    /// What outputs are divided by before that.
    pub temperature: f32,
    /// Subtracted from each channel (RGB, 0 to 1).
    pub mean: [f32; 3],
    /// Divided by, after that.
    pub std: [f32; 3],
    /// Side of a tile as the network sees it, pixels.
    pub input_px: usize,
    /// Its resolution, um/px.
    pub um_per_px: f64,
    /// Side of a tile as it is cut from the slide at that resolution, pixels.
    pub tile_px: usize,
    /// Tiles in a file: `[N, S, S, 3]` u8, RGB, S = `input_px`.
    pub tiles: PathBuf,
    /// How many there are.
    pub tile_count: usize,
    /// The slide that they are from.
    pub slide: PathBuf,
    /// The slide's resolution where its file does not state it, um/px.
    pub mpp: Option<f64>,
}

/// What a process is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Open the device and load the model: [`OpenAnswer`].
    Open,
    /// Score one batch of this size, the first one of all: [`RoundAnswer`].
    First {
        /// Tiles in a batch.
        batch: usize,
    },
    /// Run further batches of this size until their time is steady, scores read back: [`WarmAnswer`].
    Warm {
        /// Tiles in a batch.
        batch: usize,
    },
    /// Score tiles from memory, again and again from the first one, for about this long, scores read back:
    /// [`RoundAnswer`].
    Round {
        /// Tiles in a batch.
        batch: usize,
        /// What to aim at; at least one batch is run.
        seconds: f64,
    },
    /// Score each tile once and write scores `[N, K]`, f32, little-endian: [`Answer::Done`].
    Outputs {
        /// Tiles in a batch.
        batch: usize,
        /// The file.
        into: PathBuf,
    },
    /// Score tiles of the slide from its file on: [`LineAnswer`].
    Line {
        /// Tiles in a batch.
        batch: usize,
        /// How many tiles, in the order of the plan, which begins anew when it is through.
        tiles: usize,
    },
    /// Time the stages on the device one by one, waiting after each: [`StagesAnswer`].
    Stages {
        /// Tiles in a batch.
        batch: usize,
        /// What to aim at; at least one batch is run.
        seconds: f64,
    },
    /// Say how much memory was used: [`MemoryAnswer`].
    Memory,
}

/// What a process says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::Open`].
    Open(OpenAnswer),
    /// To [`Request::Warm`].
    Warm(WarmAnswer),
    /// To [`Request::First`] and [`Request::Round`].
    Round(RoundAnswer),
    /// To [`Request::Line`].
    Line(LineAnswer),
    /// To [`Request::Stages`].
    Stages(StagesAnswer),
    /// To [`Request::Memory`].
    Memory(MemoryAnswer),
    /// It is done, and there is nothing to say.
    Done,
    /// It could not be done.
    Failed {
        /// Why.
        why: String,
    },
}

/// What was opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenAnswer {
    /// Program and version.
    pub program: String,
    /// Name of the device.
    pub device_name: String,
    /// What runs the network there.
    pub backend: String,
    /// What else is set, such as the memory format.
    pub setting: String,
    /// Tiles in a batch that it takes without being told; 0 where it does not say.
    #[serde(default)]
    pub usual_batch: usize,
    /// Opening the device, seconds; for other programs, loading their libraries.
    pub open_s: f64,
    /// Loading the model, seconds.
    pub load_s: f64,
    /// What was done besides and is no part of a start, such as exporting the network, seconds.
    #[serde(default)]
    pub aside_s: f64,
}

/// Until batches take as long as those before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WarmAnswer {
    /// What they took, seconds.
    pub warm_up_s: f64,
    /// Whether the last two batches took as long as each other.
    #[serde(default = "yes")]
    pub steady: bool,
    /// Batches that it computes side by side.
    #[serde(default)]
    pub lanes: usize,
    /// Kernels that were compiled and decisions that were made and kept; a process after this one finds them.
    #[serde(default)]
    pub learnt: u64,
}

/// Tiles from memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundAnswer {
    /// Tiles scored.
    pub tiles: usize,
    /// In how many seconds.
    pub seconds: f64,
}

/// Tiles from a slide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LineAnswer {
    /// Tiles scored.
    pub tiles: usize,
    /// In how many seconds, opening and planning left out.
    pub seconds: f64,
    /// Threads that read and decode.
    pub workers: usize,
    /// Reading, seconds summed over these.
    pub read_s: f64,
    /// Decoding, seconds summed over these.
    pub decode_s: f64,
    /// Cutting and resizing, seconds summed over these.
    pub assemble_s: f64,
    /// Making a map of the predictions, seconds.
    pub aggregate_s: f64,
}

/// Stages on a device, seconds summed over lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StagesAnswer {
    /// Tiles that went through.
    pub tiles: usize,
    /// Batches at once.
    pub lanes: usize,
    /// Bytes to the device.
    pub upload_s: f64,
    /// Bytes to normalised numbers.
    pub preprocess_s: f64,
    /// The network.
    pub network_s: f64,
    /// Outputs to the host, and scores from them.
    pub readback_s: f64,
}

/// Memory at most until now, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryAnswer {
    /// Of the process.
    pub host_bytes: Option<u64>,
    /// Reserved on the device.
    pub device_bytes: Option<u64>,
}

/// Other programs need not say it.
fn yes() -> bool {
    true
}

impl Answer {
    /// The error of an answer to another question.
    pub(super) fn unexpected() -> Error {
        Error::new(ErrorKind::Device, "BCH-0011", "expected the answer to what was asked, found another")
    }
}
