//! Where labelled tiles come from: the `[data]` table of a training.

use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where tiles and labels come from: `[data]`, whose key `kind` says which of these it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DataSource {
    /// `kind = "folder"`: image files in one folder per class.
    Folder(FolderSource),
    /// `kind = "manifest"`: image files listed in a table.
    Manifest(ManifestSource),
    /// `kind = "slide"`: labelled places of one slide or of several.
    Slide(SlideSource),
    /// `kind = "annotations"`: slides on which areas were drawn by hand.
    Annotations(AnnotationSource),
}

/// One folder per class, each with PNG, JPEG or TIFF tiles. Files of other kinds are left out, and a note counts them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSource {
    /// The folder of the class folders.
    pub path: PathBuf,
}

/// A CSV with a row for each tile, which is an image file (PNG, JPEG or TIFF).
///
/// The names of the columns can be changed. Patient, slide, site, split and weight need not be there; a column that is
/// named must be, and one that is there must be filled in every row. Other columns are not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestSource {
    /// The table.
    pub path: PathBuf,
    /// The folder that files are named from; the table's own unless it is said.
    pub root: Option<PathBuf>,
    /// The column of files, each below `root`: no file may be named by an absolute path or with `..`.
    pub file_column: String,
    /// The column of labels; not asked when there are `values`.
    pub label_column: String,
    /// Columns of numbers that are to be estimated, in place of labels.
    pub values: Vec<String>,
    /// The column of patients (`patient`; `""` for none). Patients, slides and sites only say what belongs together; no
    /// output has them.
    pub patient_column: Option<String>,
    /// The column of slides (`slide`; `""` for none).
    pub slide_column: Option<String>,
    /// The column of sites, such as hospitals (`site`; `""` for none).
    pub site_column: Option<String>,
    /// The column that says which tiles train (`split`; `""` for none): `train`, `validation` or `val`, `test`. A column
    /// that says the same of all rows is not obeyed, with a note.
    pub split_column: Option<String>,
    /// The column of how much a tile counts in the loss (`weight`; `""` for none): 0 or more.
    pub weight_column: Option<String>,
}

/// A CSV with a row for each place on a slide.
///
/// Columns as in [`ManifestSource`]; those of the place are `x` and `y`, a tile's top-left corner in level-0 pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlideSource {
    /// The slide. Without it the column `slide` names one in each row, from the table's folder.
    pub slide: PathBuf,
    /// The table.
    pub targets: PathBuf,
    /// The column of labels; not asked when there are `values`.
    pub label_column: String,
    /// Columns of numbers that are to be estimated, in place of labels.
    pub values: Vec<String>,
    /// The column of patients (`patient`; `""` for none).
    pub patient_column: Option<String>,
    /// The column of slides (`slide`); not asked when there is one `slide` for all rows.
    pub slide_column: Option<String>,
    /// The column of sites (`site`; `""` for none).
    pub site_column: Option<String>,
    /// The column that says which tiles train (`split`; `""` for none).
    pub split_column: Option<String>,
    /// The column of how much a tile counts in the loss (`weight`; `""` for none).
    pub weight_column: Option<String>,
}

/// Slides on which areas were drawn, in files of QuPath (`.geojson`), ASAP or `ImageScope` (`.xml`).
///
/// A tile of the model's grid has the class whose areas cover most of it. Areas of one class may overlap; where classes
/// do, both count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnotationSource {
    /// Slides, and folders of slides. One that is named must have annotations; those of folders that have none are left
    /// out, and a note counts them.
    pub slides: Vec<PathBuf>,
    /// The folder of the annotations, each called like its slide up to the ending; beside the slides unless it is said.
    pub annotations: Option<PathBuf>,
    /// A CSV with a row for each slide: its file's name in the column `slide` and, as in [`ManifestSource`], `patient`,
    /// `site`, `split` and `weight`. Without it nobody knows which slides are of one patient.
    pub table: Option<PathBuf>,
    /// Share of a tile's side that it has in common with its neighbour, from 0 to below 1.
    pub overlap: f64,
    /// Least share of a tile that its class covers.
    pub min_cover: f64,
    /// A tile is left out when another class covers more than this share of it; a note counts them.
    pub max_other: f64,
    /// Most tiles of a class from one slide, drawn at random but always the same; without it all.
    pub max_tiles: Option<usize>,
}

impl Default for ManifestSource {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            root: None,
            file_column: "file".to_owned(),
            label_column: "label".to_owned(),
            values: Vec::new(),
            patient_column: None,
            slide_column: None,
            site_column: None,
            split_column: None,
            weight_column: None,
        }
    }
}

impl Default for SlideSource {
    fn default() -> Self {
        Self {
            slide: PathBuf::new(),
            targets: PathBuf::new(),
            label_column: "label".to_owned(),
            values: Vec::new(),
            patient_column: None,
            slide_column: None,
            site_column: None,
            split_column: None,
            weight_column: None,
        }
    }
}

impl Default for AnnotationSource {
    fn default() -> Self {
        Self {
            slides: Vec::new(),
            annotations: None,
            table: None,
            overlap: 0.0,
            min_cover: 0.5,
            max_other: 0.1,
            max_tiles: None,
        }
    }
}

impl DataSource {
    /// Checks what types cannot say, before anything is read.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`TRN-0102`) with the key.
    pub fn check(&self) -> Result<()> {
        let named = |key: &str, empty: bool| {
            if empty { Err(usage(format!("expected data.{key}, found none"))) } else { Ok(()) }
        };
        let blank = |text: &str| text.trim().is_empty();
        let path = |path: &PathBuf| path.as_os_str().is_empty();
        match self {
            Self::Folder(source) => named("path", path(&source.path)),
            Self::Manifest(source) => {
                named("path", path(&source.path))?;
                named("file_column", blank(&source.file_column))?;
                named("label_column", blank(&source.label_column) && source.values.is_empty())
            }
            Self::Slide(source) => {
                named("targets", path(&source.targets))?;
                named("label_column", blank(&source.label_column) && source.values.is_empty())
            }
            Self::Annotations(source) => {
                named("slides", source.slides.is_empty())?;
                let AnnotationSource { overlap, min_cover, max_other, .. } = *source;
                check_range("data.overlap", overlap, 0.0, 0.95)?;
                check_range("data.min_cover", min_cover, 0.01, 1.0)?;
                check_range("data.max_other", max_other, 0.0, 1.0)?;
                named("max_tiles above 0", source.max_tiles == Some(0))
            }
        }
    }
}

/// Refuses a value outside of its range.
pub(super) fn check_range(key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(usage(format!("{key}: expected {low} to {high}, found {value}")))
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, "TRN-0102", message)
}
