//! What a run may keep of an earlier one.
//!
//! Invariant: results are kept as done only when all that they depend on is the same; and they are removed only when
//! the slide that they belong to is no longer the same file. A slip in the arguments costs nothing.

use super::score::ScoreConfig;
use crate::device::Arithmetic;
use crate::error::{Error, Result};
use crate::export::SlideRecord;
use crate::nn::Bundle;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes at both ends of a file that tell it from another of the same length.
const END_BYTES: u64 = 1 << 20;

/// Tells a file by its length and both ends: reading gigabytes twice would cost more than it protects from.
///
/// # Errors
/// [`crate::ErrorKind::Io`] when it cannot be read.
pub(super) fn fingerprint(path: &Path) -> Result<String> {
    let refuse = |error| Error::io(path, "read the slide", error);
    let mut file = File::open(path).map_err(refuse)?;
    let length = file.metadata().map_err(refuse)?.len();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&length.to_le_bytes());
    for start in [0, length.saturating_sub(END_BYTES)] {
        file.seek(SeekFrom::Start(start)).map_err(refuse)?;
        let mut end = Vec::new();
        file.by_ref().take(END_BYTES).read_to_end(&mut end).map_err(refuse)?;
        hasher.update(&end);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// What results depend on: the slide, the model with all that its card says of input and output, the numbers in which it is
/// computed, the settings and this program.
pub(super) fn resume_key(config: &ScoreConfig, bundle: &Bundle, arithmetic: Arithmetic, fingerprint: &str) -> String {
    // Read by this very version of the program only, for which the debug form is a fixed one.
    let model = format!(
        "{:?}",
        (
            (bundle.name(), bundle.digest(), bundle.spec()),
            (bundle.classes(), bundle.mpp(), bundle.preprocess(), bundle.activation(), bundle.temperature()),
            bundle.familiarity().map(|familiarity| (&familiarity.blake3, familiarity.threshold))
        )
    );
    let mut hasher = blake3::Hasher::new();
    for part in [env!("CARGO_PKG_VERSION"), fingerprint, &model, &config.settings().to_string()] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    // Results in f32 of before there was a choice keep their key.
    if arithmetic != Arithmetic::F32 {
        hasher.update(arithmetic.name().as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex().to_string()
}

/// Whether whole results of an earlier run are there, with whatever model and settings, of a slide that is still the
/// same file or cannot be looked at now.
pub(super) fn has_results(out: &Path, id: &str, slide: &Path) -> bool {
    SlideRecord::read(out, id)
        .filter(|record| record.is_done(out, &record.resume_key))
        .is_some_and(|record| fingerprint(slide).map_or(true, |found| record.slide.fingerprint == Some(found)))
}
