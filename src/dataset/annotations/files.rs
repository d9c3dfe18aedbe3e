//! Slides, and which file has the annotations of each.

use crate::dataset::sources::AnnotationSource;
use crate::error::{Error, ErrorKind, Result};
use crate::slide::is_slide_candidate;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A slide and the file of its annotations.
pub(super) struct Pair {
    pub slide: PathBuf,
    /// Its file's name, which no other slide here has.
    pub name: String,
    pub annotations: PathBuf,
}

/// All slides that have annotations, in the order of the list and by name in folders; and how many have none.
///
/// # Errors
/// [`ErrorKind::Usage`]: `TRN-0225` for two slides of one name, or two files for one slide; `TRN-0226` for a slide that
/// was named and has no annotations, or when none has; [`ErrorKind::Io`].
pub(super) fn pairs(source: &AnnotationSource) -> Result<(Vec<Pair>, usize)> {
    let (mut pairs, mut without, mut stems) = (Vec::new(), 0, BTreeSet::new());
    for entry in &source.slides {
        let in_folder = entry.is_dir();
        let slides = if in_folder { listed(entry)? } else { vec![entry.clone()] };
        for slide in slides {
            let stem = slide.file_stem().unwrap_or_default().to_os_string();
            if !stems.insert(stem) {
                let message = "expected slides of different names, found two that differ by folder or ending only";
                return Err(Error::new(ErrorKind::Usage, "TRN-0225", message).at_path(&slide));
            }
            match annotations(&slide, source.annotations.as_deref())? {
                Some(annotations) => {
                    let name = slide.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    pairs.push(Pair { slide, name, annotations });
                }
                None if in_folder => without += 1,
                None => return Err(missing("expected annotations for this slide, found none").at_path(&slide)),
            }
        }
    }
    if pairs.is_empty() {
        return Err(missing(&format!("expected slides with annotations, found {without} slides and none for any")));
    }
    Ok((pairs, without))
}

fn missing(message: &str) -> Error {
    Error::new(ErrorKind::Usage, "TRN-0226", message).with_advice(
        "annotations are called like their slide, with the ending .geojson or .xml, beside it or in the folder \
         `annotations`",
    )
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io(folder, "list slides", error);
    let mut slides = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && is_slide_candidate(&path) && !hidden {
            slides.push(path);
        }
    }
    slides.sort();
    Ok(slides)
}

/// The one file that is called like a slide, with its ending or without.
fn annotations(slide: &Path, folder: Option<&Path>) -> Result<Option<PathBuf>> {
    let folder = folder.or(slide.parent()).unwrap_or(Path::new(""));
    let (stem, whole) = (slide.file_stem().unwrap_or_default(), slide.file_name().unwrap_or_default());
    let mut found = Vec::new();
    for name in [stem, whole] {
        for ending in ["geojson", "json", "xml"] {
            let mut name = name.to_os_string();
            name.push(".");
            name.push(ending);
            found.extend(Some(folder.join(name)).filter(|path| path.is_file()));
        }
    }
    if let [first, second, ..] = found.as_slice() {
        let message = format!(
            "expected one file of annotations for each slide, found {} beside it",
            second.file_name().unwrap_or_default().to_string_lossy()
        );
        return Err(Error::new(ErrorKind::Usage, "TRN-0225", message).at_path(first));
    }
    Ok(found.pop())
}
