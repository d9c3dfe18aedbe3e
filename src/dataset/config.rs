//! What of a tile the network sees, and how tiles are divided: the `[input]` and `[split]` tables of a training.

use crate::dataset::sources::{DataSource, check_range};
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What the network sees of a tile: `[input]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InputConfig {
    /// Micrometres per pixel of a tile; image files are taken to have it.
    pub um_per_px: f64,
    /// Side of a tile at that resolution, pixels. A slide's labels must have been made for tiles of this size.
    pub tile_px: u32,
    /// Side after resizing, which is what the network sees, pixels.
    pub input_px: u32,
    /// Subtracted from each channel (RGB, 0 to 1).
    pub mean: [f32; 3],
    /// Divided by, after that.
    pub std: [f32; 3],
    /// What is done about image files that are smaller than `tile_px`, as tiles at the edges of slides are.
    pub size: SizeRule,
}

/// What is done about image files smaller than a tile. Larger ones are always refused: how they were to be cut or reduced
/// nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SizeRule {
    /// They count as tiles that cannot be read.
    #[default]
    Exact,
    /// White is added on the right and below, as beyond the edge of a slide that is scored; a note counts them.
    Pad,
    /// They are left out; a note counts them.
    Drop,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self { um_per_px: 0.5, tile_px: 224, input_px: 224, mean: [0.5; 3], std: [0.5; 3], size: SizeRule::default() }
    }
}

/// How tiles are divided: `[split]`. Where a table says it for each tile, only `by` and `duplicates` are asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// What is kept whole; unless it is said the coarsest that is known: patients, several slides, single tiles.
    pub by: Option<SplitBy>,
    /// Share of the tiles that decides which epoch is best, and the temperature.
    pub validation: f64,
    /// Share of the tiles that is looked at once, in the end; 0 for none.
    pub test: f64,
    /// Parts of a cross-validation, in place of `test`: `fold` tests, and over all folds each tile tests once.
    pub folds: Option<usize>,
    /// Which of the `folds` tests, from 1; without it each in turn.
    pub fold: Option<usize>,
    /// Where nothing coarser is kept whole, a slide is divided in squares of this many tiles a side.
    pub block_tiles: u32,
    /// What is done about equal image files of different patients, slides or sites.
    pub duplicates: Duplicates,
}

/// What is kept on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitBy {
    /// All tiles of a patient.
    Patient,
    /// All tiles of a slide.
    Slide,
    /// All tiles of a site, and of a patient who was at several.
    Site,
    /// Copies of an image; places of a slide in blocks. Where patients are known a note warns.
    Tile,
}

/// What is done about equal image files on two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// They are refused by name.
    #[default]
    Refuse,
    /// Those that would train are left out, then those that would validate; a note counts them.
    Drop,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self {
            by: None,
            validation: 0.2,
            test: 0.0,
            folds: None,
            fold: None,
            block_tiles: 4,
            duplicates: Duplicates::default(),
        }
    }
}

impl SplitConfig {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`TRN-0102`) with the key, the range and the value found.
    pub fn check(&self) -> Result<()> {
        check_range("split.validation", self.validation, 0.01, 0.9)?;
        check_range("split.test", self.test, 0.0, 0.9)?;
        check_range("split.block_tiles", f64::from(self.block_tiles), 1.0, 4096.0)?;
        let fault = |message: &str| Err(Error::new(ErrorKind::Usage, "TRN-0102", message));
        if let Some(folds) = self.folds {
            check_range("split.folds", folds as f64, 2.0, 1000.0)?;
            if self.test > 0.0 {
                return fault("split: expected `folds` or `test`, found both: a fold is the test");
            }
        }
        if let Some(fold) = self.fold {
            let Some(folds) = self.folds else { return fault("split: expected `folds` with `fold`, found none") };
            check_range("split.fold", fold as f64, 1.0, folds as f64)?;
        }
        // A tenth must train.
        let held = self.validation + self.folds.map_or(self.test, |folds| 1.0 / folds as f64);
        check_range("split: shares of validation and test together", held, 0.0, 0.9)
    }
}

/// A reading of labelled tiles.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where they come from.
    pub source: &'a DataSource,
    /// Labels whose tiles are left out; each must occur.
    pub exclude: &'a [String],
    /// Size and resolution.
    pub input: &'a InputConfig,
    /// Memory for decoded tiles, bytes; those of larger data are kept in a file without a name.
    pub memory_bytes: u64,
    /// The folder on whose disk that file is; the system's for temporary files when there is none.
    pub scratch: Option<&'a Path>,
    /// Whether they are to train, which takes two classes with two tiles each.
    pub trains: bool,
}
