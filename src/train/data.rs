//! Labelled tiles, decoded once and kept as bytes: from a folder of class folders, or straight off a slide.
//!
//! Invariant: memory is asked for only within the budget; a tile that cannot be read is left out and reported, and more
//! than one in a hundred of those is an error. Says nothing of which tiles train and which validate.

use crate::error::{Error, ErrorKind, Result};
use crate::geometry::Rect;
use crate::train::config::{DataSource, TrainConfig};
use crate::train::event::TrainEvent;
use crate::train::{folder, targets};
use std::sync::atomic::{AtomicBool, Ordering};

/// Tiles that may be unreadable before the data are refused, per hundred.
const MAX_LOST_PERCENT: usize = 1;

/// One labelled tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Tile {
    /// Index of its class.
    pub label: usize,
    /// Its file below the folder, or its place on the slide.
    pub name: String,
    /// Its place in level-0 pixels; `None` for an image file.
    pub rect_l0: Option<Rect>,
    /// Digest of its pixels: equal ones are copies of each other.
    pub digest: [u8; 32],
}

/// All tiles of a training with their pixels.
#[derive(Debug, Clone)]
pub struct TileSet {
    /// Names of the classes, sorted.
    pub classes: Vec<String>,
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
    pub label: usize,
    pub name: String,
    pub rect_l0: Option<Rect>,
}

/// Collects tiles as they are read.
pub(super) struct Collector<'a> {
    set: TileSet,
    expected: usize,
    lost: usize,
    cancel: &'a AtomicBool,
    on_event: &'a mut dyn FnMut(TrainEvent),
}

/// Reads all tiles of a configuration.
///
/// # Errors
/// [`ErrorKind::Usage`] for data without two classes of two tiles, a table that cannot be understood, or labels in the
/// configuration that the data do not have;
/// [`ErrorKind::Limits`] (`TRN-0201`) when the tiles do not fit into the memory allowed; [`ErrorKind::Format`] (`TRN-0202`)
/// when too many cannot be read; [`ErrorKind::Interrupted`]; those of opening the slide.
pub fn read(config: &TrainConfig, cancel: &AtomicBool, on_event: &mut dyn FnMut(TrainEvent)) -> Result<TileSet> {
    match &config.data {
        DataSource::Folder(source) => folder::read(source, config, cancel, on_event),
        DataSource::Slide(source) => targets::read(source, config, cancel, on_event),
    }
}

impl TileSet {
    /// The pixels of a tile, `[side_px, side_px, 3]` u8, RGB.
    ///
    /// # Panics
    /// When there is no tile `index`.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let bytes = self.tile_bytes();
        &self.pixels[index * bytes..(index + 1) * bytes]
    }

    /// Tiles of each class among some.
    pub fn counts(&self, indices: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &index in indices {
            counts[self.tiles[index].label] += 1;
        }
        counts
    }

    /// Digest of all pixels, labels, names and places, in order.
    pub(super) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.classes.join("\n").as_bytes());
        for tile in &self.tiles {
            hasher.update(&tile.digest);
            hasher.update(format!("\n{}\n{}\n{:?}\n", tile.name, tile.label, tile.rect_l0).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn tile_bytes(&self) -> usize {
        self.side_px as usize * self.side_px as usize * 3
    }
}

impl<'a> Collector<'a> {
    /// Starts with `expected` tiles of the classes found, before anything is read.
    pub fn new(
        classes: Vec<String>,
        expected: usize,
        config: &TrainConfig,
        cancel: &'a AtomicBool,
        on_event: &'a mut dyn FnMut(TrainEvent),
    ) -> Result<Self> {
        if classes.len() < 2 {
            let message = format!("expected tiles of two classes or more, found {}", classes.len());
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message));
        }
        let side_px = config.input.input_px;
        let needed = (u64::from(side_px) * u64::from(side_px) * 3).saturating_mul(expected as u64);
        if needed > config.memory_bytes {
            let allowed = config.memory_bytes;
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
        let set = TileSet { classes, side_px, tiles: Vec::new(), notes: Vec::new(), pixels };
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
                let Place { label, name, rect_l0 } = place;
                self.set.pixels.extend(pixels);
                self.set.tiles.push(Tile { label, name, rect_l0, digest });
            }
            Err(error) => {
                self.lost += 1;
                (self.on_event)(TrainEvent::Skipped { tile: place.name, reason: error.without_path() });
            }
        }
        (self.on_event)(TrainEvent::Reading { done: self.set.tiles.len() + self.lost, total: self.expected });
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
        if let Some((class, count)) = self.set.classes.iter().zip(counts).find(|(_, count)| *count < 2) {
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
pub(super) mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Tiles without pixels to speak of, for what asks only for labels and places.
    pub(in crate::train) fn set(tiles: Vec<(usize, Option<Rect>)>, classes: usize) -> TileSet {
        let tile = |(at, (label, rect_l0)): (usize, (usize, Option<Rect>))| Tile {
            label,
            name: at.to_string(),
            rect_l0,
            digest: *blake3::hash(at.to_string().as_bytes()).as_bytes(),
        };
        TileSet {
            classes: (0..classes).map(|class| class.to_string()).collect(),
            side_px: 1,
            pixels: vec![0; tiles.len() * 3],
            tiles: tiles.into_iter().enumerate().map(tile).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn too_many_tiles_for_the_memory_are_refused_with_numbers_before_reading() {
        let config = TrainConfig { out: PathBuf::from("x"), memory_bytes: 1_000_000, ..TrainConfig::default() };
        let classes = || vec!["a".to_owned(), "b".to_owned()];
        let (cancel, mut on_event) = (AtomicBool::new(false), |_| ());
        let error = Collector::new(classes(), 10, &config, &cancel, &mut on_event).err().unwrap();
        assert_eq!(error.code(), "TRN-0201");
        assert!(error.message().contains("1000000") && error.message().contains("1505280"), "{error}");
        assert!(Collector::new(classes(), 6, &config, &cancel, &mut on_event).is_ok());
    }

    #[test]
    fn tiles_take_no_more_memory_than_they_are_large() {
        let config = TrainConfig { memory_bytes: 1_000_000, ..TrainConfig::default() };
        let (cancel, mut on_event) = (AtomicBool::new(false), |_| ());
        let classes = ["a", "b"].map(str::to_owned).to_vec();
        let mut collector = Collector::new(classes, 6, &config, &cancel, &mut on_event).unwrap();
        let tile = 224 * 224 * 3;
        for at in 0..6 {
            let place = Place { label: at % 2, name: at.to_string(), rect_l0: None };
            collector.take(place, Ok(vec![0; tile])).unwrap();
        }
        assert_eq!(collector.finish(Vec::new()).unwrap().pixels.capacity(), 6 * tile);
    }
}
