//! A function from rectangles to pixels in, a tiled JPEG pyramid in a TIFF file out: an Aperio SVS or a generic TIFF.
//!
//! Bands of chunks stream through: a band of level 0 is made and compressed in parallel, written in order and halved into
//! the band of the level above, which goes the same way once it is full. So memory holds about two bands of level 0, and
//! the bytes of the file do not depend on the number of threads. Each level is the 2 x 2 box average of the level below
//! before compression; an odd last column or row is dropped.
//!
//! Chunks are whole baseline JPEG streams, 4:4:4, with their own tables (no `JPEGTables` tag). The file appears under
//! its name only when it is complete. Other compressions and associated images (label, macro) are not written.

use crate::draft::draft_in;
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::{Rect, Size};
use crate::limits::{MAX_CHUNK_SIDE_PX, MAX_LEVEL_SIDE_PX};
use crate::raster::RgbImage8;
use crate::tiff_directory::{Container, Directory, Value};
use crate::units::Mpp;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// What readers take the file for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Aperio SVS: magnification and resolution are in the image description.
    Aperio,
    /// A plain pyramid: the resolution is in the resolution tags.
    Generic,
}

/// How a pyramid is written.
#[derive(Debug, Clone, PartialEq)]
pub struct PyramidConfig {
    /// Classic TIFF or `BigTIFF`.
    pub container: Container,
    /// SVS or generic TIFF.
    pub flavour: Flavour,
    /// Resolution of level 0; without it the file says nothing about resolution, as some real ones do.
    pub mpp: Option<Mpp>,
    /// Side of a chunk in pixels, a multiple of 16.
    pub chunk_px: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Names and values added to the image description; neither may hold `|` or `=`.
    pub properties: Vec<(String, String)>,
}

impl Default for PyramidConfig {
    /// A classic SVS without a resolution: chunks of 256 px, quality 90.
    fn default() -> Self {
        let (container, flavour) = (Container::Classic, Flavour::Aperio);
        Self { container, flavour, mpp: None, chunk_px: 256, quality: 90, properties: Vec::new() }
    }
}

/// Where a chunk lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Its level; 0 is the largest.
    pub level: usize,
    /// Its column in chunks.
    pub col: u32,
    /// Its row in chunks.
    pub row: u32,
}

/// Gives the pixels of a rectangle of level 0 that lies inside the slide.
pub type Pixels<'a> = dyn Fn(Rect) -> RgbImage8 + Sync + 'a;
/// Told the chunks done and the chunks in all, after each band.
pub type Progress<'a> = dyn Fn(u64, u64) + 'a;
/// Sees the bytes of each chunk before they are written and may change them; `None` leaves the chunk out (offset and
/// length 0), as scanners do for empty glass.
pub type ChunkEdit<'a> = dyn Fn(ChunkPlace, Vec<u8>) -> Option<Vec<u8>> + 'a;

