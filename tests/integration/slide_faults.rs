//! Damaged and odd slides: one small Aperio file, a byte edit a row, and what opening and reading it must give; and
//! pyramids whose directories are not those of one.
//!
//! Invariant: every row is an error with its code, or pixels equal to those of the sound file; nothing panics, and
//! damage to one chunk leaves the others readable.

use crate::shared::shared;
use Outcome::{Chunk, Equal, Opens, Refused, Sparse};
use eosin::ErrorKind;
use eosin::ErrorKind::{Format, Limits, Unsupported};
use eosin::geometry::{Rect, Size};
use eosin::raster::RgbImage8;
use eosin::slide::Slide;
use eosin::synthetic::{ChunkEdit, Flavour, PyramidConfig, write_pyramid};
use eosin::units::Mpp;
use std::io::Write;

/// What a row must give.
enum Outcome {
    /// Refused by `Slide::open`.
    Refused(ErrorKind, &'static str),
    /// Opens, all pixels as in the sound file, calibrated.
    Equal,
    /// Opens with this format and these words in the note about its resolution; all pixels as in the sound file.
    Opens(&'static str, &'static str),
    /// Opens; the first chunk is refused, all others are as in the sound file.
    Chunk(ErrorKind, &'static str),
    /// Opens; the first chunk holds no bytes, all others are as in the sound file.
    Sparse,
}

/// One row: name, edit, outcome.
type Row = (&'static str, fn(&mut Svs), Outcome);

/// The bytes of a classic little-endian TIFF, with access to its directories.
#[derive(Clone)]
struct Svs {
    bytes: Vec<u8>,
    /// Positions of the directories.
    directories: Vec<usize>,
}

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const DESCRIPTION: u16 = 270;
const SAMPLES: u16 = 277;
const PLANAR: u16 = 284;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const OFFSETS: u16 = 324;
const BYTE_COUNTS: u16 = 325;
const JPEG_TABLES: u16 = 347;
const IMAGE_DEPTH: u16 = 32997;
/// A private tag that no reader knows.
const NO_TAG: u16 = 65000;

impl Svs {
    fn new(bytes: Vec<u8>) -> Self {
        let mut svs = Self { bytes, directories: Vec::new() };
        let mut next = svs.u32(4);
        while next != 0 {
            svs.directories.push(next);
            next = svs.u32(next + 2 + 12 * svs.u16(next));
        }
        svs
    }

    fn u16(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]))
    }

