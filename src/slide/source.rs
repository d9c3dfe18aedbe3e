//! A slide's file, read by position from many threads.
//!
//! Invariant: only regular files are opened, they are never written, never mapped (a truncation under a map kills the
//! process), and bytes are handed out only while the file is the one that was opened: its length and its time of
//! modification are compared after every read. This file knows no format.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// An open file with positioned reads.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    path: PathBuf,
    stamp: Stamp,
    /// Time spent reading, summed over all threads.
    read_ns: AtomicU64,
}

/// What tells a file that changed from one that did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Source {
    /// Opens a regular file; links are followed.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the system refuses; [`ErrorKind::Format`] for folders, pipes, sockets and devices.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let refused = |error| Error::io(path, "open slide", error);
        // Opening a pipe would wait for its writer, so the kind is asked before; the file could be replaced in
        // between, so it is asked again after.
        check_regular(path, &path.metadata().map_err(refused)?)?;
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        check_regular(path, &metadata)?;
        Ok(Self { file, path: path.to_path_buf(), stamp: Stamp::of(&metadata), read_ns: AtomicU64::new(0) })
    }

    /// Length in bytes when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.stamp.len
    }

    /// How long [`Self::read_at`] took until now, summed over all threads.
    pub(crate) fn read_time(&self) -> Duration {
        Duration::from_nanos(self.read_ns.load(Ordering::Relaxed))
    }

    /// A second handle for a reader that wants `Read + Seek`; its cursor is of no importance to [`Self::read_at`].
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub(crate) fn reader(&self) -> Result<File> {
        self.file.try_clone().map_err(|error| Error::io(&self.path, "read slide", error))
    }

    /// Reads `len` bytes from byte `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] when the range lies beyond the end, [`ErrorKind::Integrity`] when the file changed since it
    /// was opened, [`ErrorKind::Io`] when the system refuses.
    pub(crate) fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.stamp.len) {
            self.check_unchanged()?;
            return Err(Error::new(
                ErrorKind::Format,
                "WSI-0003",
                format!("expected {len} bytes at byte {offset}, found the end of the file at byte {}", self.stamp.len),
            )
            .at_path(&self.path));
        }
        let started = Instant::now();
        let mut bytes = vec![0; len];
        let outcome = read_exact_at(&self.file, &mut bytes, offset);
        self.check_unchanged()?;
        self.read_ns.fetch_add(u64::try_from(started.elapsed().as_nanos()).unwrap_or(0), Ordering::Relaxed);
        outcome.map_err(|error| Error::io(&self.path, "read slide", error))?;
        Ok(bytes)
    }

    /// Compares the file with what it was when it was opened.
    ///
    /// # Errors
    /// [`ErrorKind::Integrity`] when it changed.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| Error::io(&self.path, "read slide", error))?;
        let now = Stamp::of(&metadata);
        if now == self.stamp {
            return Ok(());
        }
        let what = if now.len == self.stamp.len {
            "expected the file as it was opened, found a newer time of modification".to_string()
        } else {
            format!("expected the file as it was opened with {} bytes, found {} bytes", self.stamp.len, now.len)
        };
        Err(Error::new(ErrorKind::Integrity, "WSI-0002", what)
            .at_path(&self.path)
            .with_advice("the slide changed while it was read: wait until its copy is complete, then run again"))
    }
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let found = if metadata.is_dir() { "a folder" } else { "a pipe, socket or device" };
    let message = format!("expected a file, found {found}");
    Err(Error::new(ErrorKind::Format, "WSI-0001", message).at_path(path))
}

/// Fills `bytes` from byte `offset` of a file on.
#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Fills `bytes` from byte `offset` of a file on.
#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                bytes = bytes.get_mut(count..).unwrap_or_default();
                offset += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_grows_after_opening_is_noticed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let source = Source::open(file.path()).unwrap();
        assert_eq!(source.read_at(3, 4).unwrap(), b"3456");
        assert_eq!(source.read_at(8, 3).unwrap_err().code(), "WSI-0003");
        assert_eq!(source.read_at(u64::MAX, 3).unwrap_err().code(), "WSI-0003");
        file.write_all(b"x").unwrap();
        assert_eq!(source.read_at(3, 4).unwrap_err().kind(), ErrorKind::Integrity);
    }

    #[test]
    fn folders_and_missing_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::open(folder.path()).unwrap_err().code(), "WSI-0001");
        assert_eq!(Source::open(&folder.path().join("none.svs")).unwrap_err().kind(), ErrorKind::Io);
    }
}
