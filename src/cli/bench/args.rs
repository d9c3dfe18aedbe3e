//! Arguments of `eosin bench`.

use clap::{Args as ClapArgs, Subcommand};
use eosin::bench::Peer;
use eosin::device::{Arithmetic, DeviceSpec};
use eosin::units::Mpp;
use eosin::{Error, ErrorKind};
use std::path::PathBuf;

/// Benches models on devices; `eosin bench compare` holds two results against each other.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BenchCommand>,

    /// A slide whose tiles are scored [default: a synthetic one, made at each model's resolution].
    #[arg(long, value_name = "SLIDE")]
    pub(crate) slide: Option<PathBuf>,

    /// Resolution of the slide in um/px, in place of what the file states.
    #[arg(long, value_name = "UM_PER_PX", value_parser = super::super::args::mpp, requires = "slide")]
    pub(crate) mpp: Option<Mpp>,

    /// Models by name or folder, and networks such as resnet18, which get random weights; separated by commas.
    #[arg(long, short, value_delimiter = ',', default_value = "tissue-mobilenetv2.crc01", value_name = "MODELS")]
    pub(crate) models: Vec<String>,

    /// Devices by the names of `eosin doctor` [default: the CPU and every GPU].
    #[arg(long, value_delimiter = ',', value_name = "DEVICES", value_parser = device)]
    pub(crate) devices: Vec<String>,

    /// How networks are computed: f32, f16, and on the CPU bf16, exact and reference [default: f32, on GPUs f16 too].
    #[arg(long, value_delimiter = ',', value_name = "DTYPES")]
    pub(crate) dtypes: Vec<Arithmetic>,

    /// Tiles in a batch, several sizes separated by commas [default: what `eosin score` takes on each device].
    #[arg(long, value_delimiter = ',', value_name = "TILES", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) batches: Vec<u16>,

    /// Also run onnxruntime, torch or wsinfer with the same weights on the same tiles, in turn; needs a Python that has
    /// them (benches/peers/README.md).
    #[arg(long, value_delimiter = ',', value_name = "PROGRAMS")]
    pub(crate) against: Vec<Peer>,

    /// That Python [default: what `EOSIN_PYTHON` names, else python3].
    #[arg(long, value_name = "PYTHON")]
    pub(crate) python: Option<String>,

    /// Times that each process is started anew, minutes apart where there are several models.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) starts: u16,

    /// Times that each figure is measured after each start; its spread is from the lowest to the highest of all.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,

    /// What one round of one figure aims at, seconds; a slow device needs one batch at least.
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: f64,

    /// Tiles whose scores are compared with those of the CPU.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) tiles: u16,

    /// What a synthetic slide and random weights follow from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Begin with empty kernel caches, so that a cold start is one with all compiling and tuning; a driver's own cache stays.
    #[arg(long)]
    pub(crate) empty_caches: bool,

    /// Where bench.json, bench.csv and bench.html go.
    #[arg(long, short, default_value = "eosin-bench", value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Replace the results of an earlier bench in that folder.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Print the record as JSON in place of the table.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show errors and the result only.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Be one of the processes that are measured.
    #[arg(long, hide = true)]
    pub(crate) worker: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Hold two results against each other: ratios, and whether they lie within their spread.
    Compare(CompareArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// The first bench.json.
    pub(crate) a: PathBuf,

    /// The second one.
    pub(crate) b: PathBuf,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A device is kept as it was typed; whether it is there is found out by opening it.
fn device(text: &str) -> eosin::Result<String> {
    match text.parse::<DeviceSpec>()? {
        DeviceSpec::Auto => Err(Error::new(ErrorKind::Usage, "BCH-0018", "expected a device by name, found auto")),
        _ => Ok(text.to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let fits = |seconds: &f64| (0.05..=3600.0).contains(seconds);
    text.parse().ok().filter(fits).ok_or_else(|| "expected 0.05 to 3600 seconds".to_owned())
}