/// Writes a pyramid to `path`, replacing a file of that name.
///
/// # Errors
/// [`ErrorKind::Usage`] for a wrong configuration or pixels of another size than asked for, [`ErrorKind::Limits`] when
/// a classic file grows beyond 4 GiB, [`ErrorKind::Io`].
///
/// # Source
/// TIFF 6.0; TIFF Technical Note 2 (JPEG); `BigTIFF` as in libtiff.
pub fn write_pyramid(
    path: &Path,
    size_l0: Size,
    config: &PyramidConfig,
    pixels: &Pixels<'_>,
    edit: Option<&ChunkEdit<'_>>,
    progress: &Progress<'_>,
) -> Result<()> {
    check(size_l0, config).map_err(|error| error.at_path(path))?;
    let cannot = |error| Error::io(path, "write the slide", error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let partial = draft_in(folder).map_err(cannot)?;
    let mut writer = Writer {
        config,
        edit,
        progress,
        levels: level_sizes(size_l0, config.chunk_px).map(|size| Level::new(size, config.chunk_px)).collect(),
        done: 0,
        at: 0,
        file: BufWriter::new(partial.as_file()),
    };
    writer.run(pixels).map_err(|error| match error {
        Failure::Io(error) => cannot(error),
        Failure::Other(error) => error.at_path(path),
    })?;
    drop(writer);
    partial.as_file().sync_all().map_err(cannot)?;
    partial.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}

/// The sizes of all levels: halves, rounded down, until one chunk holds a level.
pub fn level_sizes(size_l0: Size, chunk_px: u32) -> impl Iterator<Item = Size> {
    std::iter::successors(Some(size_l0), move |size| {
        let smaller = Size::new(size.w / 2, size.h / 2);
        (size.w.max(size.h) > chunk_px && smaller.area() > 0).then_some(smaller)
    })
}

fn check(size: Size, config: &PyramidConfig) -> Result<()> {
    let wrong = |what: String| Err(Error::new(ErrorKind::Usage, "SYN-0001", what));
    if size.area() == 0 || size.w.max(size.h) > MAX_LEVEL_SIDE_PX {
        return wrong(format!("expected sides of 1 to {MAX_LEVEL_SIDE_PX} px, found {size}"));
    }
    let chunk_px = config.chunk_px;
    if chunk_px == 0 || !chunk_px.is_multiple_of(16) || chunk_px > MAX_CHUNK_SIDE_PX {
        return wrong(format!("expected chunks of 16 to {MAX_CHUNK_SIDE_PX} px in steps of 16, found {chunk_px}"));
    }
    if !(1..=100).contains(&config.quality) {
        return wrong(format!("expected a jpeg quality of 1 to 100, found {}", config.quality));
    }
    Ok(())
}

/// The path is known outside only, so input and output errors stay bare until then.
enum Failure {
    Io(std::io::Error),
    Other(Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// One level while it is written.
struct Level {
    size: Size,
    cols: u32,
    rows: u32,
    /// The row of chunks that comes next.
    row: u32,
    /// Its chunks as far as the level below has given them; empty at level 0.
    band: Vec<RgbImage8>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

impl Level {
    fn new(size: Size, chunk_px: u32) -> Self {
        let (cols, rows) = (size.w.div_ceil(chunk_px), size.h.div_ceil(chunk_px));
        Self { size, cols, rows, row: 0, band: Vec::new(), offsets: Vec::new(), lengths: Vec::new() }
    }

    /// The part of a chunk in the next row that lies inside the level.
    fn rect(&self, col: u32, chunk_px: u32) -> Rect {
        let (x, y) = (col * chunk_px, self.row * chunk_px);
        Rect::new(i64::from(x), i64::from(y), chunk_px.min(self.size.w - x), chunk_px.min(self.size.h - y))
    }

    fn blank_band(&self, chunk_px: u32) -> Vec<RgbImage8> {
        (0..self.cols)
            .map(|col| self.rect(col, chunk_px))
            .map(|rect| RgbImage8::filled(Size::new(rect.w, rect.h), [255; 3]))
            .collect()
    }
}

struct Writer<'a> {
    config: &'a PyramidConfig,
    edit: Option<&'a ChunkEdit<'a>>,
    progress: &'a Progress<'a>,
    levels: Vec<Level>,
    done: u64,
    at: u64,
    file: BufWriter<&'a File>,
}

impl Writer<'_> {
    fn run(&mut self, pixels: &Pixels<'_>) -> Result<(), Failure> {
        let header_bytes = self.config.container.header(0)?;
        self.put(&header_bytes)?;
        for _ in 0..self.levels[0].rows {
            let rects: Vec<Rect> =
                (0..self.levels[0].cols).map(|col| self.levels[0].rect(col, self.config.chunk_px)).collect();
            self.put_band(0, rects.into_par_iter().map(|rect| right_size(pixels(rect), rect)))?;
        }
        let first_directory = self.put_directories()?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.config.container.header(first_directory)?)?;
        self.file.flush()?;
        Ok(())
    }

    fn put_band(
        &mut self,
        level: usize,
        chunks: impl IndexedParallelIterator<Item = Result<RgbImage8>>,
    ) -> Result<(), Failure> {
        let (chunk_px, quality) = (self.config.chunk_px, self.config.quality);
        let ready: Vec<(Vec<u8>, RgbImage8)> = chunks
            .map(|chunk| chunk.and_then(|chunk| Ok((to_jpeg(&padded(&chunk, chunk_px), quality)?, halved(&chunk)))))
            .collect::<Result<_>>()?;
        let row = self.levels[level].row;
        let mut halves = Vec::with_capacity(ready.len());
        for (col, (bytes, half)) in (0..).zip(ready) {
            let place = ChunkPlace { level, col, row };
            let bytes = match self.edit {
                Some(edit) => edit(place, bytes),
                None => Some(bytes),
            };
            self.levels[level].offsets.push(if bytes.is_some() { self.at } else { 0 });
            let length = self.put(&bytes.unwrap_or_default())?;
            self.levels[level].lengths.push(length);
            halves.push(half);
        }
        self.levels[level].row += 1;
        self.done += halves.len() as u64;
        let total = self.levels.iter().map(|level| u64::from(level.cols) * u64::from(level.rows)).sum();
        (self.progress)(self.done, total);
        self.give_upwards(level, row, &halves)
    }

    /// Puts the halved chunks of a band into the level above, and writes that band once it is full.
    fn give_upwards(&mut self, level: usize, row: u32, halves: &[RgbImage8]) -> Result<(), Failure> {
        let chunk_px = self.config.chunk_px;
        let last_row = row + 1 == self.levels[level].rows;
        let Some(above) = self.levels.get_mut(level + 1).filter(|above| above.row < above.rows) else { return Ok(()) };
        if row.is_multiple_of(2) {
            above.band = above.blank_band(chunk_px);
        }
        for (col, half) in (0_u32..).zip(halves) {
            let (x, y) = (col % 2 * chunk_px / 2, row % 2 * chunk_px / 2);
            if let Some(chunk) = above.band.get_mut((col / 2) as usize) {
                chunk.paste(half, i64::from(x), i64::from(y));
            }
        }
        if row % 2 == 1 || last_row {
            let band = std::mem::take(&mut above.band);
            self.put_band(level + 1, band.into_par_iter().map(Ok))?;
        }
        Ok(())
    }

    /// Writes bytes, keeping the next offset even, and gives their number.
    fn put(&mut self, bytes: &[u8]) -> Result<u64, Failure> {
        self.file.write_all(bytes)?;
        self.file.write_all(&[0][..bytes.len() % 2])?;
        self.at += bytes.len().next_multiple_of(2) as u64;
        Ok(bytes.len() as u64)
    }

    fn put_directories(&mut self) -> Result<u64, Failure> {
        let first = self.at;
        for level in 0..self.levels.len() {
            let tags = self.tags(level);
            let bytes = self.config.container.directory(&tags, self.at, level + 1 == self.levels.len())?;
            self.put(&bytes)?;
        }
        Ok(first)
    }

    fn tags(&self, index: usize) -> Directory {
        let level = &self.levels[index];
        let mut tags = Directory::from([
            (254, Value::Long(vec![u32::from(index > 0)])), // NewSubfileType: 1 is a reduced image
            (256, Value::Long(vec![level.size.w])),         // ImageWidth
            (257, Value::Long(vec![level.size.h])),         // ImageLength
            (258, Value::Short(vec![8; 3])),                // BitsPerSample
            (259, Value::Short(vec![7])),                   // Compression: JPEG
            (262, Value::Short(vec![6])),                   // PhotometricInterpretation: YCbCr
            (277, Value::Short(vec![3])),                   // SamplesPerPixel
            (284, Value::Short(vec![1])),                   // PlanarConfiguration: chunky
            (322, Value::Long(vec![self.config.chunk_px])), // TileWidth
            (323, Value::Long(vec![self.config.chunk_px])), // TileLength
            (324, Value::Offsets(level.offsets.clone())),   // TileOffsets
            (325, Value::Offsets(level.lengths.clone())),   // TileByteCounts
            (530, Value::Short(vec![1, 1])),                // YCbCrSubSampling: none, as the encoder does
        ]);
        let description = self.description(index);
        if !description.is_empty() {
            tags.insert(270, Value::Ascii(description));
        }
        if let (Flavour::Generic, Some(mpp)) = (self.config.flavour, self.config.mpp) {
            let um = mpp.get() * (u64::from(self.levels[0].size.w) as f64 / f64::from(level.size.w));
            let per_cm = Value::Rational(100_000_000, ten_thousandths(um));
            tags.extend([(282, per_cm.clone()), (283, per_cm), (296, Value::Short(vec![3]))]);
        }
        tags
    }

    /// The image description. Aperio's is a first line, a line of sizes, and properties between bars.
    fn description(&self, index: usize) -> String {
        let PyramidConfig { flavour, mpp, chunk_px, quality, properties, .. } = self.config;
        let mut fields: Vec<String> = properties.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if *flavour == Flavour::Generic {
            return if index == 0 { fields.join("|") } else { String::new() };
        }
        if let Some(mpp) = mpp {
            // A 20x objective gives 0.5 um/px on every common scanner.
            fields
                .splice(0..0, [format!("AppMag = {}", (10.0 / mpp.get()).round()), format!("MPP = {:.4}", mpp.get())]);
        }
        let (size, size_l0) = (self.levels[index].size, self.levels[0].size);
        let sizes = if index == 0 {
            format!("{}x{} ({chunk_px}x{chunk_px}) JPEG/YCC Q={quality}", size.w, size.h)
        } else {
            format!("{}x{} ({chunk_px}x{chunk_px}) -> {}x{} JPEG/YCC Q={quality}", size_l0.w, size_l0.h, size.w, size.h)
        };
        std::iter::once(format!("Aperio Image Library v12.0.0 \r\n{sizes}")).chain(fields).collect::<Vec<_>>().join("|")
    }
}

/// A length in units of 0.0001 um, for a rational with 10^8 above: pixels per centimetre.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "believable resolutions are far inside u32"
)]
fn ten_thousandths(um: f64) -> u32 {
    (um * 1e4).round() as u32
}

