//! One picture in a file of its own, such as a tile, to pixels: PNG, JPEG or TIFF, whatever its
//! name.
//!
//! Invariant: it is decoded as strictly as the chunks of a slide, so that a damaged one is an error and no grey picture, and
//! its size is checked before memory is asked for. What it shows, and at which resolution, is not known here.

use super::{JpegFile, TiffFile};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::limits::MAX_TILE_SIDE_PX;
use crate::raster::RgbImage8;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// Bytes that a picture may take as a file, and while it is decoded: four times the largest one in RGBA.
const MAX_BYTES: u64 = 256 << 20;

/// Whether a file's name is that of a picture: it ends in `.png`, `.jpg`, `.jpeg`, `.tif` or `.tiff`.
pub fn is_picture_candidate(path: &Path) -> bool {
    matches!(ImageFormat::from_path(path), Ok(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff))
}

/// Reads a PNG, JPEG or TIFF of any size up to [`MAX_TILE_SIDE_PX`] a side; transparency is left out.
///
/// # Errors
/// [`ErrorKind::Format`] for another kind of file and for damage (`WSI-0401`, JPEG as in slides), [`ErrorKind::Limits`]
/// (`WSI-0402`) for one that is too large, [`ErrorKind::Unsupported`] for a JPEG or TIFF that is not read here,
/// [`ErrorKind::Io`].
pub fn read_picture(path: &Path) -> Result<RgbImage8> {
    read_picture_if(path, &|_| Ok(()))
}

/// The same for a picture whose size passes a check, which comes before anything is decoded.
///
/// # Errors
/// As [`read_picture`], and that of the check.
pub fn read_picture_if(path: &Path, allow: &dyn Fn(Size) -> Result<()>) -> Result<RgbImage8> {
    contents(path).and_then(|bytes| decode(&bytes, allow)).map_err(|error| error.at_path(path))
}

fn contents(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, "read the tile", error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(too_large(&format!("at most {MAX_BYTES} bytes, found more")));
    }
    Ok(bytes)
}

fn decode(bytes: &[u8], allow: &dyn Fn(Size) -> Result<()>) -> Result<RgbImage8> {
    let check = |size: Size| check(size).and_then(|()| allow(size));
    match image::guess_format(bytes).ok() {
        Some(ImageFormat::Jpeg) => {
            let file = JpegFile::new(bytes)?;
            check(file.size())?;
            file.decode()
        }
        Some(ImageFormat::Tiff) => {
            let file = TiffFile::new(bytes)?;
            check(file.size())?;
            file.decode()
        }
        Some(ImageFormat::Png) => png(bytes, &check),
        _ => Err(no_picture("neither PNG nor JPEG nor TIFF")),
    }
}

fn png(bytes: &[u8], check: &dyn Fn(Size) -> Result<()>) -> Result<RgbImage8> {
    let failed = |error: ImageError| no_picture(&error.to_string());
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(failed)?;
    let (w, h) = decoder.dimensions();
    let size = Size::new(w, h);
    check(size)?;
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    RgbImage8::from_vec(size, image.into_rgb8().into_raw()).ok_or_else(|| no_picture("wrong length"))
}

fn check(size: Size) -> Result<()> {
    let fits = (1..=MAX_TILE_SIDE_PX).contains(&size.w) && (1..=MAX_TILE_SIDE_PX).contains(&size.h);
    if fits { Ok(()) } else { Err(too_large(&format!("sides of 1 to {MAX_TILE_SIDE_PX} px, found {size}"))) }
}

fn no_picture(why: &str) -> Error {
    Error::new(ErrorKind::Format, "WSI-0401", format!("expected a picture, found none: {why}"))
}

fn too_large(expected: &str) -> Error {
    Error::new(ErrorKind::Limits, "WSI-0402", format!("expected a picture of {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    fn png_of(bytes: &[u8], w: u32, h: u32, colours: ExtendedColorType) -> Vec<u8> {
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(bytes, w, h, colours).unwrap();
        png
    }

    #[test]
    fn pictures_are_read_whatever_their_name_and_damaged_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tile.jpg");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_picture(&path)
        };
        let rgb: Vec<u8> = (0..18).collect();
        let png = png_of(&rgb, 3, 2, ExtendedColorType::Rgb8);
        let image = read(&png).unwrap();
        assert_eq!((image.size(), image.as_bytes()), (Size::new(3, 2), &rgb[..]));
        let grey = read(&png_of(&[7, 9], 2, 1, ExtendedColorType::L8)).unwrap();
        assert_eq!(grey.as_bytes(), [7, 7, 7, 9, 9, 9]);
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 100)
            .encode(&[120; 16 * 24 * 3], 16, 24, ExtendedColorType::Rgb8)
            .unwrap();
        assert_eq!(read(&jpeg).unwrap().size(), Size::new(16, 24));

        for (bytes, code) in [
            (&png[..png.len() / 2], "WSI-0401"),
            (&jpeg[..jpeg.len() / 2], "WSI-0301"),
            (b"GIF89a", "WSI-0401"),
            (b"", "WSI-0401"),
            (&png_of(&[0; 5000], 5000, 1, ExtendedColorType::L8)[..], "WSI-0402"),
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!((error.code(), error.path()), (code, Some(&*path)), "{error}");
        }
        assert_eq!(read_picture(&folder.path().join("none.png")).unwrap_err().kind(), ErrorKind::Io);
        assert!(is_picture_candidate(&path) && is_picture_candidate("a.PNG".as_ref()));
        assert!(!is_picture_candidate("a.svs".as_ref()) && !is_picture_candidate("png".as_ref()));
    }
}
