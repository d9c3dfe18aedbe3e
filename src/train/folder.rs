//! A folder of class folders → tiles.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::{Filter, RgbImage8, resize};
use crate::train::config::{FolderSource, TrainConfig};
use crate::train::data::{Collector, Place, TileSet};
use crate::train::event::TrainEvent;
use image::{ImageFormat, ImageReader, Limits};
use rayon::prelude::*;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Tiles decoded before the next progress report.
const AT_ONCE: usize = 256;
/// Memory that one image may take while it is decoded: four times the largest tile in RGBA.
const MAX_DECODE_BYTES: u64 = 256 << 20;
const NO_PATIENTS: &str = "WARNING: class folders carry no patient ids, so tiles of one patient are likely on both \
                           sides; the validation figures are too good for new patients";

/// Reads every PNG and JPEG of every class folder that is not excluded; classes and files sorted by name.
pub(super) fn read(
    source: &FolderSource,
    config: &TrainConfig,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(TrainEvent),
) -> Result<TileSet> {
    let mut classes = Vec::new();
    let mut files: Vec<(PathBuf, Place)> = Vec::new();
    for folder in sorted(&source.path)?.into_iter().filter(|path| path.is_dir()) {
        let class = name_of(&folder);
        let images: Vec<PathBuf> = sorted(&folder)?.into_iter().filter(|path| format_of(path).is_some()).collect();
        if images.is_empty() || config.exclude.contains(&class) {
            continue;
        }
        let label = classes.len();
        files.extend(images.into_iter().map(|path| {
            let name = format!("{class}/{}", name_of(&path));
            (path, Place { label, name, rect_l0: None })
        }));
        classes.push(class);
    }
    let mut collector =
        Collector::new(classes, files.len(), config, cancel, on_event).map_err(|error| error.at_path(&source.path))?;
    while !files.is_empty() {
        let now: Vec<_> = files.drain(..files.len().min(AT_ONCE)).collect();
        let decoded: Vec<Result<Vec<u8>>> = now.par_iter().map(|(path, _)| decode(path, config)).collect();
        for ((_, place), pixels) in now.into_iter().zip(decoded) {
            collector.take(place, pixels)?;
        }
    }
    collector.finish(vec![NO_PATIENTS.to_owned()]).map_err(|error| error.at_path(&source.path))
}

/// The entries of a folder by name; hidden ones are no data.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder, "list tiles", error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn format_of(path: &Path) -> Option<ImageFormat> {
    let format = ImageFormat::from_path(path).ok()?;
    matches!(format, ImageFormat::Png | ImageFormat::Jpeg).then_some(format)
}

/// Decodes a tile; one of another size than said would have another resolution, and is refused.
fn decode(path: &Path, config: &TrainConfig) -> Result<Vec<u8>> {
    let failed = |error: String| Error::new(ErrorKind::Format, "TRN-0204", format!("expected an image: {error}"));
    let file = fs::File::open(path).map_err(|error| Error::io(path, "read the tile", error))?;
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|e| failed(e.to_string()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODE_BYTES);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| failed(error.to_string()))?.into_rgb8();
    let (found, side) = (Size::new(image.width(), image.height()), config.input.tile_px);
    if found != Size::new(side, side) {
        return Err(Error::new(
            ErrorKind::Format,
            "TRN-0205",
            format!("expected {side} x {side} pixels, found {found}"),
        ));
    }
    let image = RgbImage8::from_vec(found, image.into_raw()).ok_or_else(|| failed("wrong length".to_owned()))?;
    let input = Size::new(config.input.input_px, config.input.input_px);
    Ok(resize(&image, input, Filter::Bilinear)?.into_vec())
}
