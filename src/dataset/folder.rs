//! A folder of class folders → tiles.

use crate::dataset::config::{FolderSource, InputConfig, Request};
use crate::dataset::event::ReadEvent;
use crate::dataset::labels;
use crate::dataset::tiles::{Collector, Place, Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::JpegFile;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Tiles decoded before the next progress report.
const AT_ONCE: usize = 256;
/// Bytes that one image may take as a file, and while it is decoded: four times the largest tile in RGBA.
const MAX_IMAGE_BYTES: u64 = 256 << 20;
const NO_PATIENTS: &str = "WARNING: class folders carry no patient ids, so tiles of one patient are likely on both \
                           sides; the validation figures are too good for new patients";

/// Reads every PNG and JPEG of every class folder that is not excluded; classes and files sorted by name.
pub(super) fn read(
    source: &FolderSource,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    let mut folders: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for folder in sorted(&source.path)?.into_iter().filter(|path| path.is_dir()) {
        let images: Vec<PathBuf> = sorted(&folder)?.into_iter().filter(|path| format_of(path).is_some()).collect();
        // Names that are no text can look alike.
        if !images.is_empty() && folders.insert(name_of(&folder), images).is_some() {
            let message = format!("expected folders of different names, found {} again", name_of(&folder));
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message).at_path(&source.path));
        }
    }
    let labels = folders.keys().cloned().collect();
    let classes = labels::classes(request.exclude, &labels).map_err(|error| error.at_path(&source.path))?;
    let mut files: Vec<(PathBuf, Place)> = Vec::new();
    for (class, folder) in classes.iter().enumerate() {
        files.extend(folders.remove(folder).unwrap_or_default().into_iter().map(|path| {
            let name = format!("{folder}/{}", name_of(&path));
            (path, Place { truth: Truth::Class(class), name, rect_l0: None })
        }));
    }
    let mut collector = Collector::new(Targets::Classes(classes), files.len(), request, cancel, on_event)
        .map_err(|error| error.at_path(&source.path))?;
    while !files.is_empty() {
        let now: Vec<_> = files.drain(..files.len().min(AT_ONCE)).collect();
        let decoded: Vec<Result<Vec<u8>>> = now.par_iter().map(|(path, _)| decode(path, request.input)).collect();
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
///
/// A JPEG is decoded as those of slides are, so that a damaged one is no grey tile.
fn decode(path: &Path, input: &InputConfig) -> Result<Vec<u8>> {
    let bytes = contents(path)?;
    let expected = Size::new(input.tile_px, input.tile_px);
    let check = |found: Size| {
        let message = format!("expected {expected} pixels, found {found}");
        if found == expected { Ok(()) } else { Err(Error::new(ErrorKind::Format, "TRN-0205", message)) }
    };
    let image = match image::guess_format(&bytes).ok() {
        Some(ImageFormat::Jpeg) => {
            let file = JpegFile::new(&bytes).map_err(|error| no_image(error.message()))?;
            check(file.size())?;
            file.decode().map_err(|error| no_image(error.message()))?
        }
        Some(ImageFormat::Png) => png(&bytes, check)?,
        _ => return Err(no_image("neither PNG nor JPEG")),
    };
    let seen = Size::new(input.input_px, input.input_px);
    Ok(resize(&image, seen, Filter::Bilinear)?.into_vec())
}

/// Decodes a PNG whose size passes a check.
fn png(bytes: &[u8], check: impl Fn(Size) -> Result<()>) -> Result<RgbImage8> {
    let failed = |error: ImageError| no_image(&error.to_string());
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_IMAGE_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(failed)?;
    let (w, h) = decoder.dimensions();
    let size = Size::new(w, h);
    check(size)?;
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    RgbImage8::from_vec(size, image.into_rgb8().into_raw()).ok_or_else(|| no_image("wrong length"))
}

fn no_image(why: &str) -> Error {
    Error::new(ErrorKind::Format, "TRN-0204", format!("expected an image: {why}"))
}

/// The bytes of a file of bounded size.
fn contents(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, "read the tile", error);
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_IMAGE_BYTES {
        let message = format!("expected a tile of at most {MAX_IMAGE_BYTES} bytes, found more");
        return Err(Error::new(ErrorKind::Limits, "TRN-0204", message));
    }
    Ok(bytes)
}
