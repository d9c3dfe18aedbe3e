//! Tiles as they are read → a checked [`TileSet`].
//!
//! Invariant: a tile that cannot be read is left out and reported, and more than one in a hundred of those is an error;
//! whatever else is left out or changed is counted in a note.

use crate::dataset::config::Request;
use crate::dataset::event::ReadEvent;
use crate::dataset::store::Store;
use crate::dataset::tiles::{Targets, Tile, TileSet};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tiles that may be unreadable before the data are refused, per hundred.
const MAX_LOST_PERCENT: usize = 1;
/// Bytes of tiles decoded between two progress reports.
const AT_ONCE_BYTES: usize = 64 << 20;
/// Tiles decoded between two progress reports.
const AT_ONCE: usize = 256;

/// Of tiles that train.
const NO_PATIENTS: &str = "WARNING: these data carry no patient ids, so tiles of one patient are likely on both sides; the \
                           validation figures are too good for new patients";
const ONE_SLIDE: &str = "one slide of one patient: training and validation tiles lie apart on the same section, so the \
                         figures say nothing about other patients, stainings or scanners";
const NO_PATIENTS_BUT_SLIDES: &str = "WARNING: these data carry no patient ids; where several slides are of one patient, \
                                      the validation figures are too good for new patients";

/// Of tiles that are only looked at.
const UNKNOWN_PATIENTS: &str = "WARNING: these data carry no patient ids; where several tiles or slides are of one patient, \
                                the intervals are too narrow";
const ONE_SLIDE_SEEN: &str =
    "one slide of one patient: the figures say nothing about other patients, stainings or scanners";

/// A tile's pixels at the size that the network sees, and what became of the file on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pixels {
    Whole(Vec<u8>),
    /// White was added.
    Padded(Vec<u8>),
    /// Too small, and left out.
    Small,
}

/// Collects tiles as they are read.
pub(super) struct Collector<'a> {
    set: TileSet,
    store: Store,
    expected: usize,
    lost: usize,
    first_lost: String,
    padded: usize,
    small: usize,
    trains: bool,
    cancel: &'a AtomicBool,
    on_event: &'a mut dyn FnMut(ReadEvent),
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
            && classes.len() < if request.trains { 2 } else { 1 }
        {
            let expected = if request.trains { "two classes" } else { "one class" };
            let message = format!("expected tiles of {expected} or more, found {}", classes.len());
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message));
        }
        let side_px = request.input.input_px;
        let empty = Arc::new(Store::new(0, 0, 0, None)?);
        let set = TileSet { targets, ordered: false, side_px, tiles: Vec::new(), notes: Vec::new(), pixels: empty };
        let store = Store::new(expected, set.tile_bytes(), request.memory_bytes, request.scratch)?;
        let first_lost = String::new();
        Ok(Self {
            set,
            store,
            expected,
            lost: 0,
            first_lost,
            padded: 0,
            small: 0,
            trains: request.trains,
            cancel,
            on_event,
        })
    }

    /// How many tiles should be decoded before they are taken.
    pub fn at_once(&self) -> usize {
        (AT_ONCE_BYTES / self.set.tile_bytes().max(1)).clamp(rayon::current_num_threads(), AT_ONCE)
    }

    /// Takes a tile, or the reason why there is none.
    pub fn take(&mut self, mut tile: Tile, pixels: Result<Pixels>) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "TRN-0001", "stopped while tiles were read")
                .with_advice("nothing was changed: run the same again"));
        }
        match pixels {
            Ok(Pixels::Small) => self.small += 1,
            Ok(pixels) => {
                self.padded += usize::from(matches!(pixels, Pixels::Padded(_)));
                let (Pixels::Whole(pixels) | Pixels::Padded(pixels)) = pixels else { return Ok(()) };
                tile.digest = *blake3::hash(&pixels).as_bytes();
                self.store.push(&pixels)?;
                self.set.tiles.push(tile);
            }
            Err(error) => {
                let reason = error.without_path();
                if self.lost == 0 {
                    self.first_lost = format!("{}: {reason}", tile.name);
                }
                self.lost += 1;
                (self.on_event)(ReadEvent::Skipped { tile: tile.name, reason });
            }
        }
        let done = self.set.tiles.len() + self.lost + self.small;
        (self.on_event)(ReadEvent::Reading { done, total: self.expected });
        Ok(())
    }

    /// Checks what was read.
    pub fn finish(mut self, notes: Vec<String>) -> Result<TileSet> {
        let Self { expected, lost, padded, small, .. } = self;
        if lost * 100 > expected * MAX_LOST_PERCENT {
            let message = format!(
                "expected at most {MAX_LOST_PERCENT} % of {expected} tiles to be unreadable, found {lost}, the first {}",
                self.first_lost
            );
            return Err(Error::new(ErrorKind::Format, "TRN-0202", message));
        }
        let all: Vec<usize> = (0..self.set.tiles.len()).collect();
        let counts = self.set.counts(&all);
        let few = self.set.targets.names().iter().zip(counts).find(|(_, count)| *count < 2);
        if let Some((class, count)) = few.filter(|_| self.trains) {
            let message = format!("expected two tiles or more of each class, found {count} of {class}");
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message).with_advice("list it in `exclude`"));
        }
        let set = &mut self.set;
        set.notes.extend(about_patients(&set.tiles, self.trains).map(str::to_owned));
        set.notes.extend(notes);
        for (count, what) in [
            (lost, "could not be read and are left out"),
            (padded, "are smaller than `tile_px` and were padded with white"),
            (small, "are smaller than `tile_px` and are left out"),
        ] {
            if count > 0 {
                set.notes.push(format!("{count} of {expected} tiles {what}"));
            }
        }
        set.notes.extend(contradictions(set));
        set.pixels = Arc::new(self.store);
        Ok(self.set)
    }
}

