//! A map becomes `ome-tiff/ID.ome.tif`: one plane of 32-bit floats a class, and one of states, each with its pyramid.
//!
//! OME-TIFF as Bio-Formats, QuPath and napari read it: image 0 has a channel for each class, NaN where nothing was scored;
//! image 1 tells why: 0 no tissue, 1 scored, 2 failed. Levels (`levels.rs`) are sub-directories of their plane, tiles
//! are deflated without a predictor. Pixels are cells: `PhysicalSize` is their distance in um, `Position` the top-left
//! corner of the first one in um from that of the slide. `BigTIFF` when 4 GiB might not do.
//!
//! # Source
//! OME-TIFF specification and OME schema 2016-06; TIFF 6.0; Adobe Photoshop TIFF Technical Notes (deflate, `SubIFDs`).

use super::MapOutputs;
use super::levels::{Level, NO_TISSUE, levels};
use super::ome_xml::description;
use crate::draft::draft_in;
use crate::tiff_directory::{Container, Directory, Value};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

/// Side of a chunk, pixels.
const CHUNK: usize = CHUNK_PX as usize;
const CHUNK_PX: u16 = 256;
/// Numbers of more bytes than this, not yet deflated, go into a `BigTIFF`; the rest of 4 GiB is for directories.
const CLASSIC_BYTES: usize = 4_000_000_000;

/// Writes the file.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let levels = levels(outputs.map);
    let bytes: usize = levels.iter().map(|level| size_of_val(&level.scores[..]) + level.states.len()).sum();
    let container = if bytes < CLASSIC_BYTES { Container::Classic } else { Container::Big };
    // The header points to directories, which come after the chunks, so the file needs to seek.
    let draft = draft_in(outputs.drafts)?;
    let mut tiff = Tiff { file: BufWriter::new(draft.as_file()), at: 0, container };
    tiff.fill(outputs, &levels)?;
    tiff.file.flush()?;
    drop(tiff);
    let mut whole = draft.as_file();
    whole.seek(SeekFrom::Start(0))?;
    io::copy(&mut whole, out)?;
    Ok(())
}

/// One level of a plane in the file.
struct Stored {
    size: [u32; 2],
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// The numbers of one plane: bits and sample format (1 unsigned, 3 float).
type Sample = [u16; 2];
const FLOAT: Sample = [32, 3];
const BYTE: Sample = [8, 1];

struct Tiff<'a> {
    file: BufWriter<&'a File>,
    at: u64,
    container: Container,
}

