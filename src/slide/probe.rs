//! A file read once for every format's `detect`: its first bytes, and its TIFF directories as plain values.
//!
//! The `tiff` crate walks the directories; it is never asked for pixels, where it is too lenient. Invariant: no value is
//! read that is larger than the limits or than the file, no chain is followed in circles, and a directory with a tile
//! tag is complete or an error. What pixels a directory holds, and whether they are supported, is decided later.

use super::format::NotThisFormat;
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::limits::{MAX_DIRECTORIES, MAX_TAG_BYTES};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tiff::Directory as RawDirectory;
use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::{IfdPointer, Tag, Type};
use tiff::{TiffError, TiffFormatError};

/// Bytes of a description that are looked at; scanners write less than 10 kB, OME-XML may be larger.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;
/// Aperio's focal planes (SGI's name for the tag).
const IMAGE_DEPTH: Tag = Tag::Unknown(32997);

/// What is known of a file before its format is.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The open file.
    pub(crate) source: Source,
    /// Its first bytes, at most eight.
    pub(crate) magic: Vec<u8>,
    /// All directories of the main chain when it is a TIFF or BigTIFF.
    pub(crate) tiff: Option<Vec<Directory>>,
}

/// One directory of a TIFF.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    /// Bits of the tag `NewSubfileType`; bit 0 marks a smaller version of another image.
    pub(crate) subfile_type: u64,
    /// `ImageDescription` up to its first NUL; bytes that are not UTF-8 are replaced.
    pub(crate) description: Option<String>,
    /// The image, when it is stored as tiles.
    pub(crate) tiled: Option<Tiled>,
}

/// Tags of a directory whose image is stored as tiles; defaults are those of TIFF 6.0.
#[derive(Debug, Clone)]
pub(crate) struct Tiled {
    pub(crate) size: Size,
    pub(crate) chunk: Size,
    pub(crate) offsets: Vec<u64>,
    pub(crate) byte_counts: Vec<u64>,
    pub(crate) compression: u64,
    pub(crate) photometric: Option<u64>,
    pub(crate) samples: u64,
    pub(crate) bits: Vec<u64>,
    pub(crate) sample_formats: Vec<u64>,
    pub(crate) planar: u64,
    /// Number of focal planes.
    pub(crate) depth: u64,
    pub(crate) jpeg_tables: Option<Vec<u8>>,
    /// Pixels per unit along x and y, as numerator and denominator.
    pub(crate) resolution: [Option<(u32, u32)>; 2],
    /// 1 none, 2 inch, 3 centimetre.
    pub(crate) resolution_unit: u64,
}

impl Probe {
    /// Opens a file and reads what every `detect` needs.
    ///
    /// # Errors
    /// Those of [`Source::open`]; [`ErrorKind::Format`] and [`ErrorKind::Limits`] when the file begins like a TIFF and its
    /// directories are damaged. A file that is no TIFF is no error here.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let source = Source::open(path)?;
        let magic = source.read_at(0, usize::try_from(source.len().min(8)).unwrap_or(8))?;
        let is_tiff = matches!(magic.as_slice(), [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..]);
        let tiff = is_tiff.then(|| Directories::read_all(&source).map_err(|error| error.at_path(path))).transpose()?;
        source.check_unchanged()?;
        Ok(Self { source, magic, tiff })
    }

    /// The first directory when it is tiled, as that of every slide in a TIFF is, or why there is none.
    pub(crate) fn first_tiled(&self) -> Result<&Directory, NotThisFormat> {
        let refused = |why: String| Err(NotThisFormat(why));
        match self.tiff.as_deref().map(<[Directory]>::first) {
            Some(Some(first)) if first.tiled.is_some() => Ok(first),
            Some(_) => refused("the TIFF is not tiled".to_string()),
            None if self.magic.is_empty() => refused("the file is empty".to_string()),
            None => refused(format!("no TIFF, begins with `{}`", self.magic.escape_ascii())),
        }
    }
}

/// Reads directories through the `tiff` crate.
struct Directories {
    decoder: Decoder<BufReader<File>>,
    file_bytes: u64,
}