    fn u32(&self, at: usize) -> usize {
        self.u16(at) | self.u16(at + 2) << 16
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    /// Position of an entry of a directory.
    fn entry(&self, directory: usize, tag: u16) -> usize {
        let start = self.directories[directory];
        (0..self.u16(start)).map(|i| start + 2 + 12 * i).find(|&at| self.u16(at) == usize::from(tag)).unwrap()
    }

    /// Position of an entry of level 0's directory.
    fn at(&self, tag: u16) -> usize {
        self.entry(0, tag)
    }

    /// Position of a value that does not fit into its entry.
    fn value_at(&self, tag: u16) -> usize {
        self.u32(self.at(tag) + 8)
    }

    fn set(&mut self, tag: u16, value: u32) {
        let at = self.at(tag);
        // Type LONG, so that every value fits.
        self.put(at + 2, &[4, 0]);
        self.put_u32(at + 8, value);
    }

    fn set_count(&mut self, tag: u16, count: u32) {
        let at = self.at(tag);
        self.put_u32(at + 4, count);
    }

    fn retag(&mut self, tag: u16, new: u16) {
        let at = self.at(tag);
        self.put(at, &new.to_le_bytes());
    }

    /// Position of the pointer to the directory after this one.
    fn link(&self, directory: usize) -> usize {
        self.directories[directory] + 2 + 12 * self.u16(self.directories[directory])
    }

    /// First byte of the first chunk.
    fn chunk_0(&self) -> usize {
        self.u32(self.value_at(OFFSETS))
    }

    fn chunk_0_len(&self) -> usize {
        self.u32(self.value_at(BYTE_COUNTS))
    }

    fn set_chunk_0(&mut self, table: u16, value: u32) {
        let at = self.value_at(table);
        self.put_u32(at, value);
    }

    /// Position of a marker in the first chunk.
    fn marker(&self, code: u8) -> usize {
        let (from, len) = (self.chunk_0(), self.chunk_0_len());
        (from..from + len).find(|&at| self.bytes[at..].starts_with(&[0xff, code])).unwrap()
    }

    /// Height and width of the first chunk's frame header.
    fn set_frame(&mut self, side: u16) {
        let frame = self.marker(0xc0);
        let [high, low] = side.to_be_bytes();
        self.put(frame + 5, &[high, low, high, low]);
    }

    /// Replaces words of level 0's description by others of the same length.
    fn describe(&mut self, old: &str, new: &str) {
        assert_eq!(old.len(), new.len());
        let from = self.value_at(DESCRIPTION);
        let at = (from..self.bytes.len()).find(|&at| self.bytes[at..].starts_with(old.as_bytes())).unwrap();
        self.put(at, new.as_bytes());
    }

    /// Position of the first directory, as it is written in the file.
    fn first(&self) -> u32 {
        u32::try_from(self.directories[0]).unwrap()
    }

    fn len(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap()
    }

    fn cut(&mut self, len: usize) {
        self.bytes.truncate(len);
    }
}

/// Bytes that look random and are the same in every run (xorshift, Marsaglia 2003).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

const ROWS: &[Row] = &[
    // The sound file, and files that are cut or empty.
    ("sound", |_| {}, Equal),
    ("empty", |svs| svs.cut(0), Refused(Format, "WSI-0100")),
    ("one byte", |svs| svs.cut(1), Refused(Format, "WSI-0100")),
    ("eight bytes", |svs| svs.cut(8), Refused(Format, "WSI-0101")),
    ("half", |svs| svs.cut(svs.bytes.len() / 2), Refused(Format, "WSI-0101")),
    ("last kilobyte off", |svs| svs.cut(svs.bytes.len() - 1024), Refused(Format, "WSI-0101")),
    ("cut in the last directory", |svs| svs.cut(svs.directories[3] + 40), Refused(Format, "WSI-0101")),
    ("cut in the first directory", |svs| svs.cut(svs.directories[0] + 40), Refused(Format, "WSI-0101")),
    ("body zeroed", |svs| svs.bytes[8..].fill(0), Refused(Format, "WSI-0101")),
    ("garbage appended", |svs| svs.bytes.extend(noise(1000)), Equal),
    // Header.
    ("magic XX", |svs| svs.put(0, b"XX"), Refused(Format, "WSI-0100")),
    ("version 41", |svs| svs.put(2, &[41]), Refused(Format, "WSI-0100")),
    ("version 43 on classic", |svs| svs.put(2, &[43]), Refused(Format, "WSI-0101")),
    ("II becomes MM", |svs| svs.put(0, b"MM"), Refused(Format, "WSI-0100")),
    ("first directory at 0", |svs| svs.put_u32(4, 0), Refused(Limits, "WSI-0105")),
    ("first directory past the end", |svs| svs.put_u32(4, 0xffff_fff0), Refused(Format, "WSI-0101")),
    ("first directory at 1", |svs| svs.put_u32(4, 1), Refused(Format, "WSI-0101")),
    // Chain.
    ("directory that follows itself", |svs| svs.put_u32(svs.link(0), svs.first()), Refused(Format, "WSI-0102")),
    ("last directory to the first", |svs| svs.put_u32(svs.link(3), svs.first()), Refused(Format, "WSI-0102")),
    ("last directory to garbage", |svs| svs.put_u32(svs.link(3), 0x7fff_fff0), Refused(Format, "WSI-0101")),
    ("65535 entries", |svs| svs.put(svs.directories[0], &[0xff, 0xff]), Refused(Format, "WSI-0101")),
    // Entries.
    ("type 221 on the tile width", |svs| svs.put(svs.at(TILE_WIDTH) + 2, &[221]), Refused(Format, "WSI-0101")),
    ("type 221 on the compression", |svs| svs.put(svs.at(COMPRESSION) + 2, &[221]), Refused(Unsupported, "WSI-0114")),
    ("text as tile width", |svs| svs.put(svs.at(TILE_WIDTH) + 2, &[2]), Refused(Format, "WSI-0101")),
    ("a billion offsets", |svs| svs.set_count(OFFSETS, 0x4000_0000), Refused(Limits, "WSI-0105")),
    ("tables as long as 4 GB", |svs| svs.set_count(JPEG_TABLES, 0xffff_ffff), Refused(Limits, "WSI-0105")),
    (
        "order of tags swapped",
        |svs| {
            let (a, b) = (svs.at(WIDTH), svs.at(HEIGHT));
            let first: Vec<u8> = svs.bytes[a..a + 12].to_vec();
            svs.bytes.copy_within(b..b + 12, a);
            svs.put(b, &first);
        },
        Equal,
    ),
    ("no offsets", |svs| svs.retag(OFFSETS, NO_TAG), Refused(Format, "WSI-0101")),
    ("no byte counts", |svs| svs.retag(BYTE_COUNTS, NO_TAG), Refused(Format, "WSI-0101")),
    (
        "tables of ten chunks",
        |svs| {
            svs.set_count(OFFSETS, 10);
            svs.set_count(BYTE_COUNTS, 10);
        },
        Refused(Format, "WSI-0101"),
    ),
    ("no tile width", |svs| svs.retag(TILE_WIDTH, NO_TAG), Refused(Format, "WSI-0101")),
    ("no tile height", |svs| svs.retag(TILE_HEIGHT, NO_TAG), Refused(Format, "WSI-0101")),
    ("no photometric interpretation", |svs| svs.retag(PHOTOMETRIC, NO_TAG), Refused(Unsupported, "WSI-0106")),
    // Geometry.
    ("width 0", |svs| svs.set(WIDTH, 0), Refused(Format, "WSI-0101")),
    ("height 0", |svs| svs.set(HEIGHT, 0), Refused(Format, "WSI-0101")),
    ("width 2^32 - 1", |svs| svs.set(WIDTH, u32::MAX), Refused(Format, "WSI-0101")),
    (
        "both sides 2^31 - 1",
        |svs| {
            svs.set(WIDTH, 0x7fff_ffff);
            svs.set(HEIGHT, 0x7fff_ffff);
        },
        Refused(Format, "WSI-0101"),
    ),
    ("tile width 0", |svs| svs.set(TILE_WIDTH, 0), Refused(Format, "WSI-0101")),
    ("tile width 1", |svs| svs.set(TILE_WIDTH, 1), Refused(Format, "WSI-0101")),
    ("tile width 65520", |svs| svs.set(TILE_WIDTH, 65520), Refused(Format, "WSI-0101")),
    (
        "one tile of 65520 squared",
        |svs| {
            svs.set(TILE_WIDTH, 65520);
            svs.set(TILE_HEIGHT, 65520);
            svs.set(OFFSETS, 16);
            svs.set(BYTE_COUNTS, 3684);
            svs.set_count(OFFSETS, 1);
            svs.set_count(BYTE_COUNTS, 1);
        },
        Refused(Limits, "WSI-0111"),
    ),
    ("two focal planes", |svs| svs.set(IMAGE_DEPTH, 2), Refused(Unsupported, "WSI-0117")),
    // Samples.
    ("12 bits", |svs| svs.put(svs.value_at(BITS), &[12, 0, 12, 0, 12, 0]), Refused(Unsupported, "WSI-0113")),
    ("bits of one channel differ", |svs| svs.put(svs.value_at(BITS), &[16]), Refused(Unsupported, "WSI-0106")),
    ("1 channel", |svs| svs.set(SAMPLES, 1), Refused(Format, "WSI-0101")),
    ("4 channels", |svs| svs.set(SAMPLES, 4), Refused(Format, "WSI-0101")),
    ("channels in planes", |svs| svs.set(PLANAR, 2), Refused(Format, "WSI-0101")),
    ("planar configuration 9", |svs| svs.set(PLANAR, 9), Refused(Format, "WSI-0101")),
    ("black is zero", |svs| svs.set(PHOTOMETRIC, 1), Refused(Unsupported, "WSI-0116")),
    // Compression.
    ("compression 200", |svs| svs.set(COMPRESSION, 200), Refused(Unsupported, "WSI-0114")),
    ("compression 33003", |svs| svs.set(COMPRESSION, 33003), Refused(Unsupported, "WSI-0115")),
    ("compression 33005", |svs| svs.set(COMPRESSION, 33005), Refused(Unsupported, "WSI-0115")),
    ("no compression", |svs| svs.set(COMPRESSION, 1), Refused(Unsupported, "WSI-0114")),
    ("LZW", |svs| svs.set(COMPRESSION, 5), Refused(Unsupported, "WSI-0114")),
    // The first chunk.
    ("chunk at 0", |svs| svs.set_chunk_0(OFFSETS, 0), Chunk(Format, "WSI-0301")),
    ("chunk past the end", |svs| svs.set_chunk_0(OFFSETS, 0x7fff_0000), Chunk(Format, "WSI-0003")),
    ("chunk of 0 bytes", |svs| svs.set_chunk_0(BYTE_COUNTS, 0), Sparse),
    ("chunk of 1 byte", |svs| svs.set_chunk_0(BYTE_COUNTS, 1), Chunk(Format, "WSI-0301")),
    ("chunk of half its length", |svs| svs.set_chunk_0(BYTE_COUNTS, 1842), Chunk(Format, "WSI-0301")),
    ("chunk without its last byte", |svs| svs.set_chunk_0(BYTE_COUNTS, 3683), Chunk(Format, "WSI-0301")),
    (
        "chunk of a million bytes over the end",
        |svs| {
            let end = svs.len();
            svs.set_chunk_0(OFFSETS, end - 1000);
            svs.set_chunk_0(BYTE_COUNTS, 1_000_000);
        },
        Chunk(Format, "WSI-0003"),
    ),
    // 1 MiB and 8 bytes for each of 240 x 240 pixels.
    ("chunk as long as may be", |svs| svs.set_chunk_0(BYTE_COUNTS, 1_509_376), Equal),
    ("chunk too long for its pixels", |svs| svs.set_chunk_0(BYTE_COUNTS, 1_509_377), Chunk(Limits, "WSI-0304")),
    ("chunk of a billion bytes", |svs| svs.set_chunk_0(BYTE_COUNTS, 1_000_000_000), Chunk(Limits, "WSI-0304")),
    ("chunk begins with fed8", |svs| svs.put(svs.chunk_0(), &[0xfe]), Chunk(Format, "WSI-0301")),
    ("chunk zeroed", |svs| svs.put(svs.chunk_0(), &[0; 3684]), Chunk(Format, "WSI-0301")),
    ("second half of the chunk random", |svs| svs.put(svs.chunk_0() + 1842, &noise(1840)), Chunk(Format, "WSI-0301")),
    ("second half of the chunk zero", |svs| svs.put(svs.chunk_0() + 1842, &[0; 1840]), Chunk(Format, "WSI-0301")),
    (
        "end marker in the middle of the chunk",
        |svs| svs.put(svs.chunk_0() + 1842, &[0xff, 0xd9]),
        Chunk(Format, "WSI-0301"),
    ),
    ("progressive frame", |svs| svs.put(svs.marker(0xc0) + 1, &[0xc2]), Chunk(Unsupported, "WSI-0305")),
    ("frame of 65535 squared", |svs| svs.set_frame(65535), Chunk(Format, "WSI-0302")),
    ("frame of 0 squared", |svs| svs.set_frame(0), Chunk(Format, "WSI-0302")),
    ("frame of 256 squared", |svs| svs.set_frame(256), Chunk(Format, "WSI-0302")),
    // Tables of the JPEG streams.
    ("tables of one byte", |svs| svs.set_count(JPEG_TABLES, 1), Refused(Format, "WSI-0101")),
    ("tables zeroed", |svs| svs.put(svs.value_at(JPEG_TABLES), &[0; 289]), Refused(Format, "WSI-0300")),
    ("tables cut", |svs| svs.set_count(JPEG_TABLES, 150), Refused(Format, "WSI-0300")),
    // Description.
    (
        "description past the end",
        |svs| {
            let at = svs.at(DESCRIPTION);
            svs.put_u32(at + 8, 0x7fff_0000);
        },
        Opens("generic-tiff", "no TIFF resolution tags"),
    ),
    ("description absent", |svs| svs.retag(DESCRIPTION, NO_TAG), Opens("generic-tiff", "no TIFF resolution tags")),
    (
        "description of another maker",
        |svs| svs.describe("Aperio", "Xperio"),
        Opens("generic-tiff", "no TIFF resolution tags"),
    ),
    ("description without NUL", |svs| svs.set_count(DESCRIPTION, 620), Equal),
    (
        "description not UTF-8",
        |svs| {
            let at = svs.value_at(DESCRIPTION);
            svs.put(at + 30, &[0xb5, 0xff]);
        },
        Equal,
    ),
    ("no resolution", |svs| svs.describe("MPP = ", "XPP = "), Opens("aperio", "no MPP field")),
    ("resolution without value", |svs| svs.describe("MPP = 0.4990", "MPP =       "), Opens("aperio", "no number")),
    ("resolution with a comma", |svs| svs.describe("MPP = 0.4990", "MPP = 0,4990"), Equal),
    (
        "resolution zero",
        |svs| svs.describe("MPP = 0.4990", "MPP = 0.0000"),
        Opens("aperio", "says 0 um/px, outside 0.05 to 20"),
    ),
    ("resolution negative", |svs| svs.describe("MPP = 0.4990", "MPP = -0.499"), Opens("aperio", "says -0.499 um/px")),
    ("resolution not a number", |svs| svs.describe("MPP = 0.4990", "MPP = nan   "), Opens("aperio", "outside")),
    ("resolution huge", |svs| svs.describe("MPP = 0.4990", "MPP = 1e+300"), Opens("aperio", "outside")),
    ("resolution twice, first counts", |svs| svs.describe("Left = 25.691574", "MPP = 9.99000000"), Equal),
    // Other directories: none of them is ever shown.
    (
        "label says it is an image",
        |svs| {
            let at = svs.entry(2, 254);
            svs.put_u32(at + 8, 0);
        },
        Equal,
    ),
    (
        "label without subfile type",
        |svs| {
            let at = svs.entry(2, 254);
            svs.put(at, &NO_TAG.to_le_bytes());
        },
        Equal,
    ),
    (
        "label pixels zeroed",
        |svs| {
            let strips = svs.u32(svs.u32(svs.entry(2, 273) + 8));
            svs.put(strips, &[0; 1000]);
        },
        Equal,
    ),
    (
        "thumbnail description past the end",
        |svs| {
            let at = svs.entry(1, DESCRIPTION);
            svs.put_u32(at + 8, 0x7fff_0000);
        },
        Equal,
    ),
];

/// All chunks of level 0, in storage order.
fn chunks(slide: &Slide) -> Vec<eosin::Result<Option<RgbImage8>>> {
    let level = &slide.levels()[0];
    (0..level.rows).flat_map(|row| (0..level.cols).map(move |col| slide.read_chunk(0, col, row))).collect()
}

fn saved(svs: &Svs) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".svs").tempfile().unwrap();
    file.write_all(&svs.bytes).unwrap();
    file
}

