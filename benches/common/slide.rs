//! The slide of benches that are given none.

use eosin::geometry::Size;
use eosin::synthetic::{SyntheticConfig, SyntheticSlide};
use eosin::units::Mpp;
use std::path::{Path, PathBuf};

/// Writes a synthetic SVS of `side_px` pixels a side into a folder: chunks of 256 px, JPEG of quality 90.
pub(crate) fn synthetic_slide(folder: &Path, side_px: u32, mpp: Mpp) -> PathBuf {
    let path = folder.join("bench.svs");
    let config = SyntheticConfig { seed: 1, size: Size::new(side_px, side_px), mpp };
    SyntheticSlide::new(config).write_svs(&path, &|_, _| {}).unwrap();
    path
}
