//! A TIFF file that stands alone, such as a tile in a folder, to RGB pixels.
//!
//! The `tiff` crate reads the directory, never pixels. Invariant: the file has one picture of 8-bit RGB, its strips lie in
//! the file and hold exactly the pixels of their rows, or it is refused. Packed bits and plain pixels are read; anything
//! else is refused by name.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::RgbImage8;
use std::io::Cursor;
use tiff::TiffError;
use tiff::decoder::{Decoder, Limits};
use tiff::tags::Tag;

/// Bytes of a tag's values: the tables of a picture with a strip for each of its rows.
const MAX_TAG_BYTES: usize = 1 << 20;

/// A file whose directory was read.
#[derive(Debug)]
pub(crate) struct TiffFile<'a> {
    bytes: &'a [u8],
    size: Size,
    packed: bool,
    rows_per_strip: u32,
    strips: Vec<(u64, u64)>,
}

impl<'a> TiffFile<'a> {
    /// Reads the directory of a file; no pixel is decoded.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] (`WSI-0601`) for a damaged one, [`ErrorKind::Unsupported`] (`WSI-0602`) for what is not read.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut limits = Limits::default();
        limits.ifd_value_size = MAX_TAG_BYTES;
        let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(|error| broken(&error))?.with_limits(limits);
        let (w, h) = decoder.dimensions().map_err(|error| broken(&error))?;
        if decoder.more_images() {
            return Err(unsupported("one picture", "several"));
        }
        let mut numbers = |tag: Tag| {
            let found = decoder.find_tag_unsigned_vec::<u64>(tag).map_err(|error| broken(&error))?;
            Ok::<Vec<u64>, Error>(found.unwrap_or_default())
        };
        let compression = numbers(Tag::Compression)?;
        let packed = match compression.first().copied().unwrap_or(1) {
            1 => false,
            32773 => true,
            other => return Err(unsupported("no compression or packed bits", &format!("compression {other}"))),
        };
        let bits = numbers(Tag::BitsPerSample)?;
        let one = |numbers: Vec<u64>, usual: u64| numbers.first().copied().unwrap_or(usual);
        let samples = one(numbers(Tag::SamplesPerPixel)?, 1);
        let photometric = numbers(Tag::PhotometricInterpretation)?;
        let (planar, rotated) = (one(numbers(Tag::PlanarConfiguration)?, 1), one(numbers(Tag::Orientation)?, 1));
        if samples != 3 || photometric != [2] || bits != [8, 8, 8] || planar != 1 || rotated != 1 {
            let found = format!(
                "{samples} channels of {bits:?} bits, colours {photometric:?}, planes {planar}, turn {rotated}"
            );
            return Err(unsupported("3 channels of 8 bits, colours [2], planes 1, turn 1", &found));
        }
        let (offsets, counts) = (numbers(Tag::StripOffsets)?, numbers(Tag::StripByteCounts)?);
        let rows_per_strip = u32::try_from(one(numbers(Tag::RowsPerStrip)?, u64::from(h))).unwrap_or(u32::MAX).min(h);
        if rows_per_strip == 0
            || offsets.len() != counts.len()
            || offsets.len() as u64 != u64::from(h.div_ceil(rows_per_strip))
        {
            let found =
                format!("{} offsets and {} lengths for strips of {rows_per_strip} rows", offsets.len(), counts.len());
            return Err(damaged(format!("expected strips for {h} rows, found {found}")));
        }
        let strips = offsets.into_iter().zip(counts).collect();
        Ok(Self { bytes, size: Size::new(w, h), packed, rows_per_strip, strips })
    }

    /// What the directory says.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Decodes the whole picture.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] (`WSI-0601`) for strips that are cut, or have more or fewer pixels than their rows.
    pub(crate) fn decode(&self) -> Result<RgbImage8> {
        let Size { w, h } = self.size;
        // The caller has judged the size; no strip may make more of it.
        let mut pixels = Vec::with_capacity(w as usize * h as usize * 3);
        for (at, &(offset, count)) in self.strips.iter().enumerate() {
            let end = offset.checked_add(count).and_then(|end| usize::try_from(end).ok());
            let strip = usize::try_from(offset).ok().zip(end).and_then(|(start, end)| self.bytes.get(start..end));
            let strip =
                strip.ok_or_else(|| damaged(format!("strip {}: expected it in the file, found its end", at + 1)))?;
            let rows = (h as usize).saturating_sub(at * self.rows_per_strip as usize).min(self.rows_per_strip as usize);
            let expected = pixels.len() + rows * w as usize * 3;
            let whole = if self.packed {
                unpack(strip, expected, &mut pixels).is_some()
            } else {
                pixels.extend_from_slice(strip);
                true
            };
            if !whole || pixels.len() != expected {
                let message = format!("strip {}: expected the pixels of {rows} rows, found more or fewer", at + 1);
                return Err(damaged(message));
            }
        }
        RgbImage8::from_vec(self.size, pixels).ok_or_else(|| damaged("expected all pixels, found fewer".to_owned()))
    }
}

