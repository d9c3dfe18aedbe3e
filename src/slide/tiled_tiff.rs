//! A pyramid of tiled TIFF directories: the part that is the same for every vendor.
//!
//! Turns directories into levels and reads their chunks. Invariant: every level was checked (sizes, chunk table, 8-bit
//! RGB in one plane, a codec that exists) before the first pixel is read; levels shrink and keep their shape. Which
//! directories are levels, and what the resolution is, the formats decide.

use super::codec::jpeg::{Channels, JpegCodec};
use super::driver::Driver;
use super::level::Level;
use super::probe::Tiled;
use super::properties::Properties;
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::limits::{MAX_CHUNK_BYTES_PER_PX, MAX_CHUNK_HEAD_BYTES};
use crate::raster::RgbImage8;
use std::time::Duration;

/// The driver of all tiled TIFF formats.
#[derive(Debug)]
pub(crate) struct TiledTiff {
    source: Source,
    levels: Vec<Level>,
    chunks: Vec<Chunks>,
    empty: Empty,
    properties: Properties,
}

/// What a chunk is for which the file holds no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Empty {
    /// Glass: scanners and converters write nothing at all for it.
    Glass,
    /// Glass at level 0; above it a fault of the encoder, which may hide tissue.
    GlassAtLevel0,
}

/// Where the chunks of one level are and how they are decoded.
#[derive(Debug)]
struct Chunks {
    offsets: Vec<u64>,
    byte_counts: Vec<u64>,
    /// The longest chunk that would be read.
    longest_bytes: u64,
    codec: JpegCodec,
}

impl TiledTiff {
    /// Checks directories and makes them levels: the first is level 0, to which the resolution belongs, the others follow
    /// by size.
    ///
    /// # Errors
    /// [`ErrorKind::Format`], [`ErrorKind::Unsupported`] or [`ErrorKind::Limits`], with the level; among them a directory
    /// that is not smaller than the first.
    pub(crate) fn new(source: Source, mut images: Vec<Tiled>, empty: Empty, properties: Properties) -> Result<Self> {
        let Some((level_0, smaller)) = images.split_first_mut() else {
            return Err(Error::new(ErrorKind::Format, "WSI-0109", "expected a tiled directory, found none"));
        };
        let level_0 = level_0.size;
        smaller.sort_by_key(|image| std::cmp::Reverse(image.size.area()));
        let mut levels: Vec<Level> = Vec::new();
        let mut chunks = Vec::new();
        for (index, image) in images.into_iter().enumerate() {
            let level = check(&image, level_0)
                .and_then(|level| check_step(levels.last(), &level).map(|()| level))
                .map_err(|error| error.at_level(index))?;
            levels.push(level);
            chunks.push(Chunks::new(image).map_err(|error| error.at_level(index))?);
        }
        Ok(Self { source, levels, chunks, empty, properties })
    }
}

impl Driver for TiledTiff {
    fn levels(&self) -> &[Level] {
        &self.levels
    }

    fn properties(&self) -> &Properties {
        &self.properties
    }

    fn read_chunk(&self, level: usize, col: u32, row: u32) -> Result<Option<RgbImage8>> {
        let missing = || {
            let message = format!("expected a chunk of the level, found column {col}, row {row}");
            Error::new(ErrorKind::Usage, "WSI-0201", message)
        };
        let (shape, chunks) = self.levels.get(level).zip(self.chunks.get(level)).ok_or_else(missing)?;
        let index = shape.chunk_index(col, row).ok_or_else(missing)?;
        let (&offset, &bytes) = chunks.offsets.get(index).zip(chunks.byte_counts.get(index)).ok_or_else(missing)?;
        if bytes == 0 && (level == 0 || self.empty == Empty::Glass) {
            return Ok(None);
        }
        let in_chunk = |error: Error| match error.kind() {
            ErrorKind::Format | ErrorKind::Unsupported => {
                Error::new(error.kind(), error.code(), format!("chunk {col}, {row}: {}", error.message()))
            }
            _ => error,
        };
        if bytes == 0 {
            let message = "expected bytes above level 0, where a chunk without them may hide tissue, found none";
            return Err(in_chunk(Error::new(ErrorKind::Format, "WSI-0306", message)));
        }
        let max_bytes = max_stream_bytes(shape.chunk);
        let len = usize::try_from(bytes).ok().filter(|_| bytes <= max_bytes).ok_or_else(|| {
            let size = shape.chunk;
            let message =
                format!("chunk {col}, {row}: expected at most {max_bytes} bytes for {size} px, found {bytes}");
            Error::new(ErrorKind::Limits, "WSI-0304", message)
        })?;
        let stream = self.source.read_at(offset, len).map_err(in_chunk)?;
        chunks.codec.decode(&stream, shape.chunk).map(Some).map_err(in_chunk)
    }

