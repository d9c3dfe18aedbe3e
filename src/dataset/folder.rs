//! A folder of class folders → tiles.

use crate::dataset::collector::Collector;
use crate::dataset::config::Request;
use crate::dataset::event::ReadEvent;
use crate::dataset::sources::FolderSource;
use crate::dataset::tiles::{Targets, Tile, TileSet, Truth};
use crate::dataset::{image_file, labels};
use crate::error::{Error, ErrorKind, Result};
use crate::slide::is_picture_candidate;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Reads every image of every class folder that is not excluded; classes and files sorted by name.
pub(super) fn read(
    source: &FolderSource,
    request: Request<'_>,
    cancel: &AtomicBool,
    on_event: &mut dyn FnMut(ReadEvent),
) -> Result<TileSet> {
    let mut folders: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let (inside, mut others): (Vec<_>, Vec<_>) = sorted(&source.path)?.into_iter().partition(|path| path.is_dir());
    for folder in inside {
        let (images, more): (Vec<_>, Vec<_>) =
            sorted(&folder)?.into_iter().partition(|path| is_picture_candidate(path));
        others.extend(more);
        // Names that are no text can look alike.
        if !images.is_empty() && folders.insert(name_of(&folder), images).is_some() {
            let message = format!("expected folders of different names, found {} again", name_of(&folder));
            return Err(Error::new(ErrorKind::Usage, "TRN-0203", message).at_path(&source.path));
        }
    }
    let labels = folders.keys().cloned().collect();
    let classes = labels::classes(request.exclude, &labels).map_err(|error| error.at_path(&source.path))?;
    let mut files: Vec<(PathBuf, Tile)> = Vec::new();
    for (class, folder) in classes.iter().enumerate() {
        files.extend(folders.remove(folder).unwrap_or_default().into_iter().map(|path| {
            let name = format!("{folder}/{}", name_of(&path));
            (path, Tile::new(Truth::Class(class), name))
        }));
    }
    let mut collector = Collector::new(Targets::Classes(classes), files.len(), request, cancel, on_event)
        .map_err(|error| error.at_path(&source.path))?;
    image_file::read_all(&mut collector, files, request.input)?;
    collector.finish(ignored(&others)).map_err(|error| error.at_path(&source.path))
}

/// What is said of files that are no images. Names may tell of patients, endings do not.
fn ignored(others: &[PathBuf]) -> Vec<String> {
    let ending = |path: &PathBuf| match path.extension() {
        _ if path.is_dir() => "folders".to_owned(),
        Some(ending) => format!(".{}", ending.to_string_lossy().to_lowercase()),
        None => "without ending".to_owned(),
    };
    let kinds: BTreeSet<String> = others.iter().map(ending).collect();
    let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
    let note =
        format!("{} files or folders are no tiles in PNG, JPEG or TIFF and are left out ({kinds})", others.len());
    if others.is_empty() { Vec::new() } else { vec![note] }
}

/// The entries of a folder by name; hidden ones are no data.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder, "list tiles", error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !name_of(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
