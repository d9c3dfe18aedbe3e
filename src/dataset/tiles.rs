//! Labelled tiles, decoded once and kept as bytes.
//!
//! Invariant: memory is asked for only within the budget; a tile that cannot be read is left out and reported, and more
//! than one in a hundred of those is an error. Says nothing of which tiles train and which validate.

use crate::dataset::config::{DataSource, Request};
use crate::dataset::event::ReadEvent;
use crate::dataset::{folder, targets};
use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tiles that may be unreadable before the data are refused, per hundred.
const MAX_LOST_PERCENT: usize = 1;

/// What is asked of each tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Which of these classes it is.
    Classes(Vec<String>),
    /// How much of each of these there is.
    Numbers(Vec<String>),
}

impl Targets {
    /// Names of the classes or numbers, in the order of the model's outputs.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes(names) | Self::Numbers(names) => names,
        }
    }
}

/// What is known of a tile.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// Index of its class.
    Class(usize),
    /// One number per target.
    Numbers(Vec<f32>),
}

impl Truth {
    /// Its class, where there are classes.
    pub fn class(&self) -> Option<usize> {
        if let Self::Class(class) = self { Some(*class) } else { None }
    }

    /// Its numbers, where there are numbers.
    pub fn numbers(&self) -> &[f32] {
        if let Self::Numbers(numbers) = self { numbers } else { &[] }
    }
}

/// One labelled tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    /// What it shows.
    pub truth: Truth,
    /// How much it counts in the loss, beside what is done about rare classes; 1 unless the data say otherwise.
    pub weight: f32,
    /// Its file below the folder, or its place on the slide.
    pub name: String,
    /// Its place in level-0 pixels; `None` for an image file.
    pub rect_l0: Option<Rect>,
    /// Whom it is of, where that is known.
    pub patient: Option<String>,
    /// The slide it is of, where that is known.
    pub slide: Option<String>,
    /// Where it was made, where that is known.
    pub site: Option<String>,
    /// Digest of its pixels: equal ones are copies of each other.
    pub digest: [u8; 32],
}

/// All tiles of a training with their pixels.
#[derive(Debug, Clone)]
pub struct TileSet {
    /// What is asked of each tile.
    pub targets: Targets,
    /// Side of every tile, pixels.
    pub side_px: u32,
    /// The tiles that could be read.
    pub tiles: Vec<Tile>,
    /// What a reader of the results must know of these data.
    pub notes: Vec<String>,
    /// `[N, side_px, side_px, 3]` u8, RGB.
    pixels: Vec<u8>,
}

/// A tile before it is read.
pub(super) struct Place {
    pub truth: Truth,
    pub name: String,
    pub rect_l0: Option<Rect>,
}

/// Collects tiles as they are read.
pub(super) struct Collector<'a> {
    set: TileSet,
    expected: usize,
    lost: usize,
    cancel: &'a AtomicBool,
    on_event: &'a mut dyn FnMut(ReadEvent),
}

/// Reads all tiles of a source.
///
/// # Errors
/// [`ErrorKind::Usage`] for data without two classes of two tiles, a table that cannot be understood, or labels to exclude
/// that the data do not have;
/// [`ErrorKind::Limits`] (`TRN-0201`) when the tiles do not fit into the memory allowed; [`ErrorKind::Format`] (`TRN-0202`)
/// when too many cannot be read; [`ErrorKind::Interrupted`]; those of opening the slide.
pub fn read(request: Request<'_>, cancel: &AtomicBool, on_event: &mut dyn FnMut(ReadEvent)) -> Result<TileSet> {
    match request.source {
        DataSource::Folder(source) => folder::read(source, request, cancel, on_event),
        DataSource::Slide(source) => targets::read(source, request, cancel, on_event),
    }
}

impl TileSet {
    /// The pixels of a tile, `[side_px, side_px, 3]` u8, RGB.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when they cannot be had again.
    ///
    /// # Panics
    /// When there is no tile `index`.
    pub fn pixels(&self, index: usize) -> Result<Vec<u8>> {
        let bytes = self.tile_bytes();
        Ok(self.pixels[index * bytes..(index + 1) * bytes].to_vec())
    }

    /// Tiles of each class among some; where there are no classes, of all.
    pub fn counts(&self, indices: &[usize]) -> Vec<usize> {
        let Targets::Classes(classes) = &self.targets else { return vec![indices.len()] };
        let mut counts = vec![0; classes.len()];
        for class in indices.iter().filter_map(|&index| self.tiles[index].truth.class()) {
            counts[class] += 1;
        }
        counts
    }