impl Directories {
    fn read_all(source: &Source) -> Result<Vec<Directory>> {
        let mut decoder = Decoder::new(BufReader::new(source.reader()?)).map_err(|error| damaged(0, &error))?;
        let mut next = decoder.ifd_pointer();
        let mut reader = Self { decoder, file_bytes: source.len() };
        let mut seen: Vec<IfdPointer> = Vec::new();
        let mut found = Vec::new();
        while let Some(pointer) = next {
            let index = found.len();
            if seen.contains(&pointer) {
                let message = format!("directory {index}: expected a chain with an end, found a loop");
                return Err(Error::new(ErrorKind::Format, "WSI-0102", message));
            }
            if index == MAX_DIRECTORIES {
                let message = format!("expected at most {MAX_DIRECTORIES} directories, found more");
                return Err(Error::new(ErrorKind::Limits, "WSI-0103", message));
            }
            seen.push(pointer);
            let raw = reader.decoder.read_directory(pointer).map_err(|error| damaged(index, &error))?;
            next = raw.next();
            found.push(reader.directory(&raw, index)?);
        }
        Ok(found)
    }

    fn directory(&mut self, raw: &RawDirectory, index: usize) -> Result<Directory> {
        let mut tags = Tags { reader: self, raw, index };
        let is_tiled = [Tag::TileWidth, Tag::TileLength, Tag::TileOffsets, Tag::TileByteCounts]
            .into_iter()
            .any(|tag| raw.contains(tag));
        Ok(Directory {
            subfile_type: if is_tiled { tags.number(Tag::NewSubfileType)?.unwrap_or(0) } else { 0 },
            description: tags.description(),
            tiled: if is_tiled { Some(tags.tiled()?) } else { None },
        })
    }
}

/// The tags of one directory.
struct Tags<'a> {
    reader: &'a mut Directories,
    raw: &'a RawDirectory,
    index: usize,
}

