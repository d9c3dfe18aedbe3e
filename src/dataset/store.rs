//! The bytes of all tiles, in memory or, beyond the budget, in a file without a name.
//!
//! Invariant: memory is asked for once and only within the budget; the file is gone when the set is, however the program
//! ends. Tiles are written once, one after the other, and read from any number of threads.

use crate::error::{Error, ErrorKind, Result};
use crate::slide::read_exact_at;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Tiles of equal length, by number.
#[derive(Debug)]
pub(super) enum Store {
    Memory { tile_bytes: usize, pixels: Vec<u8> },
    Disk { tile_bytes: usize, file: File, needed: u64 },
}

impl Store {
    /// Makes room for `tiles` of `tile_bytes` each.
    ///
    /// # Errors
    /// [`ErrorKind::Limits`] (`TRN-0201`) when the memory is not there; [`ErrorKind::Io`] (`TRN-0211`) when there can be no
    /// file.
    pub fn new(tiles: usize, tile_bytes: usize, memory_bytes: u64, scratch: Option<&Path>) -> Result<Self> {
        let needed = (tiles as u64).saturating_mul(tile_bytes as u64);
        if needed > memory_bytes {
            let file = match scratch {
                Some(folder) => tempfile::tempfile_in(folder),
                None => tempfile::tempfile(),
            };
            let at = |error: Error| scratch.into_iter().fold(error, Error::at_path);
            return Ok(Self::Disk { tile_bytes, file: file.map_err(|error| at(no_room(needed, error)))?, needed });
        }
        // All at once: a list that grows takes up to twice the memory allowed.
        let mut pixels = Vec::new();
        usize::try_from(needed).ok().and_then(|bytes| pixels.try_reserve_exact(bytes).ok()).ok_or_else(|| {
            let message = format!("expected {needed} bytes of memory for {tiles} tiles, found less");
            Error::new(ErrorKind::Limits, "TRN-0201", message)
                .with_advice("allow less (`memory_bytes`), so that they are kept in a file")
        })?;
        Ok(Self::Memory { tile_bytes, pixels })
    }

    /// Adds the next tile.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] (`TRN-0211`) when the disk is full.
    pub fn push(&mut self, tile: &[u8]) -> Result<()> {
        match self {
            Self::Memory { pixels, .. } => pixels.extend_from_slice(tile),
            Self::Disk { file, needed, .. } => file.write_all(tile).map_err(|error| no_room(*needed, error))?,
        }
        Ok(())
    }

    /// The bytes of a tile.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] (`TRN-0211`) when the file cannot be read.
    pub fn get(&self, index: usize) -> Result<Vec<u8>> {
        match self {
            Self::Memory { tile_bytes, pixels } => Ok(pixels[index * tile_bytes..(index + 1) * tile_bytes].to_vec()),
            Self::Disk { tile_bytes, file, .. } => {
                let mut tile = vec![0; *tile_bytes];
                let read = read_exact_at(file, &mut tile, index as u64 * *tile_bytes as u64);
                read.map_err(|error| {
                    let message = format!("cannot read decoded tiles back: {error}");
                    Error::new(ErrorKind::Io, "TRN-0211", message).with_source(error)
                })?;
                Ok(tile)
            }
        }
    }
}

fn no_room(needed: u64, error: io::Error) -> Error {
    let message = format!("cannot keep decoded tiles in a file of {needed} bytes: {error}");
    Error::new(ErrorKind::Io, "TRN-0211", message).with_source(error).with_advice(
        "make room on the disk of the run's folder, choose a folder elsewhere (--out), allow more memory (`memory_bytes`), \
         or make `input_px` smaller",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_come_back_from_memory_and_from_the_file_alike() {
        let dir = tempfile::tempdir().unwrap();
        let tile =
            |number: usize| -> Vec<u8> { (0..7).map(|at| u8::try_from((number * 31 + at) % 251).unwrap()).collect() };
        for (memory_bytes, on_disk) in [(70, false), (69, true)] {
            let mut store = Store::new(10, 7, memory_bytes, Some(dir.path())).unwrap();
            assert_eq!(matches!(store, Store::Disk { .. }), on_disk);
            (0..10).for_each(|number| store.push(&tile(number)).unwrap());
            if let Store::Memory { pixels, .. } = &store {
                assert_eq!(pixels.capacity(), 70);
            }
            std::thread::scope(|scope| {
                let store = &store;
                for first in 0..4 {
                    scope.spawn(move || {
                        (first..10).rev().for_each(|number| assert_eq!(store.get(number).unwrap(), tile(number)));
                    });
                }
            });
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
        let error = Store::new(10, 7, 0, Some(&dir.path().join("none"))).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("TRN-0211", ErrorKind::Io));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_says_how_much_is_needed() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let mut store = Store::Disk { tile_bytes: 4, file, needed: 4_000_000 };
        let error = store.push(&[0; 4]).unwrap_err();
        assert!(error.code() == "TRN-0211" && error.message().contains("4000000 bytes: No space left"), "{error}");
        assert!(error.advice().unwrap().contains("make room"));
    }
}
