//! The slide in small becomes `thumbnails/ID.jpg`: what maps are shown on when they are made again without the slide.
//!
//! At most as large as the pipeline looked at it from afar; label, macro and other pictures of the file are never in it.

use super::SlideOutputs;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::RgbImage8;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, ImageReader, Limits};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

/// Nuclei are not seen at this size; stains and borders are, without a trace of blocks.
const QUALITY: u8 = 88;

/// Writes the picture.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let size = outputs.thumbnail.size();
    JpegEncoder::new_with_quality(out, QUALITY)
        .write_image(outputs.thumbnail.as_bytes(), size.w, size.h, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)
}

/// The longest side that is read back, pixels.
const LONGEST_PX: u32 = 1 << 14;

/// Reads the picture back.
///
/// # Errors
/// [`ErrorKind::Io`] when it cannot be read, [`ErrorKind::Format`] `OUT-0010` when it is no such picture.
pub fn read_thumbnail(path: &Path) -> Result<RgbImage8> {
    let file = File::open(path).map_err(|error| Error::io(path, "read the thumbnail", error))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), ImageFormat::Jpeg);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST_PX), Some(LONGEST_PX));
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| {
        let message = format!("expected a thumbnail that was written beside the results, found an error: {error}");
        Error::new(ErrorKind::Format, "OUT-0010", message).at_path(path)
    })?;
    let picture = picture.into_rgb8();
    let size = Size::new(picture.width(), picture.height());
    // Pixels and size come from one picture.
    Ok(RgbImage8::from_vec(size, picture.into_raw()).unwrap_or_else(|| RgbImage8::filled(Size::new(1, 1), [255; 3])))
}