/// Unpacks a strip behind what is there, up to a length; `None` when it is cut or too long.
///
/// # Source
/// TIFF 6.0, section 9.
fn unpack(mut packed: &[u8], end: usize, pixels: &mut Vec<u8>) -> Option<()> {
    while let Some((&head, rest)) = packed.split_first() {
        let length = match head {
            0..=127 => usize::from(head) + 1,
            128 => 0,
            129..=255 => 257 - usize::from(head),
        };
        if pixels.len() + length > end {
            return None;
        }
        packed = match head {
            0..=127 => {
                let (plain, rest) = rest.split_at_checked(length)?;
                pixels.extend_from_slice(plain);
                rest
            }
            128 => rest,
            129..=255 => {
                let (&byte, rest) = rest.split_first()?;
                pixels.resize(pixels.len() + length, byte);
                rest
            }
        };
    }
    Some(())
}

fn broken(error: &TiffError) -> Error {
    damaged(format!("expected a TIFF: {error}"))
}

fn damaged(message: String) -> Error {
    Error::new(ErrorKind::Format, "WSI-0601", message)
}

fn unsupported(expected: &str, found: &str) -> Error {
    let message = format!("expected a TIFF of {expected}, found {found}");
    Error::new(ErrorKind::Unsupported, "WSI-0602", message).with_advice("save the tiles as PNG")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directory entries: tag, type (3 is u16), count, value or offset.
    type Entry = (u16, u16, u32, u32);

    /// Where the values behind the directory begin: header, count, ten entries, no next directory.
    const VALUES: u32 = 8 + 2 + 10 * 12 + 4;

    /// 2 x 2 pixels in two strips.
    fn entries(compression: u32, lengths: [u32; 2]) -> [Entry; 10] {
        let strips = VALUES + 6;
        [
            (256, 3, 1, 2),
            (257, 3, 1, 2),
            (258, 3, 3, VALUES),
            (259, 3, 1, compression),
            (262, 3, 1, 2),
            (273, 3, 2, strips | (strips + lengths[0]) << 16),
            (277, 3, 1, 3),
            (278, 3, 1, 1),
            (279, 3, 2, lengths[0] | lengths[1] << 16),
            (284, 3, 1, 1),
        ]
    }

    fn file(entries: &[Entry; 10], strips: &[u8]) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0\x0a\0".to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend([0, 0, 0, 0, 8, 0, 8, 0, 8, 0]);
        bytes.extend(strips);
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(TiffFile::new(bytes)?.decode()?.into_vec())
    }

    const PIXELS: [u8; 12] = [1, 2, 3, 4, 5, 6, 9, 9, 9, 9, 7, 8];
    /// Six plain bytes; four equal ones, a head without meaning, two plain ones.
    const PACKED: [u8; 13] = [5, 1, 2, 3, 4, 5, 6, 253, 9, 128, 1, 7, 8];

    #[test]
    fn plain_and_packed_strips_are_read() {
        assert_eq!(decode(&file(&entries(1, [6, 6]), &PIXELS)).unwrap(), PIXELS);
        assert_eq!(decode(&file(&entries(32773, [7, 6]), &PACKED)).unwrap(), PIXELS);
    }

    #[test]
    fn whatever_is_damaged_or_of_another_kind_is_refused() {
        let plain = entries(1, [6, 6]);
        let with = |at: usize, value: u32| {
            let mut entries = plain;
            entries[at].3 = value;
            entries
        };
        for (what, bytes, code) in [
            ("no TIFF", b"II*\0".to_vec(), "WSI-0601"),
            ("cut", file(&plain, &PIXELS[..11]), "WSI-0601"),
            ("a short strip", file(&entries(1, [5, 7]), &PIXELS), "WSI-0601"),
            ("packed and cut", file(&entries(32773, [7, 5]), &PACKED), "WSI-0601"),
            (
                "packed and too long",
                file(&entries(32773, [7, 6]), &[5, 1, 2, 3, 4, 5, 6, 250, 9, 128, 1, 7, 8]),
                "WSI-0601",
            ),
            ("three rows", file(&with(1, 3), &PIXELS), "WSI-0601"),
            ("no rows in a strip", file(&with(7, 0), &PIXELS), "WSI-0601"),
            ("LZW", file(&with(3, 5), &PIXELS), "WSI-0602"),
            ("grey", file(&with(4, 1), &PIXELS), "WSI-0602"),
            ("planes without strips", file(&with(9, 2), &PIXELS), "WSI-0601"),
        ] {
            assert_eq!(decode(&bytes).unwrap_err().code(), code, "{what}");
        }
    }
}
