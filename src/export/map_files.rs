//! The files made of a slide's map, and their record: `measurements/ID.json`, written last.
//!
//! Invariant: while they are replaced their record is gone, so that maps of two settings are never taken for one. The
//! predictions that they are made of, and the record of the scoring, are not touched.

use super::outputs::{
    Staged, WrittenFile, check_folder, digest_of_folder, failed, remove, stage, sync_folder, write_atomically,
};
use super::{Form, MAP_EXPORTERS, MapExporter, MapOutputs, RESEARCH_USE};
use crate::error::Result;
use crate::measure::Measurements;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The version of the record's fields; it changes whenever a field changes its meaning.
const SCHEMA: u32 = 1;
/// Where records lie.
const FOLDER: &str = "measurements";

/// What was made of a slide's predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRecord {
    /// The version of these fields.
    pub schema: u32,
    /// Version of eosin.
    pub eosin: String,
    /// [`RESEARCH_USE`].
    pub note: String,
    /// The slide's name in all outputs.
    pub id: String,
    /// What the files depend on, as one digest of predictions and settings; they are made anew only if it is another.
    pub key: String,
    /// The settings, as resolved.
    pub settings: serde_json::Value,
    /// The numbers.
    pub measurements: Measurements,
    /// How long it took, without this record.
    pub seconds: f64,
    /// The other files, from [`write_maps`].
    pub outputs: Vec<WrittenFile>,
}

impl MapRecord {
    /// A record of this version of eosin.
    pub fn new(id: &str, key: String, settings: serde_json::Value, measurements: Measurements) -> Self {
        Self {
            schema: SCHEMA,
            eosin: env!("CARGO_PKG_VERSION").into(),
            note: RESEARCH_USE.into(),
            id: id.to_owned(),
            key,
            settings,
            measurements,
            seconds: 0.0,
            outputs: Vec::new(),
        }
    }

    /// Writes `measurements/ID.json`; the last thing to do for a slide.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`] (`OUT-0002`).
    pub fn write(&self, dir: &Path) -> Result<WrittenFile> {
        write_atomically(dir, &record_name(&self.id), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }

    /// Reads the record of a slide; none when there is none that this version understands.
    pub fn read(dir: &Path, id: &str) -> Option<Self> {
        let record: Self = super::record::read_json(&dir.join(record_name(id)))?;
        (record.schema == SCHEMA && record.id == id).then_some(record)
    }

    /// Whether the files were made with the same key and still have the lengths that were recorded; of folders it is enough
    /// that they are there.
    pub fn is_done(&self, dir: &Path, key: &str) -> bool {
        let is_there = |file: &WrittenFile| {
            fs::metadata(dir.join(&file.name)).is_ok_and(|found| found.is_dir() || found.len() == file.bytes)
        };
        self.key == key && self.eosin == env!("CARGO_PKG_VERSION") && self.outputs.iter().all(is_there)
    }
}

fn record_name(id: &str) -> String {
    format!("{FOLDER}/{id}.json")
}

/// Keys of all formats that can be asked for.
pub fn map_formats() -> impl Iterator<Item = &'static str> {
    MAP_EXPORTERS.iter().map(|exporter| exporter.key)
}

/// Makes the folders that these formats are written into, and tries to write a file in each, before any slide is opened.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0001`) with the folder.
pub fn check_maps_writable(dir: &Path, formats: &[String]) -> Result<()> {
    let wanted = MAP_EXPORTERS.iter().filter(|exporter| formats.iter().any(|format| format == exporter.key));
    let folders = wanted.map(|exporter| exporter.folder).chain([FOLDER]);
    folders.map(|folder| dir.join(folder)).try_for_each(|folder| check_folder(&folder))
}

/// What is whole on the disk under a temporary name.
enum Made {
    File(Staged),
    Folder { temporary: TempDir, target: PathBuf, file: WrittenFile },
}

/// Writes the files of a slide's map that `formats` name and removes the others; only the record makes them done, so write
/// that next.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`).
pub fn write_maps(dir: &Path, outputs: &MapOutputs<'_>, formats: &[String]) -> Result<Vec<WrittenFile>> {
    let wanted = |exporter: &&MapExporter| formats.iter().any(|format| format == exporter.key);
    let made = MAP_EXPORTERS.iter().filter(wanted).map(|exporter| make(dir, outputs, exporter));
    let made = made.collect::<Result<Vec<Made>>>()?;
    remove(&dir.join(record_name(outputs.id)))?;
    let unwanted = MAP_EXPORTERS.iter().filter(|exporter| !wanted(exporter));
    unwanted.map(|exporter| remove_made(dir, exporter, outputs.id)).collect::<Result<Vec<()>>>()?;
    let written = made.into_iter().map(Made::keep).collect::<Result<Vec<_>>>()?;
    let mut folders = MAP_EXPORTERS.iter().map(|exporter| dir.join(exporter.folder)).filter(|folder| folder.is_dir());
    folders.try_for_each(|folder| sync_folder(&folder))?;
    Ok(written)
}

