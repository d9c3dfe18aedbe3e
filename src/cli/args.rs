//! Arguments as typed; every number names its unit.

use super::bench::args::BenchArgs;
use super::doctor::args::DoctorArgs;
use super::evaluate::args::EvaluateArgs;
use super::explain::args::ExplainArgs;
use super::map::MapArgs;
use super::map_args::MapSettingArgs;
use super::models::args::ModelsArgs;
use super::train::args::TrainArgs;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use eosin::cpu::Engine;
use eosin::device::{Arithmetic, DeviceSpec, OpenDevice, open_in};
use eosin::nn::{Bf16Difference, Bundle};
use eosin::tile::GridRule;
use eosin::tiling::wsinfer_grid::MIN_OVERLAP;
use eosin::tissue::{SaturationConfig, TissueConfig};
use eosin::units::Mpp;
use eosin::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// Whole-slide images in, spatial biomarker maps out. Research use only, not for diagnosis.
#[derive(Debug, Parser)]
#[command(name = "eosin", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score slides: per slide a table, a QuPath file, maps, numbers and a report; for all a summary and a report.
    Score(Box<ScoreArgs>),
    /// Make maps, numbers and reports of scored slides again, with other settings; needs neither slides nor model.
    Map(Box<MapArgs>),
    /// Make a synthetic slide with known regions, score it, and say how far the map is from the truth.
    Demo(DemoArgs),
    /// Train a model on labelled tiles, and write it as a bundle that scores slides at once.
    Train(Box<TrainArgs>),
    /// Say how good a model is on labelled tiles: figures with intervals, and what it said of each tile.
    Evaluate(Box<EvaluateArgs>),
    /// Show which parts of tiles speak for a class: a heat map over each tile, and a table (Grad-CAM).
    Explain(ExplainArgs),
    /// Say what a slide is: format, size, levels, um/px and where it comes from.
    Info(InfoArgs),
    /// List the models that can be used, check one, or import another library's weights.
    Models(ModelsArgs),
    /// Say how fast models run here on each device, where the time goes, and how far outputs are from the CPU's.
    Bench(Box<BenchArgs>),
    /// Check devices, drivers, models and folders: what would work and what would not.
    Doctor(DoctorArgs),
}

/// Which model.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ModelArgs {
    /// A model by name (see `eosin models`), or its folder, one of WSInfer's zoo included.
    #[arg(long, short, default_value = "tissue-mobilenetv2.crc01", value_name = "NAME|DIR")]
    pub(crate) model: String,

    /// A model's WSInfer configuration, in place of `--model`; needs `--weights`.
    #[arg(long, short, value_name = "JSON", requires = "weights", conflicts_with = "model")]
    pub(crate) config: Option<PathBuf>,

    /// The weights of that model: safetensors, or a PyTorch or TorchScript file, of which nothing is run.
    #[arg(long, short = 'p', visible_alias = "model-path", value_name = "FILE", requires = "config")]
    pub(crate) weights: Option<PathBuf>,

    /// Take scores as the network gives them, even when the model's card has a temperature that corrects them.
    #[arg(long)]
    pub(crate) uncalibrated: bool,
}

/// What a model scores on.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct DeviceArgs {
    /// auto, cpu, vulkan, metal, cuda or wgpu; with :N the N-th adapter.
    #[arg(long, default_value = "auto")]
    pub(crate) device: DeviceSpec,

    /// The numbers that the network computes in: f32; f16, which is faster on GPUs that have it and nearly as exact; bf16,
    /// on CPUs with AMX, which is several times as fast and less exact; exact, on the CPU, for f32 sums term by term, which
    /// are a little slower; auto is f32, or in `score` and `demo` bf16 where it is there and the model's card says that
    /// scores stay within a bound.
    #[arg(long, default_value = "auto", value_name = "auto|exact|f32|f16|bf16", value_parser = precision)]
    pub(crate) precision: Precision,

    /// What computes the network on the CPU: our own engine where it knows the network, or the reference, burn, which is
    /// slow and what the engine is held against.
    #[arg(long, default_value = "auto", value_name = "auto|reference")]
    pub(crate) engine: EngineChoice,
}

/// Who computes a network on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineChoice {
    /// Our own engine where it can, else the reference.
    Auto,
    /// burn.
    Reference,
}

/// The numbers that a network computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// What suits model and device.
    Auto,
    /// Those that were asked for.
    Stated(Arithmetic),
}

/// A precision as a flag has it.
///
/// # Errors
/// [`ErrorKind::Usage`] `DEV-0009` with those that there are.
fn precision(text: &str) -> Result<Precision> {
    match (text, text.parse()) {
        ("auto", _) => Ok(Precision::Auto),
        // Who computes is another flag.
        (_, Ok(arithmetic)) if arithmetic != Arithmetic::Reference => Ok(Precision::Stated(arithmetic)),
        _ => {
            let message = format!("expected a precision, auto, exact, f32, f16 or bf16, found \"{text}\"");
            Err(Error::new(ErrorKind::Usage, "DEV-0009", message))
        }
    }
}

