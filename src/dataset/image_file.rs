//! An image file → a tile of the size that the network sees.
//!
//! Invariant: decoded wholly or refused. A JPEG is decoded as those of slides are, so that a damaged one is no grey tile.

use crate::dataset::collector::{Collector, Pixels};
use crate::dataset::config::{InputConfig, SizeRule};
use crate::dataset::tiles::Tile;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::{Filter, RgbImage8, resize};
use crate::slide::{JpegFile, TiffFile};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use rayon::prelude::*;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Bytes that one image may take as a file, and while it is decoded: four times the largest tile in RGBA.
const MAX_IMAGE_BYTES: u64 = 256 << 20;
const WHITE: [u8; 3] = [255; 3];

/// Whether a file's name says that it is of a kind that is read.
pub(super) fn is_image(path: &Path) -> bool {
    matches!(ImageFormat::from_path(path), Ok(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff))
}

/// Reads files into a collector, in order, on all cores.
pub(super) fn read_all(collector: &mut Collector<'_>, files: Vec<(PathBuf, Tile)>, input: &InputConfig) -> Result<()> {
    let mut files = files.into_iter();
    loop {
        let now: Vec<_> = files.by_ref().take(collector.at_once()).collect();
        if now.is_empty() {
            return Ok(());
        }
        let decoded: Vec<Result<Pixels>> = now.par_iter().map(|(path, _)| read(path, input)).collect();
        for ((_, tile), pixels) in now.into_iter().zip(decoded) {
            collector.take(tile, pixels)?;
        }
    }
}

/// Decodes a tile; one of another size than said may have another resolution, and is refused unless a rule is for it.
fn read(path: &Path, input: &InputConfig) -> Result<Pixels> {
    let bytes = contents(path)?;
    let expected = Size::new(input.tile_px, input.tile_px);
    let fits = |found: Size| found == expected || (input.size != SizeRule::Exact && smaller(found, expected));
    let check = |found: Size| {
        let message = format!("expected {expected} pixels, found {found}");
        if fits(found) { Ok(()) } else { Err(Error::new(ErrorKind::Format, "TRN-0205", message)) }
    };
    let image = match image::guess_format(&bytes).ok() {
        Some(ImageFormat::Jpeg) => {
            let file = JpegFile::new(&bytes).map_err(|error| no_image(error.message()))?;
            check(file.size())?;
            file.decode().map_err(|error| no_image(error.message()))?
        }
        Some(ImageFormat::Tiff) => {
            let file = TiffFile::new(&bytes).map_err(|error| no_image(error.message()))?;
            check(file.size())?;
            file.decode().map_err(|error| no_image(error.message()))?
        }
        Some(ImageFormat::Png) => png(&bytes, check)?,
        _ => return Err(no_image("neither PNG nor JPEG nor TIFF")),
    };
    let seen = |image: &RgbImage8| {
        let size = Size::new(input.input_px, input.input_px);
        Ok::<_, Error>(resize(image, size, Filter::Bilinear)?.into_vec())
    };
    match (image.size() == expected, input.size) {
        (true, _) => seen(&image).map(Pixels::Whole),
        (false, SizeRule::Drop) => Ok(Pixels::Small),
        (false, _) => {
            let mut padded = RgbImage8::filled(expected, WHITE);
            padded.paste(&image, 0, 0);
            seen(&padded).map(Pixels::Padded)
        }
    }
}

fn smaller(found: Size, expected: Size) -> bool {
    found.area() > 0 && found.w <= expected.w && found.h <= expected.h
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

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn smaller_tiles_are_refused_padded_or_left_out_as_asked_and_larger_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tile.png");
        let input = |size| InputConfig { tile_px: 4, input_px: 4, size, ..InputConfig::default() };
        let save = |w, h| RgbImage::from_pixel(w, h, image::Rgb([7, 8, 9])).save(&path).unwrap();
        save(4, 3);
        assert_eq!(read(&path, &input(SizeRule::Exact)).unwrap_err().code(), "TRN-0205");
        assert_eq!(read(&path, &input(SizeRule::Drop)).unwrap(), Pixels::Small);
        let padded = [[7, 8, 9].repeat(12), vec![255; 12]].concat();
        assert_eq!(read(&path, &input(SizeRule::Pad)).unwrap(), Pixels::Padded(padded));
        save(4, 4);
        assert_eq!(read(&path, &input(SizeRule::Drop)).unwrap(), Pixels::Whole([7, 8, 9].repeat(16)));
        save(3, 5);
        for rule in [SizeRule::Exact, SizeRule::Pad, SizeRule::Drop] {
            assert_eq!(read(&path, &input(rule)).unwrap_err().code(), "TRN-0205");
        }
    }
}