/// Removes everything that was made of a slide's map; what does not exist is fine.
///
/// # Errors
/// [`crate::ErrorKind::Io`] (`OUT-0002`) for the first that cannot be removed; the others are tried all the same.
pub(super) fn clear_maps(dir: &Path, id: &str) -> Result<()> {
    let files = MAP_EXPORTERS.iter().map(|exporter| remove_made(dir, exporter, id));
    let removed: Vec<Result<()>> = std::iter::once(remove(&dir.join(record_name(id)))).chain(files).collect();
    removed.into_iter().collect()
}

fn make(dir: &Path, outputs: &MapOutputs<'_>, exporter: &MapExporter) -> Result<Made> {
    let name = exporter.name_of(outputs.id);
    let write = match exporter.form {
        Form::File(write) => return stage(dir, &name, |out| write(outputs, out)).map(Made::File),
        Form::Folder(write) => write,
    };
    let target = dir.join(&name);
    let parent = target.parent().unwrap_or(dir);
    let made = fs::create_dir_all(parent).and_then(|()| {
        let temporary = tempfile::Builder::new().prefix(".eosin-").tempdir_in(parent)?;
        open_to_all(temporary.path())?;
        write(outputs, temporary.path())?;
        let (bytes, blake3) = digest_of_folder(temporary.path())?;
        Ok((temporary, WrittenFile { name, bytes, blake3 }))
    });
    let (temporary, file) = made.map_err(|error| failed("OUT-0002", "cannot write the folder", &target, error))?;
    Ok(Made::Folder { temporary, target, file })
}

/// Temporary folders are private; results are to be read by whom the folder around them lets in.
fn open_to_all(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    let _ = folder;
    Ok(())
}

impl Made {
    /// Gives it its final name.
    fn keep(self) -> Result<WrittenFile> {
        match self {
            Self::File(staged) => staged.keep(),
            Self::Folder { temporary, target, file } => {
                remove_folder(&target)?;
                let kept = temporary.keep();
                fs::rename(&kept, &target)
                    .map_err(|error| failed("OUT-0002", "cannot give the folder its final name", &target, error))?;
                Ok(file)
            }
        }
    }
}

fn remove_made(dir: &Path, exporter: &MapExporter, id: &str) -> Result<()> {
    let path = dir.join(exporter.name_of(id));
    match exporter.form {
        Form::File(_) => remove(&path),
        Form::Folder(_) => remove_folder(&path),
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(failed("OUT-0002", "cannot remove the old folder", path, error))
        }
        _ => Ok(()),
    }
}

impl MapExporter {
    /// A slide's file or folder inside the output folder.
    fn name_of(&self, id: &str) -> String {
        format!("{}/{id}{}", self.folder, self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn what_is_asked_for_is_there_and_nothing_of_an_earlier_run() {
        let dir = tempfile::tempdir().unwrap();
        let example = example(&["a", "b"], &[Some(&[0.2, 0.8]), None, Some(&[0.6, 0.4])]);
        let outputs = example.map_outputs();
        let all: Vec<String> = map_formats().map(ToOwned::to_owned).collect();
        let written = write_maps(dir.path(), &outputs, &all).unwrap();
        assert_eq!(written.len(), all.len());
        assert!(written.iter().all(|file| dir.path().join(&file.name).exists()));
        assert_eq!(write_maps(dir.path(), &outputs, &all).unwrap(), written, "the same again");
        let mut record = MapRecord::new("slide", "key".into(), serde_json::json!({}), Measurements::default());
        record.outputs.clone_from(&written);
        record.write(dir.path()).unwrap();
        assert_eq!(MapRecord::read(dir.path(), "slide"), Some(record.clone()));
        assert!(record.is_done(dir.path(), "key") && !record.is_done(dir.path(), "another"));
        let one = write_maps(dir.path(), &outputs, &["map".to_owned()]).unwrap();
        assert_eq!(one.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["maps/slide.png"]);
        assert_eq!(MapRecord::read(dir.path(), "slide"), None, "no record speaks of files of another run");
        assert!(written.iter().all(|file| dir.path().join(&file.name).exists() == (file.name == "maps/slide.png")));
        assert!(!record.is_done(dir.path(), "key"));
        clear_maps(dir.path(), "slide").unwrap();
        assert!(!dir.path().join("maps/slide.png").exists());
    }
}
