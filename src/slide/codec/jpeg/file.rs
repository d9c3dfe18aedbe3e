//! A JPEG file that stands alone, such as a tile in a folder, to RGB pixels: decoded as strictly as a chunk.
//!
//! Invariant: the colours are what the file says, by the rule of libjpeg (JFIF's segment, then Adobe's, then the names of
//! the channels, else YCbCr); a file that says it twice and differently, or has other colours, is refused. Hints for
//! viewers, such as a rotation or a colour profile, are not asked.

use super::stream::{Head, head};
use super::{Channels, JpegCodec, damaged, refused};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::RgbImage8;

/// A file whose head was read.
#[derive(Debug)]
pub(crate) struct JpegFile<'a> {
    stream: &'a [u8],
    size: Size,
    channels: Channels,
}

impl<'a> JpegFile<'a> {
    /// Reads the head of a file; no pixel is decoded.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] for damage and colours that contradict each other, [`ErrorKind::Unsupported`] for grey, CMYK
    /// and unknown colours, and progressive streams.
    pub(crate) fn new(stream: &'a [u8]) -> Result<Self> {
        let head = head(stream).map_err(refused)?;
        let size = Size::new(u32::from(head.frame.width), u32::from(head.frame.height));
        Ok(Self { stream, size, channels: channels(&head)? })
    }

    /// What the head says.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Decodes the whole picture.
    ///
    /// # Errors
    /// As [`JpegCodec::decode`].
    pub(crate) fn decode(&self) -> Result<RgbImage8> {
        JpegCodec::new(None, self.channels)?.decode(self.stream, self.size)
    }
}

fn channels(head: &Head) -> Result<Channels> {
    let unsupported = |message: String| Err(Error::new(ErrorKind::Unsupported, "WSI-0303", message));
    let count = head.frame.components.len();
    if count != 3 {
        return unsupported(format!("expected a JPEG of 3 channels, found {count}"));
    }
    let named_rgb = head.frame.is_named_rgb();
    match (head.is_jfif, head.adobe) {
        (true, Some(0)) => Err(damaged("JFIF's segment says YCbCr, Adobe's RGB")),
        (true, _) | (false, Some(1)) if named_rgb => Err(damaged("it says YCbCr, and names its channels R, G, B")),
        (true, _) | (false, Some(1)) => Ok(Channels::YCbCr),
        (false, Some(0)) => Ok(Channels::Rgb),
        (false, Some(other)) => unsupported(format!("expected Adobe's colour transform 0 or 1, found {other}")),
        (false, None) => Ok(if named_rgb { Channels::Rgb } else { Channels::YCbCr }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, ramp};
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    const SIZE: Size = Size::new(80, 48);
    /// Length of the segment of JFIF that the encoder writes behind the first marker.
    const JFIF_BYTES: usize = 18;

    /// The ramp with another segment in place of JFIF's.
    fn with_segment(segment: &[u8]) -> Vec<u8> {
        let bytes = encoded(&ramp(SIZE));
        assert_eq!(bytes[2..11], *b"\xff\xe0\x00\x10JFIF\0");
        [&bytes[..2], segment, &bytes[2 + JFIF_BYTES..]].concat()
    }

    fn adobe(transform: u8) -> Vec<u8> {
        [&b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"[..], &[transform]].concat()
    }

    fn decode(bytes: &[u8]) -> Result<RgbImage8> {
        let file = JpegFile::new(bytes)?;
        assert_eq!(file.size(), SIZE);
        file.decode()
    }

    #[test]
    fn the_file_decides_about_colour() {
        let chunk =
            |channels| JpegCodec::new(None, channels).unwrap().decode(&encoded(&ramp(SIZE)), SIZE).unwrap().into_vec();
        let plain = encoded(&ramp(SIZE));
        for bytes in [plain.clone(), with_segment(&[]), with_segment(&adobe(1))] {
            assert_eq!(decode(&bytes).unwrap().into_vec(), chunk(Channels::YCbCr));
        }
        assert_eq!(decode(&with_segment(&adobe(0))).unwrap().into_vec(), chunk(Channels::Rgb));
    }

    #[test]
    fn colours_that_are_unclear_are_refused() {
        let plain = encoded(&ramp(SIZE));
        let both = [&plain[..2 + JFIF_BYTES], &adobe(0), &plain[2 + JFIF_BYTES..]].concat();
        assert_eq!(decode(&both).unwrap_err().code(), "WSI-0301");
        assert_eq!(decode(&with_segment(&adobe(2))).unwrap_err().code(), "WSI-0303");
        let mut grey = Vec::new();
        JpegEncoder::new(&mut grey).encode(&[9; 64], 8, 8, image::ExtendedColorType::L8).unwrap();
        assert_eq!(decode(&grey).unwrap_err().message(), "expected a JPEG of 3 channels, found 1");
    }

    #[test]
    fn no_cut_file_is_accepted() {
        let bytes = encoded(&ramp(SIZE));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_progressive_file_is_refused_before_its_pixels() {
        let mut bytes = encoded(&ramp(SIZE));
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 1] = 0xc2;
        assert_eq!(JpegFile::new(&bytes).unwrap_err().code(), "WSI-0305");
    }
}
