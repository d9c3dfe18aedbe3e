//! Bytes become files that are whole or absent: temporary name in the same folder, fsync, rename, fsync of the folder.
//!
//! Invariant: while a slide's files are replaced its record is gone, so a run that dies in between leaves a slide that
//! is not done. When a file cannot be written, nothing was replaced yet and an earlier run's files stay, or, after that, no
//! file of the slide does, neither new nor old; a temporary one never does.

use super::map_files::clear_maps;
use super::{EXPORTERS, SlideOutputs};
use crate::draft::draft_in;
use crate::error::{Error, ErrorKind, Result};
use crate::tile::Meaning;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// One file of a slide, as its record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Name inside the output folder, with forward slashes.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 digest, hexadecimal.
    pub blake3: String,
}

/// A file that is complete on the disk under its temporary name; dropping it removes it.
pub(super) struct Staged {
    temporary: NamedTempFile,
    target: PathBuf,
    file: WrittenFile,
}

/// Writes every file of a slide except its record; only the record makes it done, so write that next.
///
/// # Errors
/// [`ErrorKind::Io`] (`OUT-0002`) when a file cannot be written, [`ErrorKind::Usage`] (`OUT-0003`) when the id is no
/// plain file name or plan, predictions, map and colours do not belong together. Then all files of an earlier run are left
/// as they were, or no file of the slide is.
pub fn write_all(dir: &Path, outputs: &SlideOutputs<'_>) -> Result<Vec<WrittenFile>> {
    check(outputs)?;
    let staged = stage_all(dir, outputs)?;
    let written = replace_all(dir, outputs, staged);
    if written.is_err() {
        // The first error is the one to report; what cannot be removed has no record and so counts for nothing.
        let _ = clear(dir, outputs.id);
    }
    written
}

/// Gives staged files their names in place of an earlier run's.
fn replace_all(dir: &Path, outputs: &SlideOutputs<'_>, staged: Vec<Staged>) -> Result<Vec<WrittenFile>> {
    // Before the first file changes, and on the disk: a record must never describe files of another run.
    remove(&record_path(dir, outputs.id))?;
    // What was made of other scores would pass for made of these.
    clear_maps(dir, outputs.id)?;
    sync_folder(dir)?;
    let unwanted = EXPORTERS.iter().filter(|exporter| !exporter.is_wanted(outputs));
    unwanted.map(|exporter| dir.join(exporter.name_of(outputs.id))).try_for_each(|path| remove(&path))?;
    let written = staged.into_iter().map(Staged::keep).collect::<Result<Vec<_>>>()?;
    let mut folders = EXPORTERS.iter().map(|exporter| dir.join(exporter.folder)).filter(|folder| folder.is_dir());
    folders.try_for_each(|folder| sync_folder(&folder))?;
    Ok(written)
}

/// Removes every file of a slide, its record first and what was made of its map; files that do not exist are fine.
///
/// # Errors
/// [`ErrorKind::Io`] (`OUT-0002`) for the first file that cannot be removed; the others are tried all the same.
pub fn clear(dir: &Path, id: &str) -> Result<()> {
    let files = EXPORTERS.iter().map(|exporter| dir.join(exporter.name_of(id)));
    let removed: Vec<Result<()>> =
        std::iter::once(record_path(dir, id)).chain(files).map(|path| remove(&path)).collect();
    removed.into_iter().chain([clear_maps(dir, id)]).collect()
}

/// Makes the output folder and its sub-folders, and tries to write a file in each, before any slide is opened.
///
/// # Errors
/// [`ErrorKind::Io`] (`OUT-0001`) with the folder.
pub fn check_writable(dir: &Path, meaning: &Meaning) -> Result<()> {
    let suiting = EXPORTERS.iter().filter(|exporter| (exporter.suits)(meaning));
    let sub_folders = suiting.map(|exporter| dir.join(exporter.folder));
    std::iter::once(dir.to_path_buf()).chain(sub_folders).try_for_each(|folder| check_folder(&folder))
}

/// Makes a folder and tries to write a file in it.
///
/// # Errors
/// [`ErrorKind::Io`] (`OUT-0001`) with the folder.
pub fn check_folder(folder: &Path) -> Result<()> {
    let tried = fs::create_dir_all(folder).and_then(|()| {
        let mut file = draft_in(folder)?;
        file.write_all(b"eosin")?;
        file.close()
    });
    tried.map_err(|error| failed("OUT-0001", "cannot write into the output folder", folder, error))
}

/// Writes a text into the output folder, whole or not at all.
///
/// # Errors
/// [`ErrorKind::Io`] (`OUT-0002`).
pub fn write_text(dir: &Path, name: &str, text: &str) -> Result<WrittenFile> {
    write_atomically(dir, name, |out| out.write_all(text.as_bytes()))
}