fn right_size(chunk: RgbImage8, rect: Rect) -> Result<RgbImage8> {
    let asked = Size::new(rect.w, rect.h);
    if chunk.size() == asked {
        return Ok(chunk);
    }
    let message = format!("expected a region of {asked} px from the source of pixels, found {}", chunk.size());
    Err(Error::new(ErrorKind::Usage, "SYN-0002", message))
}

/// A chunk at the slide's edge is filled up with its last column and row: a hard step there would ring into the tissue.
fn padded(chunk: &RgbImage8, side: u32) -> RgbImage8 {
    let (size, side) = (chunk.size(), side as usize);
    let (w, h) = (size.w as usize, size.h as usize);
    let mut full = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        let row = &chunk.as_bytes()[y.min(h - 1) * w * 3..][..w * 3];
        full.extend_from_slice(row);
        (w..side).for_each(|_| full.extend_from_slice(&row[(w - 1) * 3..]));
    }
    let side = Size::new(u32::try_from(side).unwrap_or(u32::MAX), u32::try_from(side).unwrap_or(u32::MAX));
    RgbImage8::from_vec(side, full).unwrap_or_else(|| chunk.clone())
}

/// The average of each 2 x 2 block, rounded to nearest.
fn halved(image: &RgbImage8) -> RgbImage8 {
    let size = Size::new(image.size().w / 2, image.size().h / 2);
    let stride = image.size().w as usize * 3;
    let mut half = Vec::with_capacity(size.w as usize * size.h as usize * 3);
    for pair in image.as_bytes().chunks_exact(2 * stride) {
        let (upper, lower) = pair.split_at(stride);
        for (up, low) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum: u16 =
                    [up[channel], up[channel + 3], low[channel], low[channel + 3]].map(u16::from).iter().sum();
                half.push(u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX));
            }
        }
    }
    RgbImage8::from_vec(size, half).unwrap_or_else(|| RgbImage8::filled(size, [255; 3]))
}