impl Tiff<'_> {
    fn fill(&mut self, outputs: &MapOutputs<'_>, levels: &[Level]) -> io::Result<()> {
        self.put(&self.container.header(0).map_err(io::Error::other)?)?;
        let classes = outputs.map.class_names().len();
        let mut planes: Vec<(Sample, Vec<Stored>)> = Vec::with_capacity(classes + 1);
        for class in 0..classes {
            let stored =
                levels.iter().map(|level| self.put_plane(level, level.plane(class), f32::NAN, f32::to_le_bytes));
            planes.push((FLOAT, stored.collect::<io::Result<_>>()?));
        }
        let stored = levels.iter().map(|level| self.put_plane(level, &level.states, NO_TISSUE, |state| [state]));
        planes.push((BYTE, stored.collect::<io::Result<_>>()?));
        let odd = usize::from(!self.at.is_multiple_of(2));
        self.put(&[0][..odd])?;
        let mut smaller: Vec<Vec<u64>> = Vec::with_capacity(planes.len());
        for (sample, stored) in &planes {
            let below = stored.iter().skip(1).map(|level| self.put_directory(&tags(*sample, level, true), true));
            smaller.push(below.collect::<io::Result<_>>()?);
        }
        let first = self.at;
        let count = planes.len();
        for (plane, ((sample, stored), smaller)) in planes.iter().zip(smaller).enumerate() {
            let mut tags = tags(*sample, &stored[0], false);
            if plane == 0 {
                tags.insert(270, Value::Ascii(description(outputs, stored[0].size)));
            }
            if !smaller.is_empty() {
                tags.insert(330, Value::Offsets(smaller)); // SubIFDs
            }
            self.put_directory(&tags, plane + 1 == count)?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.container.header(first).map_err(io::Error::other)?)
    }

    /// Writes one plane of one level, chunk by chunk.
    fn put_plane<T: Copy + Sync, const N: usize>(
        &mut self,
        level: &Level,
        plane: &[T],
        beyond: T,
        bytes: fn(T) -> [u8; N],
    ) -> io::Result<Stored> {
        let across = level.cols.div_ceil(CHUNK);
        let deflated: Vec<Vec<u8>> = (0..across * level.rows.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let (left, top) = (chunk % across * CHUNK, chunk / across * CHUNK);
                let mut raw = Vec::with_capacity(CHUNK * CHUNK * N);
                for y in top..top + CHUNK {
                    for x in left..left + CHUNK {
                        let inside = x < level.cols && y < level.rows;
                        raw.extend(bytes(if inside { plane[y * level.cols + x] } else { beyond }));
                    }
                }
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&raw)?;
                encoder.finish()
            })
            .collect::<io::Result<_>>()?;
        let px = |cells: usize| u32::try_from(cells).unwrap_or(u32::MAX);
        let size = [px(level.cols), px(level.rows)];
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for chunk in deflated {
            offsets.push(self.at);
            lengths.push(chunk.len() as u64);
            self.put(&chunk)?;
        }
        Ok(Stored { size, offsets, lengths })
    }

    /// Writes a directory and gives its place.
    fn put_directory(&mut self, tags: &Directory, last: bool) -> io::Result<u64> {
        let place = self.at;
        self.put(&self.container.directory(tags, place, last).map_err(io::Error::other)?)?;
        Ok(place)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

fn tags([bits, format]: Sample, level: &Stored, reduced: bool) -> Directory {
    let side = Value::Short(vec![CHUNK_PX]);
    Directory::from([
        (254, Value::Long(vec![u32::from(reduced)])), // NewSubfileType: 1 is a reduced image
        (256, Value::Long(vec![level.size[0]])),      // ImageWidth
        (257, Value::Long(vec![level.size[1]])),      // ImageLength
        (258, Value::Short(vec![bits])),              // BitsPerSample
        (259, Value::Short(vec![8])),                 // Compression: deflate
        (262, Value::Short(vec![1])),                 // PhotometricInterpretation: the larger the brighter
        (277, Value::Short(vec![1])),                 // SamplesPerPixel
        (284, Value::Short(vec![1])),                 // PlanarConfiguration: chunky
        (317, Value::Short(vec![1])),                 // Predictor: none
        (322, side.clone()),                          // TileWidth
        (323, side),                                  // TileLength
        (324, Value::Offsets(level.offsets.clone())), // TileOffsets
        (325, Value::Offsets(level.lengths.clone())), // TileByteCounts
        (339, Value::Short(vec![format])),            // SampleFormat
    ])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Example, example};
    use super::*;
    use crate::map::{BiomarkerMap, Cell};
    use flate2::read::ZlibDecoder;
    use std::collections::BTreeMap;
    use std::io::Read;

    /// A classic little-endian TIFF, read without the code that wrote it.
    struct Read4<'a>(&'a [u8]);

    impl Read4<'_> {
        fn number(&self, at: usize, bytes: usize) -> usize {
            self.0[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
        }

        /// Tags of a directory, each with its values, and the place of the next one.
        fn directory(&self, at: usize) -> (BTreeMap<usize, Vec<usize>>, usize) {
            let count = self.number(at, 2);
            let entry = |index: usize| {
                let at = at + 2 + 12 * index;
                let bytes = [1, 1, 2, 4][self.number(at + 2, 2) - 1];
                let values = self.number(at + 4, 4);
                let from = if bytes * values > 4 { self.number(at + 8, 4) } else { at + 8 };
                (self.number(at, 2), (0..values).map(|value| self.number(from + bytes * value, bytes)).collect())
            };
            ((0..count).map(entry).collect(), self.number(at + 2 + 12 * count, 4))
        }

        /// The pixels of a directory, each as its bytes.
        fn pixels(&self, tags: &BTreeMap<usize, Vec<usize>>) -> Vec<Vec<u8>> {
            let (w, h, bytes) = (tags[&256][0], tags[&257][0], tags[&258][0] / 8);
            let chunks: Vec<Vec<u8>> = (tags[&324].iter().zip(&tags[&325]))
                .map(|(&at, &length)| {
                    let mut raw = Vec::new();
                    ZlibDecoder::new(&self.0[at..at + length]).read_to_end(&mut raw).unwrap();
                    assert_eq!(raw.len(), CHUNK * CHUNK * bytes);
                    raw
                })
                .collect();
            let pixel = |x: usize, y: usize| {
                let chunk = &chunks[y / CHUNK * w.div_ceil(CHUNK) + x / CHUNK];
                chunk[(y % CHUNK * CHUNK + x % CHUNK) * bytes..][..bytes].to_vec()
            };
            (0..h).flat_map(|y| (0..w).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect()
        }
    }

    fn written(example: &Example) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&example.map_outputs(), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn planes_levels_and_states_read_back() {
        let mut example = example(&["a", "b"], &[]);
        example.plan.side_l0 = 2;
        example.plan.step_l0 = 2;
        example.plan.origins_l0 = (0..500).flat_map(|x| (0..300).map(move |y| (2 * x, 2 * y))).collect();
        let rows = (0..500 * 300_i32).map(|tile| (tile % 5 > 0).then(|| vec![tile as f32, 1.0 / tile as f32]));
        example.predictions.rows = rows.collect();
        example.map = BiomarkerMap::new(&example.plan, &example.predictions).unwrap();
        let bytes = written(&example);
        assert_eq!(written(&example), bytes, "two runs make the same file");
        let file = Read4(&bytes);
        let levels = levels(&example.map);
        assert_eq!(levels.len(), 4);
        let mut at = file.number(4, 4);
        for plane in 0..3 {
            let (tags, next) = file.directory(at);
            let smaller = tags[&330].iter().map(|&at| file.directory(at));
            let smaller = smaller.map(|(tags, next)| (next, tags[&254][0], tags));
            let all = std::iter::once((0, 0, tags.clone()))
                .chain(smaller.inspect(|(next, reduced, _)| assert_eq!((*next, *reduced), (0, 1))));
            for ((_, _, tags), level) in all.zip(&levels) {
                assert_eq!((tags[&256][0], tags[&257][0]), (level.cols, level.rows));
                let pixels = file.pixels(&tags);
                let expected: Vec<Vec<u8>> = match plane {
                    2 => level.states.iter().map(|state| vec![*state]).collect(),
                    class => level.plane(class).iter().map(|score| score.to_le_bytes().to_vec()).collect(),
                };
                assert!(pixels == expected, "plane {plane} of {} x {}", level.cols, level.rows);
                assert_eq!(tags[&339], [if plane == 2 { 1 } else { 3 }]);
            }
            at = next;
        }
        assert_eq!(at, 0);
        assert_eq!(example.map.cell(0, 0), Cell::Failed);
    }

    #[test]
    fn a_slide_without_tissue_is_a_whole_file() {
        let bytes = written(&example(&["a"], &[]));
        let file = Read4(&bytes);
        let (tags, next) = file.directory(file.number(4, 4));
        assert!(file.pixels(&tags).iter().all(|pixel| f32::from_le_bytes(pixel[..].try_into().unwrap()).is_nan()));
        assert!(file.pixels(&file.directory(next).0).iter().all(|state| *state == [NO_TISSUE]));
    }
}