impl Tags<'_> {
    fn tiled(&mut self) -> Result<Tiled> {
        Ok(Tiled {
            size: Size::new(self.side(Tag::ImageWidth)?, self.side(Tag::ImageLength)?),
            chunk: Size::new(self.side(Tag::TileWidth)?, self.side(Tag::TileLength)?),
            offsets: self.required(Tag::TileOffsets)?,
            byte_counts: self.required(Tag::TileByteCounts)?,
            compression: self.number(Tag::Compression)?.unwrap_or(1),
            photometric: self.number(Tag::PhotometricInterpretation)?,
            samples: self.number(Tag::SamplesPerPixel)?.unwrap_or(1),
            bits: self.numbers(Tag::BitsPerSample)?.unwrap_or_else(|| vec![1]),
            sample_formats: self.numbers(Tag::SampleFormat)?.unwrap_or_else(|| vec![1]),
            planar: self.number(Tag::PlanarConfiguration)?.unwrap_or(1),
            depth: self.number(IMAGE_DEPTH)?.unwrap_or(1),
            jpeg_tables: self.bytes(Tag::JPEGTables)?,
            resolution: [self.rational(Tag::XResolution), self.rational(Tag::YResolution)],
            resolution_unit: self.number(Tag::ResolutionUnit)?.unwrap_or(2),
        })
    }

    fn side(&mut self, tag: Tag) -> Result<u32> {
        let side = self.number(tag)?.ok_or_else(|| self.wrong(tag, "no value"))?;
        u32::try_from(side).map_err(|_| self.wrong(tag, &side.to_string()))
    }

    fn required(&mut self, tag: Tag) -> Result<Vec<u64>> {
        self.numbers(tag)?.ok_or_else(|| self.wrong(tag, "no value"))
    }

    fn number(&mut self, tag: Tag) -> Result<Option<u64>> {
        let Some(numbers) = self.numbers(tag)? else { return Ok(None) };
        match numbers.as_slice() {
            [number] => Ok(Some(*number)),
            _ => Err(self.wrong(tag, &format!("{} values", numbers.len()))),
        }
    }

    fn numbers(&mut self, tag: Tag) -> Result<Option<Vec<u64>>> {
        let Some(value) = self.value(tag)? else { return Ok(None) };
        value.into_u64_vec().map(Some).map_err(|_| self.wrong(tag, "a type that is no whole number"))
    }

    fn bytes(&mut self, tag: Tag) -> Result<Option<Vec<u8>>> {
        let Some(value) = self.value(tag)? else { return Ok(None) };
        value.into_u8_vec().map(Some).map_err(|_| self.wrong(tag, "a type other than bytes"))
    }

    /// A fraction, or nothing: a damaged resolution is not worth losing the slide for.
    fn rational(&mut self, tag: Tag) -> Option<(u32, u32)> {
        match self.value(tag) {
            Ok(Some(Value::Rational(numerator, denominator))) => Some((numerator, denominator)),
            _ => None,
        }
    }

    /// The description, or nothing when it cannot be read: then formats that need it will not recognise the file.
    fn description(&mut self) -> Option<String> {
        let entry = self.raw.get(Tag::ImageDescription)?;
        if entry.field_type() != Type::ASCII {
            return None;
        }
        let len = entry.count().min(MAX_DESCRIPTION_BYTES).min(self.reader.file_bytes);
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        let mut tags = self.reader.decoder.read_directory_tags(self.raw);
        tags.find_tag_bytes(Tag::ImageDescription, &mut bytes, 0).ok()?;
        let text = bytes.split(|&byte| byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn value(&mut self, tag: Tag) -> Result<Option<Value>> {
        let Some(entry) = self.raw.get(tag) else { return Ok(None) };
        let bytes = entry.count().saturating_mul(u64::from(bytes_per_value(entry.field_type())));
        // The crate would allocate first and find the end of the file later.
        if bytes > self.reader.file_bytes {
            return Err(self.wrong(tag, &format!("{bytes} bytes in a file of {}", self.reader.file_bytes)));
        }
        if bytes > MAX_TAG_BYTES as u64 {
            let message = format!(
                "directory {}: expected at most {MAX_TAG_BYTES} bytes in {}, found {bytes}",
                self.index,
                name(tag)
            );
            return Err(Error::new(ErrorKind::Limits, "WSI-0105", message));
        }
        self.reader.decoder.read_directory_tags(self.raw).find_tag(tag).map_err(|error| damaged(self.index, &error))
    }

    fn wrong(&self, tag: Tag, found: &str) -> Error {
        let message = format!("directory {}: unusable value of {}: found {found}", self.index, name(tag));
        Error::new(ErrorKind::Format, "WSI-0104", message)
    }
}

fn name(tag: Tag) -> String {
    format!("tag {} ({tag:?})", tag.to_u16())
}

fn bytes_per_value(kind: Type) -> u8 {
    match kind {
        Type::SHORT | Type::SSHORT => 2,
        Type::LONG | Type::SLONG | Type::FLOAT | Type::IFD => 4,
        Type::LONG8 | Type::SLONG8 | Type::DOUBLE | Type::RATIONAL | Type::SRATIONAL | Type::IFD8 => 8,
        _ => 1,
    }
}

fn damaged(index: usize, error: &TiffError) -> Error {
    let (kind, code) = match error {
        TiffError::LimitsExceeded | TiffError::IntSizeError => (ErrorKind::Limits, "WSI-0105"),
        TiffError::UnsupportedError(_) => (ErrorKind::Unsupported, "WSI-0106"),
        TiffError::FormatError(TiffFormatError::CycleInOffsets) => (ErrorKind::Format, "WSI-0102"),
        TiffError::FormatError(_) | TiffError::UsageError(_) => (ErrorKind::Format, "WSI-0101"),
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            (ErrorKind::Format, "WSI-0101")
        }
        TiffError::IoError(_) => (ErrorKind::Io, "IO-0001"),
    };
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let message = format!("directory {index}: damaged TIFF: expected more bytes, found the end of the file");
            Error::new(kind, code, message).with_advice("the file may have been cut while it was copied; copy it again")
        }
        error => {
            Error::new(kind, code, format!("directory {index}: damaged TIFF: {}", error.to_string().to_lowercase()))
        }
    }
}
