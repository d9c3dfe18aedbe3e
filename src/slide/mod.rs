//! Slide files to pixels.
//!
//! [`Slide::open`] finds the format in an ordered table, opens it, and checks what the driver promises; then levels,
//! resolution, chunks and regions are read from any number of threads. Invariant: pixels are decoded strictly from bytes
//! of the declared size or are an error; memory is asked for only within [`crate::limits`]; files are only read. Label,
//! macro image and the texts of the vendor are never given out. Tissue, tiles and models are none of its business.

mod codec;
mod driver;
mod format;
mod formats;
mod level;
mod picture;
mod probe;
mod properties;
mod region;
mod source;
mod tiff_file;
mod tiled_tiff;

pub use format::{NotThisFormat, is_slide_candidate};
pub use level::Level;
pub use picture::{is_picture_candidate, read_picture, read_picture_if};
pub use properties::Calibration;

// Tiles that are files of their own are decoded as strictly as chunks.
pub(crate) use codec::jpeg::JpegFile;
// Decoded tiles that do not fit into memory are read back like chunks.
pub(crate) use source::read_exact_at;
pub(crate) use tiff_file::TiffFile;

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::raster::RgbImage8;
use crate::units::Mpp;
use driver::Driver;
use format::{FORMATS, Format};
use probe::Probe;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An open whole-slide image; all methods can be called from many threads at once.
///
/// # Coordinates
/// Pixels of the level that is named, origin top-left, x to the right, y down.
pub struct Slide {
    path: PathBuf,
    format: &'static Format,
    driver: Box<dyn Driver>,
}

impl Slide {
    /// Opens a slide with the first format that recognises it.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] when no format does, or when the file is damaged; [`ErrorKind::Unsupported`] for what is not
    /// read yet; [`ErrorKind::Limits`], [`ErrorKind::Integrity`], [`ErrorKind::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        let probe = Probe::open(path)?;
        let mut tried = Vec::new();
        for format in FORMATS {
            match (format.detect)(&probe) {
                Ok(()) => {
                    let driver = (format.open)(probe).map_err(|error| error.at_path(path))?;
                    check_promises(driver.levels()).map_err(|error| error.at_path(path))?;
                    return Ok(Self { path: path.to_path_buf(), format, driver });
                }
                Err(why) => tried.push((format.name, why.to_string())),
            }
        }
        // Most files are refused by all formats for the same reason, which need not be said for each.
        let same = tried.windows(2).all(|pair| pair[0].1 == pair[1].1);
        let reasons: Vec<String> = match tried.first() {
            Some((_, why)) if same => {
                let names: Vec<&str> = tried.iter().map(|(name, _)| *name).collect();
                vec![format!("{}: {why}", names.join(", "))]
            }
            _ => tried.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        };
        let message = format!("not a slide that can be read ({})", reasons.join("; "));
        Err(Error::new(ErrorKind::Format, "WSI-0100", message).at_path(path))
    }

    /// Name of the format, such as `aperio`.
    pub fn format_name(&self) -> &'static str {
        self.format.name
    }

    /// Maker of the scanner, `none` for files of no maker.
    pub fn vendor(&self) -> &'static str {
        self.format.vendor
    }

    /// The pyramid, level 0 first; there is at least one level, and each is smaller than the one before.
    pub fn levels(&self) -> &[Level] {
        self.driver.levels()
    }

    /// Size of level 0.
    pub fn size(&self) -> Size {
        self.levels().first().map_or(Size::new(0, 0), |level| level.size)
    }

    /// The resolution of level 0, when the file gives a believable one.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.driver.properties().calibration.as_ref().ok()
    }

    /// Why there is no resolution; `None` when there is one.
    pub fn calibration_note(&self) -> Option<&str> {
        self.driver.properties().calibration.as_ref().err().map(String::as_str)
    }

    /// The resolution of level 0: the mean of both axes.
    pub fn mpp(&self) -> Option<Mpp> {
        self.calibration().map(Calibration::mpp)
    }

    /// Power of the objective, such as 20; for information, tiles are placed by [`Self::mpp`] alone.
    pub fn objective(&self) -> Option<f64> {
        self.driver.properties().objective
    }

    /// The level to read from for a wanted downsample: the last whose downsample is not larger, level 0 when there is
    /// none. So what is read never has to be enlarged.
    ///
    /// # Source
    /// The rule of OpenSlide's `openslide_get_best_level_for_downsample`.
    pub fn level_for_downsample(&self, downsample: f64) -> usize {
        best_level(self.levels(), downsample)
    }

    /// Bytes that [`Self::read_chunk`] takes at most beside the pixels it gives, such as the compressed chunk; 0 when there
    /// is no such level.
    pub fn scratch_bytes(&self, level: usize) -> u64 {
        self.driver.scratch_bytes(level)
    }

    /// How long reading the file took until now, decoding left out, summed over all threads.
    pub fn read_time(&self) -> Duration {
        self.driver.read_time()
    }

    /// Decodes one chunk at its full size, padding included; `None` when the file holds no bytes for it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such chunk; [`ErrorKind::Format`] when it is cut or damaged: other chunks
    /// stay readable. [`ErrorKind::Unsupported`], [`ErrorKind::Limits`], [`ErrorKind::Integrity`], [`ErrorKind::Io`].
    pub fn read_chunk(&self, level: usize, col: u32, row: u32) -> Result<Option<RgbImage8>> {
        self.driver.read_chunk(level, col, row).map_err(|error| error.at_level(level).at_path(&self.path))
    }

    /// Reads a rectangle of a level; it may reach over the edges.
    ///
    /// Pixels outside the level, and those of chunks without bytes, have the colour `fill`. Large regions are decoded on
    /// all cores.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is no such level, [`ErrorKind::Limits`] when the region is too large, and those of
    /// [`Self::read_chunk`].
    pub fn read_region(&self, level: usize, rect: Rect, fill: [u8; 3]) -> Result<RgbImage8> {
        let located = |error: Error| error.at_level(level).at_path(&self.path);
        let Some(shape) = self.levels().get(level) else {
            let message = format!("expected a level below {}, found {level}", self.levels().len());
            return Err(located(Error::new(ErrorKind::Usage, "WSI-0202", message)));
        };
        region::read(self.driver.as_ref(), level, shape, rect, fill).map_err(located)
    }
}

