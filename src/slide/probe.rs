//! A file read once for every format's `detect`: its first bytes, and its TIFF directories as plain values.
//!
//! The `tiff` crate walks the directories; it is never asked for pixels, where it is too lenient. Invariant: what is kept
//! of all directories together is within the limits, no chain is followed in circles, and a directory with a tile tag is
//! complete or an error: its tables have one entry for each chunk that its sides give. What pixels a directory holds, and
//! whether they are supported, is decided later.
//!
//! The crate reads and judges the first directory when it is made, before any check of ours: within its own limits (256 MiB
//! a value, in memory) and with its own words.

use super::format::NotThisFormat;
use super::source::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Size;
use crate::limits::{MAX_DIRECTORIES, MAX_TAG_BYTES, MAX_TAGS_BYTES};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tiff::Directory as RawDirectory;
use tiff::decoder::Decoder;
use tiff::decoder::ifd::{Entry, Value};
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
    /// What the tags read so far take in memory.
    tags_bytes: u64,
}

impl Directories {
    fn read_all(source: &Source) -> Result<Vec<Directory>> {
        let mut decoder = Decoder::new(BufReader::new(source.reader()?)).map_err(|error| damaged(0, &error))?;
        let mut next = decoder.ifd_pointer();
        let mut reader = Self { decoder, file_bytes: source.len(), tags_bytes: 0 };
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
        Ok(Directory { description: tags.description()?, tiled: if is_tiled { Some(tags.tiled()?) } else { None } })
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
        let size = Size::new(self.side(Tag::ImageWidth)?, self.side(Tag::ImageLength)?);
        let chunk = Size::new(self.side(Tag::TileWidth)?, self.side(Tag::TileLength)?);
        let samples = self.number(Tag::SamplesPerPixel)?.unwrap_or(1);
        let planar = self.number(Tag::PlanarConfiguration)?.unwrap_or(1);
        self.check_tables(size, chunk, if planar == 2 { samples } else { 1 })?;
        Ok(Tiled {
            size,
            chunk,
            offsets: self.required(Tag::TileOffsets)?,
            byte_counts: self.required(Tag::TileByteCounts)?,
            compression: self.number(Tag::Compression)?.unwrap_or(1),
            photometric: self.number(Tag::PhotometricInterpretation)?,
            samples,
            bits: self.per_sample(Tag::BitsPerSample, samples)?,
            sample_formats: self.per_sample(Tag::SampleFormat, samples)?,
            planar,
            depth: self.number(IMAGE_DEPTH)?.unwrap_or(1),
            jpeg_tables: self.bytes(Tag::JPEGTables)?,
            resolution: [self.rational(Tag::XResolution), self.rational(Tag::YResolution)],
            resolution_unit: self.number(Tag::ResolutionUnit)?.unwrap_or(2),
        })
    }

    /// Holds the lengths of the chunk tables against the sides, before they are read.
    fn check_tables(&self, size: Size, chunk: Size, planes: u64) -> Result<()> {
        let along = |side: u32, step: u32| u64::from(side.div_ceil(step.max(1)));
        let (cols, rows) = (along(size.w, chunk.w), along(size.h, chunk.h));
        let expected = cols.saturating_mul(rows).saturating_mul(planes);
        for tag in [Tag::TileOffsets, Tag::TileByteCounts] {
            let found = self.raw.get(tag).map_or(0, Entry::count);
            if found != expected {
                let message = format!(
                    "directory {}: expected {expected} entries in {} ({cols} x {rows} chunks of {chunk} px), found {found}",
                    self.index,
                    name(tag)
                );
                return Err(Error::new(ErrorKind::Format, "WSI-0112", message));
            }
        }
        Ok(())
    }

    /// A tag with one value for each sample, or one for all; 1 when it is absent.
    fn per_sample(&mut self, tag: Tag, samples: u64) -> Result<Vec<u64>> {
        let found = self.raw.get(tag).map_or(0, Entry::count);
        if found > samples {
            return Err(self.wrong(tag, &format!("{found} values for {samples} samples")));
        }
        Ok(self.numbers(tag)?.unwrap_or_else(|| vec![1]))
    }

    fn side(&mut self, tag: Tag) -> Result<u32> {
        let side = self.number(tag)?.ok_or_else(|| self.wrong(tag, "no value"))?;
        u32::try_from(side).map_err(|_| self.wrong(tag, &side.to_string()))
    }

    fn required(&mut self, tag: Tag) -> Result<Vec<u64>> {
        self.numbers(tag)?.ok_or_else(|| self.wrong(tag, "no value"))
    }

    fn number(&mut self, tag: Tag) -> Result<Option<u64>> {
        let found = self.raw.get(tag).map_or(1, Entry::count);
        if found != 1 {
            return Err(self.wrong(tag, &format!("{found} values")));
        }
        Ok(self.numbers(tag)?.and_then(|numbers| numbers.first().copied()))
    }

    fn numbers(&mut self, tag: Tag) -> Result<Option<Vec<u64>>> {
        let Some(value) = self.value(tag, 8)? else { return Ok(None) };
        value.into_u64_vec().map(Some).map_err(|_| self.wrong(tag, "a type that is no whole number"))
    }

    fn bytes(&mut self, tag: Tag) -> Result<Option<Vec<u8>>> {
        let Some(value) = self.value(tag, 1)? else { return Ok(None) };
        value.into_u8_vec().map(Some).map_err(|_| self.wrong(tag, "a type other than bytes"))
    }