fn to_jpeg(image: &RgbImage8, quality: u8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(image.as_bytes(), image.size().w, image.size().h, ExtendedColorType::Rgb8)
        .map_err(|error| Error::new(ErrorKind::Io, "SYN-0004", format!("cannot compress a chunk: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(rect: Rect) -> RgbImage8 {
        let sample = |x: u32, y: u32, z: u32| u8::try_from((rect.x + i64::from(x + y * z)) % 251).unwrap();
        let samples = (0..rect.h).flat_map(|y| (0..rect.w).flat_map(move |x| [0, 1, 2].map(|z| sample(x, y, z))));
        RgbImage8::from_vec(Size::new(rect.w, rect.h), samples.collect()).unwrap()
    }

    fn written(size: Size, config: &PyramidConfig) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slide.svs");
        let result = write_pyramid(&path, size, config, &gradient, None, &|_, _| ());
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), usize::from(result.is_ok()), "nothing but the finished file is left");
        result.map(|()| std::fs::read(path).unwrap())
    }

    #[test]
    fn levels_are_halves_until_one_chunk_holds_all() {
        let sides = |w, h| level_sizes(Size::new(w, h), 256).map(|size| (size.w, size.h)).collect::<Vec<_>>();
        assert_eq!(sides(1025, 700), [(1025, 700), (512, 350), (256, 175)]);
        assert_eq!(sides(256, 1), [(256, 1)]);
        assert_eq!(sides(1000, 1), [(1000, 1)]);
    }

    #[test]
    fn averages_are_of_whole_blocks_and_rounded_to_nearest() {
        let image =
            RgbImage8::from_vec(Size::new(3, 2), vec![1, 0, 9, 2, 0, 9, 99, 99, 99, 3, 0, 9, 4, 1, 9, 99, 99, 99]);
        assert_eq!(halved(&image.unwrap()), RgbImage8::from_vec(Size::new(1, 1), vec![3, 0, 9]).unwrap());
    }

    #[test]
    fn chunks_lie_where_the_first_directory_says_and_are_jpeg() {
        let bytes = written(Size::new(700, 300), &PyramidConfig::default()).unwrap();
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let first = u32_at(4);
        let entries: Vec<&[u8]> = bytes[first + 2..].chunks_exact(12).take(usize::from(bytes[first])).collect();
        let value = |tag: u16| {
            let entry = entries.iter().position(|entry| entry[..2] == tag.to_le_bytes()).unwrap();
            u32_at(first + 2 + 12 * entry + 8)
        };
        let tag = |entry: &[u8]| u16::from_le_bytes([entry[0], entry[1]]);
        assert!(entries.windows(2).all(|pair| tag(pair[0]) < tag(pair[1])));
        assert_eq!([value(256), value(257), value(322)], [700, 300, 256]);
        for chunk in 0..6 {
            let (at, length) = (u32_at(value(324) + 4 * chunk), u32_at(value(325) + 4 * chunk));
            assert_eq!(
                (&bytes[at..at + 2], &bytes[at + length - 2..at + length]),
                (&[0xff, 0xd8][..], &[0xff, 0xd9][..])
            );
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| written(Size::new(1111, 777), &PyramidConfig::default()).unwrap())
        };
        assert!(with(1) == with(4));
    }

    #[test]
    fn wrong_configurations_are_refused_by_name() {
        let good = PyramidConfig::default();
        for (size, config) in [
            (Size::new(0, 5), good.clone()),
            (Size::new(1 << 25, 5), good.clone()),
            (Size::new(9, 9), PyramidConfig { chunk_px: 250, ..good.clone() }),
            (Size::new(9, 9), PyramidConfig { quality: 0, ..good.clone() }),
        ] {
            assert_eq!(written(size, &config).unwrap_err().code(), "SYN-0001");
        }
        let path = tempfile::tempdir().unwrap().path().join("gone/slide.svs");
        let small = |_: Rect| RgbImage8::filled(Size::new(1, 1), [0; 3]);
        let refused = |path: &Path| write_pyramid(path, Size::new(9, 9), &good, &small, None, &|_, _| ()).unwrap_err();
        assert_eq!(refused(&path).kind(), ErrorKind::Io);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refused(&folder.path().join("slide.svs")).code(), "SYN-0002");
    }

    #[test]
    fn progress_ends_with_all_chunks_done() {
        let folder = tempfile::tempdir().unwrap();
        let seen = std::cell::RefCell::new(Vec::new());
        let progress = |done, total| seen.borrow_mut().push((done, total));
        let config = PyramidConfig { chunk_px: 64, ..PyramidConfig::default() };
        write_pyramid(&folder.path().join("a"), Size::new(200, 130), &config, &gradient, None, &progress).unwrap();
        // 4 x 3 chunks, 2 x 2 (100 x 65), 1 (50 x 32).
        assert_eq!(seen.borrow().last(), Some(&(17, 17)));
        assert!(seen.borrow().windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
