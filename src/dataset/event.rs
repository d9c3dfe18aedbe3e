//! Progress of a reading as values.

/// Something happened while tiles were read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadEvent {
    /// Tiles are being read.
    Reading {
        /// Tiles read so far.
        done: usize,
        /// All tiles.
        total: usize,
    },
    /// A tile could not be read and is left out.
    Skipped {
        /// Which one: its file's name, or its place on the slide.
        tile: String,
        /// Why.
        reason: String,
    },
}
