//! The files of an exporter that fills a folder.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a new file of a folder; what is still in the buffer at the end is written, or its error told.
pub(super) fn file_in(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create_new(folder.join(name))?);
    write(&mut out)?;
    out.flush()
}
