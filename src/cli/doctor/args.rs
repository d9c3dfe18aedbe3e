//! The arguments of `eosin doctor`.

use clap::{ArgGroup, Args as ClapArgs};
use eosin::device::{Arithmetic, DeviceSpec};

#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("work").args(["warm", "clear_cache", "probe"]))]
pub(crate) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,

    /// Compile and tune models on devices now, and keep that, so that the first slide of a night does not wait for it.
    #[arg(long)]
    pub(crate) warm: bool,

    /// Remove all that was kept for devices; nothing else in the folder is touched.
    #[arg(long)]
    pub(crate) clear_cache: bool,

    /// Open one device, compute on it and say whether the numbers are right; used for each device in turn.
    #[arg(long, hide = true, value_name = "DEVICE")]
    pub(crate) probe: Option<DeviceSpec>,

    #[command(flatten)]
    pub(crate) warm_up: WarmArgs,
}

/// What is warmed up.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "With --warm only")]
pub(crate) struct WarmArgs {
    /// A device, as `eosin score` has it; may be given many times [default: all GPUs; the CPU has nothing to keep].
    #[arg(long, requires = "warm")]
    pub(crate) device: Vec<DeviceSpec>,

    /// A model by name, or its folder; may be given many times [default: all that are found].
    #[arg(long, short, requires = "warm", value_name = "NAME|DIR")]
    pub(crate) model: Vec<String>,

    /// The numbers that networks compute in, f32 or f16.
    #[arg(long, requires = "warm", default_value_t = Arithmetic::F32, value_name = "f32|f16")]
    pub(crate) precision: Arithmetic,

    /// Tiles computed at once, as `eosin score` will have it; another number is compiled and tuned anew.
    #[arg(long, short, requires = "warm", value_parser = clap::value_parser!(u16).range(1..=4096), value_name = "TILES")]
    pub(crate) batch_size: Option<u16>,

    /// Warm one device in this very process; used for each device in turn.
    #[arg(long, hide = true, requires = "warm")]
    pub(crate) here: bool,
}