/// How a model is run; the same for every command that scores slides.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    /// Tiles computed at once [default: 4 on each CPU core and on a software renderer, 64 on a GPU].
    #[arg(long, short, value_parser = clap::value_parser!(u16).range(1..=4096), value_name = "TILES")]
    pub(crate) batch_size: Option<u16>,

    /// Memory for decoded pixels, in MiB.
    #[arg(long, default_value_t = 512, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory_mb: u32,

    /// Threads that read and decode [default: one for each core].
    #[arg(long, short = 'j', default_value_t = 0, hide_default_value = true, value_name = "N")]
    pub(crate) workers: usize,

    /// Show errors only.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ScoreArgs {
    /// Slides, and folders that are searched for them.
    #[arg(required = true, value_name = "SLIDES")]
    pub(crate) slides: Vec<PathBuf>,

    /// The results folder; made when it does not exist.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) run: RunArgs,

    /// Resolution of the slides in um/px, in place of what the files state.
    #[arg(long, value_name = "UM_PER_PX", value_parser = mpp, allow_negative_numbers = true)]
    pub(crate) mpp: Option<Mpp>,

    /// Which rule finds tissue and places tiles: our own, or WSInfer 0.6.1's.
    #[arg(long, value_enum, default_value_t = Grid::Eosin)]
    pub(crate) grid: Grid,

    /// Resolution at which tiles are read, in place of the model's.
    #[arg(long, value_name = "UM_PER_PX", value_parser = mpp, allow_negative_numbers = true)]
    pub(crate) spacing_um: Option<Mpp>,

    /// Side of a tile at that resolution, in place of the model's; the network sees it resized to its own input.
    #[arg(long, value_name = "PX")]
    pub(crate) tile_px: Option<u32>,

    /// Overlap of neighbouring tiles, 0 to below 1; with `--grid wsinfer` also below 0, which leaves gaps.
    #[arg(long, default_value_t = 0.0, value_name = "FRACTION", value_parser = overlap, allow_negative_numbers = true)]
    pub(crate) overlap: f64,

    /// Part of a tile that must be tissue, 0 to 1.
    #[arg(long, default_value_t = 0.25, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true)]
    pub(crate) min_tissue: f64,

    /// Score again what an earlier run has finished.
    #[arg(long)]
    pub(crate) overwrite: bool,

    // Last: headings hold for all that follow.
    #[command(flatten)]
    pub(crate) maps: MapSettingArgs,

    #[command(flatten)]
    pub(crate) seg: SegArgs,
}

/// How WSInfer's rule finds tissue; names, meanings and defaults are WSInfer's.
#[derive(Debug, Clone, PartialEq, Default, ClapArgs)]
#[command(next_help_heading = "Tissue, with --grid wsinfer only")]
pub(crate) struct SegArgs {
    /// The box that the thumbnail has to fit into, pixels [default: 2048 2048].
    #[arg(long = "seg-thumbsize", num_args = 2, action = clap::ArgAction::Set, value_names = ["WIDTH", "HEIGHT"])]
    thumbsize: Option<Vec<u32>>,

    /// Side of the median filter, pixels of the thumbnail; odd [default: 7].
    #[arg(long = "seg-median-filter-size", value_name = "PX")]
    median_filter_size: Option<u32>,

    /// Tissue has a saturation above this, of 255 [default: 7].
    #[arg(long = "seg-binary-threshold", value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(1..))]
    binary_threshold: Option<u8>,

    /// Side of the square that closes gaps, pixels of the thumbnail [default: 6].
    #[arg(long = "seg-closing-kernel-size", value_name = "PX")]
    closing_kernel_size: Option<u32>,

    /// Tissue of this area or less is left out [default: 40000].
    #[arg(long = "seg-min-object-size-um2", value_name = "UM2", allow_negative_numbers = true)]
    min_object_size_um2: Option<f64>,

    /// Holes of this area or less are filled [default: 36100].
    #[arg(long = "seg-min-hole-size-um2", value_name = "UM2", allow_negative_numbers = true)]
    min_hole_size_um2: Option<f64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Where the slide and its results go.
    #[arg(long, short, default_value = "eosin-demo", value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Another number makes another slide.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct InfoArgs {
    /// The slide.
    pub(crate) slide: PathBuf,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Also say why each other format does not fit.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// The grid rule as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grid {
    /// Tiles that touch enough tissue, read from the best pyramid level.
    Eosin,
    /// The same tiles as WSInfer 0.6.1, read from level 0.
    Wsinfer,
}