    /// A fraction, or nothing: a damaged resolution is not worth losing the slide for.
    fn rational(&mut self, tag: Tag) -> Option<(u32, u32)> {
        match self.value(tag, 8) {
            Ok(Some(Value::Rational(numerator, denominator))) => Some((numerator, denominator)),
            _ => None,
        }
    }

    /// The description, or nothing when it cannot be read: then formats that need it will not recognise the file.
    fn description(&mut self) -> Result<Option<String>> {
        let Some(entry) = self.raw.get(Tag::ImageDescription).filter(|entry| entry.field_type() == Type::ASCII) else {
            return Ok(None);
        };
        let len = entry.count().min(MAX_DESCRIPTION_BYTES).min(self.reader.file_bytes);
        self.count(len)?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let mut tags = self.reader.decoder.read_directory_tags(self.raw);
        let is_read = tags.find_tag_bytes(Tag::ImageDescription, &mut bytes, 0).is_ok();
        let text = bytes.split(|&byte| byte == 0).next().filter(|_| is_read);
        Ok(text.map(|text| String::from_utf8_lossy(text).into_owned()))
    }

    /// Reads a tag, each value of which will be kept as `kept_bytes` bytes.
    fn value(&mut self, tag: Tag, kept_bytes: u64) -> Result<Option<Value>> {
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
        self.count(entry.count().saturating_mul(kept_bytes))?;
        self.reader.decoder.read_directory_tags(self.raw).find_tag(tag).map_err(|error| damaged(self.index, &error))
    }

    /// Counts what is going to be kept: directories may share the bytes of their tables, so the length of the file bounds
    /// one table, and not all.
    fn count(&mut self, bytes: u64) -> Result<()> {
        self.reader.tags_bytes = self.reader.tags_bytes.saturating_add(bytes);
        if self.reader.tags_bytes <= MAX_TAGS_BYTES {
            return Ok(());
        }
        let message = format!(
            "directory {}: expected at most {MAX_TAGS_BYTES} bytes in the tags of all directories, found {} and more",
            self.index, self.reader.tags_bytes
        );
        Err(Error::new(ErrorKind::Limits, "WSI-0107", message))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A classic TIFF whose directories share the bytes behind the header as their chunk tables.
    fn tiff(table_bytes: usize, directories: &[&[(u16, u16, u32, u32)]]) -> tempfile::NamedTempFile {
        let mut bytes = vec![0; 8 + table_bytes];
        let first = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(b"II\x2a\0");
        bytes[4..8].copy_from_slice(&first.to_le_bytes());
        for (index, entries) in directories.iter().enumerate() {
            bytes.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
            for (tag, kind, count, value) in *entries {
                bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
                bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
            }
            let next = if index + 1 < directories.len() { bytes.len() + 4 } else { 0 };
            bytes.extend(u32::try_from(next).unwrap().to_le_bytes());
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    /// An image of chunks of 16 px, so many across and down; its tables have `entries` entries.
    fn tiled(cols: u32, rows: u32, entries: u32) -> Vec<(u16, u16, u32, u32)> {
        let long = |tag, value| (tag, 4, 1, value);
        vec![
            long(256, cols * 16),
            long(257, rows * 16),
            (258, 3, 1, 8),
            long(259, 7),
            long(262, 6),
            (277, 3, 1, 3),
            long(322, 16),
            long(323, 16),
            (324, 4, entries, 8),
            (325, 4, entries, 8),
        ]
    }

    fn refused(table_bytes: usize, directories: &[&[(u16, u16, u32, u32)]]) -> Error {
        Probe::open(tiff(table_bytes, directories).path()).unwrap_err()
    }

    #[test]
    fn tables_that_directories_share_count_for_each() {
        // 2^20 entries are 4 MiB in the file and 8 MiB in memory; two tables make 16, and 16 directories fill 256.
        let image = tiled(1024, 1024, 1 << 20);
        let error = refused(4 << 20, &[&image[..]; 20]);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limits, "WSI-0107"));
        assert!(error.message().starts_with("directory 15:"), "{error}");
        assert!(Probe::open(tiff(4 << 20, &[&image[..]; 4]).path()).is_ok());
    }

    #[test]
    fn tables_have_one_entry_for_each_chunk() {
        let sound = tiled(3, 2, 6);
        assert!(Probe::open(tiff(24, &[&sound, &sound]).path()).is_ok());
        for entries in [0, 5, 7, 1 << 30] {
            let error = refused(24, &[&sound, &tiled(3, 2, entries)]);
            assert_eq!((error.kind(), error.code()), (ErrorKind::Format, "WSI-0112"), "{entries} entries");
            assert!(error.message().starts_with("directory 1: expected 6 entries"), "{error}");
        }
        // Planes have their own chunks.
        let mut planes = tiled(3, 2, 18);
        planes.insert(8, (284, 3, 1, 2));
        planes.sort_unstable();
        assert!(Probe::open(tiff(72, &[&sound, &planes]).path()).is_ok());
    }

    #[test]
    fn tags_of_samples_have_at_most_a_value_for_each() {
        let sound = tiled(3, 2, 6);
        for tag in [258, 339] {
            let mut image = tiled(3, 2, 6);
            image.retain(|entry| entry.0 != tag);
            image.push((tag, 3, 4, 8));
            image.sort_unstable();
            let error = refused(24, &[&sound, &image]);
            assert_eq!((error.kind(), error.code()), (ErrorKind::Format, "WSI-0104"));
            assert!(error.message().contains("4 values for 3 samples"), "{error}");
        }
    }
}
