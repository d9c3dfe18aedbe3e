//! The configuration of a finished training, for what is measured of its model later.

use crate::cli::keys::{Keys, path};
use eosin::train::TrainConfig;
use eosin::{Error, ErrorKind, Result};
use std::path::Path;

/// A configuration with flags over it, for a model that is written anew to `out`. What the network sees is as in the model,
/// unless the file says it.
///
/// # Errors
/// [`ErrorKind::Usage`] `RUN-0014` when neither names tiles; [`ErrorKind::Io`] for a file that cannot be read; those of
/// [`TrainConfig::layered`].
pub(super) fn config(
    file: Option<&Path>,
    model: &Path,
    out: &Path,
    flags: impl FnOnce(&mut Keys),
) -> Result<TrainConfig> {
    let at_file = |error: Error| if let Some(file) = file { error.at_path(file) } else { error };
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| Error::io(file, "read the file", error))?,
        None => String::new(),
    };
    let mut keys = Keys::default();
    keys.set("out", path(Some(out)));
    keys.set("init", path(Some(model)));
    // Of a new model; this one keeps its own.
    keys.set("card.name", Some("model"));
    flags(&mut keys);
    if file.is_none() && keys.0.get("data").and_then(|data| data.get("kind")).is_none() {
        let message =
            "expected tiles: a configuration, --tiles, --manifest, --targets with or without --slide, or --annotated";
        return Err(Error::new(ErrorKind::Usage, "RUN-0014", format!("{message}; found none")));
    }
    TrainConfig::layered(&text, keys.0).map_err(at_file)
}
