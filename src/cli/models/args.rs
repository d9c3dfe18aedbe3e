//! The arguments of `eosin models`.

use crate::cli::data_args::DataArgs;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use eosin::device::DeviceSpec;
use eosin::nn::{Activation, Padding};
use eosin::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// What an experienced user may have to say of an unusual network.
const NETWORK: &str = "Only if the network needs it";

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Prove that a model loads, runs and gives finite numbers.
    Check(CheckArgs),
    /// Make a model folder of another library's weights.
    Import(Box<ImportArgs>),
    /// Teach a model to tell tiles that look unlike those it was trained on, such as another tissue, stain or scanner. The
    /// model is written anew with that; its weights, and so its scores, stay as they are.
    Familiarise(Box<FamiliariseArgs>),
    /// Measure how far a model's scores move when convolutions multiply in bf16, which decides whether `--precision auto` may
    /// take bf16 for it. The model is written anew with that; its weights, and so its scores, stay as they are. Without a
    /// matrix unit (AMX) a twin computes its numbers, slowly.
    Bf16(Box<Bf16Args>),
    /// List the networks that weights can be for.
    Architectures(ArchitecturesArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// A model by name, or its folder.
    #[arg(value_name = "NAME|DIR")]
    pub(crate) model: String,

    /// Where to run it; off the CPU its scores are held against the CPU's.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceSpec,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FamiliariseArgs {
    /// A model by name, or its folder.
    #[arg(value_name = "NAME|DIR")]
    pub(crate) model: String,

    /// The configuration that it was trained with (TOML): where its tiles are, and which of them were kept apart. Flags win
    /// over it.
    #[arg(value_name = "CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// The new model's folder, which must not exist.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// auto, cpu, vulkan, metal, cuda or wgpu; with :N the N-th adapter.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceSpec,

    /// Show errors and the final figures only.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// The seed of the training, which decided which tiles were kept apart.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<i64>,

    /// Share of the tiles that validated in the training.
    #[arg(long, value_name = "FRACTION")]
    pub(crate) validation: Option<f64>,

    /// Share of the tiles that tested in the training.
    #[arg(long, value_name = "FRACTION")]
    pub(crate) test: Option<f64>,

    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Bf16Args {
    /// A model by name, or its folder.
    #[arg(value_name = "NAME|DIR")]
    pub(crate) model: String,

    /// The configuration that it was trained with (TOML), for its tiles. All count, those that trained too: no label is looked
    /// at, and with more tiles the largest difference can only grow. Flags win over it.
    #[arg(value_name = "CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// The new model's folder, which must not exist.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// How far a score may move; with a tile that reaches it, `--precision auto` stays with f32. Choose it before you look at
    /// what is found. A model of numbers or features needs it, in their own unit [default: 0.01 of a probability: whole
    /// percents are what people read, and one grey level more or less of a tile moves a probability by as much].
    #[arg(long, value_name = "DIFFERENCE", value_parser = above_zero, allow_negative_numbers = true)]
    pub(crate) bound: Option<f64>,

    /// What the tiles are, in a few words for the card [default: where they come from, without a path].
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) measured_on: Option<String>,

    /// Only tiles that changed no weight in the training: those that validated and tested by the configuration's split.
    #[arg(long, requires = "config")]
    pub(crate) kept_apart: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show errors and the final figures only.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    // Last: its heading holds for all that follow.
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ArchitecturesArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// The weights: safetensors, a PyTorch file (.pth, .pt, .bin, .ckpt), or a folder of WSInfer's zoo.
    pub(crate) file: PathBuf,

    /// The key that holds the weights in a checkpoint with several sets, such as `state_dict_ema`.
    #[arg(long, value_name = "KEY")]
    pub(crate) part: Option<String>,

    /// The model's folder, which must not exist.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// The network, as `eosin models architectures` lists them or as timm and torchvision call it [default: told from the
    /// tensors].
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,

    /// Names of the classes or of the numbers it estimates, in the order of its outputs; a number's unit follows a colon,
    /// such as `Ki67:cells/mm2`.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub(crate) classes: Vec<String>,

    /// Leave the last layer out: the model describes tiles by features.
    #[arg(long, conflicts_with_all = ["classes", "activation"])]
    pub(crate) features: bool,

    /// What the numbers are: classes that exclude each other, findings of which a tile may have several, or measurements
    /// [default: softmax, for one class sigmoid].
    #[arg(long, value_enum)]
    pub(crate) activation: Option<Score>,

    /// Micrometres per pixel at which the model sees tiles.
    #[arg(long, value_name = "UM_PER_PX")]
    pub(crate) mpp: Option<f64>,

    /// Side of a tile at that resolution, pixels [default: the network's].
    #[arg(long, value_name = "PX")]
    pub(crate) tile_px: Option<u32>,

    /// Side that tiles are resized to, pixels [default: the tile's].
    #[arg(long, value_name = "PX")]
    pub(crate) input_px: Option<u32>,

    /// Means of red, green and blue, 0 to 1 [default: the network's].
    #[arg(long, value_name = "R,G,B", value_parser = three)]
    pub(crate) mean: Option<[f32; 3]>,

    /// Standard deviations of red, green and blue [default: the network's].
    #[arg(long, value_name = "R,G,B", value_parser = three)]
    pub(crate) std: Option<[f32; 3]>,

    /// Everything that WSInfer's configuration says, in place of the options above.
    #[arg(
        long, short, value_name = "JSON",
        conflicts_with_all = ["classes", "features", "activation", "mpp", "tile_px", "input_px", "mean", "std"]
    )]
    pub(crate) config: Option<PathBuf>,

    /// How its convolutions are padded [default: that of the network's name].
    #[arg(long, value_enum, help_heading = NETWORK)]
    pub(crate) padding: Option<Pad>,

    /// Factor on the numbers of channels [default: that of the network's name].
    #[arg(long, value_name = "FACTOR", help_heading = NETWORK)]
    pub(crate) width: Option<f64>,

    /// What normalisation adds to variances [default: that of the network's name].
    #[arg(long, value_name = "NUMBER", help_heading = NETWORK)]
    pub(crate) epsilon: Option<f64>,

    /// The shape of a vision transformer: a TOML file of the keys in a card's `[architecture.vit]`.
    #[arg(long, value_name = "TOML", help_heading = NETWORK)]
    pub(crate) vit: Option<PathBuf>,

    /// The model's name [default: the folder's].
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// What it predicts, in a few words.
    #[arg(long, default_value = "not stated", hide_default_value = true)]
    pub(crate) task: String,

    /// Licence of the weights, an SPDX expression where there is one.
    #[arg(long, default_value = "not stated", hide_default_value = true)]
    pub(crate) licence: String,

    /// Whom to name when it is used.
    #[arg(long, default_value = "not stated", hide_default_value = true)]
    pub(crate) attribution: String,

    /// What it was trained on.
    #[arg(long, default_value = "not stated", hide_default_value = true)]
    pub(crate) training_data: String,
}

/// A finite number above 0.
fn above_zero(text: &str) -> Result<f64> {
    let number: Option<f64> = text.trim().parse().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| Error::new(ErrorKind::Usage, "RUN-0005", "expected a number above 0, such as 0.01"))
}

/// Three numbers with commas between them.
fn three(text: &str) -> Result<[f32; 3]> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| Error::new(ErrorKind::Usage, "RUN-0005", "expected three numbers, such as 0.5,0.5,0.5"))
}

/// What the numbers are, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Score {
    /// Classes that exclude each other.
    Softmax,
    /// Findings, each for itself.
    Sigmoid,
    /// Measurements.
    Identity,
}

impl From<Score> for Activation {
    fn from(score: Score) -> Self {
        match score {
            Score::Softmax => Self::Softmax,
            Score::Sigmoid => Self::Sigmoid,
            Score::Identity => Self::Identity,
        }
    }
}

/// Padding as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pad {
    /// The same on all sides.
    Torch,
    /// TensorFlow's "same".
    TfSame,
}

impl From<Pad> for Padding {
    fn from(pad: Pad) -> Self {
        match pad {
            Pad::Torch => Self::Torch,
            Pad::TfSame => Self::TfSame,
        }
    }
}
