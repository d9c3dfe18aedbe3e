//! A card and weights → a model folder, whole or absent.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{MAX_FAMILIARITY_BYTES, MAX_WEIGHTS_BYTES};
use crate::nn::bundle::{CARD, digest_of, read_stated, read_text};
use crate::nn::card::{Card, WeightsFile};
use crate::nn::familiarity::{Familiarity, FeatureModel};
use crate::nn::tensor_map::TensorMap;
use crate::nn::weights::{Head, canonical};
use std::fs;
use std::io::Write;
use std::path::Path;

const TEXT: &str = "CARD.md";
const WEIGHTS: &str = "weights.safetensors";
const FAMILIARITY: &str = "familiarity.safetensors";

/// Writes a bundle: the weights in the precision that the card states, the card with their file name and digest filled in,
/// and the text.
/// The folder appears whole or not at all.
///
/// # Errors
/// [`ErrorKind::Usage`] (`MOD-0401`) when `dir` exists; [`ErrorKind::Model`] when weights do not fit the card's network or
/// that precision; [`ErrorKind::Io`].
pub fn write_bundle(dir: &Path, card: &Card, weights: &TensorMap, card_markdown: &str) -> Result<Card> {
    write_familiar_bundle(dir, card, weights, None, card_markdown)
}

/// Writes a bundle as [`write_bundle`] does, with what its training tiles look like: file name and digest are filled in
/// where the card speaks of it. Without that the card says nothing of it.
///
/// # Errors
/// Those of [`write_bundle`].
pub fn write_familiar_bundle(
    dir: &Path,
    card: &Card,
    weights: &TensorMap,
    model: Option<&FeatureModel>,
    card_markdown: &str,
) -> Result<Card> {
    let (card, weights) = with_weights(card, weights)?;
    let (card, model) = with_model(card, model)?;
    write_files(dir, &card, &weights, model.as_deref(), card_markdown, |_| Ok(()))?;
    Ok(card)
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
    let (card, weights) = with_weights(card, weights)?;
    let (card, _) = with_model(card, None)?;
    write_files(dir, &card, &weights, None, card_markdown, prove)?;
    Ok(card)
}

/// Writes the bundle `from` anew to the folder `to`, with another card and text and with what its training tiles look like.
/// The weights file stays as it is, to the byte.
///
/// # Errors
/// Those of [`write_bundle`]; [`ErrorKind::Integrity`] (`MOD-0301`) when the weights are not those of the card.
pub fn familiarised_bundle(
    from: &Path,
    to: &Path,
    card: &Card,
    model: &FeatureModel,
    card_markdown: &str,
) -> Result<Card> {
    let weights = weights_of(from, card)?;
    let (card, model) = with_model(card.clone(), Some(model))?;
    write_files(to, &card, &weights, model.as_deref(), card_markdown, |_| Ok(()))?;
    Ok(card)
}

/// Writes the bundle `from` anew to the folder `to`, with another card and text. All files that the card names stay as they
/// are, to the byte.
///
/// # Errors
/// Those of [`write_bundle`]; [`ErrorKind::Integrity`] (`MOD-0301`) when a file is not that of the card.
pub fn recarded_bundle(from: &Path, to: &Path, card: &Card, card_markdown: &str) -> Result<()> {
    let weights = weights_of(from, card)?;
    let model = card.familiarity.as_ref().map(|stated| {
        read_stated(&from.join(&stated.file), MAX_FAMILIARITY_BYTES, &stated.blake3).map(|(bytes, _)| bytes)
    });
    write_files(to, card, &weights, model.transpose()?.as_deref(), card_markdown, |_| Ok(()))
}

/// The text beside a card; no more than the model's name where there is none.
///
/// # Errors
/// [`ErrorKind::Io`]; [`ErrorKind::Limits`] and [`ErrorKind::Model`] for what is no page of text.
pub fn card_text(dir: &Path, card: &Card) -> Result<String> {
    let path = dir.join(TEXT);
    if path.is_file() { read_text(&path) } else { Ok(format!("# {}\n", card.name)) }
}

/// The bytes of the weights file in a bundle's folder.
fn weights_of(dir: &Path, card: &Card) -> Result<Vec<u8>> {
    Ok(read_stated(&dir.join(&card.weights.file), MAX_WEIGHTS_BYTES, &card.weights.blake3)?.0)
}

/// The bytes of the weights file, and the card that states them.
fn with_weights(card: &Card, weights: &TensorMap) -> Result<(Card, Vec<u8>)> {
    let dtype = card.weights.dtype;
    let weights = canonical(&card.spec(), weights.clone(), Head::FromFile)?.to_safetensors(dtype)?;
    let file = WeightsFile { file: WEIGHTS.to_owned(), blake3: digest_of(&weights), dtype };
    Ok((Card { weights: file, ..card.clone() }, weights))
}

/// The bytes of what the training tiles look like, and the card that states them, or that says nothing of it.
fn with_model(mut card: Card, model: Option<&FeatureModel>) -> Result<(Card, Option<Vec<u8>>)> {
    let bytes = model.map(FeatureModel::to_safetensors).transpose()?.map(|(bytes, _)| bytes);
    card.familiarity = card.familiarity.zip(bytes.as_deref()).map(|(stated, bytes)| Familiarity {
        file: FAMILIARITY.to_owned(),
        blake3: digest_of(bytes),
        ..stated
    });
    Ok((card, bytes))
}

/// Writes what a card states, with the bytes of its weights and of what its training tiles look like.
fn write_files(
    dir: &Path,
    card: &Card,
    weights: &[u8],
    model: Option<&[u8]>,
    card_markdown: &str,
    prove: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    if dir.exists() {
        return Err(
            Error::new(ErrorKind::Usage, "MOD-0401", "expected a new folder, found one that exists").at_path(dir)
        );
    }
    let text = card.to_toml()?;
    let weights = [(card.weights.file.as_str(), weights), (TEXT, card_markdown.as_bytes()), (CARD, text.as_bytes())];
    let familiarity = card.familiarity.as_ref().zip(model).map(|(stated, bytes)| (&*stated.file, bytes));

    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| Error::io(parent, "make the folder", error))?;
    let failed = |error| Error::io(dir, "write the model", error);
    let draft = tempfile::Builder::new().prefix(".model-").tempdir_in(parent).map_err(failed)?;
    for (name, bytes) in weights.into_iter().chain(familiarity) {
        write(&draft.path().join(name), bytes).map_err(failed)?;
    }
    prove(draft.path())?;
    // Folders made for temporary files are private to the user; a model is not.
    share(draft.path()).map_err(failed)?;
    fs::rename(draft.path(), dir).map_err(failed)?;
    let _ = draft.keep(); // its name is gone; nothing is left to delete
    sync_folder(parent).map_err(failed)
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