    /// Digest of all pixels, labels, names and places, in order.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?}\n", self.targets).as_bytes());
        for tile in &self.tiles {
            hasher.update(format!("{tile:?}\n").as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Bytes of a tile.
    pub fn tile_bytes(&self) -> usize {
        self.side_px as usize * self.side_px as usize * 3
    }
}

impl<'a> Collector<'a> {
    /// Starts with `expected` tiles of the targets found, before anything is read.
    pub fn new(
        targets: Targets,
        expected: usize,
        request: Request<'_>,
        cancel: &'a AtomicBool,
        on_event: &'a mut dyn FnMut(ReadEvent),
    ) -> Result<Self> {
        if let Targets::Classes(classes) = &targets
            && classes.len() < 2
        {
            let message = format!("expected tiles of two classes or more, found {}", classes.len());
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message));
        }
        let side_px = request.input.input_px;
        let needed = (u64::from(side_px) * u64::from(side_px) * 3).saturating_mul(expected as u64);
        if needed > request.memory_bytes {
            let allowed = request.memory_bytes;
            let message =
                format!("expected tiles of at most {allowed} bytes, found {expected} tiles of {needed} bytes");
            return Err(Error::new(ErrorKind::Limits, "TRN-0201", message)
                .with_advice("allow more memory (`memory_bytes`), or make `input_px` smaller"));
        }
        // All at once: a list that grows takes up to twice the memory allowed.
        let mut pixels = Vec::new();
        usize::try_from(needed).ok().and_then(|bytes| pixels.try_reserve_exact(bytes).ok()).ok_or_else(|| {
            let message = format!("expected {needed} bytes of memory for {expected} tiles, found less");
            Error::new(ErrorKind::Limits, "TRN-0201", message).with_advice("make `input_px` smaller")
        })?;
        let set = TileSet { targets, side_px, tiles: Vec::new(), notes: Vec::new(), pixels };
        Ok(Self { set, expected, lost: 0, cancel, on_event })
    }

    /// Takes a tile, or the reason why there is none.
    pub fn take(&mut self, place: Place, pixels: Result<Vec<u8>>) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "TRN-0001", "stopped while tiles were read")
                .with_advice("nothing was changed: run the same again"));
        }
        match pixels {
            Ok(pixels) => {
                let digest = *blake3::hash(&pixels).as_bytes();
                let Place { truth, name, rect_l0 } = place;
                self.set.pixels.extend(pixels);
                let (patient, slide, site) = (None, None, None);
                self.set.tiles.push(Tile { truth, weight: 1.0, name, rect_l0, patient, slide, site, digest });
            }
            Err(error) => {
                self.lost += 1;
                (self.on_event)(ReadEvent::Skipped { tile: place.name, reason: error.without_path() });
            }
        }
        (self.on_event)(ReadEvent::Reading { done: self.set.tiles.len() + self.lost, total: self.expected });
        Ok(())
    }

    /// Checks what was read.
    pub fn finish(mut self, notes: Vec<String>) -> Result<TileSet> {
        if self.lost * 100 > self.expected * MAX_LOST_PERCENT {
            let message = format!(
                "expected at most {MAX_LOST_PERCENT} % of {} tiles to be unreadable, found {}",
                self.expected, self.lost
            );
            return Err(Error::new(ErrorKind::Format, "TRN-0202", message));
        }
        let all: Vec<usize> = (0..self.set.tiles.len()).collect();
        let counts = self.set.counts(&all);
        if let Some((class, count)) = self.set.targets.names().iter().zip(counts).find(|(_, count)| *count < 2) {
            let message = format!("expected two tiles or more of each class, found {count} of {class}");
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message).with_advice("list it in `exclude`"));
        }
        self.set.notes = notes;
        if self.lost > 0 {
            self.set.notes.push(format!("{} of {} tiles could not be read and are left out", self.lost, self.expected));
        }
        Ok(self.set)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dataset::config::{FolderSource, InputConfig};

    /// Tiles without pixels to speak of, for what asks only for labels and places.
    pub(crate) fn set(tiles: Vec<(usize, Option<Rect>)>, classes: usize) -> TileSet {
        let tile = |(at, (class, rect_l0)): (usize, (usize, Option<Rect>))| Tile {
            truth: Truth::Class(class),
            weight: 1.0,
            name: at.to_string(),
            rect_l0,
            patient: None,
            slide: None,
            site: None,
            digest: *blake3::hash(at.to_string().as_bytes()).as_bytes(),
        };
        TileSet {
            targets: Targets::Classes((0..classes).map(|class| class.to_string()).collect()),
            side_px: 1,
            pixels: vec![0; tiles.len() * 3],
            tiles: tiles.into_iter().enumerate().map(tile).collect(),
            notes: Vec::new(),
        }
    }

    fn two() -> Targets {
        Targets::Classes(["a", "b"].map(str::to_owned).to_vec())
    }

    #[test]
    fn too_many_tiles_for_the_memory_are_refused_with_numbers_before_reading() {
        let (source, input) = (DataSource::Folder(FolderSource::default()), InputConfig::default());
        let request = Request { source: &source, exclude: &[], input: &input, memory_bytes: 1_000_000 };
        let (cancel, mut on_event) = (AtomicBool::new(false), |_| ());
        let error = Collector::new(two(), 10, request, &cancel, &mut on_event).err().unwrap();
        assert_eq!(error.code(), "TRN-0201");
        assert!(error.message().contains("1000000") && error.message().contains("1505280"), "{error}");
        assert!(Collector::new(two(), 6, request, &cancel, &mut on_event).is_ok());
    }

    #[test]
    fn tiles_take_no_more_memory_than_they_are_large() {
        let (source, input) = (DataSource::Folder(FolderSource::default()), InputConfig::default());
        let request = Request { source: &source, exclude: &[], input: &input, memory_bytes: 1_000_000 };
        let (cancel, mut on_event) = (AtomicBool::new(false), |_| ());
        let mut collector = Collector::new(two(), 6, request, &cancel, &mut on_event).unwrap();
        let tile = 224 * 224 * 3;
        for at in 0..6 {
            let place = Place { truth: Truth::Class(at % 2), name: at.to_string(), rect_l0: None };
            collector.take(place, Ok(vec![0; tile])).unwrap();
        }
        assert_eq!(collector.finish(Vec::new()).unwrap().pixels.capacity(), 6 * tile);
    }
}