/// Says how a row fails, if it does.
fn judge(svs: &Svs, outcome: &Outcome, truth: &[RgbImage8]) -> Result<(), String> {
    let file = saved(svs);
    let slide = match (Slide::open(file.path()), outcome) {
        (Err(error), Refused(kind, code)) if (error.kind(), error.code()) == (*kind, *code) => {
            let located = error.path() == Some(file.path()) && !error.message().contains("/tmp");
            return if located { Ok(()) } else { Err(format!("path or message is wrong: {error}")) };
        }
        (Err(error), _) => return Err(format!("refused as {:?}: {error}", error.kind())),
        (Ok(_), Refused(_, code)) => return Err(format!("opened, expected {code}")),
        (Ok(slide), _) => slide,
    };
    let (format, note) = match outcome {
        Opens(format, note) => (*format, Some(*note)),
        _ => ("aperio", None),
    };
    if slide.format_name() != format {
        return Err(format!("opened as {}", slide.format_name()));
    }
    match (slide.calibration_note(), slide.mpp().map(Mpp::get), note) {
        (None, Some(0.499), None) => {}
        (Some(found), None, Some(expected)) if found.contains(expected) => {}
        (found, mpp, _) => return Err(format!("resolution {mpp:?}, note {found:?}")),
    }
    for (index, (found, truth)) in chunks(&slide).into_iter().zip(truth).enumerate() {
        match (found, outcome) {
            (Ok(None), Sparse) if index == 0 => {}
            (Err(error), Chunk(kind, code)) if index == 0 && (error.kind(), error.code()) == (*kind, *code) => {}
            (Ok(Some(found)), _) if found == *truth && !(index == 0 && matches!(outcome, Sparse | Chunk(..))) => {}
            (found, _) => {
                return Err(format!("chunk {index}: {:?}", found.map(|image| image.map(|image| image.size()))));
            }
        }
    }
    Ok(())
}