/// What figures mean where patients are not known.
fn about_patients(tiles: &[Tile], trains: bool) -> Option<&'static str> {
    if tiles.iter().any(|tile| tile.patient.is_some()) {
        return None;
    }
    let slides: BTreeSet<_> = tiles.iter().map(|tile| &tile.slide).collect();
    let one_slide = slides.len() <= 1 && tiles.iter().any(|tile| tile.rect_l0.is_some());
    Some(match (trains, one_slide) {
        (true, true) => ONE_SLIDE,
        (true, false) if slides.len() > 1 => NO_PATIENTS_BUT_SLIDES,
        (true, false) => NO_PATIENTS,
        (false, true) => ONE_SLIDE_SEEN,
        (false, false) => UNKNOWN_PATIENTS,
    })
}

/// Copies of an image file of which different things are said.
fn contradictions(set: &TileSet) -> Option<String> {
    let mut first: HashMap<[u8; 32], &Tile> = HashMap::new();
    let files = set.tiles.iter().filter(|tile| tile.rect_l0.is_none());
    let odd = files.filter(|tile| first.entry(tile.digest).or_insert(tile).truth != tile.truth).count();
    (odd > 0).then(|| format!("WARNING: {odd} tiles are copies of others, but not labelled as these are"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::config::InputConfig;
    use crate::dataset::sources::{DataSource, FolderSource};
    use crate::dataset::tiles::Truth;

    fn two() -> Targets {
        Targets::Classes(["a", "b"].map(str::to_owned).to_vec())
    }

    /// Of six tiles of one pixel, every one made by `pixels`.
    fn collected(memory_bytes: u64, pixels: impl Fn(usize) -> Result<Pixels>) -> Result<TileSet> {
        let (source, input) =
            (DataSource::Folder(FolderSource::default()), InputConfig { input_px: 1, ..InputConfig::default() });
        let request =
            Request { source: &source, exclude: &[], input: &input, memory_bytes, scratch: None, trains: true };
        let (cancel, mut on_event) = (AtomicBool::new(false), |_| ());
        let mut collector = Collector::new(two(), 300, request, &cancel, &mut on_event)?;
        for at in 0..300 {
            collector.take(Tile::new(Truth::Class(at % 2), at.to_string()), pixels(at))?;
        }
        collector.finish(Vec::new())
    }

    fn grey(at: usize) -> Vec<u8> {
        vec![u8::try_from(at / 2).unwrap(); 3]
    }

    #[test]
    fn tiles_beyond_the_budget_are_the_same_ones() {
        let (memory, disk) =
            (collected(900, |at| Ok(Pixels::Whole(grey(at)))), collected(899, |at| Ok(Pixels::Whole(grey(at)))));
        let (memory, disk) = (memory.unwrap(), disk.unwrap());
        assert!(matches!(*memory.pixels, Store::Memory { .. }) && matches!(*disk.pixels, Store::Disk { .. }));
        assert_eq!(memory.digest(), disk.digest());
        assert!((0..300).all(|at| memory.pixels(at).unwrap() == grey(at) && disk.pixels(at).unwrap() == grey(at)));
    }

    #[test]
    fn what_is_left_out_or_changed_is_counted() {
        let pixels = |at: usize| match at {
            0 => Err(Error::new(ErrorKind::Format, "TRN-0204", "cut")),
            1..=4 => Ok(Pixels::Small),
            5 => Ok(Pixels::Padded(grey(at))),
            _ => Ok(Pixels::Whole(grey(at))),
        };
        let set = collected(10_000, pixels).unwrap();
        assert_eq!(set.tiles.len(), 295);
        assert_eq!((set.tiles[0].name.as_str(), set.pixels(0).unwrap()), ("5", grey(5)));
        let notes = set.notes[1..].join("; ");
        for part in [
            "1 of 300 tiles could not be read",
            "1 of 300 tiles are smaller than `tile_px` and were padded",
            "4 of 300 tiles are smaller than `tile_px` and are left out",
            "147 tiles are copies of others",
        ] {
            assert!(notes.contains(part), "{notes}");
        }
        let four = |at: usize| match at {
            10..14 => Err(Error::new(ErrorKind::Format, "TRN-0204", "cut")),
            _ => Ok(Pixels::Whole(grey(at))),
        };
        let error = collected(10_000, four).unwrap_err();
        assert!(error.code() == "TRN-0202" && error.message().contains("found 4, the first 10: cut"), "{error}");
    }
}
