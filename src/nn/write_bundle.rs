//! A card and weights → a model folder, whole or absent.

use crate::error::{Error, ErrorKind, Result};
use crate::nn::bundle::{CARD, digest_of};
use crate::nn::card::{Card, WeightsFile};
use crate::nn::tensor_map::TensorMap;
use crate::nn::weights::{Head, canonical};
use std::fs;
use std::io::Write;
use std::path::Path;

const TEXT: &str = "CARD.md";
const WEIGHTS: &str = "weights.safetensors";

/// Writes a bundle: the weights in the precision that the card states, the card with their file name and digest filled in,
/// and the text.
/// The folder appears whole or not at all.
///
/// # Errors
/// [`ErrorKind::Usage`] (`MOD-0401`) when `dir` exists; [`ErrorKind::Model`] when weights do not fit the card's network or
/// that precision; [`ErrorKind::Io`].
pub fn write_bundle(dir: &Path, card: &Card, weights: &TensorMap, card_markdown: &str) -> Result<Card> {
    write_proven_bundle(dir, card, weights, card_markdown, |_| Ok(()))
}

/// Writes a bundle as [`write_bundle`] does, and gives the folder its name only when `prove` finds nothing wrong with it.
///
/// # Errors
/// Those of [`write_bundle`] and of `prove`.
pub fn write_proven_bundle(
    dir: &Path,
    card: &Card,
    weights: &TensorMap,
    card_markdown: &str,
    prove: impl FnOnce(&Path) -> Result<()>,
) -> Result<Card> {
    if dir.exists() {
        return Err(
            Error::new(ErrorKind::Usage, "MOD-0401", "expected a new folder, found one that exists").at_path(dir)
        );
    }
    let spec = card.spec();
    let dtype = card.weights.dtype;
    let weights = canonical(&spec, weights.clone(), Head::FromFile)?.to_safetensors(dtype)?;
    let blake3 = digest_of(&weights);
    let file = WeightsFile { file: WEIGHTS.to_owned(), blake3, dtype };
    let card = Card { weights: file, ..card.clone() };
    let text = card.to_toml()?;

    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| Error::io(parent, "make the folder", error))?;
    let failed = |error| Error::io(dir, "write the model", error);
    let draft = tempfile::Builder::new().prefix(".model-").tempdir_in(parent).map_err(failed)?;
    for (name, bytes) in [(WEIGHTS, &weights[..]), (TEXT, card_markdown.as_bytes()), (CARD, text.as_bytes())] {
        write(&draft.path().join(name), bytes).map_err(failed)?;
    }
    prove(draft.path())?;
    // Folders made for temporary files are private to the user; a model is not.
    share(draft.path()).map_err(failed)?;
    fs::rename(draft.path(), dir).map_err(failed)?;
    let _ = draft.keep(); // its name is gone; nothing is left to delete
    sync_folder(parent).map_err(failed)?;
    Ok(card)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn share(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn share(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(dir: &Path) -> std::io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Other systems cannot open a folder as a file.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}