#[test]
fn every_damaged_slide_is_refused_or_read_right() {
    let Some(path) = shared("data/wsi/CMU-1-Small-Region.svs") else { return };
    let sound = Svs::new(std::fs::read(&path).unwrap());
    let truth: Vec<RgbImage8> =
        chunks(&Slide::open(&path).unwrap()).into_iter().map(|chunk| chunk.unwrap().unwrap()).collect();
    assert_eq!((sound.directories.len(), truth.len()), (4, 130));
    let failures: Vec<String> = ROWS
        .iter()
        .filter_map(|(name, edit, outcome)| {
            let mut svs = sound.clone();
            edit(&mut svs);
            judge(&svs, outcome, &truth).err().map(|how| format!("{name}: {how}"))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} rows fail:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
}

#[test]
fn streams_without_their_tables_fail_and_the_slide_stays_open() {
    let Some(path) = shared("data/wsi/CMU-1-Small-Region.svs") else { return };
    let mut svs = Svs::new(std::fs::read(path).unwrap());
    svs.retag(JPEG_TABLES, NO_TAG);
    let file = saved(&svs);
    let slide = Slide::open(file.path()).unwrap();
    for chunk in chunks(&slide) {
        assert_eq!(chunk.unwrap_err().code(), "WSI-0301");
    }
}

#[test]
fn no_truncation_of_a_chunk_is_accepted() {
    let Some(path) = shared("data/wsi/CMU-1-Small-Region.svs") else { return };
    let sound = Svs::new(std::fs::read(path).unwrap());
    let len = sound.chunk_0_len();
    // The lengths lie in the file beforehand: one chunk of the table for each.
    let lengths: Vec<usize> = (0..120).map(|i| 1 + i * (len - 1) / 120).collect();
    let mut svs = sound.clone();
    let (offsets, counts) = (svs.value_at(OFFSETS), svs.value_at(BYTE_COUNTS));
    for (index, &length) in lengths.iter().enumerate() {
        svs.put_u32(offsets + 4 * index, u32::try_from(sound.chunk_0()).unwrap());
        svs.put_u32(counts + 4 * index, u32::try_from(length).unwrap());
    }
    let file = saved(&svs);
    let found = chunks(&Slide::open(file.path()).unwrap());
    for (length, chunk) in lengths.iter().zip(found) {
        assert!(chunk.is_err(), "{length} of {len} bytes were accepted");
    }
}

#[test]
fn a_slide_that_changes_while_it_is_read_is_noticed() {
    let Some(path) = shared("data/wsi/CMU-1-Small-Region.svs") else { return };
    let sound = Svs::new(std::fs::read(path).unwrap());
    for change in [|file: &std::fs::File| file.set_len(1000), |mut file: &std::fs::File| file.write_all(b"more")] {
        let file = saved(&sound);
        let slide = Slide::open(file.path()).unwrap();
        assert!(slide.read_chunk(0, 0, 0).is_ok());
        change(file.as_file()).unwrap();
        let error = slide.read_chunk(0, 5, 5).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Integrity, "WSI-0002"));
    }
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let folder = tempfile::Builder::new().suffix(".svs").tempdir().unwrap();
    let refused = |path: &std::path::Path| Slide::open(path).unwrap_err();
    assert!(refused(folder.path()).message().contains("found a folder"));
    assert_eq!(refused(&folder.path().join("absent.svs")).kind(), ErrorKind::Io);
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe.svs");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(refused(&pipe).message().contains("found a pipe"));
        let link = folder.path().join("loop.svs");
        std::os::unix::fs::symlink(&link, &link).unwrap();
        assert_eq!(refused(&link).kind(), ErrorKind::Io);
    }
}

