//! Files and folders as the user gave them become a list of slides, or of tiles that are files.

use crate::error::{Error, ErrorKind, Result};
use crate::slide::{is_picture_candidate, is_slide_candidate};
use std::path::{Path, PathBuf};

/// Folders are searched this deep; beyond it lies a loop or a mistake.
const MAX_DEPTH: usize = 32;

/// All slides that `inputs` name: files as they are, folders searched for files with a slide's extension, in the order
/// of their names. Links to folders are not followed, so that no loop is possible. A file that is named twice comes once,
/// also when its folder is written differently; links of other names are slides of their own.
///
/// # Errors
/// [`ErrorKind::Io`] for a folder that cannot be read; [`ErrorKind::Usage`] when nothing is found at all (`RUN-0001`) or
/// folders are nested too deep (`RUN-0002`). A file that does not exist is kept: it becomes a failed slide, and the others
/// still run.
pub fn find_slides(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    find(inputs, "slide", is_slide_candidate, "slides are files that end in .svs, .tif or .tiff")
}

/// All pictures of single tiles that `inputs` name, found as [`find_slides`] finds slides.
///
/// # Errors
/// Those of [`find_slides`].
pub(super) fn find_tiles(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    find(inputs, "tile", is_picture_candidate, "tiles are files that end in .png, .jpg, .jpeg, .tif or .tiff")
}

fn find(inputs: &[PathBuf], what: &str, is_wanted: fn(&Path) -> bool, advice: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if input.is_dir() {
            search(input, 0, is_wanted, &mut files)?;
        } else {
            files.push(input.clone());
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(place(file)));
    if files.is_empty() {
        let message = format!("expected at least one {what}, found none in the folders given");
        let error = Error::new(ErrorKind::Usage, "RUN-0001", message).with_advice(advice);
        return Err(if let [folder] = inputs { error.at_path(folder) } else { error });
    }
    Ok(files)
}

/// A file's own name in its folder, whichever way the folder is written.
fn place(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), file.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => file.to_path_buf(),
    }
}

fn search(folder: &Path, depth: usize, is_wanted: fn(&Path) -> bool, files: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        let message = format!("expected folders nested at most {MAX_DEPTH} deep, found more");
        return Err(Error::new(ErrorKind::Usage, "RUN-0002", message).at_path(folder));
    }
    let refuse = |error| Error::io(folder, "read the folder", error);
    let mut entries = std::fs::read_dir(folder).map_err(refuse)?.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !hidden => search(&path, depth + 1, is_wanted, files)?,
            Ok(kind) if !kind.is_dir() && !hidden && is_wanted(&path) => files.push(path),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_by_name_and_files_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        for name in ["z.svs", "a.tif", "b/c.SVS", "notes.txt", ".hidden.svs"] {
            std::fs::write(at(name), b"").unwrap();
        }
        let found = find_slides(&[folder.path().into(), at("a.tif"), at("missing.svs")]).unwrap();
        assert_eq!(found, [at("a.tif"), at("b/c.SVS"), at("z.svs"), at("missing.svs")]);
        assert_eq!(find_slides(&[at("b"), at("b")]).unwrap().len(), 1);
        assert_eq!(find_slides(&[at("a.tif"), at("./a.tif"), at("b/../a.tif")]).unwrap(), [at("a.tif")]);
        std::fs::remove_file(at("b/c.SVS")).unwrap();
        assert_eq!(find_slides(&[at("b")]).unwrap_err().code(), "RUN-0001");
    }
}
