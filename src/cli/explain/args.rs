//! The arguments of `eosin explain`.

use crate::cli::args::mpp;
use clap::Args as ClapArgs;
use eosin::device::DeviceSpec;
use eosin::units::Mpp;
use eosin::{Error, ErrorKind, Result};
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    /// Tiles as PNG or JPEG files, and folders that are searched for them; a tile is taken to have the model's resolution.
    #[arg(required_unless_present = "slide", conflicts_with = "slide", value_name = "TILES")]
    pub(crate) tiles: Vec<PathBuf>,

    /// A slide of which tiles are read as they are for scoring; needs `--at`.
    #[arg(long, value_name = "SLIDE", requires = "at")]
    pub(crate) slide: Option<PathBuf>,

    /// Top-left corner of a tile of that slide, pixels of its full resolution; may be given many times.
    #[arg(long, value_name = "X,Y", value_parser = place, requires = "slide", allow_hyphen_values = true)]
    pub(crate) at: Vec<(i64, i64)>,

    /// Resolution of the slide in um/px, in place of what the file states.
    #[arg(long, value_name = "UM_PER_PX", value_parser = mpp, requires = "slide", allow_negative_numbers = true)]
    pub(crate) mpp: Option<Mpp>,

    /// The folder of figures and table; made when it does not exist.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// A model by name (see `eosin models`), or its folder.
    #[arg(long, short, default_value = "tissue-mobilenetv2.crc01", value_name = "NAME|DIR")]
    pub(crate) model: String,

    /// The class, finding or estimate to explain [default: the one with the largest score].
    #[arg(long, value_name = "NAME")]
    pub(crate) class: Option<String>,

    /// auto, cpu, vulkan, metal, cuda or wgpu; with :N the N-th adapter.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: DeviceSpec,

    /// Show errors only.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

fn place(text: &str) -> Result<(i64, i64)> {
    let px = |text: &str| text.trim().parse::<i64>().ok().filter(|px| (-FARTHEST_PX..=FARTHEST_PX).contains(px));
    let place = text.split_once(',').and_then(|(x, y)| Some((px(x)?, px(y)?)));
    place.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "RUN-0005", "expected two whole numbers of pixels, such as 5120,2048")
    })
}

/// No place on a slide is farther from its corner.
const FARTHEST_PX: i64 = eosin::limits::MAX_LEVEL_SIDE_PX as i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_two_whole_numbers() {
        assert_eq!(place("5120, -7").unwrap(), (5120, -7));
        for bad in ["", "5", "5,", "1.5,2", "1,2,3", "x,y", "9223372036854775808,0", "-9223372036854775808,0"] {
            assert_eq!(place(bad).unwrap_err().code(), "RUN-0005", "{bad}");
        }
    }
}