#[test]
fn wrong_requests_are_refused_and_far_regions_are_fill() {
    let Some(path) = shared("data/wsi/CMU-1-Small-Region.svs") else { return };
    let slide = Slide::open(&path).unwrap();
    for (level, col, row) in [(1, 0, 0), (0, 10, 0), (0, 0, 13), (usize::MAX, u32::MAX, u32::MAX)] {
        assert_eq!(slide.read_chunk(level, col, row).unwrap_err().kind(), ErrorKind::Usage);
    }
    let rect = Rect::new(i64::MAX, i64::MIN, 2, 2);
    assert_eq!(slide.read_region(1, rect, [0; 3]).unwrap_err().code(), "WSI-0202");
    assert_eq!(slide.read_region(0, rect, [7; 3]).unwrap().as_bytes(), [7; 12]);
}

/// A pyramid of 150 x 100, 75 x 50 and 37 x 25 pixels in chunks of 64, and its resolution in micrometres.
fn pyramid(flavour: Flavour, edit: Option<&ChunkEdit<'_>>) -> Svs {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slide.tif");
    let config = PyramidConfig { flavour, chunk_px: 64, mpp: Mpp::new(0.5).ok(), ..PyramidConfig::default() };
    let grey = |rect: Rect| RgbImage8::filled(Size::new(rect.w, rect.h), [100; 3]);
    write_pyramid(&path, Size::new(150, 100), &config, &grey, edit, &|_, _| {}).unwrap();
    Svs::new(std::fs::read(path).unwrap())
}

