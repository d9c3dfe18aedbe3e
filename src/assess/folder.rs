//! An evaluation → files: `predictions.csv`, `comparison.json` where there are two models, `evaluation.html` and
//! `evaluation.json`.
//!
//! Invariant: each file is whole or absent, none of an earlier evaluation is written over, and `evaluation.json` comes last, so
//! that where it is all are. A folder that was made for files that never came is taken away again.

use crate::assess::{Evaluated, csv, json};
use crate::draft::write_whole;
use crate::error::{Error, ErrorKind, Result};
use crate::export::check_folder;
use std::fs;
use std::path::{Path, PathBuf};

/// What was said of each tile.
const PREDICTIONS: &str = "predictions.csv";
/// How far two models differ.
const COMPARISON: &str = "comparison.json";
/// The same for people.
const PAGE: &str = "evaluation.html";
/// The figures, and what they are of.
const EVALUATION: &str = "evaluation.json";

/// Where the files of an evaluation will be.
#[derive(Debug)]
pub struct EvaluationFolder {
    path: PathBuf,
    is_new: bool,
}

impl EvaluationFolder {
    /// Makes the folder and tries to write into it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] (`EVA-0011`) when an evaluation is there; those of [`check_folder`].
    pub fn new(path: &Path) -> Result<Self> {
        if let Some(name) = [PREDICTIONS, COMPARISON, PAGE, EVALUATION].iter().find(|name| path.join(name).exists()) {
            let message = format!("expected a folder without an evaluation, found {name}");
            return Err(Error::new(ErrorKind::Usage, "EVA-0011", message)
                .at_path(path)
                .with_advice("choose another folder (--out), or take the files away"));
        }
        let folder = Self { path: path.to_path_buf(), is_new: !path.exists() };
        check_folder(path)?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all files of an evaluation; the page is that of [`page`](super::page()).
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn write(&self, evaluated: &Evaluated, page: &str) -> Result<()> {
        let Evaluated { set, tiles, scores, record, comparison } = evaluated;
        write_whole(&self.path.join(PREDICTIONS), csv(set, tiles, scores).as_bytes())?;
        if let Some(comparison) = comparison {
            write_whole(&self.path.join(COMPARISON), &json(comparison)?)?;
        }
        write_whole(&self.path.join(PAGE), page.as_bytes())?;
        write_whole(&self.path.join(EVALUATION), &json(record)?)
    }
}

impl Drop for EvaluationFolder {
    fn drop(&mut self) {
        if self.is_new {
            // It goes only while nothing is in it.
            let _ = fs::remove_dir(&self.path);
        }
    }
}
