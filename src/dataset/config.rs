//! Where labelled tiles come from, what of them is read, and how they are divided.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where tiles and labels come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DataSource {
    /// Image files in one folder per class.
    Folder(FolderSource),
    /// Labelled places of one slide.
    Slide(SlideSource),
}

/// One folder per class, each with PNG or JPEG tiles.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSource {
    /// The folder of the class folders.
    pub path: PathBuf,
}

/// A slide with a table of labelled places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlideSource {
    /// The slide.
    pub slide: PathBuf,
    /// A CSV with the columns `x` and `y`, a tile's top-left corner in level-0 pixels, and those of the targets.
    pub targets: PathBuf,
    /// The column of labels; not asked when there are `values`.
    #[serde(default = "label")]
    pub label_column: String,
    /// Columns of numbers that are to be estimated, in place of labels.
    #[serde(default)]
    pub values: Vec<String>,
}

fn label() -> String {
    "label".to_owned()
}

/// What the network sees of a tile.
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
}

impl Default for InputConfig {
    fn default() -> Self {
        Self { um_per_px: 0.5, tile_px: 224, input_px: 224, mean: [0.5; 3], std: [0.5; 3] }
    }
}

/// How tiles are divided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Share of the tiles that decides which epoch is best, and the temperature.
    pub validation: f64,
    /// Share of the tiles that is looked at once, in the end; 0 for none.
    pub test: f64,
    /// A slide is divided in squares of this many tiles a side, each wholly on one side.
    pub block_tiles: u32,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { validation: 0.2, test: 0.0, block_tiles: 4 }
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
    /// Memory for decoded tiles, bytes.
    pub memory_bytes: u64,
}