fn sizes(svs: &Svs) -> eosin::Result<Vec<(u32, u32)>> {
    let file = saved(svs);
    let slide = Slide::open(file.path())?;
    Ok(slide.levels().iter().map(|level| (level.size.w, level.size.h)).collect())
}

/// Puts the second directory of three before the first.
fn swap_first_two(svs: &mut Svs) {
    let [first, second, third] = [0, 1, 2].map(|index| u32::try_from(svs.directories[index]).unwrap());
    svs.put_u32(4, second);
    svs.put_u32(svs.link(1), first);
    svs.put_u32(svs.link(0), third);
}

#[test]
fn the_resolution_is_that_of_the_largest_directory_wherever_it_stands() {
    let mut svs = pyramid(Flavour::Generic, None);
    for swap in [false, true] {
        if swap {
            swap_first_two(&mut svs);
        }
        assert_eq!(sizes(&svs).unwrap(), [(150, 100), (75, 50), (37, 25)]);
        assert_eq!(Slide::open(saved(&svs).path()).unwrap().mpp(), Mpp::new(0.5).ok());
    }
    // An Aperio file has no such directories: which one the resolution belongs to is not known.
    let mut svs = pyramid(Flavour::Aperio, None);
    assert_eq!(sizes(&svs).unwrap().len(), 3);
    let (a, b) = (svs.at(DESCRIPTION), svs.entry(1, DESCRIPTION));
    let description = svs.bytes[a..a + 12].to_vec();
    svs.put(b, &description);
    swap_first_two(&mut svs);
    assert_eq!(sizes(&svs).unwrap_err().code(), "WSI-0118");
}

