//! The table of formats: which exist, in which order they are tried, how each is recognised and opened.
//!
//! # Adding a format
//! 1. One file in `formats`, whose first lines say: extensions, vendor, how it is detected, known oddities, where the
//!    um/px comes from.
//! 2. `detect` decides from the [`Probe`] alone, without further reads, and says why it refuses.
//! 3. `open` gives a [`Driver`]; a slide that was detected and then fails is an error, never handed to the next format.
//! 4. One row in [`FORMATS`]. Order is policy: vendors before the generic TIFF that would also take their files.
//! 5. Rows of `tests/integration/slide_faults.rs` for its damaged files, a line in the table of the README.

use super::driver::Driver;
use super::formats::{aperio, generic_tiff};
use super::probe::Probe;
use crate::error::Result;
use std::path::Path;

/// One file format of slides.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    /// Stable short name, such as `aperio`.
    pub(crate) name: &'static str,
    /// Maker of the scanner or of the specification.
    pub(crate) vendor: &'static str,
    /// Extensions in lower case, without the dot.
    pub(crate) extensions: &'static [&'static str],
    /// Recognises a file, or says why it is not of this format.
    pub(crate) detect: fn(&Probe) -> Result<(), NotThisFormat>,
    /// Opens a file that was recognised.
    pub(crate) open: fn(Probe) -> Result<Box<dyn Driver>>,
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Why a file is not of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotThisFormat(pub(crate) String);

/// All formats, in the order in which they are tried.
pub(crate) static FORMATS: &[Format] = &[aperio::FORMAT, generic_tiff::FORMAT];

/// True when the extension is one of a slide's; for listing folders, says nothing about the content.
///
/// # Examples
/// ```
/// use eosin::slide::is_slide_candidate;
/// assert!(is_slide_candidate("a/b.SVS".as_ref()));
/// assert!(!is_slide_candidate("notes.txt".as_ref()));
/// ```
pub fn is_slide_candidate(path: &Path) -> bool {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else { return false };
    FORMATS.iter().flat_map(|format| format.extensions).any(|known| known.eq_ignore_ascii_case(extension))
}
