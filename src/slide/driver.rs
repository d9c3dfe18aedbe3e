//! What every format gives: levels, properties, decoded chunks.
//!
//! Drivers are written for one format each, in `formats`; assembling regions, limits on requests and the checks of
//! these promises are written once, in [`super::Slide`].

use super::level::Level;
use super::properties::Properties;
use crate::error::Result;
use crate::raster::RgbImage8;
use std::time::Duration;

/// An opened slide of one format; shared by all threads.
pub(crate) trait Driver: Send + Sync {
    /// The pyramid: at least one level, level 0 first, each level smaller than the one before in width and height.
    fn levels(&self) -> &[Level];

    /// Resolution and objective; texts are not given out.
    fn properties(&self) -> &Properties;

    /// Decodes one chunk at its full size, or gives `None` when the file holds no bytes for it.
    ///
    /// # Errors
    /// It must refuse chunks that do not exist, bytes beyond the end of the file, streams that are cut or damaged, and
    /// streams whose size or number of channels differs from the directory's. It must not guess pixels.
    fn read_chunk(&self, level: usize, col: u32, row: u32) -> Result<Option<RgbImage8>>;

    /// Bytes that [`Self::read_chunk`] takes at most beside the pixels it gives, for budgets of memory.
    fn scratch_bytes(&self, level: usize) -> u64;

    /// How long reading the file took until now, decoding left out, summed over all threads.
    fn read_time(&self) -> Duration;
}