impl std::fmt::Debug for Slide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slide").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}

/// Asks every format about a file: its name, and why it refuses; the first that does not refuse opens the file.
///
/// # Errors
/// Those of reading the file at all, among them a TIFF with damaged directories.
pub fn explain(path: &Path) -> Result<Vec<(&'static str, Result<(), NotThisFormat>)>> {
    let probe = Probe::open(path)?;
    Ok(FORMATS.iter().map(|format| (format.name, (format.detect)(&probe))).collect())
}

fn best_level(levels: &[Level], downsample: f64) -> usize {
    levels.iter().rposition(|level| level.downsample() <= downsample).unwrap_or(0)
}

/// Checks what [`Driver::levels`] promises: a driver that breaks it is a defect of ours, found before the first pixel.
fn check_promises(levels: &[Level]) -> Result<()> {
    let broken = |what: String| Err(Error::new(ErrorKind::Format, "WSI-0120", what));
    let Some(first) = levels.first() else { return broken("expected at least one level, found none".to_string()) };
    for (index, level) in levels.iter().enumerate() {
        if *level != Level::new(level.size, level.chunk, first.size)? {
            return broken(format!("level {index}: chunks or downsamples do not follow from its sizes"));
        }
    }
    let grows =
        levels.iter().zip(levels.iter().skip(1)).position(|(a, b)| b.size.w >= a.size.w || b.size.h >= a.size.h);
    grows.map_or(Ok(()), |index| broken(format!("level {} is not smaller than the one before", index + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pyramid(sizes: &[(u32, u32)]) -> Vec<Level> {
        let level_0 = Size::new(sizes[0].0, sizes[0].1);
        sizes.iter().map(|&(w, h)| Level::new(Size::new(w, h), Size::new(256, 256), level_0).unwrap()).collect()
    }

    #[test]
    fn the_best_level_is_the_smallest_that_need_not_be_enlarged() {
        // Downsamples 1, 2, 4, 8.0011, 16.0022: a real slide, and what OpenSlide 4.0.1 answers for it.
        let levels = pyramid(&[(11264, 14340), (5632, 7170), (2816, 3585), (1408, 1792), (704, 896)]);
        for (downsample, level) in [(0.5, 0), (1.0, 0), (1.99, 0), (2.0, 1), (8.0, 2), (8.01, 3), (100.0, 4)] {
            assert_eq!(best_level(&levels, downsample), level, "{downsample}");
        }
        assert_eq!(best_level(&levels, f64::NAN), 0);
    }

    #[test]
    fn broken_promises_are_noticed() {
        assert!(check_promises(&pyramid(&[(100, 100), (50, 50)])).is_ok());
        for bad in [vec![], pyramid(&[(100, 100), (100, 50)])] {
            assert_eq!(check_promises(&bad).unwrap_err().code(), "WSI-0120");
        }
        let mut wrong = pyramid(&[(1000, 1000)]);
        wrong[0].cols = 3;
        assert_eq!(check_promises(&wrong).unwrap_err().code(), "WSI-0120");
    }

    #[test]
    fn slides_are_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Slide>();
    }
}