impl DeviceArgs {
    /// Opens it.
    ///
    /// # Errors
    /// Those of [`open_in`]; [`ErrorKind::Usage`] `DEV-0010` when the reference is asked for in f16 or bf16.
    pub(crate) fn open(&self) -> Result<OpenDevice> {
        let stated = match self.precision {
            Precision::Auto => Arithmetic::F32,
            Precision::Stated(arithmetic) => arithmetic,
        };
        let arithmetic = match (self.engine, stated) {
            (EngineChoice::Auto, arithmetic) => arithmetic,
            (EngineChoice::Reference, Arithmetic::F16 | Arithmetic::Bf16) => {
                let message = format!("expected f32 or exact with the engine `reference`, found {stated}");
                return Err(Error::new(ErrorKind::Usage, "DEV-0010", message));
            }
            (EngineChoice::Reference, _) => Arithmetic::Reference,
        };
        open_in(self.device, arithmetic)
    }

    /// Opens it for a model: in bf16 where nothing else was asked for, the CPU has AMX, and the model's card says that its
    /// scores stay within a bound so.
    ///
    /// # Errors
    /// Those of [`DeviceArgs::open`].
    pub(crate) fn open_for(&self, bundle: &Bundle) -> Result<OpenDevice> {
        let device = self.open()?;
        let free = self.precision == Precision::Auto && self.engine == EngineChoice::Auto && device.is_cpu;
        let fits = free && bundle.bf16().is_some_and(Bf16Difference::is_within_bound);
        if fits && Engine::matrix_kernels().is_some() {
            return Ok(OpenDevice { arithmetic: Arithmetic::Bf16, ..device });
        }
        Ok(device)
    }
}

impl SegArgs {
    /// The settings of WSInfer's rule; what is not given has WSInfer's default.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `RUN-0011` when any is given for our own grid, which has another rule.
    pub(crate) fn tissue(&self, grid: Grid) -> Result<TissueConfig> {
        if grid != Grid::Wsinfer && *self != Self::default() {
            let message = "expected `--grid wsinfer` with flags that begin with --seg, found our own grid";
            return Err(Error::new(ErrorKind::Usage, "RUN-0011", message)
                .with_advice("our own rule finds tissue without settings"));
        }
        let usual = SaturationConfig::default();
        let thumbnail_px = match self.thumbsize.as_deref() {
            Some(&[width, height]) => [width, height],
            _ => usual.thumbnail_px,
        };
        let wsinfer = SaturationConfig {
            thumbnail_px,
            median_filter_px: self.median_filter_size.unwrap_or(usual.median_filter_px),
            threshold: self.binary_threshold.unwrap_or(usual.threshold),
            closing_px: self.closing_kernel_size.unwrap_or(usual.closing_px),
            min_object_um2: self.min_object_size_um2.unwrap_or(usual.min_object_um2),
            min_hole_um2: self.min_hole_size_um2.unwrap_or(usual.min_hole_um2),
        };
        Ok(TissueConfig { wsinfer, ..TissueConfig::default() })
    }
}

impl From<Grid> for GridRule {
    fn from(grid: Grid) -> Self {
        match grid {
            Grid::Eosin => Self::Eosin,
            Grid::Wsinfer => Self::WsInfer,
        }
    }
}

pub(super) fn mpp(text: &str) -> Result<Mpp> {
    let expected = format!("{} to {} um/px, such as 0.5", Mpp::MIN, Mpp::MAX);
    text.parse().ok().and_then(|number| Mpp::new(number).ok()).ok_or_else(|| refused(&expected))
}

fn overlap(text: &str) -> Result<f64> {
    let fits = |number: &f64| (MIN_OVERLAP..1.0).contains(number);
    text.parse().ok().filter(fits).ok_or_else(|| refused("a fraction from 0 to below 1, such as 0.5"))
}

fn fraction(text: &str) -> Result<f64> {
    let fits = |number: &f64| (0.0..=1.0).contains(number);
    text.parse().ok().filter(fits).ok_or_else(|| refused("a fraction from 0 to 1, such as 0.25"))
}

/// What was found is said by clap, and as it was typed.
fn refused(expected: &str) -> Error {
    Error::new(ErrorKind::Usage, "RUN-0005", format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(mpp("0.25").is_ok() && overlap("0").is_ok() && fraction("1").is_ok());
        for bad in ["", "0", "-1", "nan", "inf", "1e300", "0.01", "0,5", "20x"] {
            assert_eq!(mpp(bad).unwrap_err().code(), "RUN-0005", "{bad}");
        }
        for bad in ["", "-101", "nan", "1.01", "0,5"] {
            assert!(overlap(bad).is_err() && fraction(bad).is_err(), "{bad}");
        }
        assert!(overlap("1").is_err() && fraction("-0.1").is_err());
    }
}