/// Writes one file of the output folder, whole or not at all.
pub(super) fn write_atomically(
    dir: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<WrittenFile> {
    let file = stage(dir, name, write)?.keep()?;
    sync_folder(dir)?;
    Ok(file)
}

/// Where the record of a slide lies.
pub(super) fn record_path(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.json"))
}

/// Says whether an id is one plain component of a path.
fn is_plain_name(id: &str) -> bool {
    !id.contains(['/', '\\', '\0']) && Path::new(id).file_name().is_some_and(|name| name == id)
}

fn check(outputs: &SlideOutputs<'_>) -> Result<()> {
    let SlideOutputs { id, plan, predictions, map, colours, .. } = outputs;
    let wrong = |text: String| Err(Error::new(ErrorKind::Usage, "OUT-0003", text));
    if !is_plain_name(id) {
        return wrong("expected an id that is a plain file name, found one with separators".into());
    }
    let tiles = [plan.len(), predictions.rows.len(), map.tiles().planned];
    if tiles != [plan.len(); 3] {
        return wrong(format!("expected one number of tiles in plan, predictions and map, found {tiles:?}"));
    }
    if predictions.class_names != map.class_names() || colours.len() != map.class_names().len() {
        let found = [predictions.class_names.len(), map.class_names().len(), colours.len()];
        return wrong(format!("expected the same classes in predictions, map and colours, found {found:?}"));
    }
    Ok(())
}

fn stage_all(dir: &Path, outputs: &SlideOutputs<'_>) -> Result<Vec<Staged>> {
    let stage_one =
        |exporter: &super::Exporter| stage(dir, &exporter.name_of(outputs.id), |out| (exporter.write)(outputs, out));
    EXPORTERS.iter().filter(|exporter| exporter.is_wanted(outputs)).map(stage_one).collect()
}

impl super::Exporter {
    /// Whether a slide gets this file.
    fn is_wanted(&self, outputs: &SlideOutputs<'_>) -> bool {
        (self.suits)(&outputs.predictions.meaning) && (self.when)(outputs)
    }

    /// A slide's file inside the output folder.
    fn name_of(&self, id: &str) -> String {
        format!("{}/{id}{}", self.folder, self.suffix)
    }
}

/// Writes a file under a temporary name and waits until it is on the disk.
pub(super) fn stage(dir: &Path, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Staged> {
    let target = dir.join(name);
    let folder = target.parent().unwrap_or(dir);
    let staged = fs::create_dir_all(folder).and_then(|()| {
        let mut temporary = draft_in(folder)?;
        let out = BufWriter::new(temporary.as_file_mut());
        let mut out = Digesting { out, hasher: blake3::Hasher::new(), bytes: 0, refused: None };
        // Encoders wrap what the system answered; a full disk must still be called one.
        if let Err(error) = write(&mut out) {
            return Err(io::Error::new(out.refused.unwrap_or(error.kind()), error));
        }
        out.flush()?;
        let (bytes, blake3) = (out.bytes, out.hasher.finalize().to_hex().to_string());
        drop(out);
        temporary.as_file().sync_all()?;
        Ok((temporary, WrittenFile { name: name.into(), bytes, blake3 }))
    });
    let (temporary, file) = staged.map_err(|error| failed("OUT-0002", "cannot write the file", &target, error))?;
    Ok(Staged { temporary, target, file })
}

impl Staged {
    /// Gives the file its final name.
    pub(super) fn keep(self) -> Result<WrittenFile> {
        let Self { temporary, target, file } = self;
        match temporary.persist(&target) {
            Ok(_) => Ok(file),
            Err(error) => Err(failed("OUT-0002", "cannot give the file its final name", &target, error.error)),
        }
    }
}

/// Passes bytes on, counting and hashing them.
struct Digesting<W> {
    out: W,
    hasher: blake3::Hasher,
    bytes: u64,
    /// Why the system refused to write, if it did.
    refused: Option<IoKind>,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buffer).inspect_err(|error| self.refused = Some(error.kind()))?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|error| self.refused = Some(error.kind()))
    }
}

/// Length of all files in a folder and one digest of their names and contents, in the order of their names; all of them are
/// on the disk then.
pub(super) fn digest_of_folder(folder: &Path) -> io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let bytes = digest_into(folder, &mut hasher)?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

fn digest_into(folder: &Path, hasher: &mut blake3::Hasher) -> io::Result<u64> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut bytes = 0;
    for entry in entries {
        hasher.update(entry.file_name().as_encoded_bytes()).update(&[0]);
        if entry.file_type()?.is_dir() {
            bytes += digest_into(&entry.path(), hasher)?;
        } else {
            let file = File::open(entry.path())?;
            bytes += file.metadata()?.len();
            hasher.update_reader(&file)?;
            file.sync_all()?;
        }
    }
    Ok(bytes)
}

/// Makes new names in a folder last through a power cut, where the system can.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("OUT-0002", "cannot write the folder", folder, error))?;
    }
    Ok(())
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => {
            Err(failed("OUT-0002", "cannot remove the old file", path, error))
        }
        _ => Ok(()),
    }
}