#[test]
fn an_image_of_another_shape_is_left_out_whether_marked_as_reduced_or_not() {
    for reduced in [0, 1] {
        let mut svs = pyramid(Flavour::Generic, None);
        for (tag, value) in [(WIDTH, 60), (HEIGHT, 10), (254, reduced)] {
            let at = svs.entry(2, tag);
            svs.put(at + 2, &[4, 0]);
            svs.put_u32(at + 8, value);
        }
        assert_eq!(sizes(&svs).unwrap(), [(150, 100), (75, 50)], "subfile type {reduced}");
    }
}

#[test]
fn chunks_without_bytes_are_glass_but_above_level_0_of_an_aperio_file() {
    let first = |bytes: Vec<u8>, col, row| ((col, row) != (0, 0)).then_some(bytes);
    for flavour in [Flavour::Aperio, Flavour::Generic] {
        let svs = pyramid(flavour, Some(&|place, bytes| first(bytes, place.col, place.row)));
        let file = saved(&svs);
        let slide = Slide::open(file.path()).unwrap();
        assert_eq!(slide.read_chunk(0, 0, 0).unwrap(), None);
        assert!(slide.read_chunk(1, 1, 0).unwrap().is_some());
        let above = slide.read_chunk(1, 0, 0);
        if flavour == Flavour::Generic {
            assert_eq!(above.unwrap(), None);
            continue;
        }
        let error = above.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Format, "WSI-0306"));
        assert!(error.to_string().contains("level 1: chunk 0, 0: "), "{error}");
        assert!(slide.read_region(1, Rect::new(60, 0, 10, 10), [255; 3]).is_err());
    }
}
