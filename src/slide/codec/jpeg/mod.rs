//! JPEG chunks to RGB pixels, strictly.
//!
//! Invariant: a stream is decoded only when its structure is whole and its frame has the size and the channels that the
//! directory promised; any damage the decoder sees is an error, never grey or half pixels. Bit rot that leaves a valid
//! Huffman code cannot be seen here: only a digest of the file sees it.
//!
//! Sequential streams, which slides have, are decoded sample for sample as libjpeg does, because networks were trained on
//! its pixels. Progressive ones, which are rare, are refused: a scan of theirs refines an earlier one, so pixels come out
//! whether or not a scan is missing.

mod file;
mod huffman;
#[cfg(test)]
mod mutants;
mod planes;
mod scan;
mod stream;
mod transform;

pub(crate) use self::file::JpegFile;

use self::scan::ScanState;
use self::stream::{Frame, Refusal, read, read_tables};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::raster::RgbImage8;

/// What the three channels of a stream are. Of a chunk the TIFF's tag says it, and hints inside the stream are not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    /// Red, green, blue: Aperio's `JPEG/RGB`.
    Rgb,
    /// Luma and two differences, full range (ITU-T T.871).
    YCbCr,
}

/// A decoder for the chunks of one directory.
#[derive(Debug)]
pub(crate) struct JpegCodec {
    /// What the tag `JPEGTables` says; each stream goes on from it.
    tables: ScanState,
    channels: Channels,
}

impl JpegCodec {
    /// Makes a decoder from the value of the tag `JPEGTables`, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] when the tables are damaged.
    pub(crate) fn new(tables: Option<&[u8]>, channels: Channels) -> Result<Self> {
        let damaged = |what| Error::new(ErrorKind::Format, "WSI-0300", format!("damaged JPEG tables: {what}"));
        let tables = tables.map(read_tables).transpose().map_err(damaged)?.unwrap_or_default();
        Ok(Self { tables, channels })
    }

    /// Decodes one chunk.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] for damage and for a size or number of channels other than expected;
    /// [`ErrorKind::Unsupported`] for grey, CMYK and progressive streams.
    pub(crate) fn decode(&self, stream: &[u8], size: Size) -> Result<RgbImage8> {
        let accept = |frame: &Frame| self.accept(frame, size);
        let planes = read(stream, &self.tables, accept).map_err(refused)?;
        let pixels = planes.into_rgb(self.channels == Channels::YCbCr).unwrap_or_default();
        let bytes = pixels.len();
        RgbImage8::from_vec(size, pixels).ok_or_else(|| damaged(&format!("{bytes} bytes of pixels for {size} px")))
    }

    /// Bytes that decoding a chunk takes at most beside its stream and its pixels: the channels, padded to whole units.
    pub(crate) fn scratch_bytes(size: Size) -> u64 {
        // A unit is 8 to 32 pixels a side.
        const PADDING_PX: u64 = 31;
        3 * (u64::from(size.w) + PADDING_PX) * (u64::from(size.h) + PADDING_PX)
    }

    /// Judges a frame before anything is allocated for it: one of 65535 x 65535 pixels fits into a few bytes.
    fn accept(&self, frame: &Frame, size: Size) -> Result<()> {
        let found = Size::new(u32::from(frame.width), u32::from(frame.height));
        if found != size {
            let message = format!("expected a JPEG chunk of {size} px, found {found}");
            return Err(Error::new(ErrorKind::Format, "WSI-0302", message));
        }
        if frame.components.len() != 3 {
            let message = format!("expected a JPEG chunk of 3 channels, found {}", frame.components.len());
            return Err(Error::new(ErrorKind::Unsupported, "WSI-0303", message));
        }
        if frame.is_named_rgb() && self.channels == Channels::YCbCr {
            return Err(damaged("the directory says YCbCr, the stream names its channels R, G, B"));
        }
        Ok(())
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Damaged(how) => damaged(&how),
        Refusal::Frame(error) => error,
    }
}

fn damaged(how: &str) -> Error {
    Error::new(ErrorKind::Format, "WSI-0301", format!("damaged JPEG chunk: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    /// A smooth ramp, so that chroma subsampling and quantisation hardly change it.
    pub(super) fn ramp(size: Size) -> RgbImage8 {
        let sample = |value: u32| u8::try_from(value).unwrap();
        let pixel = |x: u32, y: u32| [sample(x * 3), sample(255 - y * 3), sample(128 + x / 2)];
        let data = (0..size.h).flat_map(|y| (0..size.w).flat_map(move |x| pixel(x, y))).collect();
        RgbImage8::from_vec(size, data).unwrap()
    }

    pub(super) fn encoded(image: &RgbImage8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let Size { w, h } = image.size();
        JpegEncoder::new_with_quality(&mut bytes, 95)
            .encode(image.as_bytes(), w, h, image::ExtendedColorType::Rgb8)
            .unwrap();
        bytes
    }

    #[test]
    fn a_ramp_comes_back_and_the_directory_decides_about_colour() {
        let size = Size::new(80, 48);
        let (truth, bytes) = (ramp(size), encoded(&ramp(size)));
        let decode = |channels| JpegCodec::new(None, channels).unwrap().decode(&bytes, size).unwrap();
        let worst = |image: &RgbImage8| {
            image.as_bytes().iter().zip(truth.as_bytes()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
        };
        assert!(worst(&decode(Channels::YCbCr)) <= 8);
        // The same bytes read as RGB keep luma in the first channel.
        let luma = decode(Channels::Rgb).pixel(40, 24)[0];
        let [r, g, b] = truth.pixel(40, 24).map(f64::from);
        assert!((f64::from(luma) - (0.299 * r + 0.587 * g + 0.114 * b)).abs() < 4.0);
    }

    #[test]
    fn no_cut_stream_is_accepted() {
        let size = Size::new(80, 48);
        let bytes = encoded(&ramp(size));
        let codec = JpegCodec::new(None, Channels::YCbCr).unwrap();
        for len in 0..bytes.len() {
            assert!(codec.decode(&bytes[..len], size).is_err(), "{len} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn another_size_and_grey_are_refused() {
        let bytes = encoded(&ramp(Size::new(80, 48)));
        let codec = JpegCodec::new(None, Channels::YCbCr).unwrap();
        assert_eq!(codec.decode(&bytes, Size::new(80, 64)).unwrap_err().code(), "WSI-0302");
        let mut grey = Vec::new();
        JpegEncoder::new(&mut grey).encode(&[9; 64], 8, 8, image::ExtendedColorType::L8).unwrap();
        assert_eq!(codec.decode(&grey, Size::new(8, 8)).unwrap_err().code(), "WSI-0303");
    }

    #[test]
    fn other_processes_than_sequential_ones_are_refused_by_name() {
        let size = Size::new(80, 48);
        let bytes = encoded(&ramp(size));
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        let codec = JpegCodec::new(None, Channels::YCbCr).unwrap();
        for (process, name) in [(0xc2, "progressive"), (0xc3, "lossless"), (0xc5, "hierarchical"), (0xc9, "arithmetic")]
        {
            let mut other = bytes.clone();
            other[frame + 1] = process;
            let error = codec.decode(&other, size).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "WSI-0305"));
            assert!(error.message().contains(name), "{error}");
        }
    }
}