/// An error about a path. The system's own text is not used: it may repeat the path.
pub(super) fn failed(code: &'static str, what: &str, path: &Path, source: io::Error) -> Error {
    let (reason, advice) = match source.kind() {
        IoKind::StorageFull | IoKind::QuotaExceeded => ("disk full".to_string(), Some("free some space and run again")),
        IoKind::AlreadyExists | IoKind::NotADirectory => {
            ("expected a folder, found a file".to_string(), Some("give another folder, or move the file away"))
        }
        IoKind::NotFound => ("no such folder, and it cannot be made".to_string(), None),
        kind => (kind.to_string(), None),
    };
    let error = Error::new(ErrorKind::Io, code, format!("{what}: {reason}")).at_path(path).with_source(source);
    match advice {
        Some(advice) => error.with_advice(advice),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    fn files(dir: &Path) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![dir.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    names.push(entry.path().strip_prefix(dir).unwrap().to_string_lossy().replace('\\', "/"));
                }
            }
        }
        names.sort();
        names
    }

    #[test]
    fn every_file_is_there_with_the_digest_that_was_told_and_writing_again_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let example = example(&["a", "b"], &[Some(&[0.2, 0.8]), None, Some(&[0.6, 0.4])]);
        check_writable(dir.path(), &Meaning::Classes).unwrap();
        let written = write_all(dir.path(), &example.outputs()).unwrap();
        let mut names: Vec<&str> = written.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(files(dir.path()), names);
        for file in &written {
            let bytes = fs::read(dir.path().join(&file.name)).unwrap();
            assert_eq!(
                (bytes.len() as u64, blake3::hash(&bytes).to_hex().to_string()),
                (file.bytes, file.blake3.clone())
            );
        }
        assert_eq!(write_all(dir.path(), &example.outputs()).unwrap(), written);
    }

    #[test]
    fn a_slide_that_has_no_tiles_any_more_has_no_places_of_tiles_either() {
        let dir = tempfile::tempdir().unwrap();
        let with_tiles = write_all(dir.path(), &example(&["a"], &[None]).outputs()).unwrap();
        assert!(dir.path().join("patches/slide.h5").exists());
        let written = write_all(dir.path(), &example(&["a"], &[]).outputs()).unwrap();
        let mut names: Vec<&str> = written.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            (files(dir.path()), names.len()),
            (names.iter().map(ToString::to_string).collect(), with_tiles.len() - 1)
        );
    }

    #[test]
    fn a_failure_leaves_no_file_of_the_slide_and_spares_others() {
        let dir = tempfile::tempdir().unwrap();
        let example = example(&["a"], &[Some(&[0.2]), None, None]);
        write_all(dir.path(), &example.outputs()).unwrap();
        fs::write(dir.path().join("slide.json"), "{}").unwrap();
        fs::write(dir.path().join("masks/other.jpg"), "another slide").unwrap();
        // A folder where one of the last files belongs: others have their final names when it fails.
        fs::remove_file(dir.path().join("masks/slide.jpg")).unwrap();
        fs::create_dir_all(dir.path().join("masks/slide.jpg/inside")).unwrap();
        let error = write_all(dir.path(), &example.outputs()).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Io, "OUT-0002"));
        assert!(!error.without_path().contains("slide"), "{}", error.without_path());
        assert_eq!(files(dir.path()), ["masks/other.jpg"]);
    }

    #[test]
    fn a_writer_that_fails_leaves_nothing_and_keeps_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        write_atomically(dir.path(), "a.txt", |out| out.write_all(b"old")).unwrap();
        let full = |out: &mut dyn Write| {
            out.write_all(b"new")?;
            Err(io::Error::from(IoKind::StorageFull))
        };
        let error = write_atomically(dir.path(), "a.txt", full).unwrap_err();
        assert_eq!(error.message(), "cannot write the file: disk full");
        assert_eq!(files(dir.path()), ["a.txt"]);
        assert_eq!(fs::read(dir.path().join("a.txt")).unwrap(), b"old");
    }

    #[test]
    fn a_full_disk_is_known_even_when_an_encoder_hides_it() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(IoKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Digesting { out: Full, hasher: blake3::Hasher::new(), bytes: 0, refused: None };
        let example = example(&["a"], &[Some(&[0.2])]);
        for exporter in &EXPORTERS {
            out.refused = None;
            (exporter.write)(&example.outputs(), &mut out).unwrap_err();
            assert_eq!(out.refused, Some(IoKind::StorageFull), "{}", exporter.name);
        }
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_is_found_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("masks"), "a file").unwrap();
        let error = check_writable(dir.path(), &Meaning::Classes).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Io, "OUT-0001"));
        assert!(!error.without_path().contains("masks") && error.path().unwrap().ends_with("masks"));
        assert!(check_writable(&dir.path().join("masks/below"), &Meaning::Classes).is_err());
    }

    #[test]
    fn ids_that_leave_the_folder_and_parts_that_do_not_fit_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let example = example(&["a"], &[None]);
        for id in ["", "..", "../up", "/root", "a/b", "a\\b", "a/"] {
            let outputs = SlideOutputs { id, ..example.outputs() };
            assert_eq!(write_all(dir.path(), &outputs).unwrap_err().code(), "OUT-0003", "{id}");
        }
        let outputs = SlideOutputs { colours: &[], ..example.outputs() };
        assert_eq!(write_all(dir.path(), &outputs).unwrap_err().code(), "OUT-0003");
        assert!(files(dir.path()).is_empty());
    }
}
