//! What is scored and with what: synthetic slides of so many tiles, and a small network of random weights.

use eosin::bench::write_random_model;
use eosin::geometry::{Rect, Size};
use eosin::nn::{Architecture, Input};
use eosin::raster::RgbImage8;
use eosin::synthetic::{Container, PyramidConfig, SyntheticConfig, SyntheticSlide, write_pyramid};
use eosin::units::Mpp;
use std::path::{Path, PathBuf};

/// Side of a tile, level-0 pixels; chunks hold 16 of them.
pub(crate) const TILE_PX: u32 = 64;
/// Side of what the network sees, pixels: the least that it can be.
pub(crate) const INPUT_PX: u32 = 32;
/// Resolution of slides and model, micrometres per pixel.
const MPP: f64 = 0.5;
/// Enough to look at; the largest slide would need twice the space at 90.
const QUALITY: u8 = 70;

/// Side of what is drawn, pixels, a multiple of a chunk's: beyond it a slide repeats itself. Drawing takes far longer than
/// compressing, and whoever reads chunks cannot know that another one has the same bytes.
const PIECE_PX: u32 = 4096;

/// Writes a slide whose grid has exactly so many tiles.
pub(crate) fn slide(folder: &Path, tiles: usize, seed: u64) -> PathBuf {
    let (cols, rows) = grid(tiles);
    let path = folder.join(format!("{tiles}-tiles-{seed}.svs"));
    let size = Size::new(cols * TILE_PX, rows * TILE_PX);
    let mpp = Mpp::new(MPP).unwrap();
    let piece = Size::new(size.w.min(PIECE_PX), size.h.min(PIECE_PX));
    let drawn = SyntheticSlide::new(SyntheticConfig { seed, size: piece, mpp });
    let drawn = drawn.region(Rect::new(0, 0, piece.w, piece.h));
    let pixels = |chunk: Rect| {
        let mut part = RgbImage8::filled(Size::new(chunk.w, chunk.h), [255; 3]);
        part.paste(&drawn, -(chunk.x % i64::from(PIECE_PX)), -(chunk.y % i64::from(PIECE_PX)));
        part
    };
    let (container, quality) = (Container::Big, QUALITY);
    let config = PyramidConfig { container, quality, mpp: Some(mpp), ..PyramidConfig::default() };
    write_pyramid(&path, size, &config, &pixels, None, &|_, _| {}).unwrap();
    path
}

/// Columns and rows that make up a number, as near to a square as whole numbers allow.
fn grid(tiles: usize) -> (u32, u32) {
    let rows = (1..=tiles.isqrt()).rev().find(|&rows| tiles.is_multiple_of(rows)).unwrap_or(1);
    (u32::try_from(tiles / rows).unwrap(), u32::try_from(rows).unwrap())
}

/// Writes the model.
pub(crate) fn model(folder: &Path) -> PathBuf {
    let path = folder.join("model");
    let input =
        Input { mpp: MPP, tile_px: TILE_PX, input_px: Some(INPUT_PX), mean: [0.5; 3], std: [0.5; 3], stain: None };
    write_random_model(&path, "random", Architecture::MobileNetV3Small, input, 1).unwrap();
    path
}