    fn scratch_bytes(&self, level: usize) -> u64 {
        let level = self.levels.get(level).zip(self.chunks.get(level));
        level.map_or(0, |(shape, chunks)| chunks.longest_bytes + JpegCodec::scratch_bytes(shape.chunk))
    }

    fn read_time(&self) -> Duration {
        self.source.read_time()
    }
}

impl Chunks {
    fn new(image: Tiled) -> Result<Self> {
        let channels = match image.photometric {
            Some(2) => Channels::Rgb,
            Some(6) => Channels::YCbCr,
            found => return Err(unsupported("WSI-0116", "RGB (2) or YCbCr (6) as photometric interpretation", found)),
        };
        let codec = JpegCodec::new(image.jpeg_tables.as_deref(), channels)?;
        let max_bytes = max_stream_bytes(image.chunk);
        let longest_bytes = image.byte_counts.iter().copied().filter(|&bytes| bytes <= max_bytes).max().unwrap_or(0);
        Ok(Self { offsets: image.offsets, byte_counts: image.byte_counts, longest_bytes, codec })
    }
}

/// Bytes that a chunk may have in the file; more are damage or hostile, and every worker would hold them.
fn max_stream_bytes(chunk: Size) -> u64 {
    MAX_CHUNK_HEAD_BYTES + MAX_CHUNK_BYTES_PER_PX * chunk.area()
}

/// Checks everything about a directory but its place in the pyramid.
fn check(image: &Tiled, level_0: Size) -> Result<Level> {
    let level = Level::new(image.size, image.chunk, level_0)?;
    if image.depth > 1 {
        return Err(unsupported("WSI-0117", "one focal plane (ImageDepth 1)", image.depth));
    }
    if image.samples != 3 || image.bits.iter().any(|&bits| bits != 8) || image.sample_formats.iter().any(|&is| is != 1)
    {
        let found = format!("{} of {:?} bits, sample format {:?}", image.samples, image.bits, image.sample_formats);
        return Err(unsupported("WSI-0113", "3 channels of 8 bits", found));
    }
    if image.planar != 1 {
        return Err(unsupported("WSI-0113", "channels in one plane (1)", image.planar));
    }
    match image.compression {
        7 => Ok(level),
        code @ (33003 | 33005) => {
            Err(Error::new(ErrorKind::Unsupported, "WSI-0115", format!("JPEG 2000 ({code}) is not supported yet"))
                .with_advice("convert the slide to a JPEG pyramid, for example with vips or bfconvert"))
        }
        code => {
            let message =
                format!("{} ({code}) is not a supported compression, only JPEG (7) is", compression_name(code));
            Err(Error::new(ErrorKind::Unsupported, "WSI-0114", message))
        }
    }
}

/// Checks that a level is a smaller version of the one before.
fn check_step(before: Option<&Level>, level: &Level) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    if level.size.w >= before.size.w || level.size.h >= before.size.h {
        let message = format!("expected a level smaller than {}, found {}", before.size, level.size);
        return Err(Error::new(ErrorKind::Format, "WSI-0118", message));
    }
    if !same_shape(level.downsample_x, level.downsample_y, level.size) {
        let message = format!(
            "expected one downsample along both axes, found {:.3} along x and {:.3} along y",
            level.downsample_x, level.downsample_y
        );
        return Err(Error::new(ErrorKind::Format, "WSI-0119", message));
    }
    Ok(())
}

/// True when both downsamples agree within 1 %, and within the pixel that rounding takes or gives on a small level.
pub(crate) fn same_shape(downsample_x: f64, downsample_y: f64, size: Size) -> bool {
    let tolerance = 0.01 + 1.0 / f64::from(size.w) + 1.0 / f64::from(size.h);
    (downsample_x / downsample_y - 1.0).abs() <= tolerance
}

fn compression_name(code: u64) -> &'static str {
    match code {
        1 => "uncompressed",
        5 => "LZW",
        6 => "old-style JPEG",
        8 | 32946 => "Deflate",
        32773 => "PackBits",
        34712 => "JPEG 2000",
        50000 => "Zstandard",
        50001 => "WebP",
        _ => "this code",
    }
}

fn unsupported(code: &'static str, expected: &str, found: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Unsupported, code, format!("expected {expected}, found {found:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_of_small_levels_is_no_change_of_shape() {
        // 11,264 x 14,340 at 1/16, as a real converter rounded it.
        assert!(same_shape(11264.0 / 704.0, 14340.0 / 896.0, Size::new(704, 896)));
        assert!(same_shape(2220.0 / 17.0, 2967.0 / 23.0, Size::new(17, 23)));
        // A macro image beside a slide.
        assert!(!same_shape(2220.0 / 1280.0, 2967.0 / 431.0, Size::new(1280, 431)));
    }
}
